/* SPDX-License-Identifier: MIT
 *
 * The cost of learning what changed: in a table of 1,000,000 rows with random keys, a commit
 * changes some rows, and stele_changes_since() is timed from open to close. Prints the name, value
 * and unit of each figure, as medians of many commits. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <stele/stele.h>

#include "lib/units.h"
#include "tests/support/bench/bench.h"
#include "tests/support/random.h"
#include "tests/support/position.h"

#define ROWS   1000000u
#define ROUNDS 201

static const struct stele_column columns[] = {
	STELE_KEY("key", STELE_U32),
	{.name = "number", .type = STELE_U64, .size = 8, .offset = 0},
};
static const struct stele_schema schema = {.columns = columns, .column_count = 2, .value_size = 8};

static uint64_t random_state = 1;

static void print_rows(unsigned rows, const char *what, double value, const char *unit)
{
	char name[64];

	snprintf(name, sizeof(name), "delta/%u_of_%u%s", rows, ROWS, what);
	bench_print(name, value, unit);
}

/* Puts one row. Keys are spread like hash values. */
static void put(struct stele_writable *table, uint32_t row)
{
	uint32_t key = htonl(row * UINT32_C(2654435761));
	uint64_t number = random_from(&random_state);

	must(stele_writable_put(table, &key, 32, &number, sizeof(number)));
}

static uint64_t commit(struct stele_publisher *publisher, unsigned rows)
{
	struct stele_transaction *tx;
	struct stele_writable *table;
	uint64_t version = 0;

	must(stele_transaction_begin(publisher, &tx));
	if (stele_publisher_version(publisher) == 0)
		must(stele_transaction_create_table(tx, "numbers", &schema));
	must(stele_writable_open(tx, "numbers", NULL, &table));
	for (unsigned i = 0; i < rows; i++)
		put(table, rows == ROWS ? i : (uint32_t)(random_from(&random_state) % ROWS));
	must(stele_transaction_commit(tx, NULL, &version));
	return version;
}

/* Reads all changes since a version, or only those under a prefix. Returns the time taken. */
static double read_changes(struct stele_subscriber *subscriber, uint64_t since, const void *prefix,
                           unsigned bits, unsigned *ret_count)
{
	double begin = bench_seconds();
	struct stele_changes *changes;
	struct stele_change change;
	int r;

	*ret_count = 0;
	if (changes_since_version(subscriber, "numbers", since, &changes) != 0)
		bench_fail("stele_changes_since");
	must(stele_changes_under(changes, prefix, bits));
	while ((r = stele_changes_next(changes, &change)) == 1)
		++*ret_count;
	must(r);
	stele_changes_close(changes);
	return bench_seconds() - begin;
}

static void run(struct stele_publisher *publisher, struct stele_subscriber *subscriber,
                unsigned rows)
{
	static double all[ROUNDS], part[ROUNDS];
	unsigned count, sum = 0;

	for (int round = 0; round < ROUNDS; round++) {
		uint64_t version = commit(publisher, rows);

		all[round] = read_changes(subscriber, version - 1, NULL, 0, &count);
		sum += count;
		part[round] = read_changes(subscriber, version - 1, "\1\2", 16, &count);
	}
	print_rows(rows, "", bench_median(all, ROUNDS) * (double)USEC_PER_SEC, "us");
	print_rows(rows, "_rate", (double)sum / ROUNDS / bench_median(all, ROUNDS) / 1e6, "M/s");
	print_rows(rows, "_under_16_bits", bench_median(part, ROUNDS) * (double)USEC_PER_SEC, "us");
}

int main(void)
{
	struct stele_publisher_options options = {.size = sizeof(options),
	                                          .flags = STELE_CREATE_NEW};
	struct stele_publisher *publisher;
	struct stele_subscriber *subscriber;

	snprintf(bench_region, sizeof(bench_region), "bench-delta-%d", (int)getpid());
	must(stele_publisher_open(bench_region, &options, &publisher));
	commit(publisher, ROWS);
	must(stele_subscriber_open(bench_region, NULL, &subscriber));
	run(publisher, subscriber, 10);
	run(publisher, subscriber, 1000);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
	stele_region_remove(bench_region);
	return 0;
}
