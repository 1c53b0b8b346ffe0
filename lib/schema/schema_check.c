/* SPDX-License-Identifier: MIT
 *
 * Checks that schemas are well formed: stele_schema_check(). */
#include <stele/schema.h>

#include <errno.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/base/escape.h"
#include "lib/schema/schema.h"
#include "lib/schema/schema_format.h"
#include "lib/schema/schema_value.h"
#include "lib/types/refuse.h"
#include "lib/types/type.h"

static int check_name(const struct stele_schema *schema, size_t index)
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
		else if (schema_had_name(&schema->columns[i], name))
			return error_set(EINVAL,
			                 "column %zu is called \"%s\", a former name of column %zu",
			                 index + 1, name, i + 1);
	return 0;
}

static int check_array(const struct stele_column *column, const struct type *type)
{
	if (column->key || type->size == 0)
		return error_set(EINVAL,
		                 "column \"%s\" of type %s is an array; only value columns of "
		                 "fixed types other than char[N] can be arrays",
		                 column->name, type->name);
	if (column->count > STELE_VALUE_MAX / type->size)
		return error_set(
			EINVAL,
			"column \"%s\" is an array of %u elements of %u bytes; a value has "
			"at most %u bytes",
			column->name, column->count, type->size, STELE_VALUE_MAX);
	return 0;
}

static int check_type(const struct stele_column *column)
{
	const struct type *type = type_find(column->type);

	if (!type)
		return refuse_type(column);
	if (column->count > 0) {
		int r = check_array(column, type);

		if (r < 0)
			return r;
	}
	if (column->type == STELE_CHAR) {
		if (column->size == 0 || column->size > STELE_VALUE_MAX)
			return error_set(EINVAL,
			                 "column \"%s\" has size %u; a char[N] has 1 to %u bytes",
			                 column->name, column->size, STELE_VALUE_MAX);
	} else if (column->size != 0 && column->size != type_column_size(column)) {
		return error_set(EINVAL, "column \"%s\" has size %u, but type %s has size %u",
		                 column->name, column->size, type->name, type_column_size(column));
	}
	return 0;
}

/* Checks a description or a unit. Control characters would reach terminals. */
static int check_text(const struct stele_column *column, const char *what, const char *text,
                      size_t max)
{
	if (!text)
		return 0;
	if (strnlen(text, max + 1) > max)
		return error_set(EINVAL, "column \"%s\": the %s is longer than %zu bytes",
		                 column->name, what, max);
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return error_set(EINVAL,
			                 "column \"%s\": the %s has the control character 0x%02x",
			                 column->name, what, (unsigned char)*text);
	return 0;
}

/* Checks the former names of a column: no column before it has or had one of them. */
static int check_former(const struct stele_schema *schema, size_t index)
{
	const struct stele_column *column = &schema->columns[index];
	const char *at = column->former_names, *former = NULL;
	char name[STELE_NAME_MAX + 1];
	struct escaped escaped;
	size_t length, used = 0;

	while ((length = schema_next_former(&at, &former)) > 0) {
		name[0] = '\0';
		if (length <= STELE_NAME_MAX) {
			memcpy(name, former, length);
			name[length] = '\0';
		}
		if (schema_name_fault(name, false))
			return error_set(EINVAL, "column \"%s\": %s is no former name of a column",
			                 column->name, escape(&escaped, former, length));
		used += length + 1;
		for (size_t i = 0; i <= index; i++)
			if (strcmp(schema->columns[i].name, name) == 0 ||
			    (i < index && schema_had_name(&schema->columns[i], name)))
				return error_set(
					EINVAL,
					"column \"%s\": its former name \"%s\" is also a name of "
					"column \"%s\"",
					column->name, name, schema->columns[i].name);
	}
	if (column->former_names && *column->former_names &&
	    strlen(column->former_names) + 1 != used)
		return error_set(EINVAL, "column \"%s\": write one space between two former names",
		                 column->name);
	return 0;
}

static int check_word(const struct stele_column *column, size_t index)
{
	const struct stele_word *word = &column->words[index];
	int64_t min, max;
	struct escaped escaped;
	const char *fault;

	type_word_range(column->type, &min, &max);
	if (!word->name)
		return error_set(EINVAL, "column \"%s\": word %zu has no name", column->name,
		                 index + 1);
	fault = schema_name_fault(word->name, false);
	if (fault)
		return error_set(
			EINVAL, "column \"%s\": word %s %s", column->name,
			escape(&escaped, word->name, strnlen(word->name, STELE_NAME_MAX + 1)),
			fault);
	if (word->value < min || word->value > max)
		return error_set(EINVAL,
		                 "column \"%s\": word %s=%lld is outside type %s (%lld to %lld)",
		                 column->name, word->name, (long long)word->value,
		                 stele_type_name(column->type), (long long)min, (long long)max);
	for (size_t i = 0; i < index; i++)
		if (column->words[i].value == word->value ||
		    strcmp(column->words[i].name, word->name) == 0)
			return error_set(
				EINVAL, "column \"%s\": words %s=%lld and %s=%lld are not distinct",
				column->name, column->words[i].name,
				(long long)column->words[i].value, word->name,
				(long long)word->value);
	return 0;
}

static int check_words(const struct stele_column *column)
{
	int r = 0;

	if (column->word_count == 0)
		return 0;
	if (!type_is_integer(column->type))
		return error_set(EINVAL,
		                 "column \"%s\" of type %s has words; only an integer can be an "
		                 "enumeration",
		                 column->name, stele_type_name(column->type));
	if (!column->words || column->word_count > STELE_WORDS_MAX)
		return error_set(EINVAL, "column \"%s\" has %zu words; an enumeration has 1 to %u",
		                 column->name, column->words ? column->word_count : 0,
		                 STELE_WORDS_MAX);
	for (size_t i = 0; r == 0 && i < column->word_count; i++)
		r = check_word(column, i);
	return r;
}

static int check_default(const struct stele_column *column)
{
	uint32_t size = type_column_size(column);
	char text[STELE_DEFAULT_MAX + 1];
	double number;

	if (!column->default_value)
		return 0;
	if (column->key || size == 0 || size > STELE_DEFAULT_MAX)
		return error_set(EINVAL,
		                 "column \"%s\" has a default; only value columns of 1 to %u bytes "
		                 "can have one",
		                 column->name, STELE_DEFAULT_MAX);
	for (uint32_t i = 0; column->type == STELE_F64 && i < size; i += sizeof(number)) {
		memcpy(&number, (const char *)column->default_value + i, sizeof(number));
		if (number != number)
			return error_set(EINVAL, "column \"%s\": the default cannot be NaN",
			                 column->name);
	}
	if (column->type == STELE_CHAR) {
		memcpy(text, column->default_value, size);
		text[size] = '\0';
		return check_text(column, "default", text, STELE_DEFAULT_MAX);
	}
	return value_check_column(column, column->default_value);
}

static int check_attributes(const struct stele_schema *schema, size_t index)
{
	const struct stele_column *column = &schema->columns[index];
	int r;

	for (size_t i = 0; i < sizeof(column->reserved_) / sizeof(column->reserved_[0]); i++)
		if (column->reserved_[i] != 0)
			return error_set(EINVAL, "column \"%s\": a reserved member is not zero",
			                 column->name);
	if (column->flags & ~STELE_COLUMN_DEPRECATED)
		return error_set(EINVAL, "column \"%s\" has unknown flags 0x%x", column->name,
		                 column->flags & ~STELE_COLUMN_DEPRECATED);
	if (column->key && column->flags & STELE_COLUMN_DEPRECATED)
		return error_set(EINVAL,
		                 "key column \"%s\" is deprecated; every key needs its key columns",
		                 column->name);
	r = check_text(column, "description", column->description, STELE_DESCRIPTION_MAX);
	if (r == 0)
		r = check_text(column, "unit", column->unit, STELE_NAME_MAX);
	if (r == 0)
		r = check_former(schema, index);
	if (r == 0)
		r = check_words(column);
	return r < 0 ? r : check_default(column);
}

static int check_key_column(const struct stele_schema *schema, size_t index, size_t *key_size)
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
static int check_overlap(const struct stele_schema *schema, size_t index)
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

static int check_value_column(const struct stele_schema *schema, size_t index)
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
	return check_overlap(schema, index);
}

static int check_column(const struct stele_schema *schema, size_t index, size_t *key_size)
{
	int r = check_name(schema, index);

	if (r == 0)
		r = check_type(&schema->columns[index]);
	if (r == 0)
		r = schema->columns[index].key ? check_key_column(schema, index, key_size)
		                               : check_value_column(schema, index);
	return r < 0 ? r : check_attributes(schema, index);
}

static int check_sizes(const struct stele_schema *schema)
{
	if (!schema || !schema->columns || schema->column_count == 0)
		return error_set(EINVAL, "the schema has no columns");
	if (schema->column_count > STELE_COLUMNS_MAX)
		return error_set(EINVAL, "the schema has %zu columns; the maximum is %u",
		                 schema->column_count, STELE_COLUMNS_MAX);
	if (schema->value_size > STELE_VALUE_MAX)
		return error_set(EINVAL, "the schema has values of %zu bytes; the maximum is %u",
		                 schema->value_size, STELE_VALUE_MAX);
	for (size_t i = 0; i < sizeof(schema->reserved_) / sizeof(schema->reserved_[0]); i++)
		if (schema->reserved_[i] != 0)
			return error_set(EINVAL, "a reserved member of the schema is not zero");
	return 0;
}

int stele_schema_check(const struct stele_schema *schema)
{
	size_t key_size = 0, attributes;
	int r = check_sizes(schema);

	for (size_t i = 0; r == 0 && i < schema->column_count; i++)
		r = check_column(schema, i, &key_size);
	if (r < 0)
		return r;
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
	attributes = schema_format_attributes(schema, NULL, 0);
	if (attributes > STELE_ATTRIBUTES_MAX)
		return error_set(
			EINVAL,
			"the attributes of all columns have %zu bytes as text; the maximum "
			"is %u",
			attributes, STELE_ATTRIBUTES_MAX);
	return 0;
}
