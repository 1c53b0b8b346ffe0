/* SPDX-License-Identifier: MIT */
#include "tools/rows/evolution.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/base/fail.h"
#include "tools/base/heap.h"
#include "tools/rows/column.h"

void evolution_open(struct evolution *evolution, const struct stele_schema *schema)
{
	*evolution = (struct evolution){.schema = *schema};
	memcpy(evolution->columns, schema->columns,
	       schema->column_count * sizeof(evolution->columns[0]));
	evolution->schema.columns = evolution->columns;
}

void evolution_close(struct evolution *evolution)
{
	for (size_t i = 0; i < evolution->owned_count; i++)
		free(evolution->owned[i]);
	for (size_t i = 0; i < evolution->parsed_count; i++)
		stele_schema_free(evolution->parsed[i].schema);
	free(evolution->owned);
	free(evolution->parsed);
}

/* Returns `size` bytes on the heap that evolution_close() frees. */
static char *evolution_keep(struct evolution *evolution, size_t size)
{
	char *kept = heap_realloc(NULL, size);

	evolution->owned = heap_realloc(evolution->owned,
	                                (evolution->owned_count + 1) * sizeof(*evolution->owned));
	evolution->owned[evolution->owned_count++] = kept;
	return kept;
}

/* Returns the number that a C compiler aligns a column to. */
static size_t evolution_alignment(const struct stele_column *column)
{
	char declaration[64], name[STELE_NAME_MAX + 1];
	struct stele_schema *schema;
	size_t alignment;

	if (column->type == STELE_CHAR)
		return 1;
	snprintf(declaration, sizeof(declaration), "t(k: u8 key, a: u8, b: %s)",
	         stele_type_name(column->type));
	if (stele_schema_parse(declaration, name, &schema) < 0)
		return 1;
	alignment = schema->columns[2].offset;
	stele_schema_free(schema);
	return alignment;
}

static size_t evolution_align(size_t offset, size_t alignment)
{
	return (offset + alignment - 1) / alignment * alignment;
}

/* Appends a column, whose offset is 0 unless its declaration places it. */
static enum status evolution_append(struct evolution *evolution, const struct stele_column *column)
{
	struct stele_schema *schema = &evolution->schema;
	const struct stele_column *last = &evolution->columns[schema->column_count - 1];
	struct stele_column *added = &evolution->columns[schema->column_count];
	size_t end, alignment = 1;

	if (column->key)
		return fail(
			STATUS_INPUT,
			"--add: column \"%s\" cannot be part of the key, because rows are found "
			"by their keys; create another table",
			column->name);
	if (!last->key && (last->type == STELE_TEXT || last->type == STELE_BYTES))
		return fail(STATUS_INPUT,
		            "--add: column \"%s\" cannot be appended, because the last column, "
		            "\"%s\", has any length",
		            column->name, last->name);
	if (schema->column_count == STELE_COLUMNS_MAX)
		return fail(STATUS_INPUT, "--add: the table has %u columns already, the maximum",
		            STELE_COLUMNS_MAX);
	*added = *column;
	if (added->offset == 0)
		added->offset =
			(uint32_t)evolution_align(schema->value_size, evolution_alignment(added));
	schema->column_count++;
	end = added->offset + added->size;
	for (size_t i = 0; i < schema->column_count; i++)
		if (!schema->columns[i].key && evolution_alignment(&schema->columns[i]) > alignment)
			alignment = evolution_alignment(&schema->columns[i]);
	if (added->type == STELE_TEXT || added->type == STELE_BYTES)
		schema->value_size = end;
	else
		schema->value_size = evolution_align(end, alignment);
	return STATUS_DONE;
}

enum status evolution_add(struct evolution *evolution, const char *declaration)
{
	size_t size = strlen(declaration) + 32;
	char *text = evolution_keep(evolution, size), name[STELE_NAME_MAX + 1];
	enum status status = STATUS_DONE;
	struct stele_schema *parsed;
	int result;

	/* The key column has a name that no declared column can have. */
	snprintf(text, size, "t(%s: u8 key, %s)", "key_of_table_", declaration);
	result = stele_schema_parse(text, name, &parsed);
	if (result < 0)
		return fail(fail_status(result), "--add '%s': %s", declaration, stele_last_error());
	evolution->parsed = heap_realloc(evolution->parsed, (evolution->parsed_count + 1) *
	                                                            sizeof(*evolution->parsed));
	evolution->parsed[evolution->parsed_count++].schema = parsed;
	for (size_t i = 1; i < parsed->column_count && status == STATUS_DONE; i++)
		status = evolution_append(evolution, &parsed->columns[i]);
	return status;
}

/* Finds a column by its present name. */
static enum status evolution_find(struct evolution *evolution, const char *option, const char *name,
                                  struct stele_column **ret)
{
	char where[32];
	int column = stele_schema_column(&evolution->schema, name);

	snprintf(where, sizeof(where), "%s: ", option);
	if (column < 0)
		return column_fail_unknown(where, &evolution->schema, name, strlen(name));
	*ret = &evolution->columns[column];
	if (strcmp((*ret)->name, name) != 0)
		return fail(STATUS_INPUT, "%scolumn \"%s\" was renamed: it is called \"%s\" now",
		            where, name, (*ret)->name);
	return STATUS_DONE;
}

/* Adds a name to the former names of a column, and removes the one that the column has again. */
static const char *evolution_former(struct evolution *evolution, const struct stele_column *column,
                                    const char *again)
{
	const char *former = column->former_names ? column->former_names : "";
	char *kept = evolution_keep(evolution, strlen(former) + strlen(column->name) + 2),
	     *end = kept;

	while (*former) {
		size_t length = strcspn(former, " ");
		if (strlen(again) != length || memcmp(former, again, length) != 0)
			end += sprintf(end, "%.*s ", (int)length, former);
		former += length + strspn(former + length, " ");
	}
	strcpy(end, column->name);
	return kept;
}

enum status evolution_rename(struct evolution *evolution, const char *names)
{
	char *old = evolution_keep(evolution, strlen(names) + 1), *name;
	struct stele_column *column;
	enum status status;

	strcpy(old, names);
	name = strchr(old, '=');
	if (!name)
		return fail(STATUS_INPUT,
		            "--rename: invalid value \"%s\" (expected OLD=NEW, such as "
		            "metric=cost)",
		            names);
	*name++ = '\0';
	status = evolution_find(evolution, "--rename", old, &column);
	if (status != STATUS_DONE || strcmp(old, name) == 0)
		return status;
	column->former_names = evolution_former(evolution, column, name);
	column->name = name;
	return STATUS_DONE;
}

enum status evolution_deprecate(struct evolution *evolution, const char *name)
{
	struct stele_column *column;
	enum status status = evolution_find(evolution, "--deprecate", name, &column);

	if (status == STATUS_DONE && column->key)
		status = fail(STATUS_INPUT,
		              "--deprecate: column \"%s\" is part of the key, which every program "
		              "needs",
		              name);
	if (status == STATUS_DONE)
		column->flags |= STELE_COLUMN_DEPRECATED;
	return status;
}
