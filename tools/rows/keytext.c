/* SPDX-License-Identifier: MIT */
#include <csv.h>
#include <string.h>
#include <stele/stele.h>
#include "tools/base/fail.h"
#include "tools/base/status.h"
#include "tools/base/text.h"
#include "tools/rows/column.h"
#include "tools/rows/keytext.h"
#include "tools/rows/row.h"

/* The columns of a key, as text. */
struct parts {
	struct text text;               /* of all columns, one after the other */
	size_t ends[STELE_COLUMNS_MAX]; /* offset of the end of each column in `text` */
	size_t count;                   /* number of columns found; may exceed STELE_COLUMNS_MAX */
};

static void keytext_part_ended(void *bytes, size_t length, void *context)
{
	struct parts *parts = context;

	text_append(&parts->text, bytes, length);
	if (parts->count < STELE_COLUMNS_MAX)
		parts->ends[parts->count] = parts->text.length;
	parts->count++;
}

static void keytext_nothing_ended(int byte, void *context)
{
	(void)byte;
	(void)context;
}

static int keytext_is_not_space(unsigned char byte)
{
	(void)byte;
	return 0;
}

/* Tells libcsv that no byte ends a line: a line feed in a key is part of the key. */
static int keytext_is_not_end(unsigned char byte)
{
	(void)byte;
	return 0;
}

/* Splits a key at its commas as CSV. Returns false if its quotation marks do not match. */
static bool keytext_split_quoted(const char *text, struct parts *parts)
{
	struct csv_parser parser;
	size_t length = strlen(text);
	bool good;

	csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI);
	csv_set_space_func(&parser, keytext_is_not_space);
	csv_set_term_func(&parser, keytext_is_not_end);
	good = csv_parse(&parser, text, length, keytext_part_ended, keytext_nothing_ended, parts) ==
	               length &&
	       csv_fini(&parser, keytext_part_ended, keytext_nothing_ended, parts) == 0;
	csv_free(&parser);
	return good;
}

/* Splits a key into its columns. `complete`: all columns of the key must be there, otherwise at
 * least the first. */
static enum status keytext_split(const char *where, const char *text,
                                 const struct stele_schema *schema, bool complete,
                                 struct parts *ret)
{
	size_t wanted = row_key_columns(schema);
	const char *what = complete ? "key" : "prefix";
	char format[1024];
	bool good = true;

	/* A key of one column is not split. An empty prefix, with which all keys start, is an empty
	 * start of the first column. */
	if (wanted == 1 || (!complete && !*text))
		keytext_part_ended((void *)(uintptr_t)text, strlen(text), ret);
	else
		good = keytext_split_quoted(text, ret);
	if (good && ret->count <= wanted && ret->count >= (complete ? wanted : 1))
		return STATUS_DONE;
	if (!good)
		return fail(
			STATUS_INPUT,
			"%s%s \"%.64s\": the quotation marks of a column do not match; quote the "
			"complete column, and double each quotation mark inside it",
			where, what, text);
	stele_schema_format(schema, format, sizeof(format));
	return fail(STATUS_INPUT,
	            "%s%s \"%.64s\": expected %s%zu columns joined by commas, found %zu; the "
	            "table is: %s",
	            where, what, text, complete ? "" : "at most ", wanted, ret->count, format);
}

/* Appends a column to the key. If the column is a prefix and `text` is an address, appends all bits
 * of the address. */
static int keytext_append_address(struct row_buffer *row, const struct stele_column *column,
                                  const char *text, size_t length)
{
	struct stele_column address = *column;

	if (!memchr(text, '/', length) && column->type == STELE_IPV4NET)
		address.type = STELE_IPV4;
	else if (!memchr(text, '/', length) && column->type == STELE_IPV6NET)
		address.type = STELE_IPV6;
	else
		return row_append_key(row, column, text, length);
	address.size = 0;
	return row_append_key(row, &address, text, length);
}

/* Appends the start of a column to the key: a prefix of an address, or the first letters of
 * text. */
static int keytext_append_start(struct row_buffer *row, const struct stele_column *column,
                                const char *text, size_t length)
{
	struct stele_column start = *column;

	/* An empty start matches all values of all types. */
	if (length == 0)
		return 0;
	start.size = 0;
	if (column->type == STELE_CHAR && length <= column->size)
		start.type = STELE_TEXT;
	else if (column->type == STELE_IPV4 && memchr(text, '/', length))
		start.type = STELE_IPV4NET;
	else if (column->type == STELE_IPV6 && memchr(text, '/', length))
		start.type = STELE_IPV6NET;
	else
		return keytext_append_address(row, column, text, length);
	return row_append_key(row, &start, text, length);
}

/* Encodes a key. `append_last` appends its last column, row_append_key() the others. */
static enum status keytext_parse_parts(
	const char *where, const char *text, const struct stele_schema *schema, bool complete,
	int (*append_last)(struct row_buffer *, const struct stele_column *, const char *, size_t),
	struct row_buffer *ret)
{
	struct parts parts = {0};
	enum status status;

	ret->key.bits = 0;
	status = keytext_split(where, text, schema, complete, &parts);
	for (size_t i = 0; status == STATUS_DONE && i < parts.count; i++) {
		size_t start = i ? parts.ends[i - 1] : 0;
		const struct stele_column *column = &schema->columns[i];
		int result;

		result = (i + 1 == parts.count ? append_last : row_append_key)(
			ret, column, parts.text.bytes ? parts.text.bytes + start : "",
			parts.ends[i] - start);
		if (result < 0)
			status = fail(fail_status(result), "%s%s \"%.64s\": %s", where,
			              complete ? "key" : "prefix", text, column_message(column));
	}
	text_free(&parts.text);
	return status;
}

enum status keytext_parse(const char *where, const char *text, const struct stele_schema *schema,
                          struct row_buffer *ret)
{
	return keytext_parse_parts(where, text, schema, true, row_append_key, ret);
}

enum status keytext_parse_address(const char *where, const char *text,
                                  const struct stele_schema *schema, struct row_buffer *ret)
{
	return keytext_parse_parts(where, text, schema, true, keytext_append_address, ret);
}

enum status keytext_parse_start(const char *where, const char *text,
                                const struct stele_schema *schema, struct row_buffer *ret)
{
	return keytext_parse_parts(where, text, schema, false, keytext_append_start, ret);
}
