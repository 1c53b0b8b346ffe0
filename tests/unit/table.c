/* SPDX-License-Identifier: MIT
 *
 * Tables of a transaction: which keys they accept, replacing all rows, and which tables the
 * publisher caches. */
#include <endian.h>
#include <malloc.h>

#include "publisher/state/state.h"
#include "tests/support/ipc/ipc.h"
#include "tests/support/position.h"
#include "tests/support/sanitized.h"

TestSuite(unit_table, .init = ipc_begin, .fini = ipc_end, .timeout = 120);

/* Returns how many rows the table has in the newest version. */
static uint64_t rows_of(const char *table)
{
	struct stele_subscriber *subscriber = ipc_subscribe(STELE_UNREGISTERED, NULL);
	struct stele_snapshot *snapshot;
	struct stele_table opened;
	uint64_t rows;

	OK(stele_snapshot_open(subscriber, 0, &snapshot));
	OK(stele_table_open(snapshot, table, NULL, &opened));
	rows = stele_table_rows(&opened);
	stele_snapshot_close(snapshot);
	stele_subscriber_close(subscriber);
	return rows;
}

/* ---- keys ---- */

static const struct stele_column picky_columns[] = {
	STELE_KEY("up", STELE_BOOL),
	STELE_KEY("load", STELE_F64),
	STELE_KEY_CHAR("name", 4),
};
static const struct stele_schema picky_schema = {
	.columns = picky_columns, .column_count = 3, .value_size = 0};

static int put_picky(struct stele_transaction *tx, const uint8_t key[13])
{
	return stele_transaction_put(tx, "picky", key, 13 * 8, NULL, 0);
}

Test(unit_table, takes_one_key_for_one_value)
{
	static const uint8_t good[13] = {1, 0x80, 0, 0, 0, 0, 0, 0, 0, 'a', 'b', 0, 0};
	static const uint8_t bad_bool[13] = {2, 0x80, 0, 0, 0, 0, 0, 0, 0, 'a', 'b', 0, 0};
	static const uint8_t nan[13] = {1, 0xff, 0xf8, 0, 0, 0, 0, 0, 0, 'a', 'b', 0, 0};
	static const uint8_t minus[13] = {1,    0x7f, 0xff, 0xff, 0xff, 0xff, 0xff,
	                                  0xff, 0xff, 'a',  'b',  0,    0};
	static const uint8_t tail[13] = {1, 0x80, 0, 0, 0, 0, 0, 0, 0, 'a', 'b', 0, 'x'};
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	struct stele_transaction *tx;
	struct stele_row row;

	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_transaction_create_table(tx, "picky", &picky_schema));
	RETURNS(put_picky(tx, good), 1, "");
	RETURNS(put_picky(tx, bad_bool), -EINVAL,
	        "\"up\": invalid bool 2 in the key (expected 0 or 1)");
	RETURNS(put_picky(tx, nan), -EINVAL, "\"load\": the key has NaN");
	RETURNS(put_picky(tx, minus), -EINVAL, "\"load\": the key has -0.0");
	RETURNS(put_picky(tx, tail), -EINVAL, "\"name\": the key has bytes after the NUL");
	RETURNS(stele_transaction_put_if(tx, "picky", tail, 13 * 8, NULL, 0, 0), -EINVAL,
	        "after the NUL");
	RETURNS(put_picky(tx, good), 0, "");
	/* A key that can't be put belongs to no row. */
	RETURNS(stele_transaction_get(tx, "picky", NULL, tail, 13 * 8, &row), 0, "");
	RETURNS(stele_transaction_delete(tx, "picky", tail, 13 * 8), 0, "");
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	stele_publisher_close(publisher);
}

/* An empty key or value may be given as NULL. */
Test(unit_table, empty_keys_and_values_are_accepted)
{
	static const struct stele_column columns[] = {STELE_KEY("name", STELE_TEXT)};
	static const struct stele_schema schema = {
		.columns = columns, .column_count = 1, .value_size = 0};
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	struct stele_transaction *tx;
	struct stele_row row;

	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_transaction_create_table(tx, "names", &schema));
	for (int round = 0; round < 2; round++) {
		RETURNS(stele_transaction_put(tx, "names", NULL, 0, NULL, 0), 1, "");
		RETURNS(stele_transaction_put(tx, "names", NULL, 0, NULL, 0), 0, "");
		RETURNS(stele_transaction_put(tx, "names", "ab", 16, NULL, 0), 1, "");
		RETURNS(stele_transaction_put(tx, "names", "ab", 16, NULL, 0), 0, "");
		RETURNS(stele_transaction_get(tx, "names", NULL, NULL, 0, &row), 1, "");
		RETURNS(stele_transaction_delete(tx, "names", NULL, 0), 1, "");
		RETURNS(stele_transaction_delete(tx, "names", NULL, 0), 0, "");
		RETURNS(stele_transaction_delete(tx, "names", "ab", 16), 1, "");
	}
	RETURNS(stele_transaction_put(tx, "names", "ab", 16, NULL, 0), 1, "");
	RETURNS(stele_transaction_put(tx, "names", NULL, 0, NULL, 0), 1, "");
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	cr_expect_eq(rows_of("names"), 2);
	stele_publisher_close(publisher);
}

/* A row's version is that of its last write, even if the write left the row's value unchanged in
 * the end. */
Test(unit_table, the_version_of_a_row_is_that_of_its_last_write)
{
	static const uint8_t keys[3][4] = {{0}, {0, 0, 0, 1}, {0, 0, 0, 2}};
	static const uint64_t versions[3] = {3, 3, 2};
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	struct stele_transaction *tx;
	struct stele_row row;

	OK(stele_transaction_begin(publisher, &tx));
	for (uint32_t id = 1; id < 3; id++)
		ipc_put(tx, id, 1);
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	/* Row 0 is changed and changed back; row 1 is deleted and put again; row 2 is put with its
	 * old value. */
	OK(stele_transaction_begin(publisher, &tx));
	ipc_put(tx, 0, 2);
	ipc_put(tx, 0, 1);
	RETURNS(stele_transaction_delete(tx, "rows", keys[1], 32), 1, "");
	ipc_put(tx, 1, 1);
	ipc_put(tx, 2, 1);
	ipc_put(tx, 3, 1);
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	OK(stele_transaction_begin(publisher, &tx));
	for (int i = 0; i < 3; i++) {
		RETURNS(stele_transaction_get(tx, "rows", NULL, keys[i], 32, &row), 1, "");
		cr_expect_eq(row.version, versions[i]);
	}
	/* If nothing differs in the end, no version is made. */
	ipc_put(tx, 0, 2);
	ipc_put(tx, 0, 1);
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 0, "");
	stele_publisher_close(publisher);
}

/* ---- replacing ---- */

/* Creates a region that can't grow, and fills it with rows. */
static struct stele_publisher *publish_full(uint32_t *ret_rows)
{
	const struct stele_publisher_options options = {
		.size = sizeof(options),
		.flags = STELE_CREATE,
		.history = 2,
		.maximum_size = 512 << 10,
		.limit_size = 512 << 10,
	};
	struct stele_publisher *publisher = ipc_publish(region, &options);
	struct stele_transaction *tx;
	struct ipc_value value;
	uint32_t id = 0;
	int r = 1;

	/* Put rows in ever smaller steps, until not a single row fits. */
	for (uint32_t step = 1024; step > 0; step /= 2) {
		do {
			OK(stele_transaction_begin(publisher, &tx));
			for (uint32_t i = 1; r == 1 && i <= step; i++) {
				uint32_t key = htobe32(id + i);
				ipc_fill(&value, id + i, 1);
				r = stele_transaction_put(tx, "rows", &key, 32, &value,
				                          sizeof(value));
			}
			if (r == 1)
				r = stele_transaction_commit(tx, NULL, NULL);
			else
				stele_transaction_abort(tx);
			if (r == 1)
				id += step;
		} while (r == 1);
		CHECK(r == -ENOSPC, "%d: %s", r, stele_last_error());
		r = 1;
	}
	*ret_rows = id + 1;
	return publisher;
}

Test(unit_table, a_full_table_is_emptied)
{
	uint32_t rows = 0;
	struct stele_publisher *publisher = publish_full(&rows);
	struct stele_transaction *tx;
	struct stele_writable *table;

	CHECK(rows > 1000, "%u rows", rows);
	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_writable_open(tx, "rows", NULL, &table));
	OK(stele_writable_replace(table));
	RETURNS(stele_writable_replace_end(table), (int)rows, "");
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	cr_expect_eq(rows_of("rows"), 0);
	/* The region can be filled again once history, which holds two versions, no longer has the
	 * rows. */
	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_transaction_drop_table(tx, "rows"));
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_transaction_create_table(tx, "rows", &ipc_schema));
	for (uint32_t id = 0; id < rows / 2; id++)
		ipc_put(tx, id, 2);
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	cr_expect_eq(rows_of("rows"), rows / 2);
	stele_publisher_close(publisher);
}

Test(unit_table, an_emptied_table_is_counted)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	struct stele_subscriber *subscriber = ipc_subscribe(STELE_UNREGISTERED, NULL);
	struct stele_snapshot *snapshot;
	struct stele_commit commit;
	struct stele_transaction *tx;
	struct stele_writable *table;

	OK(stele_transaction_begin(publisher, &tx));
	for (uint32_t id = 1; id < 100; id++)
		ipc_put(tx, id, 1);
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	/* Rows that came and went within the transaction are not reported; a row that comes back
	 * is. */
	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_writable_open(tx, "rows", NULL, &table));
	for (uint32_t id = 50; id < 200; id++)
		ipc_put(tx, id, 2);
	OK(stele_writable_replace(table));
	RETURNS(stele_writable_replace_end(table), 200, "");
	ipc_put(tx, 3, 1);
	ipc_put(tx, 4, 2);
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	OK(stele_snapshot_open(subscriber, 0, &snapshot));
	OK(stele_snapshot_commit(snapshot, &commit));
	cr_expect_eq(commit.added, 0);
	cr_expect_eq(commit.changed, 1);
	cr_expect_eq(commit.removed, 98);
	stele_snapshot_close(snapshot);
	stele_subscriber_close(subscriber);
	/* Replacing no rows with no rows is no change. */
	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_transaction_create_table(tx, "empty", &ipc_schema));
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_writable_open(tx, "empty", NULL, &table));
	OK(stele_writable_replace(table));
	RETURNS(stele_writable_replace_end(table), 0, "");
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 0, "");
	stele_publisher_close(publisher);
}

Test(unit_table, a_replacement_that_failed_is_not_committed)
{
	static const uint8_t first[4];
	uint32_t rows = 0;
	struct stele_publisher *publisher = publish_full(&rows);
	struct stele_transaction *tx;
	struct stele_writable *table;
	struct ipc_value value;

	ipc_fill(&value, 0, 1);
	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_writable_open(tx, "rows", NULL, &table));
	OK(stele_writable_replace(table));
	RETURNS(stele_writable_put(table, first, 32, &value, sizeof(value)), 0, "");
	RETURNS(stele_writable_replace_end(table), -ENOSPC,
	        "no space for a change to table \"rows\"");
	RETURNS(stele_transaction_commit(tx, NULL, NULL), -EBUSY, "was not ended");
	cr_expect_eq(rows_of("rows"), rows);
	stele_publisher_close(publisher);
}

/* A table of few rows may be replaced often, beside large ones, so what a replacement takes depends
 * on its rows and not on the region. */
Test(unit_table, a_replacement_of_few_rows_takes_little_memory)
{
	static const uint8_t first[4];
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	struct stele_transaction *tx;
	struct stele_writable *table;
	struct ipc_value value;
	size_t before, taken;

	if (SANITIZED)
		cr_skip_test("a sanitizer's allocator does not say what is allocated");
	ipc_fill(&value, 0, 1);
	OK(stele_transaction_begin(publisher, &tx));
	for (uint32_t id = 0; id < 40000; id++)
		ipc_put(tx, id, 1);
	OK(stele_transaction_create_table(tx, "few", &ipc_schema));
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	CHECK(publisher->arena.pages > 1000, "%u pages", publisher->arena.pages);
	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_writable_open(tx, "few", NULL, &table));
	before = mallinfo2().uordblks + mallinfo2().hblkhd;
	OK(stele_writable_replace(table));
	RETURNS(stele_writable_put(table, first, 32, &value, sizeof(value)), 1, "");
	taken = mallinfo2().uordblks + mallinfo2().hblkhd - before;
	CHECK(taken < 32768, "%zu bytes", taken);
	RETURNS(stele_writable_replace_end(table), 0, "");
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	stele_publisher_close(publisher);
}

/* ---- the publisher's cache of tables ---- */

#define MANY 20000u

static const struct stele_column count_columns[] = {
	STELE_KEY("id", STELE_U32),
	{.name = "count", .type = STELE_U32},
};
static const struct stele_schema count_schema = {
	.columns = count_columns, .column_count = 2, .value_size = 4};

static int put_count(struct stele_transaction *tx, const char *table, uint32_t count)
{
	static const uint8_t key[4];

	return stele_transaction_put(tx, table, key, 32, &count, sizeof(count));
}

/* Returns how many tables the transaction has opened. */
static size_t opened(const struct stele_publisher *publisher)
{
	const struct stele_writable *table = publisher->tables.opened;
	size_t count = 0;

	for (; table; table = table->next_opened)
		count++;
	return count;
}

Test(unit_table, missing_tables_are_removed_from_the_cache)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	struct stele_transaction *tx;
	char name[32];

	for (int round = 0; round < 2; round++) {
		OK(stele_transaction_begin(publisher, &tx));
		for (uint32_t i = 0; i < 5000; i++) {
			snprintf(name, sizeof(name), "nosuch-%u", i);
			RETURNS(put_count(tx, name, 1), -ENXIO, name);
		}
		ipc_put(tx, 1, 1);
		if (round == 0)
			stele_transaction_abort(tx);
		else
			RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
		cr_expect_eq(publisher->tables.count, 1);
		cr_expect_eq(opened(publisher), 0);
	}
	/* A table that was created and not committed, and a table that was dropped. */
	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_transaction_create_table(tx, "counts", &count_schema));
	RETURNS(put_count(tx, "counts", 1), 1, "");
	stele_transaction_abort(tx);
	cr_expect_eq(publisher->tables.count, 1);
	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_transaction_create_table(tx, "counts", &count_schema));
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	cr_expect_eq(publisher->tables.count, 2);
	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_transaction_drop_table(tx, "counts"));
	RETURNS(put_count(tx, "counts", 1), -ENXIO, "counts");
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	cr_expect_eq(publisher->tables.count, 1);
	stele_publisher_close(publisher);
}

static void put_all(struct stele_transaction *tx, uint32_t count)
{
	char name[32];

	for (uint32_t i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "t%u", i);
		RETURNS(put_count(tx, name, count), 1, "");
	}
}

Test(unit_table, twenty_thousand_tables_cost_a_commit_nothing)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	struct stele_transaction *tx;
	struct stele_row row;
	char name[32];

	OK(stele_transaction_begin(publisher, &tx));
	for (uint32_t i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "t%u", i);
		OK(stele_transaction_create_table(tx, name, &count_schema));
	}
	put_all(tx, 1);
	cr_expect_eq(opened(publisher), MANY);
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	/* A commit of one row visits one table, whatever earlier transactions did. */
	for (uint32_t i = 0; i < MANY; i += 7) {
		snprintf(name, sizeof(name), "t%u", i);
		OK(stele_transaction_begin(publisher, &tx));
		RETURNS(put_count(tx, name, 2), 1, "");
		cr_expect_eq(opened(publisher), 1);
		RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
		cr_expect(publisher->tables.count <= 1025, "%zu", publisher->tables.count);
	}
	cr_expect_eq(rows_of("t777"), 1);
	/* Changes all tables again, and rolls them back. */
	OK(stele_transaction_begin(publisher, &tx));
	put_all(tx, 3);
	OK(stele_transaction_rollback(tx, POSITION(tx, stele_publisher_version(publisher))));
	cr_expect_eq(opened(publisher), MANY);
	for (uint32_t i = 0; i < MANY; i += 1000) {
		static const uint8_t key[4];
		snprintf(name, sizeof(name), "t%u", i);
		RETURNS(stele_transaction_get(tx, name, NULL, key, 32, &row), 1, "");
		cr_expect_eq(*(const uint32_t *)row.value, i % 7 == 0 ? 2 : 1);
	}
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 0, "");
	stele_publisher_close(publisher);
}
