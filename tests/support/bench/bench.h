/* SPDX-License-Identifier: MIT
 *
 * What the benchmarks share: a region of the program's own, times, medians, how figures are
 * printed, and how two ways to do the same work are compared. */
#ifndef TESTS_SUPPORT_BENCH_BENCH_H
#define TESTS_SUPPORT_BENCH_BENCH_H

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <stele/stele.h>

extern char bench_region[64];

/* Ends the program with the last error, after removing the region. */
void bench_fail(const char *what);

#define must(call) \
	do { \
		if ((call) < 0) \
			bench_fail(#call); \
	} while (0)
#define check(condition) \
	do { \
		if (!(condition)) \
			bench_fail("this does not hold: " #condition); \
	} while (0)

/* The monotonic clock, in seconds. */
double bench_seconds(void);

/* The median of an odd number of values, which are sorted. */
double bench_median(double *values, size_t count);

/* Prints a figure, in the format that run_bench.sh and plots.sh read. */
void bench_print(const char *name, double value, const char *unit);

/* How many times a peer's figure ours is, or how often what we take goes into what is allowed: the
 * more the better, and `reach` is what it is to be at least. */
void bench_ratio(const char *name, double value, double reach);

/* A point of a plot: build-aux/plots.sh. */
void bench_plot(const char *name, const char *series, double x, double y);

/* A halted core takes tens of microseconds to wake, which would hide what is measured. Held open:
 * as long as it is, no core goes to sleep for longer than that. Needs root. */
void bench_keep_awake(void);

/* Keeps the calling process on one core: the last that it may use, or the `nth` before that. */
void bench_stay_on_core(int nth);

/* Creates the region with a table, and begins the transaction that fills the table. */
struct stele_publisher *bench_begin_table(const char *table, const struct stele_schema *schema,
                                          struct stele_transaction **ret_tx,
                                          struct stele_writable **ret_table);

/* ---- the same work, done by several sides in turns ---- */

#define COMPARE_ROUNDS 7
#define COMPARE_SIDES  4

/* The first side of a comparison is ours, the others are peers. */
struct side {
	const char *name;
	double (*run)(
		uint64_t *ret_sum); /* does the work once; seconds a unit of it; and a sum over all
	                                     that was read */
	double reach; /* how many times as fast as this peer we are to be; 0: not said */
};

/* Prints what a unit of the work takes each side, and the ratios. Every side must come to the same
 * sum in every round. */
void bench_compare(const char *work, const struct side *sides, size_t count);

#endif
