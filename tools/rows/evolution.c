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

/* Returns the alignment of the value's struct. */
static size_t evolution_value_alignment(const struct stele_schema *schema)
{
	size_t greatest = 1;

	for (size_t i = 0; i < schema->column_count; i++) {
		size_t alignment =
			schema->columns[i].key ? 1 : evolution_alignment(&schema->columns[i]);

		if (alignment > greatest)
			greatest = alignment;
	}
	return greatest;
}

/* The beginning of a declaration whose value begins with two columns that stand for the present
 * value, of its size and alignment. So the parser places further columns as the members that follow
 * in the C struct, and takes offsets and sizes that they declare. */
struct evolution_stand_in {
	char text[3 * (STELE_NAME_MAX + 32)];
	size_t column_count;
};

/* Makes a stand-in for a value of `size` bytes, with names that the declaration does not have. */
static void evolution_stand_in(const char *declaration, size_t size, size_t alignment,
                               struct evolution_stand_in *ret)
{
	char name[STELE_NAME_MAX / 2] = "present";
	int length;

	for (unsigned i = 2; strstr(declaration, name); i++)
		snprintf(name, sizeof(name), "present%u", i);
	length = sprintf(ret->text, "t(%s-key: u8 key, ", name);
	ret->column_count = 1;
	if (size > 0) {
		length += sprintf(ret->text + length, "%s: u%zu, ", name, 8 * alignment);
		ret->column_count++;
	}
	if (size > alignment) {
		sprintf(ret->text + length, "%s-rest: char[%zu], ", name, size - alignment);
		ret->column_count++;
	}
}

/* Reports why a declaration could not be parsed. The error message of the library counts characters
 * from the beginning of the stand-in. */
static enum status evolution_fail(int result, const char *declaration, size_t before)
{
	const char *message = stele_last_error();
	size_t at;
	int length = 0;

	if (sscanf(message, "character %zu:%n", &at, &length) == 1 && length > 0 && at > before)
		return fail(fail_status(result), "--add '%s': character %zu:%s", declaration,
		            at - before, message + length);
	return fail(fail_status(result), "--add '%s': %s", declaration, message);
}

/* Parses a declaration of columns that follow a value of `size` bytes. `*ret_added` is set to the
 * first of them in the schema, which evolution_close() frees. */
static enum status evolution_parse(struct evolution *evolution, const char *declaration,
                                   size_t size, const struct stele_schema **ret, size_t *ret_added)
{
	char name[STELE_NAME_MAX + 1], *text;
	struct evolution_stand_in stand_in;
	struct stele_schema *parsed;
	int result;

	evolution_stand_in(declaration, size, evolution_value_alignment(&evolution->schema),
	                   &stand_in);
	text = evolution_keep(evolution, strlen(stand_in.text) + strlen(declaration) + 3);
	/* The line ends a comment. */
	sprintf(text, "%s%s\n)", stand_in.text, declaration);
	result = stele_schema_parse(text, name, &parsed);
	if (result < 0)
		return evolution_fail(result, declaration, strlen(stand_in.text));
	evolution->parsed = heap_realloc(evolution->parsed, (evolution->parsed_count + 1) *
	                                                            sizeof(*evolution->parsed));
	evolution->parsed[evolution->parsed_count++].schema = parsed;
	*ret = parsed;
	*ret_added = stand_in.column_count;
	return STATUS_DONE;
}

static bool evolution_is_variable(const struct stele_column *column)
{
	return column->type == STELE_TEXT || column->type == STELE_BYTES;
}

/* Checks that columns can be appended at all. */
static enum status evolution_check_last(const struct evolution *evolution)
{
	const struct stele_column *last = &evolution->columns[evolution->schema.column_count - 1];

	if (!last->key && evolution_is_variable(last))
		return fail(STATUS_INPUT,
		            "--add: no column can be appended, because the last column, \"%s\", "
		            "has any length",
		            last->name);
	return STATUS_DONE;
}

/* Checks that a declaration has only value columns, without those of the table beside them, so that
 * error messages name only columns of the declaration. */
static enum status evolution_check_added(struct evolution *evolution, const char *declaration)
{
	const struct stele_schema *parsed;
	size_t added;
	enum status status = evolution_parse(evolution, declaration, 0, &parsed, &added);

	for (size_t i = 1; status == STATUS_DONE && i < parsed->column_count; i++)
		if (parsed->columns[i].key)
			status = fail(STATUS_INPUT,
			              "--add: column \"%s\" cannot be part of the key, because "
			              "rows are found by their keys; create another table",
			              parsed->columns[i].name);
	return status;
}

/* Parses a declaration whose columns are placed behind the present value. */
static enum status evolution_place(struct evolution *evolution, const char *declaration,
                                   const struct stele_schema **ret, size_t *ret_added)
{
	size_t size = evolution->schema.value_size;
	enum status status = evolution_parse(evolution, declaration, size, ret, ret_added);
	const struct stele_column *first;

	if (status != STATUS_DONE || *ret_added == (*ret)->column_count)
		return status;
	first = &(*ret)->columns[*ret_added];
	if (!evolution_is_variable(first) || first->offset != size)
		return status;
	/* A variable column right behind the present value would make a value without it look like
	 * one in which it is empty. */
	size += evolution_value_alignment(&evolution->schema);
	return evolution_parse(evolution, declaration, size, ret, ret_added);
}

enum status evolution_add(struct evolution *evolution, const char *declaration)
{
	struct stele_schema *schema = &evolution->schema;
	const struct stele_schema *parsed;
	enum status status;
	size_t added;

	status = evolution_check_last(evolution);
	if (status == STATUS_DONE)
		status = evolution_check_added(evolution, declaration);
	if (status == STATUS_DONE)
		status = evolution_place(evolution, declaration, &parsed, &added);
	if (status != STATUS_DONE)
		return status;
	if (schema->column_count + parsed->column_count - added > STELE_COLUMNS_MAX)
		return fail(STATUS_INPUT,
		            "--add '%s': the table has %zu columns already; the maximum is %u",
		            declaration, schema->column_count, STELE_COLUMNS_MAX);
	while (added < parsed->column_count)
		evolution->columns[schema->column_count++] = parsed->columns[added++];
	schema->value_size = parsed->value_size;
	return STATUS_DONE;
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
