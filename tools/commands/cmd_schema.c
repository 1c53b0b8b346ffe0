/* SPDX-License-Identifier: MIT
 * stele schema: prints the declarations of tables, and compares them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stele/stele.h>
#include "tools/base/command.h"
#include "tools/base/describe.h"
#include "tools/base/fail.h"
#include "tools/base/format.h"
#include "tools/base/heap.h"
#include "tools/base/status.h"
#include "tools/base/text.h"
#include "tools/output/output.h"
#include "tools/output/output_cell.h"
#include "tools/region/options.h"
#include "tools/region/place.h"
#include "tools/input/source.h"
#include "tools/rows/declarations.h"
#include "tools/usage/directory.h"

static const char doc[] =
	"Examples:\n"
	"  stele schema net/routes\n"
	"  stele schema net >net.schema; stele create other --schema net.schema\n"
	"  stele schema --format json net/routes | jq -r '.[].column'\n"
	"  stele schema diff net.schema net\n"
	"  stele schema diff net/routes 'routes(prefix: ipv4net key, next_hop: ipv4)'\n"
	"\n"
	"Prints the declarations of a region's tables, as 'stele create' takes them. The "
	"formats csv, json and ndjson have a row for each column."
	"\v"
	"diff prints the differences between two versions of the tables, the older and the "
	"newer, and whether programs that were built with the older one can go on. It ends "
	"with status 1 if they can't: if a change is incompatible. Each of A and B is a "
	"region, a table in one, a declaration, or a file of declarations (with a path that "
	"has a '.' or starts with '/'; '-' is standard input). If both are a single table, "
	"their names may differ.\n";

/* ---- declarations ---- */

/* Appends a schema with a line for each column: breaks the line at each comma that is in no quoted
 * text and in no parentheses. */
static void schema_append_lines(struct text *text, const char *columns)
{
	char quote = '\0';
	unsigned depth = 0;

	for (const char *at = columns; *at; at++) {
		if (quote != '\0')
			quote = *at == quote ? '\0' : quote;
		else if (*at == '"' || *at == '\'')
			quote = *at;
		else if (*at == '(' || *at == ')')
			depth += *at == '(' ? 1 : -1u;
		text_append(text, at, 1);
		if (quote == '\0' && depth == 0 && *at == ',') {
			text_append_string(text, "\n\t");
			at += at[1] == ' ' ? 1 : 0;
		}
	}
}

/* Returns a schema as text, which the caller frees. */
static char *schema_text(const struct stele_schema *schema)
{
	size_t size = stele_schema_format(schema, NULL, 0) + 1;
	char *text = heap_realloc(NULL, size);

	stele_schema_format(schema, text, size);
	return text;
}

static enum status schema_print_declaration(const struct declared *declared)
{
	char *columns = schema_text(declared->schema);
	struct text text = {0};

	text_append_string(&text, declared->name);
	text_append_string(&text, "(\n\t");
	schema_append_lines(&text, columns);
	text_append_string(&text, "\n)\n");
	fwrite(text.bytes, 1, text.length, stdout);
	text_free(&text);
	free(columns);
	return output_check();
}

/* ---- columns as rows ---- */

enum {
	COLUMN_TABLE,
	COLUMN_NAME,
	COLUMN_TYPE,
	COLUMN_KEY,
	COLUMN_ELEMENTS,
	COLUMN_OFFSET,
	COLUMN_SIZE,
	COLUMN_UNIT,
	COLUMN_DESCRIPTION,
	COLUMN_WORDS,
	COLUMN_DEFAULT,
	COLUMN_FORMER,
	COLUMN_DEPRECATED,
	COLUMN_COUNT
};

static const struct output_column column_columns[COLUMN_COUNT] = {
	[COLUMN_TABLE] = {"table", false},
	[COLUMN_NAME] = {"column", false},
	[COLUMN_TYPE] = {"type", false},
	[COLUMN_KEY] = {"key", false},
	[COLUMN_ELEMENTS] = {"elements", true},
	[COLUMN_OFFSET] = {"offset", true},
	[COLUMN_SIZE] = {"size", true},
	[COLUMN_UNIT] = {"unit", false},
	[COLUMN_DESCRIPTION] = {"description", false},
	[COLUMN_WORDS] = {"enum", false},
	[COLUMN_DEFAULT] = {"default", false},
	[COLUMN_FORMER] = {"former_names", false},
	[COLUMN_DEPRECATED] = {"deprecated", false},
};

enum { WORD_NAME, WORD_VALUE, WORD_COLUMNS };

static const struct output_column word_columns[WORD_COLUMNS] = {
	[WORD_NAME] = {"word", false},
	[WORD_VALUE] = {"value", true},
};

/* Sets a cell to the words of a column. `cells` and `numbers` have space for the words. */
static struct cell schema_word_cell(const struct stele_column *column, struct cell *cells,
                                    char (*numbers)[DESCRIBED_MAX])
{
	if (column->word_count == 0)
		return (struct cell){.kind = CELL_NONE};
	for (size_t i = 0; i < column->word_count; i++) {
		snprintf(numbers[i], DESCRIBED_MAX, "%lld", (long long)column->words[i].value);
		cells[i * WORD_COLUMNS + WORD_NAME] = cell_text(column->words[i].name);
		cells[i * WORD_COLUMNS + WORD_VALUE] = cell_literal(numbers[i]);
	}
	return (struct cell){
		.kind = CELL_LIST,
		.columns = word_columns,
		.cells = cells,
		.column_count = WORD_COLUMNS,
		.row_count = column->word_count,
	};
}

static struct cell schema_optional_cell(const char *text)
{
	return text ? cell_text(text) : (struct cell){.kind = CELL_NONE};
}

static enum status schema_print_column(struct output *output, const char *table,
                                       const struct stele_column *column)
{
	char texts[COLUMN_COUNT][DESCRIBED_MAX], numbers[STELE_WORDS_MAX][DESCRIBED_MAX];
	struct cell words[STELE_WORDS_MAX * WORD_COLUMNS], cells[COLUMN_COUNT] = {0};
	/* Each byte of a default has at most the longest word as its text. */
	char defaults[STELE_DEFAULT_MAX * (STELE_NAME_MAX + 1) + 1];

	cells[COLUMN_TABLE] = cell_text(table);
	cells[COLUMN_NAME] = cell_text(column->name);
	cells[COLUMN_TYPE] = cell_text(stele_type_name(column->type));
	cells[COLUMN_KEY] = cell_literal(column->key ? "true" : "false");
	if (column->count > 0)
		cells[COLUMN_ELEMENTS] = cell_number(column->count, texts[COLUMN_ELEMENTS]);
	if (!column->key)
		cells[COLUMN_OFFSET] = cell_number(column->offset, texts[COLUMN_OFFSET]);
	if (column->size > 0)
		cells[COLUMN_SIZE] = cell_number(column->size, texts[COLUMN_SIZE]);
	cells[COLUMN_UNIT] = schema_optional_cell(column->unit);
	cells[COLUMN_DESCRIPTION] = schema_optional_cell(column->description);
	cells[COLUMN_WORDS] = schema_word_cell(column, words, numbers);
	if (column->default_value) {
		stele_value_format(column, column->default_value, column->size, defaults,
		                   sizeof(defaults));
		cells[COLUMN_DEFAULT] = cell_text(defaults);
	}
	cells[COLUMN_FORMER] = schema_optional_cell(column->former_names);
	cells[COLUMN_DEPRECATED] =
		cell_literal(column->flags & STELE_COLUMN_DEPRECATED ? "true" : "false");
	return output_row(output, cells);
}

static enum status schema_print_columns(const struct declarations *declarations,
                                        enum output_format format)
{
	struct output *output = output_open(format, SHAPE_ROWS, column_columns, COLUMN_COUNT);
	enum status status = STATUS_DONE;

	for (size_t i = 0; i < declarations->count; i++) {
		const struct declared *declared = &declarations->tables[i];

		for (size_t j = 0; status == STATUS_DONE && j < declared->schema->column_count; j++)
			status = schema_print_column(output, declared->name,
			                             &declared->schema->columns[j]);
	}
	return output_end(output, status);
}

static enum status schema_print(const struct place *place, const char *operand,
                                enum output_format format)
{
	struct declarations declarations = {0};
	enum status status = source_read("schema", place, operand, &declarations);

	if (status == STATUS_DONE && format != OUTPUT_TABLE)
		status = schema_print_columns(&declarations, format);
	else
		for (size_t i = 0; status == STATUS_DONE && i < declarations.count; i++)
			status = schema_print_declaration(&declarations.tables[i]);
	declarations_free(&declarations);
	return status;
}

/* ---- diff ---- */

enum { DIFF_VERDICT, DIFF_TABLE, DIFF_CHANGE, DIFF_COLUMNS };

static const struct output_column diff_columns[DIFF_COLUMNS] = {
	[DIFF_VERDICT] = {"verdict", false},
	[DIFF_TABLE] = {"table", false},
	[DIFF_CHANGE] = {"change", false},
};

struct diff {
	struct output *output;
	const char *table;
	bool incompatible; /* at least one change is */
	enum status status;
};

static int schema_print_difference(bool compatible, const char *what, void *context)
{
	struct diff *diff = context;
	const struct cell cells[DIFF_COLUMNS] = {
		[DIFF_VERDICT] = cell_text(compatible ? "compatible" : "incompatible"),
		[DIFF_TABLE] = cell_text(diff->table),
		[DIFF_CHANGE] = cell_text(what),
	};

	diff->incompatible |= !compatible;
	diff->status = output_row(diff->output, cells);
	return diff->status == STATUS_DONE ? 0 : 1;
}

static const struct declared *schema_find(const struct declarations *declarations, const char *name)
{
	for (size_t i = 0; i < declarations->count; i++)
		if (strcmp(declarations->tables[i].name, name) == 0)
			return &declarations->tables[i];
	return NULL;
}

/* Prints the differences of all tables: of the older ones first, then the new tables. */
static void schema_diff_tables(struct diff *diff, const struct declarations *older,
                               const struct declarations *newer)
{
	bool single = older->count == 1 && newer->count == 1;

	for (size_t i = 0; diff->status == STATUS_DONE && i < older->count; i++) {
		const struct declared *table = &older->tables[i];
		const struct declared *now =
			single ? &newer->tables[0] : schema_find(newer, table->name);

		diff->table = table->name;
		if (now)
			stele_schema_compare(table->schema, now->schema, schema_print_difference,
			                     diff);
		else
			schema_print_difference(false, "the table was removed", diff);
	}
	for (size_t i = 0; diff->status == STATUS_DONE && i < newer->count; i++) {
		diff->table = newer->tables[i].name;
		if (!single && !schema_find(older, diff->table))
			schema_print_difference(true, "the table was added", diff);
	}
}

/* Reads one side, which may be in another directory than the other side. */
static enum status schema_read(const struct place *place, char *text, struct declarations *ret)
{
	static const struct directory_form form = {.table = true, .region = true, .file = true};
	struct place there = *place;
	char *rest = directory_split(text, form, &there.directory);

	return source_read("schema", &there, rest ? rest : text, ret);
}

static enum status schema_diff(const struct place *place, char **operands,
                               enum output_format format)
{
	struct declarations older = {0}, newer = {0};
	struct diff diff = {.status = STATUS_DONE};
	enum status status;

	if (strcmp(operands[0], "-") == 0 && strcmp(operands[1], "-") == 0)
		return fail(STATUS_INPUT, "only one of the two can be standard input");
	status = schema_read(place, operands[0], &older);
	if (status == STATUS_DONE)
		status = schema_read(place, operands[1], &newer);
	if (status == STATUS_DONE) {
		diff.output = output_open(format, SHAPE_ROWS, diff_columns, DIFF_COLUMNS);
		schema_diff_tables(&diff, &older, &newer);
		status = output_end(diff.output, diff.status);
	}
	declarations_free(&older);
	declarations_free(&newer);
	return status == STATUS_DONE && diff.incompatible ? STATUS_NOT_THERE : status;
}

static enum status schema_run(int argc, char **argv)
{
	enum output_format format = OUTPUT_TABLE;
	struct call call;
	int count = options_parse(&command_schema, argc, argv, &format, &call);

	if (count == 1)
		return schema_print(&call.place, call.operands[0], format);
	if (count == 3 && strcmp(call.operands[0], "diff") == 0)
		return schema_diff(&call.place, call.operands + 1, format);
	return fail_usage("schema", "expected one REGION or REGION/TABLE, or diff A B");
}

const struct command command_schema = {
	.name = "schema",
	.summary = "print the declarations of tables, or compare them",
	.usage = "REGION[/TABLE]|FILE[/TABLE]\ndiff A B",
	.doc = doc,
	.common = &options_format,
	.reads = true,
	.run = schema_run,
};
