/* SPDX-License-Identifier: MIT
 * Measures how long a commit takes to be seen, by one way of waking a reader. The command calls
 * it. */
#ifndef TOOLS_BENCH_BENCH_LATENCY_H
#define TOOLS_BENCH_BENCH_LATENCY_H

#include "tools/base/status.h"
#include "tools/bench/bench.h"

/* Of one way to wake a reader; in microseconds, NAN: not measured. */
struct latency {
	double p50; /* the median of the rounds' medians */
	double p99, p99_9, max;
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

#endif
