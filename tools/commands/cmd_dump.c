/* SPDX-License-Identifier: MIT
 * stele dump: prints all rows of a table, or those with a prefix, from one version. */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <stele/stele.h>
#include "tools/base/command.h"
#include "tools/base/fail.h"
#include "tools/base/format.h"
#include "tools/base/heap.h"
#include "tools/base/parse.h"
#include "tools/base/status.h"
#include "tools/output/output.h"
#include "tools/output/row_line.h"
#include "tools/output/selection.h"
#include "tools/region/options.h"
#include "tools/region/reader.h"
#include "tools/region/target.h"
#include "tools/rows/where.h"

static const char doc[] =
	"Examples:\n"
	"  stele dump net/routes\n"
	"  stele dump --prefix 10.0.0.0/8 net/routes\n"
	"  stele dump --format csv net/routes >routes.csv\n"
	"  stele dump --version 41 net/routes\n"
	"  stele dump --columns prefix,metric --where 'metric>10' --limit 20 net/routes\n"
	"  stele dump --tokens --reverse net/routes\n"
	"\n"
	"Prints the rows of a table in the order of their keys, all of one version."
	"\v"
	"A PREFIX is the start of a key: a network if the column is an address or a prefix, "
	"the first letters if it is text, one or more of the first columns if the key has "
	"several.\n"
	"\n"
	"A CONDITION is a column, one of = != < <= > >=, and a value in the text of the "
	"column's type. Numbers and times are compared as numbers, text and addresses byte "
	"by byte. Every CONDITION must hold.\n"
	"\n"
	"--tokens adds a column \"token\", such as 7@3f2a9c1e, which 'stele set --if-version' "
	"takes.\n";

struct dump {
	struct options_reading reading;
	const char *prefix;
	const char *columns; /* of --columns; NULL: all */
	uint64_t limit;      /* of --limit; 0: none */
	bool reverse, versions;
	char **conditions; /* the arguments of --where */
	size_t condition_count;
};

enum { OPTION_COLUMNS = OPTION_OTHERS, OPTION_WHERE, OPTION_LIMIT, OPTION_REVERSE, OPTION_TOKENS };

static error_t dump_parse(int key, char *argument, struct argp_state *state)
{
	struct dump *dump = state->input;

	switch (key) {
	case 'p':
		dump->prefix = argument;
		return 0;
	case OPTION_COLUMNS:
		dump->columns = argument;
		return 0;
	case OPTION_WHERE:
		dump->conditions = heap_realloc(
			dump->conditions, (dump->condition_count + 1) * sizeof(*dump->conditions));
		dump->conditions[dump->condition_count++] = argument;
		return 0;
	case OPTION_LIMIT:
		return parse_count("--limit", argument, 1, UINT64_MAX, &dump->limit) == STATUS_DONE
		               ? 0
		               : EINVAL;
	case OPTION_REVERSE:
		dump->reverse = true;
		return 0;
	case OPTION_TOKENS:
		dump->versions = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static enum status dump_fail_reading(int error, uint64_t version)
{
	if (error == -ESTALE)
		return fail(STATUS_BUSY,
		            "the publisher reclaimed version %llu while it was read, so the output "
		            "is incomplete; run the command again",
		            (unsigned long long)version);
	return fail_library(error);
}

/* The output of a dump: cells for a table or for selected columns, otherwise lines. */
struct dump_output {
	const struct dump *dump;
	const struct stele_schema *schema;
	struct where *conditions; /* dump->condition_count of them */
	struct selection selection;
	struct row_line line;
	bool lines;
	uint8_t region[16];
	struct output *output;
};

static enum status dump_open_output(struct dump_output *output, const struct reader *reader)
{
	const struct dump *dump = output->dump;
	enum status status;

	output->schema = reader->schema;
	stele_subscriber_region_uuid(reader->subscriber, output->region);
	status = selection_open(&output->selection, reader->schema, "--columns", dump->columns,
	                        dump->versions);
	output->conditions =
		heap_realloc(NULL, (dump->condition_count + 1) * sizeof(*output->conditions));
	memset(output->conditions, 0, dump->condition_count * sizeof(*output->conditions));
	for (size_t i = 0; status == STATUS_DONE && i < dump->condition_count; i++)
		status = where_open(&output->conditions[i], reader->schema, dump->conditions[i]);
	if (status != STATUS_DONE)
		return status;
	output->lines = output->selection.whole && dump->reading.format != OUTPUT_TABLE;
	output->output = output_open(dump->reading.format, SHAPE_ROWS, output->selection.columns,
	                             output->selection.count);
	output_print_table_rows(output->output);
	output_set_units(output->output, output->selection.units);
	return STATUS_DONE;
}

static void dump_close_output(struct dump_output *output)
{
	for (size_t i = 0; i < output->dump->condition_count; i++)
		where_close(&output->conditions[i]);
	free(output->conditions);
	selection_close(&output->selection);
	row_line_close(&output->line);
}

/* Formats a row that all conditions of --where hold for. Returns 1, or 0 if one does not hold, or a
 * negative errno of the library. */
static int dump_fill(struct dump_output *output, const struct stele_row *row)
{
	int result = 1;

	for (size_t i = 0; result == 1 && i < output->dump->condition_count; i++)
		result = where_holds(&output->conditions[i], row);
	if (result != 1)
		return result;
	if (output->lines)
		result = row_line_fill(&output->line, output->dump->reading.format, output->schema,
		                       row);
	else
		result = selection_fill(&output->selection, row, output->region);
	return result < 0 ? result : 1;
}

static enum status dump_print(const struct dump_output *output)
{
	if (output->lines)
		return output_line(output->output, output->line.text, output->line.length);
	return output_row(output->output, output->selection.cells);
}

static int dump_next(const struct dump_output *output, struct stele_cursor *cursor,
                     struct stele_row *ret)
{
	return output->dump->reverse ? stele_cursor_previous(cursor, ret)
	                             : stele_cursor_next(cursor, ret);
}

/* Prints the remaining rows, at most those of --limit. Each row is formatted, then validated, then
 * printed, so that no torn row is printed. */
static enum status dump_print_rows(const struct reader *reader, struct stele_cursor *cursor,
                                   struct dump_output *output)
{
	uint64_t left = output->dump->limit ? output->dump->limit : UINT64_MAX;
	enum status status = STATUS_DONE;
	struct stele_row row;
	int result = 0;

	while (status == STATUS_DONE && left > 0 &&
	       (result = dump_next(output, cursor, &row)) == 1) {
		int filled = dump_fill(output, &row);

		result = stele_snapshot_check(reader->snapshot);
		if (result == 0 && filled < 0)
			result = filled;
		if (result < 0)
			break;
		if (filled == 0)
			continue;
		left--;
		status = dump_print(output);
	}
	if (result < 0)
		return dump_fail_reading(result, stele_snapshot_version(reader->snapshot));
	return status;
}

static enum status dump_restrict_cursor(struct stele_cursor *cursor,
                                        const struct stele_schema *schema, const char *prefix)
{
	struct stele_key key;
	int result;

	result = stele_key_parse_start(schema, prefix, strlen(prefix), &key);
	if (result == 0)
		result = stele_cursor_under(cursor, key.bytes, key.bits);
	return result < 0 ? fail_library(result) : STATUS_DONE;
}

/* Places the cursor before the first row that is to be printed. */
static enum status dump_place_cursor(struct stele_cursor *cursor, const struct dump *dump,
                                     const struct stele_schema *schema)
{
	enum status status = STATUS_DONE;
	int result = 0;

	if (dump->prefix)
		status = dump_restrict_cursor(cursor, schema, dump->prefix);
	if (status == STATUS_DONE && dump->reverse)
		result = stele_cursor_last(cursor);
	return result < 0 ? fail_library(result) : status;
}

static enum status dump_print_table(const struct reader *reader, const struct dump *dump)
{
	struct dump_output output = {.dump = dump};
	struct stele_cursor *cursor;
	enum status status;
	int result;

	result = stele_cursor_open(&reader->table, &cursor);
	if (result < 0)
		return fail_library(result);
	status = dump_place_cursor(cursor, dump, reader->schema);
	if (status == STATUS_DONE) {
		status = dump_open_output(&output, reader);
		if (status == STATUS_DONE)
			status =
				output_end(output.output, dump_print_rows(reader, cursor, &output));
		dump_close_output(&output);
	}
	stele_cursor_close(cursor);
	return status;
}

static enum status dump_run(int argc, char **argv)
{
	struct dump dump = {0};
	struct reader reader;
	struct target target;
	enum status status;
	struct call call;

	if (options_parse(&command_dump, argc, argv, &dump, &call) != 1)
		status = fail_usage("dump", "expected one REGION/TABLE");
	else
		status = target_parse_source("dump", call.operands[0], true, &target);
	if (status == STATUS_DONE)
		status = reader_open(&reader, &call.place, target.region, READER_PINNED);
	if (status == STATUS_DONE) {
		status = reader_open_table(&reader, target.table, &dump.reading.version);
		if (status == STATUS_DONE)
			status = dump_print_table(&reader, &dump);
		reader_close(&reader);
	}
	free(dump.conditions);
	return status;
}

const struct command command_dump = {
	.name = "dump",
	.summary = "print the rows of a table",
	.usage = "REGION/TABLE|FILE/TABLE",
	.doc = doc,
	.options =
		(const struct argp_option[]){
			{"prefix", 'p', "PREFIX", 0, "Only rows whose keys start with this", 0},
			{"where", OPTION_WHERE, "CONDITION", 0,
                         "Only rows of which this holds, such as 'metric>10'; may be given several times",
                         0},
			{"columns", OPTION_COLUMNS, "COLUMN,...", 0,
                         "Print only these columns, in this order", 0},
			{"tokens", OPTION_TOKENS, NULL, 0,
                         "Print the version that last changed each row, too, for --if-version", 0},
			{"limit", OPTION_LIMIT, "COUNT", 0, "Print at most so many rows", 0},
			{"reverse", OPTION_REVERSE, NULL, 0, "Print the rows in reverse order", 0},
			{0},
		},
	.parse = dump_parse,
	.common = &options_reading,
	.common_at = offsetof(struct dump, reading),
	.reads = true,
	.run = dump_run,
};
