/* SPDX-License-Identifier: MIT
 *
 * The index of an IPv6 table. A tree of ranges maps the first 64 bits of an address to its answer.
 * Each /64 that contains a longer prefix has a tree of its own for the second 64 bits, its LOW
 * tree. For lpm.c, which builds the index, and for lpm_ipv6_match.c, which looks up in it. */
#ifndef SUBSCRIBER_INDEX_LPM_IPV6_H
#define SUBSCRIBER_INDEX_LPM_IPV6_H

#include "subscriber/index/lpm_ranges.h"
#include "subscriber/index/lpm_sweep.h"

struct lpm_ipv6 {
	struct ranges high;
	/* The low trees. The answer of a range of `high` that is `deeper` is an index into this
	 * array. An entry without pieces is free. */
	struct ranges *lows;
	uint32_t low_count, low_capacity;
	uint32_t low_free; /* free entries among the first `low_count` */
};

/* Initializes an index with the answer 0 everywhere; the caller then paints all addresses. Returns
 * 0 or -ENOMEM. */
int lpm_ipv6_init(struct lpm_ipv6 *index);
void lpm_ipv6_fini(struct lpm_ipv6 *index);

/* Paints a sweep over first words (lpm_sweep.h): sets the answers of the addresses that the sweep
 * covers. The sweep must be at its start. `inner` is working memory for sweeps over second words.
 * Returns 0, -EBADMSG or -ENOMEM. After a failure the index can only be passed to
 * lpm_ipv6_fini(). */
int lpm_ipv6_paint(struct lpm_ipv6 *index, struct lpm_sweep *sweep, struct lpm_sweep *inner);

/* Returns the memory of all trees, in bytes. */
size_t lpm_ipv6_memory(const struct lpm_ipv6 *index);

#endif
