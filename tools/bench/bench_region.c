/* SPDX-License-Identifier: MIT
 * The region of the benchmark: a thousand rows, of which each commit changes one. */
#include <arpa/inet.h>
#include <stele/stele.h>
#include "tools/base/clock.h"
#include "tools/base/fail.h"
#include "tools/base/status.h"
#include "tools/bench/bench.h"
#include "tools/bench/bench_core.h"
#include "tools/bench/bench_region.h"
#include "tools/region/place.h"

enum { ROWS = 1000 };

static const struct stele_column columns[] = {
	STELE_KEY("id", STELE_U32),
	STELE_VALUE(struct bench_row, number, STELE_U64),
	STELE_VALUE(struct bench_row, start, STELE_I64),
	STELE_VALUE(struct bench_row, rest, STELE_CHAR),
};
const struct stele_schema bench_schema = STELE_SCHEMA(struct bench_row, columns);

/* Creates the table with its rows. */
static int bench_fill_rows(struct stele_transaction *tx, void *context)
{
	struct bench_row row = {0};
	int result;

	(void)context;
	result = stele_transaction_create_table(tx, "rows", &bench_schema);
	for (uint32_t id = 0; id < ROWS && result >= 0; id++) {
		uint32_t key = htonl(id);
		result = stele_transaction_put(tx, "rows", &key, 32, &row, sizeof(row));
	}
	return result;
}

enum status bench_publish(struct bench *bench, const struct bench_way *way,
                          struct stele_publisher **ret)
{
	struct stele_publisher_options options = {
		.size = sizeof(options),
		.flags = STELE_CREATE_NEW | (way->thread ? STELE_NOTIFIER_THREAD : 0),
	};
	struct stele_publisher *publisher;
	int result;

	/* stele_publisher_open() starts the publisher's thread, which inherits the cores of this
	 * thread. */
	bench_bind(bench, -1);
	result =
		stele_publisher_open(place_path(bench->place, bench->region), &options, &publisher);
	bench_bind(bench, bench->publisher_core);
	if (result < 0)
		return fail_library(result);
	result = stele_publisher_update(publisher, bench_fill_rows, NULL, "rows to measure with",
	                                NULL);
	if (result < 0) {
		enum status status = fail_library(result);
		bench_unpublish(bench, publisher);
		return status;
	}
	*ret = publisher;
	return STATUS_DONE;
}

void bench_unpublish(const struct bench *bench, struct stele_publisher *publisher)
{
	stele_publisher_close(publisher);
	stele_region_remove(place_path(bench->place, bench->region));
}

/* The row of a commit, and when the commit began. */
struct bench_change {
	struct bench_row row;
	int64_t begin;
};

static int bench_put_row(struct stele_transaction *tx, void *context)
{
	struct bench_change *change = context;
	static const uint32_t key;
	int result = stele_transaction_put(tx, "rows", &key, 32, &change->row, sizeof(change->row));

	change->begin = clock_now();
	return result;
}

enum status bench_commit(struct stele_publisher *publisher, uint64_t number, int64_t start,
                         int64_t *ret_begin)
{
	struct bench_change change = {.row = {.number = number, .start = start}};
	int result = stele_publisher_update(publisher, bench_put_row, &change, NULL, NULL);

	*ret_begin = change.begin;
	return result < 0 ? fail_library(result) : STATUS_DONE;
}

int bench_subscribe(const struct bench *bench, const struct bench_way *way,
                    struct stele_subscriber **ret)
{
	struct stele_subscriber_options options = {
		.size = sizeof(options),
		.notifier = way->notifier,
		.spin_ns = way->spin,
	};

	return stele_subscriber_open(place_path(bench->place, bench->region), &options, ret);
}
