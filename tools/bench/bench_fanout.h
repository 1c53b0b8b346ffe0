/* SPDX-License-Identifier: MIT
 * Measures what a commit costs a publisher with many subscribers. Called by cmd_bench.c. */
#ifndef TOOLS_BENCH_BENCH_FANOUT_H
#define TOOLS_BENCH_BENCH_FANOUT_H

#include "tools/base/status.h"
#include "tools/bench/bench.h"

/* The cost of a send for the publisher: medians in microseconds; NAN: not measured. */
struct fanout {
	double commit; /* a commit while all subscribers are blocked */
	double behind; /* a commit while all are awake and have not checked for versions yet */
	double bare;   /* a send of the mechanism alone, to the same number of blocked receivers */
};

/* Measures one way of waking readers. */
enum status bench_fanout(struct bench *bench, const struct bench_way *way, struct fanout *ret);

#endif
