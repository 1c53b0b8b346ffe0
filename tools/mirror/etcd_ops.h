/* SPDX-License-Identifier: MIT
 * A list of keys to put and to delete in etcd. Used by etcd_writer.c and etcd_source.c. */
#ifndef TOOLS_MIRROR_ETCD_OPS_H
#define TOOLS_MIRROR_ETCD_OPS_H

#include <stdbool.h>
#include <stddef.h>
#include "tools/base/text.h"

/* An operation, whose key and value are offsets in ops->bytes. */
struct etcd_op {
	size_t key, key_length, value, value_length, number;
	bool deletes;
};

struct etcd_ops {
	struct text bytes;
	struct etcd_op *list;
	size_t count, capacity;
};

/* Start and end an operation: the caller appends the key, and then the value, to ops->bytes. */
void etcd_ops_start(struct etcd_ops *ops);
void etcd_ops_end_key(struct etcd_ops *ops);
void etcd_ops_end(struct etcd_ops *ops, bool deletes);

/* Removes the operation that was started last. */
void etcd_ops_drop(struct etcd_ops *ops);

/* Sorts the operations by their keys, and keeps the last one of each key: etcd refuses two in one
 * transaction. */
void etcd_ops_sort(struct etcd_ops *ops);

/* Reduces sorted operations that put all keys there shall be to those that are needed where
 * `present`, sorted too, is: leaves out what is there already, and deletes what is not in `ops`. */
void etcd_ops_subtract(struct etcd_ops *ops, const struct etcd_ops *present);

/* Returns how many operations from `start` on fit into one transaction of at most `max_count`
 * operations and about `max_bytes` bytes: at least 1, if there is one. */
size_t etcd_ops_chunk(const struct etcd_ops *ops, size_t start, size_t max_count, size_t max_bytes);

void etcd_ops_clear(struct etcd_ops *ops);
void etcd_ops_free(struct etcd_ops *ops);

#endif
