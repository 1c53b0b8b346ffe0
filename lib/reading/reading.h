/* SPDX-License-Identifier: MIT
 *
 * Reading one table of one version: in a subscriber's snapshot, which may be taken back at any
 * moment, or in a publisher's transaction. A reading says where the rows are and how to re-check
 * what was found there; cursors and changes are built on it and know no more.
 *
 * Every function of lib/reading that fails has set the error message.
 */
#ifndef LIB_READING_READING_H
#define LIB_READING_READING_H

#include "lib/base/fork.h"
#include "lib/region/region.h"
#include "lib/trie/row.h"

struct reading;

/* What answers for a reading. */
struct reading_owner {
	/* Returns 0, or why there can be no reading (any more). */
	int (*check)(const struct reading *reading);
	/* After a walk that returned `r`: returns `r` if all that the walk saw was consistent, else
	 * why not; also if `r` is -EBADMSG, for which the walk has set no message. Checks as well,
	 * so that a walk whose result is re-checked needs no check before it. */
	int (*recheck)(const struct reading *reading, int r);
};

/* A value. Readings whose views have one base are in one address space: there, equal references are
 * equal contents. */
struct reading {
	const struct reading_owner *owner;
	const void *context; /* the owner's: the snapshot, the table of the transaction */
	/* For the fast path of reading_recheck(); NULL: what is read can't be taken back. */
	const struct region *region;
	uint64_t version;
	unsigned forks; /* of the process that opened it */
	struct view view;
	struct row_layout layout;
	ref_t root;
};

/* Calls the owner's recheck(), unless the region itself tells that the version is in history. */
static inline int reading_recheck(const struct reading *reading, int r)
{
	if (r >= 0 && reading->region && reading->forks == fork_count() &&
	    region_recheck_fast(reading->region, reading->version))
		return r;
	return reading->owner->recheck(reading, r);
}

#endif
