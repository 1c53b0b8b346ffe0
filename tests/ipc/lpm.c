/* SPDX-License-Identifier: MIT
 *
 * Indexes of prefixes: the tables and columns that they refuse, their answers from a column of each
 * supported type, and a table of the other address family. What all indexes promise is tested in
 * ipc/indexes.c. */
#include <stele/lpm.h>

#include "tests/support/ipc/index_kind.h"
#include "tests/support/ipc/ipc.h"
#include "tests/support/random.h"

TestSuite(ipc_index, .init = ipc_begin, .fini = ipc_end, .timeout = 120);

static struct stele_publisher *publish(void)
{
	struct stele_publisher_options options = {.size = sizeof(options),
	                                          .flags = STELE_CREATE_NEW};

	return ipc_attach(region, &options);
}

static const struct {
	const char *declaration, *column;
	int error;
	const char *part;
} refused[] = {
	{"t(id: u32 key, hop: u32)", "hop", -EMEDIUMTYPE, "of type ipv4net or ipv6net"},
	{"t(address: ipv4 key, hop: u32)", "hop", -EMEDIUMTYPE, "of type ipv4net or ipv6net"},
	{"t(vrf: u8 key, prefix: ipv4net key, hop: u32)", "hop", -EMEDIUMTYPE, "only key column"},
	{"t(prefix: ipv4net key, hop: u32)", "hopp", -ENXIO, "no column \"hopp\""},
	{"t(prefix: ipv4net key, hop: u64)", "hop", -EMEDIUMTYPE, "u64"},
	{"t(prefix: ipv4net key, hop: ipv6)", "hop", -EMEDIUMTYPE, "ipv6"},
	{"t(prefix: ipv4net key, hop: u32)", "prefix", -EMEDIUMTYPE, "key column"},
	{"t(prefix: ipv4net key, hop: u32)", "", -EINVAL, "column"},
};

Test(ipc_index, unsuitable_tables_and_columns_are_refused)
{
	struct stele_publisher *publisher = publish();
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);

	for (unsigned i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		char own[8];
		struct stele_lpm *index = NULL;
		struct stele_snapshot *snapshot;
		struct stele_table table;
		snprintf(own, sizeof(own), "t%u", i);
		ipc_declare_table(publisher, refused[i].declaration, own);
		snapshot = ipc_newest_table(subscriber, own, &table);
		RETURNS(stele_lpm_open(&table, refused[i].column, 0, &index), refused[i].error,
		        refused[i].part);
		cr_expect_null(index, "an output was written on failure");
		stele_snapshot_close(snapshot);
	}
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

Test(ipc_index, columns_of_each_size_are_returned)
{
	static const char *const types[] = {"u8", "bool", "u16", "u32", "i32", "ipv4"};
	static const unsigned char values[][4] = {
		{7}, {1}, {1, 2}, {1, 2, 3, 4}, {255, 254, 253, 252}, {192, 0, 2, 1}};
	static const unsigned sizes[] = {1, 1, 2, 4, 4, 4};
	struct stele_publisher *publisher = publish();
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);

	for (unsigned i = 0; i < 6; i++) {
		char declaration[64], own[8], name[STELE_NAME_MAX + 1];
		struct stele_snapshot *snapshot;
		struct stele_transaction *tx;
		struct stele_schema *other;
		struct stele_table table;
		struct stele_lpm *index;
		uint32_t answer = 1, expected = 0;
		uint16_t half;
		snprintf(own, sizeof(own), "t%u", i);
		snprintf(declaration, sizeof(declaration), "t(prefix: ipv4net key, hop: %s)",
		         types[i]);
		OK(stele_schema_parse(declaration, name, &other));
		OK(stele_transaction_begin(publisher, &tx));
		OK(stele_transaction_create_table(tx, own, other));
		OK(stele_transaction_put(tx, own, "\12", 8, values[i], sizes[i]));
		OK(stele_transaction_commit(tx, NULL, NULL));
		stele_schema_free(other);
		OK(stele_snapshot_open(subscriber, 0, &snapshot));
		OK(stele_table_open(snapshot, own, NULL, &table));
		OK(stele_lpm_open(&table, "hop", 99, &index));
		memcpy(&half, values[i], 2);
		memcpy(&expected, values[i], 4);
		expected = sizes[i] == 1 ? values[i][0] : sizes[i] == 2 ? half : expected;
		RETURNS(stele_lpm_match(index, "\12\0\0\1", &answer), 1, "");
		cr_expect_eq(answer, expected, "%s: %x", types[i], answer);
		RETURNS(stele_lpm_match(index, "\13\0\0\1", &answer), 0, "");
		cr_expect_eq(answer, 99);
		RETURNS(stele_lpm_row(index, answer, &(struct stele_row){0}), -EINVAL, "\"hop\"");
		stele_lpm_close(index);
		stele_snapshot_close(snapshot);
	}
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

Test(ipc_index, a_table_of_the_other_family_leaves_the_index_unchanged)
{
	struct stele_publisher *publisher = index_publish(&index_kind_column, 4, 0);
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	struct stele_snapshot *snapshot;
	struct stele_table table;
	struct stele_lpm *index;
	uint32_t answer;

	index_commit(&index_kind_column, publisher, 1, 100);
	ipc_declare_table(publisher, "six(prefix: ipv6net key, number: u32)", "six");
	snapshot = index_newest(subscriber, &table);
	OK(stele_lpm_open(&table, "number", 0, &index));
	OK(stele_table_open(snapshot, "six", NULL, &table));
	RETURNS(stele_lpm_move(index, &table), -EMEDIUMTYPE, "IPv4");
	RETURNS(stele_lpm_match(index, "\12\1\1\1", &answer), 1, "");
	cr_expect_eq(answer, 100);
	stele_lpm_close(index);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

/* Writes the key of a row: the number of a routing table, and a prefix. Returns its bits. */
static unsigned under_key(uint64_t *state, bool wide, unsigned table, unsigned char *ret)
{
	unsigned length = (unsigned)(random_from(state) % (wide ? 129 : 33));

	memcpy(ret, (unsigned char[]){0, 0, 0, (unsigned char)table, 9}, 5);
	for (unsigned i = 5; i < 21; i++)
		ret[i] = i - 5 < length / 8 ? (unsigned char)(random_from(state) % 3 * 0x55) : 0;
	return 40 + length;
}

/* Changes rows of three routing tables, and compares an index of the second with lookups in the
 * table, after an open and after moves. */
static void check_under(bool wide)
{
	struct stele_publisher *publisher = publish();
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	struct stele_snapshot *snapshot = NULL, *newer;
	struct stele_table table;
	struct stele_lpm *index = NULL;
	uint64_t random_state = 11, *state = &random_state;

	ipc_declare_table(publisher,
	                  wide ? "t(vrf: u32 key, zone: u8 key, prefix: ipv6net key, hop: u32)"
	                       : "t(vrf: u32 key, zone: u8 key, prefix: ipv4net key, hop: u32)",
	                  "t");
	for (unsigned round = 0; round < 20; round++) {
		struct stele_transaction *tx;

		OK(stele_transaction_begin(publisher, &tx));
		for (unsigned i = 0; i < 60; i++) {
			unsigned char key[21];
			unsigned bits = under_key(state, wide, i % 3, key);
			uint32_t hop = 1 + round * 60 + i;

			if (i % 5 == 0)
				OK(stele_transaction_delete(tx, "t", key, bits));
			else
				OK(stele_transaction_put(tx, "t", key, bits, &hop, sizeof(hop)));
		}
		OK(stele_transaction_commit(tx, NULL, NULL));
		OK(stele_snapshot_open(subscriber, 0, &newer));
		OK(stele_table_open(newer, "t", NULL, &table));
		if (index)
			OK(stele_lpm_move(index, &table));
		else
			OK(stele_lpm_open_under(&table, "\0\0\0\1\11", 40, "hop", 0, &index));
		stele_snapshot_close(snapshot);
		snapshot = newer;
		for (unsigned i = 0; i < 300; i++) {
			unsigned char key[21];
			struct stele_row row;
			uint32_t answer = 0, expected = 0;

			under_key(state, wide, 1, key);
			key[5 + random_from(state) % 16] ^= 1;
			if (stele_table_match(&table, key, wide ? 168 : 72, &row) == 1)
				memcpy(&expected, row.value, sizeof(expected));
			OK(stele_lpm_match(index, key + 5, &answer));
			cr_assert_eq(answer, expected, "round %u: %u, not %u", round, answer,
			             expected);
		}
	}
	RETURNS(stele_lpm_open_under(&table, "\0\0\0\1", 32, "hop", 0, &index), -EMEDIUMTYPE,
	        "40 bits");
	RETURNS(stele_lpm_open(&table, "hop", 0, &index), -EMEDIUMTYPE, "stele_lpm_open_under()");
	stele_lpm_close(index);
	stele_snapshot_close(snapshot);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

Test(ipc_index, an_index_under_a_key_has_the_rows_of_that_key_ipv4)
{
	check_under(false);
}

Test(ipc_index, an_index_under_a_key_has_the_rows_of_that_key_ipv6)
{
	check_under(true);
}
