/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include "tools/base/heap.h"
#include "tools/mirror/etcd_ops.h"

void etcd_ops_start(struct etcd_ops *ops)
{
	if (ops->count == ops->capacity) {
		ops->capacity = ops->capacity * 2 + 64;
		ops->list = heap_realloc(ops->list, ops->capacity * sizeof(*ops->list));
	}
	ops->list[ops->count] = (struct etcd_op){.key = ops->bytes.length, .number = ops->count};
	ops->count++;
}

void etcd_ops_end_key(struct etcd_ops *ops)
{
	struct etcd_op *op = &ops->list[ops->count - 1];

	op->key_length = ops->bytes.length - op->key;
	op->value = ops->bytes.length;
}

void etcd_ops_end(struct etcd_ops *ops, bool deletes)
{
	struct etcd_op *op = &ops->list[ops->count - 1];

	op->value_length = ops->bytes.length - op->value;
	op->deletes = deletes;
}

void etcd_ops_drop(struct etcd_ops *ops)
{
	ops->bytes.length = ops->list[--ops->count].key;
}

/* Compares the keys of two operations, which may be of two lists. */
static int etcd_ops_compare(const struct etcd_ops *ops, const struct etcd_op *op,
                            const struct etcd_ops *others, const struct etcd_op *other)
{
	size_t length = op->key_length < other->key_length ? op->key_length : other->key_length;
	int order = length ? memcmp(ops->bytes.bytes + op->key, others->bytes.bytes + other->key,
	                            length)
	                   : 0;

	if (order != 0 || op->key_length == other->key_length)
		return order;
	return op->key_length < other->key_length ? -1 : 1;
}

static int etcd_ops_order(const void *left, const void *right, void *context)
{
	const struct etcd_op *op = left, *other = right;
	int order = etcd_ops_compare(context, op, context, other);

	if (order != 0)
		return order;
	return op->number < other->number ? -1 : 1;
}

void etcd_ops_sort(struct etcd_ops *ops)
{
	size_t kept = 0;

	if (ops->count == 0)
		return;
	qsort_r(ops->list, ops->count, sizeof(*ops->list), etcd_ops_order, ops);
	for (size_t i = 1; i < ops->count; i++) {
		if (etcd_ops_compare(ops, &ops->list[kept], ops, &ops->list[i]) != 0)
			kept++;
		ops->list[kept] = ops->list[i];
	}
	ops->count = kept + 1;
}

static bool etcd_ops_same_value(const struct etcd_ops *ops, const struct etcd_op *op,
                                const struct etcd_ops *others, const struct etcd_op *other)
{
	return op->value_length == other->value_length &&
	       (op->value_length == 0 ||
	        memcmp(ops->bytes.bytes + op->value, others->bytes.bytes + other->value,
	               op->value_length) == 0);
}

void etcd_ops_subtract(struct etcd_ops *ops, const struct etcd_ops *present)
{
	size_t wanted = ops->count, there = 0, kept = 0;

	for (size_t i = 0; i < wanted || there < present->count;) {
		const struct etcd_op *other = &present->list[there];
		int order = i == wanted ? 1
		            : there == present->count
		                    ? -1
		                    : etcd_ops_compare(ops, &ops->list[i], present, other);

		if (order > 0) {
			/* Appends at the end, behind all that is wanted. */
			etcd_ops_start(ops);
			text_append(&ops->bytes, present->bytes.bytes + other->key,
			            other->key_length);
			etcd_ops_end_key(ops);
			etcd_ops_end(ops, true);
			there++;
			continue;
		}
		if (order < 0 || !etcd_ops_same_value(ops, &ops->list[i], present, other))
			ops->list[kept++] = ops->list[i];
		there += order == 0;
		i++;
	}
	if (ops->count > wanted)
		memmove(ops->list + kept, ops->list + wanted,
		        (ops->count - wanted) * sizeof(*ops->list));
	ops->count = kept + ops->count - wanted;
}

size_t etcd_ops_chunk(const struct etcd_ops *ops, size_t start, size_t max_count, size_t max_bytes)
{
	size_t end = start, bytes = 0;

	while (end < ops->count && end - start < max_count) {
		const struct etcd_op *op = &ops->list[end];

		/* Protocol buffers add a few bytes to each operation. */
		bytes += op->key_length + op->value_length + 32;
		if (bytes > max_bytes && end > start)
			break;
		end++;
	}
	return end - start;
}

void etcd_ops_clear(struct etcd_ops *ops)
{
	ops->bytes.length = ops->count = 0;
}

void etcd_ops_free(struct etcd_ops *ops)
{
	text_free(&ops->bytes);
	free(ops->list);
	*ops = (struct etcd_ops){0};
}
