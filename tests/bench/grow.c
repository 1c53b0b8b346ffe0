/* SPDX-License-Identifier: MIT
 *
 * How the cost of a commit grows with the number of waiting subscribers, and how a subscriber's
 * cost of reading changes grows with the number of changed rows. */
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "lib/units.h"
#include "tests/support/bench/bench_rows.h"
#include "tests/support/position.h"

#define ROWS            1000000u
#define ROUNDS          9
#define SUBSCRIBERS_MAX 1024u
#define COMMITS         30u

/* ---- changed rows ---- */

static double read_changes(struct stele_subscriber *subscriber, uint64_t since, uint64_t *ret_count)
{
	double begin = bench_seconds();
	struct stele_changes *changes;
	struct stele_change change;
	uint64_t any = 0;

	*ret_count = 0;
	check(changes_since_version(subscriber, "items", since, &changes) == 0);
	while (stele_changes_next(changes, &change) == 1) {
		any += item_sum(change.after.value);
		++*ret_count;
	}
	must(stele_changes_check(changes));
	stele_changes_close(changes);
	check(any != 0);
	return (bench_seconds() - begin) * (double)USEC_PER_SEC;
}

static double read_all(struct stele_subscriber *subscriber)
{
	double begin = bench_seconds();
	struct stele_snapshot *snapshot;
	struct stele_cursor *cursor;
	struct stele_table table;
	struct stele_row row;
	uint64_t any = 0;

	must(stele_snapshot_open(subscriber, 0, &snapshot));
	must(stele_table_open(snapshot, "items", &schema_id, &table));
	must(stele_cursor_open(&table, &cursor));
	while (stele_cursor_next(cursor, &row) == 1)
		any += item_sum(row.value);
	must(stele_snapshot_check(snapshot));
	stele_cursor_close(cursor);
	stele_snapshot_close(snapshot);
	check(any != 0);
	return (bench_seconds() - begin) * (double)USEC_PER_SEC;
}

/* Changes `count` rows all over the table, none of them twice. */
static void change(struct stele_publisher *publisher, uint64_t count, uint64_t round)
{
	struct stele_transaction *tx;
	struct stele_writable *table;

	must(stele_transaction_begin(publisher, &tx));
	must(stele_writable_open(tx, "items", NULL, &table));
	for (uint64_t i = 0; i < count; i++)
		item_put(table, &kind_id, (round * 7919 + i * 999983) % ROWS, round);
	must(stele_transaction_commit(tx, NULL, NULL));
}

static void bench_changes(void)
{
	struct stele_publisher *publisher = items_publish(&kind_id, ROWS);
	struct stele_subscriber *subscriber;
	uint64_t round = 0;

	must(stele_subscriber_open(bench_region, NULL, &subscriber));
	for (uint64_t count = 1; count <= ROWS; count *= 10) {
		double commits[ROUNDS], changes[ROUNDS], all[ROUNDS];

		for (int i = 0; i < ROUNDS; i++) {
			uint64_t told;
			double begin = bench_seconds();

			change(publisher, count, ++round);
			commits[i] = (bench_seconds() - begin) * (double)USEC_PER_SEC;
			changes[i] = read_changes(subscriber,
			                          stele_publisher_version(publisher) - 1, &told);
			check(told == count);
			all[i] = read_all(subscriber);
		}
		bench_plot("changed", "transaction", (double)count, bench_median(commits, ROUNDS));
		bench_plot("changed", "read_the_changes", (double)count,
		           bench_median(changes, ROUNDS));
		bench_plot("changed", "read_all_rows", (double)count, bench_median(all, ROUNDS));
	}
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
	must(stele_region_remove(bench_region));
}

/* ---- subscribers ---- */

static _Atomic uint64_t *woken; /* returned waits, counted over all subscribers */

/* Waits for version after version: on a message queue while the system has another, else on a
 * futex. */
static void wait_for_ever(void)
{
	struct stele_subscriber *subscriber;
	uint64_t version;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	must(stele_subscriber_open(bench_region, NULL, &subscriber));
	must(stele_subscriber_version(subscriber, &version));
	for (;;) {
		++*woken;
		must(stele_subscriber_wait(subscriber, version, STELE_FOREVER, &version));
	}
}

static void wait_until_woken(uint64_t count)
{
	while (*woken < count) {
		check(waitpid(-1, NULL, WNOHANG) == 0);
		usleep(100);
	}
}

static void bench_subscribers(const char *series, unsigned flags)
{
	struct stele_publisher_options options = {.size = sizeof(options), .flags = flags};
	struct stele_publisher *publisher;
	static pid_t children[SUBSCRIBERS_MAX];
	unsigned there = 0;

	stele_publisher_close(items_publish(&kind_id, 1000));
	must(stele_publisher_open(bench_region, &options, &publisher));
	*woken = 0;
	for (unsigned count = 1; count <= SUBSCRIBERS_MAX; count *= 2) {
		double times[COMMITS];

		for (; there < count; there++) {
			children[there] = fork();
			if (children[there] == 0)
				wait_for_ever();
		}
		wait_until_woken(*woken < count ? count : *woken);
		for (unsigned i = 0; i < COMMITS; i++) {
			uint64_t before;
			double begin;

			/* A subscriber needs only a few instructions from waking to waiting again,
			 * but some time passes until each has had its turn on a core. */
			usleep(2000 + count * 20);
			before = *woken;
			begin = bench_seconds();
			item_commit(publisher, &kind_id, i, count + i);
			times[i] = (bench_seconds() - begin) * (double)USEC_PER_SEC;
			wait_until_woken(before + count);
		}
		bench_plot("subscribers", series, count, bench_median(times, COMMITS));
	}
	for (unsigned i = 0; i < there; i++) {
		kill(children[i], SIGKILL);
		waitpid(children[i], NULL, 0);
	}
	stele_publisher_close(publisher);
	must(stele_region_remove(bench_region));
}

int main(void)
{
	snprintf(bench_region, sizeof(bench_region), "bench-grow-%ld", (long)getpid());
	woken = mmap(NULL, sizeof(*woken), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
	             0);
	check(woken != MAP_FAILED);
	bench_keep_awake();
	bench_changes();
	bench_subscribers("commit", 0);
	bench_subscribers("commit_with_a_notifier_thread", STELE_NOTIFIER_THREAD);
	return 0;
}
