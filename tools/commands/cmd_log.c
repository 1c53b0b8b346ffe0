/* SPDX-License-Identifier: MIT
 * stele log: prints the commits that history holds, the newest first. */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <stele/stele.h>
#include "tools/base/command.h"
#include "tools/base/describe.h"
#include "tools/base/fail.h"
#include "tools/base/format.h"
#include "tools/base/heap.h"
#include "tools/base/parse.h"
#include "tools/base/status.h"
#include "tools/base/text.h"
#include "tools/output/output.h"
#include "tools/output/output_cell.h"
#include "tools/region/options.h"
#include "tools/region/reader.h"
#include "tools/region/target.h"
#include "tools/region/token.h"

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

enum { NAME, TABLE_ADDED, TABLE_CHANGED, TABLE_REMOVED, TABLE_COLUMNS };

static const struct output_column table_columns[TABLE_COLUMNS] = {
	[NAME] = {"table", false},
	[TABLE_ADDED] = {"added", true},
	[TABLE_CHANGED] = {"changed", true},
	[TABLE_REMOVED] = {"removed", true},
};

/* A commit and the tables that it changed. */
struct entry {
	struct stele_commit commit;
	struct stele_commit_table *tables;
	size_t table_count;
};

/* Reads the commit of a snapshot. Reuses entry->tables of the commit before. */
static int log_read_entry(const struct stele_snapshot *snapshot, struct entry *entry)
{
	struct stele_commit_table table;
	int result;

	entry->table_count = 0;
	result = stele_snapshot_commit(snapshot, &entry->commit);
	if (result < 0)
		return result;
	while ((result = stele_snapshot_commit_table(snapshot, (unsigned)entry->table_count,
	                                             &table)) == 1) {
		entry->tables = heap_realloc(entry->tables,
		                             (entry->table_count + 1) * sizeof(*entry->tables));
		entry->tables[entry->table_count++] = table;
	}
	return result;
}

/* Appends the names of the changed tables, for OUTPUT_TABLE. */
static void log_join_names(const struct entry *entry, struct text *text)
{
	for (size_t i = 0; i < entry->table_count; i++) {
		text_append_string(text, i ? ", " : "");
		text_append_string(text, entry->tables[i].name);
	}
	text_append(text, "", 1);
}

static enum status log_print_entry(struct output *output, const struct entry *entry,
                                   const uint8_t region[16])
{
	size_t count = entry->table_count;
	char(*numbers)[3][DESCRIBED_MAX] = heap_realloc(NULL, (count + 1) * sizeof(*numbers));
	struct cell *tables = heap_realloc(NULL, (count + 1) * TABLE_COLUMNS * sizeof(*tables));
	const struct stele_commit *commit = &entry->commit;
	char texts[COLUMNS][DESCRIBED_MAX];
	struct cell cells[COLUMNS];
	struct text names = {0};
	enum status status;

	for (size_t i = 0; i < count; i++) {
		struct cell *cell = tables + i * TABLE_COLUMNS;

		cell[NAME] = cell_text(entry->tables[i].name);
		cell[TABLE_ADDED] = cell_number(entry->tables[i].added, numbers[i][0]);
		cell[TABLE_CHANGED] = cell_number(entry->tables[i].changed, numbers[i][1]);
		cell[TABLE_REMOVED] = cell_number(entry->tables[i].removed, numbers[i][2]);
	}
	log_join_names(entry, &names);
	cells[VERSION] = cell_number(commit->version, texts[VERSION]);
	cells[TIME] = cell_time(commit->time, texts[TIME]);
	cells[BY] = cell_text(describe_process(commit->pid, commit->command, texts[BY]));
	cells[ADDED] = cell_number(commit->added, texts[ADDED]);
	cells[CHANGED] = cell_number(commit->changed, texts[CHANGED]);
	cells[REMOVED] = cell_number(commit->removed, texts[REMOVED]);
	cells[TABLES] = (struct cell){
		.kind = CELL_LIST,
		.plain = names.bytes,
		.columns = table_columns,
		.cells = tables,
		.column_count = TABLE_COLUMNS,
		.row_count = count,
	};
	cells[MESSAGE] = cell_text(commit->message);
	cells[TOKEN] = cell_text(token_describe(commit->version, region, texts[TOKEN]));
	status = output_row(output, cells);
	text_free(&names);
	free(tables);
	free(numbers);
	return status;
}

/* Prints commits from the newest back to the oldest, at most `lines`. History may drop the
 * oldest ones meanwhile, which ends the list too. */
static enum status log_print(struct reader *reader, uint64_t lines, struct output *output)
{
	enum status status = STATUS_DONE;
	struct entry entry = {0};
	uint64_t oldest, version;
	uint8_t region[16];
	int result;

	stele_subscriber_region_uuid(reader->subscriber, region);
	result = stele_subscriber_history(reader->subscriber, &oldest, &version);
	for (; result == 0 && status == STATUS_DONE && version > 0 && lines > 0;
	     version--, lines--) {
		result = stele_snapshot_open(reader->subscriber, version, &reader->snapshot);
		if (result == -ESTALE)
			break;
		if (result == 0)
			result = log_read_entry(reader->snapshot, &entry);
		if (reader->snapshot)
			reader->snapshot = stele_snapshot_close(reader->snapshot);
		if (result == 0)
			status = log_print_entry(output, &entry, region);
	}
	free(entry.tables);
	/* -ESTALE: history has dropped the version, before or during the read. */
	if (result < 0 && result != -ESTALE)
		status = fail_library(result);
	return status;
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
