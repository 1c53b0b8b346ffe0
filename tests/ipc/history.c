/* SPDX-License-Identifier: MIT
 *
 * History as a subscriber sees it: which versions there are, and the record of each. */
#include "lib/units.h"
#include "tests/support/ipc/model.h"
#include "tests/support/position.h"

TestSuite(ipc_history, .init = ipc_begin, .fini = ipc_end, .timeout = 120);

/* Commits a version that puts `rows` rows starting with `from`, with a message that says so. */
static uint64_t commit_rows(struct stele_publisher *publisher, uint32_t from, uint32_t rows)
{
	struct stele_transaction *tx;
	uint64_t version = 0;
	char message[64];

	OK(stele_transaction_begin(publisher, &tx));
	for (uint32_t id = from; id < from + rows; id++)
		ipc_put(tx, id, stele_publisher_version(publisher) + 1);
	snprintf(message, sizeof(message), "%u rows", rows);
	RETURNS(stele_transaction_commit(tx, message, &version), 1, "");
	return version;
}

static void expect_commit(const struct stele_snapshot *snapshot, uint64_t added, uint64_t changed,
                          const char *message, uint64_t not_before)
{
	struct stele_commit commit = {0};
	struct stele_commit_table table = {0};

	OK(stele_snapshot_commit(snapshot, &commit));
	cr_expect_eq(commit.version, stele_snapshot_version(snapshot));
	cr_expect(commit.time >= not_before, "%llu is before %llu", (unsigned long long)commit.time,
	          (unsigned long long)not_before);
	cr_expect_eq(commit.pid, (uint32_t)getpid());
	cr_expect(commit.command[0] != '\0');
	cr_expect_eq(commit.added, added);
	cr_expect_eq(commit.changed, changed);
	cr_expect_eq(commit.removed, 0);
	cr_expect_str_eq(commit.message, message);
	RETURNS(stele_snapshot_commit_table(snapshot, 0, &table), 1, "");
	cr_expect_str_eq(table.name, "rows");
	cr_expect_eq(table.added, added);
	cr_expect_eq(table.changed, changed);
	cr_expect_eq(table.removed, 0);
	RETURNS(stele_snapshot_commit_table(snapshot, 1, &table), 0, "");
	RETURNS(stele_snapshot_commit_table(snapshot, UINT32_MAX, &table), 0, "");
}

static uint64_t clock_of_day(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

Test(ipc_history, each_version_has_its_record)
{
	uint64_t begin = clock_of_day(), oldest = 7, newest = 7;
	struct stele_publisher *publisher = ipc_publish_history(8);
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	struct stele_snapshot *snapshot;

	commit_rows(publisher, 100, 5); /* version 2 */
	commit_rows(publisher, 104, 3); /* version 3: one of its rows exists already */
	OK(stele_subscriber_history(subscriber, &oldest, &newest));
	cr_expect(oldest == 1 && newest == 3, "%llu to %llu", (unsigned long long)oldest,
	          (unsigned long long)newest);
	OK(stele_snapshot_open(subscriber, 2, &snapshot));
	expect_commit(snapshot, 5, 0, "5 rows", begin);
	stele_snapshot_close(snapshot);
	OK(stele_snapshot_open(subscriber, 3, &snapshot));
	expect_commit(snapshot, 2, 1, "3 rows", begin);
	stele_snapshot_close(snapshot);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

/* Checks that the newest commit lists one table only, with this fate and numbers of rows. */
static void expect_fate(struct stele_subscriber *subscriber, enum stele_table_fate fate,
                        uint64_t added, uint64_t removed)
{
	struct stele_commit_table table = {0};
	struct stele_snapshot *snapshot;

	OK(stele_snapshot_open(subscriber, 0, &snapshot));
	RETURNS(stele_snapshot_commit_table(snapshot, 0, &table), 1, "");
	CHECK(strcmp(table.name, "t") == 0 && table.fate == fate, "%s: %u, not %u", table.name,
	      table.fate, fate);
	CHECK(table.added == added && table.changed == 0 && table.removed == removed,
	      "+%llu ~%llu -%llu", (unsigned long long)table.added,
	      (unsigned long long)table.changed, (unsigned long long)table.removed);
	RETURNS(stele_snapshot_commit_table(snapshot, 1, &table), 0, "");
	stele_snapshot_close(snapshot);
}

/* Tables whose rows stay the same are listed too, if something else became of them. */
Test(ipc_history, the_record_says_what_became_of_tables)
{
	static const struct stele_column columns[] = {
		STELE_KEY("id", STELE_U32),
		{.name = "a", .type = STELE_U32},
		{.name = "b", .type = STELE_U32, .offset = 4},
	};
	const struct stele_schema narrow = {.columns = columns, .column_count = 2, .value_size = 4};
	const struct stele_schema wide = {.columns = columns, .column_count = 3, .value_size = 8};
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	struct stele_transaction *tx;

	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_transaction_create_table(tx, "t", &narrow));
	/* Opened, and the same as before: not listed. */
	RETURNS(stele_transaction_delete(tx, "rows", "none", 32), 0, "");
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	expect_fate(subscriber, STELE_TABLE_CREATED, 0, 0);
	OK(stele_transaction_begin(publisher, &tx));
	RETURNS(stele_transaction_put(tx, "t", "\0\0\0\1", 32, "1111", 4), 1, "");
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	expect_fate(subscriber, STELE_TABLE_KEPT, 1, 0);
	OK(stele_transaction_begin(publisher, &tx));
	RETURNS(stele_transaction_alter_table(tx, "t", &wide), 1, "");
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	expect_fate(subscriber, STELE_TABLE_ALTERED, 0, 0);
	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_transaction_rollback(tx, POSITION(tx, 3)));
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	expect_fate(subscriber, STELE_TABLE_ALTERED, 0, 0);
	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_transaction_drop_table(tx, "t"));
	OK(stele_transaction_create_table(tx, "t", &ipc_schema));
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	expect_fate(subscriber, STELE_TABLE_REPLACED, 0, 1);
	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_transaction_drop_table(tx, "t"));
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	expect_fate(subscriber, STELE_TABLE_DROPPED, 0, 0);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

Test(ipc_history, before_the_first_commit_there_is_no_record)
{
	struct stele_publisher *publisher = ipc_attach(region, NULL);
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	struct stele_commit commit = {.version = 7};
	struct stele_commit_table table;
	struct stele_snapshot *snapshot;
	uint64_t oldest = 7, newest = 7;

	OK(stele_subscriber_history(subscriber, &oldest, &newest));
	cr_expect(oldest == 0 && newest == 0);
	OK(stele_snapshot_open(subscriber, 0, &snapshot));
	RETURNS(stele_snapshot_commit(snapshot, &commit), -ENODATA, "no commit yet");
	RETURNS(stele_snapshot_commit_table(snapshot, 0, &table), -ENODATA, "no commit yet");
	cr_expect_eq(commit.version, 7, "an output was written on failure");
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

/* Every version that history lists can be opened, and no other. A pinned version that has left
 * history keeps its record, also in a second snapshot of that version. */
Test(ipc_history, moves_on_and_a_pinned_version_keeps_its_record)
{
	uint64_t begin = clock_of_day(), oldest = 0, newest = 0, pinned;
	struct stele_publisher *publisher = ipc_publish_history(4);
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	struct stele_subscriber *unpinned = ipc_subscribe(STELE_UNREGISTERED, NULL);
	struct stele_snapshot *snapshot, *again, *stale;
	struct stele_commit commit;
	struct stele_commit_table table;

	pinned = commit_rows(publisher, 100, 5);
	OK(stele_snapshot_open(subscriber, pinned, &snapshot));
	OK(stele_snapshot_open(unpinned, pinned, &stale));
	for (int i = 0; i < 300; i++)
		ipc_commit(publisher);
	OK(stele_subscriber_history(subscriber, &oldest, &newest));
	cr_expect_eq(newest, stele_publisher_version(publisher));
	cr_expect(oldest > pinned && oldest <= newest - 3, "%llu", (unsigned long long)oldest);
	for (uint64_t version = oldest; version <= newest; version++) {
		OK(stele_snapshot_open(unpinned, version, &again));
		stele_snapshot_close(again);
	}
	RETURNS(stele_snapshot_open(subscriber, oldest - 1, &again), -ESTALE, "any more");
	expect_commit(snapshot, 5, 0, "5 rows", begin);
	OK(stele_snapshot_open(subscriber, pinned, &again));
	expect_commit(again, 5, 0, "5 rows", begin);
	stele_snapshot_close(again);
	/* One pin keeps the version for all of its readers, also for `stale`, which has no pin.
	 * Without the pin the version is reclaimed. */
	OK(stele_snapshot_commit(stale, &commit));
	stele_snapshot_close(snapshot);
	for (int i = 0; i < 100; i++)
		ipc_commit(publisher);
	RETURNS(stele_snapshot_commit(stale, &commit), -ESTALE, "no longer held");
	RETURNS(stele_snapshot_commit_table(stale, 0, &table), -ESTALE, "no longer held");
	stele_subscriber_close(unpinned);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}
