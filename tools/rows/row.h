/* SPDX-License-Identifier: MIT
 * Rows that were read as text: the text of one row, and its encoded key and value. The input of
 * files, operands and `stele apply' use this. */
#ifndef TOOLS_ROWS_ROW_H
#define TOOLS_ROWS_ROW_H

#include <stdbool.h>
#include <stele/stele.h>

/* The text of a row. The memory belongs to whoever filled in the struct. */
struct row_text {
	enum { ROW_FIELDS, ROW_JSON, ROW_CSV } form;
	/* ROW_FIELDS: one for each column of the schema. */
	const struct stele_field *fields;
	/* ROW_JSON, ROW_CSV: an object, or a line. */
	const char *text;
	size_t length;
	/* ROW_CSV: the columns of the line. */
	const struct stele_csv *csv;
};

/* An encoded row. Initialized with zeroes, reused from row to row, and closed at the end. Sizes and
 * capacities are in bytes. */
struct row_buffer {
	struct stele_key key;
	unsigned char *value;
	size_t value_size;
	size_t capacity; /* of `value` */
};

/* Frees the buffer of the row. */
void row_buffer_close(struct row_buffer *row);

/* Returns the number of key columns of the schema. */
size_t row_key_columns(const struct stele_schema *schema);

/* Encode the key of a row, all columns of which must be in the text; its value, to which `present`
 * (may be NULL) adds the columns that the text does not have; or both. Return 0, or a negative
 * errno of the library. */
int row_parse_key(const struct row_text *text, const struct stele_schema *schema,
                  struct row_buffer *row);
int row_parse_value(const struct row_text *text, const struct stele_schema *schema,
                    const struct stele_row *present, struct row_buffer *row);
int row_parse(const struct row_text *text, const struct stele_schema *schema,
              struct row_buffer *row);

#endif
