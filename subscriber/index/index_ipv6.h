/* SPDX-License-Identifier: MIT
 *
 * The index of an IPv6 table. A tree of ranges maps the first 64 bits of an address to its answer.
 * Each /64 that contains a longer prefix has a tree of its own for the second 64 bits, its LOW
 * tree. For index.c, which builds the index, and for index_ipv6_match.c, which looks up in it. */
#ifndef SUBSCRIBER_INDEX_INDEX_IPV6_H
#define SUBSCRIBER_INDEX_INDEX_IPV6_H

#include "subscriber/index/index_ranges.h"
#include "subscriber/index/index_sweep.h"

struct index_ipv6 {
	struct ranges high;
	/* The low trees. The answer of a range of `high` that is `deeper` is an index into this
	 * array. An entry without pieces is free. */
	struct ranges *lows;
	uint32_t low_count, low_capacity;
	uint32_t low_free; /* free entries among the first `low_count` */
};

/* Initializes an index with the answer 0 everywhere; the caller then paints all addresses. Returns
 * 0 or -ENOMEM. */
int index_ipv6_init(struct index_ipv6 *index);
void index_ipv6_fini(struct index_ipv6 *index);

/* Paints a sweep over first words (index_sweep.h): sets the answers of the addresses that the sweep
 * covers. The sweep must be at its start. `inner` is working memory for sweeps over second words.
 * Returns 0, -EBADMSG or -ENOMEM. After a failure the index can only be passed to
 * index_ipv6_fini(). */
int index_ipv6_paint(struct index_ipv6 *index, struct index_sweep *sweep,
                     struct index_sweep *inner);

/* Returns the memory of all trees, in bytes. */
size_t index_ipv6_memory(const struct index_ipv6 *index);

#endif
