/* SPDX-License-Identifier: MIT
 *
 * Sorts rows by their keys, for stele_transaction_put_many(). Called by put_many.c. */
#ifndef PUBLISHER_TRIE_SORT_H
#define PUBLISHER_TRIE_SORT_H

#include "lib/trie/row.h"

/* One row of the sorted sequence. */
struct sorted {
	/* Private to sort.c. */
	uint64_t word;
	ref_t row;
	/* Number of bytes that this row's key shares with the previous row's key, where the shorter
	 * key is padded with zeros. SORTED_SAME: the keys are equal. 0 for the first row. */
	uint32_t shared;
};

#define SORTED_SAME UINT32_MAX

/* Sorts `count` entries, whose members `row` are set, in the order of an ordered scan
 * (row_compare()). The sort is stable: rows with equal keys keep their order. The array has a
 * capacity of twice `count`; the second half is scratch memory. The rows are in their stored form
 * in private memory, and consistent. */
void sort_rows(const struct view *rows, const struct row_layout *layout, struct sorted *entries,
               size_t count);

#endif
