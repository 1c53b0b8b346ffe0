/* SPDX-License-Identifier: MIT
 * An index for longest-prefix match: <stele/index.h> says what it does.
 *
 *   index.c          opening, moving, asking
 *   index_sweep.c    what a table says of the addresses under a prefix
 *   index_ipv4.c     the form for IPv4: building and changing   index_ipv4_match.c   looking up
 *   index_ipv6.c     the form for IPv6: the same                index_ipv6_match.c
 *   index_ranges.c   the tree that it consists of
 */
#ifndef SUBSCRIBER_INDEX_INDEX_H
#define SUBSCRIBER_INDEX_INDEX_H

#include <stele/index.h>
#include "lib/base/fork.h"
#include "subscriber/index/index_ipv4.h"
#include "subscriber/index/index_ipv6.h"
#include "subscriber/subscriber.h"

struct stele_index {
	struct stele_table table; /* what it was built from; not looked at unless `whole` */
	bool whole;               /* it answers for that */
	bool ipv6;
	uint32_t none;
	unsigned forks; /* of the process whose it is */
	/* What is looked at for each answer. */
	unsigned answers;          /* `forks`, or UINT_MAX while it is not whole */
	uint64_t version;          /* that it answers for */
	const uint64_t *reclaimed; /* in the region's header */
	int (*one)(const struct stele_index *index, const unsigned char *address, uint32_t *ret);
	void (*many)(const struct stele_index *index, const unsigned char *addresses, size_t count,
	             uint32_t *ret);
	union {
		struct index_ipv4 ipv4;
		struct index_ipv6 ipv6;
	} form;
	char column[STELE_NAME_MAX + 1]; /* "": rows */
	struct index_source source;
	struct index_sweep sweep, inner;
	struct diff diff;
};

/* True if an index may answer. What it answers from is its own and was judged when it was built: it
 * stays right whatever becomes of the region's file. So all there is to see is whose it is, and that
 * its version was not taken back until now. False also where that takes a closer look. */
static inline bool index_answers(const struct stele_index *index)
{
	return index->answers == fork_count() && index->version >= load_acquire(index->reclaimed);
}

/* stele_index_match() with that closer look. */
int index_match_checked(const struct stele_index *index, const void *address, uint32_t *ret);

/* ---- looking up; addresses in network order ---- */

/* One, as stele_index_match(); and many, of an index that was judged. */
typedef int index_one(const struct stele_index *index, const unsigned char *address, uint32_t *ret);
typedef void index_many(const struct stele_index *index, const unsigned char *addresses,
                        size_t count, uint32_t *ret);

index_one ipv4_one_portable, ipv6_one_portable;
index_many ipv4_many_portable, ipv6_many_portable;
#ifdef __x86_64__
index_one ipv4_one_popcnt, ipv6_one_avx2, ipv6_one_avx512;
index_many ipv4_many_popcnt, ipv6_many_avx2, ipv6_many_avx512;
#endif

/* The ways to look up. A processor has all those before the best that it has. */
enum index_path { INDEX_PORTABLE, INDEX_AVX2, INDEX_AVX512, INDEX_PATHS };

/* The best way that this processor has. */
enum index_path index_best_path(void);

/* stele_index_open(), with a way that the processor has. */
int index_open(const struct stele_table *table, const char *column, uint32_t none,
               enum index_path path, struct stele_index **ret);

#endif
