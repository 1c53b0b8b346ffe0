/* SPDX-License-Identifier: MIT
 * Measures what a commit costs the publisher of many subscribers. The command calls it. */
#ifndef TOOLS_BENCH_BENCH_FANOUT_H
#define TOOLS_BENCH_BENCH_FANOUT_H

#include "tools/base/status.h"
#include "tools/bench/bench.h"

/* What the publisher pays for many subscribers; medians in microseconds, NAN: not measured. */
struct fanout {
	double commit; /* all are blocked */
	double behind; /* all are awake and have not looked yet */
	double bare;   /* the mechanism alone, to as many who are blocked in it */
};

enum status bench_fanout(struct bench *bench, const struct bench_way *way, struct fanout *ret);

#endif
