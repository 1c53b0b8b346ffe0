/* SPDX-License-Identifier: MIT
 *
 * Gets and matches by the name of a table: the expected schema, and tables that are created again
 * under the same name. */
#include "tests/support/ipc/ipc.h"

TestSuite(ipc_by_name, .init = ipc_begin, .fini = ipc_end, .timeout = 60);

/* Drops "rows", and creates it again with one row 0, from a declaration. The row's value is a
 * number. */
static void create_again(struct stele_publisher *publisher, const char *declaration)
{
	const uint32_t number = 7;
	char name[STELE_NAME_MAX + 1];
	struct stele_transaction *tx;
	struct stele_schema *schema;

	OK(stele_schema_parse(declaration, name, &schema));
	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_transaction_drop_table(tx, "rows"));
	OK(stele_transaction_create_table(tx, "rows", schema));
	RETURNS(stele_transaction_put(tx, "rows", "\0\0\0\0", 32, &number, sizeof(number)), 1, "");
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	stele_schema_free(schema);
}

/* Reads row 0 of "rows" from a snapshot in each way that takes a name. Each must return `want`. */
static void read_snapshot(const struct stele_snapshot *snapshot, const struct stele_schema *schema,
                          int want, const char *message)
{
	const struct stele_key_ref key = {"\0\0\0\0", 32};
	struct stele_row row;

	RETURNS(stele_snapshot_get(snapshot, "rows", schema, key.data, 32, &row), want, message);
	RETURNS(stele_snapshot_match(snapshot, "rows", schema, key.data, 32, &row), want, message);
	RETURNS((int)stele_snapshot_get_many(snapshot, "rows", schema, &key, 1, &row), want,
	        message);
	RETURNS((int)stele_snapshot_match_many(snapshot, "rows", schema, &key, 1, &row), want,
	        message);
}

/* The same from the newest version. A read that fails leaves the buffer as it was. */
static void read_newest(struct stele_subscriber *subscriber, const struct stele_schema *schema,
                        int want, const char *message)
{
	struct ipc_value value, before;
	size_t size = sizeof(value);

	memset(&value, 0x55, sizeof(value));
	before = value;
	RETURNS(stele_subscriber_get_copy(subscriber, "rows", schema, "\0\0\0\0", 32, &value, &size,
	                                  NULL),
	        want, message);
	size = sizeof(value);
	RETURNS(stele_subscriber_match_copy(subscriber, "rows", schema, "\0\0\0\0", 32, &value,
	                                    &size, NULL, NULL),
	        want, message);
	cr_expect(want == 1 || memcmp(&value, &before, sizeof(value)) == 0);
}

/* A program that was compiled with a struct never reads it out of a value of other columns. */
Test(ipc_by_name, a_table_of_other_columns_is_an_error)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	struct stele_snapshot *old, *snapshot;

	OK(stele_snapshot_open(subscriber, 0, &old));
	for (int round = 0; round < 2; round++) {
		read_snapshot(old, &ipc_schema, 1, "");
		read_newest(subscriber, &ipc_schema, 1, "");
		read_newest(subscriber, NULL, 1, "");
	}
	create_again(publisher, "rows(id: u32 key, count: u32)");
	OK(stele_snapshot_open(subscriber, 0, &snapshot));
	for (int round = 0; round < 2; round++) {
		read_snapshot(old, &ipc_schema, 1, "");
		read_snapshot(snapshot, NULL, 1, "");
		read_snapshot(snapshot, &ipc_schema, -EINVAL,
		              "table \"rows\" has another schema than this program expects: (id: "
		              "u32 key, count: u32), not (id: u32 key, number: u64");
		read_newest(subscriber, NULL, 1, "");
		read_newest(subscriber, &ipc_schema, -EINVAL, "another schema");
	}
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}
