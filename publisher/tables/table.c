/* SPDX-License-Identifier: MIT
 *
 * The tables of a transaction: opening, creating and dropping them, and putting, deleting, reading
 * and replacing their rows. Most of these are public functions. A transaction opens a table when it
 * first names it, with the contents of the last version. The commit compares the table with these
 * contents. */
#include "publisher/tables/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/schema/key.h"
#include "lib/types/refuse.h"
#include "lib/schema/schema_store.h"
#include "lib/schema/schema_value.h"
#include "lib/trie/scan.h"
#include "lib/trie/trie.h"
#include "publisher/trie/edit.h"

/* ---- finding tables ---- */

int table_no_memory(const char *table)
{
	return error_set(ENOMEM, "no memory for a change to table \"%s\"", table);
}

int table_change_error(const struct stele_publisher *publisher, int r, const char *table)
{
	if (r == -ENOMEM)
		return table_no_memory(table);
	if (r == -ENOSPC && publisher->attachment.region.shortage < 0)
		return storage_shortage_error(&publisher->attachment.region);
	if (r != -ENOSPC)
		return error_set(-r, "table \"%s\" cannot be changed: %s", table,
		                 *publisher->growth_error ? publisher->growth_error : strerror(-r));
	return error_set(ENOSPC,
	                 "no space for a change to table \"%s\": region \"%s\" has %llu bytes, and "
	                 "its limit is %llu; delete rows, or create the region with a larger limit",
	                 table, publisher->attachment.region.names.region,
	                 (unsigned long long)publisher->attachment.region.file_size,
	                 (unsigned long long)publisher->attachment.region.limit_size);
}

int table_damaged(const struct stele_writable *table)
{
	return error_set(EBADMSG, "table \"%s\" is damaged; remove region \"%s\" and publish again",
	                 table->name, table->publisher->attachment.region.names.region);
}

/* Sets the error message for a table that does not exist. Returns -ENXIO. */
static int table_missing(const struct stele_publisher *publisher, const char *table)
{
	return region_table_error(&publisher->attachment.region, table, 0);
}

void table_set_schema(struct stele_writable *table, struct stele_schema *schema)
{
	stele_schema_free(table->schema);
	table->schema = schema;
	table->plain = schema_value_plain(schema);
	table->value_any = schema_value_any(schema);
	table->key_plain = schema_key_plain(schema);
	table->features = table->publisher->attachment.region.features;
	row_layout_of(schema, table->features, &table->layout);
}

/* Loads the last version's table into a table that the transaction opens. Loads the schema unless
 * it is in memory already. */
static int table_load_base(struct stele_writable *table)
{
	const struct region *region = &table->publisher->attachment.region;
	const struct catalog_table *base = &table->base;
	uint64_t made = view_first_word(&table->publisher->arena.view, base->schema);
	struct stele_schema *schema;

	if (!table->schema || table->id != base->id || table->schema_ref != base->schema ||
	    table->schema_made != made || table->features != region->features) {
		int r = catalog_schema(&table->publisher->arena.view, base->schema, &schema);
		if (r == -ENOMEM)
			return refuse_schema_memory(table->name);
		if (r < 0)
			return error_set(
				EBADMSG,
				"the schema of table \"%s\" is damaged; remove region \"%s\" and "
				"publish again",
				table->name, region->names.region);
		table_set_schema(table, schema);
		table->schema_made = made;
	}
	table->id = base->id;
	table->schema_ref = base->schema;
	table->root = base->root;
	table->rows = base->rows;
	table->status = TABLE_PRESENT;
	return 0;
}

int table_find(struct stele_transaction *tx, const char *name, struct stele_writable **ret)
{
	struct stele_publisher *publisher = tx->publisher;
	struct stele_writable *table = tables_find(&publisher->tables, name);
	int r;

	if (table && table->status != TABLE_CLOSED) {
		*ret = table;
		return 0;
	}
	if (!table) {
		if (strlen(name) > STELE_NAME_MAX)
			return table_missing(publisher, name);
		table = tables_add(&publisher->tables, publisher, name);
		if (!table)
			return table_no_memory(name);
	}
	if (table->known != publisher->tables.known) {
		r = catalog_get(&publisher->arena.view, tx->catalog, name, &table->base);
		if (r < 0)
			return error_set(
				EBADMSG,
				"region \"%s\" is damaged: its catalog of tables cannot be "
				"read; remove the region and publish again",
				publisher->attachment.region.names.region);
		table->was = r == 1;
		table->known = publisher->tables.known;
	}
	table->added = table->changed = table->removed = 0;
	table->uncertain = table->remade = false;
	table->status = TABLE_ABSENT;
	table->root = 0;
	table->rows = 0;
	if (table->was) {
		r = table_load_base(table);
		if (r < 0) {
			table->status = TABLE_CLOSED;
			return r;
		}
	}
	table->next_opened = publisher->tables.opened;
	publisher->tables.opened = table;
	*ret = table;
	return 0;
}

int stele_writable_open(struct stele_transaction *tx, const char *name, struct stele_writable **ret)
{
	struct stele_writable *table = NULL;
	int r = publisher_check(tx->publisher);

	if (r == 0)
		r = table_find(tx, name, &table);
	if (r < 0)
		return r;
	if (table->status != TABLE_PRESENT)
		return table_missing(tx->publisher, name);
	*ret = table;
	return 0;
}

int stele_transaction_schema(struct stele_transaction *tx, const char *name,
                             const struct stele_schema **ret)
{
	struct stele_writable *table = NULL;
	int r = stele_writable_open(tx, name, &table);

	if (r == 0)
		*ret = table->schema;
	return r;
}

/* ---- create, drop ---- */

/* Sets the error message for a table that exists already. Returns -EEXIST. */
static int table_refuse_existing(const struct stele_writable *table,
                                 const struct stele_schema *schema)
{
	char have[512], want[512];

	if (stele_schema_equal(table->schema, schema))
		return error_set(EEXIST, "there is a table \"%s\" already, with the same schema",
		                 table->name);
	stele_schema_format(table->schema, have, sizeof(have));
	stele_schema_format(schema, want, sizeof(want));
	return error_set(
		EEXIST,
		"there is a table \"%s\" already, with another schema: it is (%s), not (%s)",
		table->name, have, want);
}

int table_store_schema(struct stele_writable *table, const struct stele_schema *schema, ref_t *ret)
{
	size_t size = schema_stored_size(schema);
	void *stored = malloc(size);
	int r;

	if (!stored)
		return table_no_memory(table->name);
	schema_store(schema, stored);
	r = edit_blob(&table->publisher->edit, stored, size, ret);
	free(stored);
	return r < 0 ? table_change_error(table->publisher, r, table->name) : 0;
}

int stele_transaction_create_table(struct stele_transaction *tx, const char *name,
                                   const struct stele_schema *schema)
{
	struct stele_publisher *publisher = tx->publisher;
	struct stele_writable *table = NULL;
	struct stele_schema *copy;
	ref_t blob;
	int r = publisher_check(publisher);

	if (r == 0)
		r = stele_name_check("table", name);
	if (r == 0)
		r = tables_check_schema(&publisher->attachment.region, name, schema);
	if (r == 0)
		r = table_find(tx, name, &table);
	if (r < 0)
		return r;
	if (table->status == TABLE_PRESENT)
		return table_refuse_existing(table, schema);
	copy = stele_schema_copy(schema);
	if (!copy)
		return table_no_memory(name);
	r = table_store_schema(table, schema, &blob);
	if (r < 0) {
		stele_schema_free(copy);
		return r;
	}
	table_set_schema(table, copy);
	table->schema_ref = blob;
	table->id = publisher->edit.version;
	table->root = 0;
	table->rows = 0;
	table->status = TABLE_PRESENT;
	table->remade = true;
	return 0;
}

int stele_transaction_drop_table(struct stele_transaction *tx, const char *name)
{
	struct edit *edit = &tx->publisher->edit;
	struct stele_writable *table = NULL;
	int r = stele_writable_open(tx, name, &table);

	if (r < 0)
		return r;
	if (retired_reserve(&edit->retired, 2 * (size_t)table->rows + 1) < 0)
		return table_no_memory(name);
	edit_drop_tree(edit, &table->layout, table->root, false);
	object_drop(edit, table->schema_ref, object_size(edit, NULL, table->schema_ref));
	table->root = 0;
	table->rows = 0;
	table->schema_ref = 0;
	table->status = TABLE_ABSENT;
	table->remade = true;
	free(table->marks);
	table->marks = NULL;
	return 0;
}

/* ---- rows ---- */

/* Validates a key for a lookup or a deletion: its length, and that the bits after a prefix are
 * zero. Returns 0 or -EINVAL. */
static int table_check_key(const struct stele_writable *table, const void *key, unsigned key_bits)
{
	if (row_layout_takes_key(&table->layout, key, key_bits))
		return 0;
	/* Sets the error message. */
	return stele_key_check(table->schema, key, key_bits);
}

/* Validates a key that is to be put, including its contents. Returns 0 or -EINVAL. */
static int table_check_new_key(const struct stele_writable *table, const void *key,
                               unsigned key_bits)
{
	if (table->key_plain && row_layout_takes_key(&table->layout, key, key_bits))
		return 0;
	return stele_key_check(table->schema, key, key_bits);
}

/* Validates a value. Returns 0 or -EINVAL. */
static int table_check_value(const struct stele_writable *table, const void *value, size_t size)
{
	if (table->value_any && size == table->layout.value_size)
		return 0;
	return stele_value_check(table->schema, value, size);
}

int table_check_row(const struct stele_writable *table, const struct stele_row_ref *row)
{
	int r = table_check_new_key(table, row->key, row->key_bits);

	return r < 0 ? r : table_check_value(table, row->value, row->value_size);
}

int table_normalize(struct stele_writable *table, const void **value, size_t size)
{
	if (table->plain || size == 0)
		return 0;
	if (table->normalized_capacity < size) {
		unsigned char *buffer = realloc(table->normalized, size);
		if (!buffer)
			return table_no_memory(table->name);
		table->normalized = buffer;
		table->normalized_capacity = size;
	}
	schema_value_normalize(table->schema, *value, size, table->normalized);
	*value = table->normalized;
	return 0;
}

/* Returns the word of a row's mark in a replacement, and the bit in it. */
static uint64_t *table_mark(struct stele_writable *table, ref_t row, uint64_t *ret_bit)
{
	uint64_t unit = row - table->publisher->arena.start / LAYOUT_UNIT;

	*ret_bit = UINT64_C(1) << unit % 64;
	return &table->marks[unit / 64];
}

/* Allocates marks for every unit that the arena has, or may have after one more put. One put needs
 * fewer than 1024 pages: that is enough for the largest row, and for a new node for each byte of
 * the longest key. The extra quarter of the arena is for its growth, in steps that are larger than
 * needed. Returns 0 or -ENOMEM. */
static int table_marks_reserve(struct stele_writable *table)
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
static bool table_is_marked(void *context, ref_t row)
{
	const struct stele_writable *table = context;
	uint64_t unit = row - table->publisher->arena.start / LAYOUT_UNIT;

	return unit / 64 < table->mark_words && table->marks[unit / 64] >> unit % 64 & 1;
}

/* Puts a row in a replacement, and marks it. Returns EDIT_REFUSED if the replacement has put the
 * key before, and otherwise what edit_put_unless() returns. */
static int table_put_marked(struct stele_writable *table, const struct stele_row_ref *row,
                            bool *ret_touched)
{
	uint64_t bit, *word;
	ref_t put;
	int r = edit_put_unless(&table->publisher->edit, &table->layout, &table->root, row,
	                        table_is_marked, table, &put, ret_touched);

	if (r < 0 || r == EDIT_REFUSED)
		return r;
	word = table_mark(table, put, &bit);
	*word |= bit;
	table->marked++;
	return r;
}

int stele_writable_put(struct stele_writable *table, const void *key, unsigned key_bits,
                       const void *value, size_t value_size)
{
	struct stele_publisher *publisher = table->publisher;
	bool touched;
	ref_t row;
	int r = publisher_check(publisher);

	if (r == 0)
		r = table_check_new_key(table, key, key_bits);
	if (r == 0)
		r = table_check_value(table, value, value_size);
	if (r == 0 && !table->plain)
		r = table_normalize(table, &value, value_size);
	if (r == 0 && table->marks)
		r = table_marks_reserve(table);
	if (r < 0)
		return r;
	if (table->marks)
		r = table_put_marked(table,
		                     &(struct stele_row_ref){edit_bytes(key, key_bits), key_bits,
		                                             edit_bytes(value, value_size),
		                                             value_size},
		                     &touched);
	else
		r = edit_put(&publisher->edit, &table->layout, &table->root, key, key_bits, value,
		             value_size, &row, &touched);
	if (r == EDIT_REFUSED)
		return error_set(EEXIST, "the replacement of table \"%s\" has put this key before",
		                 table->name);
	if (r < 0)
		return table_change_error(publisher, r, table->name);
	table->rows += r == 1;
	table->added += r == 1;
	table->changed += r == 2;
	table->uncertain |= touched || (r == 1 && table->removed > 0);
	return r > 0;
}

/* Deletes a row. Returns 1, 0 if there is no such row, or an error. */
static int table_delete_row(struct stele_writable *table, const void *key, unsigned key_bits)
{
	bool touched;
	int r = edit_delete(&table->publisher->edit, &table->layout, &table->root, key, key_bits,
	                    &touched);

	if (r < 0)
		return table_change_error(table->publisher, r, table->name);
	if (r == 1) {
		table->rows--;
		table->removed++;
		table->uncertain |= touched;
	}
	return r;
}

int stele_writable_delete(struct stele_writable *table, const void *key, unsigned key_bits)
{
	int r = publisher_check(table->publisher);

	if (r == 0)
		r = table_check_key(table, key, key_bits);
	if (r < 0)
		return r;
	if (table->marks)
		return error_set(
			EBUSY,
			"no row can be deleted while table \"%s\" is being replaced; leave out its "
			"put instead",
			table->name);
	return table_delete_row(table, key, key_bits);
}

int stele_writable_get(struct stele_writable *table, const void *key, unsigned key_bits,
                       struct stele_row *ret)
{
	const struct view *view = &table->publisher->arena.view;
	struct row_parts row;
	int r = publisher_check(table->publisher);

	if (r == 0)
		r = table_check_key(table, key, key_bits);
	if (r < 0)
		return r;
	r = trie_get(view, &table->layout, table->root, key, key_bits, &row);
	if (r < 0)
		return table_damaged(table);
	if (r == 1)
		row_fill(&row, ret);
	return r;
}

/* ---- replacing all rows of a table ---- */

int stele_writable_replace(struct stele_writable *table)
{
	int r = publisher_check(table->publisher);

	if (r < 0)
		return r;
	if (table->marks)
		return error_set(EBUSY, "table \"%s\" is being replaced already", table->name);
	table->mark_words = 0;
	table->marked = 0;
	return table_marks_reserve(table);
}

/* Drops all rows. Returns how many, or an error. Needs no memory in the arena, unlike deleting rows
 * one by one, so a full region can be emptied. */
static int64_t table_drop_rows(struct stele_writable *table)
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
static int64_t table_collect_unmarked(struct stele_writable *table, struct scan *scan, ref_t *rows)
{
	const struct view *view = &table->publisher->arena.view;
	struct row_parts row;
	uint64_t bit;
	int64_t count = 0;
	int r;

	scan_start(scan, view, &table->layout, table->root);
	while ((r = scan_next(scan, &row)) == 1) {
		ref_t ref = row_ref(view, &table->layout, &row);
		if (!(*table_mark(table, ref, &bit) & bit))
			rows[count++] = ref;
	}
	return r < 0 ? r : count;
}

/* Deletes the rows that the replacement did not put. Returns how many, or an error, after which
 * some of them may be deleted. */
static int64_t table_delete_unmarked(struct stele_writable *table)
{
	const struct view *view = &table->publisher->arena.view;
	ref_t *rows = malloc(((size_t)table->rows + 1) * sizeof(*rows));
	struct scan *scan = malloc(sizeof(*scan));
	int64_t count = -ENOMEM, i;
	struct row_parts parts;
	int r = 0;

	if (rows && scan)
		count = table_collect_unmarked(table, scan, rows);
	for (i = 0; i < count && r >= 0; i++) {
		/* A copy of the key, which is part of the row that is deleted. */
		unsigned char key[STELE_KEY_MAX];
		if (row_parse_ref(view, &table->layout, rows[i], &parts) < 0) {
			r = table_damaged(table);
			break;
		}
		memcpy(key, parts.key, (parts.key_bits + 7) / 8);
		r = table_delete_row(table, key, parts.key_bits);
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
	if (!table->marks)
		return error_set(EINVAL, "table \"%s\" is not being replaced", table->name);
	if (table->marked > 0)
		count = table_delete_unmarked(table);
	else if (region_lost(&table->publisher->attachment.region))
		count = table_damaged(table);
	else
		count = table_drop_rows(table);
	if (count < 0)
		return count;
	free(table->marks);
	table->marks = NULL;
	return count;
}

/* ---- rows of a table given by name ---- */

int stele_transaction_put(struct stele_transaction *tx, const char *name, const void *key,
                          unsigned key_bits, const void *value, size_t value_size)
{
	struct stele_writable *table = NULL;
	int r = stele_writable_open(tx, name, &table);

	return r < 0 ? r : stele_writable_put(table, key, key_bits, value, value_size);
}

int stele_transaction_delete(struct stele_transaction *tx, const char *name, const void *key,
                             unsigned key_bits)
{
	struct stele_writable *table = NULL;
	int r = stele_writable_open(tx, name, &table);

	return r < 0 ? r : stele_writable_delete(table, key, key_bits);
}

int stele_transaction_get(struct stele_transaction *tx, const char *name, const void *key,
                          unsigned key_bits, struct stele_row *ret)
{
	struct stele_writable *table = NULL;
	int r = stele_writable_open(tx, name, &table);

	return r < 0 ? r : stele_writable_get(table, key, key_bits, ret);
}
