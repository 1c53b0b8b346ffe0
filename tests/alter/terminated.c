/* SPDX-License-Identifier: MIT
 *
 * A NUL follows keys and values that end in text, wherever a row comes from: in place, copied, or
 * extended by columns that an alter appended. */
#include "tests/support/ipc/ipc.h"

TestSuite(alter_terminated, .init = ipc_begin, .fini = ipc_end, .timeout = 120);

#define LONGEST 40u

static const struct stele_column columns[] = {
	STELE_KEY("name", STELE_TEXT),
	{.name = "number", .type = STELE_U32},
	{.name = "text", .type = STELE_TEXT, .offset = 8},
};
static const struct stele_schema number_schema = {
	.columns = columns, .column_count = 2, .value_size = 4};
static const struct stele_schema text_schema = {
	.columns = columns, .column_count = 3, .value_size = 8};

/* What the bytes of every key and value are. */
#define LETTERS "LETTERS-LETTERS-LETTERS-LETTERS-LETTERS-LETTERS-LETTERS-LETTERS-"

/* Checks a row that came from `where`. The longest keys and values come
 * first, so that what follows a shorter one in a buffer is not a NUL by chance. */
static void expect_terminated(const struct stele_row *row, const char *where)
{
	const char *key = row->key, *value = row->value;
	size_t key_size = row->key_bits / 8, value_size = row->value_size;

	CHECK(key[key_size] == '\0', "%s: no NUL after a key of %zu bytes", where, key_size);
	CHECK(value[value_size] == '\0', "%s: no NUL after a value of %zu bytes", where,
	      value_size);
	CHECK((uintptr_t)value % 8 == 0, "%s: the value is not aligned", where);
}

static void expect_change_terminated(const struct stele_change *change, const char *where)
{
	if (change->kind != STELE_ADDED)
		expect_terminated(&change->before, where);
	if (change->kind != STELE_REMOVED)
		expect_terminated(&change->after, where);
}

/* Puts a row for each length of the key. The longer the key, the shorter the text; keys are put in
 * the order of their first byte, the longest first. */
static void put_rows(struct stele_transaction *tx, unsigned round)
{
	struct stele_row row;
	char key[] = LETTERS;

	for (unsigned i = 0; i < LONGEST; i++) {
		unsigned bits = (LONGEST - i) * 8, size = 8 + (i * 7 + round) % LONGEST;
		key[0] = (char)('0' + i);
		OK(stele_transaction_put(tx, "texts", key, bits, LETTERS, size));
		RETURNS(stele_transaction_get(tx, "texts", NULL, key, bits, &row), 1, "");
		expect_terminated(&row, "transaction");
	}
}

/* Makes version 1, of a table without text, and version 2, which appends the text. */
static struct stele_publisher *publish_numbers(void)
{
	struct stele_publisher *publisher = ipc_attach(region, NULL);
	struct stele_transaction *tx;
	char key[] = LETTERS;

	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_transaction_create_table(tx, "texts", &number_schema));
	for (unsigned i = 0; i < LONGEST; i++) {
		key[0] = (char)('0' + i);
		RETURNS(stele_transaction_put(tx, "texts", key, (LONGEST - i) * 8, LETTERS, 4), 1,
		        "");
	}
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	OK(stele_transaction_begin(publisher, &tx));
	RETURNS(stele_transaction_alter_table(tx, "texts", &text_schema), 1, "");
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	return publisher;
}

static void change_rows(struct stele_publisher *publisher, unsigned round)
{
	struct stele_transaction *tx;
	struct stele_writable *table;
	struct stele_changes *changes;
	struct stele_change change;

	OK(stele_transaction_begin(publisher, &tx));
	put_rows(tx, round);
	OK(stele_writable_open(tx, "texts", NULL, &table));
	OK(stele_writable_changes_open(table, &changes));
	while (stele_changes_next(changes, &change) == 1)
		expect_change_terminated(&change, "changes of a transaction");
	stele_changes_close(changes);
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
}

/* Takes all events that there are. Returns the number of rows. */
static unsigned follow_rows(struct stele_follow *follow)
{
	struct stele_event event;
	unsigned rows = 0;
	int r;

	while ((r = stele_follow_next(follow, &event)) == 1)
		if (event.table && event.change.kind != 0) {
			rows++;
			expect_change_terminated(&event.change, "follow");
		}
	RETURNS(r, 0, "");
	return rows;
}

Test(alter_terminated, rows_of_follows_and_differences)
{
	struct stele_publisher *publisher = publish_numbers();
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	struct stele_snapshot *before, *after;
	struct stele_difference *difference;
	struct stele_changes *changes;
	struct stele_table tables[2];
	struct stele_change change;
	struct stele_follow *follow;
	struct stele_event event;

	OK(stele_follow_open(subscriber, NULL, &follow));
	cr_expect_eq(follow_rows(follow), LONGEST);
	for (unsigned round = 0; round < 8; round++) {
		change_rows(publisher, round);
		cr_expect_neq(follow_rows(follow), 0);
	}
	stele_follow_close(follow);
	/* From the first version, whose rows are extended. */
	OK(stele_snapshot_open(subscriber, 1, &before));
	OK(stele_snapshot_open(subscriber, 0, &after));
	OK(stele_difference_open(before, after, NULL, 0, &difference));
	while (stele_difference_next(difference, &event) == 1)
		expect_change_terminated(&event.change, "difference");
	stele_difference_close(difference);
	OK(stele_table_open(before, "texts", NULL, &tables[0]));
	OK(stele_table_open(after, "texts", NULL, &tables[1]));
	OK(stele_changes_open(&tables[0], &tables[1], &changes));
	while (stele_changes_next(changes, &change) == 1)
		expect_change_terminated(&change, "changes");
	stele_changes_close(changes);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

Test(alter_terminated, rows_in_place_and_copied)
{
	struct stele_publisher *publisher = publish_numbers();
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	struct stele_snapshot *snapshot;
	struct stele_cursor *cursor;
	struct stele_row row, found;
	struct stele_table table;
	struct stele_hash *hash;
	struct stele_live live;
	unsigned rows = 0;

	change_rows(publisher, 1);
	OK(stele_snapshot_open(subscriber, 0, &snapshot));
	OK(stele_table_open(snapshot, "texts", &text_schema, &table));
	OK(stele_hash_open(&table, &hash));
	OK(stele_live_open(subscriber, "texts", &text_schema, &live));
	OK(stele_cursor_open(&table, &cursor));
	for (; stele_cursor_next(cursor, &row) == 1; rows++) {
		char buffer[128];
		size_t size = sizeof(buffer);

		expect_terminated(&row, "cursor");
		RETURNS(stele_table_get(&table, row.key, row.key_bits, &found), 1, "");
		expect_terminated(&found, "get");
		RETURNS(stele_hash_get(hash, row.key, row.key_bits, &found), 1, "");
		expect_terminated(&found, "hash");
		memset(buffer, 'x', sizeof(buffer));
		RETURNS(stele_live_get_copy(&live, row.key, row.key_bits, buffer, &size, NULL), 1,
		        "");
		CHECK(buffer[size] == '\0' && buffer[size + 1] == 'x', "live, %zu bytes", size);
	}
	cr_expect_eq(rows, LONGEST);
	stele_cursor_close(cursor);
	stele_hash_close(hash);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}
