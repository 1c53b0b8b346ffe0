/* SPDX-License-Identifier: MIT
 *
 * What the benchmarks share: a region of the program's own, times, medians, and how figures are printed. */
#ifndef TESTS_BENCH_H
#define TESTS_BENCH_H

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <stele/stele.h>

static char region[64];

static inline void fail(const char *what)
{
	fprintf(stderr, "bench: %s: %s\n", what, stele_last_error());
	stele_region_remove(region);
	exit(1);
}

#define must(call) \
	do { \
		if ((call) < 0) \
			fail(#call); \
	} while (0)
#define check(condition) \
	do { \
		if (!(condition)) \
			fail("this does not hold: " #condition); \
	} while (0)

static inline double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static inline int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static inline double median(double *values, size_t count)
{
	qsort(values, count, sizeof(*values), compare_doubles);
	return values[count / 2];
}

static inline void print(const char *name, double value, const char *unit)
{
	printf("%-44s %14.3f %s\n", name, value, unit);
	fflush(stdout);
}

#endif
