/* SPDX-License-Identifier: MIT
 *
 * What the benchmarks share: a region of the program's own, times, medians, how figures are
 * printed, and how two ways to do the same work are compared. */
#ifndef TESTS_SUPPORT_BENCH_H
#define TESTS_SUPPORT_BENCH_H

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
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

/* How many times a peer's figure ours is, or how often what we take goes into what is allowed: the
 * more the better, and `reach` is what it is to be at least. */
static inline void ratio(const char *name, double value, double reach)
{
	printf("ratio %s %.3f %g\n", name, value, reach);
	fflush(stdout);
}

/* A point of a plot: build-aux/plots.sh. */
static inline void plot(const char *name, const char *series, double x, double y)
{
	printf("plot %s %s %g %g\n", name, series, x, y);
	fflush(stdout);
}

/* A halted core takes tens of microseconds to wake, which would hide what is measured. Held open:
 * as long as it is, no core goes to sleep for longer than that. Needs root. */
static inline void keep_awake(void)
{
	int fd = open("/dev/cpu_dma_latency", O_WRONLY | O_CLOEXEC);
	int32_t none = 0;

	if (fd < 0 || write(fd, &none, sizeof(none)) != (ssize_t)sizeof(none))
		fprintf(stderr,
		        "bench: idle cores may sleep, so notices look slower than they are\n");
}

/* Keeps the calling process on one core: the last that it may use, or the `nth` before that. */
static inline void stay_on_core(int nth)
{
	cpu_set_t allowed, one;

	if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0)
		return;
	nth %= CPU_COUNT(&allowed);
	for (size_t core = CPU_SETSIZE; core-- > 0;)
		if (CPU_ISSET(core, &allowed) && nth-- == 0) {
			CPU_ZERO(&one);
			CPU_SET(core, &one);
			sched_setaffinity(0, sizeof(one), &one);
			return;
		}
}

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
static inline void compare(const char *work, const struct side *sides, size_t count)
{
	double times[COMPARE_SIDES][COMPARE_ROUNDS], ratios[COMPARE_ROUNDS];
	char name[128];

	for (size_t round = 0; round < COMPARE_ROUNDS; round++) {
		uint64_t sums[COMPARE_SIDES];
		for (size_t i = 0; i < count; i++) {
			size_t side = (i + round) % count;
			times[side][round] = sides[side].run(&sums[side]);
		}
		for (size_t i = 1; i < count; i++)
			check(sums[i] == sums[0]);
	}
	for (size_t i = 1; i < count; i++) {
		if (sides[i].reach == 0)
			continue;
		for (size_t round = 0; round < COMPARE_ROUNDS; round++)
			ratios[round] = times[i][round] / times[0][round];
		snprintf(name, sizeof(name), "%s/%s", work, sides[i].name);
		ratio(name, median(ratios, COMPARE_ROUNDS), sides[i].reach);
	}
	for (size_t i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "%s/%s", work, sides[i].name);
		print(name, median(times[i], COMPARE_ROUNDS) * 1e9, "ns");
	}
}

#endif
