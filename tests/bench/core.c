/* SPDX-License-Identifier: MIT
 *
 * The core's benchmarks. Prints the name, value and unit of each, as medians of several rounds.
 * Absolute times on a small noisy machine mean little; comparisons are measured in the same run, in
 * alternating rounds.
 *
 *   STELE_PREFIXES=FILE   a routing table, one prefix per line (default: a generated table)
 *
 * A halted core takes tens of microseconds to wake, which would hide the time that a notice takes.
 * If run as root, the benchmark keeps idle cores awake through /dev/cpu_dma_latency. */
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <signal.h>
#include <stele/stele.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/units.h"
#include "tests/support/bench/bench.h"
#include "tests/support/bench/table.h"

#define ROUNDS 5

struct route {
	uint32_t next_hop;
	uint32_t interface;
};

static const struct stele_column columns[] = {
	STELE_KEY("prefix", STELE_IPV4NET),
	STELE_VALUE(struct route, next_hop, STELE_IPV4),
	STELE_VALUE(struct route, interface, STELE_U32),
};
static const struct stele_schema schema = STELE_SCHEMA(struct route, columns);

static struct stele_publisher *start(void)
{
	struct stele_publisher_options options = {.size = sizeof(options),
	                                          .flags = STELE_CREATE_NEW};
	struct stele_publisher *publisher;
	struct stele_transaction *tx;

	must(stele_publisher_open(bench_region, &options, &publisher));
	must(stele_transaction_begin(publisher, &tx));
	must(stele_transaction_create_table(tx, "routes", &schema));
	must(stele_transaction_commit(tx, NULL, NULL));
	return publisher;
}

static void put(struct stele_writable *table, const struct prefix4 *prefix, uint32_t number)
{
	uint32_t key = htonl(prefix->address);
	struct route route = {htonl(0xc0000200 + number % 200), number % 16};

	must(stele_writable_put(table, &key, prefix->length, &route, sizeof(route)));
}

static void load(struct stele_publisher *publisher, const struct prefix4 *table, size_t count)
{
	struct stele_transaction *tx;
	struct stele_writable *routes;

	must(stele_transaction_begin(publisher, &tx));
	must(stele_writable_open(tx, "routes", NULL, &routes));
	for (size_t i = 0; i < count; i++)
		put(routes, &table[i], (uint32_t)i);
	must(stele_transaction_commit(tx, "load", NULL));
}

static void bench_load(const struct prefix4 *table, size_t count)
{
	struct stele_publisher_stats before = {.size = sizeof(before)},
				     after = {.size = sizeof(after)};
	struct stele_region_info info = {.size = sizeof(info)};
	double rates[ROUNDS];
	uint64_t empty = 0;

	for (int round = 0; round < ROUNDS; round++) {
		struct stele_publisher *publisher = start();
		double begin;
		must(stele_publisher_describe(publisher, &before));
		must(stele_region_describe(bench_region, &info));
		empty = info.file_size;
		begin = bench_seconds();
		load(publisher, table, count);
		rates[round] = (double)count / (bench_seconds() - begin) / 1e6;
		must(stele_publisher_describe(publisher, &after));
		must(stele_region_describe(bench_region, &info));
		stele_publisher_close(publisher);
		must(stele_region_remove(bench_region));
	}
	bench_print("load/prefixes", (double)count, "prefixes");
	bench_print("load/rate", bench_median(rates, ROUNDS), "M prefixes/s");
	bench_print("load/bytes_in_use_a_prefix",
	            (double)(after.arena_used - before.arena_used) / (double)count, "B");
	/* The row's own key is an address and a length (5 bytes), and its value has 8 bytes. */
	bench_print("load/region_beyond_key_and_value",
	            (double)(info.file_size - empty) / (double)count - 13, "B a prefix");
}

static void bench_commit(struct stele_publisher *publisher, const struct prefix4 *table,
                         size_t count)
{
	double costs[ROUNDS];
	uint64_t seed = 42;

	for (int round = 0; round < ROUNDS; round++) {
		int commits = 200000;
		double begin = bench_seconds();
		for (int i = 0; i < commits; i++) {
			struct stele_transaction *tx;
			struct stele_writable *routes;
			uint64_t r = random_from(&seed);
			must(stele_transaction_begin(publisher, &tx));
			must(stele_writable_open(tx, "routes", NULL, &routes));
			put(routes, &table[r % count], (uint32_t)(r >> 40));
			must(stele_transaction_commit(tx, NULL, NULL));
		}
		costs[round] = (bench_seconds() - begin) / commits * (double)NSEC_PER_SEC;
	}
	bench_print("commit/one_route", bench_median(costs, ROUNDS), "ns");
}

/* ---- reading: each function measures one kind of lookup, in nanoseconds per call ---- */

#define LOOKUPS 1000000

static struct {
	const struct prefix4 *prefixes;
	size_t count;
	uint64_t seed, sum; /* the sum of everything read, so that no lookup is optimized away */
	struct stele_subscriber *subscriber;
	struct stele_table routes;
	struct stele_live live;
} reading;

static double time_match(void)
{
	double begin = bench_seconds();
	struct stele_row row;

	for (int i = 0; i < LOOKUPS; i++) {
		uint64_t r = random_from(&reading.seed);
		const struct prefix4 *prefix = &reading.prefixes[r % reading.count];
		uint32_t host = prefix->length == 32 ? 0 : (uint32_t)(r >> 32) >> prefix->length;
		uint32_t address = htonl(prefix->address | host);
		if (stele_table_match(&reading.routes, &address, 32, &row) == 1)
			reading.sum += ((const struct route *)row.value)->next_hop;
	}
	return (bench_seconds() - begin) / LOOKUPS * (double)NSEC_PER_SEC;
}

static double time_get(void)
{
	double begin = bench_seconds();
	struct stele_row row;

	for (int i = 0; i < LOOKUPS; i++) {
		const struct prefix4 *prefix =
			&reading.prefixes[random_from(&reading.seed) % reading.count];
		uint32_t address = htonl(prefix->address);
		if (stele_table_get(&reading.routes, &address, prefix->length, &row) == 1)
			reading.sum += ((const struct route *)row.value)->next_hop;
	}
	return (bench_seconds() - begin) / LOOKUPS * (double)NSEC_PER_SEC;
}

static double time_live_get(void)
{
	double begin = bench_seconds();

	for (int i = 0; i < LOOKUPS; i++) {
		const struct prefix4 *prefix =
			&reading.prefixes[random_from(&reading.seed) % reading.count];
		uint32_t address = htonl(prefix->address);
		struct route route;
		size_t size = sizeof(route);
		if (stele_live_get_copy(&reading.live, &address, prefix->length, &route, &size,
		                        NULL) == 1)
			reading.sum += route.next_hop;
	}
	return (bench_seconds() - begin) / LOOKUPS * (double)NSEC_PER_SEC;
}

static double time_snapshot(void)
{
	double begin = bench_seconds();

	for (int i = 0; i < 100000; i++) {
		struct stele_snapshot *one;
		must(stele_snapshot_open(reading.subscriber, 0, &one));
		stele_snapshot_close(one);
	}
	return (bench_seconds() - begin) / 100000 * (double)NSEC_PER_SEC;
}

static double time_scan(void)
{
	struct stele_cursor *cursor;
	struct stele_row row;
	double begin, cost;

	must(stele_cursor_open(&reading.routes, &cursor));
	begin = bench_seconds();
	for (size_t i = 0; i < reading.count; i++)
		if (stele_cursor_next(cursor, &row) == 1)
			reading.sum += row.key_bits;
	cost = (bench_seconds() - begin) / (double)reading.count * (double)NSEC_PER_SEC;
	stele_cursor_close(cursor);
	return cost;
}

static void bench_lookup(const struct prefix4 *table, size_t count)
{
	static const struct {
		const char *name, *unit;
		double (*run)(void);
	} ways[] = {
		{"read/longest_prefix_match", "ns", time_match},
		{"read/get", "ns", time_get},
		{"read/optimistic_get_and_copy", "ns", time_live_get},
		{"read/snapshot_open_and_close", "ns", time_snapshot},
		{"read/ordered_scan", "ns a row", time_scan},
	};
	enum { WAYS = sizeof(ways) / sizeof(ways[0]) };
	double costs[WAYS][ROUNDS];
	struct stele_snapshot *snapshot;

	reading.prefixes = table;
	reading.count = count;
	reading.seed = 7;
	must(stele_subscriber_open(bench_region, NULL, &reading.subscriber));
	must(stele_snapshot_open(reading.subscriber, 0, &snapshot));
	must(stele_table_open(snapshot, "routes", &schema, &reading.routes));
	must(stele_live_open(reading.subscriber, "routes", &schema, &reading.live));
	for (int round = 0; round < ROUNDS; round++)
		for (int way = 0; way < WAYS; way++)
			costs[way][round] = ways[way].run();
	for (int way = 0; way < WAYS; way++)
		bench_print(ways[way].name, bench_median(costs[way], ROUNDS), ways[way].unit);
	if (reading.sum == 0)
		fprintf(stderr, "bench: no lookup found anything\n");
	stele_subscriber_close(reading.subscriber);
}

static void bench_attach(void)
{
	double times[ROUNDS];

	for (int round = 0; round < ROUNDS; round++) {
		struct stele_publisher *publisher;
		double begin = bench_seconds();
		must(stele_publisher_open(bench_region, NULL, &publisher));
		times[round] = (bench_seconds() - begin) * (double)MSEC_PER_SEC;
		stele_publisher_close(publisher);
	}
	bench_print("attach/recovery_walk", bench_median(times, ROUNDS), "ms");
}

/* ---- notices ---- */

#define PINGS 20000

static mqd_t queue_make(char *name, size_t size, const char *which)
{
	struct mq_attr attributes = {.mq_maxmsg = 1, .mq_msgsize = 8};
	mqd_t queue;

	snprintf(name, size, "/bench.%ld.%s", (long)getpid(), which);
	queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attributes);
	if (queue < 0) {
		perror("bench: mq_open");
		exit(1);
	}
	mq_unlink(name);
	return queue;
}

/* The other process of a bare round: answers each message with a message, until it is killed.
 * answer_stele() answers each version with a message. */
static void answer_bare(mqd_t in, mqd_t out)
{
	uint64_t word;

	for (;;) {
		mq_receive(in, (char *)&word, sizeof(word), NULL);
		mq_send(out, (const char *)&word, sizeof(word), 0);
	}
}

static void answer_stele(mqd_t out, const struct prefix4 *prefix, bool reads)
{
	struct stele_subscriber *subscriber;
	uint64_t version = 0, word = 0;
	uint32_t key = htonl(prefix->address);
	struct stele_live live;

	must(stele_subscriber_open(bench_region, NULL, &subscriber));
	must(stele_subscriber_version(subscriber, &version));
	must(stele_live_open(subscriber, "routes", &schema, &live));
	mq_send(out, (const char *)&word, sizeof(word), 0);
	for (;;) {
		struct route route;
		size_t size = sizeof(route);
		must(stele_subscriber_wait(subscriber, version, STELE_FOREVER, &version));
		if (reads)
			must(stele_live_get_copy(&live, &key, prefix->length, &route, &size, NULL));
		word = reads ? route.next_hop : version;
		mq_send(out, (const char *)&word, sizeof(word), 0);
	}
}

static void commit_one(struct stele_publisher *publisher, const struct prefix4 *prefix,
                       uint32_t number)
{
	struct stele_transaction *tx;
	struct stele_writable *routes;

	must(stele_transaction_begin(publisher, &tx));
	must(stele_writable_open(tx, "routes", NULL, &routes));
	put(routes, prefix, number);
	must(stele_transaction_commit(tx, NULL, NULL));
}

#define NOTICE_ROUNDS 15

/* Alternates two kinds of rounds: a bare message there and back, and a commit there with a bare
 * message back. `cost` is the time of a commit alone. */
static void notice_rounds(struct stele_publisher *publisher, const struct prefix4 *prefix,
                          bool reads, double cost)
{
	char name[64];
	mqd_t ping = queue_make(name, sizeof(name), "ping"),
	      pong = queue_make(name, sizeof(name), "pong");
	double bare[NOTICE_ROUNDS], whole[NOTICE_ROUNDS], ratios[NOTICE_ROUNDS],
		whole_ratios[NOTICE_ROUNDS];
	pid_t bare_child, stele_child;
	static uint32_t number = 1 << 30;
	uint64_t word = 1;

	bare_child = fork();
	if (bare_child == 0)
		answer_bare(ping, pong);
	stele_child = fork();
	if (stele_child == 0)
		answer_stele(pong, prefix, reads);
	mq_receive(pong, (char *)&word, sizeof(word), NULL);
	for (int round = 0; round < NOTICE_ROUNDS; round++) {
		double begin = bench_seconds();
		for (int i = 0; i < PINGS; i++) {
			mq_send(ping, (const char *)&word, sizeof(word), 0);
			mq_receive(pong, (char *)&word, sizeof(word), NULL);
		}
		bare[round] = (bench_seconds() - begin) / PINGS / 2 * (double)USEC_PER_SEC;
		begin = bench_seconds();
		for (int i = 0; i < PINGS; i++) {
			commit_one(publisher, prefix, number++);
			mq_receive(pong, (char *)&word, sizeof(word), NULL);
		}
		whole[round] =
			(bench_seconds() - begin) / PINGS * (double)USEC_PER_SEC - bare[round];
		whole_ratios[round] = whole[round] / bare[round];
		ratios[round] = (whole[round] - cost) / bare[round];
	}
	kill(bare_child, SIGKILL);
	kill(stele_child, SIGKILL);
	waitpid(bare_child, NULL, 0);
	waitpid(stele_child, NULL, 0);
	stele_publisher_reap(publisher);
	mq_close(ping);
	mq_close(pong);
	bench_print(reads ? "notice/read/bare_mq_one_way" : "notice/wake/bare_mq_one_way",
	            bench_median(bare, NOTICE_ROUNDS), "us");
	bench_print(reads ? "notice/read/commit_to_row_read"
	                  : "notice/wake/commit_to_wait_returned",
	            bench_median(whole, NOTICE_ROUNDS), "us");
	bench_print(reads ? "notice/read/ratio" : "notice/wake/ratio",
	            bench_median(whole_ratios, NOTICE_ROUNDS), "times");
	bench_print(reads ? "notice/read/ratio_less_the_commit"
	                  : "notice/wake/ratio_less_the_commit",
	            bench_median(ratios, NOTICE_ROUNDS), "times");
}

static void bench_notice(struct stele_publisher *publisher, const struct prefix4 *prefix)
{
	double commits[NOTICE_ROUNDS], cost;
	uint32_t number = 1;

	for (int round = 0; round < NOTICE_ROUNDS; round++) {
		double begin = bench_seconds();
		for (int i = 0; i < PINGS; i++)
			commit_one(publisher, prefix, number++);
		commits[round] = (bench_seconds() - begin) / PINGS * (double)USEC_PER_SEC;
	}
	cost = bench_median(commits, NOTICE_ROUNDS);
	bench_print("notice/commit_of_the_same_row_alone", cost, "us");
	notice_rounds(publisher, prefix, false, cost);
	notice_rounds(publisher, prefix, true, cost);
}

int main(void)
{
	const char *path = getenv("STELE_PREFIXES");
	struct stele_publisher *publisher;
	struct prefix4 *table, *million;
	size_t count, more;

	snprintf(bench_region, sizeof(bench_region), "bench-%ld", (long)getpid());
	table = path ? table_read(path, &count) : table_generate(1, 1000, &count);
	if (!table || count == 0) {
		fprintf(stderr, "bench: no prefixes in %s\n", path);
		return 1;
	}
	bench_keep_awake();
	bench_load(table, count);
	/* A table of a million rows: /24 prefixes, spread over the address space. */
	million = malloc(sizeof(*million) * 1000000);
	for (more = 0; more < 1000000; more++)
		million[more] = (struct prefix4){(uint32_t)(more * 14 + 65536) << 8, 24};
	publisher = start();
	load(publisher, million, more);
	bench_commit(publisher, million, more);
	bench_notice(publisher, &million[12345]);
	stele_publisher_close(publisher);
	bench_attach();
	must(stele_region_remove(bench_region));
	publisher = start();
	load(publisher, table, count);
	bench_lookup(table, count);
	stele_publisher_close(publisher);
	must(stele_region_remove(bench_region));
	free(million);
	free(table);
	return 0;
}
