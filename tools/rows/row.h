/* SPDX-License-Identifier: MIT
 * Rows from text: encodes the fields of a row into a key and a value, by the table's schema. */
#ifndef TOOLS_ROWS_ROW_H
#define TOOLS_ROWS_ROW_H

#include <stdbool.h>
#include <stele/stele.h>

struct field {
	const char *text;
	size_t length;
	bool given;
};

struct row_buffer {
	struct stele_key key;
	unsigned char *value;
	size_t value_size;
	size_t capacity;
	unsigned char *scratch;
	size_t scratch_capacity;
};

void row_buffer_close(struct row_buffer *row);

size_t row_key_columns(const struct stele_schema *schema);

/* `fields` has one entry for each column of the schema. Each returns 0, or a negative errno with
 * the library's sentence, which names the column. */

/* Encodes the key columns, all of which must be given, into row->key. */
int row_parse_key(struct row_buffer *row, const struct stele_schema *schema,
                  const struct field *fields);
/* Encodes one column to the end of row->key. */
int row_append_key(struct row_buffer *row, const struct stele_column *column, const char *text,
                   size_t length);
/* Starts row->value from an existing value, or all zero (`old` NULL)... */
void row_start_value(struct row_buffer *row, const struct stele_schema *schema, const void *old,
                     size_t old_size);
/* ... and sets the value columns that are given. */
int row_parse_value(struct row_buffer *row, const struct stele_schema *schema,
                    const struct field *fields);

/* The names of the value columns (and, with `keys`, the key columns) that are not given, joined by
 * ", "; empty when all are. `size` bytes at `buffer`, cut short. */
const char *row_missing(const struct stele_schema *schema, const struct field *fields, bool keys,
                        char *buffer, size_t size);

#endif
