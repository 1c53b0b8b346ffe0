/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <stele/stele.h>
#include "tools/base/fail.h"
#include "tools/base/heap.h"
#include "tools/base/status.h"
#include "tools/input/put.h"
#include "tools/rows/row.h"

/* Sets a column in a value of zeros to its default, or to a word if it is an enumeration. */
static void put_fill_column(const struct stele_column *column, uint8_t *value)
{
	struct stele_column element = *column;
	size_t size;

	if (column->default_value) {
		memcpy(value + column->offset, column->default_value, column->size);
	} else if (column->word_count > 0) {
		element.count = 0;
		element.size = column->count > 0 ? column->size / column->count : column->size;
		for (uint32_t at = 0; at < column->size; at += element.size)
			stele_value_parse(&element, column->words[0].name,
			                  strlen(column->words[0].name),
			                  value + column->offset + at, element.size, &size);
	}
}

/* Returns a value that the table would take, on the heap. */
static void *put_any_value(const struct stele_schema *schema)
{
	uint8_t *value = heap_realloc(NULL, schema->value_size + 1);

	memset(value, 0, schema->value_size + 1);
	for (size_t i = 0; i < schema->column_count; i++)
		if (!schema->columns[i].key)
			put_fill_column(&schema->columns[i], value);
	return value;
}

/* Parses the value of a row that does not exist. Sets `*ret_missing` if columns are missing. */
static int put_parse_new(const struct stele_schema *schema, const struct row_text *text,
                         const struct condition *condition, struct row_buffer *row,
                         bool *ret_missing)
{
	void *any = put_any_value(schema);
	int result;

	/* First as a change of another row, so that an error is about a column that is given. */
	result = row_parse_value(
		text, schema, &(struct stele_row){.value = any, .value_size = schema->value_size},
		row);
	free(any);
	/* If the condition needs an existing row, stele_writable_put_if() reports that the row is
	 * missing, instead of an error about missing columns. */
	if (result < 0 || (condition->given && condition->version.version != 0))
		return result;
	result = row_parse_value(text, schema, NULL, row);
	*ret_missing = result < 0;
	return result;
}

/* Reports that a put or a deletion failed. `missing` says that the row is not there, and that its
 * text has not all columns. */
static enum status put_fail(const char *where, const struct condition *condition, int result,
                            bool missing)
{
	/* The version was kept in another region. */
	if (result == -EIDRM)
		return fail(STATUS_CONDITION, "%s%s: %s", where, condition->option,
		            stele_last_error());
	return fail(fail_status(result), "%s%s%s", where,
	            missing ? "there is no row with this key: " : "", stele_last_error());
}

enum status put_partial(const char *where, struct stele_writable *table,
                        const struct stele_schema *schema, const struct row_text *text,
                        const struct condition *condition, struct row_buffer *row)
{
	struct stele_row there;
	bool missing = false;
	int result;

	result = stele_writable_get(table, row->key.bytes, row->key.bits, &there);
	if (result == 1)
		result = row_parse_value(text, schema, &there, row);
	else if (result == 0)
		result = put_parse_new(schema, text, condition, row, &missing);
	if (result >= 0 && condition->given)
		result = stele_writable_put_if(table, row->key.bytes, row->key.bits, row->value,
		                               row->value_size, &condition->at);
	else if (result >= 0)
		result = stele_writable_put(table, row->key.bytes, row->key.bits, row->value,
		                            row->value_size);
	if (result < 0)
		return put_fail(where, condition, result, missing);
	return STATUS_DONE;
}

enum status put_delete(const char *where, struct stele_writable *table,
                       const struct condition *condition, const struct stele_key *key,
                       bool *ret_there)
{
	int result;

	if (condition->given)
		result = stele_writable_delete_if(table, key->bytes, key->bits, &condition->at);
	else
		result = stele_writable_delete(table, key->bytes, key->bits);
	if (result < 0)
		return put_fail(where, condition, result, false);
	*ret_there = result == 1;
	return STATUS_DONE;
}
