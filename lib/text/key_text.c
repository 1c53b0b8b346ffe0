/* SPDX-License-Identifier: MIT
 *
 * Keys as users type them. */
#include <errno.h>
#include <stdio.h>
#include <stele/row.h>

#include "lib/base/error.h"
#include "lib/base/escape.h"
#include "lib/schema/schema.h"
#include "lib/text/csv_read.h"
#include "lib/text/value_text.h"

/* Writes the text of a column of a longer key, in quotation marks if it needs them. */
static void key_text_put_quoted(struct sink *sink, const char *text, size_t length)
{
	if (length == 0 || (!memchr(text, ',', length) && !memchr(text, '"', length))) {
		sink_put(sink, text, length);
		return;
	}
	sink_put(sink, "\"", 1);
	for (size_t i = 0; i < length; i++)
		sink_put(sink, text[i] == '"' ? "\"\"" : &text[i], text[i] == '"' ? 2 : 1);
	sink_put(sink, "\"", 1);
}

int64_t stele_key_format(const struct stele_schema *schema, const void *key, unsigned key_bits,
                         char *buffer, size_t size)
{
	const struct stele_row row = {.key = key, .key_bits = key_bits};
	struct sink sink = sink_start(buffer, size);
	size_t count = schema_key_columns(schema);
	char text[2 * STELE_KEY_MAX + 1];
	struct value_text value;

	for (size_t i = 0; i < count; i++) {
		int r = value_text_find(schema, i, &row, &value);
		size_t length;

		if (r < 0)
			return r;
		if (i > 0)
			sink_put(&sink, ",", 1);
		length = stele_value_format(&schema->columns[i], value.at, value.size, text,
		                            sizeof(text));
		if (count == 1)
			sink_put(&sink, text, length);
		else
			key_text_put_quoted(&sink, text, length);
	}
	return (int64_t)sink.length;
}

/* ---- parsing ---- */

/* What the text of a key is. */
struct key_text {
	const char *what; /* "key" or "prefix", for messages */
	bool complete;    /* all columns must be there, otherwise at least the first */
	/* Appends the last column. */
	int (*append_last)(struct stele_key *key, const struct stele_column *column,
	                   const char *text, size_t length);
};

/* Appends a column. If the column is a prefix and `text` is an address, appends all bits of the
 * address. */
static int key_text_append_address(struct stele_key *key, const struct stele_column *column,
                                   const char *text, size_t length)
{
	struct stele_column address = *column;

	if (memchr(text, '/', length) ||
	    (column->type != STELE_IPV4NET && column->type != STELE_IPV6NET))
		return fields_append_key(key, column, text, length);
	address.type = column->type == STELE_IPV4NET ? STELE_IPV4 : STELE_IPV6;
	address.size = 0;
	return fields_append_key(key, &address, text, length);
}

/* Appends the start of a column: a prefix of an address, or the first letters of text. */
static int key_text_append_start(struct stele_key *key, const struct stele_column *column,
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
		return key_text_append_address(key, column, text, length);
	return fields_append_key(key, &start, text, length);
}

/* Splits the text into columns. Sets `*ret_count` to how many there are, of which `columns` gets at
 * most STELE_COLUMNS_MAX. Returns 0, -EINVAL (the quotation marks do not match) or -ENOMEM. */
static int key_text_split(struct fields *fields, const char *text, size_t length,
                          struct stele_field *columns, size_t *ret_count)
{
	struct csv_reader reader;
	struct stele_field field;
	size_t count = 0;
	int r;

	csv_read_start(&reader, fields, text, length, 0);
	while ((r = csv_read_field(&reader, &field)) == 1) {
		if (count < STELE_COLUMNS_MAX)
			columns[count] = field;
		count++;
	}
	*ret_count = count;
	return r;
}

static int key_text_refuse_count(const struct stele_schema *schema, const struct key_text *how,
                                 size_t found)
{
	struct stele_schema key = *schema;
	char format[768];

	/* The columns of the key come first. */
	key.column_count = schema_key_columns(schema);
	stele_schema_format(&key, format, sizeof(format));
	return error_set(EINVAL,
	                 "expected %s%zu columns joined by commas, found %zu; the key is: %s",
	                 how->complete ? "" : "at most ", key.column_count, found, format);
}

static int key_text_parse_columns(struct fields *fields, const struct key_text *how,
                                  const char *text, size_t length, struct stele_key *key)
{
	const struct stele_schema *schema = fields->schema;
	size_t wanted = schema_key_columns(schema), count = 1;
	struct stele_field columns[STELE_COLUMNS_MAX] = {{text, length}};
	int r = 0;

	/* A key of one column is not split. An empty start, with which all keys start, is an empty
	 * start of the first column. */
	if (wanted > 1 && (how->complete || length > 0))
		r = key_text_split(fields, text, length, columns, &count);
	if (r == -EINVAL)
		return error_set(EINVAL,
		                 "the quotation marks of a column do not match; quote the "
		                 "complete column, and double each quotation mark inside it");
	if (r == 0 && (count > wanted || (how->complete && count < wanted)))
		return key_text_refuse_count(schema, how, count);
	for (size_t i = 0; r == 0 && i < count; i++)
		r = (i + 1 == count ? how->append_last : fields_append_key)(
			key, &schema->columns[i], columns[i].text, columns[i].length);
	return r;
}

static int key_text_parse(const struct stele_schema *schema, const struct key_text *how,
                          const char *text, size_t length, struct stele_key *ret)
{
	struct escaped escaped;
	struct fields fields;
	struct stele_key key;
	char message[1024];
	int r;

	key.bits = 0;
	fields_init(&fields, schema, length);
	r = key_text_parse_columns(&fields, how, text, length, &key);
	fields_fini(&fields);
	if (r < 0) {
		snprintf(message, sizeof(message), "%s", stele_last_error());
		error_message("%s %s: %s", how->what, escape(&escaped, text, length), message);
		return r;
	}
	ret->bits = key.bits;
	memcpy(ret->bytes, key.bytes, (key.bits + 7) / 8);
	return 0;
}

int stele_key_parse(const struct stele_schema *schema, const char *text, size_t length,
                    struct stele_key *ret)
{
	static const struct key_text how = {"key", true, fields_append_key};

	return key_text_parse(schema, &how, text, length, ret);
}

int stele_key_parse_address(const struct stele_schema *schema, const char *text, size_t length,
                            struct stele_key *ret)
{
	static const struct key_text how = {"key", true, key_text_append_address};

	return key_text_parse(schema, &how, text, length, ret);
}

int stele_key_parse_start(const struct stele_schema *schema, const char *text, size_t length,
                          struct stele_key *ret)
{
	static const struct key_text how = {"prefix", false, key_text_append_start};

	return key_text_parse(schema, &how, text, length, ret);
}
