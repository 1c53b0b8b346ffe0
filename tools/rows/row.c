/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <stele/stele.h>
#include "tools/base/heap.h"
#include "tools/rows/row.h"

void row_buffer_close(struct row_buffer *row)
{
	free(row->value);
	*row = (struct row_buffer){0};
}

size_t row_key_columns(const struct stele_schema *schema)
{
	size_t count = 0;

	while (count < schema->column_count && schema->columns[count].key)
		count++;
	return count;
}

static int row_parse_form(const struct row_text *text, const struct stele_schema *schema,
                          const struct stele_row *present, struct stele_key *key, void *value,
                          size_t *size)
{
	switch (text->form) {
	case ROW_JSON:
		return stele_row_parse_json(schema, text->text, text->length, present, key, value,
		                            size);
	case ROW_CSV:
		return stele_row_parse_csv(schema, text->csv, text->text, text->length, present,
		                           key, value, size);
	default:
		return stele_row_parse(schema, text->fields, present, key, value, size);
	}
}

/* Parses a value, and perhaps a key, into a buffer that grows if it is too small. */
static int row_parse_grow(const struct row_text *text, const struct stele_schema *schema,
                          const struct stele_row *present, struct stele_key *key,
                          struct row_buffer *row)
{
	int result;

	if (!row->value) {
		row->capacity = schema->value_size + 64;
		row->value = heap_realloc(NULL, row->capacity);
	}
	for (;;) {
		row->value_size = row->capacity;
		result = row_parse_form(text, schema, present, key, row->value, &row->value_size);
		if (result != -EMSGSIZE)
			return result;
		row->capacity = row->value_size * 2 + 64;
		row->value = heap_realloc(row->value, row->capacity);
	}
}

int row_parse_key(const struct row_text *text, const struct stele_schema *schema,
                  struct row_buffer *row)
{
	return row_parse_form(text, schema, NULL, &row->key, NULL, NULL);
}

int row_parse_value(const struct row_text *text, const struct stele_schema *schema,
                    const struct stele_row *present, struct row_buffer *row)
{
	return row_parse_grow(text, schema, present, NULL, row);
}

int row_parse(const struct row_text *text, const struct stele_schema *schema,
              struct row_buffer *row)
{
	return row_parse_grow(text, schema, NULL, &row->key, row);
}
