/* SPDX-License-Identifier: MIT
 *
 * Rows as text and back: encoded keys and values to cells, fields of text to encoded keys and
 * values, by a table's schema. */
#ifndef TOOLS_ROWS_ROW_H
#define TOOLS_ROWS_ROW_H

#include <stdbool.h>
#include <stele/stele.h>
#include "tools/base/escape.h"
#include "tools/output/output.h"

/* ---- to cells ---- */

struct row_cells {
	const struct stele_schema *schema;
	struct output_column *columns; /* schema->column_count of both */
	struct cell *cells;
	char *text; /* of the cells */
	size_t capacity;
};

/* `schema` must stay until row_cells_close(). */
void row_cells_open(struct row_cells *row, const struct stele_schema *schema);
void row_cells_close(struct row_cells *row);

/* Fills row->cells, which hold until the next call. Integers that fit 64 bits with a sign, finite
 * floats and bools become literals, everything else text. Returns 0, or a negative errno (no
 * sentence printed). */
int row_cells_fill(struct row_cells *row, const void *key, unsigned key_bits, const void *value,
                   size_t value_size);

/* True when a table puts the type to the right side. */
bool row_type_is_number(enum stele_type type);

/* The key's columns joined by commas, as the command takes them. */
void row_print_key(struct text *text, const struct row_cells *row);

/* ---- from fields ---- */

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

size_t schema_key_columns(const struct stele_schema *schema);

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

/* The library's last sentence, made to start with the column's name where it does not. The result
 * holds until the next call. */
const char *column_sentence(const struct stele_column *column);

#endif
