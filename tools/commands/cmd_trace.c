/* SPDX-License-Identifier: MIT
 *
 * stele trace: each commit as it happens, a line of JSON. It reads the records that history
 * holds, one version after the other, and never rows. It takes no slot: nothing is pinned for
 * it and nobody sends it a notice, so that a publisher does nothing for it; it is woken as
 * readers without a slot are, or looks by itself. What history has let go of before it was
 * read is a line of its own. */
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
	"Prints each commit as it happens as a line of JSON: its version, time, publisher and message, and how many "
	"rows of which tables it added, changed and removed. Ends when it is interrupted."
	"\v"
	"  {\"event\": \"commit\", \"version\": 7, \"time\": \"2026-01-31T12:00:00Z\",\n"
	"   \"publisher\": {\"pid\": 12, \"command\": \"bgpd\", \"uuid\": \"...\"}, \"message\": \"\",\n"
	"   \"tables\": [{\"table\": \"routes\", \"added\": 1, \"changed\": 0, \"removed\": 0}],\n"
	"   \"token\": \"7@UUID\"}\n"
	"\n"
	"No version is left out while history holds it. Where it does not any more, a line says which are missing:\n"
	"\n"
	"  {\"event\": \"gap\", \"from\": 8, \"to\": 12, \"token\": \"12@UUID\"}\n"
	"\n"
	"A token is what --since takes to go on from there.\n"
	"\n"
	"Where another region took the place of this one, or of that of --since, there is a line {\"event\": \"replaced\", "
	"\"region\": \"UUID\"}, and versions start anew. A region that was removed, and is not there again after a second, ends the trace with "
	"status 3. The publisher does nothing for a trace, and does not know of it.\n"
	"\n"
	"Examples:\n"
	"  stele trace net\n"
	"  stele trace --since 0 net | jq -r 'select(.event == \"commit\") | .message'\n"
	"  stele trace --count 1 net >/dev/null && echo 'there is a new version'\n";

struct trace {
	bool has_since;
	struct token start; /* --since */
	uint64_t since;     /* the version printed last */
	uint8_t region[16]; /* its UUID */
	uint64_t count;     /* commits to print; 0: no end */
	uint64_t printed;
	struct reader reader;
	struct output *commits, *gaps, *replacements; /* all to standard output */
	int stop_fd;
	bool stopped;
	unsigned missed; /* looks since the region was removed */
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

/* 0; -ENOENT or -ESTALE: history has let go of the version; or another error. */
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

/* The version that could not be read is gone, and with it all below the oldest that history
 * holds: says so, and goes on from there. */
static enum status trace_skip_gap(struct trace *trace)
{
	uint64_t oldest, newest;
	int result = stele_subscriber_history(trace->reader.subscriber, &oldest, &newest);

	if (result < 0)
		return fail_library(result);
	/* Whatever history says, the version itself was not there. */
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

static bool trace_is_stopped(struct trace *trace, enum status *ret)
{
	struct pollfd fds[] = {{.fd = trace->stop_fd, .events = POLLIN}, {.fd = STDOUT_FILENO}};

	if (poll(fds, 2, 0) <= 0)
		return false;
	*ret = fds[0].revents ? STATUS_DONE : STATUS_SYSTEM;
	return true;
}

/* Prints all that there is up to a version; where many come in a row, they go out together. */
static enum status trace_print_until(struct trace *trace, uint64_t newest)
{
	struct record record = {0};
	enum status status = STATUS_DONE;

	while (status == STATUS_DONE && trace->since < newest && !trace_is_enough(trace)) {
		int result = trace_read_record(trace, trace->since + 1, &record);

		if (result == -ENOENT || result == -ESTALE) {
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

static enum status trace_start(struct trace *trace)
{
	uint64_t newest;
	int result = stele_subscriber_version(trace->reader.subscriber, &newest);

	if (result < 0)
		return fail_library(result);
	/* Another region took the place of that one before the trace began. */
	if (!token_is_of(&trace->start, trace->region))
		return trace_print_replaced(trace);
	trace->since = trace->has_since ? trace->start.version : newest;
	if (trace->since > newest)
		return fail(STATUS_NO_TABLE, "there is no version %llu yet; the newest is %llu",
		            (unsigned long long)trace->since, (unsigned long long)newest);
	return STATUS_DONE;
}

/* Another region has the name now. */
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

/* Who replaces a region removes it first: so long another one of the name is waited for. */
#define MISSED_MAX  50u
#define MISSED_WAIT 20 /* milliseconds */

static bool trace_may_return(struct trace *trace)
{
	struct pollfd stop = {.fd = trace->stop_fd, .events = POLLIN};

	if (trace->missed++ == MISSED_MAX)
		return false;
	poll(&stop, 1, MISSED_WAIT);
	return true;
}

/* Signals, and the end of who reads the output, are looked for between slices of waiting. */
#define SLICE (100 * NSEC_PER_MSEC)

static enum status trace_follow(struct trace *trace)
{
	enum status status = trace_start(trace);

	while (status == STATUS_DONE && !trace_is_enough(trace) &&
	       !trace_is_stopped(trace, &status)) {
		uint64_t newest;
		int result = stele_subscriber_wait(trace->reader.subscriber, trace->since,
		                                   clock_now() + SLICE, &newest);

		if (result == -ESTALE)
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
	/* Printing ends with an error then. */
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
                         "First print the commits after this version (0: all) that history holds",
                         0},
			{"count", 'c', "N", 0, "Stop after N commits", 0},
			{0},
		},
	.parse = trace_parse,
	.reads = true,
	.run = trace_run,
};
