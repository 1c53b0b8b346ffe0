/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include "tools/base/heap.h"
#include "tools/mirror/etcd_batch.h"
#include "tools/mirror/etcd_keys.h"

void etcd_batch_add(struct etcd_batch *batch, const struct etcd_kv *kv, const char *key,
                    size_t key_length)
{
	struct etcd_event *event;
	struct etcd_key parsed;

	if (batch->count == batch->capacity) {
		batch->capacity = batch->capacity * 2 + 64;
		batch->events =
			heap_realloc(batch->events, batch->capacity * sizeof(*batch->events));
	}
	etcd_key_parse(key, key_length, &parsed);
	event = &batch->events[batch->count++];
	*event = (struct etcd_event){
		.deleted = kv->deleted,
		.is_open = parsed.kind == ETCD_KEY_OPEN,
		.revision = kv->mod_revision,
		.version = kv->version,
		.key = batch->bytes.length,
		.key_length = key_length,
		.value = batch->bytes.length + key_length,
		.value_length = kv->value_length,
	};
	text_append(&batch->bytes, key, key_length);
	text_append(&batch->bytes, kv->value, kv->value_length);
}

size_t etcd_batch_size(const struct etcd_batch *batch)
{
	return batch->bytes.length + batch->count * sizeof(*batch->events);
}

void etcd_batch_complete(struct etcd_batch *batch)
{
	batch->complete = batch->count;
}

bool etcd_batch_next(struct etcd_batch *batch, size_t *ret_start, size_t *ret_end)
{
	while (batch->scanned < batch->complete) {
		int64_t revision = batch->events[batch->scanned].revision;

		while (batch->scanned < batch->complete &&
		       batch->events[batch->scanned].revision == revision) {
			const struct etcd_event *event = &batch->events[batch->scanned++];

			if (event->is_open)
				batch->open = !event->deleted;
		}
		if (!batch->open) {
			*ret_start = batch->start;
			*ret_end = batch->start = batch->scanned;
			return true;
		}
	}
	return false;
}

void etcd_batch_kv(const struct etcd_batch *batch, size_t index, struct etcd_kv *ret)
{
	const struct etcd_event *event = &batch->events[index];

	*ret = (struct etcd_kv){
		.deleted = event->deleted,
		.mod_revision = event->revision,
		.version = event->version,
		.key = batch->bytes.bytes + event->key,
		.key_length = event->key_length,
		.value = batch->bytes.bytes + event->value,
		.value_length = event->value_length,
	};
}

uint64_t etcd_batch_digest(const struct etcd_batch *batch, size_t start, size_t end)
{
	int64_t revision = batch->events[end - 1].revision;
	uint64_t sum = 14695981039346656037u;

	while (start < end && batch->events[start].revision != revision)
		start++;
	for (; start < end; start++) {
		const struct etcd_event *event = &batch->events[start];
		const char *bytes = batch->bytes.bytes + event->key;

		sum = (sum ^ event->deleted) * 1099511628211u;
		sum = (sum ^ event->key_length) * 1099511628211u;
		for (size_t i = 0; i < event->key_length + event->value_length; i++)
			sum = (sum ^ (unsigned char)bytes[i]) * 1099511628211u;
	}
	return sum ? sum : 1;
}

void etcd_batch_trim(struct etcd_batch *batch)
{
	size_t start = batch->start, offset;

	if (start == batch->count) {
		etcd_batch_clear(batch);
		return;
	}
	/* Moving what is left pays once it is less than what goes. */
	if (start < batch->count - start)
		return;
	offset = batch->events[start].key;
	batch->bytes.length -= offset;
	memmove(batch->bytes.bytes, batch->bytes.bytes + offset, batch->bytes.length);
	batch->count -= start;
	memmove(batch->events, batch->events + start, batch->count * sizeof(*batch->events));
	for (size_t i = 0; i < batch->count; i++) {
		batch->events[i].key -= offset;
		batch->events[i].value -= offset;
	}
	batch->scanned -= start;
	batch->complete -= start;
	batch->start = 0;
}

void etcd_batch_clear(struct etcd_batch *batch)
{
	batch->bytes.length = 0;
	batch->count = batch->complete = batch->start = batch->scanned = 0;
	batch->open = false;
}

void etcd_batch_free(struct etcd_batch *batch)
{
	text_free(&batch->bytes);
	free(batch->events);
	*batch = (struct etcd_batch){0};
}
