/* SPDX-License-Identifier: MIT
 *
 * Rollback: the tables become those of the older version, and the cost depends on the difference. A
 * rollback that fails leaves the transaction unchanged. The version that is being read is not
 * reclaimed meanwhile. */
#include "tests/support/ipc/model.h"
#include "tests/support/position.h"

TestSuite(unit_rollback, .init = ipc_begin, .fini = ipc_end, .timeout = 120);

/* A second table, with one of two schemas. */
struct note {
	uint64_t number;
};
static const struct stele_column note_columns[] = {
	STELE_KEY("id", STELE_U32),
	STELE_VALUE(struct note, number, STELE_U64),
};
static const struct stele_column name_columns[] = {
	{.name = "name", .type = STELE_TEXT, .key = true},
	STELE_VALUE(struct note, number, STELE_U64),
};
static const struct stele_schema by_id = STELE_SCHEMA(struct note, note_columns);
static const struct stele_schema by_name = STELE_SCHEMA(struct note, name_columns);

static void note(struct stele_transaction *tx, const char *key, uint64_t number)
{
	OK(stele_transaction_put(tx, "notes", key, 32, &number, sizeof(number)));
}

/* Returns the note's number, -1 if there is no such row, -2 if there is no such table. */
static int64_t noted(struct stele_transaction *tx, const char *key)
{
	struct stele_row row;
	uint64_t number;
	int r = stele_transaction_get(tx, "notes", NULL, key, 32, &row);

	if (r <= 0)
		return r == 0 ? -1 : -2;
	memcpy(&number, row.value, sizeof(number));
	return (int64_t)number;
}

static uint64_t commit(struct stele_transaction *tx, int expected)
{
	uint64_t version;

	RETURNS(stele_transaction_commit(tx, "test", &version), expected, "");
	return version;
}

static struct stele_transaction *begin(struct stele_publisher *publisher)
{
	struct stele_transaction *tx;

	OK(stele_transaction_begin(publisher, &tx));
	return tx;
}

static uint64_t back(struct stele_publisher *publisher, uint64_t version, int expected)
{
	struct stele_transaction *tx = begin(publisher);

	OK(stele_transaction_rollback(tx, POSITION(tx, version)));
	return commit(tx, expected);
}

/* Checks the row counts that the last commit recorded. */
static void expect_counts(uint64_t added, uint64_t changed, uint64_t removed)
{
	struct stele_region_info info = {.size = sizeof(info)};

	OK(stele_region_describe(region, &info));
	cr_expect(info.commit.added == added && info.commit.changed == changed &&
	                  info.commit.removed == removed,
	          "%llu added, %llu changed, %llu removed", (unsigned long long)info.commit.added,
	          (unsigned long long)info.commit.changed, (unsigned long long)info.commit.removed);
}

/* Replaces the publisher, and checks that the next one finds the same memory in use. Returns the
 * next publisher. */
static struct stele_publisher *expect_no_leak(struct stele_publisher *publisher)
{
	uint64_t used = ipc_stats(publisher).arena_used, again;

	stele_publisher_close(publisher);
	publisher = ipc_attach(region, NULL);
	again = ipc_stats(publisher).arena_used;
	cr_expect_eq(used, again, "%llu bytes in use, and the next publisher finds %llu",
	             (unsigned long long)used, (unsigned long long)again);
	return publisher;
}

/* Makes versions 1 to 6: "rows" alone; notes by id; two notes; a third note; notes dropped; notes
 * by name. */
static struct stele_publisher *six_versions(void)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	struct stele_transaction *tx = begin(publisher);

	OK(stele_transaction_create_table(tx, "notes", &by_id));
	commit(tx, 1);
	tx = begin(publisher);
	note(tx, "aaaa", 3);
	note(tx, "aaab", 3);
	commit(tx, 1);
	tx = begin(publisher);
	note(tx, "aaab", 4);
	note(tx, "abcd", 4);
	commit(tx, 1);
	tx = begin(publisher);
	OK(stele_transaction_drop_table(tx, "notes"));
	ipc_put(tx, 7, 5);
	commit(tx, 1);
	tx = begin(publisher);
	OK(stele_transaction_create_table(tx, "notes", &by_name));
	note(tx, "aaaa", 6);
	commit(tx, 1);
	return publisher;
}

Test(unit_rollback, tables_are_dropped_and_restored)
{
	struct stele_publisher *publisher = six_versions();
	const struct stele_schema *schema;
	struct stele_transaction *tx;
	struct stele_row row;

	cr_expect_eq(back(publisher, 4, 1), 7);
	expect_counts(3, 0, 2);
	tx = begin(publisher);
	OK(stele_transaction_schema(tx, "notes", &schema));
	cr_expect(stele_schema_equal(schema, &by_id));
	cr_expect_eq(noted(tx, "aaaa"), 3);
	cr_expect_eq(noted(tx, "aaab"), 4);
	cr_expect_eq(noted(tx, "abcd"), 4);
	RETURNS(stele_transaction_get(tx, "rows", NULL, "\0\0\0\7", 32, &row), 0, "");
	stele_transaction_abort(tx);
	cr_expect_eq(back(publisher, 3, 1), 8);
	expect_counts(0, 1, 1);
	/* A row that is changed back is at the new version; the row beside it keeps its version. */
	tx = begin(publisher);
	RETURNS(stele_transaction_get(tx, "notes", NULL, "aaab", 32, &row), 1, "");
	cr_expect_eq(row.version, 8);
	RETURNS(stele_transaction_get(tx, "notes", NULL, "aaaa", 32, &row), 1, "");
	cr_expect_eq(row.version, 7);
	stele_transaction_abort(tx);
	cr_expect_eq(back(publisher, 1, 1), 9);
	expect_counts(0, 0, 2);
	tx = begin(publisher);
	RETURNS(stele_transaction_schema(tx, "notes", &schema), -ENXIO, "");
	stele_transaction_abort(tx);
	/* The rollback of a rollback, and rollbacks that change nothing. */
	cr_expect_eq(back(publisher, 6, 1), 10);
	tx = begin(publisher);
	OK(stele_transaction_schema(tx, "notes", &schema));
	cr_expect(stele_schema_equal(schema, &by_name));
	cr_expect_eq(noted(tx, "aaaa"), 6);
	stele_transaction_abort(tx);
	cr_expect_eq(back(publisher, 6, 0), 10);
	cr_expect_eq(back(publisher, 10, 0), 10);
	publisher = expect_no_leak(publisher);
	for (int i = 0; i < 200; i++)
		ipc_commit(publisher);
	stele_publisher_close(expect_no_leak(publisher));
}

Test(unit_rollback, versions_that_are_not_kept_are_refused)
{
	struct stele_publisher *publisher = six_versions();
	struct stele_transaction *tx = begin(publisher);

	RETURNS(stele_transaction_rollback(tx, POSITION(tx, 7)), -ENODATA,
	        "no version 7 yet; the newest is 6");
	RETURNS(stele_transaction_rollback(tx, POSITION(tx, 0)), -ENODATA, "has no version 0");
	commit(tx, 0);
	while (ipc_commit(publisher) < 200)
		;
	tx = begin(publisher);
	RETURNS(stele_transaction_rollback(tx, POSITION(tx, 6)), -ESTALE,
	        "does not hold version 6 any more");
	commit(tx, 0);
	stele_publisher_close(publisher);
}

Test(unit_rollback, a_region_without_a_commit_has_no_version)
{
	struct stele_publisher_options options = {.size = sizeof(options),
	                                          .flags = STELE_CREATE_NEW};
	struct stele_publisher *publisher;
	struct stele_transaction *tx;

	OK(stele_publisher_open(region, &options, &publisher));
	tx = begin(publisher);
	RETURNS(stele_transaction_rollback(tx, POSITION(tx, 0)), -ENODATA,
	        "has no version 0; the first commit");
	RETURNS(stele_transaction_rollback(tx, POSITION(tx, 1)), -ENODATA, "has no version 1 yet");
	stele_transaction_abort(tx);
	stele_publisher_close(publisher);
}

/* A rollback drops the transaction's earlier changes; a rollback that fails keeps them. */
Test(unit_rollback, a_rollback_drops_earlier_changes)
{
	struct stele_publisher *publisher = six_versions();
	struct stele_transaction *tx = begin(publisher);
	struct stele_writable *table;
	uint64_t used = ipc_stats(publisher).arena_used;

	note(tx, "zzzz", 7);
	OK(stele_transaction_create_table(tx, "more", &by_id));
	OK(stele_transaction_drop_table(tx, "rows"));
	RETURNS(stele_transaction_rollback(tx, POSITION(tx, 99)), -ENODATA, "");
	cr_expect_eq(noted(tx, "zzzz"), 7);
	RETURNS(stele_writable_open(tx, "rows", NULL, &table), -ENXIO, "");
	OK(stele_transaction_rollback(tx, POSITION(tx, 6)));
	cr_expect_eq(noted(tx, "zzzz"), -1);
	cr_expect_eq(noted(tx, "aaaa"), 6);
	RETURNS(stele_writable_open(tx, "more", NULL, &table), -ENXIO, "");
	OK(stele_writable_open(tx, "rows", NULL, &table));
	cr_expect_eq(commit(tx, 0), 6);
	cr_expect_eq(ipc_stats(publisher).arena_used, used);
	/* Several rollbacks in one transaction, with changes between and after them. */
	tx = begin(publisher);
	OK(stele_transaction_drop_table(tx, "notes"));
	OK(stele_transaction_create_table(tx, "notes", &by_id));
	note(tx, "zzzz", 7);
	OK(stele_transaction_rollback(tx, POSITION(tx, 4)));
	note(tx, "zzzz", 8);
	OK(stele_transaction_rollback(tx, POSITION(tx, 1)));
	cr_expect_eq(noted(tx, "aaaa"), -2);
	OK(stele_transaction_rollback(tx, POSITION(tx, 3)));
	cr_expect_eq(noted(tx, "zzzz"), -1);
	note(tx, "aaaa", 9);
	note(tx, "yyyy", 9);
	OK(stele_writable_open(tx, "notes", NULL, &table));
	OK(stele_writable_replace(table));
	RETURNS(stele_transaction_rollback(tx, POSITION(tx, 3)), -EBUSY, "being replaced");
	RETURNS((int)stele_writable_replace_end(table), 3, "");
	note(tx, "aaaa", 9);
	note(tx, "yyyy", 9);
	cr_expect_eq(commit(tx, 1), 7);
	expect_counts(2, 0, 2);
	tx = begin(publisher);
	cr_expect_eq(noted(tx, "aaaa"), 9);
	cr_expect_eq(noted(tx, "aaab"), -1);
	OK(stele_transaction_rollback(tx, POSITION(tx, 4)));
	stele_transaction_abort(tx);
	/* Commits reclaim the retired memory: none was retired twice. */
	for (int i = 0; i < 200; i++)
		ipc_commit(publisher);
	stele_publisher_close(expect_no_leak(publisher));
}

/* ---- the version that is being read ---- */

static void put_all(struct stele_publisher *publisher, uint32_t count, uint64_t number)
{
	struct stele_transaction *tx = begin(publisher);

	for (uint32_t id = 1; id <= count; id++)
		ipc_put(tx, id, number);
	commit(tx, 1);
}

static struct stele_publisher *small(uint64_t maximum)
{
	struct stele_publisher_options options = {
		.size = sizeof(options),
		.flags = STELE_CREATE,
		.history = 8,
		.maximum_size = maximum,
		.limit_size = maximum,
	};

	return ipc_publish(region, &options);
}

static void expect_all(struct stele_publisher *publisher, uint32_t count, uint64_t number)
{
	struct stele_transaction *tx = begin(publisher);

	for (uint32_t id = 1; id <= count; id++) {
		uint8_t key[4] = {0, 0, (uint8_t)(id >> 8), (uint8_t)id};
		struct stele_row row;
		struct ipc_value value;
		RETURNS(stele_transaction_get(tx, "rows", NULL, key, 32, &row), 1, "");
		memcpy(&value, row.value, sizeof(value));
		CHECK(value.number == number && ipc_whole(&value, id), "row %u has %llu", id,
		      (unsigned long long)value.number);
	}
	stele_transaction_abort(tx);
}

/* Commits until history has moved past all earlier versions. */
static void move_on(struct stele_publisher *publisher)
{
	for (int i = 0; i < 40; i++)
		ipc_commit(publisher);
}

static uint64_t oldest(void)
{
	struct stele_region_info info = {.size = sizeof(info)};

	OK(stele_region_describe(region, &info));
	return info.oldest;
}

/* Puts more and more rows into a region that does not grow. At first everything fits, then the
 * transaction makes room by giving up history while it reads the version. */
Test(unit_rollback, making_room_spares_the_version_that_is_read)
{
	unsigned room_made = 0;

	for (uint32_t rows = 600; rows < 1400; rows += 20) {
		struct stele_publisher *publisher = small(900 << 10);
		struct stele_transaction *tx;
		uint64_t version;
		int r;
		for (unsigned i = 1; i <= 4; i++)
			put_all(publisher, rows, i);
		version = stele_publisher_version(publisher) - 2;
		tx = begin(publisher);
		if (oldest() <= version) {
			r = stele_transaction_rollback(tx, POSITION(tx, version));
			CHECK(r == 0 || r == -ENOSPC, "%d: %s", r, stele_last_error());
			commit(tx, r == 0);
			room_made += r == 0 && oldest() > version;
			expect_all(publisher, rows, r == 0 ? 2 : 4);
		} else {
			stele_transaction_abort(tx);
		}
		stele_publisher_close(expect_no_leak(publisher));
		OK(stele_region_remove(region));
	}
	cr_expect_geq(room_made, 2);
}

#define ROWS 1100u

/* If the difference does not fit, nothing changes, and the version is kept. */
Test(unit_rollback, a_rollback_that_does_not_fit_changes_nothing)
{
	struct stele_publisher *publisher = small(1 << 20);
	struct stele_transaction *tx;
	uint64_t version;

	put_all(publisher, 2500, 1);
	version = stele_publisher_version(publisher);
	put_all(publisher, 2500, 2);
	tx = begin(publisher);
	ipc_put(tx, 3, 33);
	RETURNS(stele_transaction_rollback(tx, POSITION(tx, version)), -ENOSPC,
	        "no space for a change");
	commit(tx, 1);
	expect_counts(0, 1, 0);
	tx = begin(publisher);
	RETURNS(stele_transaction_rollback(tx, POSITION(tx, version)), -ENOSPC,
	        "no space for a change");
	commit(tx, 0);
	publisher = expect_no_leak(publisher);
	tx = begin(publisher);
	ipc_put(tx, 3, 2);
	commit(tx, 1);
	expect_all(publisher, 2500, 2);
	stele_publisher_close(publisher);
}

/* A version below history that a pin keeps can be rolled back to; memory is freed by revoking
 * other pins, but not this one. */
Test(unit_rollback, a_pinned_version_can_be_rolled_back_to)
{
	struct stele_publisher *publisher = small(700 << 10);
	struct stele_subscriber *subscriber = ipc_subscribe(0, "futex");
	struct stele_snapshot *first, *snapshot, *newer;
	uint64_t version;

	OK(stele_snapshot_open(subscriber, 0, &first));
	put_all(publisher, ROWS, 11);
	version = stele_publisher_version(publisher);
	OK(stele_snapshot_open(subscriber, 0, &snapshot));
	move_on(publisher);
	put_all(publisher, ROWS, 12);
	OK(stele_snapshot_open(subscriber, 0, &newer));
	move_on(publisher);
	put_all(publisher, ROWS, 13);
	move_on(publisher);
	back(publisher, version, 1);
	expect_all(publisher, ROWS, 11);
	cr_expect_geq(ipc_stats(publisher).pins_revoked, 2);
	OK(stele_snapshot_check(snapshot));
	RETURNS(stele_snapshot_check(newer), -ESTALE, "");
	stele_subscriber_close(subscriber);
	move_on(publisher);
	stele_publisher_close(expect_no_leak(publisher));
}
