/* SPDX-License-Identifier: MIT
 * stele why: explains what a lookup found at a time, from recordings or from history. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
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
#include "tools/region/fail_region.h"
#include "tools/region/options.h"
#include "tools/region/reader.h"
#include "tools/region/target.h"
#include "tools/why/lookup_history.h"
#include "tools/why/lookup_live.h"
#include "tools/why/lookup_recorded.h"

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
	"The versions come from the recordings that 'stele record' has written, and from the "
	"history of the region, which goes on where they end. One recording (--from FILE) is read "
	"alone. Recordings know to about a second when a subscriber had applied a version; history "
	"knows only what subscribers have applied by now.\n"
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
	bool subscribers_of_now; /* not of the time */
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

/* How the answer changed. */
struct why_reason {
	const char *name;  /* for programs */
	const char *plain; /* for people */
};

static struct why_reason why_reason(const struct lookup_history *history)
{
	const struct lookup_change *change = &history->change;
	const struct lookup_row *before = &change->before, *row = lookup_answer(history);

	if (!change->known)
		return (struct why_reason){NULL, "not known: the change was earlier"};
	if (change->gone)
		return (struct why_reason){"gone", "the region was removed"};
	if (change->dropped)
		return (struct why_reason){"dropped", "the table was dropped"};
	if (!row)
		return (struct why_reason){"removed", "the row was removed"};
	if (!before->schema)
		return (struct why_reason){"added", "the row was added, where no row matched"};
	if (before->row.key_bits < row->row.key_bits)
		return (struct why_reason){
			"added",
			"the row was added; its prefix is longer than that of the row before"};
	if (before->row.key_bits > row->row.key_bits)
		return (struct why_reason){"removed",
		                           "the row before was removed; its prefix was longer"};
	if (before->schema != row->schema)
		return (struct why_reason){"altered", "the table has another schema"};
	if (before->row.value_size == row->row.value_size &&
	    memcmp(before->row.value, row->row.value, row->row.value_size) == 0)
		return (struct why_reason){"rewritten", "the same row was written again"};
	return (struct why_reason){"changed", "the row was changed"};
}

/* Says on standard error what the history does not know. */
static void why_note(const struct why *why)
{
	const struct lookup_history *history = &why->history;
	const struct lookup_change *change = &history->change;
	char time[DESCRIBED_MAX];

	if (history->gone)
		note("the region was removed at %s", describe_time(history->gone, time));
	if (change->known && !change->gone && change->replaced)
		note("the region was created again before version %llu",
		     (unsigned long long)change->to);
	else if (change->known && change->unseen)
		note("the answer changed after version %llu, while nothing was recorded",
		     (unsigned long long)change->from);
	else if (change->known && !change->gone && !change->version)
		note("the answer changed in one of the versions %llu to %llu, which were "
		     "recorded as one",
		     (unsigned long long)change->from + 1, (unsigned long long)change->to);
	else if (!change->known)
		note("the answer is the same since version %llu, the oldest that is known",
		     (unsigned long long)history->begun.version);
	if (history->known < why->at)
		note("nothing is known of the time after %s", describe_time(history->known, time));
	if (why->subscribers_of_now && history->subscriber_count > 0)
		note("the subscribers are those of now; only recordings know what was "
		     "applied at a time");
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
		cells[STATE] = version ? cell_text(why_state(is, version))
		                       : (struct cell){.kind = CELL_NONE};
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

enum { AT, AT_VERSION, ROW, WRITTEN, LOST, REASON, COMMIT, BEFORE, SUBSCRIBERS, COLUMNS };

static const struct output_column columns[COLUMNS] = {
	[AT] = {"at", false},
	[AT_VERSION] = {"version", false},
	[ROW] = {"row", false},
	[WRITTEN] = {"written", false},
	[LOST] = {"lost", false},
	[REASON] = {"reason", false},
	[COMMIT] = {"commit", false},
	[BEFORE] = {"before", false},
	[SUBSCRIBERS] = {"subscribers", false},
};

/* What a table shows in place of a cell that is missing. */
static struct cell why_or(struct cell cell, const char *plain)
{
	if (cell.kind == CELL_NONE)
		cell.plain = plain;
	return cell;
}

/* Returns the version in the cell of a token. */
static struct cell why_token(uint64_t version, const uint8_t region[16],
                             char texts[2][DESCRIBED_MAX])
{
	struct cell cell = cell_text(describe_token(version, region, texts[0]));

	cell.plain = describe_token_short(version, region, texts[1]);
	return cell;
}

/* Appends the local time to the time of the lookup, because people type local times. */
static const char *why_local(uint64_t at, const char *text, char buffer[2 * DESCRIBED_MAX])
{
	time_t seconds = (time_t)(at / NSEC_PER_SEC);
	size_t length = (size_t)snprintf(buffer, DESCRIBED_MAX, "%s", text);
	struct tm local;

	if (localtime_r(&seconds, &local) && local.tm_gmtoff != 0)
		strftime(buffer + length, DESCRIBED_MAX, " (%T %z)", &local);
	return buffer;
}

/* The texts of the cells of why_fill(). */
struct why_texts {
	char at[DESCRIBED_MAX], local[2 * DESCRIBED_MAX];
	char version[2][DESCRIBED_MAX], written[2][DESCRIBED_MAX];
	char commit[COMMIT_COLUMNS][DESCRIBED_MAX], heading[2 * DESCRIBED_MAX];
};

/* Fills the cells that are no lists. */
static void why_fill(const struct why *why, const struct why_cause *cause, struct why_rows *rows,
                     struct cell cells[COLUMNS], struct cell commit[COMMIT_COLUMNS],
                     struct why_texts *texts)
{
	const struct lookup_history *history = &why->history;
	const struct lookup_row *answer = history->rows.count ? &history->rows.rows[0] : NULL;
	const struct why_reason reason = why_reason(history);

	cells[AT] = cell_time(why->at, texts->at);
	cells[AT].plain = why_local(why->at, texts->at, texts->local);
	cells[AT_VERSION] =
		why_token(history->begin.version, history->begin.region, texts->version);
	cells[ROW] = why_or(why_row(rows, answer), "no row");
	cells[WRITTEN] = (struct cell){.kind = CELL_NONE};
	if (answer)
		cells[WRITTEN] =
			why_token(answer->row.version, history->begin.region, texts->written);
	cells[REASON] = reason.name ? cell_text(reason.name) : (struct cell){.kind = CELL_NONE};
	cells[REASON].plain = reason.plain;
	cells[COMMIT] = why_or(
		why_commit(cause, why->format == OUTPUT_TABLE, commit, texts->commit), "not known");
	cells[BEFORE] = why_or(why_row(rows, &history->change.before),
	                       history->change.known ? "no row" : "not known");
}

static enum status why_print(struct why *why)
{
	struct cell cells[COLUMNS], commit[COMMIT_COLUMNS], *lost;
	struct lookup_history *history = &why->history;
	struct why_cause cause = why_cause(history);
	struct why_subscribers subscribers;
	struct why_rows rows = {0};
	struct why_texts texts;
	struct output *output;
	enum status status;

	/* The answer becomes the first. */
	if (history->rows.count)
		qsort(history->rows.rows, history->rows.count, sizeof(*history->rows.rows),
		      why_compare_lengths);
	rows.rows = heap_realloc(NULL, (history->rows.count + 1) * sizeof(*rows.rows));
	why_fill(why, &cause, &rows, cells, commit, &texts);
	cells[LOST] = why_losers(why, &rows, &lost);
	cells[LOST].plain = "rows that matched too, and lost because their prefixes are shorter:";
	cells[SUBSCRIBERS] = why_list_subscribers(history, cause.version, &subscribers);
	snprintf(texts.heading, sizeof(texts.heading),
	         cause.version ? "subscribers, and whether they had applied version %llu:"
	                       : "subscribers, and what they had applied:",
	         (unsigned long long)cause.version);
	cells[SUBSCRIBERS].plain = texts.heading;
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
                            struct recordings *recordings, bool *ret_alone)
{
	struct stat is;
	int result;

	*recordings = (struct recordings){0};
	*ret_alone = why->from && stat(why->from, &is) == 0 && !S_ISDIR(is.st_mode);
	if (!why->from)
		return STATUS_DONE;
	if (*ret_alone) {
		recordings->paths = heap_realloc(NULL, sizeof(*recordings->paths));
		recordings->paths[0] = heap_realloc(NULL, strlen(why->from) + 1);
		strcpy(recordings->paths[0], why->from);
		recordings->count = 1;
		return STATUS_DONE;
	}
	result = recordings_list(recordings, why->from, region);
	if (result < 0)
		return fail(fail_status(result), "cannot read the directory %s: %s", why->from,
		            strerror(-result));
	if (recordings->count == 0)
		note("there are no recordings of region \"%s\" in %s", region, why->from);
	return STATUS_DONE;
}

/* Adds the versions that the region holds after those of the recordings. `recorded`: there are
 * recordings, so the region need not exist any more. */
static enum status why_read_region(struct why *why, const struct place *place, const char *region,
                                   bool recorded)
{
	struct lookup_history *history = &why->history;
	struct reader reader = {.place = place, .region = region};
	int result;

	/* Samples of the subscribers are better than their present state, except for now. */
	if (!why->has_at || !recorded) {
		lookup_live_subscribers(history, place_path(place, region));
		why->subscribers_of_now = why->has_at;
	}
	if (!recorded) {
		enum status status = reader_open(&reader, place, region, READER_PINNED);

		if (status != STATUS_DONE)
			return status;
		result = lookup_live(history, &reader);
	} else {
		result = reader_subscribe(place, region, READER_PINNED, &reader.subscriber);
		if (result == 0)
			result = lookup_live(history, &reader);
		/* The region that was removed has not been created again. */
		if (result == -ENOENT && history->gone && !why->has_at)
			lookup_idle(history, history->until);
		if (result < 0 && result != -ENOENT)
			note("the region itself cannot be read: %s", stele_last_error());
		result = 0;
	}
	reader_close(&reader);
	return result < 0 ? fail_library(result) : STATUS_DONE;
}

static enum status why_read(struct why *why, const struct call *call, const struct target *target)
{
	char at[DESCRIBED_MAX], oldest[DESCRIBED_MAX];
	struct recordings recordings;
	enum status status;
	bool alone;

	status = why_find(why, target->region, &recordings, &alone);
	if (status == STATUS_DONE && recordings.count > 0)
		status = lookup_recorded(&why->history, &recordings, target->region);
	if (status == STATUS_DONE && !alone)
		status = why_read_region(why, &call->place, target->region, recordings.count > 0);
	if (status == STATUS_DONE && !why->history.any && recordings.count > 0)
		status = fail(
			STATUS_NO_TABLE, "there is no recording of %s: the first one begins at %s",
			describe_time(why->at, at), describe_time(why->history.oldest, oldest));
	else if (status == STATUS_DONE && !why->history.any)
		status = fail(STATUS_NO_TABLE,
		              "history does not reach back to %s; 'stele record' keeps more, and "
		              "--from reads it",
		              describe_time(why->at, at));
	recordings_free(&recordings);
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
	if (status == STATUS_DONE && why.history.damaged)
		status = STATUS_DAMAGED;
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
