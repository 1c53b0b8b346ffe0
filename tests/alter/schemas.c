/* SPDX-License-Identifier: MIT
 *
 * Which schemas a table may be altered to, and an alter beside the other operations of a
 * transaction. */
#include "tests/support/ipc/ipc.h"
#include "tests/support/ipc/route.h"
#include "tests/support/position.h"

TestSuite(alter_schemas, .init = ipc_begin, .fini = ipc_end, .timeout = 120);

/* ---- what an alter is ---- */

Test(alter_schemas, is_one_version_that_changes_no_row)
{
	struct stele_publisher *publisher = route_publish(ROUTE_ROWS);
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	struct stele_snapshot *before, *after;
	struct stele_table table;
	struct stele_schema *schema;
	struct stele_commit commit;
	struct stele_row row;

	OK(stele_snapshot_open(subscriber, 0, &before));
	cr_expect_eq(route_alter(publisher, &route_new_schema), 2);
	OK(stele_snapshot_open(subscriber, 0, &after));
	OK(stele_snapshot_commit(after, &commit));
	cr_expect(commit.version == 2 && commit.added + commit.changed + commit.removed == 0);
	route_check_all(before, &route_old_schema, sizeof(struct old_route));
	route_check_all(after, &route_old_schema, sizeof(struct new_route));
	route_check_all(after, &route_new_schema, sizeof(struct new_route));
	/* A program that needs the new columns is told what the older version has. */
	RETURNS(stele_table_open(before, "routes", &route_new_schema, &table), -EMEDIUMTYPE,
	        "zone: char[8]");
	OK(stele_table_open(after, "routes", &route_new_schema, &table));
	OK(stele_table_schema(&table, &schema));
	cr_expect(stele_schema_equal(schema, &route_new_schema));
	stele_schema_free(schema);
	/* The rows were written again, at the version of the alter. */
	RETURNS(stele_table_get(&table, "\12\0\7", 24, &row), 1, "");
	cr_expect_eq(row.version, 2);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

Test(alter_schemas, that_appends_nothing_keeps_the_rows)
{
	struct stele_publisher *publisher = route_publish(ROUTE_ROWS);
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	uint64_t used = ipc_stats(publisher).arena_used;
	struct stele_snapshot *snapshot;
	struct stele_transaction *tx;
	struct stele_schema *schema;
	struct stele_table table;
	struct stele_row row;

	OK(stele_transaction_begin(publisher, &tx));
	RETURNS(stele_transaction_alter_table(tx, "routes", &route_old_schema), 0, "");
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 0, "");
	cr_expect_eq(route_alter(publisher, &route_renamed_schema), 2);
	cr_expect_lt(ipc_stats(publisher).arena_used, used + 4096);
	OK(stele_snapshot_open(subscriber, 0, &snapshot));
	route_check_all(snapshot, &route_old_schema, sizeof(struct old_route));
	route_check_all(snapshot, &route_renamed_schema, sizeof(struct old_route));
	OK(stele_table_open(snapshot, "routes", NULL, &table));
	OK(stele_table_schema(&table, &schema));
	cr_expect_str_eq(schema->columns[2].name, "cost");
	stele_schema_free(schema);
	RETURNS(stele_snapshot_get(snapshot, "routes", NULL, "\12\0\7", 24, &row), 1, "");
	cr_expect_eq(row.version, 1);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

Test(alter_schemas, a_transaction_checks_the_expected_schema)
{
	struct stele_publisher *publisher = route_publish(ROUTE_ROWS);
	struct stele_writable *table = NULL;
	struct stele_transaction *tx;
	struct stele_row row;

	OK(stele_transaction_begin(publisher, &tx));
	RETURNS(stele_transaction_get(tx, "routes", &route_new_schema, "\12\0\7", 24, &row),
	        -EMEDIUMTYPE, "zone: char[8]");
	RETURNS(stele_writable_open(tx, "routes", &route_new_schema, &table), -EMEDIUMTYPE,
	        "zone: char[8]");
	cr_expect_null(table);
	RETURNS(stele_transaction_get(tx, "routes", &route_old_schema, "\12\0\7", 24, &row), 1, "");
	cr_expect_eq(row.value_size, sizeof(struct old_route));
	RETURNS(stele_transaction_alter_table(tx, "routes", &route_new_schema), 1, "");
	/* Programs with either schema read the rows of the new one. */
	RETURNS(stele_transaction_get(tx, "routes", &route_old_schema, "\12\0\7", 24, &row), 1, "");
	OK(stele_writable_open(tx, "routes", &route_old_schema, &table));
	OK(stele_writable_open(tx, "routes", &route_new_schema, &table));
	OK(stele_transaction_drop_table(tx, "routes"));
	OK(stele_transaction_create_table(tx, "routes", &ipc_schema));
	RETURNS(stele_transaction_get(tx, "routes", &route_old_schema, "\12\0\7", 24, &row),
	        -EMEDIUMTYPE, "another schema than this program expects");
	stele_publisher_close(publisher);
}

/* Schemas that may not replace the old one, as declarations. */
static const struct {
	const char *declaration, *why;
} refused[] = {
	{"r(prefix: ipv4net key, next_hop: u32)", "metric"},
	{"r(prefix: ipv4net key, next_hop: u32, metric: i32)", "metric"},
	{"r(prefix: ipv6net key, next_hop: u32, metric: u32)", "prefix"},
	{"r(prefix: ipv4net key, metric: u32, next_hop: u32)", "metric"},
	{"r(prefix: ipv4net key, next_hop: u32, cost: u32)", "metric"},
	{"r(prefix: ipv4net key, zone: u32, next_hop: u32, metric: u32)", "zone"},
	{"r(id: u16 key, prefix: ipv4net key, next_hop: u32, metric: u32)", "id"},
};

Test(alter_schemas, refuses_what_old_programs_cannot_read)
{
	struct stele_publisher *publisher = route_publish(2);
	char name[STELE_NAME_MAX + 1], message[4096];
	struct stele_transaction *tx;
	struct stele_schema *schema;

	OK(stele_transaction_begin(publisher, &tx));
	RETURNS(stele_transaction_alter_table(tx, "roads", &route_new_schema), -ENXIO, "roads");
	for (unsigned i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		OK(stele_schema_parse(refused[i].declaration, name, &schema));
		RETURNS(stele_transaction_alter_table(tx, "routes", schema), -EMEDIUMTYPE,
		        refused[i].why);
		snprintf(message, sizeof(message), "%s", stele_last_error());
		cr_expect(strstr(message, "prefix: ipv4net key, next_hop: u32, metric: u32"),
		          "%s does not show the schema that is there", message);
		cr_expect(strstr(message, "drop"), "%s has no remedy", message);
		stele_schema_free(schema);
	}
	/* A new name alone is not enough once the column was renamed: programs may know either. */
	RETURNS(stele_transaction_alter_table(tx, "routes", &route_renamed_schema), 1, "");
	OK(stele_schema_parse("r(prefix: ipv4net key, next_hop: u32, price: u32 was \"cost\")",
	                      name, &schema));
	RETURNS(stele_transaction_alter_table(tx, "routes", schema), -EMEDIUMTYPE, "\"metric\"");
	stele_schema_free(schema);
	OK(stele_schema_parse(
		"r(prefix: ipv4net key, next_hop: u32, price: u32 was \"metric cost\")", name,
		&schema));
	RETURNS(stele_transaction_alter_table(tx, "routes", schema), 1, "");
	stele_schema_free(schema);
	stele_transaction_abort(tx);
	stele_publisher_close(publisher);
}

/* A variable column can be appended, to values of fixed size; nothing can be appended to it. */
Test(alter_schemas, appends_a_variable_column_as_the_last)
{
	struct stele_publisher *publisher = route_publish(ROUTE_ROWS);
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	char name[STELE_NAME_MAX + 1];
	struct stele_snapshot *snapshot;
	struct stele_transaction *tx;
	struct stele_schema *schema;
	struct stele_changes *changes;
	struct stele_change change;
	struct stele_table table;
	struct stele_row row;

	OK(stele_schema_parse("r(prefix: ipv4net key, next_hop: u32, metric: u32, note: text @9)",
	                      name, &schema));
	route_alter(publisher, schema);
	OK(stele_transaction_begin(publisher, &tx));
	RETURNS(stele_transaction_put(tx, "routes", "\12\0\7", 24, "abcdefgh\0note", 13), 1, "");
	RETURNS(stele_transaction_alter_table(tx, "routes", &route_new_schema), -EMEDIUMTYPE, "");
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	OK(stele_snapshot_open(subscriber, 0, &snapshot));
	OK(stele_table_open(snapshot, "routes", &route_old_schema, &table));
	RETURNS(stele_table_get(&table, "\12\0\7", 24, &row), 1, "");
	cr_expect(row.value_size == 13 && memcmp(row.value, "abcdefgh\0note", 13) == 0);
	RETURNS(stele_table_get(&table, "\12\0\10", 24, &row), 1, "");
	cr_expect(row.value_size == 9 && memcmp(row.value, "\360\3\0\0\10\0\0\0", 9) == 0);
	OK(changes_since_version(subscriber, "routes", 1, &changes));
	RETURNS(stele_changes_next(changes, &change), 1, "");
	cr_expect(change.kind == STELE_CHANGED && change.before.value_size == 9 &&
	          change.after.value_size == 13);
	RETURNS(stele_changes_next(changes, &change), 0, "");
	stele_changes_close(changes);
	stele_schema_free(schema);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

/* ---- an alter beside the other operations of a transaction ---- */

Test(alter_schemas, beside_other_changes_of_the_transaction)
{
	struct stele_publisher *publisher = route_publish(ROUTE_ROWS);
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	const struct old_route old = {1, 2};
	struct stele_snapshot *snapshot;
	struct stele_changes *changes;
	struct stele_change change;
	struct stele_writable *table;
	struct stele_transaction *tx;
	struct stele_commit commit;
	struct stele_row row;

	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_writable_open(tx, "routes", NULL, &table));
	route_put_old(tx, 3, 33);
	route_put_old(tx, ROUTE_ROWS, 44);
	RETURNS(stele_transaction_delete(tx, "routes", "\12\0\5", 24), 1, "");
	/* During a replacement the table is not complete. */
	OK(stele_writable_replace(table));
	RETURNS(stele_transaction_alter_table(tx, "routes", &route_new_schema), -EBUSY, "replaced");
	stele_transaction_abort(tx);

	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_writable_open(tx, "routes", NULL, &table));
	route_put_old(tx, 3, 33);
	route_put_old(tx, ROUTE_ROWS, 44);
	RETURNS(stele_transaction_delete(tx, "routes", "\12\0\5", 24), 1, "");
	RETURNS(stele_transaction_alter_table(tx, "routes", &route_new_schema), 1, "");
	/* The handle goes on, with values of the new size. */
	RETURNS(stele_writable_put(table, "\12\0\7", 24, &old, sizeof(old)), -EINVAL, "8 bytes");
	RETURNS(stele_writable_get(table, "\12\0\3", 24, &row), 1, "");
	cr_expect(row.value_size == sizeof(struct new_route) &&
	          ((const struct new_route *)row.value)->old.next_hop == 33 &&
	          ((const struct new_route *)row.value)->weight == 100);
	route_put_new(tx, 7, 1007, "us", 100);
	route_put_new(tx, 8, 1, "us", 100);
	route_put_new(tx, 8, 1008, "eu", 100);
	OK(stele_writable_changes_open(table, &changes));
	for (unsigned i = 0; i < 4; i++)
		RETURNS(stele_changes_next(changes, &change), 1, "");
	RETURNS(stele_changes_next(changes, &change), 0, "");
	stele_changes_close(changes);
	/* A row is at the version of the transaction that wrote it again. */
	RETURNS(stele_writable_delete_if(table, "\12\0\11", 24, POSITION(tx, 1)), -EAGAIN, "");
	RETURNS(stele_writable_delete_if(table, "\12\0\11", 24, POSITION(tx, 2)), 1, "");
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	OK(stele_snapshot_open(subscriber, 0, &snapshot));
	OK(stele_snapshot_commit(snapshot, &commit));
	cr_expect(commit.added == 1 && commit.changed == 2 && commit.removed == 2,
	          "%llu added, %llu changed, %llu removed", (unsigned long long)commit.added,
	          (unsigned long long)commit.changed, (unsigned long long)commit.removed);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

/* Ends transactions that altered the table in ways that leave it as it was. */
Test(alter_schemas, can_be_taken_back)
{
	struct stele_publisher *publisher = route_publish(ROUTE_ROWS);
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	uint64_t used = ipc_stats(publisher).arena_used;
	struct stele_snapshot *snapshot;
	struct stele_transaction *tx;

	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_transaction_alter_table(tx, "routes", &route_new_schema));
	route_put_new(tx, 1, 1, "us", 1);
	stele_transaction_abort(tx);
	cr_expect_eq(ipc_stats(publisher).arena_used, used, "the abort left something");
	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_transaction_alter_table(tx, "routes", &route_renamed_schema));
	OK(stele_transaction_alter_table(tx, "routes", &route_renamed_schema));
	OK(stele_transaction_rollback(tx, POSITION(tx, 1)));
	route_put_old(tx, 1, 1001);
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 0, "");
	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_transaction_alter_table(tx, "routes", &route_new_schema));
	OK(stele_transaction_rollback(tx, POSITION(tx, 1)));
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 0, "");
	cr_expect_eq(ipc_stats(publisher).arena_used, used, "the rollbacks left something");
	/* Created, altered and dropped; dropped, created and altered. */
	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_transaction_create_table(tx, "more", &route_old_schema));
	RETURNS(stele_transaction_alter_table(tx, "more", &route_new_schema), 1, "");
	OK(stele_transaction_drop_table(tx, "more"));
	OK(stele_transaction_drop_table(tx, "routes"));
	RETURNS(stele_transaction_alter_table(tx, "routes", &route_new_schema), -ENXIO, "");
	OK(stele_transaction_create_table(tx, "routes", &route_old_schema));
	for (unsigned id = 0; id < ROUTE_ROWS; id++)
		route_put_old(tx, id, 1000 + id);
	RETURNS(stele_transaction_alter_table(tx, "routes", &route_new_schema), 1, "");
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	OK(stele_snapshot_open(subscriber, 0, &snapshot));
	route_check_all(snapshot, &route_old_schema, sizeof(struct new_route));
	stele_snapshot_close(snapshot);
	/* A rollback across an alter, and back. */
	for (uint64_t to = 1; to <= 2; to++) {
		OK(stele_transaction_begin(publisher, &tx));
		OK(stele_transaction_rollback(tx, POSITION(tx, to)));
		RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
		OK(stele_snapshot_open(subscriber, 0, &snapshot));
		route_check_all(snapshot, to == 1 ? &route_old_schema : &route_new_schema,
		                to == 1 ? sizeof(struct old_route) : sizeof(struct new_route));
		stele_snapshot_close(snapshot);
	}
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

Test(alter_schemas, without_space_leaves_the_table_as_it_was)
{
	struct stele_publisher_options options = {.size = sizeof(options),
	                                          .flags = STELE_CREATE,
	                                          .maximum_size = 400 << 10,
	                                          .limit_size = 400 << 10,
	                                          .history = 2};
	struct stele_publisher *publisher = ipc_attach(region, &options);
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	struct stele_snapshot *snapshot;
	struct stele_transaction *tx;
	struct stele_row row;
	unsigned rows = 0;
	uint64_t used;

	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_transaction_create_table(tx, "routes", &route_old_schema));
	for (; rows < 6000; rows++)
		route_put_old(tx, rows, 1000 + rows);
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	used = ipc_stats(publisher).arena_used;
	OK(stele_transaction_begin(publisher, &tx));
	RETURNS(stele_transaction_alter_table(tx, "routes", &route_new_schema), -ENOSPC,
	        "\"routes\"");
	/* The transaction can go on. */
	route_put_old(tx, 7, 7);
	RETURNS(stele_transaction_get(tx, "routes", NULL, "\12\0\10", 24, &row), 1, "");
	cr_expect_eq(row.value_size, sizeof(struct old_route));
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	OK(stele_transaction_begin(publisher, &tx));
	RETURNS(stele_transaction_alter_table(tx, "routes", &route_new_schema), -ENOSPC, "");
	stele_transaction_abort(tx);
	cr_expect_lt(ipc_stats(publisher).arena_used, used + 16384);
	OK(stele_snapshot_open(subscriber, 0, &snapshot));
	RETURNS(stele_snapshot_get(snapshot, "routes", NULL, "\12\0\7", 24, &row), 1, "");
	cr_expect(row.value_size == 8 && ((const struct old_route *)row.value)->next_hop == 7);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
	cr_expect_eq(stele_region_verify(
			     region, NULL,
			     &(struct stele_region_use){.size = sizeof(struct stele_region_use)}),
	             1);
}

/* A publisher that was built with fewer columns is refused, and told why; it can still delete. */
/* Another publisher may store another schema where the aborted one was. */
Test(alter_schemas, an_aborted_schema_is_forgotten)
{
	struct stele_publisher_options options = {.size = sizeof(options),
	                                          .flags = STELE_CREATE | STELE_SHARED};
	struct stele_publisher *one = ipc_attach(region, &options), *two;
	struct stele_column columns[] = {route_old_schema.columns[0],
	                                 route_old_schema.columns[1],
	                                 route_old_schema.columns[2],
	                                 {.name = "load", .type = STELE_U32, .offset = 8}};
	const struct stele_schema schema[] = {
		{.columns = columns, .column_count = 4, .value_size = 12},
		{.columns = columns, .column_count = 4, .value_size = 16}};
	struct stele_transaction *tx;
	uint8_t value[16] = {0};

	cr_assert_eq(route_old_schema.column_count, 3);
	OK(stele_transaction_begin(one, &tx));
	OK(stele_transaction_create_table(tx, "routes", &route_old_schema));
	route_put_old(tx, 1, 1);
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	two = ipc_attach(region, &options);
	OK(stele_transaction_begin(one, &tx));
	RETURNS(stele_transaction_alter_table(tx, "routes", &schema[0]), 1, "");
	stele_transaction_abort(tx);
	columns[3].type = STELE_U64;
	route_alter(two, &schema[1]);
	OK(stele_transaction_begin(one, &tx));
	RETURNS(stele_transaction_put(tx, "routes", "\12\0\1", 24, value, 12), -EINVAL,
	        "the value has 12 bytes; a value of this table has 16");
	RETURNS(stele_transaction_put(tx, "routes", "\12\0\1", 24, value, 16), 1, "");
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	stele_publisher_close(one);
	stele_publisher_close(two);
}

Test(alter_schemas, publishers_of_the_old_struct_are_refused)
{
	struct stele_publisher_options options = {.size = sizeof(options),
	                                          .flags = STELE_CREATE | STELE_SHARED};
	struct stele_publisher *one = ipc_attach(region, &options), *two;
	struct old_route old = {1, 2};
	struct stele_transaction *tx;

	OK(stele_transaction_begin(one, &tx));
	OK(stele_transaction_create_table(tx, "routes", &route_old_schema));
	route_put_old(tx, 1, 1);
	route_put_old(tx, 2, 2);
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	two = ipc_attach(region, &options);
	route_alter(two, &route_new_schema);
	OK(stele_transaction_begin(one, &tx));
	RETURNS(stele_transaction_put(tx, "routes", "\12\0\1", 24, &old, sizeof(old)), -EINVAL,
	        "the value has 8 bytes; a value of this table has 20");
	RETURNS(stele_transaction_delete(tx, "routes", "\12\0\2", 24), 1, "");
	route_put_new(tx, 3, 3, "us", 1);
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	stele_publisher_close(one);
	stele_publisher_close(two);
}
