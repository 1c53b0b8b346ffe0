/* SPDX-License-Identifier: MIT
 *
 * A publisher and readers of every kind as threads of one process, each with a handle of its own.
 * This test is for ThreadSanitizer above all. In its builds a process has one mapping of each file
 * (lib/storage/mapping.c), because ThreadSanitizer can't see conflicts between two mappings. Every
 * commit keeps a sum constant, which every reader checks. */
#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <stele/stele.h>
#include <string.h>
#include <unistd.h>

#define ROWS  200u
#define TOTAL (ROWS * 1000u)

#ifdef __SANITIZE_THREAD__
#define COMMITS 4000u
#else
#define COMMITS 30000u
#endif

struct account {
	uint64_t amount;
	uint64_t version;
};

static const struct stele_column columns[] = {
	STELE_KEY("number", STELE_U32),
	STELE_VALUE(struct account, amount, STELE_U64),
	STELE_VALUE(struct account, version, STELE_U64),
};
static const struct stele_schema schema = STELE_SCHEMA(struct account, columns);

static char region[64];

static uint32_t key_of(uint32_t number)
{
	return __builtin_bswap32(number * 2654435761u);
}

static void remove_region(void)
{
	stele_region_remove(region);
}

static struct stele_publisher *open_publisher_with(unsigned flags)
{
	struct stele_publisher_options options = {
		.size = sizeof(options),
		.flags = STELE_CREATE_NEW | flags,
		.history = 4,
		.maximum_size = 16 << 20,
		.limit_size = 16 << 20, /* so that ThreadSanitizer sees both sides in one mapping */
	};
	struct stele_publisher *publisher;
	struct stele_transaction *tx;

	snprintf(region, sizeof(region), "test-threads-%ld", (long)getpid());
	cr_assert_eq(stele_publisher_open(region, &options, &publisher), 0, "%s",
	             stele_last_error());
	cr_assert_eq(stele_transaction_begin(publisher, &tx), 0);
	cr_assert_eq(stele_transaction_create_table(tx, "accounts", &schema), 0);
	for (uint32_t i = 0; i < ROWS; i++) {
		struct account account = {1000, 1};
		uint32_t key = key_of(i);
		cr_assert_eq(
			stele_transaction_put(tx, "accounts", &key, 32, &account, sizeof(account)),
			1);
	}
	cr_assert_eq(stele_transaction_commit(tx, NULL, NULL), 1);
	return publisher;
}

static struct stele_publisher *open_publisher(void)
{
	return open_publisher_with(0);
}

/* Moves one unit between two accounts, and now and then deletes a row and puts it back. */
static void commit_once(struct stele_publisher *publisher, uint32_t round)
{
	struct stele_transaction *tx;
	struct stele_row row;
	uint32_t from = key_of(round * 7 % ROWS), to = key_of((round * 13 + 1) % ROWS);
	uint64_t version = stele_publisher_version(publisher) + 1;
	struct account a, b;

	cr_assert_eq(stele_transaction_begin(publisher, &tx), 0, "%s", stele_last_error());
	cr_assert_eq(stele_transaction_get(tx, "accounts", NULL, &from, 32, &row), 1);
	a = *(const struct account *)row.value;
	cr_assert_eq(stele_transaction_get(tx, "accounts", NULL, &to, 32, &row), 1);
	b = *(const struct account *)row.value;
	if (from != to && a.amount > 0) {
		a.amount--;
		b.amount++;
	}
	a.version = b.version = version;
	if (round % 5 == 0)
		cr_assert_eq(stele_transaction_delete(tx, "accounts", &from, 32), 1);
	cr_assert_geq(stele_transaction_put(tx, "accounts", &to, 32, &b, sizeof(b)), 0);
	if (from != to)
		cr_assert_geq(stele_transaction_put(tx, "accounts", &from, 32, &a, sizeof(a)), 0);
	cr_assert_eq(stele_transaction_commit(tx, "move", NULL), 1, "%s", stele_last_error());
}

struct reader {
	const char *failure;
	uint64_t snapshots, stale;
};

#define check(condition) \
	do { \
		if (!(condition)) { \
			reader->failure = #condition; \
			return; \
		} \
	} while (0)

/* Adds up a snapshot. A pinned snapshot must be consistent; one without a pin may be stale, and
 * then reports it. */
static void check_snapshot(struct reader *reader, struct stele_snapshot *snapshot, bool pinned)
{
	struct stele_table table;
	struct stele_cursor *cursor;
	struct stele_row row;
	uint64_t sum = 0, rows = 0, newest = 0;
	int r = stele_table_open(snapshot, "accounts", &schema, &table);

	check(r == 0 || (!pinned && r == -ESTALE));
	if (r < 0)
		return;
	check(stele_table_rows(&table) == ROWS);
	check(stele_cursor_open(&table, &cursor) == 0);
	while ((r = stele_cursor_next(cursor, &row)) == 1) {
		/* Read the rows as a service would, then check that the snapshot is still valid. */
		const uint64_t *value = row.value;
		sum += __atomic_load_n(&value[0], __ATOMIC_ACQUIRE);
		if (__atomic_load_n(&value[1], __ATOMIC_ACQUIRE) > newest)
			newest = __atomic_load_n(&value[1], __ATOMIC_ACQUIRE);
		rows++;
	}
	stele_cursor_close(cursor);
	if (r == 0)
		r = stele_snapshot_check(snapshot);
	check(r == 0 || (!pinned && r == -ESTALE));
	if (r < 0) {
		reader->stale++;
		return;
	}
	check(rows == ROWS);
	check(sum == TOTAL);
	check(newest == stele_snapshot_version(snapshot));
}

static void read_snapshots(struct reader *reader, unsigned flags)
{
	struct stele_subscriber_options options = {.size = sizeof(options), .flags = flags};
	struct stele_subscriber *subscriber;
	uint64_t version = 0, last = 0;

	check(stele_subscriber_open(region, &options, &subscriber) == 0);
	while (last < COMMITS) {
		struct stele_snapshot *snapshot;
		int r = stele_subscriber_wait(subscriber, last, STELE_FOREVER, &version);
		check(r == 1);
		check(version > last);
		r = stele_snapshot_open(subscriber, 0, &snapshot);
		check(r == 0);
		check(stele_snapshot_version(snapshot) >= version);
		last = stele_snapshot_version(snapshot);
		check_snapshot(reader, snapshot, flags == 0);
		if (reader->failure)
			return;
		stele_snapshot_close(snapshot);
		reader->snapshots++;
	}
	stele_subscriber_close(subscriber);
}

static void *pinned_main(void *reader)
{
	read_snapshots(reader, 0);
	return NULL;
}

static void *unpinned_main(void *reader)
{
	read_snapshots(reader, STELE_UNREGISTERED);
	return NULL;
}

static void read_live(struct reader *reader)
{
	struct stele_subscriber *subscriber;
	struct stele_live live;
	uint64_t version = 0, last = 0;
	uint32_t number = 0;

	check(stele_subscriber_open(region, NULL, &subscriber) == 0);
	check(stele_live_open(subscriber, "accounts", &schema, &live) == 0);
	while (version < COMMITS) {
		struct account account;
		size_t size = sizeof(account);
		uint32_t key = key_of(number++ % ROWS);
		check(stele_live_get_copy(&live, &key, 32, &account, &size, &version) == 1);
		check(version >= last);
		check(account.version <= version);
		check(account.amount <= TOTAL);
		last = version;
		reader->snapshots++;
	}
	stele_subscriber_close(subscriber);
}

static void *live_main(void *reader)
{
	read_live(reader);
	return NULL;
}

static void publish_beside_readers(unsigned flags)
{
	static void *(*const mains[])(void *) = {pinned_main, pinned_main, unpinned_main,
	                                         live_main};
	struct stele_publisher *publisher = open_publisher_with(flags);
	struct reader readers[4] = {0};
	pthread_t threads[4];

	for (int i = 0; i < 4; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, mains[i], &readers[i]), 0);
	for (uint32_t round = 0; round < COMMITS; round++)
		commit_once(publisher, round);
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		cr_expect_null(readers[i].failure, "reader %d: %s: %s", i, readers[i].failure,
		               stele_last_error());
		cr_expect_gt(readers[i].snapshots, 0);
	}
	stele_publisher_close(publisher);
}

Test(stress_threads, readers_of_every_kind_see_consistent_versions, .fini = remove_region)
{
	publish_beside_readers(0);
}

Test(stress_threads, readers_work_beside_a_notifying_thread, .fini = remove_region)
{
	publish_beside_readers(STELE_NOTIFIER_THREAD);
}

/* One of several threads that read one snapshot. */
static void *share_main(void *argument)
{
	const struct stele_table *table = argument;

	for (uint32_t i = 0; i < ROWS * 20; i++) {
		uint32_t key = key_of(i % ROWS);
		struct stele_row row;
		if (stele_table_get(table, &key, 32, &row) != 1)
			return argument;
	}
	return NULL;
}

Test(stress_threads, a_snapshot_is_read_by_several_threads, .fini = remove_region)
{
	struct stele_publisher *publisher = open_publisher();
	struct stele_subscriber *subscriber;
	struct stele_snapshot *snapshot;
	struct stele_table table;
	pthread_t threads[3];
	void *failed;

	cr_assert_eq(stele_subscriber_open(region, NULL, &subscriber), 0);
	cr_assert_eq(stele_snapshot_open(subscriber, 0, &snapshot), 0);
	cr_assert_eq(stele_table_open(snapshot, "accounts", &schema, &table), 0);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, share_main, &table), 0);
	for (uint32_t round = 0; round < 500; round++)
		commit_once(publisher, round);
	for (int i = 0; i < 3; i++) {
		pthread_join(threads[i], &failed);
		cr_expect_null(failed);
	}
	stele_snapshot_close(snapshot);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

/* Reads once while the region is small, and again now and then. */
static uint32_t has_read, stop_reading;

static void *read_main(void *subscriber)
{
	uint32_t key = key_of(0);

	do {
		struct account account;
		size_t size = sizeof(account);
		if (stele_subscriber_get_copy(subscriber, "accounts", NULL, &key, 32, &account,
		                              &size, NULL) != 1)
			return subscriber;
		/* Relaxed, so that only the library orders the two threads. */
		__atomic_store_n(&has_read, 1, __ATOMIC_RELAXED);
	} while (!__atomic_load_n(&stop_reading, __ATOMIC_RELAXED));
	return NULL;
}

static uint64_t file_size(void)
{
	struct stele_region_info info = {.size = sizeof(info)};

	cr_assert_eq(stele_region_describe(region, &info), 0);
	return info.file_size;
}

/* What was the file's last byte, which readers touch, becomes a byte of a row. */
Test(stress_threads, a_region_grows_under_a_reader, .fini = remove_region)
{
	struct stele_publisher *publisher = open_publisher();
	struct stele_subscriber *subscriber;
	struct stele_transaction *tx;
	struct account account = {.amount = UINT64_MAX, .version = UINT64_MAX};
	uint64_t size = file_size();
	pthread_t thread;
	void *failed;

	cr_assert_eq(stele_subscriber_open(region, NULL, &subscriber), 0);
	cr_assert_eq(pthread_create(&thread, NULL, read_main, subscriber), 0);
	while (!__atomic_load_n(&has_read, __ATOMIC_RELAXED))
		sched_yield();
	for (uint32_t i = ROWS; file_size() < 2 * size; i += 1000) {
		cr_assert_eq(stele_transaction_begin(publisher, &tx), 0);
		for (uint32_t j = i; j < i + 1000; j++) {
			uint32_t key = key_of(j);
			cr_assert_eq(stele_transaction_put(tx, "accounts", &key, 32, &account,
			                                   sizeof(account)),
			             1);
		}
		cr_assert_eq(stele_transaction_commit(tx, NULL, NULL), 1, "%s", stele_last_error());
	}
	__atomic_store_n(&stop_reading, 1, __ATOMIC_RELAXED);
	pthread_join(thread, &failed);
	cr_expect_null(failed, "%s", stele_last_error());
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}
