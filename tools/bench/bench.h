/* SPDX-License-Identifier: MIT
 * stele bench notify: measures, for each notifier, how long a commit takes to reach a reader,
 * and what it costs the publisher. The same run measures the mechanism of the notifier alone,
 * without Stele.
 *
 * This process publishes. Readers are its child processes. Publisher and reader take turns by
 * means of shared memory:
 *
 *    reader     begins turn n: it is about to block for row n; then it blocks
 *    publisher  waits for turn n, then until the kernel reports that the reader sleeps; sends row n
 *    reader     wakes, reads the row, takes the time; begins turn n + 1
 *
 * Functions that return an enum status return STATUS_NOT_THERE if this machine lacks what they
 * measure. The reason is then in bench->reason, and no error message was printed. For the files of
 * this folder. */
#ifndef TOOLS_BENCH_BENCH_H
#define TOOLS_BENCH_BENCH_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stele/stele.h>
#include "tools/bench/bench_bare.h"
#include "tools/output/progress.h"
#include "tools/region/place.h"

/* A row of the results: a notifier, how it is used, and the mechanism that it is made of. */
struct bench_way {
	const char *name;
	const char *notifier;    /* as in struct stele_subscriber_options */
	const struct bare *bare; /* the mechanism; NULL: not measured alone */
	int64_t spin;            /* nanoseconds, as in struct stele_subscriber_options */
	bool thread;             /* the publisher has STELE_NOTIFIER_THREAD */
};

/* A run of the command. */
struct bench {
	const struct place *place;
	uint64_t rounds;
	uint64_t subscribers;            /* of --subscribers; 0: measure latency */
	char region[STELE_NAME_MAX + 1]; /* name of the region to measure with */
	int stop_fd;                     /* of stop_descriptor() */
	struct progress progress;
	char reason[256]; /* why a notifier could not be measured; "": no failure */

	/* The machine; bench_machine.c sets these. */
	cpu_set_t allowed; /* cores that this process may use */
	int publisher_core;
	int reader_core; /* equal to publisher_core if there is only one */
	bool kept_awake; /* idle cores do not halt while this process lives */
	double line_us;  /* latency of a cache line between the cores; NAN: only one core */
};

#endif
