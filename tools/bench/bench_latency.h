/* SPDX-License-Identifier: MIT
 * Measures how long a commit takes to reach a reader, for one way of waking it. Called by
 * cmd_bench.c. */
#ifndef TOOLS_BENCH_BENCH_LATENCY_H
#define TOOLS_BENCH_BENCH_LATENCY_H

#include "tools/base/status.h"
#include "tools/bench/bench.h"

/* The figures of one lane, in microseconds; NAN: not measured. */
struct latency {
	double p50; /* the median of the rounds' medians */
	double p99, p99_9, max;
	double cost;  /* duration of the commit or the send, median */
	double after; /* from the return of the commit or the send until the row was read, median */
};

/* The three lanes that are compared. */
enum bench_lane {
	/* Stele: the publisher commits; the subscriber waits and reads. */
	LANE_STELE,
	/* The publisher commits, and sends with the mechanism; an unregistered reader blocks in the
	 * mechanism, and reads. */
	LANE_BY_HAND,
	/* Without Stele: a row in shared memory, and the mechanism. */
	LANE_BARE,
	LANES,
};

/* Measures one way of waking a reader. `*ret_samples` is the number of rows in each lane. */
enum status bench_latency(struct bench *bench, const struct bench_way *way,
                          struct latency ret[LANES], size_t *ret_samples);

#endif
