/* SPDX-License-Identifier: MIT
 *
 * Replacing all rows of a table: the puts after stele_writable_replace() mark their rows (marks.h),
 * and stele_writable_replace_end() deletes the rows without a mark. These are public functions. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/trie/scan.h"
#include "publisher/tables/marks.h"
#include "publisher/tables/rows.h"
#include "publisher/tables/table.h"
#include "publisher/trie/edit.h"

int stele_writable_replace(struct stele_writable *table)
{
	int r = publisher_check(table->publisher);

	if (r < 0)
		return r;
	if (table->replacing)
		return error_set(EBUSY, "table \"%s\" is being replaced already", table->name);
	table->replacing = true;
	table->marked = 0;
	return 0;
}

/* Drops all rows. Returns how many, or an error. Needs no memory in the arena, unlike deleting rows
 * one by one, so a full region can be emptied. */
static int64_t replace_drop_rows(struct stele_writable *table)
{
	struct edit *edit = &table->publisher->edit;
	uint64_t count = table->rows;

	if (retired_reserve(&edit->retired, 2 * (size_t)count + 1) < 0)
		return table_no_memory(table->name);
	edit_drop_tree(edit, &table->layout, table->root, false);
	table->root = 0;
	table->rows = 0;
	table->uncertain |= table->added > 0 || table->changed > 0;
	table->removed += count;
	return (int64_t)count;
}

/* Collects the references of the rows without a mark. Returns how many, or an error; sets no
 * message. */
static int64_t replace_collect_unmarked(struct stele_writable *table, struct scan *scan,
                                        ref_t *rows)
{
	const struct view *view = &table->publisher->arena.view;
	struct row_parts row;
	int64_t count = 0;
	int r;

	scan_start(scan, view, &table->layout, table->root);
	while ((r = scan_next(scan, &row)) == 1) {
		ref_t ref = row_ref(view, &table->layout, &row);
		if (!marks_have(table, ref))
			rows[count++] = ref;
	}
	return r < 0 ? r : count;
}

/* Deletes the rows that the replacement did not put. Returns how many, or an error, after which
 * some of them may be deleted. */
static int64_t replace_delete_unmarked(struct stele_writable *table)
{
	const struct view *view = &table->publisher->arena.view;
	ref_t *rows = malloc(((size_t)table->rows + 1) * sizeof(*rows));
	struct scan *scan = malloc(sizeof(*scan));
	int64_t count = -ENOMEM, i;
	struct row_parts parts;
	int r = 0;

	if (rows && scan)
		count = replace_collect_unmarked(table, scan, rows);
	for (i = 0; i < count && r >= 0; i++) {
		/* A copy of the key, which is part of the row that is deleted. */
		unsigned char key[STELE_KEY_MAX];
		if (row_parse_ref(view, &table->layout, rows[i], &parts) < 0) {
			r = table_damaged(table);
			break;
		}
		memcpy(key, parts.key, (parts.key_bits + 7) / 8);
		r = rows_delete(table, key, parts.key_bits);
	}
	free(scan);
	free(rows);
	if (count == -ENOMEM)
		return table_no_memory(table->name);
	if (count < 0)
		return table_damaged(table);
	return r < 0 ? r : count;
}

int64_t stele_writable_replace_end(struct stele_writable *table)
{
	int64_t count;
	int r = publisher_check(table->publisher);

	if (r < 0)
		return r;
	if (!table->replacing)
		return error_set(EINVAL, "table \"%s\" is not being replaced", table->name);
	if (table->marked > 0)
		count = replace_delete_unmarked(table);
	else if (region_lost(&table->publisher->attachment.region))
		count = table_damaged(table);
	else
		count = replace_drop_rows(table);
	if (count < 0)
		return count;
	table->replacing = false;
	sparse_clear(&table->marks);
	return count;
}
