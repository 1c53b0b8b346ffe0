/* SPDX-License-Identifier: MIT
 *
 * Read access to one version of one table. The version belongs to a subscriber's snapshot, whose
 * pin may be revoked at any time, or to a publisher's transaction. A struct reading contains what a
 * walk needs, and how to re-check the version after the walk. Cursors and changes depend only on
 * this struct, so the same code serves subscribers and publishers: publisher/ and subscriber/ fill
 * the struct in, and lib/reading reads by it.
 */
#ifndef LIB_READING_READING_H
#define LIB_READING_READING_H

#include "lib/base/fork.h"
#include "lib/region/region.h"
#include "lib/trie/row.h"

struct reading;

/* The functions of a reading's owner: of snapshots, or of transactions. */
struct reading_owner {
	/* Checks before a walk that the handle is usable in this process. Returns 0 or a negative
	 * errno. */
	int (*check)(const struct reading *reading);
	/* Validates a walk after it: `r` is the result of the walk. Returns `r` if everything that
	 * the walk read was consistent, otherwise a negative errno. Sets the error message, also if
	 * `r` is -EBADMSG, because walks set none. Includes check(), so a walk that is re-checked
	 * needs no check before it. */
	int (*recheck)(const struct reading *reading, int r);
};

/* A reading is a value and may be copied. Two readings with the same view.base use the same mapping
 * of a data file. Between them, equal references are equal contents. */
struct reading {
	const struct reading_owner *owner;
	/* The snapshot, or the table of the transaction. Only the owner's functions use this
	 * member. */
	const void *context;
	/* For the fast path of reading_recheck(). NULL if the version cannot be revoked. */
	const struct region *region;
	uint64_t version;
	/* fork_count() when the handle was opened. */
	unsigned forks;
	struct view view;
	struct row_layout layout;
	/* Root of the table's trie; 0: the table is empty. */
	ref_t root;
};

/* Fast path of reading_recheck(), after a walk that succeeded: returns true if the version is still
 * in history. */
static inline bool reading_is_consistent(const struct reading *reading)
{
	return reading->region && reading->forks == fork_count() &&
	       region_recheck_fast(reading->region, reading->version);
}

/* Validates a walk that returned `r`: see struct reading_owner. */
static inline int reading_recheck(const struct reading *reading, int r)
{
	return r >= 0 && reading_is_consistent(reading) ? r : reading->owner->recheck(reading, r);
}

#endif
