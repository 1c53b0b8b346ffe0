/* SPDX-License-Identifier: MIT
 * Rows in the order of their keys. Called by put_many.c. */
#ifndef PUBLISHER_TRIE_SORT_H
#define PUBLISHER_TRIE_SORT_H

#include "lib/trie/row.h"

/* Which row comes at a place. */
struct sorted {
	uint64_t word; /* sort.c's */
	ref_t row;
	uint32_t
		shared; /* bytes of its key, and zeros that fill up the shorter one, that the row before has
	                    too; SORTED_SAME: all of the key. Of the first: 0 */
};

#define SORTED_SAME UINT32_MAX

/* Sorts the first `count` of these, whose rows are given, in the order in which scans give them
 * (row_compare); of rows with one key the order stays. Behind them is room for as many again. The
 * rows are in their stored form in private memory, and whole. */
void sort_rows(const struct view *rows, const struct row_layout *layout, struct sorted *entries,
               size_t count);

#endif
