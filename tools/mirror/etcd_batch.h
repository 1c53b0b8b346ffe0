/* SPDX-License-Identifier: MIT
 * Keeps the events of a watch until they make up a version: all events of one revision of etcd; or,
 * from a revision that puts the key `open` on, the events of all revisions up to the one that
 * deletes it. Used by etcd_follow.c. */
#ifndef TOOLS_MIRROR_ETCD_BATCH_H
#define TOOLS_MIRROR_ETCD_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "tools/base/text.h"
#include "tools/etcd/etcd_json.h"

/* An event, whose key and value are offsets in batch->bytes. */
struct etcd_event {
	bool deleted, is_open;
	int64_t revision, version;
	size_t key, key_length, value, value_length;
};

struct etcd_batch {
	struct text bytes;
	struct etcd_event *events;
	size_t count, capacity;
	size_t complete; /* events up to here are of complete revisions */
	size_t start;    /* of the next version */
	size_t scanned;  /* events up to here are of revisions that `open` is about */
	bool open;       /* after the event before `scanned` */
};

/* Keeps an event. The key is without the prefix. */
void etcd_batch_add(struct etcd_batch *batch, const struct etcd_kv *kv, const char *key,
                    size_t key_length);

/* Returns the bytes of memory that the events take. */
size_t etcd_batch_size(const struct etcd_batch *batch);

/* Notes that all events so far are of complete revisions. */
void etcd_batch_complete(struct etcd_batch *batch);

/* Finds the events of the next version, from `*ret_start` up to `*ret_end`. Returns false if there
 * is no complete one. */
bool etcd_batch_next(struct etcd_batch *batch, size_t *ret_start, size_t *ret_end);

/* Sets `*ret` to an event. */
void etcd_batch_kv(const struct etcd_batch *batch, size_t index, struct etcd_kv *ret);

/* Returns a checksum, which is not 0, of the events of the last revision before `end`, from `start`
 * on. */
uint64_t etcd_batch_digest(const struct etcd_batch *batch, size_t start, size_t end);

/* Forgets the events of versions that were taken. */
void etcd_batch_trim(struct etcd_batch *batch);
void etcd_batch_clear(struct etcd_batch *batch);
void etcd_batch_free(struct etcd_batch *batch);

#endif
