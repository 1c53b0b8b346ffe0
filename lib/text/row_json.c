/* SPDX-License-Identifier: MIT
 *
 * Rows as JSON objects. */
#include <errno.h>
#include <stele/row.h>

#include "lib/base/error.h"
#include "lib/text/json_read.h"
#include "lib/types/quote.h"
#include "lib/text/value_text.h"

/* Returns true if every reader of JSON has a number exactly that has this text: an integer that a
 * double holds, or a finite f64. */
static bool row_json_is_number(enum stele_type type, const char *text, size_t length)
{
	static const char max[] = "9007199254740991";
	size_t sign = length > 0 && text[0] == '-';

	if (type == STELE_F64)
		return memchr(text, 'n', length) == NULL; /* "inf", "nan" */
	if (type < STELE_U8 || type > STELE_I64)
		return false;
	text += sign;
	length -= sign;
	/* A word of an enumeration is no number. */
	if (length == 0 || text[0] < '0' || text[0] > '9')
		return false;
	return length < sizeof(max) - 1 ||
	       (length == sizeof(max) - 1 && memcmp(text, max, length) <= 0);
}

/* Writes one value: an element of an array, or a column that is none. */
static void row_json_put_scalar(struct sink *sink, const struct stele_column *column,
                                const void *value, size_t size)
{
	char text[VALUE_TEXT_MAX];
	size_t length;

	if (column->type == STELE_CHAR || column->type == STELE_TEXT) {
		quote_json(sink, value, size);
		return;
	}
	if (column->type == STELE_BYTES) {
		sink_put(sink, "\"", 1);
		value_text_put_hex(sink, column, value, size);
		sink_put(sink, "\"", 1);
		return;
	}
	length = stele_value_format(column, value, size, text, sizeof(text));
	if (column->type == STELE_BOOL || row_json_is_number(column->type, text, length))
		sink_put(sink, text, length);
	else
		quote_json(sink, text, length);
}

/* Writes the value of a column. Returns 0 or -EBADMSG. */
static int row_json_put_column(struct sink *sink, const struct stele_schema *schema, size_t index,
                               const struct stele_row *row)
{
	const struct stele_column *column = &schema->columns[index];
	struct value_text value;
	struct stele_column element;
	int r = value_text_find(schema, index, row, &value);

	if (r < 0)
		return r;
	if (column->count == 0) {
		row_json_put_scalar(sink, column, value.at, value.size);
		return 0;
	}
	element = value_text_element(column, value.size);
	sink_put(sink, "[", 1);
	for (uint32_t i = 0; i < column->count; i++) {
		if (i > 0)
			sink_put(sink, ", ", 2);
		row_json_put_scalar(sink, &element, (const char *)value.at + i * element.size,
		                    element.size);
	}
	sink_put(sink, "]", 1);
	return 0;
}

int64_t stele_row_format_json_column(const struct stele_schema *schema, size_t column,
                                     const struct stele_row *row, char *buffer, size_t size)
{
	struct sink sink = sink_start(buffer, size);
	int r;

	if (column >= schema->column_count)
		return error_set(EINVAL, "the table has no column %zu; it has %zu", column + 1,
		                 schema->column_count);
	r = row_json_put_column(&sink, schema, column, row);
	return r < 0 ? r : (int64_t)sink.length;
}

int64_t stele_row_format_json(const struct stele_schema *schema, const struct stele_row *row,
                              char *buffer, size_t size)
{
	struct sink sink = sink_start(buffer, size);
	int r;

	sink_put(&sink, "{", 1);
	for (size_t i = 0; i < schema->column_count; i++) {
		sink_put_string(&sink, i > 0 ? ", \"" : "\"");
		sink_put_string(&sink, schema->columns[i].name);
		sink_put(&sink, "\": ", 3);
		r = row_json_put_column(&sink, schema, i, row);
		if (r < 0)
			return r;
	}
	sink_put(&sink, "}", 1);
	return (int64_t)sink.length;
}

int stele_row_parse_json(const struct stele_schema *schema, const char *text, size_t length,
                         const struct stele_row *present, struct stele_key *ret_key, void *value,
                         size_t *size)
{
	struct fields fields;
	int r;

	fields_init(&fields, schema, length);
	r = json_read(&fields, text, length);
	if (r == 0)
		r = stele_row_parse(schema, fields.field, present, ret_key, value, size);
	fields_fini(&fields);
	return r;
}
