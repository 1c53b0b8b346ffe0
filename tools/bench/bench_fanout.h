/* SPDX-License-Identifier: MIT
 * Measures what a commit costs a publisher with many subscribers. The command calls it. */
#ifndef TOOLS_BENCH_BENCH_FANOUT_H
#define TOOLS_BENCH_BENCH_FANOUT_H

#include "tools/base/status.h"
#include "tools/bench/bench.h"

/* The cost of a send for the publisher: medians in microseconds; NAN: not measured. */
struct fanout {
	double commit; /* a commit while all subscribers are blocked */
	double behind; /* a commit while all are awake and have not checked for versions yet */
	double bare;   /* the mechanism alone, to as many receivers that are blocked in it */
};

/* Measures one way. */
enum status bench_fanout(struct bench *bench, const struct bench_way *way, struct fanout *ret);

#endif
