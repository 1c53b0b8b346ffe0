/* SPDX-License-Identifier: MIT
 * stele trace: prints each commit as it happens, as a line of JSON.
 *
 * The trace reads only the records of commits in history, one version after the other, and no rows.
 * It is not registered: it pins nothing and the publisher sends it no notices, so the trace costs
 * the publisher nothing. The library wakes it as a reader without a slot, or it polls. Versions
 * that history dropped before they were read appear as one line, a gap. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>
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
#include "tools/base/stop.h"
#include "tools/output/output.h"
#include "tools/output/output_cell.h"
#include "tools/region/options.h"
#include "tools/region/place.h"
#include "tools/region/reader.h"
#include "tools/region/token.h"

static const char doc[] =
	"Examples:\n"
	"  stele trace net\n"
	"  stele trace --since 0 net | jq -r 'select(.event == \"commit\") | .message'\n"
	"  stele trace --count 1 net >/dev/null && echo 'there is a new version'\n"
	"\n"
	"Prints each commit as it happens, as a line of JSON, until SIGINT, SIGTERM or "
	"SIGHUP: version, time, publisher, message, and for each table the number of rows "
	"added, changed and removed."
	"\v"
	"A line is (here wrapped):\n"
	"\n"
	"  {\"event\": \"commit\", \"version\": 7, \"time\": \"2026-01-31T12:00:00Z\",\n"
	"   \"publisher\": {\"pid\": 12, \"command\": \"bgpd\", \"uuid\": \"...\"}, "
	"\"message\": \"\",\n"
	"   \"tables\": [{\"table\": \"routes\", \"added\": 1, \"changed\": 0, \"removed\": "
	"0}],\n"
	"   \"token\": \"7@UUID\"}\n"
	"\n"
	"No version is left out while history holds it. Versions that history has lost are "
	"one line:\n"
	"\n"
	"  {\"event\": \"gap\", \"from\": 8, \"to\": 12, \"token\": \"12@UUID\"}\n"
	"\n"
	"--since resumes from a token. If another region takes the name, or if the version "
	"of --since belongs to another region, there is this line, and all commits in the "
	"history of the new region follow:\n"
	"\n"
	"  {\"event\": \"replaced\", \"region\": \"UUID\"}\n"
	"\n"
	"If a removed region is not created again within a second, the trace ends with status 3.\n";

/* A trace: its options, and what it has printed. */
struct trace {
	bool has_since;
	struct token start; /* --since */
	uint64_t since;     /* the version printed last */
	uint8_t region[16]; /* UUID of the region that is open */
	uint64_t count;     /* commits to print; 0: no end */
	uint64_t printed;
	struct reader reader;
	struct output *commits, *gaps, *replacements; /* all to standard output */
	int stop_fd;
	bool stopped;
	unsigned missed; /* number of checks since the region was removed, at most MISSED_MAX */
};

static error_t trace_parse(int key, char *argument, struct argp_state *state)
{
	struct trace *trace = state->input;
	enum status status = STATUS_DONE;

	switch (key) {
	case 's':
		status = token_parse("--since", argument, 0, INT64_MAX, &trace->start);
		trace->has_since = true;
		break;
	case 'c':
		status = parse_count("--count", argument, 1, UINT64_MAX, &trace->count);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return status == STATUS_DONE ? 0 : EINVAL;
}

/* ---- lines ---- */

enum { EVENT, VERSION, TIME, PUBLISHER, MESSAGE, TABLES, TOKEN, COLUMNS };

static const struct output_column columns[COLUMNS] = {
	[EVENT] = {"event", false},     [VERSION] = {"version", true},
	[TIME] = {"time", false},       [PUBLISHER] = {"publisher", false},
	[MESSAGE] = {"message", false}, [TABLES] = {"tables", false},
	[TOKEN] = {"token", false},
};

enum { PID, COMMAND, UUID, PUBLISHER_COLUMNS };

static const struct output_column publisher_columns[PUBLISHER_COLUMNS] = {
	[PID] = {"pid", true},
	[COMMAND] = {"command", false},
	[UUID] = {"uuid", false},
};

enum { TABLE, ADDED, CHANGED, REMOVED, TABLE_COLUMNS };

static const struct output_column table_columns[TABLE_COLUMNS] = {
	[TABLE] = {"table", false},
	[ADDED] = {"added", true},
	[CHANGED] = {"changed", true},
	[REMOVED] = {"removed", true},
};

static const struct output_column gap_columns[] = {
	{"event", false}, {"from", true}, {"to", true}, {"token", false}};
static const struct output_column replaced_columns[] = {{"event", false}, {"region", false}};

/* A commit and the tables that it changed. */
struct record {
	struct stele_commit commit;
	struct stele_commit_table *tables;
	size_t table_count;
};

static enum status trace_print_commit(struct trace *trace, const struct record *record)
{
	size_t count = record->table_count;
	char(*numbers)[3][DESCRIBED_MAX] = heap_realloc(NULL, (count + 1) * sizeof(*numbers));
	struct cell *tables = heap_realloc(NULL, (count + 1) * TABLE_COLUMNS * sizeof(*tables));
	char version[DESCRIBED_MAX], time[DESCRIBED_MAX], pid[DESCRIBED_MAX], uuid[DESCRIBED_MAX];
	char token[DESCRIBED_MAX];
	const struct cell publisher[PUBLISHER_COLUMNS] = {
		[PID] = cell_number(record->commit.pid, pid),
		[COMMAND] = cell_text(record->commit.command),
		[UUID] = cell_text(describe_uuid(record->commit.publisher, uuid)),
	};
	struct cell cells[COLUMNS] = {
		[EVENT] = cell_text("commit"),
		[VERSION] = cell_number(record->commit.version, version),
		[TIME] = cell_time(record->commit.time, time),
		[PUBLISHER] = {.kind = CELL_OBJECT,
	                       .columns = publisher_columns,
	                       .cells = publisher,
	                       .column_count = PUBLISHER_COLUMNS,
	                       .row_count = 1},
		[MESSAGE] = cell_text(record->commit.message),
		[TABLES] = {.kind = CELL_LIST,
	                    .columns = table_columns,
	                    .cells = tables,
	                    .column_count = TABLE_COLUMNS,
	                    .row_count = count},
		[TOKEN] = cell_text(token_describe(record->commit.version, trace->region, token)),
	};
	enum status status;

	for (size_t i = 0; i < count; i++) {
		struct cell *cell = tables + i * TABLE_COLUMNS;

		cell[TABLE] = cell_text(record->tables[i].name);
		cell[ADDED] = cell_number(record->tables[i].added, numbers[i][0]);
		cell[CHANGED] = cell_number(record->tables[i].changed, numbers[i][1]);
		cell[REMOVED] = cell_number(record->tables[i].removed, numbers[i][2]);
	}
	status = output_row(trace->commits, cells);
	trace->printed++;
	free(tables);
	free(numbers);
	return status;
}

static enum status trace_print_gap(struct trace *trace, uint64_t from, uint64_t to)
{
	char texts[3][DESCRIBED_MAX];
	const struct cell cells[] = {cell_text("gap"), cell_number(from, texts[0]),
	                             cell_number(to, texts[1]),
	                             cell_text(token_describe(to, trace->region, texts[2]))};

	return output_row(trace->gaps, cells);
}

static enum status trace_print_replaced(struct trace *trace)
{
	char uuid[DESCRIBED_MAX];
	const struct cell cells[] = {cell_text("replaced"),
	                             cell_text(describe_uuid(trace->region, uuid))};

	return output_row(trace->replacements, cells);
}

/* ---- reading ---- */

/* Reads the record of a version. Returns 0; -ESTALE if history has dropped the
 * version, before or during the read; or another error. Reuses record->tables of the version
 * before. */
static int trace_read_record(struct trace *trace, uint64_t version, struct record *record)
{
	struct stele_commit_table table;
	struct stele_snapshot *snapshot;
	int result;

	record->table_count = 0;
	result = stele_snapshot_open(trace->reader.subscriber, version, &snapshot);
	if (result < 0)
		return result;
	result = stele_snapshot_commit(snapshot, &record->commit);
	while (result >= 0 && (result = stele_snapshot_commit_table(
				       snapshot, (unsigned)record->table_count, &table)) == 1) {
		record->tables = heap_realloc(record->tables,
		                              (record->table_count + 1) * sizeof(*record->tables));
		record->tables[record->table_count++] = table;
	}
	stele_snapshot_close(snapshot);
	return result;
}

/* Prints a gap from the version that could not be read to the oldest one that history holds, and
 * continues there. */
static enum status trace_skip_gap(struct trace *trace)
{
	uint64_t oldest, newest;
	int result = stele_subscriber_history(trace->reader.subscriber, &oldest, &newest);

	if (result < 0)
		return fail_library(result);
	/* History may still list the version that the publisher has just reclaimed. */
	if (oldest < trace->since + 2)
		oldest = trace->since + 2;
	result = (int)trace_print_gap(trace, trace->since + 1, oldest - 1);
	trace->since = oldest - 1;
	return (enum status)result;
}

static bool trace_is_enough(const struct trace *trace)
{
	return trace->count && trace->printed >= trace->count;
}

/* Checks, without waiting, whether a signal came (`*ret` is then STATUS_DONE) or the reader of
 * standard output is gone (STATUS_SYSTEM). */
static bool trace_is_stopped(struct trace *trace, enum status *ret)
{
	struct pollfd fds[] = {{.fd = trace->stop_fd, .events = POLLIN}, {.fd = STDOUT_FILENO}};

	if (poll(fds, 2, 0) <= 0)
		return false;
	*ret = fds[0].revents ? STATUS_DONE : STATUS_SYSTEM;
	return true;
}

/* Prints all commits up to version `newest`, and flushes them together. */
static enum status trace_print_until(struct trace *trace, uint64_t newest)
{
	struct record record = {0};
	enum status status = STATUS_DONE;

	while (status == STATUS_DONE && trace->since < newest && !trace_is_enough(trace)) {
		int result = trace_read_record(trace, trace->since + 1, &record);

		if (result == -ESTALE) {
			status = trace_skip_gap(trace);
		} else if (result < 0) {
			status = fail_library(result);
		} else {
			status = trace_print_commit(trace, &record);
			trace->since++;
		}
		trace->stopped = status == STATUS_DONE && trace_is_stopped(trace, &status);
		if (trace->stopped)
			break;
	}
	free(record.tables);
	return status == STATUS_DONE ? output_flush(trace->commits) : status;
}

static enum status trace_attach(struct trace *trace, const struct place *place, const char *region)
{
	enum status status = reader_open(&trace->reader, place, region, READER_ONCE);

	if (status == STATUS_DONE)
		stele_subscriber_region_uuid(trace->reader.subscriber, trace->region);
	return status;
}

/* Reports that the version of --since does not exist yet, unless it was committed meanwhile. */
static enum status trace_check_since(const struct trace *trace)
{
	struct stele_snapshot *snapshot;
	int result = stele_snapshot_open(trace->reader.subscriber, trace->since, &snapshot);

	if (result < 0)
		return fail_library(result);
	stele_snapshot_close(snapshot);
	return STATUS_DONE;
}

static enum status trace_start(struct trace *trace)
{
	uint64_t newest;
	int result = stele_subscriber_version(trace->reader.subscriber, &newest);

	if (result < 0)
		return fail_library(result);
	/* The region of --since was replaced before the trace began. */
	if (!token_is_of(&trace->start, trace->region))
		return trace_print_replaced(trace);
	trace->since = trace->has_since ? trace->start.version : newest;
	if (trace->since > newest)
		return trace_check_since(trace);
	return STATUS_DONE;
}

/* Attaches to the region that has replaced the traced one under its name. */
static enum status trace_reattach(struct trace *trace)
{
	const struct place *place = trace->reader.place;
	const char *region = trace->reader.region;
	enum status status;

	reader_close(&trace->reader);
	status = trace_attach(trace, place, region);
	trace->since = 0;
	trace->missed = 0;
	return status == STATUS_DONE ? trace_print_replaced(trace) : status;
}

/* A region is replaced by removing it and creating another one. The trace waits for the new region:
 * MISSED_MAX times MISSED_WAIT, one second. */
#define MISSED_MAX  50u
#define MISSED_WAIT 20 /* milliseconds */

/* Waits MISSED_WAIT for a removed region to be created again. Returns false after MISSED_MAX
 * waits. */
static bool trace_may_return(struct trace *trace)
{
	struct pollfd stop = {.fd = trace->stop_fd, .events = POLLIN};

	if (trace->missed++ == MISSED_MAX)
		return false;
	poll(&stop, 1, MISSED_WAIT);
	return true;
}

/* Nanoseconds of one wait. Between waits, the trace checks for signals, and whether the reader of
 * the output is gone. */
#define SLICE (100 * NSEC_PER_MSEC)

static enum status trace_follow(struct trace *trace)
{
	enum status status = trace_start(trace);

	while (status == STATUS_DONE && !trace_is_enough(trace) &&
	       !trace_is_stopped(trace, &status)) {
		uint64_t newest;
		int result = stele_subscriber_wait(trace->reader.subscriber, trace->since,
		                                   clock_now() + SLICE, &newest);

		if (result == -EIDRM)
			status = trace_reattach(trace);
		else if (result == -ENOENT && trace_may_return(trace))
			continue;
		else if (result < 0)
			status = fail_library(result);
		else if (result == 1)
			status = trace_print_until(trace, newest);
		if (trace->stopped)
			break;
	}
	return status;
}

static enum status trace_run(int argc, char **argv)
{
	struct trace trace = {0};
	enum status status;
	struct call call;

	if (options_parse(&command_trace, argc, argv, &trace, &call) != 1)
		return fail_usage("trace", "expected one REGION");
	if (stele_name_check("region", call.operands[0]) < 0)
		return fail_library(-EINVAL);
	trace.stop_fd = stop_descriptor();
	if (trace.stop_fd < 0)
		return STATUS_SYSTEM;
	stop_guard_output();
	status = token_needs_region(&call.place, "--since", &trace.start, call.operands[0]);
	if (status == STATUS_DONE)
		status = trace_attach(&trace, &call.place, call.operands[0]);
	if (status != STATUS_DONE)
		return status;
	trace.commits = output_open(OUTPUT_NDJSON, SHAPE_ROWS, columns, COLUMNS);
	trace.gaps = output_open(OUTPUT_NDJSON, SHAPE_ROWS, gap_columns, 4);
	trace.replacements = output_open(OUTPUT_NDJSON, SHAPE_ROWS, replaced_columns, 2);
	status = trace_follow(&trace);
	output_end(trace.replacements, status);
	output_end(trace.gaps, status);
	status = output_end(trace.commits, status);
	reader_close(&trace.reader);
	/* A signal makes writes to standard output fail; that is no error of the trace. */
	return stop_came() ? STATUS_DONE : status;
}

const struct command command_trace = {
	.name = "trace",
	.summary = "print each commit as it happens",
	.usage = "REGION",
	.doc = doc,
	.options =
		(const struct argp_option[]){
			{"since", 's', "VERSION@UUID", 0,
                         "First print the commits after this version that history holds (0: all)",
                         0},
			{"count", 'c', "N", 0, "End after N commits", 0},
			{0},
		},
	.parse = trace_parse,
	.reads = true,
	.run = trace_run,
};
