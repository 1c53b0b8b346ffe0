/* SPDX-License-Identifier: MIT
 *
 * Version numbers at 2^30, where the word that a futex waits on, the low half of head, wraps to 0;
 * at 2^32; and up to 2^62 - 1, the last version. The test writes these numbers into the region. */
#include "lib/units.h"
#include "tests/support/crash/bank.h"
#include "tests/support/position.h"
#include "tests/support/crash/crash.h"

/* cross() makes the 60 versions after each of these, and then one more. */
static const uint64_t places[] = {UINT64_C(1) << 30, UINT64_C(1) << 32, UINT64_C(1) << 61,
                                  HEAD_VERSION_MAX - 60};

/* Creates an empty region whose newest version is `version`. */
static void start_at(const char *region, uint64_t version)
{
	struct layout_header *header;
	struct layout_commit *ring;

	stele_publisher_close(crash_publisher(region, 4, 1 << 22));
	header = crash_map(region, "", NULL);
	ring = (struct layout_commit *)((unsigned char *)header + header->ring_offset);
	ring[version % header->ring_entries] = (struct layout_commit){.version = version};
	header->oldest = header->reclaimed = version;
	header->head = head_make(version, HEAD_CURRENT);
	munmap(header, LAYOUT_PAGE);
}

static void commit_once(struct stele_publisher *publisher, bool create)
{
	uint64_t version = stele_publisher_version(publisher) + 1, made = 0;
	struct stele_transaction *tx;

	cr_assert_eq(stele_transaction_begin(publisher, &tx), 0, "%s", stele_last_error());
	if (create)
		cr_assert_eq(stele_transaction_create_table(tx, "clock", &account_schema), 0, "%s",
		             stele_last_error());
	cr_assert_eq(bank_put(tx, "clock", 1, 0, version), 0, "%s", stele_last_error());
	cr_assert_eq(bank_put(tx, "clock", (uint32_t)(version % 7) + 10, 5, version), 0, "%s",
	             stele_last_error());
	cr_assert_eq(stele_transaction_commit(tx, "tick", &made), 1, "%s", stele_last_error());
	cr_assert_eq(made, version);
}

static void assert_clock(const struct stele_snapshot *snapshot)
{
	uint64_t version = stele_snapshot_version(snapshot);
	uint32_t key = htonl(1);
	struct account account;
	struct stele_row row;

	cr_assert_eq(stele_snapshot_get(snapshot, "clock", NULL, &key, 32, &row), 1, "%s",
	             stele_last_error());
	memcpy(&account, row.value, sizeof(account));
	cr_assert_eq(account.generation, version);
	cr_assert_eq(row.version, version);
}

static void assert_changes(const struct stele_snapshot *before, const struct stele_snapshot *after,
                           unsigned rows)
{
	struct stele_table a, b;
	struct stele_changes *changes;
	struct stele_change change;
	unsigned count = 0;

	cr_assert_eq(stele_table_open(before, "clock", NULL, &a), 0);
	cr_assert_eq(stele_table_open(after, "clock", NULL, &b), 0);
	cr_assert_eq(stele_changes_open(&a, &b, &changes), 0);
	while (stele_changes_next(changes, &change) == 1)
		count++;
	stele_changes_close(changes);
	cr_assert_eq(count, rows, "%u changes", count);
}

static pid_t start_waiter(const char *region, uint64_t since)
{
	pid_t child = crash_fork();

	if (child == 0) {
		struct stele_subscriber_options options = {.size = sizeof(options),
		                                           .notifier = "futex"};
		struct stele_subscriber *subscriber;
		int r = stele_subscriber_open(region, &options, &subscriber);
		for (uint64_t version = since; r >= 0 && version < since + 30;) {
			uint64_t next = 0;
			r = stele_subscriber_wait(subscriber, version,
			                          clock_now() + 60 * NSEC_PER_SEC, &next);
			if (r != 1 || next <= version)
				_exit(1);
			version = next;
		}
		stele_subscriber_close(subscriber);
		_exit(r < 0);
	}
	return child;
}

static void cross(const char *region, uint64_t place)
{
	struct stele_subscriber *subscriber;
	struct stele_publisher *publisher;
	struct stele_snapshot *pinned, *newest;
	uint64_t version, used;
	struct stele_live live;
	int status;
	pid_t waiter;

	start_at(region, place - 10);
	publisher = crash_publisher(region, 0, 0);
	cr_assert_eq(stele_publisher_version(publisher), place - 10);
	for (unsigned i = 0; i < 9; i++)
		commit_once(publisher, i == 0);
	subscriber = crash_subscriber(region, true);
	cr_assert_eq(stele_snapshot_open(subscriber, 0, &pinned), 0, "%s", stele_last_error());
	cr_assert_eq(stele_snapshot_version(pinned), place - 1);
	cr_assert_eq(stele_live_open(subscriber, "clock", NULL, &live), 0);
	waiter = start_waiter(region, place - 1);
	for (unsigned i = 0; i < 60; i++) {
		uint32_t key = htonl(1);
		struct account account;
		size_t size = sizeof(account);
		commit_once(publisher, false);
		cr_assert_eq(stele_live_get_copy(&live, &key, 32, &account, &size, &version), 1,
		             "%s", stele_last_error());
		cr_assert_eq(version, place + i);
		cr_assert_eq(account.generation, version);
	}
	cr_assert_eq(stele_snapshot_open(subscriber, 0, &newest), 0);
	assert_clock(newest);
	assert_clock(pinned);
	assert_changes(pinned, newest, 8);
	cr_assert_eq(waitpid(waiter, &status, 0), waiter);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the waiter at %llu",
	          (unsigned long long)place);
	/* Recovery finds everything that exists, the pin included. */
	used = crash_used(publisher, NULL);
	stele_publisher_close(publisher);
	publisher = crash_publisher(region, 0, 0);
	cr_assert_eq(crash_used(publisher, NULL), used);
	cr_assert_eq(stele_publisher_version(publisher), place + 59);
	commit_once(publisher, false);
	assert_clock(pinned);
	stele_publisher_close(publisher);
	stele_subscriber_close(subscriber);
	cr_assert_eq(stele_region_remove(region), 0);
}

Test(crash_version, crash_17_versions_cross_the_word_boundaries, .fini = crash_clean, .timeout = 60)
{
	for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		cross(crash_name("far"), places[i]);
}

/* A transaction that would make a version past the last one is dropped entirely. */
static void refuse_commit(struct stele_publisher *publisher, bool roll_back)
{
	struct stele_transaction *tx;
	uint64_t used = crash_used(publisher, NULL), made = 0;
	int r;

	cr_assert_eq(stele_transaction_begin(publisher, &tx), 0, "%s", stele_last_error());
	if (roll_back)
		cr_assert_geq(stele_transaction_rollback(tx, POSITION(tx, HEAD_VERSION_MAX - 1)), 0,
		              "%s", stele_last_error());
	else
		cr_assert_eq(bank_put(tx, "clock", 1, 0, 1), 0, "%s", stele_last_error());
	r = stele_transaction_commit(tx, "too much", &made);
	cr_assert_eq(r, -EOVERFLOW, "%d: %s", r, stele_last_error());
	cr_assert(strstr(stele_last_error(), "4611686018427387903"), "%s", stele_last_error());
	cr_assert_eq(made, 0);
	cr_assert_eq(stele_publisher_version(publisher), HEAD_VERSION_MAX);
	cr_assert_eq(crash_used(publisher, NULL), used);
	/* A transaction that changes nothing needs no version. */
	cr_assert_eq(stele_transaction_begin(publisher, &tx), 0, "%s", stele_last_error());
	cr_assert_eq(stele_transaction_commit(tx, NULL, &made), 0, "%s", stele_last_error());
	cr_assert_eq(made, HEAD_VERSION_MAX);
}

/* Checks that the region at its last version can be read, published again and compacted, but not
 * changed. */
static void assert_end(const char *region)
{
	struct stele_subscriber *subscriber;
	struct stele_publisher *publisher = crash_publisher(region, 0, 0);
	struct stele_snapshot *before, *newest;
	uint64_t version = 0;

	refuse_commit(publisher, false);
	refuse_commit(publisher, true);
	subscriber = crash_subscriber(region, true);
	cr_assert_eq(stele_snapshot_open(subscriber, 0, &newest), 0, "%s", stele_last_error());
	cr_assert_eq(stele_snapshot_version(newest), HEAD_VERSION_MAX);
	cr_assert_eq(stele_snapshot_open(subscriber, HEAD_VERSION_MAX - 1, &before), 0, "%s",
	             stele_last_error());
	cr_assert_eq(stele_publisher_compact(publisher), 0, "%s", stele_last_error());
	refuse_commit(publisher, false);
	cr_assert_eq(stele_subscriber_wait(subscriber, HEAD_VERSION_MAX - 1, 0, &version), 1, "%s",
	             stele_last_error());
	cr_assert_eq(version, HEAD_VERSION_MAX);
	cr_assert_eq(stele_subscriber_wait(subscriber, HEAD_VERSION_MAX, 0, &version), 0);
	cr_assert_eq(stele_snapshot_open(subscriber, HEAD_VERSION_MAX + 1,
	                                 &(struct stele_snapshot *){0}),
	             -ENODATA);
	assert_clock(newest);
	assert_clock(before);
	assert_changes(before, newest, 2);
	stele_publisher_close(publisher);
	stele_subscriber_close(subscriber);
}

Test(crash_version, crash_17_nothing_is_committed_after_the_last_version, .fini = crash_clean,
     .timeout = 60)
{
	const char *region = crash_name("end");
	char file[64];
	struct stele_publisher *publisher;

	snprintf(file, sizeof(file), "/tmp/stele-%s", region);
	start_at(region, HEAD_VERSION_MAX - 9);
	publisher = crash_publisher(region, 0, 0);
	for (unsigned i = 0; i < 9; i++)
		commit_once(publisher, i == 0);
	stele_publisher_close(publisher);
	assert_end(region);
	cr_assert_eq(stele_region_save(region, file, 0, NULL, NULL), 0, "%s", stele_last_error());
	cr_assert_eq(stele_region_remove(region), 0, "%s", stele_last_error());
	cr_assert_eq(stele_region_load(file, region), 0, "%s", stele_last_error());
	unlink(file);
	assert_end(region);
	cr_assert_eq(stele_region_remove(region), 0, "%s", stele_last_error());
}
