/* SPDX-License-Identifier: MIT
 *
 * Snapshots that threads share: references, and what closes first. Run under ThreadSanitizer, this
 * test shows that the last thread may release a snapshot while another one uses the subscriber. */
#include "tests/support/ipc/ipc.h"

#include <pthread.h>

TestSuite(ipc_snapshot_share, .init = ipc_begin, .fini = ipc_end, .timeout = 120);

#define THREADS 4
#define ROUNDS  300
#define SLOTS   64

/* Returns how many pins of all slots hold a version. */
static unsigned pins_of(uint64_t version)
{
	static struct layout_slot slots[SLOTS];
	unsigned count = ipc_slots(slots, SLOTS), found = 0;

	for (unsigned i = 0; i < count; i++)
		for (unsigned pin = 0; pin < LAYOUT_PINS; pin++)
			found += slots[i].pins[pin] == version;
	return found;
}

static void read_version(const struct stele_snapshot *snapshot, uint64_t version)
{
	struct ipc_value value;
	struct stele_cursor *cursor;
	struct stele_table table;
	struct stele_row row;
	uint32_t key = 0;

	RETURNS(stele_snapshot_get(snapshot, "rows", NULL, &key, 32, &row), 1, "");
	memcpy(&value, row.value, sizeof(value));
	CHECK(ipc_whole(&value, 0) && value.number == version, "version %llu, not %llu",
	      (unsigned long long)value.number, (unsigned long long)version);
	OK(stele_table_open(snapshot, "rows", &ipc_schema, &table));
	OK(stele_cursor_open(&table, &cursor));
	RETURNS(stele_cursor_next(cursor, &row), 1, "");
	stele_cursor_close(cursor);
	OK(stele_snapshot_check(snapshot));
}

/* Reads a snapshot, to which it holds a reference, and releases it. */
static void *read_shared(void *argument)
{
	struct stele_snapshot *snapshot = argument;

	for (int i = 0; i < 20; i++)
		read_version(snapshot, stele_snapshot_version(snapshot));
	stele_snapshot_unref(snapshot);
	return NULL;
}

/* The subscriber's thread opens, closes and shares snapshots, while other threads release the ones
 * before. */
Test(ipc_snapshot_share, threads_release_in_any_order)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	pthread_t threads[THREADS];

	for (int round = 0; round < ROUNDS; round++) {
		struct stele_snapshot *snapshot, *other;

		ipc_commit(publisher);
		OK(stele_snapshot_open(subscriber, 0, &snapshot));
		for (int i = 0; i < THREADS; i++)
			CHECK(pthread_create(&threads[i], NULL, read_shared,
			                     stele_snapshot_ref(snapshot)) == 0,
			      "no thread");
		if (round % 3 == 0)
			read_version(snapshot, stele_snapshot_version(snapshot));
		stele_snapshot_close(snapshot);
		OK(stele_snapshot_open(subscriber, 0, &other));
		read_version(other, stele_snapshot_version(other));
		stele_snapshot_close(other);
		for (int i = 0; i < THREADS; i++)
			pthread_join(threads[i], NULL);
		CHECK(pins_of(stele_publisher_version(publisher)) == 0, "a pin is left, round %d",
		      round);
	}
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

/* The subscriber is closed while threads read: their snapshot stays pinned, and the last of them
 * frees the slot. */
Test(ipc_snapshot_share, outlives_its_subscriber)
{
	struct stele_publisher *publisher = ipc_publish_history(2);

	for (int round = 0; round < ROUNDS / 10; round++) {
		struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
		struct stele_snapshot *snapshot, *kept;
		pthread_t threads[THREADS];
		uint64_t version = ipc_commit(publisher);

		OK(stele_snapshot_open(subscriber, 0, &snapshot));
		kept = stele_snapshot_ref(snapshot);
		for (int i = 0; i < THREADS; i++)
			CHECK(pthread_create(&threads[i], NULL, read_shared,
			                     stele_snapshot_ref(snapshot)) == 0,
			      "no thread");
		stele_subscriber_close(subscriber);
		/* History drops the version, so that only its pin keeps it. */
		for (int i = 0; i < 8; i++)
			ipc_commit(publisher);
		for (int i = 0; i < THREADS; i++)
			pthread_join(threads[i], NULL);
		CHECK(ipc_registered() == 1 && pins_of(version) == 1, "the pin is lost");
		read_version(kept, version);
		stele_snapshot_unref(kept);
		CHECK(ipc_registered() == 0, "the slot is left");
	}
	stele_publisher_close(publisher);
}

/* References may be released before the close, and the last reference of two pins of one version
 * does not clear the other. */
Test(ipc_snapshot_share, shares_a_pin)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	struct stele_snapshot *a, *b;
	uint64_t version = ipc_commit(publisher);

	OK(stele_snapshot_open(subscriber, 0, &a));
	OK(stele_snapshot_open(subscriber, 0, &b));
	CHECK(stele_snapshot_ref(a) == a, "another snapshot");
	CHECK(stele_snapshot_unref(a) == NULL && stele_snapshot_unref(NULL) == NULL, "not NULL");
	stele_snapshot_ref(a);
	stele_snapshot_close(a);
	stele_snapshot_close(b);
	CHECK(pins_of(version) == 1, "%u pins", pins_of(version));
	read_version(a, version);
	stele_snapshot_unref(a);
	CHECK(pins_of(version) == 0, "%u pins", pins_of(version));
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

/* A child made by fork() can release what it inherited, and does not touch the parent's pin. */
Test(ipc_snapshot_share, is_released_in_a_child)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	struct stele_snapshot *snapshot;
	uint64_t version = ipc_commit(publisher);
	struct stele_row row;
	uint32_t key = 0;
	int status;
	pid_t child;

	OK(stele_snapshot_open(subscriber, 0, &snapshot));
	stele_snapshot_ref(snapshot);
	stele_snapshot_close(snapshot);
	child = fork();
	if (child == 0) {
		if (stele_snapshot_get(snapshot, "rows", NULL, &key, 32, &row) != -ECHILD)
			_exit(1);
		stele_subscriber_close(subscriber);
		stele_snapshot_unref(snapshot);
		_exit(0);
	}
	CHECK(waitpid(child, &status, 0) == child && status == 0, "status %x", status);
	CHECK(pins_of(version) == 1, "the parent's pin is lost");
	read_version(snapshot, version);
	stele_subscriber_close(subscriber);
	stele_snapshot_unref(snapshot);
	CHECK(ipc_registered() == 0, "the slot is left");
	stele_publisher_close(publisher);
}
