/* SPDX-License-Identifier: MIT
 * Encodes the fields of a row, which are text, into a key and a value by the table's schema. The
 * parsers of CSV, JSON and operands use this. */
#ifndef TOOLS_ROWS_ROW_H
#define TOOLS_ROWS_ROW_H

#include <stdbool.h>
#include <stele/stele.h>

/* The text of one column. */
struct field {
	const char *text;
	size_t length;
	bool given; /* false: the row has no text for this column */
};

/* An encoded row. Initialized with zeroes, reused from row to row, and closed at the end. Sizes and
 * capacities are in bytes. */
struct row_buffer {
	struct stele_key key;
	unsigned char *value;
	size_t value_size;
	size_t capacity; /* of `value` */
	/* Holds one column while it is parsed. */
	unsigned char *scratch;
	size_t scratch_capacity;
};

/* Frees the buffers of the row. */
void row_buffer_close(struct row_buffer *row);

/* Returns the number of key columns of the schema. */
size_t row_key_columns(const struct stele_schema *schema);

/* In the functions below, `fields` has one entry for each column of the schema. Functions that
 * return int return 0, or a negative errno of the library, whose error message names the column. */

/* Encodes the key columns, all of which must be given, into row->key. */
int row_parse_key(struct row_buffer *row, const struct stele_schema *schema,
                  const struct field *fields);

/* Encodes one column and appends it to row->key. */
int row_append_key(struct row_buffer *row, const struct stele_column *column, const char *text,
                   size_t length);

/* Sets row->value to an existing value, or, if `old` is NULL, to the defaults of the columns, and
 * zeroes. row_parse_value() then sets columns in it. */
void row_start_value(struct row_buffer *row, const struct stele_schema *schema, const void *old,
                     size_t old_size);

/* Encodes the value columns that are given into row->value. */
int row_parse_value(struct row_buffer *row, const struct stele_schema *schema,
                    const struct field *fields);

/* Writes the names of the missing columns that have no default, joined by ", ", to `buffer`, and returns `buffer`. Key
 * columns count only if `keys` is true. Truncates the list to `size` bytes. */
const char *row_missing(const struct stele_schema *schema, const struct field *fields, bool keys,
                        char *buffer, size_t size);

#endif
