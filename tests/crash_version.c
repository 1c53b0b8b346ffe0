/* SPDX-License-Identifier: MIT
 *
 * Version numbers where 32 bits end, and where 62 do: the region is put there by hand. The word that a futex waits on is
 * the low half of the version, which starts again at 0. */
#include "crash.h"

static const uint64_t places[] = { UINT64_C(1) << 32, UINT64_C(1) << 62, (UINT64_C(1) << 62) + (UINT64_C(1) << 32) };

/* An empty region whose newest version is `version`. */
static void start_at(const char *region, uint64_t version)
{
	struct layout_header *header;
	struct layout_commit *ring;

	stele_publisher_close(crash_publisher(region, 4, 1 << 22));
	header = crash_map(region, "", NULL);
	ring = (struct layout_commit *)((unsigned char *)header + header->ring_offset);
	ring[version % header->ring_entries] = (struct layout_commit){ .version = version };
	header->oldest = header->reclaimed = header->head = version;
	munmap(header, LAYOUT_PAGE);
}

static void commit_once(struct stele_publisher *publisher, bool create)
{
	uint64_t version = stele_publisher_version(publisher) + 1, made = 0;
	struct stele_transaction *tx;

	cr_assert_eq(stele_transaction_begin(publisher, &tx), 0, "%s", stele_last_error());
	if (create)
		cr_assert_eq(stele_table_create(tx, "clock", &account_schema), 0, "%s", stele_last_error());
	cr_assert_eq(bank_put(tx, "clock", 1, 0, version), 0, "%s", stele_last_error());
	cr_assert_eq(bank_put(tx, "clock", (uint32_t)(version % 7) + 10, 5, version), 0, "%s", stele_last_error());
	cr_assert_eq(stele_transaction_commit(tx, "tick", &made), 1, "%s", stele_last_error());
	cr_assert_eq(made, version);
}

static void assert_clock(const struct stele_snapshot *snapshot)
{
	uint64_t version = stele_snapshot_version(snapshot);
	uint32_t key = htonl(1);
	struct account account;
	struct stele_row row;

	cr_assert_eq(stele_snapshot_get(snapshot, "clock", &key, 32, &row), 1, "%s", stele_last_error());
	memcpy(&account, row.value, sizeof(account));
	cr_assert_eq(account.generation, version);
	cr_assert_eq(row.version, version);
}

static void assert_changes(const struct stele_snapshot *before, const struct stele_snapshot *after)
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
	cr_assert_eq(count, 8, "%u changes", count);
}

static pid_t start_waiter(const char *region, uint64_t since)
{
	pid_t child = crash_fork();

	if (child == 0) {
		struct stele_subscriber_options options = { .size = sizeof(options), .notifier = "futex" };
		struct stele_subscriber *subscriber;
		int r = stele_subscriber_open(region, &options, &subscriber);
		for (uint64_t version = since; r >= 0 && version < since + 30;) {
			uint64_t next = 0;
			r = stele_subscriber_wait(subscriber, version, crash_now() + INT64_C(60000000000), &next);
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
		cr_assert_eq(stele_live_get(&live, &key, 32, &account, &size, &version), 1, "%s", stele_last_error());
		cr_assert_eq(version, place + i);
		cr_assert_eq(account.generation, version);
	}
	cr_assert_eq(stele_snapshot_open(subscriber, 0, &newest), 0);
	assert_clock(newest);
	assert_clock(pinned);
	assert_changes(pinned, newest);
	cr_assert_eq(waitpid(waiter, &status, 0), waiter);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the waiter at %llu", (unsigned long long)place);
	/* All that is there is found by the recovery, the pin included. */
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

Test(version, crash_17_across_the_boundary, .fini = crash_clean, .timeout = 60)
{
	for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		cross(crash_name("far"), places[i]);
}
