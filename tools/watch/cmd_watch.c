/* SPDX-License-Identifier: MIT
 * stele watch: prints the rows that change, as they change, or runs a command with them.
 *
 * A stele_follow gives the events, and each is printed as a line. So versions that follow each
 * other faster than they are printed are merged into one difference, and no change is lost. If the
 * publisher has reclaimed the version that was printed last, or the region was made again, the
 * watch prints a gap and then all rows. With --exec, the lines go to a file, which is the input of
 * the next run of the command. */
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <stele/stele.h>
#include "lib/units.h"
#include "tools/base/child.h"
#include "tools/base/clock.h"
#include "tools/base/command.h"
#include "tools/base/describe.h"
#include "tools/base/fail.h"
#include "tools/base/format.h"
#include "tools/base/parse.h"
#include "tools/base/status.h"
#include "tools/base/stop.h"
#include "tools/output/difference.h"
#include "tools/output/output.h"
#include "tools/region/options.h"
#include "tools/region/place.h"
#include "tools/region/reader.h"
#include "tools/region/target.h"
#include "tools/region/given.h"
#include "tools/watch/watch_exec.h"
#include "tools/watch/watch_scope.h"

static const char doc[] =
	"Examples:\n"
	"  stele watch net\n"
	"  stele watch --format ndjson --initial net/routes | ./apply-routes\n"
	"  stele watch --initial -f ndjson net | ssh host stele apply --follow net -\n"
	"  stele watch --prefix 10.0.0.0/8 net/routes\n"
	"  stele watch --count 1 --timeout 10 net && echo changed\n"
	"  stele watch --since 41@3f2a9c1e --timeout 0 net   # what changed since then\n"
	"  stele watch --wait inf --initial net/routes       # also before there is a region\n"
	"  stele watch --initial --exec \\\n"
	"    'stele dump -f csv net/routes >routes.csv && reload' net/routes\n"
	"\n"
	"Prints each row that is added (+), changed (~) or removed (-), with the version "
	"that did it, until SIGINT, SIGTERM or SIGHUP. Versions that follow each other "
	"faster than they are printed are merged into one difference."
	"\v"
	"With --format ndjson, each change is a line (here wrapped):\n"
	"\n"
	"  {\"version\": 7, \"change\": \"changed\", \"table\": \"routes\",\n"
	"   \"row\": {...}, \"before\": {...}, \"token\": \"7@UUID\", \"format\": 1}\n"
	"\n"
	"Lines with the changes \"created\", \"altered\" and \"dropped\" (!) are about a table: "
	"its \"row\" has the declaration, as {\"schema\": \"routes(...)\"}, and its \"before\" the "
	"former one of an altered table, whose rows stay. The rows of a dropped table are "
	"removed before.\n"
	"\n"
	"Lines with these changes are marks. \"initial\": all rows follow, as added; "
	"\"initial_end\": these were all; \"end\": the changes of a version are complete. "
	"--since resumes from the token of such an end. 'stele apply' takes all lines.\n"
	"\n"
	"If changes were missed, because history is too short for a slow reader, or because "
	"the region is not that of --since, a line with the change \"gap\" (!) says so, and "
	"all rows follow as added. Forget all earlier rows then.\n"
	"\n"
	"If the region is removed, a line with the change \"gone\" (!) says so. The watch goes "
	"on when it is created again, with a gap.\n"
	"\n"
	"With --exec, nothing is printed. For each version that changed something, CMD is "
	"run by /bin/sh, with these lines on its standard input and STELE_REGION, "
	"STELE_VERSION and STELE_TOKEN in its environment. Changes that happen while it runs "
	"are merged into its next run. If it fails, a message says so, and watching "
	"continues, with the next version, or with --retry with the same one. A signal that ends the watch also ends CMD.\n";

/* A watch: its options, and what it has printed. */
struct watch {
	const struct place *place;
	struct target target;
	enum output_format format;
	bool initial;
	bool has_since;
	struct given since;
	uint64_t count;         /* versions to print; 0: no end */
	int64_t deadline;       /* of --timeout, nanoseconds on CLOCK_MONOTONIC; or STELE_FOREVER */
	int64_t wait;           /* deadline of --wait, likewise; 0: do not wait for the region */
	const char *notifier;   /* NULL: any */
	struct watch_exec exec; /* of --exec and --retry */

	int stop_fd;
	int fd; /* the notifier's descriptor; -1: none */
	struct reader reader;
	struct stele_follow *follow;
	struct difference difference;
	FILE *input; /* input of the next run of the command */
	struct watch_scope scope;
	uint8_t region[16]; /* UUID of the region of the last line */
	bool marks;         /* the ends of versions are printed */
	bool from_nothing;  /* the watch begins with all rows, which were not announced yet */
	bool missed;        /* a gap is to be printed before the next row or mark */
	bool all;           /* the batch has all rows, and not changes */
	bool gap, changed;  /* lines of the batch: a gap; any */
	bool started;       /* a batch has ended */
	uint64_t seen;      /* versions printed, for --count */
	bool ended;
};

#define NOTIFIERS "auto|mq|socket|fifo|signal|semaphore|sysv|futex"

enum { OPTION_KEY = OPTION_OTHERS, OPTION_RETRY };

static error_t watch_parse(int key, char *argument, struct argp_state *state)
{
	struct watch *watch = state->input;
	enum status status = STATUS_DONE;
	unsigned number;

	switch (key) {
	case 'i':
		watch->initial = true;
		break;
	case 's':
		status = given_parse("--since", argument, 0, UINT64_MAX, &watch->since);
		watch->has_since = true;
		break;
	case 'c':
		status = parse_count("--count", argument, 1, UINT64_MAX, &watch->count);
		break;
	case 'e':
		watch->exec.command = argument;
		break;
	case 'p':
		watch->scope.prefix = argument;
		break;
	case OPTION_KEY:
		watch->scope.key = argument;
		break;
	case 'N':
		status = parse_word("--notifier", argument, NOTIFIERS, &number);
		watch->notifier = argument;
		break;
	case 'T':
		status = parse_deadline("--timeout", argument, &watch->deadline);
		break;
	case OPTION_RETRY:
		watch->exec.retries = true;
		status = parse_seconds("--retry", argument, &watch->exec.retry);
		break;
	case 'w':
		status = parse_deadline("--wait", argument, &watch->wait);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return status == STATUS_DONE ? 0 : EINVAL;
}

/* ---- output ---- */

/* Opens standard output or, with --exec, the file for the command's next run. */
static enum status watch_open_output(struct watch *watch)
{
	if (watch->exec.command) {
		watch->input = child_input();
		if (!watch->input)
			return STATUS_SYSTEM;
	}
	watch->difference.output = watch->exec.command
	                                   ? difference_output(watch->input, OUTPUT_NDJSON)
	                                   : difference_output(stdout, watch->format);
	return STATUS_DONE;
}

static enum status watch_close_output(struct watch *watch, enum status status)
{
	if (watch->difference.output)
		status = output_end(watch->difference.output, status);
	watch->difference.output = NULL;
	if (watch->input)
		fclose(watch->input);
	watch->input = NULL;
	return status;
}

/* Runs the command of --exec for the version of `mark`; with --retry, until it succeeds. Sets
 * `*ret_applied` to whether it succeeded. */
static enum status watch_run_command(struct watch *watch, const struct stele_event *mark,
                                     bool *ret_applied)
{
	char number[DESCRIBED_MAX], token[DESCRIBED_MAX];
	FILE *input = watch->input;
	enum child_end end;
	enum status status;

	status = output_end(watch->difference.output, STATUS_DONE);
	watch->difference.output = NULL;
	watch->input = NULL;
	if (status == STATUS_DONE && fflush(input) != 0)
		status = fail(STATUS_SYSTEM, "cannot write a command's input: %s", strerror(errno));
	if (status != STATUS_DONE) {
		fclose(input);
		return status;
	}
	setenv("STELE_REGION", watch->target.region, 1);
	setenv("STELE_VERSION", describe_number(mark->version, number), 1);
	setenv("STELE_TOKEN", describe_token(mark->version, mark->region, token), 1);
	end = watch_exec_run(&watch->exec, input, number, watch->stop_fd, watch->deadline);
	fclose(input);
	*ret_applied = end == CHILD_DONE;
	watch->ended = end == CHILD_STOPPED;
	if (end == CHILD_STOPPED)
		return STATUS_DONE;
	return end == CHILD_NOT_RUN ? STATUS_SYSTEM : watch_open_output(watch);
}

/* ---- events ---- */

/* Ends the watch if its time is over. */
static enum status watch_check_time(struct watch *watch)
{
	if (clock_now() < watch->deadline)
		return STATUS_DONE;
	watch->ended = true;
	if (watch->seen >= watch->count)
		return STATUS_DONE;
	return fail(STATUS_NOT_THERE, "saw %llu of %llu versions before the timeout",
	            (unsigned long long)watch->seen, (unsigned long long)watch->count);
}

/* Ends a batch: flushes the output, or runs the command of --exec. Then reports the version as
 * applied, for other processes to see, unless the command failed. */
static enum status watch_end_batch(struct watch *watch, const struct stele_event *mark)
{
	enum status status = STATUS_DONE;
	bool applied = true;

	/* The rows of --initial, and a gap at the start, do not count. */
	watch->seen += watch->changed && (watch->started || !(watch->initial || watch->gap));
	watch->started = true;
	if (!watch->exec.command)
		status = output_flush(watch->difference.output);
	else if (watch->changed)
		status = watch_run_command(watch, mark, &applied);
	watch->gap = watch->changed = watch->all = false;
	if (status != STATUS_DONE || watch->ended)
		return status;
	/* This fails if the watch has no slot, which is no error here. */
	if (applied)
		stele_subscriber_applied(watch->reader.subscriber, mark->version);
	watch->ended = (watch->count && watch->seen >= watch->count) || stop_came();
	return watch->ended ? STATUS_DONE : watch_check_time(watch);
}

/* Prints a mark, and for "initial" and "gap" which rows follow. */
static enum status watch_print_mark(struct watch *watch, const struct stele_event *event,
                                    const char *name, const char *why, bool rows_follow)
{
	struct difference_mark mark = {
		.name = name, .why = why, .version = event->version, .region = event->region};
	struct watch_follows follows;

	if (!rows_follow)
		return difference_print_mark(&watch->difference, &mark);
	watch_scope_describe(&watch->scope, &follows);
	mark.follow = &follows.cell;
	return difference_print_mark(&watch->difference, &mark);
}

/* Prints that all rows of the event's version follow, because changes were missed. */
static enum status watch_print_gap(struct watch *watch, const struct stele_event *event)
{
	bool again = watch->started && memcmp(watch->region, event->region, 16) != 0;

	memcpy(watch->region, event->region, 16);
	watch->missed = watch->from_nothing = false;
	watch->gap = watch->changed = watch->all = true;
	return watch_print_mark(
		watch, event, "gap",
		again ? "another region: all rows of this version follow, others are gone"
		      : "changes were missed: all rows of this version follow, others are gone",
		true);
}

/* Prints what comes before the rows of a batch, and before the end of a batch without rows. */
static enum status watch_begin_rows(struct watch *watch, const struct stele_event *event)
{
	bool first = watch->from_nothing;

	if (watch->missed)
		return watch_print_gap(watch, event);
	watch->from_nothing = false;
	watch->all |= first;
	if (!first || !watch->marks)
		return STATUS_DONE;
	return watch_print_mark(watch, event, "initial", "all rows of this version follow", true);
}

/* Prints that the rows or changes of a version are complete. */
static enum status watch_print_end(struct watch *watch, const struct stele_event *event)
{
	bool initial = event->kind == STELE_EVENT_INITIAL_END;

	if (!watch->marks || (!initial && !watch->changed))
		return STATUS_DONE;
	return watch_print_mark(watch, event, initial ? "initial_end" : "end", "", false);
}

static enum status watch_print_gone(struct watch *watch, const struct stele_event *event)
{
	static const char text[] =
		"the region was removed; the watch goes on when it is created again";
	enum status status;

	/* A command could not read the region, so it is not run. */
	if (watch->exec.command) {
		note("region \"%s\": %s", watch->target.region, text);
		return STATUS_DONE;
	}
	status = watch_print_mark(watch, event, "gone", text, false);
	return status == STATUS_DONE ? output_flush(watch->difference.output) : status;
}

/* Prints that a table was created, altered or dropped. A table of which a part is watched stays in
 * a copy, which may have other rows of it. Before all rows, only programs that keep a copy need to
 * know which tables there are. */
static enum status watch_print_table(struct watch *watch, const struct stele_event *event)
{
	enum status status = watch_begin_rows(watch, event);
	bool copied = watch->marks || (watch->exec.command && watch->gap);

	if (status != STATUS_DONE || (watch->all && !copied) ||
	    (event->kind == STELE_EVENT_DROPPED && watch_scope_is_part(&watch->scope)))
		return status;
	watch->changed = true;
	return difference_print_table(&watch->difference, event);
}

static enum status watch_print_event(struct watch *watch, const struct stele_event *event)
{
	enum status status = STATUS_DONE;

	switch (event->kind) {
	case STELE_EVENT_RESYNC:
		watch->missed = true;
		return STATUS_DONE;
	case STELE_EVENT_GONE:
		return watch_print_gone(watch, event);
	case STELE_EVENT_CREATED:
	case STELE_EVENT_ALTERED:
	case STELE_EVENT_DROPPED:
		return watch_print_table(watch, event);
	case STELE_EVENT_INITIAL:
	case STELE_EVENT_CHANGE:
		status = watch_begin_rows(watch, event);
		if (status != STATUS_DONE || !watch_scope_has(&watch->scope, event))
			return status;
		watch->changed = true;
		return difference_print(&watch->difference, event);
	case STELE_EVENT_INITIAL_END:
	case STELE_EVENT_APPLIED:
		status = watch_begin_rows(watch, event);
		if (status == STATUS_DONE)
			status = watch_print_end(watch, event);
		return status == STATUS_DONE ? watch_end_batch(watch, event) : status;
	default:
		return STATUS_DONE;
	}
}

/* ---- waiting ---- */

/* Waits until there may be an event, a signal comes, the reader of standard output is gone, or the
 * deadline has come. If the notifier has no descriptor, waits for a slice, so that signals are seen
 * between two slices. */
static enum status watch_wait(struct watch *watch)
{
	const int64_t slice = 100 * NSEC_PER_MSEC;
	struct pollfd fds[] = {
		{.fd = watch->stop_fd, .events = POLLIN},
		{.fd = watch->exec.command ? -1 : STDOUT_FILENO},
		{.fd = watch->fd, .events = POLLIN},
	};
	struct timespec left = {0};
	int64_t now = clock_now(), time = watch->deadline - now;
	bool forever = watch->fd >= 0 && watch->deadline == STELE_FOREVER;

	if (watch->fd < 0) {
		int result = stele_follow_wait(watch->follow,
		                               time < slice ? watch->deadline : now + slice);
		if (result < 0)
			return fail_library(result);
	} else if (time > 0) {
		left = (struct timespec){time / NSEC_PER_SEC, (long)(time % NSEC_PER_SEC)};
	}
	if (ppoll(fds, 3, forever ? NULL : &left, NULL) <= 0)
		return watch_check_time(watch);
	watch->ended = fds[0].revents;
	return !watch->ended && fds[1].revents ? STATUS_SYSTEM : STATUS_DONE;
}

static enum status watch_follow(struct watch *watch)
{
	enum status status = STATUS_DONE;
	struct stele_event event;

	while (status == STATUS_DONE && !watch->ended) {
		int result = stele_follow_next(watch->follow, &event);

		if (result < 0)
			status = fail_library(result);
		else
			status = result == 1 ? watch_print_event(watch, &event) : watch_wait(watch);
	}
	return status;
}

/* ---- the start ---- */

/* Prints a note with the reason if the library could not use its preferred notifier, or if the
 * watch has no slot. */
static void watch_report_notifier(const struct watch *watch)
{
	struct stele_subscriber_state state = {.size = sizeof(state)};

	if (stele_subscriber_describe(watch->reader.subscriber, &state) == 0 && *state.reason)
		note("woken by \"%s\"%s: %s", state.notifier,
		     state.registered ? "" : ", not registered", state.reason);
}

static enum status watch_attach(struct watch *watch)
{
	const char *const tables[] = {watch->target.table, NULL};
	struct stele_subscriber_options options = {
		.notifier = watch->notifier,
		.tables = *watch->target.table ? tables : NULL,
	};
	enum status status;

	status = reader_open_waiting(&watch->reader, watch->place, watch->target.region, &options,
	                             watch->wait < watch->deadline ? watch->wait : watch->deadline);
	if (status == STATUS_DONE && watch->reader.subscriber) {
		watch->fd = stele_subscriber_fd(watch->reader.subscriber);
		watch_report_notifier(watch);
	}
	return status;
}

/* Opens the follow after the version that changes are printed from: that of --since, or the newest
 * one. */
static enum status watch_open_follow(struct watch *watch)
{
	struct stele_follow_table table = {.name = watch->target.table};
	struct stele_follow_options options = {
		.size = sizeof(options),
		.flags = STELE_APPLIED_BY_CALLER | STELE_TABLE_EVENTS,
		.tables = *table.name ? &table : NULL,
		.table_count = *table.name ? 1 : 0,
	};
	struct reader *reader = &watch->reader;
	enum status status = STATUS_DONE;
	int result = 0;

	/* A name that is misspelled is an error, unless the table may be created later, with its
	 * region. The snapshot stays until the follow has pinned its version. */
	if (*table.name && (!watch->wait || watch_scope_is_part(&watch->scope)))
		status = reader_open_table(reader, table.name, NULL);
	else
		result = stele_snapshot_open(reader->subscriber, 0, &reader->snapshot);
	if (status == STATUS_DONE && result == 0) {
		if (watch->has_since)
			status = reader_since(reader, &watch->since, &options.since);
		else if (!watch->initial)
			stele_snapshot_position(reader->snapshot, &options.since);
	}
	if (status == STATUS_DONE && result == 0)
		status = watch_scope_open(&watch->scope, reader->schema, &table);
	watch->from_nothing = options.since.version == 0;
	if (status == STATUS_DONE && result == 0)
		result = stele_follow_open(reader->subscriber, &options, &watch->follow);
	reader_close_table(reader);
	stele_subscriber_region_uuid(reader->subscriber, watch->region);
	if (status == STATUS_DONE && result == 0 && options.since.version > 0 &&
	    memcmp(options.since.region, watch->region, 16) == 0)
		stele_subscriber_applied(reader->subscriber, options.since.version);
	return result < 0 ? fail_library(result) : status;
}

static enum status watch_open(struct watch *watch)
{
	enum status status = watch_attach(watch);

	/* There is no subscriber if a signal came first. */
	watch->ended = !watch->reader.subscriber;
	if (status == STATUS_DONE && !watch->ended)
		status = watch_open_follow(watch);
	return status;
}

static enum status watch_run(int argc, char **argv)
{
	struct watch watch = {.deadline = STELE_FOREVER, .fd = -1};
	enum status status;
	struct call call;

	if (options_parse(&command_watch, argc, argv, &watch, &call) != 1)
		return fail_usage("watch", "expected one REGION or REGION/TABLE");
	if (watch.has_since && watch.initial)
		return fail_usage("watch", "--since and --initial cannot be used together");
	if (watch.scope.prefix && watch.scope.key)
		return fail_usage("watch", "--prefix and --key cannot be used together");
	if (watch.exec.retries && !watch.exec.command)
		return fail_usage("watch", "--retry needs --exec");
	if (watch.exec.command && watch.format != OUTPUT_TABLE && watch.format != OUTPUT_NDJSON)
		return fail_usage("watch", "--exec always uses ndjson; remove --format");
	watch.place = &call.place;
	watch.marks = watch.format == OUTPUT_NDJSON && !watch.exec.command;
	watch.scope.table = watch.target.table;
	status = target_parse("watch", call.operands[0], false, &watch.target);
	if (status == STATUS_DONE && watch_scope_is_part(&watch.scope) && !*watch.target.table)
		return fail_usage("watch", "--prefix and --key need a REGION/TABLE");
	if (status == STATUS_DONE)
		status = given_needs_region(&call.place, "--since", &watch.since,
		                            watch.target.region);
	if (status != STATUS_DONE)
		return status;
	watch.stop_fd = stop_descriptor();
	if (watch.stop_fd < 0)
		return STATUS_SYSTEM;
	stop_guard_output();
	status = watch_open(&watch);
	if (status == STATUS_DONE)
		status = watch_open_output(&watch);
	if (status == STATUS_DONE)
		status = watch_close_output(&watch, watch_follow(&watch));
	stele_follow_close(watch.follow);
	reader_close(&watch.reader);
	/* A signal makes writes to standard output fail; that is no error of the watch. */
	return stop_came() ? STATUS_DONE : status;
}

const struct command command_watch = {
	.name = "watch",
	.summary = "print changes as they happen, or run a command",
	.usage = "REGION[/TABLE]",
	.doc = doc,
	.options =
		(const struct argp_option[]){
			{"initial", 'i', NULL, 0, "First print all existing rows, as added", 0},
			{"since", 's', "VERSION@UUID", 0,
                         "First print what changed since this version (0: everything)", 0},
			{"prefix", 'p', "PREFIX", 0,
                         "Only rows whose keys start with this, as for 'stele dump'", 0},
			{"key", OPTION_KEY, "KEY", 0, "Only the row with this key", 0},
			{"exec", 'e', "CMD", 0,
                         "Print nothing; run this command for each version that changed something",
                         0},
			{"retry", OPTION_RETRY, "SECONDS", 0,
                         "If the command of --exec fails, run it again after this time, until it succeeds",
                         0},
			{"count", 'c', "N", 0, "End after N versions that changed something", 0},
			{"notifier", 'N', NOTIFIERS, 0, "Be woken by this notifier (default: auto)",
                         0},
			{"timeout", 'T', "SECONDS", 0,
                         "End after this time; with --count, the exit status is then 1", 0},
			{"wait", 'w', "SECONDS", 0,
                         "Wait this long for a region that does not exist yet (inf: without end); its table may then be created later, too",
                         0},
			{0},
		},
	.parse = watch_parse,
	.common = &options_format,
	.common_at = offsetof(struct watch, format),
	.reads = true,
	.run = watch_run,
};
