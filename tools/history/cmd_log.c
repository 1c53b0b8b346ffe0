/* SPDX-License-Identifier: MIT
 * stele log: prints the commits that history holds, the newest first. */
#include <errno.h>
#include <stddef.h>
#include <stele/stele.h>
#include "tools/base/command.h"
#include "tools/base/describe.h"
#include "tools/base/fail.h"
#include "tools/base/format.h"
#include "tools/base/parse.h"
#include "tools/base/status.h"
#include "tools/base/text.h"
#include "tools/output/commit_record.h"
#include "tools/output/output.h"
#include "tools/output/output_cell.h"
#include "tools/region/options.h"
#include "tools/region/reader.h"
#include "tools/region/target.h"

static const char doc[] =
	"Examples:\n"
	"  stele log net\n"
	"  stele log --lines 1 --format json net | jq '.[0].message'\n"
	"\n"
	"Prints the commits that a region's history holds, the newest first: version, time, "
	"publisher, the number of rows added, changed and removed, the tables, and the "
	"message."
	"\v"
	"The option --version of get, lookup, dump and explain reads each of these versions, "
	"and 'stele diff' compares two of them.\n";

/* The options of stele log. */
struct log {
	enum output_format format;
	uint64_t lines; /* 0: all */
};

static error_t log_parse(int key, char *argument, struct argp_state *state)
{
	struct log *log = state->input;

	switch (key) {
	case 'n':
		return parse_count("--lines", argument, 1, UINT64_MAX, &log->lines) == STATUS_DONE
		               ? 0
		               : EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

enum { VERSION, TIME, BY, ADDED, CHANGED, REMOVED, TABLES, MESSAGE, TOKEN, COLUMNS };

static const struct output_column columns[COLUMNS] = {
	[VERSION] = {"version", true}, [TIME] = {"time", false},
	[BY] = {"by", false},          [ADDED] = {"added", true},
	[CHANGED] = {"changed", true}, [REMOVED] = {"removed", true},
	[TABLES] = {"tables", false},  [MESSAGE] = {"message", false},
	[TOKEN] = {"token", false},
};

/* Appends the names of the changed tables, and which of them were created, altered or dropped, for
 * OUTPUT_TABLE. */
static void log_join_names(const struct commit_record *record, struct text *text)
{
	for (size_t i = 0; i < record->table_count; i++) {
		const struct stele_commit_table *table = &record->tables[i];

		text_append_string(text, i ? ", " : "");
		text_append_string(text, table->name);
		if (table->fate == STELE_TABLE_KEPT)
			continue;
		text_append_string(text, " (");
		text_append_string(text, commit_record_fate(table));
		text_append_string(text, ")");
	}
	text_append(text, "", 1);
}

static enum status log_print_record(struct output *output, struct commit_record *record,
                                    const uint8_t region[16])
{
	const struct stele_commit *commit = &record->commit;
	char texts[COLUMNS][DESCRIBED_MAX];
	struct cell cells[COLUMNS];
	struct text names = {0};
	enum status status;

	log_join_names(record, &names);
	cells[VERSION] = cell_number(commit->version, texts[VERSION]);
	cells[TIME] = cell_time(commit->time, texts[TIME]);
	cells[BY] = cell_text(describe_process(commit->pid, commit->command, texts[BY]));
	cells[ADDED] = cell_number(commit->added, texts[ADDED]);
	cells[CHANGED] = cell_number(commit->changed, texts[CHANGED]);
	cells[REMOVED] = cell_number(commit->removed, texts[REMOVED]);
	cells[TABLES] = commit_record_tables(record);
	cells[TABLES].plain = names.bytes;
	cells[MESSAGE] = cell_text(commit->message);
	cells[TOKEN] = cell_text(describe_token(commit->version, region, texts[TOKEN]));
	status = output_row(output, cells);
	text_free(&names);
	return status;
}

/* Prints commits from the newest back to the oldest, at most `lines`. History may drop the
 * oldest ones meanwhile, which ends the list too. */
static enum status log_print(const struct reader *reader, uint64_t lines, struct output *output)
{
	struct commit_record record = {0};
	enum status status = STATUS_DONE;
	uint64_t oldest, version;
	uint8_t region[16];
	int result;

	stele_subscriber_region_uuid(reader->subscriber, region);
	result = stele_subscriber_history(reader->subscriber, &oldest, &version);
	for (; result == 0 && status == STATUS_DONE && version > 0 && lines > 0;
	     version--, lines--) {
		result = commit_record_read(&record, reader->subscriber, version);
		if (result == 0)
			status = log_print_record(output, &record, region);
	}
	commit_record_free(&record);
	return result < 0 && result != -ESTALE ? fail_library(result) : status;
}

static enum status log_run(int argc, char **argv)
{
	struct log log = {0};
	struct output *output;
	struct reader reader;
	enum status status;
	struct call call;

	if (options_parse(&command_log, argc, argv, &log, &call) != 1)
		return fail_usage("log", "expected one REGION");
	status = target_check_source(call.operands[0]);
	if (status != STATUS_DONE)
		return status;
	status = reader_open(&reader, &call.place, call.operands[0], READER_PINNED);
	if (status != STATUS_DONE)
		return status;
	output = output_open(log.format, SHAPE_ROWS, columns, COLUMNS);
	output_hide_last(output);
	status = log_print(&reader, log.lines ? log.lines : UINT64_MAX, output);
	status = output_end(output, status);
	reader_close(&reader);
	return status;
}

const struct command command_log = {
	.name = "log",
	.summary = "print the commits that history holds",
	.usage = "REGION|FILE",
	.doc = doc,
	.options =
		(const struct argp_option[]){
			{"lines", 'n', "COUNT", 0, "Only the newest COUNT commits", 0},
			{0},
		},
	.parse = log_parse,
	.common = &options_format,
	.common_at = offsetof(struct log, format),
	.reads = true,
	.run = log_run,
};
