/* SPDX-License-Identifier: MIT
 *
 * Differences across the rollback of an alter: rows have the columns of the later version, so that
 * a mirror can format and check them by the schema that the table has then. */
#include "tests/support/ipc/ipc.h"
#include "tests/support/ipc/route.h"
#include "tests/support/position.h"

TestSuite(alter_rollback, .init = ipc_begin, .fini = ipc_end, .timeout = 120);

/* Gives row 0 another zone, and row 1 another zone and next hop, in the transaction that appends
 * the columns. */
static void alter_and_put(struct stele_publisher *publisher)
{
	struct stele_transaction *tx;

	OK(stele_transaction_begin(publisher, &tx));
	RETURNS(stele_transaction_alter_table(tx, "routes", &route_new_schema), 1, "");
	route_put_new(tx, 0, 1000, "us", 7);
	route_put_new(tx, 1, 77, "us", 7);
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
}

/* Rolls back to version 1, and gives row 2 another next hop. */
static void roll_back_and_put(struct stele_publisher *publisher)
{
	struct stele_transaction *tx;

	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_transaction_rollback(tx, POSITION(tx, 1)));
	route_put_old(tx, 2, 88);
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
}

/* Checks the row `id`, of the old columns. */
static void expect_old_row(const struct stele_row *row, unsigned id, uint32_t next_hop)
{
	const struct old_route *route = row->value;

	cr_assert_eq(row->value_size, sizeof(*route), "a value of %zu bytes", row->value_size);
	cr_expect_eq(((const uint8_t *)row->key)[2], id);
	cr_expect_eq(route->next_hop, next_hop);
	OK(stele_value_check(&route_old_schema, row->value, row->value_size));
}

/* Checks a change of the rollback: row 1 has its next hop again, row 2 another one. Row 0 differs
 * only in columns that are gone. */
static void expect_change(const struct stele_change *change, unsigned id)
{
	cr_assert_eq(change->kind, STELE_CHANGED);
	expect_old_row(&change->before, id, id == 1 ? 77 : 1002);
	expect_old_row(&change->after, id, id == 1 ? 1001 : 88);
}

static void expect_changes(struct stele_changes *changes)
{
	struct stele_change change;

	for (unsigned id = 1; id <= 2; id++) {
		RETURNS(stele_changes_next(changes, &change), 1, "");
		expect_change(&change, id);
	}
	RETURNS(stele_changes_next(changes, &change), 0, "");
	stele_changes_close(changes);
}

/* Takes the events of a batch of two changes, and checks the rows if they are the rollback's. */
static void expect_batch(struct stele_follow *follow, const struct stele_schema *schema)
{
	struct stele_event event;
	unsigned changes = 0;

	for (;;) {
		RETURNS(stele_follow_next(follow, &event), 1, "");
		if (event.kind == STELE_EVENT_APPLIED)
			break;
		if (event.kind != STELE_EVENT_CHANGE)
			continue;
		changes++;
		cr_assert(stele_schema_equal(event.schema, schema), "another schema");
		OK(stele_value_check(schema, event.change.before.value,
		                     event.change.before.value_size));
		OK(stele_value_check(schema, event.change.after.value,
		                     event.change.after.value_size));
		if (schema == &route_old_schema)
			expect_change(&event.change, changes);
	}
	cr_expect_eq(changes, 2);
}

/* Takes the events of all rows. */
static void take_rows(struct stele_follow *follow)
{
	struct stele_event event;

	do
		RETURNS(stele_follow_next(follow, &event), 1, "");
	while (event.kind != STELE_EVENT_INITIAL_END);
}

Test(alter_rollback, a_follow_has_the_columns_that_are_left)
{
	static const struct stele_follow_table table = {.name = "routes",
	                                                .schema = &route_old_schema};
	const struct stele_follow_options options = {
		.size = sizeof(options), .tables = &table, .table_count = 1};
	struct stele_publisher *publisher = route_publish(3);
	struct stele_subscriber *subscribers[2];
	struct stele_follow *follows[2];

	for (int i = 0; i < 2; i++) {
		subscribers[i] = ipc_subscribe(0, NULL);
		OK(stele_follow_open(subscribers[i], i ? &options : NULL, &follows[i]));
		take_rows(follows[i]);
	}
	alter_and_put(publisher);
	for (int i = 0; i < 2; i++)
		expect_batch(follows[i], &route_new_schema);
	roll_back_and_put(publisher);
	for (int i = 0; i < 2; i++) {
		expect_batch(follows[i], &route_old_schema);
		stele_follow_close(follows[i]);
		stele_subscriber_close(subscribers[i]);
	}
	stele_publisher_close(publisher);
}

Test(alter_rollback, changes_have_the_columns_that_are_left)
{
	struct stele_publisher *publisher = route_publish(3);
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	struct stele_position position;
	struct stele_snapshot *snapshot;
	struct stele_changes *changes;
	struct stele_commit commit;

	alter_and_put(publisher);
	position = position_at(subscriber, 2);
	roll_back_and_put(publisher);
	RETURNS(stele_changes_since(subscriber, "routes", NULL, &position, &changes), 0, "");
	expect_changes(changes);
	RETURNS(stele_changes_since(subscriber, "routes", &route_old_schema, &position, &changes),
	        0, "");
	expect_changes(changes);
	/* The record of the commit counts the same changes. */
	OK(stele_snapshot_open(subscriber, 0, &snapshot));
	OK(stele_snapshot_commit(snapshot, &commit));
	cr_expect(commit.added == 0 && commit.changed == 2 && commit.removed == 0);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

Test(alter_rollback, changes_of_a_transaction_have_the_columns_that_are_left)
{
	struct stele_publisher *publisher = route_publish(3);
	struct stele_writable *table;
	struct stele_changes *changes;
	struct stele_transaction *tx;

	alter_and_put(publisher);
	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_transaction_rollback(tx, POSITION(tx, 1)));
	route_put_old(tx, 2, 88);
	OK(stele_writable_open(tx, "routes", NULL, &table));
	OK(stele_writable_changes_open(table, &changes));
	expect_changes(changes);
	stele_transaction_abort(tx);
	stele_publisher_close(publisher);
}

/* The column that is taken back is text: the values before are of any length. */
Test(alter_rollback, text_is_taken_back)
{
	static const struct stele_column columns[] = {
		STELE_KEY("id", STELE_U32),
		{.name = "number", .type = STELE_U32},
		{.name = "text", .type = STELE_TEXT, .offset = 8},
	};
	static const struct stele_schema narrow = {
		.columns = columns, .column_count = 2, .value_size = 4};
	static const struct stele_schema wide = {
		.columns = columns, .column_count = 3, .value_size = 8};
	struct stele_publisher *publisher = ipc_attach(region, NULL);
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	struct stele_snapshot *snapshots[3];
	struct stele_changes *changes;
	struct stele_table tables[3];
	struct stele_transaction *tx;
	struct stele_change change;

	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_transaction_create_table(tx, "t", &narrow));
	RETURNS(stele_transaction_put(tx, "t", "\0\0\0\1", 32, "1111", 4), 1, "");
	RETURNS(stele_transaction_put(tx, "t", "\0\0\0\2", 32, "2222", 4), 1, "");
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	OK(stele_transaction_begin(publisher, &tx));
	RETURNS(stele_transaction_alter_table(tx, "t", &wide), 1, "");
	RETURNS(stele_transaction_put(tx, "t", "\0\0\0\1", 32, "1111\0\0\0\0and more", 16), 1, "");
	RETURNS(stele_transaction_put(tx, "t", "\0\0\0\2", 32, "3333\0\0\0\0and more", 16), 1, "");
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_transaction_rollback(tx, POSITION(tx, 1)));
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	for (unsigned i = 0; i < 3; i++) {
		OK(stele_snapshot_open(subscriber, i + 1, &snapshots[i]));
		OK(stele_table_open(snapshots[i], "t", NULL, &tables[i]));
	}
	OK(stele_changes_open(&tables[1], &tables[2], &changes));
	RETURNS(stele_changes_next(changes, &change), 1, "");
	cr_expect(change.before.value_size == 4 && memcmp(change.before.value, "3333", 4) == 0);
	cr_expect(change.after.value_size == 4 && memcmp(change.after.value, "2222", 4) == 0);
	RETURNS(stele_changes_next(changes, &change), 0, "");
	stele_changes_close(changes);
	OK(stele_changes_open(&tables[2], &tables[1], &changes));
	RETURNS(stele_changes_next(changes, &change), 1, "");
	cr_expect_str_eq((const char *)change.before.value + 8, "");
	cr_expect_str_eq((const char *)change.after.value + 8, "and more");
	stele_changes_close(changes);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}
