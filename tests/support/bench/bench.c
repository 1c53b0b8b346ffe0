/* SPDX-License-Identifier: MIT */
#include "lib/units.h"
#include "tests/support/bench/bench.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <stele/stele.h>

char bench_region[64];

void bench_fail(const char *what)
{
	fprintf(stderr, "bench: %s: %s\n", what, stele_last_error());
	stele_region_remove(bench_region);
	exit(1);
}

double bench_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / (double)NSEC_PER_SEC;
}

static int bench_compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double bench_median(double *values, size_t count)
{
	qsort(values, count, sizeof(*values), bench_compare_doubles);
	return values[count / 2];
}

void bench_print(const char *name, double value, const char *unit)
{
	printf("%-44s %14.3f %s\n", name, value, unit);
	fflush(stdout);
}

void bench_ratio(const char *name, double value, double reach)
{
	printf("ratio %s %.3f %g\n", name, value, reach);
	fflush(stdout);
}

void bench_plot(const char *name, const char *series, double x, double y)
{
	printf("plot %s %s %g %g\n", name, series, x, y);
	fflush(stdout);
}

void bench_keep_awake(void)
{
	int fd = open("/dev/cpu_dma_latency", O_WRONLY | O_CLOEXEC);
	int32_t none = 0;

	if (fd < 0 || write(fd, &none, sizeof(none)) != (ssize_t)sizeof(none))
		fprintf(stderr,
		        "bench: idle cores may sleep, which makes notices look slower than they are\n");
}

void bench_stay_on_core(int nth)
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

struct stele_publisher *bench_begin_table(const char *table, const struct stele_schema *schema,
                                          struct stele_transaction **ret_tx,
                                          struct stele_writable **ret_table)
{
	struct stele_publisher_options options = {.size = sizeof(options),
	                                          .flags = STELE_CREATE_NEW};
	struct stele_publisher *publisher;

	must(stele_publisher_open(bench_region, &options, &publisher));
	must(stele_transaction_begin(publisher, ret_tx));
	must(stele_transaction_create_table(*ret_tx, table, schema));
	must(stele_writable_open(*ret_tx, table, NULL, ret_table));
	return publisher;
}

/* ---- the same work, done by several sides in turns ---- */

void bench_compare(const char *work, const struct side *sides, size_t count)
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
		bench_ratio(name, bench_median(ratios, COMPARE_ROUNDS), sides[i].reach);
	}
	for (size_t i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "%s/%s", work, sides[i].name);
		bench_print(name, bench_median(times[i], COMPARE_ROUNDS) * (double)NSEC_PER_SEC,
		            "ns");
	}
}
