/* SPDX-License-Identifier: MIT
 * The transactions of the mirror that writes. Each one is done only if the writer still has the
 * lock, and `head` and `open` are what the writer left there: so a request that arrives late, or
 * twice, or from a writer that lost its lock, changes nothing. The answer to a transaction that was
 * not done has `head`, `open` and `writer`, in this order. Called by etcd_writer.c. */
#ifndef TOOLS_MIRROR_ETCD_TXN_H
#define TOOLS_MIRROR_ETCD_TXN_H

#include <stdbool.h>
#include <stdint.h>
#include "tools/mirror/etcd_ops.h"

/* What a transaction requires. Revisions are 0 if the key does not exist. */
struct etcd_fence {
	int64_t lock; /* create_revision of `writer` */
	int64_t head; /* mod_revision of `head` */
	int64_t open; /* mod_revision of `open` */
};

/* A transaction of a version. */
struct etcd_part {
	const char *prefix;
	const struct etcd_ops *ops;
	size_t start, count; /* operations of this part */
	bool last;           /* puts `head` and deletes `open`; otherwise puts `open` */
	const char *value;   /* of `head` or `open` */
};

/* Writes the request that takes the lock, which is bound to the lease. `who` is its value. */
void etcd_txn_lock(struct text *body, const char *prefix, int64_t lease, const char *who);

/* Writes the request for a part. */
void etcd_txn_part(struct text *body, const struct etcd_fence *fence, const struct etcd_part *part);

#endif
