/* SPDX-License-Identifier: MIT
 *
 * Shared by the benchmarks: a region for each program, times, medians, printing figures, and
 * comparing several ways of doing the same work. */
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

/* Prints the last error, removes the region, and ends the program. */
void bench_fail(const char *what);

#define must(call) \
	do { \
		if ((call) < 0) \
			bench_fail(#call); \
	} while (0)
#define check(condition) \
	do { \
		if (!(condition)) \
			bench_fail("check failed: " #condition); \
	} while (0)

/* Returns the monotonic clock in seconds. */
double bench_seconds(void);

/* Returns the median of an odd number of values. Sorts the values. */
double bench_median(double *values, size_t count);

/* Prints a figure, in the format that run_bench.sh and plots.sh read. */
void bench_print(const char *name, double value, const char *unit);

/* Prints a ratio of Stele's figure to a peer's, or of a budget to what Stele used of it. A higher
 * ratio is better; `reach` is the ratio that is wanted at least. */
void bench_ratio(const char *name, double value, double reach);

/* Prints a point of a plot, for build-aux/plots.sh. */
void bench_plot(const char *name, const char *series, double x, double y);

/* Keeps cores awake for the rest of the process. A halted core takes tens of microseconds to wake,
 * which would hide the times that are measured. Needs root. */
void bench_keep_awake(void);

/* Keeps the calling process on one core: the last that it may use, or the `nth` before that. */
void bench_stay_on_core(int nth);

/* Creates the region with a table, and begins the transaction that fills the table. */
struct stele_publisher *bench_begin_table(const char *table, const struct stele_schema *schema,
                                          struct stele_transaction **ret_tx,
                                          struct stele_writable **ret_table);

/* ---- comparisons: several sides do the same work, in turns ---- */

#define COMPARE_ROUNDS 7
#define COMPARE_SIDES  4

/* The first side of a comparison is Stele, the others are peers. */
struct side {
	const char *name;
	/* Does the work once. Returns the seconds per unit of work, and in *ret_sum a sum over
	 * everything that was read. */
	double (*run)(uint64_t *ret_sum);
	double reach; /* how many times as fast as this peer Stele should be; 0 for no target */
};

/* Prints each side's time per unit of work, and the ratios. All sides must return the same sum in
 * every round. */
void bench_compare(const char *work, const struct side *sides, size_t count);

#endif
