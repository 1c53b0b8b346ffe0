/* SPDX-License-Identifier: MIT
 *
 * The state of an index for longest-prefix match: <stele/index.h> says what it does. For the files that
 * build one or look up in one; functions stand in the headers of their own files. */
#ifndef SUBSCRIBER_INDEX_INDEX_STATE_H
#define SUBSCRIBER_INDEX_INDEX_STATE_H

#include <stele/index.h>
#include "lib/base/fork.h"
#include "lib/trie/diff.h"
#include "subscriber/index/index_ipv4.h"
#include "subscriber/index/index_ipv6.h"
#include "subscriber/state.h"

struct stele_index;

/* Looks up one address in network order, as stele_index_match(); and many, in an index that was
 * validated. */
typedef int index_lookup(const struct stele_index *index, const unsigned char *address,
                         uint32_t *ret);
typedef void index_lookup_many(const struct stele_index *index, const unsigned char *addresses,
                               size_t count, uint32_t *ret);

struct stele_index {
	struct stele_table table; /* what it was built from; not looked at unless `complete` */
	bool complete;            /* it answers for that */
	bool ipv6;
	uint32_t none;
	unsigned forks; /* of the process whose it is */
	/* What is looked at for each answer. */
	unsigned answers;          /* `forks`, or UINT_MAX while it is not complete */
	uint64_t version;          /* that it answers for */
	const uint64_t *reclaimed; /* in the region's header */
	index_lookup *match;
	index_lookup_many *match_many;
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

#endif
