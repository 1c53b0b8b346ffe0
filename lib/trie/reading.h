/* SPDX-License-Identifier: MIT
 *
 * Reading one table of one version, wherever that is: in a subscriber's snapshot, which may be taken
 * back at any moment, or in a publisher's transaction. A reading says where the rows are and who
 * judges what was found there; cursors and changes are built on it and know no more.
 */
#ifndef LIB_TRIE_READING_H
#define LIB_TRIE_READING_H

#include <stele/subscriber.h>
#include "lib/base/fork.h"
#include "lib/region/region.h"

struct reading;

/* What answers for a reading. */
struct reading_owner {
	/* 0, or why there can be no reading (any more), with a sentence. */
	int (*check)(const struct reading *reading);
	/* After a walk that returned `r`: the same if all that it saw was whole, else why not, with a
	 * sentence; also where `r` is -EBADMSG, which comes without one. Checks as well, so that a walk
	 * that leads out of nothing needs no check before it. */
	int (*judge)(const struct reading *reading, int r);
};

/* A value. Readings whose views have one base are in one address space: there, equal references are
 * equal contents. */
struct reading {
	const struct reading_owner *owner;
	const void *context; /* the owner's: the snapshot, the table of the transaction */
	/* What the publisher may take back is judged by these first; NULL: it is the owner's alone. */
	const struct region *region;
	uint64_t version;
	unsigned forks; /* of the process whose it is */
	struct view view;
	struct row_layout shape;
	ref_t root;
};

/* The owner's judge(), which need not be asked where a glance tells as much. */
static inline int reading_judge(const struct reading *reading, int r)
{
	if (r >= 0 && reading->region && reading->forks == fork_count() &&
	    region_recheck_fast(reading->region, reading->version))
		return r;
	return reading->owner->judge(reading, r);
}

/* What keys start with. */
struct key_start {
	unsigned bits;
	unsigned char bytes[STELE_KEY_MAX];
};

/* 0, or -EINVAL with a sentence: no key is so long. Bits past the last one count as zero. */
int key_start_set(struct key_start *start, const void *key, unsigned bits);

static inline bool key_start_has(const struct key_start *start, const struct row_parts *row)
{
	return start->bits == 0 || key_starts(row->key, row->key_bits, start->bytes, start->bits);
}

/* Opens a cursor before the first row. Copies the reading; its context must stay. 0 or -ENOMEM. */
int cursor_open(const struct reading *reading, struct stele_cursor **ret);

/* Opens the changes from one reading to the other. Either may be NULL: nothing is there on that
 * side. Copies them; their contexts must stay. The shapes must be those of equal schemas. `versions`
 * are what stele_changes_versions() tells. 0 or -ENOMEM. */
int changes_open(const struct reading *before, const struct reading *after,
                 const uint64_t versions[2], struct stele_changes **ret);

/* Has `release` called with the context of each reading when the changes are closed. */
void changes_own(struct stele_changes *changes, void (*release)(const void *context));

#endif
