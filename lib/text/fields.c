/* SPDX-License-Identifier: MIT
 *
 * Encodes the texts of columns as a row: stele_row_parse(). */
#include "lib/text/fields.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <stele/row.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/base/escape.h"
#include "lib/schema/schema.h"
#include "lib/types/distance.h"

/* How many times longer decoded text may be than its source: 9e14 stands for 15 digits. */
#define FIELDS_EXPANSION 5

void fields_init(struct fields *fields, const struct stele_schema *schema, size_t source)
{
	fields->schema = schema;
	fields->source = source;
	fields->memory = NULL;
	fields->used = 0;
	memset(fields->field, 0, schema->column_count * sizeof(fields->field[0]));
}

void fields_fini(struct fields *fields)
{
	free(fields->memory);
}

char *fields_memory(struct fields *fields)
{
	if (!fields->memory)
		fields->memory = malloc(fields->source * FIELDS_EXPANSION + 32);
	if (!fields->memory) {
		error_set(ENOMEM, "no memory for a row of %zu bytes", fields->source);
		return NULL;
	}
	return fields->memory + fields->used;
}

/* ---- names of columns ---- */

/* Returns the column that an unknown name probably means, or NULL. */
static const char *fields_nearest(const struct stele_schema *schema, const char *name,
                                  size_t length)
{
	/* One letter may be wrong, unless it is the only one, and in longer names up to a third of
	 * them. */
	unsigned best = length < 6 ? 1 + (length > 1) : (unsigned)length / 3 + 1;
	const char *nearest = NULL;

	for (size_t i = 0; i < schema->column_count; i++) {
		const char *column = schema->columns[i].name;
		unsigned found = distance(name, length, column, strlen(column), 1);

		if (found < best) {
			best = found;
			nearest = column;
		}
	}
	return nearest;
}

int fields_column(const struct stele_schema *schema, const char *name, size_t length)
{
	char copy[STELE_NAME_MAX + 1] = "", columns[1024];
	struct escaped escaped;
	const char *nearest = NULL;
	int column = -1;

	if (length <= STELE_NAME_MAX && !memchr(name, '\0', length)) {
		memcpy(copy, name, length);
		column = stele_schema_column(schema, copy);
		nearest = fields_nearest(schema, name, length);
	}
	if (column >= 0)
		return column;
	if (nearest)
		return error_set(EINVAL, "the table has no column %s; did you mean \"%s\"?",
		                 escape(&escaped, name, length), nearest);
	stele_schema_format(schema, columns, sizeof(columns));
	return error_set(EINVAL, "the table has no column %s; its columns are: %s",
	                 escape(&escaped, name, length), columns);
}

int fields_check_missing(const struct stele_schema *schema, const bool *has, bool keys, bool values,
                         const char *what)
{
	char names[512] = "";
	size_t length = 0;

	for (size_t i = 0; i < schema->column_count && length < sizeof(names); i++) {
		const struct stele_column *column = &schema->columns[i];

		if (has[i] || !(column->key ? keys : values) || column->default_value)
			continue;
		length += (size_t)snprintf(names + length, sizeof(names) - length, "%s%s",
		                           length > 0 ? ", " : "", column->name);
	}
	return length == 0 ? 0 : error_set(EINVAL, "%s; missing: %s", what, names);
}

/* ---- encoding ---- */

/* Keeps the message of the last error, with the name of the column before it, unless it has the
 * name. Returns `r`. */
static int fields_error(const struct stele_column *column, int r)
{
	char message[1024];

	snprintf(message, sizeof(message), "%s", stele_last_error());
	if (strncmp(message, "column ", strlen("column ")) != 0)
		error_message("column \"%s\": %s", column->name, message);
	return r;
}

int fields_append_key(struct stele_key *key, const struct stele_column *column, const char *text,
                      size_t length)
{
	_Alignas(8) uint8_t value[STELE_KEY_MAX];
	size_t size;
	int r;

	memset(value, 0, 32);
	r = stele_value_parse(column, text, length, value, sizeof(value), &size);
	if (r == -EMSGSIZE)
		r = error_set(EINVAL, "column \"%s\" has %zu bytes; a key has at most %u bytes",
		              column->name, column->type == STELE_BYTES ? length / 2 : length,
		              STELE_KEY_MAX);
	if (r == 0)
		r = stele_key_append(key, column, value, size);
	return r < 0 ? fields_error(column, r) : 0;
}

static int fields_parse_key(const struct stele_schema *schema, const struct stele_field *fields,
                            struct stele_key *key)
{
	int r = 0;

	key->bits = 0;
	for (size_t i = 0; r == 0 && i < schema_key_columns(schema); i++)
		r = fields_append_key(key, &schema->columns[i], fields[i].text, fields[i].length);
	return r;
}

static bool fields_is_variable(const struct stele_column *column)
{
	return column->type == STELE_TEXT || column->type == STELE_BYTES;
}

/* Returns the size that the value will have. The last column alone may be variable. */
static size_t fields_value_size(const struct stele_schema *schema, const struct stele_field *fields,
                                const struct stele_row *present)
{
	const struct stele_column *last = &schema->columns[schema->column_count - 1];
	const struct stele_field *field = &fields[schema->column_count - 1];

	if (last->key || !fields_is_variable(last) || (!field->text && !present))
		return schema->value_size;
	if (!field->text)
		return present->value_size;
	return last->offset + (last->type == STELE_BYTES ? field->length / 2 : field->length);
}

/* Fills the value with the columns that have no text: those of the row that is there, or the
 * defaults. Returns 0, or -EBADMSG if the row does not fit the schema. */
static int fields_start_value(const struct stele_schema *schema, const struct stele_row *present,
                              uint8_t *value, size_t size)
{
	const void *at;
	size_t length;

	if (present && present->value_size < schema->value_size)
		return error_set(EBADMSG,
		                 "the value has %zu bytes, which is too short for this table",
		                 present->value_size);
	if (size > 0)
		memset(value, 0, size);
	if (present) {
		size = size < present->value_size ? size : present->value_size;
		if (size > 0)
			memcpy(value, present->value, size);
		return 0;
	}
	for (size_t i = 0; i < schema->column_count; i++) {
		const struct stele_column *column = &schema->columns[i];

		if (column->key || !column->default_value)
			continue;
		/* The size of a column that is no char[N] may have been left 0. */
		length = column->size;
		if (length == 0 && stele_value_column(schema, i, value, size, &at, &length) < 0)
			return -EBADMSG;
		memcpy(value + column->offset, column->default_value, length);
	}
	return 0;
}

static int fields_parse_value(const struct stele_schema *schema, const struct stele_field *fields,
                              const struct stele_row *present, uint8_t *value, size_t size)
{
	int r = fields_start_value(schema, present, value, size);

	for (size_t i = schema_key_columns(schema); r == 0 && i < schema->column_count; i++) {
		const struct stele_column *column = &schema->columns[i];
		size_t parsed;

		if (!fields[i].text)
			continue;
		r = stele_value_parse(column, fields[i].text, fields[i].length,
		                      value + column->offset, size - column->offset, &parsed);
		if (r < 0)
			return fields_error(column, r);
	}
	return r;
}

int stele_row_parse(const struct stele_schema *schema, const struct stele_field *fields,
                    const struct stele_row *present, struct stele_key *ret_key, void *value,
                    size_t *size)
{
	bool has[STELE_COLUMNS_MAX];
	struct stele_key key;
	size_t need = 0;
	int r;

	for (size_t i = 0; i < schema->column_count; i++)
		has[i] = fields[i].text != NULL;
	r = fields_check_missing(schema, has, ret_key != NULL, value && !present,
	                         "expected all columns");
	if (r == 0 && ret_key)
		r = fields_parse_key(schema, fields, &key);
	if (r == 0 && value) {
		need = fields_value_size(schema, fields, present);
		if (need > *size) {
			r = error_set(EMSGSIZE,
			              "the value needs a buffer of %zu bytes, but this one has %zu",
			              need, *size);
			*size = need;
			return r;
		}
		r = fields_parse_value(schema, fields, present, value, need);
		if (r == 0)
			r = stele_value_check(schema, value, need);
	}
	if (r < 0)
		return r;
	if (value)
		*size = need;
	if (ret_key) {
		ret_key->bits = key.bits;
		memcpy(ret_key->bytes, key.bytes, (key.bits + 7) / 8);
	}
	return 0;
}
