/* SPDX-License-Identifier: MIT
 * The bits that keys start with, of a cursor or of changes that are limited to these keys. */
#ifndef LIB_READING_KEY_START_H
#define LIB_READING_KEY_START_H

#include "lib/trie/row.h"

struct key_start {
	unsigned bits; /* 0: all keys */
	unsigned char bytes[STELE_KEY_MAX];
};

/* Takes the first `bits` bits of `key`. Returns 0, or -EINVAL where no key is so long. */
int key_start_set(struct key_start *start, const void *key, unsigned bits);

static inline bool key_start_has(const struct key_start *start, const struct row_parts *row)
{
	return start->bits == 0 ||
	       row_key_starts_with(row->key, row->key_bits, start->bytes, start->bits);
}

#endif
