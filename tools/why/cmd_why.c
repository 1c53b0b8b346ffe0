/* SPDX-License-Identifier: MIT
 * stele why: explains what a lookup found at a time, from recordings or from history. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <stele/stele.h>
#include "lib/units.h"
#include "tools/base/clock.h"
#include "tools/base/command.h"
#include "tools/base/describe.h"
#include "tools/base/fail.h"
#include "tools/base/format.h"
#include "tools/base/heap.h"
#include "tools/base/parse.h"
#include "tools/base/status.h"
#include "tools/output/output.h"
#include "tools/output/output_cell.h"
#include "tools/output/row_cells.h"
#include "tools/record/recordings.h"
#include "tools/why/lookup_history.h"
#include "tools/why/lookup_live.h"
#include "tools/why/lookup_recorded.h"
#include "tools/region/fail_region.h"
#include "tools/region/options.h"
#include "tools/region/reader.h"
#include "tools/region/target.h"

static const char doc[] =
	"Examples:\n"
	"  stele why net/routes 10.1.2.3\n"
	"  stele why net/routes 10.1.2.3 --at 12:03:17 --from /var/lib/stele/recordings\n"
	"  STELE_RECORDINGS=/var/lib/stele/recordings stele why net/routes 10.1.2.3 --at -5m\n"
	"\n"
	"Prints the row that a lookup of KEY found at a time; the prefixes that matched too, but "
	"lost against a longer one; the last commit that changed this answer, and the answer "
	"before; and which subscribers had applied that commit by then."
	"\v"
	"KEY is a key as for 'stele get', or an address as for 'stele lookup'. If the lookup "
	"found no row, the exit status is 1.\n"
	"\n"
	"Without --from and STELE_RECORDINGS, or if there are no recordings of the region, the "
	"versions that its history holds are read. 'stele record' writes recordings. They know to "
	"about a second when a subscriber had applied a version; history knows only what "
	"subscribers have applied by now.\n"
	"\n"
	"A TIME without an offset is one of the local time zone; what is printed is in UTC.\n";

/* Keys of options without a short form. */
enum { WHY_AT = OPTION_OTHERS, WHY_FROM };

/* The options of stele why, and what it prints. */
struct why {
	enum output_format format;
	uint64_t at;
	bool has_at;
	const char *from;
	struct lookup_history history;
};

static error_t why_parse(int key, char *argument, struct argp_state *state)
{
	struct why *why = state->input;

	switch (key) {
	case WHY_AT:
		why->has_at = true;
		return parse_time("--at", argument, &why->at) == STATUS_DONE ? 0 : EINVAL;
	case WHY_FROM:
		why->from = argument;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* ---- rows as cells ---- */

/* The cells of rows, of which each may have a schema of its own. */
struct why_rows {
	struct row_cells *rows; /* on the heap */
	size_t count;
};

static struct cell why_row(struct why_rows *rows, const struct lookup_row *row)
{
	struct row_cells *cells;

	if (!row || !row->schema)
		return (struct cell){.kind = CELL_NONE};
	cells = &rows->rows[rows->count++];
	row_cells_open(cells, row->schema);
	if (row_cells_fill(cells, row->row.key, row->row.key_bits, row->row.value,
	                   row->row.value_size) < 0)
		return (struct cell){.kind = CELL_NONE};
	return (struct cell){
		.kind = CELL_OBJECT,
		.columns = cells->columns,
		.cells = cells->cells,
		.column_count = row->schema->column_count,
		.row_count = 1,
	};
}

static int why_compare_lengths(const void *a, const void *b)
{
	const struct lookup_row *x = a, *y = b;

	return (x->row.key_bits < y->row.key_bits) - (x->row.key_bits > y->row.key_bits);
}

/* Returns a list of the rows that lost, the longest prefix first. They have the schema of the
 * answer. `*ret_cells` is on the heap. */
static struct cell why_losers(struct why *why, struct why_rows *rows, struct cell **ret_cells)
{
	struct lookup_rows *found = &why->history.rows;
	struct cell list = {.kind = CELL_LIST}, row;

	*ret_cells = NULL;
	for (size_t i = 1; i < found->count; i++) {
		row = why_row(rows, &found->rows[i]);
		if (row.kind == CELL_NONE)
			continue;
		*ret_cells = heap_realloc(*ret_cells, (list.row_count + 1) * row.column_count *
		                                              sizeof(**ret_cells));
		memcpy(*ret_cells + list.row_count * row.column_count, row.cells,
		       row.column_count * sizeof(row));
		list.columns = row.columns;
		list.column_count = row.column_count;
		list.row_count++;
	}
	list.cells = *ret_cells;
	return list;
}

/* ---- the commit ---- */

enum { VERSION, TIME, USER, BY, MESSAGE, COMMIT_COLUMNS };

static const struct output_column commit_columns[COMMIT_COLUMNS] = {
	[VERSION] = {"version", false}, [TIME] = {"time", false},       [USER] = {"user", false},
	[BY] = {"by", false},           [MESSAGE] = {"message", false},
};

/* The version that explains the answer, as far as it is known. */
struct why_cause {
	uint64_t version; /* 0: not known */
	uint8_t region[16];
	struct stele_commit commit; /* .version 0: not known */
};

static struct why_cause why_cause(const struct lookup_history *history)
{
	const struct lookup_row *answer = lookup_answer(history);
	struct why_cause cause = {0};

	if (history->change.known) {
		cause.version = history->change.version;
		cause.commit = history->change.commit;
		memcpy(cause.region, history->change.region, sizeof(cause.region));
		return cause;
	}
	memcpy(cause.region, history->begin.region, sizeof(cause.region));
	cause.version = answer ? answer->row.version : 0;
	cause.commit = history->origin;
	return cause;
}

static struct cell why_commit(const struct why_cause *cause, bool brief,
                              struct cell cells[COMMIT_COLUMNS],
                              char texts[COMMIT_COLUMNS][DESCRIBED_MAX])
{
	const struct stele_commit *commit = &cause->commit;
	const char *user;

	if (!cause->version)
		return (struct cell){.kind = CELL_NONE};
	for (int i = 0; i < COMMIT_COLUMNS; i++)
		cells[i] = (struct cell){.kind = CELL_NONE};
	cells[VERSION] = cell_text((brief ? describe_token_short : describe_token)(
		cause->version, cause->region, texts[VERSION]));
	if (commit->version) {
		user = describe_user(commit, texts[USER]);
		cells[TIME] = cell_time(commit->time, texts[TIME]);
		cells[USER] = user ? cell_text(user) : (struct cell){.kind = CELL_NONE};
		cells[BY] = cell_text(describe_process(commit->pid, commit->command, texts[BY]));
		cells[MESSAGE] = cell_text(commit->message);
	}
	return (struct cell){
		.kind = CELL_OBJECT,
		.columns = commit_columns,
		.cells = cells,
		.column_count = COMMIT_COLUMNS,
		.row_count = 1,
	};
}

/* Nanoseconds between two samples of the subscribers, with a reserve. */
#define NOTE_AFTER (3 * NSEC_PER_SEC)

/* Says on standard error what the history does not know. */
static void why_note(const struct why *why)
{
	const struct lookup_history *history = &why->history;
	const struct lookup_change *change = &history->change;
	char time[DESCRIBED_MAX];

	if (change->known && change->gone)
		note("the region was removed at %s", describe_time(change->time, time));
	else if (change->known && change->unseen)
		note("the answer changed after version %llu, while nothing was recorded",
		     (unsigned long long)change->from);
	else if (change->known && !change->version)
		note("the answer changed in one of the versions %llu to %llu, which were "
		     "recorded as one",
		     (unsigned long long)change->from + 1, (unsigned long long)change->to);
	else if (!change->known)
		note("the answer is the same since version %llu, the oldest that is known",
		     (unsigned long long)history->begun.version);
	if (why->has_at && history->last + (uint64_t)NOTE_AFTER < why->at)
		note("nothing is known of the time after %s", describe_time(history->last, time));
}

/* ---- subscribers ---- */

enum { PROCESS, LABEL, APPLIED, STATE, SUBSCRIBER_COLUMNS };

static const struct output_column subscriber_columns[SUBSCRIBER_COLUMNS] = {
	[PROCESS] = {"process", false},
	[LABEL] = {"label", false},
	[APPLIED] = {"version", true},
	[STATE] = {"state", false},
};

struct why_subscribers {
	struct cell *cells; /* on the heap, as the texts */
	char (*texts)[2][DESCRIBED_MAX];
};

/* Returns what a subscriber had done with the version of the cause: applied it, or seen it without
 * reporting what it applies, or neither. */
static const char *why_state(const struct recording_subscriber *subscriber, uint64_t version)
{
	if (subscriber->applied)
		return subscriber->applied >= version ? "applied" : "behind";
	return subscriber->seen >= version ? "seen" : "behind";
}

static struct cell why_list_subscribers(const struct lookup_history *history, uint64_t version,
                                        struct why_subscribers *ret)
{
	size_t count = history->subscriber_count;

	ret->cells = heap_realloc(NULL, (count + 1) * SUBSCRIBER_COLUMNS * sizeof(*ret->cells));
	ret->texts = heap_realloc(NULL, (count + 1) * sizeof(*ret->texts));
	for (size_t i = 0; i < count; i++) {
		const struct recording_subscriber *is = &history->subscribers[i].is;
		struct cell *cells = ret->cells + i * SUBSCRIBER_COLUMNS;

		cells[PROCESS] =
			cell_text(describe_process(is->pid, is->command, ret->texts[i][0]));
		cells[LABEL] = cell_text(history->subscribers[i].label);
		cells[APPLIED] =
			cell_number(is->applied ? is->applied : is->seen, ret->texts[i][1]);
		cells[STATE] = cell_text(why_state(is, version));
	}
	return (struct cell){
		.kind = CELL_LIST,
		.columns = subscriber_columns,
		.cells = ret->cells,
		.column_count = SUBSCRIBER_COLUMNS,
		.row_count = count,
	};
}

/* ---- the command ---- */

enum { AT, AT_VERSION, ROW, LOST, COMMIT, BEFORE, SUBSCRIBERS, COLUMNS };

static const struct output_column columns[COLUMNS] = {
	[AT] = {"at", false},
	[AT_VERSION] = {"version", false},
	[ROW] = {"row", false},
	[LOST] = {"lost", false},
	[COMMIT] = {"commit", false},
	[BEFORE] = {"before", false},
	[SUBSCRIBERS] = {"subscribers", false},
};

static enum status why_print(struct why *why)
{
	char at[DESCRIBED_MAX], version[DESCRIBED_MAX], plain[DESCRIBED_MAX];
	char commit_texts[COMMIT_COLUMNS][DESCRIBED_MAX];
	struct cell cells[COLUMNS], commit_cells[COMMIT_COLUMNS], *lost;
	struct lookup_history *history = &why->history;
	struct why_cause cause = why_cause(history);
	struct why_subscribers subscribers;
	struct why_rows rows = {0};
	struct output *output;
	enum status status;

	/* The answer becomes the first. */
	if (history->rows.count)
		qsort(history->rows.rows, history->rows.count, sizeof(*history->rows.rows),
		      why_compare_lengths);
	rows.rows = heap_realloc(NULL, (history->rows.count + 1) * sizeof(*rows.rows));
	cells[AT] = cell_time(why->at, at);
	cells[AT_VERSION] =
		cell_text(describe_token(history->begin.version, history->begin.region, version));
	cells[AT_VERSION].plain =
		describe_token_short(history->begin.version, history->begin.region, plain);
	cells[ROW] = why_row(&rows, history->rows.count ? &history->rows.rows[0] : NULL);
	cells[LOST] = why_losers(why, &rows, &lost);
	cells[COMMIT] = why_commit(&cause, why->format == OUTPUT_TABLE, commit_cells, commit_texts);
	cells[BEFORE] = why_row(&rows, &history->change.before);
	cells[SUBSCRIBERS] = why_list_subscribers(history, cause.version, &subscribers);
	output = output_open(why->format, SHAPE_RECORD, columns, COLUMNS);
	status = output_end(output, output_row(output, cells));
	for (size_t i = 0; i < rows.count; i++)
		row_cells_close(&rows.rows[i]);
	free(rows.rows);
	free(lost);
	free(subscribers.cells);
	free(subscribers.texts);
	why_note(why);
	return status;
}

/* Lists the recordings that --from names: a directory or a file. */
static enum status why_find(const struct why *why, const char *region,
                            struct recordings *recordings)
{
	struct stat is;
	int result;

	*recordings = (struct recordings){0};
	if (!why->from)
		return STATUS_DONE;
	if (stat(why->from, &is) == 0 && !S_ISDIR(is.st_mode)) {
		recordings->paths = heap_realloc(NULL, sizeof(*recordings->paths));
		recordings->paths[0] = heap_realloc(NULL, strlen(why->from) + 1);
		strcpy(recordings->paths[0], why->from);
		recordings->count = 1;
		return STATUS_DONE;
	}
	result = recordings_list(recordings, why->from, region);
	return result < 0 ? fail(fail_status(result), "cannot read the directory %s: %s", why->from,
	                         strerror(-result))
	                  : STATUS_DONE;
}

static enum status why_read(struct why *why, const struct call *call, const struct target *target)
{
	struct recordings recordings;
	struct reader reader;
	enum status status;

	status = why_find(why, target->region, &recordings);
	if (status != STATUS_DONE)
		return status;
	if (recordings.count > 0) {
		status = lookup_recorded(&why->history, &recordings);
		recordings_free(&recordings);
		return status;
	}
	if (why->from)
		note("there are no recordings of region \"%s\" in %s", target->region, why->from);
	status = reader_open(&reader, &call->place, target->region, READER_PINNED);
	if (status != STATUS_DONE)
		return status;
	status = lookup_live(&why->history, &reader);
	if (status == STATUS_DONE && why->has_at && why->history.subscriber_count > 0)
		note("what subscribers have applied is that of now");
	reader_close(&reader);
	return status;
}

static enum status why_run(int argc, char **argv)
{
	struct why why = {.at = clock_wall(), .from = getenv("STELE_RECORDINGS")};
	struct target target;
	enum status status;
	struct call call;

	if (options_parse(&command_why, argc, argv, &why, &call) != 2)
		return fail_usage("why", "expected REGION/TABLE and KEY");
	if (why.from && !*why.from)
		why.from = NULL;
	status = target_parse_source("why", call.operands[0], true, &target);
	if (status != STATUS_DONE)
		return status;
	lookup_open(&why.history, target.table, call.operands[1], why.at);
	status = why_read(&why, &call, &target);
	if (status == STATUS_DONE && why.history.error < 0)
		status = fail(STATUS_INPUT, "\"%s\" is no key of table \"%s\"", call.operands[1],
		              target.table);
	else if (status == STATUS_DONE && !why.history.schema_count)
		status = fail(STATUS_NO_TABLE, "there was no table \"%s\" then", target.table);
	else if (status == STATUS_DONE)
		status = why_print(&why);
	if (status == STATUS_DONE && !lookup_answer(&why.history))
		status = fail_no_row(call.operands[1], target.table);
	lookup_close(&why.history);
	return status;
}

const struct command command_why = {
	.name = "why",
	.summary = "explain what a lookup found at a time",
	.usage = "REGION/TABLE|FILE/TABLE KEY",
	.doc = doc,
	.options =
		(const struct argp_option[]){
			{"at", WHY_AT, "TIME", 0,
                         "At this time, such as 12:03:17, \"2026-01-31 12:03\", @1769860997 or -5m (default: now)",
                         0},
			{"from", WHY_FROM, "DIRECTORY", 0,
                         "Read recordings of the region in this directory, or one recording (default: $STELE_RECORDINGS)",
                         0},
			{0},
		},
	.parse = why_parse,
	.common = &options_format,
	.common_at = offsetof(struct why, format),
	.reads = true,
	.run = why_run,
};
