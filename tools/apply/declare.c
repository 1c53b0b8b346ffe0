/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <stele/stele.h>
#include "tools/apply/declare.h"
#include "tools/base/fail.h"
#include "tools/base/heap.h"
#include "tools/base/status.h"
#include "tools/base/text.h"

/* A row in `rows->bytes`: its key, and its value behind it. */
struct declare_row {
	size_t start; /* offset in bytes */
	unsigned key_bits;
	size_t value_size;
};

/* Copies of the rows of a table. */
struct declare_rows {
	struct text bytes;
	struct declare_row *rows;
	size_t count, capacity;
};

static size_t declare_key_size(unsigned bits)
{
	return (bits + 7) / 8;
}

static void declare_add(struct declare_rows *rows, const struct stele_row *row, size_t value_size)
{
	if (rows->count == rows->capacity) {
		rows->capacity = rows->capacity * 2 + 64;
		rows->rows = heap_realloc(rows->rows, rows->capacity * sizeof(*rows->rows));
	}
	rows->rows[rows->count++] =
		(struct declare_row){rows->bytes.length, row->key_bits, value_size};
	text_append(&rows->bytes, row->key, declare_key_size(row->key_bits));
	text_append(&rows->bytes, row->value, value_size);
}

/* Returns the size of a value by a schema: values with a last column of any length keep theirs. */
static size_t declare_value_size(const struct stele_schema *schema, size_t present)
{
	const struct stele_column *last = &schema->columns[schema->column_count - 1];

	if (!last->key && (last->type == STELE_TEXT || last->type == STELE_BYTES))
		return present;
	return schema->value_size < present ? schema->value_size : present;
}

/* Copies all rows, without the columns that the schema does not have. Returns 0 or a negative errno
 * of the library. */
static int declare_copy_rows(struct stele_transaction *tx, const char *name,
                             const struct stele_schema *schema, struct declare_rows *ret)
{
	struct stele_writable *table;
	struct stele_cursor *cursor;
	struct stele_row row;
	int result = stele_writable_open(tx, name, NULL, &table);

	if (result == 0)
		result = stele_writable_cursor_open(table, &cursor);
	if (result < 0)
		return result;
	while ((result = stele_cursor_next(cursor, &row)) == 1)
		declare_add(ret, &row, declare_value_size(schema, row.value_size));
	stele_cursor_close(cursor);
	return result;
}

/* Puts the copied rows. A row that the schema does not allow, such as one with a word that an
 * enumeration no longer has, is left out: it is another one in the source, and follows. */
static int declare_put_rows(struct stele_transaction *tx, const char *name,
                            const struct declare_rows *rows)
{
	struct stele_writable *table;
	int result = stele_writable_open(tx, name, NULL, &table);

	for (size_t i = 0; result >= 0 && i < rows->count; i++) {
		const struct declare_row *row = &rows->rows[i];
		const char *key = rows->bytes.bytes + row->start;

		result = stele_writable_put(table, key, row->key_bits,
		                            key + declare_key_size(row->key_bits), row->value_size);
		if (result == -EINVAL)
			result = 0;
	}
	return result;
}

/* Drops the table and creates it again, with its rows if `keep` is true. */
static int declare_again(struct stele_transaction *tx, const char *name,
                         const struct stele_schema *schema, bool keep)
{
	struct declare_rows rows = {0};
	int result = keep ? declare_copy_rows(tx, name, schema, &rows) : 0;

	if (result >= 0)
		result = stele_transaction_drop_table(tx, name);
	if (result >= 0)
		result = stele_transaction_create_table(tx, name, schema);
	if (result >= 0 && rows.count)
		result = declare_put_rows(tx, name, &rows);
	text_free(&rows.bytes);
	free(rows.rows);
	return result;
}

enum status declare_table(struct stele_transaction *tx, const char *where, const char *name,
                          const struct stele_schema *schema)
{
	const struct stele_schema *present;
	int result = stele_transaction_schema(tx, name, &present);

	if (result == -ENXIO) {
		result = stele_transaction_create_table(tx, name, schema);
	} else if (result >= 0) {
		bool readable = stele_schema_compatible(schema, present) >= 0;

		result = stele_transaction_alter_table(tx, name, schema);
		if (result == -EMEDIUMTYPE)
			result = declare_again(tx, name, schema, readable);
	}
	return result < 0 ? fail(fail_status(result), "%s%s", where, stele_last_error())
	                  : STATUS_DONE;
}

enum status declare_drop(struct stele_transaction *tx, const char *where, const char *name)
{
	int result = stele_transaction_drop_table(tx, name);

	return result < 0 && result != -ENXIO
	               ? fail(fail_status(result), "%s%s", where, stele_last_error())
	               : STATUS_DONE;
}
