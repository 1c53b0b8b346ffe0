/* SPDX-License-Identifier: MIT
 *
 * Checks, compares, copies and formats schemas; checks the names of regions, tables and columns. */
#include "lib/schema/schema.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/base/escape.h"
#include "lib/schema/refuse.h"
#include "lib/schema/type.h"

static bool schema_is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool schema_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Returns what is wrong with a name, such as "is empty", or NULL if the name is allowed. */
static const char *schema_name_fault(const char *name, bool digit_first)
{
	size_t length = strnlen(name, STELE_NAME_MAX + 1);

	if (length == 0)
		return "is empty";
	if (length > STELE_NAME_MAX)
		return "is longer than 63 bytes";
	if (!schema_is_letter(name[0]) && !(digit_first && schema_is_digit(name[0])))
		return digit_first ? "does not start with a letter, a digit or '_'"
		                   : "does not start with a letter or '_'";
	for (size_t i = 1; i < length; i++)
		if (!schema_is_letter(name[i]) && !schema_is_digit(name[i]) && name[i] != '-')
			return "has a character other than a-z A-Z 0-9 _ -";
	return NULL;
}

bool schema_name_is_valid(const char *name)
{
	return !schema_name_fault(name, true);
}

int stele_name_check(const char *what, const char *name)
{
	struct escaped escaped;
	const char *fault;

	if (!name)
		return error_set(EINVAL, "%s name is missing", what);
	fault = schema_name_fault(name, true);
	if (fault)
		return error_set(EINVAL, "%s name %s %s", what,
		                 escape(&escaped, name, strnlen(name, STELE_NAME_MAX + 1)), fault);
	return 0;
}

static int schema_check_name(const struct stele_schema *schema, size_t index)
{
	const char *name = schema->columns[index].name;
	struct escaped escaped;
	const char *fault;

	if (!name)
		return error_set(EINVAL, "column %zu has no name", index + 1);
	fault = schema_name_fault(name, false);
	if (fault)
		return error_set(EINVAL, "column %zu: name %s %s", index + 1,
		                 escape(&escaped, name, strnlen(name, STELE_NAME_MAX + 1)), fault);
	for (size_t i = 0; i < index; i++)
		if (strcmp(schema->columns[i].name, name) == 0)
			return error_set(EINVAL, "columns %zu and %zu are both called \"%s\"",
			                 i + 1, index + 1, name);
	return 0;
}

static int schema_check_type(const struct stele_column *column)
{
	const struct type *type = type_find(column->type);

	if (!type)
		return refuse_type(column);
	if (column->type == STELE_CHAR) {
		if (column->size == 0 || column->size > STELE_VALUE_MAX)
			return error_set(EINVAL,
			                 "column \"%s\" has size %u; a char[N] has 1 to %u bytes",
			                 column->name, column->size, STELE_VALUE_MAX);
	} else if (column->size != 0 && column->size != type->size) {
		return error_set(EINVAL, "column \"%s\" has size %u, but type %s has size %u",
		                 column->name, column->size, type->name, type->size);
	}
	return 0;
}

static int schema_check_key_column(const struct stele_schema *schema, size_t index,
                                   size_t *key_size)
{
	const struct stele_column *column = &schema->columns[index];
	bool last = index + 1 == schema->column_count || !schema->columns[index + 1].key;
	bool net = column->type == STELE_IPV4NET || column->type == STELE_IPV6NET;

	if (index > 0 && !schema->columns[index - 1].key)
		return error_set(EINVAL,
		                 "key column \"%s\" comes after value column \"%s\"; put all key "
		                 "columns first",
		                 column->name, schema->columns[index - 1].name);
	if (column->offset != 0)
		return error_set(EINVAL, "key column \"%s\" has offset %u; key columns have none",
		                 column->name, column->offset);
	if (!last && (net || type_variable(column->type)))
		return error_set(EINVAL,
		                 "key column \"%s\" of type %s is followed by another key column; "
		                 "a column of this type can only be the last key column",
		                 column->name, stele_type_name(column->type));
	*key_size += net ? type_column_size(column) - 1 : type_column_size(column);
	if (*key_size > STELE_KEY_MAX)
		return error_set(EINVAL,
		                 "with column \"%s\" the key is %zu bytes; the maximum is %u",
		                 column->name, *key_size, STELE_KEY_MAX);
	return 0;
}

/* Checks that a value column does not overlap one before it. Returns 0 or -EINVAL. */
static int schema_check_overlap(const struct stele_schema *schema, size_t index)
{
	const struct stele_column *column = &schema->columns[index];

	for (size_t i = 0; i < index; i++) {
		const struct stele_column *other = &schema->columns[i];

		if (!other->key &&
		    column->offset < (uint64_t)other->offset + type_column_size(other) &&
		    other->offset < (uint64_t)column->offset + type_column_size(column))
			return error_set(EINVAL, "columns \"%s\" and \"%s\" overlap in the value",
			                 other->name, column->name);
	}
	return 0;
}

static int schema_check_value_column(const struct stele_schema *schema, size_t index)
{
	const struct stele_column *column = &schema->columns[index];
	const struct type *type = type_find(column->type);

	if (type_variable(column->type)) {
		if (index + 1 != schema->column_count)
			return error_set(EINVAL,
			                 "column \"%s\" of type %s is not the last; only the last "
			                 "column of a value can be variable",
			                 column->name, type->name);
		if (column->offset != schema->value_size)
			return error_set(EINVAL,
			                 "the value's size is %zu, but its variable column \"%s\" "
			                 "is at offset %u; size and offset must be the same",
			                 schema->value_size, column->name, column->offset);
	}
	if (column->offset % type->alignment != 0)
		return error_set(EINVAL,
		                 "column \"%s\" is at offset %u; type %s needs a multiple of %u",
		                 column->name, column->offset, type->name, type->alignment);
	if ((uint64_t)column->offset + type_column_size(column) > schema->value_size)
		return error_set(EINVAL,
		                 "column \"%s\" of %u bytes at offset %u does not fit into a value "
		                 "of %zu bytes",
		                 column->name, type_column_size(column), column->offset,
		                 schema->value_size);
	return schema_check_overlap(schema, index);
}

int stele_schema_check(const struct stele_schema *schema)
{
	size_t key_size = 0;

	if (!schema || !schema->columns || schema->column_count == 0)
		return error_set(EINVAL, "the schema has no columns");
	if (schema->column_count > STELE_COLUMNS_MAX)
		return error_set(EINVAL, "the schema has %zu columns; the maximum is %u",
		                 schema->column_count, STELE_COLUMNS_MAX);
	if (schema->value_size > STELE_VALUE_MAX)
		return error_set(EINVAL, "the schema has values of %zu bytes; the maximum is %u",
		                 schema->value_size, STELE_VALUE_MAX);
	for (size_t i = 0; i < schema->column_count; i++) {
		int r = schema_check_name(schema, i);

		if (r == 0)
			r = schema_check_type(&schema->columns[i]);
		if (r == 0)
			r = schema->columns[i].key ? schema_check_key_column(schema, i, &key_size)
			                           : schema_check_value_column(schema, i);
		if (r < 0)
			return r;
	}
	if (!schema->columns[0].key)
		return error_set(EINVAL,
		                 "column \"%s\" is the first column, but not a key column; a table "
		                 "needs at least one key column",
		                 schema->columns[0].name);
	if (schema->columns[schema->column_count - 1].key && schema->value_size != 0)
		return error_set(EINVAL,
		                 "the value's size is %zu, but no value column after column \"%s\" "
		                 "describes it",
		                 schema->value_size,
		                 schema->columns[schema->column_count - 1].name);
	return 0;
}

static bool schema_column_equal(const struct stele_column *a, const struct stele_column *b)
{
	return a->type == b->type && a->key == b->key &&
	       type_column_size(a) == type_column_size(b) && a->offset == b->offset &&
	       strcmp(a->name, b->name) == 0;
}

bool stele_schema_equal(const struct stele_schema *a, const struct stele_schema *b)
{
	if (a->column_count != b->column_count || a->value_size != b->value_size)
		return false;
	for (size_t i = 0; i < a->column_count; i++)
		if (!schema_column_equal(&a->columns[i], &b->columns[i]))
			return false;
	return true;
}

int stele_schema_column(const struct stele_schema *schema, const char *name)
{
	for (size_t i = 0; i < schema->column_count; i++)
		if (strcmp(schema->columns[i].name, name) == 0)
			return (int)i;
	return -ENXIO;
}

struct stele_schema *stele_schema_copy(const struct stele_schema *schema)
{
	struct {
		struct stele_schema schema;
		struct stele_column columns[];
	} * copy;
	size_t size = sizeof(*copy) + schema->column_count * sizeof(copy->columns[0]);
	char *names;

	for (size_t i = 0; i < schema->column_count; i++)
		size += strlen(schema->columns[i].name) + 1;
	copy = malloc(size);
	if (!copy)
		return NULL;
	copy->schema = *schema;
	copy->schema.columns = copy->columns;
	names = (char *)&copy->columns[schema->column_count];
	for (size_t i = 0; i < schema->column_count; i++) {
		copy->columns[i] = schema->columns[i];
		copy->columns[i].name = names;
		names = stpcpy(names, schema->columns[i].name) + 1;
	}
	return &copy->schema;
}

struct stele_schema *stele_schema_free(struct stele_schema *schema)
{
	free(schema);
	return NULL;
}

/* Appends formatted text at offset `at` of `buffer`, like snprintf(3): drops what does not fit into
 * the `size` bytes of the buffer. `at` may be past its end. Returns the offset of the end of the
 * complete text. */
__attribute__((format(printf, 4, 5))) static size_t
schema_append(char *buffer, size_t size, size_t at, const char *format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(at < size ? buffer + at : NULL, at < size ? size - at : 0, format,
	                   arguments);
	va_end(arguments);
	return at + (length > 0 ? (size_t)length : 0);
}

size_t stele_schema_format(const struct stele_schema *schema, char *buffer, size_t size)
{
	size_t at = 0;

	if (size > 0)
		buffer[0] = '\0';
	for (size_t i = 0; i < schema->column_count; i++) {
		const struct stele_column *column = &schema->columns[i];
		const char *type = stele_type_name(column->type);

		at = schema_append(buffer, size, at, "%s%s: %s", i > 0 ? ", " : "", column->name,
		                   type ? type : "?");
		if (column->type == STELE_CHAR)
			at = schema_append(buffer, size, at, "[%u]", column->size);
		if (column->key)
			at = schema_append(buffer, size, at, " key");
	}
	return at;
}
