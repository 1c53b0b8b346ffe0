/* SPDX-License-Identifier: MIT
 *
 * Checks values against their schema, normalizes them, and finds their columns. */
#include "lib/schema/schema_value.h"

#include <errno.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/types/net.h"
#include "lib/types/refuse.h"
#include "lib/types/type.h"

bool schema_value_variable(const struct stele_schema *schema)
{
	const struct stele_column *last = &schema->columns[schema->column_count - 1];

	return !last->key && type_variable(last->type);
}

bool schema_value_plain(const struct stele_schema *schema)
{
	size_t counted = 0;

	for (size_t i = 0; i < schema->column_count; i++) {
		const struct stele_column *column = &schema->columns[i];

		if (column->key)
			continue;
		if (column->type == STELE_CHAR)
			return false;
		counted += type_column_size(column);
	}
	return counted == schema->value_size;
}

/* Returns true for columns of which some bytes are no value. */
static bool value_is_strict(const struct stele_column *column)
{
	return column->type == STELE_BOOL || column->type == STELE_IPV4NET ||
	       column->type == STELE_IPV6NET || column->word_count > 0;
}

bool schema_value_any(const struct stele_schema *schema)
{
	for (size_t i = 0; i < schema->column_count; i++)
		if (!schema->columns[i].key && value_is_strict(&schema->columns[i]))
			return false;
	return true;
}

void schema_value_normalize(const struct stele_schema *schema, const void *value, size_t size,
                            void *ret)
{
	memset(ret, 0, size);
	for (size_t i = 0; i < schema->column_count; i++) {
		const struct stele_column *column = &schema->columns[i];
		const char *from = (const char *)value + column->offset;
		size_t length;

		if (column->key)
			continue;
		if (type_variable(column->type))
			length = size - column->offset;
		else if (column->type == STELE_CHAR)
			length = strnlen(from, column->size);
		else
			length = type_column_size(column);
		if (length > 0)
			memcpy((char *)ret + column->offset, from, length);
	}
}

static int value_refuse_size(const struct stele_schema *schema, size_t size)
{
	if (!schema_value_variable(schema))
		return error_set(EINVAL, "the value has %zu bytes; a value of this table has %zu",
		                 size, schema->value_size);
	return error_set(EINVAL,
	                 "the value has %zu bytes; a value of this table has from %zu to %u bytes, "
	                 "those of column \"%s\" included",
	                 size, schema->value_size, STELE_VALUE_MAX,
	                 schema->columns[schema->column_count - 1].name);
}

/* Checks one element of a column. Returns 0 or -EINVAL. */
static int value_check_element(const struct stele_column *column, const uint8_t *at)
{
	if (column->type == STELE_BOOL)
		return at[0] <= 1 ? 0 : refuse_bool(column, at[0]);
	if (column->type == STELE_IPV4NET || column->type == STELE_IPV6NET)
		return net_valid(at, column->type == STELE_IPV4NET ? 4 : 16)
		               ? 0
		               : refuse_prefix(column, at);
	if (column->word_count > 0)
		return type_word(column, at) ? 0 : refuse_number(column, at);
	return 0;
}

int value_check_column(const struct stele_column *column, const void *at)
{
	uint32_t count = column->count > 0 ? column->count : 1;
	uint32_t size = type_column_size(column) / count;
	int r = 0;

	if (!value_is_strict(column))
		return 0;
	for (uint32_t i = 0; r == 0 && i < count; i++)
		r = value_check_element(column, (const uint8_t *)at + i * size);
	return r;
}

int schema_value_check_columns(const struct stele_schema *schema, size_t count, const void *value)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < count; i++) {
		const struct stele_column *column = &schema->columns[i];

		if (!column->key)
			r = value_check_column(column, (const uint8_t *)value + column->offset);
	}
	return r;
}

int schema_value_check_defaults(const struct stele_schema *schema, size_t first)
{
	static const uint64_t zero = 0;

	for (size_t i = first; i < schema->column_count; i++) {
		const struct stele_column *column = &schema->columns[i];

		if (column->word_count > 0 && !column->default_value && !type_word(column, &zero))
			return error_set(EINVAL,
			                 "column \"%s\" needs a default, as its enumeration has no "
			                 "word for 0",
			                 column->name);
	}
	return 0;
}

int stele_value_check(const struct stele_schema *schema, const void *value, size_t value_size)
{
	if (value_size != schema->value_size &&
	    (value_size < schema->value_size || value_size > STELE_VALUE_MAX ||
	     !schema_value_variable(schema)))
		return value_refuse_size(schema, value_size);
	return schema_value_check_columns(schema, schema->column_count, value);
}

int stele_value_column(const struct stele_schema *schema, size_t column, const void *value,
                       size_t value_size, const void **ret_value, size_t *ret_size)
{
	const struct stele_column *found;
	const char *at;
	size_t size;

	if (column >= schema->column_count || schema->columns[column].key)
		return error_set(EINVAL, "column %zu is not a value column of this table",
		                 column + 1);
	found = &schema->columns[column];
	size = type_column_size(found);
	if (found->offset > value_size || size > value_size - found->offset)
		return error_set(EBADMSG,
		                 "the value has %zu bytes, which is too short for column \"%s\"",
		                 value_size, found->name);
	at = (const char *)value + found->offset;
	if (type_variable(found->type))
		size = value_size - found->offset;
	else if (found->type == STELE_CHAR)
		size = strnlen(at, size);
	*ret_value = at;
	*ret_size = size;
	return 0;
}
