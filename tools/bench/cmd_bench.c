/* SPDX-License-Identifier: MIT
 * stele bench notify: measures the notifiers on this machine. */
#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include "tools/base/command.h"
#include "tools/base/describe.h"
#include "tools/base/fail.h"
#include "tools/base/format.h"
#include "tools/base/parse.h"
#include "tools/base/status.h"
#include "tools/base/stop.h"
#include "tools/bench/bench.h"
#include "tools/bench/bench_bare.h"
#include "tools/bench/bench_fanout.h"
#include "tools/bench/bench_latency.h"
#include "tools/bench/bench_machine.h"
#include "tools/output/output.h"
#include "tools/output/output_cell.h"
#include "tools/output/progress.h"
#include "tools/region/options.h"

static const char doc[] =
	"Examples:\n"
	"  stele bench notify\n"
	"  stele bench notify --notifier mq,futex --count 200 --format ndjson\n"
	"  stele bench notify --subscribers 200\n"
	"\n"
	"Measures the latency of each notifier on this machine, in microseconds: from the "
	"moment when a publisher begins to change a row until a blocked subscriber has read "
	"it, and what the commit costs the publisher. The same run measures the mechanism "
	"alone."
	"\v"
	"Each row is one way to wake a subscriber: a notifier; \"spin\", a subscriber that "
	"checks the newest version without blocking; or \"thread\", message queues to which "
	"a thread of the publisher sends. by_hand_us is the same commit and read, with a "
	"reader that is not registered and blocks in the mechanism itself. ratio is p50_us "
	"divided by by_hand_us. bare_us is the mechanism with a row in shared memory, "
	"without Stele. A percentile is printed only if at least ten measurements lie above "
	"it. A notifier that this machine does not have is listed with the reason; if there "
	"is no other, the exit status is 1.\n"
	"\n"
	"With --subscribers: the cost of a commit while so many subscribers are blocked "
	"(commit_us), while all are awake and have not checked yet (behind_us), and the cost "
	"of waking as many with the mechanism alone (bare_us).\n";

static const struct bench_way ways[] = {
	{.name = "mq", .notifier = "mq", .bare = &bare_mq},
	{.name = "futex", .notifier = "futex", .bare = &bare_futex},
	{.name = "socket", .notifier = "socket", .bare = &bare_socket},
	{.name = "fifo", .notifier = "fifo", .bare = &bare_fifo},
	{.name = "signal", .notifier = "signal", .bare = &bare_signal},
	{.name = "semaphore", .notifier = "semaphore", .bare = &bare_semaphore},
	{.name = "sysv", .notifier = "sysv", .bare = &bare_sysv},
	{.name = "spin", .notifier = "futex", .bare = &bare_spin, .spin = 1000000},
	{.name = "thread", .notifier = "mq", .bare = &bare_mq, .thread = true},
	{.name = "auto"},
};
enum { WAYS = sizeof(ways) / sizeof(ways[0]) };
/* Their names, in this order. */
#define WAY_NAMES "mq|futex|socket|fifo|signal|semaphore|sysv|spin|thread|auto"

struct bench_options {
	enum output_format format;
	bool wanted[WAYS];
	uint64_t rounds, subscribers; /* 0: not given */
	int cores[2];                 /* -1: not given */
};

static error_t bench_parse_ways(struct bench_options *options, char *argument)
{
	char *rest = argument, *name;
	unsigned way;

	while ((name = strsep(&rest, ",")) != NULL) {
		if (parse_word("--notifier", name, WAY_NAMES, &way) != STATUS_DONE)
			return EINVAL;
		options->wanted[way] = true;
	}
	return 0;
}

static error_t bench_parse_cores(struct bench_options *options, const char *argument)
{
	char end;

	if (sscanf(argument, "%d,%d%c", &options->cores[0], &options->cores[1], &end) == 2 &&
	    options->cores[0] >= 0 && options->cores[1] >= 0)
		return 0;
	fail(STATUS_INPUT,
	     "--cores: invalid value \"%s\" (expected the numbers of two cores, such as 0,1)",
	     argument);
	return EINVAL;
}

/* Keys of options that have no short form. */
enum { OPTION_CORES = OPTION_OTHERS, OPTION_SUBSCRIBERS };

static error_t bench_parse(int key, char *argument, struct argp_state *state)
{
	struct bench_options *options = state->input;
	enum status status;

	switch (key) {
	case 'c':
		status = parse_count("--count", argument, 1, 100000, &options->rounds);
		return status == STATUS_DONE ? 0 : EINVAL;
	case OPTION_SUBSCRIBERS:
		status = parse_count("--subscribers", argument, 1, 100000, &options->subscribers);
		return status == STATUS_DONE ? 0 : EINVAL;
	case 'N':
		return bench_parse_ways(options, argument);
	case OPTION_CORES:
		return bench_parse_cores(options, argument);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* ---- printing ---- */

/* The columns. A table has only those before TABLE_LATENCY or TABLE_FANOUT. */
enum {
	NAME,
	P50,
	P99,
	P99_9,
	MAX,
	COMMIT,
	BY_HAND,
	RATIO,
	BARE,
	SEND,
	LINE,
	REASON,
	TABLE_LATENCY,
	AFTER = TABLE_LATENCY,
	BY_HAND_P99,
	BY_HAND_MAX,
	BY_HAND_COST,
	BARE_P99,
	BARE_MAX,
	SAMPLES,
	PUBLISHER_CORE,
	READER_CORE,
	KEPT_AWAKE,
	LATENCY_COLUMNS
};

static const struct output_column latency_columns[LATENCY_COLUMNS] = {
	[NAME] = {"notifier", false},
	[P50] = {"p50_us", true},
	[P99] = {"p99_us", true},
	[P99_9] = {"p99_9_us", true},
	[MAX] = {"max_us", true},
	[COMMIT] = {"commit_us", true},
	[BY_HAND] = {"by_hand_us", true},
	[RATIO] = {"ratio", true},
	[BARE] = {"bare_us", true},
	[SEND] = {"send_us", true},
	[LINE] = {"line_us", true},
	[REASON] = {"reason", false},
	[AFTER] = {"after_commit_us", true},
	[BY_HAND_P99] = {"by_hand_p99_us", true},
	[BY_HAND_MAX] = {"by_hand_max_us", true},
	[BY_HAND_COST] = {"by_hand_commit_us", true},
	[BARE_P99] = {"bare_p99_us", true},
	[BARE_MAX] = {"bare_max_us", true},
	[SAMPLES] = {"samples", true},
	[PUBLISHER_CORE] = {"publisher_core", true},
	[READER_CORE] = {"reader_core", true},
	[KEPT_AWAKE] = {"kept_awake", false},
};

enum {
	FAN_NAME,
	FAN_SUBSCRIBERS,
	FAN_COMMIT,
	FAN_BEHIND,
	FAN_BARE,
	FAN_RATIO,
	FAN_REASON,
	TABLE_FANOUT,
	FAN_PUBLISHER_CORE = TABLE_FANOUT,
	FAN_READER_CORE,
	FAN_KEPT_AWAKE,
	FANOUT_COLUMNS
};

static const struct output_column fanout_columns[FANOUT_COLUMNS] = {
	[FAN_NAME] = {"notifier", false},
	[FAN_SUBSCRIBERS] = {"subscribers", true},
	[FAN_COMMIT] = {"commit_us", true},
	[FAN_BEHIND] = {"behind_us", true},
	[FAN_BARE] = {"bare_us", true},
	[FAN_RATIO] = {"ratio", true},
	[FAN_REASON] = {"reason", false},
	[FAN_PUBLISHER_CORE] = {"publisher_core", true},
	[FAN_READER_CORE] = {"reader_core", true},
	[FAN_KEPT_AWAKE] = {"kept_awake", false},
};

/* The texts of a measured value: exact for programs, and rounded for people. */
struct figure {
	char exact[DESCRIBED_MAX], plain[DESCRIBED_MAX];
};

/* Makes the cell of a measured value; an empty cell for NAN. */
static struct cell bench_cell_figure(double value, struct figure *figure)
{
	struct cell cell;

	if (isnan(value))
		return (struct cell){.kind = CELL_NONE};
	snprintf(figure->exact, sizeof(figure->exact), "%.3f", value);
	snprintf(figure->plain, sizeof(figure->plain), "%.2f", value);
	cell = cell_literal(figure->exact);
	cell.plain = figure->plain;
	return cell;
}

static struct cell bench_cell_truth(bool value)
{
	return cell_literal(value ? "true" : "false");
}

static enum status bench_print_latency(struct output *output, const struct bench *bench,
                                       const struct bench_way *way,
                                       const struct latency lanes[LANES], size_t samples)
{
	const struct latency *stele = &lanes[LANE_STELE], *hand = &lanes[LANE_BY_HAND],
			     *bare = &lanes[LANE_BARE];
	struct figure figures[LATENCY_COLUMNS];
	struct cell cells[LATENCY_COLUMNS];
	const double values[LATENCY_COLUMNS] = {
		[P50] = stele->p50,
		[P99] = stele->p99,
		[P99_9] = stele->p99_9,
		[MAX] = stele->max,
		[COMMIT] = stele->cost,
		[BY_HAND] = hand->p50,
		[RATIO] = stele->p50 / hand->p50,
		[BARE] = bare->p50,
		[SEND] = bare->cost,
		[AFTER] = stele->after,
		[BY_HAND_P99] = hand->p99,
		[BY_HAND_MAX] = hand->max,
		[BY_HAND_COST] = hand->cost,
		[BARE_P99] = bare->p99,
		[BARE_MAX] = bare->max,
		[LINE] = bench->line_us,
	};

	for (int i = 0; i < LATENCY_COLUMNS; i++)
		cells[i] = bench_cell_figure(values[i], &figures[i]);
	cells[NAME] = cell_text(way->name);
	cells[REASON] = cell_text(bench->reason);
	cells[SAMPLES] = cell_number(samples, figures[SAMPLES].exact);
	cells[PUBLISHER_CORE] =
		cell_number((uint64_t)bench->publisher_core, figures[PUBLISHER_CORE].exact);
	cells[READER_CORE] = cell_number((uint64_t)bench->reader_core, figures[READER_CORE].exact);
	cells[KEPT_AWAKE] = bench_cell_truth(bench->kept_awake);
	return output_row(output, cells);
}

static enum status bench_print_fanout(struct output *output, const struct bench *bench,
                                      const struct bench_way *way, const struct fanout *fanout)
{
	struct figure figures[FANOUT_COLUMNS];
	struct cell cells[FANOUT_COLUMNS];

	cells[FAN_NAME] = cell_text(way->name);
	cells[FAN_SUBSCRIBERS] = cell_number(bench->subscribers, figures[FAN_SUBSCRIBERS].exact);
	cells[FAN_COMMIT] = bench_cell_figure(fanout->commit, &figures[FAN_COMMIT]);
	cells[FAN_BEHIND] = bench_cell_figure(fanout->behind, &figures[FAN_BEHIND]);
	cells[FAN_BARE] = bench_cell_figure(fanout->bare, &figures[FAN_BARE]);
	cells[FAN_RATIO] = bench_cell_figure(fanout->commit / fanout->bare, &figures[FAN_RATIO]);
	cells[FAN_REASON] = cell_text(bench->reason);
	cells[FAN_PUBLISHER_CORE] =
		cell_number((uint64_t)bench->publisher_core, figures[FAN_PUBLISHER_CORE].exact);
	cells[FAN_READER_CORE] =
		cell_number((uint64_t)bench->reader_core, figures[FAN_READER_CORE].exact);
	cells[FAN_KEPT_AWAKE] = bench_cell_truth(bench->kept_awake);
	return output_row(output, cells);
}

/* Prints the cores, and whether they are kept awake, once before a table. The other formats have
 * these values in each row. */
static void bench_print_machine(const struct bench *bench)
{
	printf("publisher on core %d, readers on core %d; idle cores %s\n\n", bench->publisher_core,
	       bench->reader_core,
	       bench->kept_awake ? "kept awake"
	                         : "may halt, because /dev/cpu_dma_latency cannot be opened");
}

/* ---- running ---- */

/* Measures and prints one row. It is not an error if this machine does not have the notifier. Sets
 * `*measured` if the notifier could be measured. */
static enum status bench_measure(struct output *output, struct bench *bench,
                                 const struct bench_way *way, bool *measured)
{
	struct latency lanes[LANES];
	struct fanout fanout;
	enum status status;
	size_t samples = 0;

	*bench->reason = '\0';
	status = bench->subscribers ? bench_fanout(bench, way, &fanout)
	                            : bench_latency(bench, way, lanes, &samples);
	progress_end(&bench->progress);
	if (status != STATUS_DONE && status != STATUS_NOT_THERE)
		return status;
	*measured |= status == STATUS_DONE;
	return bench->subscribers ? bench_print_fanout(output, bench, way, &fanout)
	                          : bench_print_latency(output, bench, way, lanes, samples);
}

static enum status bench_measure_all(const struct bench_options *options, struct bench *bench)
{
	bool table = options->format == OUTPUT_TABLE, all = true, measured = false;
	enum status status = STATUS_DONE;
	struct output *output;

	if (bench->subscribers)
		output = output_open(options->format, SHAPE_ROWS, fanout_columns,
		                     table ? TABLE_FANOUT : FANOUT_COLUMNS);
	else
		output = output_open(options->format, SHAPE_ROWS, latency_columns,
		                     table ? TABLE_LATENCY : LATENCY_COLUMNS);
	if (table)
		bench_print_machine(bench);
	for (int i = 0; i < WAYS; i++)
		all &= !options->wanted[i];
	for (int i = 0; i < WAYS && status == STATUS_DONE; i++)
		/* Without --notifier, leave out "auto", which is one of the others, and with
		 * --subscribers "spin", which is not woken. */
		if (options->wanted[i] ||
		    (all && ways[i].bare && !(bench->subscribers && ways[i].spin)))
			status = bench_measure(output, bench, &ways[i], &measured);
	status = output_end(output, status);
	return status == STATUS_DONE && !measured ? STATUS_NOT_THERE : status;
}

/* Raises the limit of descriptors: each reader needs one or more. */
static void bench_allow_descriptors(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
}

static enum status bench_command(int argc, char **argv)
{
	struct bench_options options = {.cores = {-1, -1}};
	struct bench bench = {0};
	enum status status;
	struct call call;

	if (options_parse(&command_bench, argc, argv, &options, &call) != 1 ||
	    strcmp(call.operands[0], "notify") != 0)
		return fail_usage("bench", "expected one operand: notify");
	bench.place = &call.place;
	bench.subscribers = options.subscribers;
	bench.rounds = options.rounds ? options.rounds : bench.subscribers ? 5 : 50;
	for (int i = 0; i < WAYS; i++)
		if (options.wanted[i] && ways[i].spin && bench.subscribers)
			return fail_usage(
				"bench",
				"--subscribers cannot be used with spin: a subscriber that spins is not woken");
	bench.publisher_core = options.cores[0];
	bench.reader_core = options.cores[1];
	snprintf(bench.region, sizeof(bench.region), "bench-%d", (int)getpid());
	bench_allow_descriptors();
	/* From here on, a signal must not leave the region or a queue behind. */
	bench.stop_fd = stop_descriptor();
	if (bench.stop_fd < 0)
		return STATUS_SYSTEM;
	progress_start(&bench.progress, "measuring", 0);
	status = machine_prepare(&bench);
	return status == STATUS_DONE ? bench_measure_all(&options, &bench) : status;
}

const struct command command_bench = {
	.name = "bench",
	.summary = "measure the notifiers on this machine",
	.usage = "notify",
	.doc = doc,
	.options =
		(const struct argp_option[]){
			{"count", 'c', "ROUNDS", 0,
                         "Measure in so many rounds of 200 versions (default: 50); with --subscribers, "
                         "a round has 20 versions (default: 5)",
                         0},
			{"notifier", 'N', WAY_NAMES ",...", 0, "Measure only these notifiers", 0},
			{"subscribers", OPTION_SUBSCRIBERS, "COUNT", 0,
                         "Measure the cost of a commit for so many subscribers", 0},
			{"cores", OPTION_CORES, "PUBLISHER,READER", 0,
                         "Run on these cores (default: the first two that this process may use)",
                         0},
			{0},
		},
	.parse = bench_parse,
	.common = &options_format,
	.common_at = offsetof(struct bench_options, format),
	.run = bench_command,
};
