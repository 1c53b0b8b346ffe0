/* SPDX-License-Identifier: MIT
 * Rows in the order of their keys. */
#ifndef PUBLISHER_SORT_H
#define PUBLISHER_SORT_H

#include "lib/trie.h"

/* Which row comes at a place, and what it was last compared by: the eight bytes of its key from `depth`
 * on, as a number of which the first is the highest, or, past the end of the longest key, the key's
 * length. Neighbours that were compared at one depth have the same bytes before it. */
struct sorted {
	uint64_t word;
	ref_t row;
	uint32_t depth;
};

/* How many bytes the keys of two neighbours share, if that can be said without looking at them: else -1,
 * as where they are the same. Zeros that fill up the shorter one count as well. */
static inline int sorted_share(const struct sorted *a, const struct sorted *b)
{
	if (a->depth != b->depth || a->word == b->word)
		return -1;
	return (int)a->depth + __builtin_clzll(a->word ^ b->word) / 8;
}

/* Sorts the first `count` of these, whose rows are given, in the order in which scans give them
 * (row_compare); of rows with one key the order stays. Behind them is room for as many again. The rows
 * are in their stored form in private memory, and whole. */
void sort_rows(const struct view *rows, const struct shape *shape, struct sorted *entries, size_t count);

#endif
