/* SPDX-License-Identifier: MIT
 * A hash index for exact lookups: <stele/hash.h> says what it does.
 *
 *   hash.c         opening, moving       hash_get.c   looking up
 *   hash_table.c   the table that it consists of
 *   hash_key.h     the hash of a key
 */
#ifndef SUBSCRIBER_INDEX_HASH_H
#define SUBSCRIBER_INDEX_HASH_H

#include <stele/hash.h>
#include "subscriber/index/hash_key.h"
#include "subscriber/index/hash_table.h"
#include "subscriber/subscriber.h"

/* Rows are PLAIN where their values all have one size, and it is short (ROW_IN_GUARD): then it is
 * known where the key of a row is, and that a row which starts inside the view ends inside the
 * guard. */
struct stele_hash {
	/* What is looked at for each answer. */
	unsigned answers; /* `forks`, or UINT_MAX while it is not whole */
	bool plain;
	bool wide;            /* as in struct row_layout */
	unsigned plain_least; /* bits of a key, where rows are plain; else more than any has */
	unsigned plain_more;  /* the most less the least */
	uint32_t length_at;   /* of a row: its key's length; where it is not plain, at least */
	struct hash_table rows;
	struct view view;
	struct stele_table table; /* what it was built from; not looked at unless `whole` */
	uint64_t secrets[HASH_SECRETS];
	/* And what opening and moving need. */
	bool whole;     /* it answers for `table` */
	unsigned forks; /* of the process whose it is */
	union {
		struct scan scan;
		struct diff diff;
	} walk;
};

#endif
