/* SPDX-License-Identifier: MIT
 *
 * Rows of a transaction: putting, deleting and looking up single ones. Most of these are public
 * functions. */
#include "publisher/tables/rows.h"

#include <errno.h>
#include <stdlib.h>

#include "lib/base/error.h"
#include "lib/schema/schema_value.h"
#include "lib/trie/trie.h"
#include "publisher/tables/marks.h"
#include "publisher/tables/narrow.h"
#include "publisher/tables/table.h"
#include "publisher/trie/edit.h"

/* Validates a key for a lookup or a deletion: its length, and that the bits after a prefix are
 * zero. Returns 0 or -EINVAL. */
static int rows_check_key(const struct stele_writable *table, const void *key, unsigned key_bits)
{
	if (row_layout_takes_key(&table->layout, key, key_bits))
		return 0;
	/* Sets the error message. */
	return stele_key_check(table->schema, key, key_bits);
}

/* Validates a key that is to be put, including its contents. Returns 0 or -EINVAL. */
static int rows_check_new_key(const struct stele_writable *table, const void *key,
                              unsigned key_bits)
{
	if (table->key_plain && row_layout_takes_key(&table->layout, key, key_bits))
		return 0;
	return stele_key_check(table->schema, key, key_bits);
}

/* Validates a value, complete or narrow. Returns 0 or -EINVAL. */
static int rows_check_value(const struct stele_writable *table, const void *value, size_t size)
{
	if (table->value_any && size == table->layout.value_size)
		return 0;
	if (table->misfit)
		return narrow_expect(table, table->declared);
	if (size == table->narrow_size)
		return narrow_check(table, value);
	return stele_value_check(table->schema, value, size);
}

int rows_check(const struct stele_writable *table, const struct stele_row_ref *row)
{
	int r = rows_check_new_key(table, row->key, row->key_bits);

	return r < 0 ? r : rows_check_value(table, row->value, row->value_size);
}

/* Sets the bytes of a value that hold no data, such as padding, to zero. The value is then in a
 * buffer of the table, unless all bytes of the table's values hold data. Returns 0 or -ENOMEM. */
static int rows_normalize(struct stele_writable *table, struct stele_row_ref *row)
{
	if (row->value_size == 0)
		return 0;
	if (table->normalized_capacity < row->value_size) {
		unsigned char *buffer = realloc(table->normalized, row->value_size);
		if (!buffer)
			return table_no_memory(table->name);
		table->normalized = buffer;
		table->normalized_capacity = row->value_size;
	}
	schema_value_normalize(table->schema, row->value, row->value_size, table->normalized);
	row->value = table->normalized;
	return 0;
}

int rows_prepare(struct stele_writable *table, struct stele_row_ref *row)
{
	if (row->value_size == table->narrow_size && narrow_complete(table, row) < 0)
		return table_no_memory(table->name);
	return table->plain ? 0 : rows_normalize(table, row);
}

/* rows_put(), inlined, as a call and its copies of the arguments cost a commit a hundredth. */
static inline __attribute__((always_inline)) int rows_store(struct stele_writable *table,
                                                            const void *key, unsigned key_bits,
                                                            const void *value, size_t value_size)
{
	struct stele_publisher *publisher = table->publisher;
	bool touched;
	ref_t row;
	int r;

	if (table->replacing)
		r = marks_put(table,
		              &(struct stele_row_ref){edit_bytes(key, key_bits), key_bits,
		                                      edit_bytes(value, value_size), value_size},
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

int rows_put(struct stele_writable *table, const struct stele_row_ref *row)
{
	return rows_store(table, row->key, row->key_bits, row->value, row->value_size);
}

int stele_writable_put(struct stele_writable *table, const void *key, unsigned key_bits,
                       const void *value, size_t value_size)
{
	int r = publisher_check(table->publisher);

	if (r == 0)
		r = rows_check_new_key(table, key, key_bits);
	if (r == 0)
		r = rows_check_value(table, value, value_size);
	if (r == 0 && (!table->plain || value_size == table->narrow_size)) {
		struct stele_row_ref row = {key, key_bits, value, value_size};
		r = rows_prepare(table, &row);
		value = row.value;
		value_size = row.value_size;
	}
	return r < 0 ? r : rows_store(table, key, key_bits, value, value_size);
}

int rows_delete(struct stele_writable *table, const void *key, unsigned key_bits)
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
		r = rows_check_key(table, key, key_bits);
	if (r < 0)
		return r;
	if (table->replacing)
		return error_set(
			EBUSY,
			"no row can be deleted while table \"%s\" is being replaced; leave out its "
			"put instead",
			table->name);
	return rows_delete(table, key, key_bits);
}

int stele_writable_get(struct stele_writable *table, const void *key, unsigned key_bits,
                       struct stele_row *ret)
{
	const struct view *view = &table->publisher->arena.view;
	struct row_parts row;
	int r = publisher_check(table->publisher);

	if (r == 0)
		r = rows_check_key(table, key, key_bits);
	if (r < 0)
		return r;
	r = trie_get(view, &table->layout, table->root, key, key_bits, &row);
	if (r < 0)
		return table_damaged(table);
	if (r == 1)
		row_fill(&row, ret);
	return r;
}

/* ---- rows of a table given by name ---- */

int stele_transaction_put(struct stele_transaction *tx, const char *name, const void *key,
                          unsigned key_bits, const void *value, size_t value_size)
{
	struct stele_writable *table = NULL;
	int r = stele_writable_open(tx, name, NULL, &table);

	return r < 0 ? r : stele_writable_put(table, key, key_bits, value, value_size);
}

int stele_transaction_delete(struct stele_transaction *tx, const char *name, const void *key,
                             unsigned key_bits)
{
	struct stele_writable *table = NULL;
	int r = stele_writable_open(tx, name, NULL, &table);

	return r < 0 ? r : stele_writable_delete(table, key, key_bits);
}

int stele_transaction_get(struct stele_transaction *tx, const char *name,
                          const struct stele_schema *expected, const void *key, unsigned key_bits,
                          struct stele_row *ret)
{
	struct stele_writable *table = NULL;
	int r = stele_writable_open(tx, name, expected, &table);

	return r < 0 ? r : stele_writable_get(table, key, key_bits, ret);
}
