/* SPDX-License-Identifier: MIT
 *
 * `stele bench notify`: how long a commit takes to be seen, and what it costs the publisher, by
 * each notifier; and the same by the mechanism alone, without Stele, in the same run.
 *
 * This process publishes; readers are children of it, each of which takes turns with it through
 * memory that both have mapped:
 *
 *   reader     turn n: it is about to block for the n-th row; then it blocks
 *   publisher  waits for turn n, and until the kernel says that the reader sleeps; sends the row
 *   reader     is woken, reads the row, takes the time; turn n + 1
 *
 * Functions that return an enum status return STATUS_NOT_THERE, with the reason in bench->reason
 * and nothing said, where what was to be measured is not to be had on this machine. */
#ifndef TOOLS_BENCH_BENCH_H
#define TOOLS_BENCH_BENCH_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stele/stele.h>
#include "tools/bench/bench_bare.h"
#include "tools/output/progress.h"
#include "tools/region/place.h"

/* What can be measured: a notifier, how it is used, and the mechanism that it is made of. */
struct bench_way {
	const char *name;
	const char *notifier;    /* as in struct stele_subscriber_options */
	const struct bare *bare; /* or NULL: none of its own */
	int64_t spin;            /* as there */
	bool thread;             /* the publisher has STELE_NOTIFIER_THREAD */
};

struct bench {
	const struct place *place;
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

#endif
