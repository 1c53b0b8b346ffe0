/* SPDX-License-Identifier: MIT
 *
 * Formats schemas as text: stele_schema_format(). <stele/schema.h> has the grammar. */
#include "lib/schema/schema_format.h"

#include <stdio.h>
#include <string.h>

#include "lib/types/quote.h"
#include "lib/types/type.h"

static void format_number(struct sink *format, const char *before, long long number)
{
	char text[32];

	snprintf(text, sizeof(text), "%lld", number);
	sink_put_string(format, before);
	sink_put_string(format, text);
}

static void format_quoted(struct sink *format, const char *before, const char *text)
{
	if (!text || !*text)
		return;
	sink_put_string(format, before);
	quote_declared(format, text, strlen(text));
	sink_put(format, "\"", 1);
}

static bool format_is_bare(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		char c = text[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
		    !strchr("_-+.:/", c))
			return false;
	}
	return length > 0;
}

static void format_default(struct sink *format, const struct stele_column *column)
{
	const struct stele_column element = type_element(column);
	uint32_t size = type_column_size(&element);
	/* The elements of an array have at most the length of a word or of a number. */
	char text[STELE_DEFAULT_MAX + 1];
	size_t length =
		stele_value_format(&element, column->default_value, size, text, sizeof(text));
	bool quoted =
		column->count > 0 || column->type == STELE_CHAR || !format_is_bare(text, length);

	sink_put_string(format, quoted ? " default \"" : " default ");
	quote_declared(format, text, length);
	for (uint32_t i = 1; i < column->count; i++) {
		const char *at = (const char *)column->default_value + i * size;

		stele_value_format(&element, at, size, text, sizeof(text));
		sink_put(format, " ", 1);
		sink_put_string(format, text);
	}
	if (quoted)
		sink_put(format, "\"", 1);
}

static void format_words(struct sink *format, const struct stele_column *column)
{
	for (size_t i = 0; i < column->word_count; i++) {
		sink_put_string(format, i > 0 ? ", " : " enum(");
		sink_put_string(format, column->words[i].name);
		format_number(format, "=", column->words[i].value);
	}
	if (column->word_count > 0)
		sink_put(format, ")", 1);
}

static void format_attributes(struct sink *format, const struct stele_column *column)
{
	format_quoted(format, " was \"", column->former_names);
	format_words(format, column);
	if (column->default_value)
		format_default(format, column);
	format_quoted(format, " unit \"", column->unit);
	format_quoted(format, " doc \"", column->description);
	if (column->flags & STELE_COLUMN_DEPRECATED)
		sink_put_string(format, " deprecated");
}

static size_t format_schema(const struct stele_schema *schema, char *buffer, size_t size,
                            bool attributes)
{
	struct sink format = sink_start(buffer, size);
	struct type_layout layout = {0};

	for (size_t i = 0; i < schema->column_count; i++) {
		const struct stele_column *column = &schema->columns[i];
		const char *type = stele_type_name(column->type);

		sink_put_string(&format, i > 0 ? ", " : "");
		sink_put_string(&format, column->name);
		sink_put_string(&format, ": ");
		sink_put_string(&format, type ? type : "?");
		if (column->type == STELE_CHAR)
			format_number(&format, "[", column->size);
		else if (column->count > 0)
			format_number(&format, "[", column->count);
		if (column->type == STELE_CHAR || column->count > 0)
			sink_put(&format, "]", 1);
		if (column->key)
			sink_put_string(&format, " key");
		else if (type && column->offset != type_layout_next(&layout, column))
			format_number(&format, " @", column->offset);
		if (!column->key && type)
			type_layout_place(&layout, column, column->offset);
		if (attributes)
			format_attributes(&format, column);
	}
	if (schema->column_count > 0 &&
	    !type_variable(schema->columns[schema->column_count - 1].type) &&
	    schema->value_size != type_layout_size(&layout))
		format_number(&format, ", @", (long long)schema->value_size);
	return format.length;
}

size_t stele_schema_format(const struct stele_schema *schema, char *buffer, size_t size)
{
	return format_schema(schema, buffer, size, true);
}

size_t schema_format_layout(const struct stele_schema *schema, char *buffer, size_t size)
{
	return format_schema(schema, buffer, size, false);
}

static bool format_has_attributes(const struct stele_column *column)
{
	return (column->former_names && *column->former_names) || column->word_count > 0 ||
	       column->default_value || (column->unit && *column->unit) ||
	       (column->description && *column->description) || column->flags;
}

size_t schema_format_attributes(const struct stele_schema *schema, char *buffer, size_t size)
{
	struct sink format = sink_start(buffer, size);
	bool any = false;

	for (size_t i = 0; i < schema->column_count; i++)
		any |= format_has_attributes(&schema->columns[i]);
	for (size_t i = 0; any && i < schema->column_count; i++) {
		if (i > 0)
			sink_put(&format, ",", 1);
		format_attributes(&format, &schema->columns[i]);
	}
	return format.length;
}
