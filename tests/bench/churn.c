/* SPDX-License-Identifier: MIT
 *
 * A year of churn: random updates of rows of mixed sizes, ten per commit. Then the size of the
 * region is compared with that of a region into which the same rows are loaded afresh.
 *
 *   STELE_CHURN=UPDATES   number of updates (default 100,000,000) */
#include <stele/stele.h>
#include <string.h>
#include <unistd.h>

#include "lib/units.h"
#include "tests/support/bench/bench.h"
#include "tests/support/random.h"

#define ROWS      100000u
#define A_COMMIT  10u
#define VALUE_MAX 1000u /* maximum size of a value in bytes */

struct head {
	uint64_t number;
	char bytes[];
};

static const struct stele_column columns[] = {
	STELE_KEY("id", STELE_U32),
	STELE_VALUE(struct head, number, STELE_U64),
	STELE_VALUE_VARIABLE(struct head, bytes, STELE_BYTES),
};
static const struct stele_schema schema = STELE_SCHEMA_VARIABLE(struct head, bytes, columns);

static uint64_t states[ROWS]; /* each row's size and bytes follow from its state */

/* Makes a value. Most values are small and a few are large, like the rows of real services. */
static size_t value_make(uint64_t state, uint64_t *words)
{
	uint64_t maximum = VALUE_MAX >> random_from(&state) % 6;
	size_t size = random_from(&state) % maximum;

	for (size_t i = 0; i < 1 + (size + 7) / 8; i++)
		words[i] = state + i;
	return sizeof(struct head) + size;
}

static void put(struct stele_writable *table, uint32_t id)
{
	uint64_t words[VALUE_MAX / 8 + 4];
	uint32_t key = __builtin_bswap32(id);

	must(stele_writable_put(table, &key, 32, words, value_make(states[id], words)));
}

/* Creates a region with the rows in their current states. */
static struct stele_publisher *load(void)
{
	struct stele_transaction *tx;
	struct stele_writable *table;
	struct stele_publisher *publisher = bench_begin_table("rows", &schema, &tx, &table);

	for (uint32_t id = 0; id < ROWS; id++)
		put(table, id);
	must(stele_transaction_commit(tx, NULL, NULL));
	return publisher;
}

static void churn(struct stele_publisher *publisher, uint64_t updates)
{
	uint64_t random = 31;

	for (uint64_t i = 0; i < updates; i += A_COMMIT) {
		struct stele_transaction *tx;
		struct stele_writable *table;

		must(stele_transaction_begin(publisher, &tx));
		must(stele_writable_open(tx, "rows", NULL, &table));
		for (unsigned j = 0; j < A_COMMIT; j++) {
			uint64_t chosen = random_from(&random);
			uint32_t id = (uint32_t)(chosen % ROWS);
			states[id] = chosen;
			put(table, id);
		}
		must(stele_transaction_commit(tx, NULL, NULL));
	}
}

/* Checks that every row has its expected value. */
static void check_rows(void)
{
	struct stele_subscriber *subscriber;
	struct stele_snapshot *snapshot;
	struct stele_table table;

	must(stele_subscriber_open(bench_region, NULL, &subscriber));
	must(stele_snapshot_open(subscriber, 0, &snapshot));
	must(stele_table_open(snapshot, "rows", &schema, &table));
	check(stele_table_rows(&table) == ROWS);
	for (uint32_t id = 0; id < ROWS; id++) {
		uint64_t words[VALUE_MAX / 8 + 4];
		uint32_t key = __builtin_bswap32(id);
		struct stele_row row;

		check(stele_table_get(&table, &key, 32, &row) == 1);
		check(row.value_size == value_make(states[id], words));
		check(memcmp(row.value, words, row.value_size) == 0);
	}
	stele_subscriber_close(subscriber);
}

/* Checks the rows, removes the region, and returns the size that it had. */
static double size_at_end(struct stele_publisher *publisher)
{
	struct stele_region_info info = {.size = sizeof(info)};

	check_rows();
	must(stele_region_describe(bench_region, &info));
	stele_publisher_close(publisher);
	must(stele_region_remove(bench_region));
	return (double)info.file_size;
}

int main(void)
{
	const char *option = getenv("STELE_CHURN");
	uint64_t updates = option ? strtoull(option, NULL, 10) : 100000000;
	struct stele_publisher *publisher;
	double begin, churned, fresh;

	snprintf(bench_region, sizeof(bench_region), "bench-churn-%ld", (long)getpid());
	for (uint32_t id = 0; id < ROWS; id++)
		states[id] = id;
	bench_stay_on_core(0);
	publisher = load();
	begin = bench_seconds();
	churn(publisher, updates);
	bench_print("churn/updates", (double)updates, "");
	bench_print("churn/update",
	            (bench_seconds() - begin) / (double)updates * (double)NSEC_PER_SEC, "ns");
	churned = size_at_end(publisher);
	fresh = size_at_end(load());
	bench_print("churn/region", churned / 1e6, "MB");
	bench_print("churn/region_of_a_fresh_load", fresh / 1e6, "MB");
	bench_print("churn/times_as_large", churned / fresh, "times");
	/* The churned region may be at most 1.3 times as large. */
	bench_ratio("churn", 1.3 * fresh / churned, 1);
	return 0;
}
