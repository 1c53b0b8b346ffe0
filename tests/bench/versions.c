/* SPDX-License-Identifier: MIT
 *
 * The cost of versions: pins, history, recovery, many readers. Prints the name, value and unit of
 * each; times are medians of several rounds. The results are checked in the same run. */
#include <errno.h>
#include <signal.h>
#include <stele/stele.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/units.h"
#include "tests/support/bench/bench.h"
#include "tests/support/position.h"
#include "tests/support/random.h"

#define ROUNDS  9
#define MILLION 1000000u

struct item {
	uint64_t number;
	uint64_t round;
};

static const struct stele_column columns[] = {
	STELE_KEY("id", STELE_U32),
	STELE_VALUE(struct item, number, STELE_U64),
	STELE_VALUE(struct item, round, STELE_U64),
};
static const struct stele_schema schema = STELE_SCHEMA(struct item, columns);

/* ---- a region with a given number of rows ---- */

static void put(struct stele_writable *table, uint32_t id, uint64_t round)
{
	uint32_t key = __builtin_bswap32(id);
	struct item item = {id, round};

	must(stele_writable_put(table, &key, 32, &item, sizeof(item)));
}

static struct stele_publisher *start(uint32_t rows)
{
	struct stele_transaction *tx;
	struct stele_writable *table;
	struct stele_publisher *publisher = bench_begin_table("items", &schema, &tx, &table);

	for (uint32_t id = 0; id < rows; id++)
		put(table, id, 0);
	must(stele_transaction_commit(tx, "load", NULL));
	return publisher;
}

static void end(struct stele_publisher *publisher)
{
	stele_publisher_close(publisher);
	must(stele_region_remove(bench_region));
}

/* Commits a version in which `count` random rows change. */
static uint64_t commit(struct stele_publisher *publisher, uint32_t rows, uint32_t count,
                       uint64_t *random)
{
	uint64_t next = stele_publisher_version(publisher) + 1, version;
	struct stele_transaction *tx;
	struct stele_writable *table;

	must(stele_transaction_begin(publisher, &tx));
	must(stele_writable_open(tx, "items", NULL, &table));
	for (uint32_t i = 0; i < count; i++)
		put(table, (uint32_t)(random_from(random) % rows), next);
	must(stele_transaction_commit(tx, NULL, &version));
	check(version == next);
	return version;
}

static struct stele_publisher_stats stats(struct stele_publisher *publisher)
{
	struct stele_publisher_stats now = {.size = sizeof(now)};

	must(stele_publisher_describe(publisher, &now));
	return now;
}

static double file_size(void)
{
	struct stele_region_info info = {.size = sizeof(info)};

	must(stele_region_describe(bench_region, &info));
	return (double)info.file_size;
}

static struct stele_subscriber *subscribe(void)
{
	struct stele_subscriber_options options = {.size = sizeof(options), .notifier = "futex"};
	struct stele_subscriber *subscriber;

	must(stele_subscriber_open(bench_region, &options, &subscriber));
	return subscriber;
}

/* ---- pins ---- */

static void bench_pin(void)
{
	struct stele_publisher *publisher = start(1000);
	struct stele_subscriber *subscriber = subscribe();
	double times[ROUNDS];
	int pins = 1000000;

	for (int round = 0; round < ROUNDS; round++) {
		double begin = bench_seconds();
		for (int i = 0; i < pins; i++) {
			struct stele_snapshot *snapshot;
			must(stele_snapshot_open(subscriber, 0, &snapshot));
			stele_snapshot_close(snapshot);
		}
		times[round] = (bench_seconds() - begin) / pins * (double)NSEC_PER_SEC;
	}
	bench_print("pin/open_and_close", bench_median(times, ROUNDS), "ns");
	stele_subscriber_close(subscriber);
	end(publisher);
}

#define HELD_ROWS 100000u

/* Returns the region's size after a million commits of one row, with the first version pinned or
 * not. */
static double held(bool pinned)
{
	struct stele_publisher *publisher = start(HELD_ROWS);
	struct stele_subscriber *subscriber = subscribe();
	struct stele_snapshot *snapshot = NULL;
	uint64_t random = 11, rows = 0;
	struct stele_cursor *cursor;
	struct stele_table table;
	struct stele_row row;
	double size;

	if (pinned)
		must(stele_snapshot_open(subscriber, 0, &snapshot));
	for (unsigned i = 0; i < MILLION; i++)
		commit(publisher, HELD_ROWS, 1, &random);
	size = file_size();
	if (pinned) {
		must(stele_table_open(snapshot, "items", &schema, &table));
		must(stele_cursor_open(&table, &cursor));
		while (stele_cursor_next(cursor, &row) == 1)
			rows += ((const struct item *)row.value)->round == 0;
		must(stele_snapshot_check(snapshot));
		check(rows == HELD_ROWS);
		stele_cursor_close(cursor);
	}
	check(stats(publisher).pins_revoked == 0);
	stele_subscriber_close(subscriber);
	end(publisher);
	return size;
}

static void bench_held(void)
{
	double without = held(false), with = held(true);

	bench_print("held/region_without_a_pin", without / 1e6, "MB");
	bench_print("held/region_with_a_pin", with / 1e6, "MB");
	bench_print("held/ratio", with / without, "times");
	check(with / without < 2.2);
}

/* ---- history, rollback ---- */

static void bench_history(struct stele_publisher *publisher)
{
	struct stele_region_info info = {.size = sizeof(info)};
	uint64_t random = 5, most = 0;

	for (int i = 0; i < 300; i++) {
		commit(publisher, MILLION, 1, &random);
		must(stele_region_describe(bench_region, &info));
		if (info.version - info.oldest == 63)
			most = stats(publisher).history_used;
	}
	check(most > 0);
	bench_print("history/64_commits_of_one_row", (double)most, "B");
	check(most < 1 << 20);
}

static void bench_rollback(struct stele_publisher *publisher)
{
	double times[ROUNDS];
	uint64_t random = 6;

	for (int round = 0; round < ROUNDS; round++) {
		struct stele_position position;
		struct stele_transaction *tx;
		double begin;
		stele_publisher_position(publisher, &position);
		commit(publisher, MILLION, 1000, &random);
		begin = bench_seconds();
		must(stele_transaction_begin(publisher, &tx));
		must(stele_transaction_rollback(tx, &position));
		check(stele_transaction_commit(tx, NULL, NULL) == 1);
		times[round] = (bench_seconds() - begin) * (double)USEC_PER_SEC;
	}
	bench_print("rollback/1000_rows_of_a_million", bench_median(times, ROUNDS), "us");
}

/* ---- recovery ---- */

/* Begins a transaction and dies in the middle of it. */
static void die(void)
{
	struct stele_publisher *publisher;
	struct stele_transaction *tx;
	struct stele_writable *table;
	uint64_t random = 1;

	must(stele_publisher_open(bench_region, NULL, &publisher));
	for (int i = 0; i < 100; i++)
		commit(publisher, MILLION, 10, &random);
	must(stele_transaction_begin(publisher, &tx));
	must(stele_writable_open(tx, "items", NULL, &table));
	for (uint32_t id = 0; id < 1000; id++)
		put(table, id, 0);
	kill(getpid(), SIGKILL);
}

static struct stele_publisher *bench_recovery(struct stele_publisher *publisher)
{
	double times[ROUNDS];

	for (int round = 0; round < ROUNDS; round++) {
		uint64_t version = stele_publisher_version(publisher);
		double begin;
		pid_t child;
		stele_publisher_close(publisher);
		child = fork();
		if (child == 0)
			die();
		waitpid(child, NULL, 0);
		begin = bench_seconds();
		must(stele_publisher_open(bench_region, NULL, &publisher));
		times[round] = (bench_seconds() - begin) * (double)MSEC_PER_SEC;
		check(stele_publisher_version(publisher) == version + 100);
		check(stats(publisher).recovered_deaths == 1);
	}
	bench_print("recovery/a_million_rows_after_kill_9", bench_median(times, ROUNDS), "ms");
	return publisher;
}

/* ---- many readers ---- */

#define READERS 1000u
#define COMMITS 20000u

static double commits_cost(struct stele_publisher *publisher, uint64_t *random)
{
	double times[ROUNDS];

	for (int round = 0; round < ROUNDS; round++) {
		double begin = bench_seconds();
		for (unsigned i = 0; i < COMMITS; i++)
			commit(publisher, HELD_ROWS, 1, random);
		times[round] = (bench_seconds() - begin) / COMMITS * 1e6;
	}
	return bench_median(times, ROUNDS);
}

/* Measures many readers that each pin a different version. */
static void bench_readers(void)
{
	static struct stele_subscriber *subscribers[READERS];
	static struct stele_snapshot *snapshots[READERS];
	struct rlimit files;
	struct stele_publisher *publisher;
	uint64_t random = 3;
	double without, with;

	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	publisher = start(HELD_ROWS);
	without = commits_cost(publisher, &random);
	for (unsigned i = 0; i < READERS; i++) {
		subscribers[i] = subscribe();
		must(stele_snapshot_open(subscribers[i], 0, &snapshots[i]));
		commit(publisher, HELD_ROWS, 1, &random);
	}
	with = commits_cost(publisher, &random);
	for (unsigned i = 0; i < READERS; i++) {
		must(stele_snapshot_check(snapshots[i]));
		stele_subscriber_close(subscribers[i]);
	}
	check(stats(publisher).pins_revoked == 0);
	bench_print("readers/commit_without", without, "us");
	bench_print("readers/commit_with_1000_pinned", with, "us");
	bench_print("readers/difference", with - without, "us");
	end(publisher);
}

int main(void)
{
	struct stele_publisher *publisher;

	snprintf(bench_region, sizeof(bench_region), "bench-versions-%ld", (long)getpid());
	bench_pin();
	bench_held();
	publisher = start(MILLION);
	bench_history(publisher);
	bench_rollback(publisher);
	publisher = bench_recovery(publisher);
	end(publisher);
	bench_readers();
	return 0;
}
