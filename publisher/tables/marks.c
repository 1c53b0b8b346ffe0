/* SPDX-License-Identifier: MIT */
#include "publisher/tables/marks.h"

#include "publisher/tables/table.h"
#include "publisher/trie/edit.h"

static uint64_t marks_unit(const struct stele_writable *table, ref_t row)
{
	return row - table->publisher->arena.start / LAYOUT_UNIT;
}

/* Allocates what marking a row needs, before the row is put. One put needs fewer than 1024 pages:
 * that is enough for the largest row, and for a new node for each byte of the longest key. The
 * extra quarter of the arena is for its growth, in steps that are larger than needed. */
static int marks_reserve(struct stele_writable *table)
{
	uint64_t pages = table->publisher->arena.pages;
	int r = sparse_reserve(&table->marks,
	                       (pages + pages / 4 + 1024) * (LAYOUT_PAGE / LAYOUT_UNIT));

	return r < 0 ? table_no_memory(table->name) : 0;
}

bool marks_have(const struct stele_writable *table, ref_t row)
{
	return sparse_has(&table->marks, marks_unit(table, row));
}

/* Returns true if the row was put in this replacement: an edit_refuse_fn. */
static bool marks_refuse(void *context, ref_t row)
{
	const struct stele_writable *table = context;

	return marks_have(table, row);
}

int marks_put(struct stele_writable *table, const struct stele_row_ref *row, bool *ret_touched)
{
	ref_t put;
	int r = marks_reserve(table);

	if (r == 0)
		r = edit_put_unless(&table->publisher->edit, &table->layout, &table->root, row,
		                    marks_refuse, table, &put, ret_touched);
	if (r < 0 || r == EDIT_REFUSED)
		return r;
	sparse_add(&table->marks, marks_unit(table, put));
	table->marked++;
	return r;
}
