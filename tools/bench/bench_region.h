/* SPDX-License-Identifier: MIT
 * The region that is measured with. Every measurement may call it. */
#ifndef TOOLS_BENCH_BENCH_REGION_H
#define TOOLS_BENCH_BENCH_REGION_H

#include <stdint.h>
#include <stele/stele.h>
#include "tools/base/status.h"
#include "tools/bench/bench.h"

/* A row's value. */
struct bench_row {
	uint64_t number;
	int64_t start; /* when its publisher began */
	char rest[48];
};

extern const struct stele_schema bench_schema;

/* The region with its rows, for this process to publish; and its end, after that of its readers:
 * what they left is removed, too. */
enum status bench_publish(struct bench *bench, const struct bench_way *way,
                          struct stele_publisher **ret);
void bench_unpublish(const struct bench *bench, struct stele_publisher *publisher);

/* Commits the row of this number. `*ret_begin` is when the commit was called. */
enum status bench_commit(struct stele_publisher *publisher, uint64_t number, int64_t start,
                         int64_t *ret_begin);

/* Subscribes as the way says, in a reader. Returns as the library. */
int bench_subscribe(const struct bench *bench, const struct bench_way *way,
                    struct stele_subscriber **ret);

#endif
