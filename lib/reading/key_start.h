/* SPDX-License-Identifier: MIT
 *
 * The limit of a cursor or of changes to the keys that start with given bits. For cursor.c and
 * changes.c; subscriber/follow/batch.c only checks the size of a prefix. */
#ifndef LIB_READING_KEY_START_H
#define LIB_READING_KEY_START_H

#include "lib/trie/row.h"

struct key_start {
	/* 0: no limit, all keys. */
	unsigned bits;
	/* Zeros follow the last bit. */
	unsigned char bytes[STELE_KEY_MAX];
};

/* Returns 0, or -EINVAL with an error message if no key can have `bits` bits. */
int key_start_check(unsigned bits);

/* Copies the first `bits` bits of `key`. Returns 0, or -EINVAL if no key can be that long. */
int key_start_set(struct key_start *start, const void *key, unsigned bits);

/* Returns true if the row's key starts with these bits. */
static inline bool key_start_has(const struct key_start *start, const struct row_parts *row)
{
	return start->bits == 0 ||
	       row_key_starts_with(row->key, row->key_bits, start->bytes, start->bits);
}

#endif
