/* SPDX-License-Identifier: MIT */
#include "publisher/tables/marks.h"

#include <stdlib.h>
#include <string.h>

#include "publisher/tables/table.h"
#include "publisher/trie/edit.h"

uint64_t *marks_find(struct stele_writable *table, ref_t row, uint64_t *ret_bit)
{
	uint64_t unit = row - table->publisher->arena.start / LAYOUT_UNIT;

	*ret_bit = UINT64_C(1) << unit % 64;
	return &table->marks[unit / 64];
}

/* One put needs fewer than 1024 pages: that is enough for the largest row, and for a new node for
 * each byte of the longest key. The extra quarter of the arena is for its growth, in steps that are
 * larger than needed. */
int marks_reserve(struct stele_writable *table)
{
	size_t pages = table->publisher->arena.pages,
	       words_per_page = LAYOUT_PAGE / LAYOUT_UNIT / 64;
	size_t words = (pages + pages / 4 + 1024) * words_per_page;
	uint64_t *marks;

	if (table->marks && words <= table->mark_words)
		return 0;
	words += pages * words_per_page;
	marks = realloc(table->marks, words * sizeof(*marks));
	if (!marks)
		return table_no_memory(table->name);
	memset(marks + table->mark_words, 0, (words - table->mark_words) * sizeof(*marks));
	table->marks = marks;
	table->mark_words = words;
	return 0;
}

/* Returns true if the row was put in this replacement: an edit_refuse_fn. Checks the bounds, as a
 * reference in a truncated file can have any value. */
static bool marks_have(void *context, ref_t row)
{
	const struct stele_writable *table = context;
	uint64_t unit = row - table->publisher->arena.start / LAYOUT_UNIT;

	return unit / 64 < table->mark_words && table->marks[unit / 64] >> unit % 64 & 1;
}

int marks_put(struct stele_writable *table, const struct stele_row_ref *row, bool *ret_touched)
{
	uint64_t bit, *word;
	ref_t put;
	int r = marks_reserve(table);

	if (r == 0)
		r = edit_put_unless(&table->publisher->edit, &table->layout, &table->root, row,
		                    marks_have, table, &put, ret_touched);
	if (r < 0 || r == EDIT_REFUSED)
		return r;
	word = marks_find(table, put, &bit);
	*word |= bit;
	table->marked++;
	return r;
}
