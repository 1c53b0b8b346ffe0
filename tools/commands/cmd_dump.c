/* SPDX-License-Identifier: MIT
 * stele dump: prints all rows of a table, or those with a prefix, from one version. */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <stele/stele.h>
#include "tools/base/command.h"
#include "tools/base/fail.h"
#include "tools/base/status.h"
#include "tools/output/output.h"
#include "tools/output/row_cells.h"
#include "tools/output/row_line.h"
#include "tools/region/options.h"
#include "tools/region/reader.h"
#include "tools/region/target.h"

static const char doc[] =
	"Examples:\n"
	"  stele dump net/routes\n"
	"  stele dump --prefix 10.0.0.0/8 net/routes\n"
	"  stele dump --format csv net/routes >routes.csv\n"
	"  stele dump --version 41 net/routes\n"
	"\n"
	"Prints the rows of a table in the order of their keys, all of one version."
	"\v"
	"A PREFIX is the start of a key: a network if the column is an address or a prefix, "
	"the first letters if it is text, one or more of the first columns if the key has "
	"several.\n";

struct dump {
	struct options_reading reading;
	const char *prefix;
};

static error_t dump_parse(int key, char *argument, struct argp_state *state)
{
	struct dump *dump = state->input;

	switch (key) {
	case 'p':
		dump->prefix = argument;
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

/* The output of a dump: cells for a table, lines for the other formats. */
struct dump_output {
	enum output_format format;
	struct row_cells cells;
	struct row_line line;
	struct output *output;
};

static int dump_fill(struct dump_output *output, const struct stele_row *row)
{
	if (output->format == OUTPUT_TABLE)
		return row_cells_fill(&output->cells, row->key, row->key_bits, row->value,
		                      row->value_size);
	return row_line_fill(&output->line, output->format, output->cells.schema, row);
}

static enum status dump_print(const struct dump_output *output)
{
	if (output->format == OUTPUT_TABLE)
		return output_row(output->output, output->cells.cells);
	return output_line(output->output, output->line.text, output->line.length);
}

/* Prints the remaining rows. Each row is formatted, then validated, then printed, so that no torn
 * row is printed. */
static enum status dump_print_rows(const struct reader *reader, struct stele_cursor *cursor,
                                   struct dump_output *output)
{
	struct stele_row row;
	enum status status;
	int result;

	while ((result = stele_cursor_next(cursor, &row)) == 1) {
		int filled = dump_fill(output, &row);

		result = stele_snapshot_check(reader->snapshot);
		if (result == 0)
			result = filled;
		if (result < 0)
			break;
		status = dump_print(output);
		if (status != STATUS_DONE)
			return status;
	}
	if (result < 0)
		return dump_fail_reading(result, stele_snapshot_version(reader->snapshot));
	return STATUS_DONE;
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

static enum status dump_print_table(const struct reader *reader, const struct dump *dump)
{
	struct stele_cursor *cursor;
	struct dump_output output = {.format = dump->reading.format};
	enum status status = STATUS_DONE;
	int result;

	result = stele_cursor_open(&reader->table, &cursor);
	if (result < 0)
		return fail_library(result);
	if (dump->prefix)
		status = dump_restrict_cursor(cursor, reader->schema, dump->prefix);
	if (status == STATUS_DONE) {
		row_cells_open(&output.cells, reader->schema);
		output.output = output_open(output.format, SHAPE_ROWS, output.cells.columns,
		                            reader->schema->column_count);
		output_set_units(output.output, output.cells.units);
		status = dump_print_rows(reader, cursor, &output);
		status = output_end(output.output, status);
		row_cells_close(&output.cells);
		row_line_close(&output.line);
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
		return fail_usage("dump", "expected one REGION/TABLE");
	status = target_parse_source("dump", call.operands[0], true, &target);
	if (status == STATUS_DONE)
		status = reader_open(&reader, &call.place, target.region, READER_PINNED);
	if (status != STATUS_DONE)
		return status;
	status = reader_open_table(&reader, target.table, &dump.reading.version);
	if (status == STATUS_DONE)
		status = dump_print_table(&reader, &dump);
	reader_close(&reader);
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
			{0},
		},
	.parse = dump_parse,
	.common = &options_reading,
	.common_at = offsetof(struct dump, reading),
	.reads = true,
	.run = dump_run,
};
