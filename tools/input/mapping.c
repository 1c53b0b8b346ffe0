/* SPDX-License-Identifier: MIT */
#include "tools/input/mapping.h"

#include <stdlib.h>
#include <string.h>
#include "tools/base/fail.h"
#include "tools/base/heap.h"

static void mapping_append(struct mapping_pair **pairs, size_t *count, const char *name,
                           const char *value)
{
	*pairs = heap_realloc(*pairs, (*count + 1) * sizeof(**pairs));
	(*pairs)[(*count)++] = (struct mapping_pair){name, value, false};
}

static char *mapping_copy(const char *text, size_t length)
{
	char *copy = heap_realloc(NULL, length + 1);

	memcpy(copy, text, length);
	copy[length] = '\0';
	return copy;
}

/* Adds `NAME=COLUMN', or `COLUMN'. The pair owns the memory of its name, or of its value if it has
 * no name. */
static void mapping_add_column(struct mapping *mapping, const char *text, size_t length)
{
	char *copy = mapping_copy(text, length), *equals = strrchr(copy, '=');

	if (equals)
		*equals = '\0';
	mapping_append(&mapping->columns, &mapping->column_count, equals ? copy : NULL,
	               equals ? equals + 1 : copy);
}

enum status mapping_add_columns(struct mapping *mapping, const char *text)
{
	for (;;) {
		size_t length = strcspn(text, ",");

		mapping_add_column(mapping, text, length);
		if (text[length] == '\0')
			return STATUS_DONE;
		text += length + 1;
	}
}

enum status mapping_add_empty(struct mapping *mapping, const char *text)
{
	const char *equals = strchr(text, '=');

	mapping_append(&mapping->empty, &mapping->empty_count,
	               mapping_copy(text, equals ? (size_t)(equals - text) : 0),
	               equals ? equals + 1 : text);
	return STATUS_DONE;
}

enum status mapping_set_delimiter(struct mapping *mapping, const char *text)
{
	if (strcmp(text, "tab") == 0 || strcmp(text, "\\t") == 0)
		text = "\t";
	if (strlen(text) != 1 || strchr("\"\r\n\\", *text))
		return fail(STATUS_INPUT,
		            "--delimiter: invalid value \"%s\" (expected one character, or tab)",
		            text);
	mapping->delimiter = *text;
	return STATUS_DONE;
}

void mapping_free(struct mapping *mapping)
{
	for (size_t i = 0; i < mapping->column_count; i++)
		free((char *)(mapping->columns[i].name ? mapping->columns[i].name
		                                       : mapping->columns[i].value));
	for (size_t i = 0; i < mapping->empty_count; i++)
		free((char *)mapping->empty[i].name);
	free(mapping->columns);
	free(mapping->empty);
}

static bool mapping_has(const struct stele_schema *schema, const char *name)
{
	return *name == '\0' || stele_schema_column(schema, name) >= 0;
}

void mapping_mark(struct mapping *mapping, const struct stele_schema *schema)
{
	for (size_t i = 0; i < mapping->column_count; i++)
		mapping->columns[i].known |= mapping_has(schema, mapping->columns[i].value);
	for (size_t i = 0; i < mapping->empty_count; i++)
		mapping->empty[i].known |= mapping_has(schema, mapping->empty[i].name);
}

static enum status mapping_fail_unknown(const char *option, const char *name,
                                        const struct stele_schema *schema)
{
	char columns[1024];

	if (!schema)
		return fail(STATUS_INPUT, "%s: none of the tables has a column \"%s\"", option,
		            name);
	stele_schema_format(schema, columns, sizeof(columns));
	return fail(STATUS_INPUT, "%s: the table has no column \"%s\"; its columns are: %s", option,
	            name, columns);
}

/* Checks that --columns has names of the file exactly if the file has a header. */
static enum status mapping_check_form(const struct mapping *mapping,
                                      const struct mapping_pair *pair)
{
	if (mapping->no_header && pair->name)
		return fail(STATUS_INPUT,
		            "--columns: a file without header has no column \"%s\"; name the "
		            "columns of the table in the order of the fields",
		            pair->name);
	if (!mapping->no_header && !pair->name)
		return fail(STATUS_INPUT,
		            "--columns: expected NAME=COLUMN, not \"%s\", which is only for "
		            "--no-header",
		            pair->value);
	return STATUS_DONE;
}

enum status mapping_check(const struct mapping *mapping, const struct stele_schema *schema)
{
	enum status status = STATUS_DONE;

	for (size_t i = 0; status == STATUS_DONE && i < mapping->column_count; i++) {
		const struct mapping_pair *pair = &mapping->columns[i];

		status = mapping_check_form(mapping, pair);
		if (status == STATUS_DONE && !pair->known)
			status = mapping_fail_unknown("--columns", pair->value, schema);
	}
	for (size_t i = 0; status == STATUS_DONE && i < mapping->empty_count; i++)
		if (!mapping->empty[i].known)
			status = mapping_fail_unknown("--empty-as", mapping->empty[i].name, schema);
	return status;
}

bool mapping_is_used(const struct mapping *mapping)
{
	return mapping && (mapping->column_count > 0 || mapping->empty_count > 0 || mapping->null ||
	                   mapping->delimiter || mapping->no_header || mapping->ignore_unknown ||
	                   mapping->skip_other_family);
}

static int mapping_find(const struct stele_schema *schema, const char *name)
{
	int column = stele_schema_column(schema, name);

	return column < 0 ? MAPPING_UNKNOWN : column;
}

int mapping_column(const struct mapping *mapping, const struct stele_schema *schema,
                   const char *name, size_t length)
{
	char copy[STELE_NAME_MAX + 1];

	for (size_t i = 0; mapping && i < mapping->column_count; i++) {
		const struct mapping_pair *pair = &mapping->columns[i];

		if (pair->name && strlen(pair->name) == length &&
		    memcmp(pair->name, name, length) == 0)
			return *pair->value == '\0' ? MAPPING_LEFT_OUT
			                            : mapping_find(schema, pair->value);
	}
	if (length > STELE_NAME_MAX || memchr(name, '\0', length))
		return MAPPING_UNKNOWN;
	memcpy(copy, name, length);
	copy[length] = '\0';
	return mapping_find(schema, copy);
}

const char *mapping_empty(const struct mapping *mapping, const struct stele_column *column)
{
	const char *all = NULL;

	for (size_t i = 0; mapping && i < mapping->empty_count; i++) {
		if (strcmp(mapping->empty[i].name, column->name) == 0)
			return mapping->empty[i].value;
		if (*mapping->empty[i].name == '\0')
			all = mapping->empty[i].value;
	}
	return all;
}

/* Returns the type of the same addresses in the other family, or 0. */
static uint32_t mapping_other_family(uint32_t type)
{
	switch (type) {
	case STELE_IPV4:
		return STELE_IPV6;
	case STELE_IPV6:
		return STELE_IPV4;
	case STELE_IPV4NET:
		return STELE_IPV6NET;
	case STELE_IPV6NET:
		return STELE_IPV4NET;
	default:
		return 0;
	}
}

bool mapping_skips(const struct mapping *mapping, const struct stele_column *column,
                   const char *text, size_t length)
{
	struct stele_column other = *column;
	unsigned char value[32];
	size_t size;

	if (!mapping || !mapping->skip_other_family || !column->key)
		return false;
	other.type = mapping_other_family(column->type);
	other.size = 0;
	return other.type &&
	       stele_value_parse(column, text, length, value, sizeof(value), &size) < 0 &&
	       stele_value_parse(&other, text, length, value, sizeof(value), &size) == 0;
}
