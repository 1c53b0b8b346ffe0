/* SPDX-License-Identifier: MIT
 * stele watch: prints the rows that change, as they change, or runs a command with them.
 *
 * The watch keeps a snapshot of the version that it printed last. When it is woken, it opens the
 * newest version, prints the difference, and closes the old snapshot. So versions that follow each
 * other faster than they are printed are merged into one difference, and no change is lost. If the
 * publisher has reclaimed the old version meanwhile, the watch prints a gap and then all rows. With
 * --exec, the output goes to a file, which is the input of the next run of the command. */
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
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
#include "tools/region/token.h"

static const char doc[] =
	"Examples:\n"
	"  stele watch net\n"
	"  stele watch --format ndjson --initial net/routes | ./apply-routes\n"
	"  stele watch --count 1 --timeout 10 net && echo changed\n"
	"  stele watch --since 41@3f2a9c1e --timeout 0 net   # what changed since then\n"
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
	"   \"row\": {...}, \"before\": {...}, \"token\": \"7@UUID\"}\n"
	"\n"
	"--since resumes from the token of a version whose lines are complete: a line of a "
	"later version has followed.\n"
	"\n"
	"If changes were missed, because history is too short for a slow reader, or because "
	"the region is not that of --since, a line with the change \"gap\" (!) says so, and "
	"all rows follow as added. Forget all earlier rows then.\n"
	"\n"
	"With --exec, nothing is printed. For each version that changed something, CMD is "
	"run by /bin/sh, with these lines on its standard input and STELE_REGION, "
	"STELE_VERSION and STELE_TOKEN in its environment. Changes that happen while it runs "
	"are merged into its next run. If it fails, a message says so, and watching "
	"continues. A signal that ends the watch also ends CMD.\n";

/* A watch: its options, and what it has printed. */
struct watch {
	const struct place *place;
	enum output_format format;
	bool initial;
	bool has_since;
	struct token since;
	uint64_t count;   /* versions to print; 0: no end */
	int64_t deadline; /* of --timeout, nanoseconds on CLOCK_MONOTONIC; or STELE_FOREVER */
	struct target target;
	struct reader reader; /* its snapshot is the version printed last; NULL: none yet */
	struct difference difference;
	uint64_t seen; /* versions printed, for --count */
	int stop_fd;
	const char *notifier; /* NULL: any */
	const char *command;  /* of --exec, or NULL */
	FILE *input;          /* input of the next run of `command` */
	bool stopped;         /* a signal has asked the watch to end */
};

/* How a wait ended. NEWER only means that there may be a newer version. */
enum ending { NEWER, TIME_IS_UP, STOPPED, OUTPUT_GONE, FAILED };

static error_t watch_parse(int key, char *argument, struct argp_state *state)
{
	struct watch *watch = state->input;
	enum status status = STATUS_DONE;
	int64_t timeout;

	switch (key) {
	case 'i':
		watch->initial = true;
		break;
	case 's':
		status = token_parse("--since", argument, 0, UINT64_MAX, &watch->since);
		watch->has_since = true;
		break;
	case 'c':
		status = parse_count("--count", argument, 1, UINT64_MAX, &watch->count);
		break;
	case 'e':
		watch->command = argument;
		break;
	case 'n':
		watch->notifier = argument;
		break;
	case 't':
		status = parse_seconds("--timeout", argument, &timeout);
		if (status == STATUS_DONE)
			watch->deadline = clock_now() + timeout;
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return status == STATUS_DONE ? 0 : EINVAL;
}

/* Opens the newest version as difference.after. The version that was printed last stays open. */
static int watch_open_newest(struct watch *watch)
{
	struct stele_snapshot *snapshot;
	int result;

	result = stele_snapshot_open(watch->reader.subscriber, 0, &snapshot);
	if (result == 0)
		watch->difference.after = snapshot;
	return result;
}

/* Makes difference.after the version printed last. Called after its changes are printed. */
static void watch_take_newest(struct watch *watch)
{
	if (watch->reader.snapshot)
		stele_snapshot_close(watch->reader.snapshot);
	/* The watch opened the snapshot, so it may close it; the difference has only a pointer
	 * to const. */
	watch->reader.snapshot = (struct stele_snapshot *)(uintptr_t)watch->difference.after;
	watch->difference.after = NULL;
}

/* Prints a gap and all rows of the newest version. Starts again if the publisher reclaims this
 * version meanwhile. */
static enum status watch_resync(struct watch *watch)
{
	enum status status;
	int result;

	do {
		if (watch->reader.snapshot)
			watch->reader.snapshot = stele_snapshot_close(watch->reader.snapshot);
		result = watch_open_newest(watch);
		if (result < 0)
			return fail_library(result);
		status = difference_print_gap(&watch->difference,
		                              stele_snapshot_version(watch->difference.after));
		watch->difference.before = NULL;
		result = status == STATUS_DONE ? difference_print(&watch->difference) : (int)status;
		watch_take_newest(watch);
	} while (result == -ESTALE);
	watch->seen++;
	return result < 0 ? fail_library(result) : (enum status)result;
}

/* Prints the difference from the version printed last to the newest one. */
static enum status watch_print_newest(struct watch *watch)
{
	uint64_t printed = watch->difference.printed;
	int result;

	result = watch_open_newest(watch);
	if (result < 0)
		return fail_library(result);
	watch->difference.before = watch->reader.snapshot;
	result = difference_print(&watch->difference);
	watch_take_newest(watch);
	if (result == -ESTALE)
		return watch_resync(watch);
	watch->seen += watch->difference.printed > printed;
	return result < 0 ? fail_library(result) : (enum status)result;
}

/* Opens standard output or, with --exec, the file for the command's next run. */
static enum status watch_open_output(struct watch *watch)
{
	if (watch->command) {
		watch->input = child_input();
		if (!watch->input)
			return STATUS_SYSTEM;
		watch->difference.output = difference_output_to(watch->input, OUTPUT_NDJSON);
	} else {
		watch->difference.output = difference_output(watch->format);
	}
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

/* Minimum nanoseconds that a command of --exec may run, even if it starts just before --timeout
 * ends the watch. */
#define COMMAND_TIME (5 * NSEC_PER_SEC)

static int64_t watch_command_deadline(const struct watch *watch)
{
	int64_t min = clock_now() + COMMAND_TIME;

	return watch->deadline > min ? watch->deadline : min;
}

/* Runs the command of --exec if there are changes for it. If it fails, prints a message and sets
 * `*ret_applied` to false. Otherwise leaves `*ret_applied` unchanged. */
static enum status watch_run_command(struct watch *watch, bool *ret_applied)
{
	uint64_t version = stele_snapshot_version(watch->reader.snapshot);
	char number[DESCRIBED_MAX], token[DESCRIBED_MAX];
	struct child child;
	enum status status;
	FILE *input;

	status = output_flush(watch->difference.output);
	if (status != STATUS_DONE || ftello(watch->input) == 0)
		return status;
	status = output_end(watch->difference.output, STATUS_DONE);
	watch->difference.output = NULL;
	input = watch->input;
	watch->input = NULL;
	if (status != STATUS_DONE) {
		fclose(input);
		return status;
	}
	setenv("STELE_REGION", watch->target.region, 1);
	setenv("STELE_VERSION", describe_number(version, number), 1);
	setenv("STELE_TOKEN", token_describe(version, watch->difference.region, token), 1);
	switch (child_run(watch->command, input, watch->stop_fd, watch_command_deadline(watch),
	                  &child)) {
	case CHILD_DONE:
		break;
	case CHILD_FAILED:
		fail(STATUS_DONE, "the command for version %s %s", number, child.why);
		*ret_applied = false;
		break;
	case CHILD_LATE:
		fail(STATUS_DONE,
		     "the command for version %s did not end in time and was terminated", number);
		*ret_applied = false;
		break;
	case CHILD_STOPPED:
		watch->stopped = true;
		return STATUS_DONE;
	case CHILD_NOT_RUN:
		return STATUS_SYSTEM;
	}
	return watch_open_output(watch);
}

/* Flushes the output, or runs the command of --exec. Then reports the version as applied, for
 * other processes to see, unless the command failed. */
static enum status watch_publish_printed(struct watch *watch)
{
	bool applied = true;
	enum status status;

	status = watch->command ? watch_run_command(watch, &applied)
	                        : output_flush(watch->difference.output);
	/* This fails if the watch has no slot, which is no error here. */
	if (status == STATUS_DONE && applied && !watch->stopped)
		stele_subscriber_applied(watch->reader.subscriber,
		                         stele_snapshot_version(watch->reader.snapshot));
	return status;
}

/* Waits until a signal comes, the reader of standard output is gone, the notifier's descriptor
 * `fd` is readable, or the deadline has come. Does not wait if the notifier has no descriptor
 * (-1). */
static enum ending watch_wait_for_others(const struct watch *watch, int fd)
{
	struct pollfd fds[] = {
		{.fd = watch->stop_fd, .events = POLLIN},
		{.fd = watch->command ? -1 : STDOUT_FILENO},
		{.fd = fd, .events = POLLIN},
	};
	struct timespec left = {0}, *timeout = &left;
	int64_t time = watch->deadline == STELE_FOREVER ? 0 : watch->deadline - clock_now();

	if (watch->deadline == STELE_FOREVER && fd >= 0)
		timeout = NULL;
	else if (fd >= 0 && time > 0)
		left = (struct timespec){time / NSEC_PER_SEC, (long)(time % NSEC_PER_SEC)};
	if (ppoll(fds, 3, timeout, NULL) > 0) {
		if (fds[0].revents)
			return STOPPED;
		if (fds[1].revents)
			return OUTPUT_GONE;
		return NEWER;
	}
	return watch->deadline != STELE_FOREVER && clock_now() >= watch->deadline ? TIME_IS_UP
	                                                                          : NEWER;
}

/* Waits for a version newer than the one printed last. If the notifier has no descriptor, waits in
 * slices, so that signals are seen between them. A watch of one table is not woken for other
 * tables. It still moves to the newest version whenever the descriptor becomes readable, at most
 * once a second, so that it does not pin an old one. */
static enum ending watch_wait_for_version(const struct watch *watch, int *ret_error)
{
	uint64_t since =
		watch->reader.snapshot ? stele_snapshot_version(watch->reader.snapshot) : 0;
	int fd = stele_subscriber_fd(watch->reader.subscriber);
	const int64_t slice = 100 * NSEC_PER_MSEC, move_on = clock_now() + NSEC_PER_SEC;

	for (;;) {
		int64_t until = fd < 0 ? clock_now() + slice : 0;
		enum ending ending;
		uint64_t version;
		int result;

		if (until > watch->deadline)
			until = watch->deadline;
		result = stele_subscriber_wait(watch->reader.subscriber, since, until, &version);
		if (result == 0 && clock_now() >= move_on &&
		    stele_subscriber_version(watch->reader.subscriber, &version) == 0)
			result = version > since;
		*ret_error = result;
		if (result != 0)
			return result < 0 ? FAILED : NEWER;
		ending = watch_wait_for_others(watch, fd);
		if (ending != NEWER)
			return ending;
	}
}

/* Prints a note with the reason if the library could not use its preferred notifier, or if the
 * watch has no slot. */
static void watch_report_notifier(const struct watch *watch)
{
	struct stele_subscriber_state state = {.size = sizeof(state)};

	if (stele_subscriber_describe(watch->reader.subscriber, &state) == 0 && *state.reason)
		fail(STATUS_DONE, "note: woken by \"%s\"%s: %s", state.notifier,
		     state.registered ? "" : ", not registered", state.reason);
}

static enum status watch_attach(struct watch *watch)
{
	enum status status;

	status = reader_open_notified(&watch->reader, watch->place, watch->target.region,
	                              watch->notifier, watch->target.table);
	if (status == STATUS_DONE) {
		stele_subscriber_region_uuid(watch->reader.subscriber, watch->difference.region);
		watch_report_notifier(watch);
	}
	return status;
}

/* Attaches to the region that has replaced the watched one under its name. */
static enum status watch_reattach(struct watch *watch)
{
	enum status status;

	reader_close(&watch->reader);
	status = watch_attach(watch);
	return status == STATUS_DONE ? watch_resync(watch) : status;
}

static enum status watch_open_since(struct watch *watch)
{
	uint64_t since = watch->since.version, newest;
	int result;

	/* A version of another region is treated as a version that history no longer holds. */
	if (!token_is_of(&watch->since, watch->difference.region))
		return watch_resync(watch);
	result = stele_subscriber_version(watch->reader.subscriber, &newest);
	if (result == 0 && since)
		result = stele_snapshot_open(watch->reader.subscriber, since,
		                             &watch->reader.snapshot);
	if (result == -ESTALE && since <= newest)
		return watch_resync(watch);
	return result < 0 ? fail_library(result) : STATUS_DONE;
}

/* Opens the version after which changes are printed, and prints the initial rows: those of
 * --initial, or the changes since --since. */
static enum status watch_open_start(struct watch *watch)
{
	enum status status = STATUS_DONE;
	int result;

	if (*watch->target.table) {
		status = reader_open_table(&watch->reader, watch->target.table, NULL);
		watch->reader.schema = stele_schema_free(watch->reader.schema);
		watch->reader.snapshot = stele_snapshot_close(watch->reader.snapshot);
	}
	if (status != STATUS_DONE)
		return status;
	if (watch->has_since)
		return watch_open_since(watch);
	result = watch_open_newest(watch);
	if (result == 0 && watch->initial)
		result = difference_print(&watch->difference);
	if (watch->difference.after)
		watch_take_newest(watch);
	if (result == -ESTALE)
		return watch_resync(watch);
	return result < 0 ? fail_library(result) : (enum status)result;
}

static enum status watch_fail_timeout(const struct watch *watch)
{
	if (!watch->count)
		return STATUS_DONE;
	return fail(STATUS_NOT_THERE, "saw %llu of %llu versions before the timeout",
	            (unsigned long long)watch->seen, (unsigned long long)watch->count);
}

static enum status watch_follow(struct watch *watch)
{
	enum status status;
	int error;

	status = watch_open_start(watch);
	watch->seen = 0;
	while (status == STATUS_DONE && !(watch->count && watch->seen >= watch->count)) {
		if (watch->reader.snapshot)
			status = watch_publish_printed(watch);
		/* Check for signals here too: if there is a newer version each time,
		 * watch_wait_for_version() never polls the descriptor. */
		watch->stopped |= stop_came();
		if (status != STATUS_DONE || watch->stopped)
			break;
		switch (watch_wait_for_version(watch, &error)) {
		case NEWER:
			status = watch_print_newest(watch);
			break;
		case TIME_IS_UP:
			return watch_fail_timeout(watch);
		case STOPPED:
			return STATUS_DONE;
		case OUTPUT_GONE:
			return STATUS_SYSTEM;
		case FAILED:
			status = error == -EIDRM ? watch_reattach(watch) : fail_library(error);
			break;
		}
	}
	/* Run the command for the last version of --count, after which the loop ends. */
	if (status == STATUS_DONE && watch->command && !watch->stopped)
		status = watch_publish_printed(watch);
	return status;
}

static enum status watch_run(int argc, char **argv)
{
	struct watch watch = {.deadline = STELE_FOREVER};
	enum status status;
	struct call call;

	if (options_parse(&command_watch, argc, argv, &watch, &call) != 1)
		return fail_usage("watch", "expected one REGION or REGION/TABLE");
	if (watch.has_since && watch.initial)
		return fail_usage("watch", "--since and --initial cannot be used together");
	if (watch.command && watch.format != OUTPUT_TABLE && watch.format != OUTPUT_NDJSON)
		return fail_usage("watch", "--exec always uses ndjson; remove --format");
	watch.place = &call.place;
	status = target_parse("watch", call.operands[0], false, &watch.target);
	if (status == STATUS_DONE)
		status = token_needs_region(&call.place, "--since", &watch.since,
		                            watch.target.region);
	if (status != STATUS_DONE)
		return status;
	watch.stop_fd = stop_descriptor();
	if (watch.stop_fd < 0)
		return STATUS_SYSTEM;
	stop_guard_output();
	status = watch_attach(&watch);
	if (status == STATUS_DONE) {
		watch.difference.only = watch.target.table;
		status = watch_open_output(&watch);
		if (status == STATUS_DONE)
			status = watch_close_output(&watch, watch_follow(&watch));
	}
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
			{"exec", 'e', "CMD", 0,
                         "Print nothing; run this command for each version that changed something",
                         0},
			{"count", 'c', "N", 0, "End after N versions that changed something", 0},
			{"notifier", 'n', "NAME", 0,
                         "Be woken by this notifier: auto (the default), mq, socket, fifo, signal, semaphore, sysv or futex",
                         0},
			{"timeout", 't', "SECONDS", 0,
                         "End after this time; with --count, the exit status is then 1", 0},
			{0},
		},
	.parse = watch_parse,
	.common = &options_format,
	.common_at = offsetof(struct watch, format),
	.reads = true,
	.run = watch_run,
};
