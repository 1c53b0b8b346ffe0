/* SPDX-License-Identifier: MIT
 * stele trace: prints each commit as it happens, as a line of JSON.
 *
 * The trace reads only the records of commits in history, one version after the other, and no rows.
 * It is not registered: it pins nothing and the publisher sends it no notices, so the trace costs
 * the publisher nothing. The library wakes it as a reader without a slot, or it polls. Versions
 * that history dropped before they were read appear as one line, a gap. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <stele/stele.h>
#include "lib/units.h"
#include "tools/base/clock.h"
#include "tools/base/command.h"
#include "tools/base/describe.h"
#include "tools/base/fail.h"
#include "tools/base/format.h"
#include "tools/base/parse.h"
#include "tools/base/status.h"
#include "tools/base/stop.h"
#include "tools/output/commit_record.h"
#include "tools/output/output.h"
#include "tools/output/output_cell.h"
#include "tools/region/options.h"
#include "tools/region/place.h"
#include "tools/region/reader.h"
#include "tools/region/given.h"
#include "tools/region/target.h"

static const char doc[] =
	"Examples:\n"
	"  stele trace net\n"
	"  stele trace --since 0 net | jq -r 'select(.event == \"commit\") | .message'\n"
	"  stele trace --output /var/log/net.ndjson net   # SIGHUP opens the file again\n"
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
	"If the region is removed, there is this line. The trace goes on when it is created "
	"again:\n"
	"\n"
	"  {\"event\": \"gone\", \"region\": \"UUID\"}\n";

/* A trace: its options, and what it has printed. */
struct trace {
	bool has_since;
	struct given start; /* --since */
	uint64_t since;     /* the version printed last */
	uint8_t region[16]; /* UUID of the region that is open */
	uint64_t count;     /* commits to print; 0: no end */
	uint64_t printed;
	struct reader reader;
	struct output *commits, *gaps, *regions; /* all to standard output */
	int64_t wait;                            /* deadline of --wait; 0: do not wait */
	const char *path;                        /* of --output; NULL: standard output */
	int hangup_fd;                           /* -1: SIGHUP stops the trace */
	int stop_fd;
	bool stopped;
	bool gone; /* the region was removed or replaced */
};

static error_t trace_parse(int key, char *argument, struct argp_state *state)
{
	struct trace *trace = state->input;
	enum status status = STATUS_DONE;

	switch (key) {
	case 's':
		status = given_parse("--since", argument, 0, INT64_MAX, &trace->start);
		trace->has_since = true;
		break;
	case 'c':
		status = parse_count("--count", argument, 1, UINT64_MAX, &trace->count);
		break;
	case 'o':
		trace->path = argument;
		break;
	case 'w':
		status = parse_deadline("--wait", argument, &trace->wait);
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

enum { PID, COMMAND, UUID, USER, PUBLISHER_COLUMNS };

static const struct output_column publisher_columns[PUBLISHER_COLUMNS] = {
	[PID] = {"pid", true},
	[COMMAND] = {"command", false},
	[UUID] = {"uuid", false},
	[USER] = {"user", false},
};

static const struct output_column gap_columns[] = {
	{"event", false}, {"from", true}, {"to", true}, {"token", false}};
static const struct output_column region_columns[] = {{"event", false}, {"region", false}};

static enum status trace_print_commit(struct trace *trace, struct commit_record *record)
{
	const struct stele_commit *commit = &record->commit;
	char version[DESCRIBED_MAX], time[DESCRIBED_MAX], pid[DESCRIBED_MAX], uuid[DESCRIBED_MAX];
	char token[DESCRIBED_MAX], user[DESCRIBED_MAX];
	const char *who = describe_user(commit, user);
	const struct cell publisher[PUBLISHER_COLUMNS] = {
		[PID] = cell_number(commit->pid, pid),
		[COMMAND] = cell_text(commit->command),
		[UUID] = cell_text(describe_uuid(commit->publisher, uuid)),
		[USER] = who ? cell_text(who) : (struct cell){.kind = CELL_NONE},
	};
	const struct cell cells[COLUMNS] = {
		[EVENT] = cell_text("commit"),
		[VERSION] = cell_number(commit->version, version),
		[TIME] = cell_time(commit->time, time),
		[PUBLISHER] = {.kind = CELL_OBJECT,
	                       .columns = publisher_columns,
	                       .cells = publisher,
	                       .column_count = PUBLISHER_COLUMNS,
	                       .row_count = 1},
		[MESSAGE] = cell_text(commit->message),
		[TABLES] = commit_record_tables(record),
		[TOKEN] = cell_text(describe_token(commit->version, trace->region, token)),
	};

	trace->printed++;
	return output_row(trace->commits, cells);
}

static enum status trace_print_gap(struct trace *trace, uint64_t from, uint64_t to)
{
	char texts[3][DESCRIBED_MAX];
	const struct cell cells[] = {cell_text("gap"), cell_number(from, texts[0]),
	                             cell_number(to, texts[1]),
	                             cell_text(describe_token(to, trace->region, texts[2]))};

	return output_row(trace->gaps, cells);
}

/* Prints that the region is gone, or has been replaced by this one. */
static enum status trace_print_region(struct trace *trace, const char *event)
{
	char uuid[DESCRIBED_MAX];
	const struct cell cells[] = {cell_text(event),
	                             cell_text(describe_uuid(trace->region, uuid))};
	enum status status = output_row(trace->regions, cells);

	return status == STATUS_DONE ? output_flush(trace->regions) : status;
}

/* ---- the file of --output ---- */

/* Opens the file, and makes it standard output. Appends, so that a trace that is started again goes
 * on in its file. */
static enum status trace_open_file(const struct trace *trace)
{
	int fd = open(trace->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);

	if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0)
		return fail(STATUS_SYSTEM, "--output: cannot open %s: %s", trace->path,
		            strerror(errno));
	close(fd);
	return STATUS_DONE;
}

/* Opens the file again if SIGHUP came: it was renamed, and lines belong in a new one. All lines
 * before are in the old file, whole. If the new file cannot be opened, goes on in the old one. */
static enum status trace_take_hangup(const struct trace *trace)
{
	if (!stop_take_hangup(trace->hangup_fd))
		return STATUS_DONE;
	if (fflush(stdout) != 0)
		return STATUS_SYSTEM;
	trace_open_file(trace);
	return STATUS_DONE;
}

/* ---- reading ---- */

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
	struct commit_record record = {0};
	enum status status = STATUS_DONE;

	while (status == STATUS_DONE && trace->since < newest && !trace_is_enough(trace)) {
		int result =
			commit_record_read(&record, trace->reader.subscriber, trace->since + 1);

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
	commit_record_free(&record);
	return status == STATUS_DONE ? output_flush(trace->commits) : status;
}

static enum status trace_start(struct trace *trace)
{
	struct stele_position since;
	enum status status;
	int result;

	stele_subscriber_region_uuid(trace->reader.subscriber, trace->region);
	if (!trace->has_since) {
		result = stele_subscriber_version(trace->reader.subscriber, &trace->since);
		return result < 0 ? fail_library(result) : STATUS_DONE;
	}
	status = reader_since(&trace->reader, &trace->start, &since);
	if (status != STATUS_DONE)
		return status;
	/* The region of --since was replaced before the trace began. */
	if (memcmp(since.region, trace->region, sizeof(trace->region)) != 0)
		return trace_print_region(trace, "replaced");
	trace->since = since.version;
	return STATUS_DONE;
}

/* Nanoseconds of one wait. Between waits, the trace checks for signals, and whether the reader of
 * the output is gone. */
#define SLICE (100 * NSEC_PER_MSEC)

/* Waits for a version, and prints all commits up to it. */
static enum status trace_wait(struct trace *trace)
{
	uint64_t newest;
	int result = stele_subscriber_wait(trace->reader.subscriber, trace->since,
	                                   clock_now() + SLICE, &newest);

	trace->gone = result == -ENOENT || result == -EIDRM;
	if (result == 1)
		return trace_print_until(trace, newest);
	if (result == -ENOENT)
		return trace_print_region(trace, "gone");
	return result == 0 || trace->gone ? STATUS_DONE : fail_library(result);
}

/* Waits for the region that takes the name of the one that is gone. */
static enum status trace_wait_for_region(struct trace *trace)
{
	uint8_t former[16];
	int result = stele_subscriber_reopen(trace->reader.subscriber, clock_now() + SLICE);

	if (result == -ENOENT || result == -EUCLEAN)
		return STATUS_DONE;
	if (result < 0)
		return fail_library(result);
	trace->gone = false;
	memcpy(former, trace->region, sizeof(former));
	stele_subscriber_region_uuid(trace->reader.subscriber, trace->region);
	if (memcmp(former, trace->region, sizeof(former)) == 0)
		return STATUS_DONE;
	trace->since = 0;
	return trace_print_region(trace, "replaced");
}

static enum status trace_follow(struct trace *trace)
{
	enum status status = trace_start(trace);

	while (status == STATUS_DONE && !trace->stopped && !trace_is_enough(trace) &&
	       !trace_is_stopped(trace, &status)) {
		status = trace_take_hangup(trace);
		if (status != STATUS_DONE)
			break;
		status = trace->gone ? trace_wait_for_region(trace) : trace_wait(trace);
	}
	return status;
}

static enum status trace_run(int argc, char **argv)
{
	struct stele_subscriber_options options = {.flags = STELE_UNREGISTERED};
	struct trace trace = {.hangup_fd = -1};
	enum status status;
	struct call call;

	if (options_parse(&command_trace, argc, argv, &trace, &call) != 1)
		return fail_usage("trace", "expected one REGION");
	if (target_check_region(call.operands[0]) != STATUS_DONE)
		return STATUS_INPUT;
	if (trace.path && ((trace.hangup_fd = stop_hangup_descriptor()) < 0 ||
	                   trace_open_file(&trace) != STATUS_DONE))
		return STATUS_SYSTEM;
	trace.stop_fd = stop_descriptor();
	if (trace.stop_fd < 0)
		return STATUS_SYSTEM;
	stop_guard_output();
	status = given_needs_region(&call.place, "--since", &trace.start, call.operands[0]);
	if (status == STATUS_DONE)
		status = reader_open_waiting(&trace.reader, &call.place, call.operands[0], &options,
		                             trace.wait);
	/* There is no subscriber if a signal came first. */
	if (status != STATUS_DONE || !trace.reader.subscriber)
		return status;
	trace.commits = output_open(OUTPUT_NDJSON, SHAPE_ROWS, columns, COLUMNS);
	trace.gaps = output_open(OUTPUT_NDJSON, SHAPE_ROWS, gap_columns, 4);
	trace.regions = output_open(OUTPUT_NDJSON, SHAPE_ROWS, region_columns, 2);
	status = trace_follow(&trace);
	output_end(trace.regions, status);
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
			{"output", 'o', "FILE", 0,
                         "Append to this file, and open it again at SIGHUP, as logrotate(8) wants it",
                         0},
			{"wait", 'w', "SECONDS", 0,
                         "Wait this long for a region that does not exist yet (inf: without end)",
                         0},
			{0},
		},
	.parse = trace_parse,
	.reads = true,
	.run = trace_run,
};
