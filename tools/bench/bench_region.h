/* SPDX-License-Identifier: MIT
 * The region of the benchmark: a thousand rows, of which each commit changes one. Called by
 * bench_latency.c and bench_fanout.c. */
#ifndef TOOLS_BENCH_BENCH_REGION_H
#define TOOLS_BENCH_BENCH_REGION_H

#include <stdint.h>
#include <stele/stele.h>
#include "tools/base/status.h"
#include "tools/bench/bench.h"

/* The value of a row. */
struct bench_row {
	uint64_t number;
	int64_t start; /* when the publisher began to send it, nanoseconds on CLOCK_MONOTONIC */
	char rest[48];
};

extern const struct stele_schema bench_schema;

/* Creates the region with its rows, and attaches as its publisher. bench_unpublish() detaches and
 * removes the region. Call it after all readers have ended, so that it also removes what they left
 * behind. */
enum status bench_publish(struct bench *bench, const struct bench_way *way,
                          struct stele_publisher **ret);
void bench_unpublish(const struct bench *bench, struct stele_publisher *publisher);

/* Commits a row with this number. `*ret_begin` is the time when the commit was called. */
enum status bench_commit(struct stele_publisher *publisher, uint64_t number, int64_t start,
                         int64_t *ret_begin);

/* Subscribes in a reader, with the notifier and the spin time of `way`. Returns 0 or a negative
 * errno. */
int bench_subscribe(const struct bench *bench, const struct bench_way *way,
                    struct stele_subscriber **ret);

#endif
