/* SPDX-License-Identifier: MIT
 *
 * Puts many rows with one call. The rows are put in the order of their keys. If the table is empty,
 * they are built into a new trie at once (trie/build.h). These are public functions.
 *
 * The rows are first copied to private memory, in their stored form, one after the other. Sorting
 * pointers to the caller's rows instead would touch three pages for each row, in random order, and
 * the TLB misses would take longer than the copy. The copy is in huge pages if the system has
 * them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "publisher/tables/narrow.h"
#include "publisher/tables/rows.h"
#include "publisher/tables/table.h"
#include "publisher/trie/build.h"
#include "publisher/trie/sort.h"

/* How many rows ahead put_many_prefetch() prefetches. */
#define AHEAD 16u

/* The rows of one call. */
struct many {
	struct stele_writable *table;
	struct view rows; /* the copies, in their stored form; the first word of each is 0 */
	size_t size;      /* bytes mapped for the copies */
	/* The copies in the order of their keys. The array is twice as large, because sort_rows()
	 * needs scratch memory. */
	struct sorted *sorted;
	size_t count; /* valid entries of sorted */
};

/* Allocates memory for all rows. Returns 0 or -ENOMEM. */
static int put_many_alloc(struct many *many, const struct stele_row_ref *rows, size_t count)
{
	size_t size = LAYOUT_UNIT;
	void *base;

	for (size_t i = 0; i < count; i++)
		size += row_size(&many->table->layout, narrow_complete_size(many->table, &rows[i]),
		                 rows[i].key_bits);
	if (size / LAYOUT_UNIT > UINT32_MAX)
		return -ENOMEM;
	many->sorted = malloc(2 * count * sizeof(*many->sorted));
	base = mmap(NULL, size + LAYOUT_GUARD, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
	            -1, 0);
	if (base != MAP_FAILED) {
		madvise(base, size, MADV_HUGEPAGE);
		many->rows = (struct view){.base = base, .start = LAYOUT_UNIT, .limit = size};
		many->size = size + LAYOUT_GUARD;
	}
	return many->sorted && many->size > 0 ? 0 : -ENOMEM;
}

static void put_many_free(struct many *many)
{
	free(many->sorted);
	if (many->size > 0)
		munmap((void *)(uintptr_t)many->rows.base, many->size);
}

/* Copies all rows. Returns 0 or -ENOMEM. */
static int put_many_copy(struct many *many, const struct stele_row_ref *rows, size_t count)
{
	const struct row_layout *layout = &many->table->layout;
	uint64_t offset = many->rows.start;

	for (size_t i = 0; i < count; i++) {
		struct stele_row_ref row = rows[i];
		int r;

		row.key = edit_bytes(row.key, row.key_bits);
		row.value = edit_bytes(row.value, row.value_size);
		r = rows_prepare(many->table, &row);
		if (r < 0)
			return r;
		edit_store_row((unsigned char *)(uintptr_t)many->rows.base + offset, 0, layout,
		               &row);
		many->sorted[i].row = (ref_t)(offset / LAYOUT_UNIT);
		offset += row_size(layout, row.value_size, row.key_bits);
	}
	many->count = count;
	return 0;
}

/* Returns the parts of a copied row. */
static struct row_parts put_many_row(const struct many *many, const struct sorted *sorted)
{
	struct row_parts row = {0};

	row_parse_ref(&many->rows, &many->table->layout, sorted->row, &row);
	return row;
}

/* Removes all but the last row of each key. */
static void put_many_drop_duplicates(struct many *many)
{
	size_t kept = 0;

	for (size_t i = 0; i < many->count; i++) {
		uint32_t shared = many->sorted[i].shared;

		if (shared == SORTED_SAME)
			shared = many->sorted[--kept].shared;
		many->sorted[kept] = many->sorted[i];
		many->sorted[kept++].shared = shared;
	}
	many->count = kept;
}

/* Prefetches a row that follows soon in the order of the keys. The copies are in the order in which
 * the caller gave the rows, so the processor can't foresee their addresses. */
static void put_many_prefetch(const struct many *many, size_t index)
{
	const unsigned char *at;

	if (index + AHEAD >= many->count)
		return;
	at = view_object(&many->rows, many->sorted[index + AHEAD].row);
	prefetch(at);
	prefetch(at + 64);
}

/* Gives build_trie() the next row: a build_row_fn. */
static int put_many_next(void *context, size_t index, struct row_parts *ret, int *ret_shared)
{
	const struct many *many = context;
	const struct sorted *sorted = &many->sorted[index];
	struct row_parts next;
	uint32_t min;

	put_many_prefetch(many, index);
	*ret = put_many_row(many, sorted);
	*ret_shared = -1;
	if (index + 1 == many->count)
		return 0;
	next = put_many_row(many, sorted + 1);
	min = (ret->key_bits < next.key_bits ? ret->key_bits : next.key_bits) / 8;
	*ret_shared = (int)(sorted[1].shared < min ? sorted[1].shared : min);
	return 0;
}

/* Builds the trie of an empty table. Returns the number of rows, or an error. */
static int64_t put_many_build(struct many *many)
{
	struct stele_writable *table = many->table;
	int r = build_trie(&table->publisher->edit, &table->layout, many->count, put_many_next,
	                   many, &table->root);

	if (r < 0)
		return table_change_error(table->publisher, r, table->name);
	table->rows = many->count;
	table->added += many->count;
	table->uncertain |= table->removed > 0;
	return (int64_t)many->count;
}

/* Puts the rows one by one. Returns how many were added or changed, or an error. */
static int64_t put_many_each(struct many *many)
{
	int64_t changed = 0;

	for (size_t i = 0; i < many->count; i++) {
		struct row_parts row = put_many_row(many, &many->sorted[i]);
		int r;

		put_many_prefetch(many, i);
		r = rows_put(many->table, &(struct stele_row_ref){row.key, row.key_bits, row.value,
		                                                  row.value_size});
		if (r < 0)
			return r;
		changed += r;
	}
	return changed;
}

int64_t stele_writable_put_many(struct stele_writable *table, const struct stele_row_ref *rows,
                                size_t count)
{
	struct many many = {.table = table};
	int r = publisher_check(table->publisher);
	int64_t changed = 0;

	for (size_t i = 0; r == 0 && i < count; i++)
		r = rows_check(table, &rows[i]);
	if (r < 0 || count == 0)
		return r;
	r = put_many_alloc(&many, rows, count) < 0 ? table_no_memory(table->name)
	                                           : put_many_copy(&many, rows, count);
	if (r == 0) {
		sort_rows(&many.rows, &table->layout, many.sorted, many.count);
		if (!table->replacing)
			put_many_drop_duplicates(&many);
		changed = table->root == 0 && !table->replacing ? put_many_build(&many)
		                                                : put_many_each(&many);
	}
	put_many_free(&many);
	return r < 0 ? r : changed;
}

int64_t stele_transaction_put_many(struct stele_transaction *tx, const char *name,
                                   const struct stele_row_ref *rows, size_t count)
{
	struct stele_writable *table = NULL;
	int r = stele_writable_open(tx, name, NULL, &table);

	return r < 0 ? r : stele_writable_put_many(table, rows, count);
}
