/* SPDX-License-Identifier: MIT
 *
 * The state of a hash index (<stele/hash.h>). For hash.c, which opens and moves an index, and for
 * hash_get.c, which looks up rows in it.
 */
#ifndef SUBSCRIBER_INDEX_HASH_STATE_H
#define SUBSCRIBER_INDEX_HASH_STATE_H

#include <stele/hash.h>
#include "lib/trie/diff.h"
#include "lib/trie/scan.h"
#include "subscriber/index/hash_key.h"
#include "subscriber/index/hash_table.h"
#include "subscriber/table.h"

/* The rows of a table are PLAIN if their values all have the same size, and this size is below
 * ROW_IN_GUARD. Then the key of every row is at the same offset, and a row that starts inside the
 * view ends inside the guard: a lookup needs no check of the row's size. */
struct stele_hash {
	/* Read by each lookup: */

	/* `forks`, or UINT_MAX while the index is not complete. A lookup compares it with
	 * fork_count(). */
	unsigned answers;
	bool plain;
	bool wide; /* as in struct row_layout */
	/* The minimum length of a key in bits, and the maximum less the minimum. If rows are not
	 * plain, the minimum is UINT_MAX, so that no key takes the fast path. */
	unsigned plain_min_bits;
	unsigned plain_extra_bits;
	/* The offset of the key's length in a plain row, in bytes; in other rows, a lower bound of
	 * it. */
	uint32_t length_at;
	struct hash_table rows;
	struct view view;
	struct stele_table table; /* the table that the index answers for, if `complete` */
	uint64_t secrets[HASH_SECRETS];

	/* Used by opening and moving only: */

	bool complete;  /* false if the last move failed */
	unsigned forks; /* fork_count() of the process that opened the index */
	/* The walk over rows that a build or a move makes. Too large for the stack. */
	union {
		struct scan scan;
		struct diff diff;
	} walk;
};

#endif
