/* SPDX-License-Identifier: MIT
 *
 * Checks values against their schema, normalizes them, and finds their columns. */
#include "lib/schema/schema_value.h"

#include <errno.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/schema/net.h"
#include "lib/schema/refuse.h"
#include "lib/schema/type.h"

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

bool schema_value_any(const struct stele_schema *schema)
{
	for (size_t i = 0; i < schema->column_count; i++) {
		enum stele_type type = schema->columns[i].type;

		if (!schema->columns[i].key &&
		    (type == STELE_BOOL || type == STELE_IPV4NET || type == STELE_IPV6NET))
			return false;
	}
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

static int value_refuse_column(const struct stele_column *column, const uint8_t *at)
{
	if (column->type == STELE_BOOL)
		return refuse_bool(column, at[0]);
	return refuse_prefix(column, at);
}

int stele_value_check(const struct stele_schema *schema, const void *value, size_t value_size)
{
	if (value_size != schema->value_size &&
	    (value_size < schema->value_size || value_size > STELE_VALUE_MAX ||
	     !schema_value_variable(schema)))
		return value_refuse_size(schema, value_size);
	for (size_t i = 0; i < schema->column_count; i++) {
		const struct stele_column *column = &schema->columns[i];
		const uint8_t *at = (const uint8_t *)value + column->offset;
		bool good = true;

		if (column->key)
			continue;
		if (column->type == STELE_BOOL)
			good = at[0] <= 1;
		else if (column->type == STELE_IPV4NET)
			good = net_valid(at, 4);
		else if (column->type == STELE_IPV6NET)
			good = net_valid(at, 16);
		if (!good)
			return value_refuse_column(column, at);
	}
	return 0;
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
