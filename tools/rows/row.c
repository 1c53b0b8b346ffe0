/* SPDX-License-Identifier: MIT
 * Parses rows from fields of text. tools/output/row_cells.c formats rows as text. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stele/stele.h>
#include "tools/base/heap.h"
#include "tools/rows/row.h"

void row_buffer_close(struct row_buffer *row)
{
	free(row->value);
	free(row->scratch);
	*row = (struct row_buffer){0};
}

size_t row_key_columns(const struct stele_schema *schema)
{
	size_t count = 0;

	while (count < schema->column_count && schema->columns[count].key)
		count++;
	return count;
}

static bool row_is_variable(const struct stele_column *column)
{
	return column->type == STELE_TEXT || column->type == STELE_BYTES;
}

/* Parses a value from text into row->scratch, which grows if it is too small. A value of variable
 * size is never longer than its text. A value of fixed size needs at most 32 bytes, or N for
 * char[N]. */
static int row_parse_scratch(struct row_buffer *row, const struct stele_column *column,
                             const char *text, size_t length, size_t *ret_size)
{
	size_t needed = 32;

	if (row_is_variable(column))
		needed = length > needed ? length : needed;
	else if (column->size > needed)
		needed = column->size;
	if (row->scratch_capacity < needed) {
		row->scratch = heap_realloc(row->scratch, needed * 2);
		row->scratch_capacity = needed * 2;
	}
	if (!row_is_variable(column))
		memset(row->scratch, 0, needed);
	return stele_value_parse(column, text, length, row->scratch, needed, ret_size);
}

int row_append_key(struct row_buffer *row, const struct stele_column *column, const char *text,
                   size_t length)
{
	size_t size;
	int result;

	result = row_parse_scratch(row, column, text, length, &size);
	if (result < 0)
		return result;
	return stele_key_append(&row->key, column, row->scratch, size);
}

int row_parse_key(struct row_buffer *row, const struct stele_schema *schema,
                  const struct field *fields)
{
	row->key.bits = 0;
	for (size_t i = 0; i < row_key_columns(schema); i++) {
		int result =
			row_append_key(row, &schema->columns[i], fields[i].text, fields[i].length);

		if (result < 0)
			return result;
	}
	return 0;
}

static void row_reserve_value(struct row_buffer *row, size_t size)
{
	if (row->capacity >= size)
		return;
	row->capacity = size * 2 + 64;
	row->value = heap_realloc(row->value, row->capacity);
}

void row_start_value(struct row_buffer *row, const struct stele_schema *schema, const void *old,
                     size_t old_size)
{
	row->value_size = old ? old_size : schema->value_size;
	row_reserve_value(row, row->value_size);
	if (old && old_size)
		memcpy(row->value, old, old_size);
	else if (row->value_size)
		memset(row->value, 0, row->value_size);
	for (size_t i = row_key_columns(schema); !old && i < schema->column_count; i++) {
		const struct stele_column *column = &schema->columns[i];

		if (column->default_value)
			memcpy(row->value + column->offset, column->default_value, column->size);
	}
}

/* Parses a field into its place in row->value. */
static int row_parse_value_column(struct row_buffer *row, const struct stele_column *column,
                                  const struct field *field)
{
	size_t size;
	int result;

	result = row_parse_scratch(row, column, field->text, field->length, &size);
	if (result < 0)
		return result;
	if (row_is_variable(column)) {
		row_reserve_value(row, column->offset + size);
		row->value_size = column->offset + size;
	} else if (column->type == STELE_CHAR) {
		size = column->size;
	}
	if (size)
		memcpy(row->value + column->offset, row->scratch, size);
	return 0;
}

int row_parse_value(struct row_buffer *row, const struct stele_schema *schema,
                    const struct field *fields)
{
	for (size_t i = row_key_columns(schema); i < schema->column_count; i++) {
		int result;

		if (!fields[i].given)
			continue;
		result = row_parse_value_column(row, &schema->columns[i], &fields[i]);
		if (result < 0)
			return result;
	}
	return 0;
}

const char *row_missing(const struct stele_schema *schema, const struct field *fields, bool keys,
                        char *buffer, size_t size)
{
	size_t length = 0;

	buffer[0] = '\0';
	for (size_t i = 0; i < schema->column_count && length < size; i++) {
		if (fields[i].given || schema->columns[i].default_value ||
		    (schema->columns[i].key && !keys))
			continue;
		length += (size_t)snprintf(buffer + length, size - length, "%s%s",
		                           length ? ", " : "", schema->columns[i].name);
	}
	return buffer;
}
