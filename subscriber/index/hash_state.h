/* SPDX-License-Identifier: MIT
 *
 * The state of a hash index: <stele/hash.h> says what it does. For hash.c, which opens and moves it, and
 * for hash_get.c, which looks up in it. Both set the error message when they fail; hash_table.c below
 * them never does.
 */
#ifndef SUBSCRIBER_INDEX_HASH_STATE_H
#define SUBSCRIBER_INDEX_HASH_STATE_H

#include <stele/hash.h>
#include "subscriber/index/hash_key.h"
#include "subscriber/index/hash_table.h"
#include "subscriber/table.h"
#include "lib/trie/diff.h"
#include "lib/trie/scan.h"

/* Rows are PLAIN where their values all have one size, and it is short (ROW_IN_GUARD): then it is
 * known where the key of a row is, and that a row which starts inside the view ends inside the
 * guard. */
struct stele_hash {
	/* What is looked at for each answer. */
	unsigned answers; /* `forks`, or UINT_MAX while it is not complete */
	bool plain;
	bool wide;                 /* as in struct row_layout */
	unsigned plain_min_bits;   /* bits of a key, where rows are plain; else more than any has */
	unsigned plain_extra_bits; /* the most less the least */
	uint32_t length_at;        /* of a row: its key's length; where it is not plain, at least */
	struct hash_table rows;
	struct view view;
	struct stele_table table; /* what it was built from; not looked at unless `complete` */
	uint64_t secrets[HASH_SECRETS];
	/* And what opening and moving need. */
	bool complete;  /* it answers for `table` */
	unsigned forks; /* of the process whose it is */
	union {
		struct scan scan;
		struct diff diff;
	} walk;
};

#endif
