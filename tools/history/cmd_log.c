/* SPDX-License-Identifier: MIT
 * stele log: prints the commits that history holds, the newest first. */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <stele/stele.h>
#include "tools/base/command.h"
#include "tools/base/describe.h"
#include "tools/base/fail.h"
#include "tools/base/format.h"
#include "tools/base/parse.h"
#include "tools/base/status.h"
#include "tools/base/text.h"
#include "tools/history/row_log.h"
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
	"  stele log net/routes\n"
	"  stele log net/routes 10.0.0.0/8\n"
	"\n"
	"Prints the commits that a region's history holds, the newest first: version, time, "
	"user, publisher, the number of rows added, changed and removed, the tables, and the "
	"message. Of REGION/TABLE, the commits that changed the table. With KEY, those that "
	"changed this row, and how."
	"\v"
	"The user is that of the publisher's process; if that is root, the user who logged in. "
	"A row that was \"written\" in the oldest version may have been added or changed.\n"
	"\n"
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
	case 'L':
		return parse_count("--lines", argument, 1, UINT64_MAX, &log->lines) == STATUS_DONE
		               ? 0
		               : EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

enum { VERSION, TIME, USER, BY, ADDED, CHANGED, REMOVED, TABLES, MESSAGE, TOKEN, COLUMNS };

static const struct output_column columns[COLUMNS] = {
	[VERSION] = {"version", true}, [TIME] = {"time", false},     [USER] = {"user", false},
	[BY] = {"by", false},          [ADDED] = {"added", true},    [CHANGED] = {"changed", true},
	[REMOVED] = {"removed", true}, [TABLES] = {"tables", false}, [MESSAGE] = {"message", false},
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
	const char *user = describe_user(commit, texts[USER]);
	struct text names = {0};
	enum status status;

	log_join_names(record, &names);
	cells[VERSION] = cell_number(commit->version, texts[VERSION]);
	cells[TIME] = cell_time(commit->time, texts[TIME]);
	cells[USER] = user ? cell_text(user) : (struct cell){.kind = CELL_NONE};
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

/* Reduces a record to what the commit did to one table. Returns false if it did nothing. */
static bool log_take_table(struct commit_record *record, const char *table)
{
	for (size_t i = 0; i < record->table_count; i++) {
		if (strcmp(record->tables[i].name, table) != 0)
			continue;
		record->tables[0] = record->tables[i];
		record->table_count = 1;
		record->commit.added = record->tables[0].added;
		record->commit.changed = record->tables[0].changed;
		record->commit.removed = record->tables[0].removed;
		return true;
	}
	return false;
}

/* Prints commits from the newest back to the oldest, at most `lines`; only those of a table unless
 * it is "". History may drop the oldest ones meanwhile, which ends the list too. */
static enum status log_print(const struct reader *reader, const char *table, uint64_t lines,
                             struct output *output, uint64_t *ret_printed)
{
	struct commit_record record = {0};
	enum status status = STATUS_DONE;
	uint64_t oldest, version;
	uint8_t region[16];
	int result;

	*ret_printed = 0;
	stele_subscriber_region_uuid(reader->subscriber, region);
	result = stele_subscriber_history(reader->subscriber, &oldest, &version);
	for (; result == 0 && status == STATUS_DONE && version > 0 && *ret_printed < lines;
	     version--) {
		result = commit_record_read(&record, reader->subscriber, version);
		if (result < 0 || (*table && !log_take_table(&record, table)))
			continue;
		status = log_print_record(output, &record, region);
		++*ret_printed;
	}
	commit_record_free(&record);
	return result < 0 && result != -ESTALE ? fail_library(result) : status;
}

/* Prints the log of a region or a table. */
static enum status log_print_commits(const struct reader *reader, const char *table,
                                     const struct log *log, uint64_t *ret_printed)
{
	struct output *output = output_open(log->format, SHAPE_ROWS, columns, COLUMNS);

	output_hide_last(output);
	return output_end(output, log_print(reader, table, log->lines ? log->lines : UINT64_MAX,
	                                    output, ret_printed));
}

/* Refuses a table that neither the newest version nor a commit in history has, and a key that is
 * not one of the table. */
static enum status log_check(struct reader *reader, const char *table, const char *key,
                             uint64_t printed)
{
	struct stele_key parsed;
	enum status status;
	int result;

	if (!*table || printed)
		return STATUS_DONE;
	status = reader_open_table(reader, table, NULL);
	if (status != STATUS_DONE || !key)
		return status;
	result = stele_key_parse(reader->schema, key, strlen(key), &parsed);
	return result < 0 ? fail_library(result) : STATUS_DONE;
}

static enum status log_run(int argc, char **argv)
{
	struct log log = {0};
	struct reader reader;
	struct target target;
	enum status status;
	uint64_t printed;
	struct call call;
	int count;

	count = options_parse(&command_log, argc, argv, &log, &call);
	if (count != 1 && count != 2)
		return fail_usage("log", "expected one REGION or REGION/TABLE, and perhaps a KEY");
	status = target_parse_source("log", call.operands[0], count == 2, &target);
	if (status == STATUS_DONE)
		status = reader_open(&reader, &call.place, target.region, READER_PINNED);
	if (status != STATUS_DONE)
		return status;
	if (count == 2)
		status = row_log_print(&reader, target.table, call.operands[1], log.format,
		                       log.lines ? log.lines : UINT64_MAX, &printed);
	else
		status = log_print_commits(&reader, target.table, &log, &printed);
	if (status == STATUS_DONE)
		status = log_check(&reader, target.table, call.operands[1], printed);
	reader_close(&reader);
	return status;
}

const struct command command_log = {
	.name = "log",
	.summary = "print the commits that history holds",
	.usage = "REGION[/TABLE]|FILE[/TABLE]\nREGION/TABLE|FILE/TABLE KEY",
	.doc = doc,
	.options =
		(const struct argp_option[]){
			{"lines", 'L', "COUNT", 0, "Only the newest COUNT commits", 0},
			{0},
		},
	.parse = log_parse,
	.common = &options_format,
	.common_at = offsetof(struct log, format),
	.reads = true,
	.run = log_run,
};
