/* SPDX-License-Identifier: MIT
 *
 * Publishers that were built with fewer columns than the table has: what their puts keep, and what
 * is refused. */
#include "publisher/state/state.h"
#include "tests/support/ipc/ipc.h"
#include "tests/support/ipc/route.h"
#include "tests/support/position.h"

TestSuite(alter_writers, .init = ipc_begin, .fini = ipc_end, .timeout = 120);

/* Checks a row of the altered table, as the transaction would commit it. */
static void check_row(struct stele_transaction *tx, unsigned id, uint32_t next_hop,
                      const char *zone, uint16_t weight)
{
	const struct new_route *route;
	struct stele_row row;
	uint8_t key[4];

	route_key(id, key);
	RETURNS(stele_transaction_get(tx, "routes", NULL, key, 24, &row), 1, "");
	route = row.value;
	CHECK(row.value_size == sizeof(*route), "row %u: %zu bytes", id, row.value_size);
	CHECK(route->old.next_hop == next_hop && route->old.metric == id &&
	              strcmp(route->zone, zone) == 0 && route->weight == weight,
	      "row %u: %u %s %u", id, route->old.next_hop, route->zone, route->weight);
}

/* Makes the altered table, in which row 7 has values of its own in the new columns. */
static struct stele_publisher *publish_altered(void)
{
	struct stele_publisher *publisher = route_publish(ROUTE_ROWS);

	route_alter(publisher, &route_new_schema);
	route_commit_new(publisher, 7, 1007, "us", 5);
	return publisher;
}

Test(alter_writers, keep_the_columns_that_they_do_not_know)
{
	struct stele_publisher *publisher = publish_altered();
	const struct old_route route = {8888, 8};
	struct stele_transaction *tx;
	struct stele_row row;
	uint64_t version;

	OK(stele_transaction_begin(publisher, &tx));
	/* Without the declaration the value says nothing about its columns. */
	RETURNS(stele_transaction_put(tx, "routes", "\12\0\10", 24, &route, sizeof(route)), -EINVAL,
	        "8 bytes");
	RETURNS(stele_transaction_ensure_table(tx, "routes", &route_old_schema), 0, "");
	route_put_old(tx, 7, 7777);
	check_row(tx, 7, 7777, "us", 5);
	route_put_old(tx, ROUTE_ROWS, 1);
	check_row(tx, ROUTE_ROWS, 1, "eu", 100);
	/* A put of the same columns changes nothing; one of all columns is possible, too. */
	RETURNS(stele_transaction_put(tx, "routes", "\12\0\10", 24, &(struct old_route){1008, 8},
	                              sizeof(route)),
	        0, "");
	route_put_new(tx, 9, 9999, "as", 9);
	RETURNS(stele_transaction_commit(tx, NULL, &version), 1, "");

	/* The declaration stays. */
	OK(stele_transaction_begin(publisher, &tx));
	route_put_old(tx, 9, 10);
	check_row(tx, 9, 10, "as", 9);
	RETURNS(stele_transaction_get(tx, "routes", NULL, "\12\0\7", 24, &row), 1, "");
	cr_expect_eq(row.version, version);
	RETURNS(stele_transaction_put_if(tx, "routes", "\12\0\7", 24, &(struct old_route){3, 7},
	                                 sizeof(route), POSITION(tx, version)),
	        1, "");
	check_row(tx, 7, 3, "us", 5);
	RETURNS(stele_transaction_put(tx, "routes", "\12\0\10", 24, &route, sizeof(route) - 1),
	        -EINVAL, "7 bytes");
	/* A program that then says that it knows all columns must put all of them. */
	RETURNS(stele_transaction_ensure_table(tx, "routes", &route_new_schema), 0, "");
	RETURNS(stele_transaction_put(tx, "routes", "\12\0\10", 24, &route, sizeof(route)), -EINVAL,
	        "8 bytes");
	stele_transaction_abort(tx);
	stele_publisher_close(publisher);
}

/* Puts narrow rows, among them new ones and one key twice. */
static int64_t put_many_old(struct stele_writable *table, unsigned first, unsigned count)
{
	struct stele_row_ref rows[64];
	struct old_route routes[64];
	uint8_t keys[64][4];

	for (unsigned i = 0; i < count; i++) {
		route_key(first + i, keys[i]);
		routes[i] = (struct old_route){5000 + i, first + i};
		rows[i] = (struct stele_row_ref){keys[i], 24, &routes[i], sizeof(routes[i])};
	}
	return stele_writable_put_many(table, rows, count);
}

Test(alter_writers, put_many_rows_and_replace_a_table)
{
	struct stele_publisher *publisher = publish_altered();
	struct stele_transaction *tx;
	struct stele_writable *table;

	OK(stele_transaction_begin(publisher, &tx));
	RETURNS(stele_transaction_ensure_table(tx, "routes", &route_old_schema), 0, "");
	OK(stele_writable_open(tx, "routes", NULL, &table));
	RETURNS(put_many_old(table, 0, 64), 64, "");
	check_row(tx, 7, 5007, "us", 5);
	check_row(tx, 8, 5008, "eu", 100);
	RETURNS(put_many_old(table, ROUTE_ROWS - 1, 64), 64, "");
	check_row(tx, ROUTE_ROWS - 1, 5000, "eu", 100);
	check_row(tx, ROUTE_ROWS, 5001, "eu", 100);
	RETURNS(put_many_old(table, 0, 64), 0, "");
	OK(stele_writable_replace(table));
	route_put_old(tx, 7, 70);
	RETURNS(put_many_old(table, 8, 1), 1, "");
	RETURNS((int)stele_writable_replace_end(table), ROUTE_ROWS + 63 - 2, "");
	check_row(tx, 7, 70, "us", 5);
	check_row(tx, 8, 5000, "eu", 100);
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");

	/* Into an empty table, where they are built at once. */
	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_writable_open(tx, "routes", NULL, &table));
	OK(stele_writable_replace(table));
	RETURNS((int)stele_writable_replace_end(table), 2, "");
	RETURNS(put_many_old(table, 0, 64), 64, "");
	check_row(tx, 7, 5007, "eu", 100);
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	stele_publisher_close(publisher);
}

Test(alter_writers, keep_a_variable_column)
{
	struct stele_publisher *publisher = route_publish(ROUTE_ROWS);
	const struct old_route route = {7777, 7}, other = {8888, 8};
	struct stele_transaction *tx;
	struct stele_schema *schema;
	char name[STELE_NAME_MAX + 1];
	struct stele_row_ref rows[] = {{"\12\0\7", 24, &other, sizeof(other)},
	                               {"\12\0\10", 24, &other, sizeof(other)}};
	struct stele_row row;

	OK(stele_schema_parse("r(prefix: ipv4net key, next_hop: u32, metric: u32, note: text @9)",
	                      name, &schema));
	route_alter(publisher, schema);
	OK(stele_transaction_begin(publisher, &tx));
	RETURNS(stele_transaction_put(tx, "routes", "\12\0\7", 24, "abcdefgh\0a note", 15), 1, "");
	/* A value without the column is not one in which it is empty. */
	RETURNS(stele_transaction_put(tx, "routes", "\12\0\7", 24, &route, sizeof(route)), -EINVAL,
	        "8 bytes");
	RETURNS(stele_transaction_ensure_table(tx, "routes", &route_old_schema), 0, "");
	RETURNS(stele_transaction_put(tx, "routes", "\12\0\7", 24, &route, sizeof(route)), 1, "");
	RETURNS(stele_transaction_get(tx, "routes", NULL, "\12\0\7", 24, &row), 1, "");
	cr_expect(row.value_size == 15 && memcmp(row.value, &route, sizeof(route)) == 0 &&
	          strcmp((const char *)row.value + 9, "a note") == 0);
	OK(stele_transaction_put_many(tx, "routes", rows, 2));
	RETURNS(stele_transaction_get(tx, "routes", NULL, "\12\0\7", 24, &row), 1, "");
	cr_expect(row.value_size == 15 && memcmp(row.value, &other, sizeof(other)) == 0 &&
	          strcmp((const char *)row.value + 9, "a note") == 0);
	RETURNS(stele_transaction_get(tx, "routes", NULL, "\12\0\10", 24, &row), 1, "");
	cr_expect(row.value_size == 9 && memcmp(row.value, &other, sizeof(other)) == 0);
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	stele_schema_free(schema);
	stele_publisher_close(publisher);
}

Test(alter_writers, go_on_across_a_rollback)
{
	struct stele_publisher *publisher = publish_altered();
	struct stele_transaction *tx;
	struct stele_row row;

	OK(stele_transaction_begin(publisher, &tx));
	RETURNS(stele_transaction_ensure_table(tx, "routes", &route_old_schema), 0, "");
	OK(stele_transaction_rollback(tx, POSITION(tx, 1)));
	route_put_old(tx, 7, 1);
	RETURNS(stele_transaction_get(tx, "routes", NULL, "\12\0\7", 24, &row), 1, "");
	cr_expect_eq(row.value_size, sizeof(struct old_route));
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_transaction_rollback(tx, POSITION(tx, 3)));
	route_put_old(tx, 7, 2);
	check_row(tx, 7, 2, "us", 5);
	stele_transaction_abort(tx);
	stele_publisher_close(publisher);
}

/* The declaration outlives the memory for other tables, which is bounded. */
Test(alter_writers, are_remembered_beside_many_tables)
{
	static const struct stele_column columns[] = {STELE_KEY("a", STELE_U32)};
	static const struct stele_schema schema = {.columns = columns, .column_count = 1};
	struct stele_publisher *publisher = publish_altered();
	struct stele_transaction *tx;
	char name[16];

	OK(stele_transaction_begin(publisher, &tx));
	RETURNS(stele_transaction_ensure_table(tx, "routes", &route_old_schema), 0, "");
	for (unsigned i = 0; i < 1100; i++) {
		snprintf(name, sizeof(name), "t%u", i);
		OK(stele_transaction_create_table(tx, name, &schema));
	}
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	OK(stele_transaction_begin(publisher, &tx));
	route_put_old(tx, 7, 1);
	check_row(tx, 7, 1, "us", 5);
	stele_transaction_abort(tx);
	stele_publisher_close(publisher);
}

/* ---- an alter by another publisher ---- */

enum { PUBLISHED, ALTERED, DONE };

static const struct stele_publisher_options sharing = {.size = sizeof(sharing),
                                                       .flags = STELE_SHARED | STELE_CREATE};

static void alter_shared(unsigned unused)
{
	struct stele_publisher *publisher;
	struct stele_transaction *tx;

	(void)unused;
	ipc_await(PUBLISHED, 1);
	publisher = ipc_attach(region, &sharing);
	route_alter(publisher, &route_new_schema);
	route_commit_new(publisher, 7, 1007, "us", 5);
	ipc_reach(ALTERED, 1);
	ipc_await(DONE, 1);
	/* The table is dropped and created again with all columns. */
	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_transaction_drop_table(tx, "routes"));
	OK(stele_transaction_create_table(tx, "routes", &route_new_schema));
	route_put_new(tx, 7, 1007, "as", 6);
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	ipc_reach(ALTERED, 2);
	stele_publisher_close(publisher);
}

Test(alter_writers, need_not_know_that_another_publisher_altered_the_table)
{
	struct stele_publisher *publisher = route_publish(ROUTE_ROWS);
	pid_t other = ipc_spawn(alter_shared, 0);
	struct stele_transaction *tx;

	stele_publisher_close(publisher);
	publisher = ipc_attach(region, &sharing);
	OK(stele_transaction_begin(publisher, &tx));
	RETURNS(stele_transaction_ensure_table(tx, "routes", &route_old_schema), 0, "");
	route_put_old(tx, 7, 1);
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	ipc_reach(PUBLISHED, 1);
	ipc_await(ALTERED, 1);
	OK(stele_transaction_begin(publisher, &tx));
	route_put_old(tx, 7, 2);
	check_row(tx, 7, 2, "us", 5);
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	ipc_reach(DONE, 1);
	ipc_await(ALTERED, 2);
	OK(stele_transaction_begin(publisher, &tx));
	route_put_old(tx, 7, 3);
	check_row(tx, 7, 3, "as", 6);
	route_put_old(tx, 8, 4);
	check_row(tx, 8, 4, "eu", 100);
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	ipc_join(other);
	stele_publisher_close(publisher);
}

/* ---- how long a declaration holds ---- */

/* Declares the old schema in a transaction of its own, which changes nothing. */
static void declare_old(struct stele_publisher *publisher)
{
	struct stele_transaction *tx;

	OK(stele_transaction_begin(publisher, &tx));
	RETURNS(stele_transaction_ensure_table(tx, "routes", &route_old_schema), 0, "");
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 0, "");
}

static void drop(struct stele_transaction *tx)
{
	OK(stele_transaction_drop_table(tx, "routes"));
}

/* Creates the table with all columns. */
static void create_new(struct stele_transaction *tx)
{
	OK(stele_transaction_create_table(tx, "routes", &route_new_schema));
}

/* Drops the table in a transaction of its own, or creates it with all columns. */
static void commit_drop(struct stele_publisher *publisher)
{
	struct stele_transaction *tx;

	OK(stele_transaction_begin(publisher, &tx));
	drop(tx);
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
}

static void commit_create_new(struct stele_publisher *publisher)
{
	struct stele_transaction *tx;

	OK(stele_transaction_begin(publisher, &tx));
	create_new(tx);
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
}

/* Puts a narrow row. Returns the result. */
static int put_narrow(struct stele_transaction *tx)
{
	const struct old_route route = {1, 7};

	return stele_transaction_put(tx, "routes", "\12\0\7", 24, &route, sizeof(route));
}

/* Checks that the publisher's narrow values are completed, in a transaction that is aborted. */
static void expect_declared(struct stele_publisher *publisher, const char *zone, uint16_t weight)
{
	struct stele_transaction *tx;

	OK(stele_transaction_begin(publisher, &tx));
	CHECK(put_narrow(tx) >= 0, "%s", stele_last_error());
	check_row(tx, 7, 1, zone, weight);
	stele_transaction_abort(tx);
}

/* Checks that the publisher's narrow values are refused. */
static void expect_forgotten(struct stele_publisher *publisher)
{
	struct stele_transaction *tx;

	OK(stele_transaction_begin(publisher, &tx));
	RETURNS(put_narrow(tx), -EINVAL, "8 bytes");
	stele_transaction_abort(tx);
}

Test(alter_writers, stay_declared_after_an_aborted_drop)
{
	struct stele_publisher *publisher = publish_altered();
	struct stele_transaction *tx;

	declare_old(publisher);
	OK(stele_transaction_begin(publisher, &tx));
	drop(tx);
	stele_transaction_abort(tx);
	expect_declared(publisher, "us", 5);
	/* The aborted table has another schema, perhaps at the reference of a later one. */
	OK(stele_transaction_begin(publisher, &tx));
	drop(tx);
	OK(stele_transaction_create_table(tx, "routes", &route_old_schema));
	stele_transaction_abort(tx);
	expect_declared(publisher, "us", 5);
	/* A rollback discards the drop. */
	OK(stele_transaction_begin(publisher, &tx));
	drop(tx);
	create_new(tx);
	RETURNS(put_narrow(tx), -EINVAL, "8 bytes");
	OK(stele_transaction_rollback(tx, POSITION(tx, 3)));
	RETURNS(put_narrow(tx), 1, "");
	check_row(tx, 7, 1, "us", 5);
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	expect_declared(publisher, "us", 5);
	stele_publisher_close(publisher);
}

Test(alter_writers, stay_declared_after_a_rollback_to_no_table)
{
	struct stele_publisher *publisher = publish_altered();
	struct stele_transaction *tx;

	commit_drop(publisher);
	commit_create_new(publisher);
	declare_old(publisher);
	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_transaction_rollback(tx, POSITION(tx, 4)));
	stele_transaction_abort(tx);
	expect_declared(publisher, "eu", 100);
	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_transaction_rollback(tx, POSITION(tx, 4)));
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	OK(stele_transaction_begin(publisher, &tx));
	RETURNS(put_narrow(tx), -ENXIO, "\"routes\"");
	OK(stele_transaction_rollback(tx, POSITION(tx, 3)));
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	expect_declared(publisher, "us", 5);
	stele_publisher_close(publisher);
}

Test(alter_writers, stay_declared_after_an_aborted_creation)
{
	struct stele_publisher *publisher = ipc_attach(region, NULL);
	struct stele_transaction *tx;

	OK(stele_transaction_begin(publisher, &tx));
	RETURNS(stele_transaction_ensure_table(tx, "routes", &route_old_schema), 1, "");
	stele_transaction_abort(tx);
	commit_create_new(publisher);
	expect_declared(publisher, "eu", 100);
	stele_publisher_close(publisher);
}

Test(alter_writers, stay_declared_after_a_drop_by_another_publisher)
{
	struct stele_publisher *publisher = route_publish(ROUTE_ROWS), *other;
	struct stele_transaction *tx;

	stele_publisher_close(publisher);
	publisher = ipc_attach(region, &sharing);
	other = ipc_attach(region, &sharing);
	declare_old(publisher);
	commit_drop(other);
	OK(stele_transaction_begin(publisher, &tx));
	RETURNS(put_narrow(tx), -ENXIO, "\"routes\"");
	stele_transaction_abort(tx);
	commit_create_new(other);
	expect_declared(publisher, "eu", 100);
	commit_drop(other);
	/* The same in a transaction that commits something else. */
	OK(stele_transaction_begin(publisher, &tx));
	RETURNS(put_narrow(tx), -ENXIO, "\"routes\"");
	OK(stele_transaction_create_table(tx, "other", &route_old_schema));
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	OK(stele_transaction_begin(publisher, &tx));
	RETURNS(put_narrow(tx), -ENXIO, "\"routes\"");
	stele_transaction_abort(tx);
	commit_create_new(other);
	expect_declared(publisher, "eu", 100);
	stele_publisher_close(other);
	stele_publisher_close(publisher);
}

Test(alter_writers, are_forgotten_with_their_own_drop)
{
	struct stele_publisher *publisher = publish_altered();
	struct stele_transaction *tx;

	declare_old(publisher);
	commit_drop(publisher);
	commit_create_new(publisher);
	expect_forgotten(publisher);
	/* In one transaction; the second time it commits no change. */
	for (int changed = 1; changed >= 0; changed--) {
		declare_old(publisher);
		OK(stele_transaction_begin(publisher, &tx));
		drop(tx);
		create_new(tx);
		RETURNS(put_narrow(tx), -EINVAL, "8 bytes");
		route_put_new(tx, 9, 9, "as", 9);
		RETURNS(stele_transaction_commit(tx, NULL, NULL), changed, "");
		expect_forgotten(publisher);
	}
	/* A table that never was in a version. */
	commit_drop(publisher);
	OK(stele_transaction_begin(publisher, &tx));
	RETURNS(stele_transaction_ensure_table(tx, "routes", &route_old_schema), 1, "");
	drop(tx);
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 0, "");
	cr_expect_eq(publisher->tables.count, 0);
	commit_create_new(publisher);
	expect_forgotten(publisher);
	stele_publisher_close(publisher);
}

Test(alter_writers, may_declare_again_after_their_own_drop)
{
	struct stele_publisher *publisher = publish_altered();
	struct stele_transaction *tx;

	declare_old(publisher);
	OK(stele_transaction_begin(publisher, &tx));
	drop(tx);
	create_new(tx);
	RETURNS(stele_transaction_ensure_table(tx, "routes", &route_old_schema), 0, "");
	RETURNS(put_narrow(tx), 1, "");
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	expect_declared(publisher, "eu", 100);
	stele_publisher_close(publisher);
}

/* ---- enumerations ---- */

#define SCHEMA(text_, ret_) OK(stele_schema_parse(text_, name, ret_))

Test(alter_writers, put_no_number_without_a_word)
{
	struct stele_publisher *publisher = ipc_attach(region, NULL);
	struct stele_schema *narrow, *wide, *undefaulted;
	char name[STELE_NAME_MAX + 1];
	struct stele_transaction *tx;
	struct stele_row row;
	const struct stele_row_ref rows[] = {{"\0\0\0\1", 32, "\2", 1}, {"\0\0\0\2", 32, "\3", 1}};

	SCHEMA("t(id: u32 key, state: u8)", &narrow);
	SCHEMA("t(id: u32 key, state: u8 enum(up=1, down=2), zone: u8 enum(eu=1) default eu)",
	       &wide);
	SCHEMA("t(id: u32 key, state: u8, zone: u8 enum(eu=1))", &undefaulted);
	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_transaction_create_table(tx, "t", narrow));
	/* Rows would get a number without a word, and so would later ones. */
	RETURNS(stele_transaction_alter_table(tx, "t", undefaulted), -EINVAL, "\"zone\"");
	OK(stele_transaction_put(tx, "t", "\0\0\0\1", 32, "\1", 1));
	RETURNS(stele_transaction_alter_table(tx, "t", undefaulted), -EINVAL,
	        "\"zone\" needs a default");
	RETURNS(stele_transaction_alter_table(tx, "t", wide), 1, "");
	RETURNS(stele_transaction_ensure_table(tx, "t", narrow), 0, "");
	/* The table has words where the declared schema has none. */
	RETURNS(stele_transaction_put(tx, "t", "\0\0\0\1", 32, "\3", 1), -EINVAL, "\"state\"");
	RETURNS(stele_transaction_put_many(tx, "t", rows, 2), -EINVAL, "\"state\"");
	RETURNS(stele_transaction_get(tx, "t", NULL, "\0\0\0\1", 32, &row), 1, "");
	cr_expect_eq(((const char *)row.value)[0], 1);
	RETURNS(stele_transaction_put_many(tx, "t", rows, 1), 1, "");
	/* A table that had the column from its creation. */
	OK(stele_transaction_create_table(tx, "u", undefaulted));
	RETURNS(stele_transaction_ensure_table(tx, "u", narrow), -EMEDIUMTYPE, "\"zone\" needs");
	stele_transaction_abort(tx);
	stele_schema_free(narrow);
	stele_schema_free(wide);
	stele_schema_free(undefaulted);
	stele_publisher_close(publisher);
}

Test(alter_writers, find_no_text_where_their_values_end)
{
	struct stele_publisher *publisher = route_publish(2);
	char name[STELE_NAME_MAX + 1];
	struct stele_transaction *tx;
	struct stele_schema *schema;

	SCHEMA("r(prefix: ipv4net key, next_hop: u32, metric: u32, note: text)", &schema);
	OK(stele_transaction_begin(publisher, &tx));
	RETURNS(stele_transaction_alter_table(tx, "routes", schema), -EMEDIUMTYPE, "(@9)");
	stele_schema_free(schema);
	SCHEMA("r(prefix: ipv4net key, next_hop: u32, metric: u32, a: u8, note: bytes)", &schema);
	RETURNS(stele_transaction_alter_table(tx, "routes", schema), 1, "");
	stele_schema_free(schema);
	stele_transaction_abort(tx);
	stele_publisher_close(publisher);
}

/* Another publisher's table may have values of the declared size, or of any. */
Test(alter_writers, put_nothing_into_a_table_that_they_do_not_fit)
{
	static const char *const others[] = {"t(id: u32 key, x: u32, y: u32)",
	                                     "t(id: u32 key, note: text)"};
	struct stele_publisher *publisher = ipc_attach(region, NULL);
	struct stele_schema *declared, *other;
	char name[STELE_NAME_MAX + 1];
	struct stele_transaction *tx;

	SCHEMA("t(id: u32 key, word: char[4], y: u32)", &declared);
	OK(stele_transaction_begin(publisher, &tx));
	RETURNS(stele_transaction_ensure_table(tx, "t", declared), 1, "");
	RETURNS(stele_transaction_put(tx, "t", "\0\0\0\1", 32, "word1234", 8), 1, "");
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	for (unsigned i = 0; i < 2; i++) {
		SCHEMA(others[i], &other);
		OK(stele_transaction_begin(publisher, &tx));
		OK(stele_transaction_drop_table(tx, "t"));
		OK(stele_transaction_create_table(tx, "t", other));
		RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
		OK(stele_transaction_begin(publisher, &tx));
		OK(stele_transaction_drop_table(tx, "t"));
		OK(stele_transaction_create_table(tx, "t", declared));
		OK(stele_transaction_ensure_table(tx, "t", declared));
		RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
		OK(stele_transaction_begin(publisher, &tx));
		OK(stele_transaction_rollback(tx, POSITION(tx, 2 * i + 2)));
		RETURNS(stele_transaction_put(tx, "t", "\0\0\0\2", 32, "word1234", 8), -EMEDIUMTYPE,
		        "another schema than was declared");
		stele_transaction_abort(tx);
		stele_schema_free(other);
	}
	stele_schema_free(declared);
	stele_publisher_close(publisher);
}
