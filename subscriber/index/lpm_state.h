/* SPDX-License-Identifier: MIT
 *
 * The state of an index for longest-prefix match (<stele/lpm.h>). For the files of this folder
 * that build an index or look up in one. Each of these files declares its functions in a header of
 * its own. */
#ifndef SUBSCRIBER_INDEX_LPM_STATE_H
#define SUBSCRIBER_INDEX_LPM_STATE_H

#include <stele/lpm.h>
#include "lib/base/fork.h"
#include "lib/trie/diff.h"
#include "subscriber/index/lpm_ipv4.h"
#include "subscriber/index/lpm_ipv6.h"
#include "subscriber/state.h"

struct stele_lpm;

/* Looks up one address, as stele_lpm_match() does. */
typedef int lpm_lookup(const struct stele_lpm *index, const unsigned char *address, uint32_t *ret);
/* Looks up many addresses, as stele_lpm_match_many() does, after lpm_validate(). */
typedef void lpm_lookup_many(const struct stele_lpm *index, const unsigned char *addresses,
                             size_t count, uint32_t *ret);

struct stele_lpm {
	struct stele_table table; /* the table that the index answers for, if `complete` */
	bool complete;            /* false if the last move failed */
	bool ipv6;
	uint32_t none;  /* the answer if no prefix matches */
	unsigned forks; /* fork_count() of the process that opened the index */

	/* Read by each lookup: */

	/* `forks`, or UINT_MAX while the index is not complete. A lookup compares it with
	 * fork_count(). */
	unsigned answers;
	uint64_t version;          /* of `table` */
	const uint64_t *reclaimed; /* the word in the region's header */
	lpm_lookup *match;
	lpm_lookup_many *match_many;

	union {
		struct lpm_ipv4 ipv4;
		struct lpm_ipv6 ipv6;
	} form;
	/* The column whose values are the answers; "": the answers are references to rows. */
	char column[STELE_NAME_MAX + 1];
	struct lpm_source source;
	/* Working memory of builds and moves, too large for the stack. `sweep` also remembers the
	 * prefix that was painted last. */
	struct lpm_sweep sweep, inner;
	struct diff diff;
};

/* The fast path of lpm_validate(): returns true if the index may answer. False means that the
 * slow path must decide.
 *
 * A lookup reads private memory, which was validated when the index was built; no change of the
 * region's file makes it wrong. The only checks are that this process opened the index, and that
 * the version was not reclaimed. */
static inline bool lpm_answers(const struct stele_lpm *index)
{
	return index->answers == fork_count() && index->version >= load_acquire(index->reclaimed);
}

#endif
