/* SPDX-License-Identifier: MIT
 *
 * `stele bench notify`: how long a commit takes to be seen, and what it costs the publisher, by each
 * notifier; and the same by the mechanism alone, without Stele, in the same run.
 *
 * This process publishes; readers are children of it, each of which takes turns with it through memory
 * that both have mapped:
 *
 *   reader     turn n: it is about to block for the n-th row; then it blocks
 *   publisher  waits for turn n, and until the kernel says that the reader sleeps; sends the row
 *   reader     is woken, reads the row, takes the time; turn n + 1
 *
 * Functions that return an enum status return STATUS_NOT_THERE, with the reason in bench->reason and
 * nothing said, where what was to be measured is not to be had on this machine. */
#ifndef TOOLS_BENCH_BENCH_H
#define TOOLS_BENCH_BENCH_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stele/stele.h>
#include "tools/base/clock.h"
#include "tools/base/command.h"
#include "tools/bench/bench_bare.h"
#include "tools/base/progress.h"

/* What can be measured: a notifier, how it is used, and the mechanism that it is made of. */
struct bench_way {
	const char *name;
	const char *notifier;    /* as in struct stele_subscriber_options */
	const struct bare *bare; /* or NULL: none of its own */
	int64_t spin;            /* as there */
	bool thread;             /* the publisher has STELE_NOTIFIER_THREAD */
};

struct bench {
	uint64_t rounds;
	uint64_t subscribers;
	char region[STELE_NAME_MAX + 1];
	int stop_fd;
	struct progress progress;
	char reason[256];

	/* The machine, see bench_machine.c. */
	cpu_set_t allowed; /* cores that this process may use */
	int publisher_core;
	int reader_core; /* the same where there is but one */
	bool kept_awake; /* idle cores don't halt while this process lives */
	double line_us;  /* a cache line's way from the one core to the other; NAN: they are one */
};

/* ---- the machine ---- */

/* In a loop that waits for another core. */
static inline void bench_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ __volatile__("yield");
#endif
}

/* Chooses the cores (of those that are allowed, where they are not given, -1), binds this process to
 * the publisher's, and keeps idle ones awake if permitted. */
enum status bench_machine(struct bench *bench);
/* Sets .line_us. On a virtual machine that may change as cores move about. */
enum status bench_measure_line(struct bench *bench);
/* Binds this thread to a core, or lets it use all that are allowed (-1). */
void bench_bind(const struct bench *bench, int core);
/* STATUS_SYSTEM once a signal has told this process to stop. */
enum status bench_check_stop(const struct bench *bench);

/* ---- the region ---- */

/* A row's value. */
struct bench_row {
	uint64_t number;
	int64_t start; /* when its publisher began */
	char rest[48];
};

extern const struct stele_schema bench_schema;

/* The region with its rows, for this process to publish; and its end, after that of its readers:
 * what they left is removed, too. */
enum status bench_publish(struct bench *bench, const struct bench_way *way,
                          struct stele_publisher **ret);
void bench_unpublish(const struct bench *bench, struct stele_publisher *publisher);

/* Commits the row of this number. `*ret_begin` is when the commit was called. */
enum status bench_commit(struct stele_publisher *publisher, uint64_t number, int64_t start,
                         int64_t *ret_begin);

/* Subscribes as the way says, in a reader. Returns as the library. */
int bench_subscribe(const struct bench *bench, const struct bench_way *way,
                    struct stele_subscriber **ret);

/* ---- readers ---- */

/* What a reader and the publisher share. */
struct reader_shared {
	_Alignas(64) uint32_t turn;
	int64_t start,
		taken;    /* of the row of the turn before: what it says, and when it was read */
	char reason[256]; /* why it failed */
	struct bare_shared bare;
};

struct reader {
	pid_t pid;
	int stat; /* /proc/PID/stat */
	struct bare_pair pair;
	struct reader_shared *shared;
};

/* Makes `count` readers, and the mechanism's way to each where there is one. Each runs `work`, which
 * returns 0 or a negative errno of the library's; then its sentence is the reason. */
enum status readers_start(struct bench *bench, const struct bare *bare, size_t count,
                          int (*work)(void *context, struct reader *reader), void *context,
                          struct reader **ret);
/* Kills the readers, whatever they do, and frees them. */
void readers_end(struct reader *readers, size_t count, const struct bare *bare);

/* The reader's side: the next turn begins. */
void reader_turn(struct reader *reader);
/* The publisher's: waits until this turn has begun; and then until the reader sleeps. */
enum status reader_await(struct bench *bench, const struct reader *reader, uint32_t turn);
enum status reader_await_sleep(struct bench *bench, const struct reader *reader);

/* ---- figures ---- */

struct samples {
	double *values; /* microseconds */
	size_t count;
};

void samples_add(struct samples *samples, double value);
void samples_free(struct samples *samples);
/* Both sort. NAN where there are too few values: none, or fewer than ten above the percentile. */
double samples_median(struct samples *samples, size_t first); /* of those from `first` on */
double samples_percentile(struct samples *samples, double part);
double samples_most(const struct samples *samples);

/* ---- what is measured ---- */

/* Of one way to wake a reader; in microseconds, NAN: not measured. */
struct latency {
	double p50; /* the median of the rounds' medians */
	double p99, p99_9, most;
	double cost;  /* the publisher's, median */
	double after; /* the reader had it so long after the publisher had gone on, median */
};

enum bench_lane {
	LANE_STELE, /* commit; the subscriber waits and reads */
	LANE_BY_HAND, /* commit, and send by the mechanism; an unregistered reader blocks in that and reads */
	LANE_BARE, /* no Stele: a row in shared memory, and the mechanism */
	LANES,
};

/* `*ret_samples` is how many rows of each lane there were. */
enum status bench_latency(struct bench *bench, const struct bench_way *way,
                          struct latency ret[LANES], size_t *ret_samples);

/* What the publisher pays for many subscribers; medians in microseconds, NAN: not measured. */
struct fanout {
	double commit; /* all are blocked */
	double behind; /* all are awake and have not looked yet */
	double bare;   /* the mechanism alone, to as many who are blocked in it */
};

enum status bench_fanout(struct bench *bench, const struct bench_way *way, struct fanout *ret);

#endif
