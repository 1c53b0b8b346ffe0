/* SPDX-License-Identifier: MIT
 *
 * The index of an IPv6 table: a tree of the ranges of addresses' first 64 bits, and a tree of the
 * second 64 for each of the former that has longer prefixes in it. */
#ifndef SUBSCRIBER_INDEX_INDEX_IPV6_H
#define SUBSCRIBER_INDEX_INDEX_IPV6_H

#include "subscriber/index/index_ranges.h"
#include "subscriber/index/index_sweep.h"

struct index_ipv6 {
	struct ranges high;
	struct ranges *lows; /* numbered by the answers of deeper ranges; without pieces: free */
	uint32_t low_count, low_capacity;
	uint32_t low_free; /* how many are */
};

/* Makes an index without contents: to be painted as a whole. 0 or -ENOMEM. */
int index_ipv6_init(struct index_ipv6 *index);
void index_ipv6_fini(struct index_ipv6 *index);

/* Has the addresses of a sweep of first words answer as it says; it starts at its beginning.
 * `inner` is for sweeps of second words. 0, -EBADMSG or -ENOMEM: then the index is
 * good for nothing but to be finished. */
int index_ipv6_paint(struct index_ipv6 *index, struct index_sweep *sweep,
                     struct index_sweep *inner);

size_t index_ipv6_memory(const struct index_ipv6 *index);

#endif
