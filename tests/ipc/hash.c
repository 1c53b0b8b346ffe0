/* SPDX-License-Identifier: MIT
 *
 * Hash indexes beside a publisher: the keys that they refuse, a move to a table with another kind
 * of key, and references to rows that are no longer rows. What all indexes promise is tested in
 * ipc/indexes.c. */
#include "subscriber/index/hash_state.h"
#include "tests/support/ipc/index_kind.h"
#include "tests/support/ipc/ipc.h"

TestSuite(ipc_hash, .init = ipc_begin, .fini = ipc_end, .timeout = 120);

static const struct index_kind *const kind = &index_kind_hash;

static int get(const struct stele_hash *hash, unsigned id, struct stele_row *ret)
{
	struct index_answer answer = {0};
	int r = kind->find(hash, id, &answer);

	*ret = answer.row;
	return r;
}

static const struct {
	const char *declaration;
	unsigned char key[8];
	unsigned bits;
} refused[] = {
	{"t(id: u32 key, hop: u32)", {1, 2, 3, 4, 5}, 40},
	{"t(id: u32 key, hop: u32)", {1, 2, 3, 4}, 31},
	{"t(id: u32 key, hop: u32)", {0}, UINT32_MAX},
	{"t(name: text key, hop: text)", {'a', 'b'}, 12},
	{"t(name: text key, hop: text)", {0}, STELE_KEY_MAX * 8 + 8},
	{"t(prefix: ipv4net key, hop: u32)", {10, 1, 1, 1}, 31},
	{"t(prefix: ipv4net key, hop: u32)", {10, 1, 1, 1}, 33},
};

Test(ipc_hash, keys_are_refused_as_by_the_table)
{
	struct stele_publisher *publisher = index_publish(kind, 4, 0);
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);

	for (unsigned i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct stele_key_ref keys[40];
		struct stele_row rows[40], untouched = {.version = 5}, row = untouched;
		char own[8], message[256];
		struct stele_snapshot *snapshot;
		struct stele_table table;
		struct stele_hash *hash;
		snprintf(own, sizeof(own), "t%u", i);
		ipc_declare_table(publisher, refused[i].declaration, own);
		snapshot = ipc_newest_table(subscriber, own, &table);
		OK(stele_hash_open(&table, &hash));
		for (unsigned j = 0; j < 40; j++)
			keys[j] = (struct stele_key_ref){refused[i].key, 32};
		keys[39].bits = refused[i].bits;
		RETURNS(stele_table_get(&table, refused[i].key, refused[i].bits, &row), -EINVAL,
		        "");
		snprintf(message, sizeof(message), "%s", stele_last_error());
		RETURNS(stele_hash_get(hash, refused[i].key, refused[i].bits, &row), -EINVAL,
		        message);
		RETURNS(stele_hash_get_many(hash, keys, 40, rows), -EINVAL, "");
		cr_expect_eq(row.version, untouched.version, "an output was written on failure");
		RETURNS(stele_hash_get_many(hash, keys, 0, rows), 0, "");
		stele_hash_close(hash);
		stele_snapshot_close(snapshot);
	}
	cr_expect_null(stele_hash_close(NULL));
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

Test(ipc_hash, moves_to_a_table_with_another_kind_of_key)
{
	struct stele_publisher *publisher = index_publish(kind, 4, 0);
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	char name[STELE_NAME_MAX + 1];
	struct stele_snapshot *snapshot;
	struct stele_transaction *tx;
	struct stele_schema *other;
	struct stele_table table;
	struct stele_hash *hash;
	struct stele_row row;

	index_commit(kind, publisher, 2, 100);
	OK(stele_schema_parse("nets(prefix: ipv4net key, note: text)", name, &other));
	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_transaction_create_table(tx, name, other));
	OK(stele_transaction_put(tx, name, "\12\2", 15, "odd", 3));
	OK(stele_transaction_commit(tx, NULL, NULL));
	stele_schema_free(other);
	snapshot = index_newest(subscriber, &table);
	OK(stele_hash_open(&table, &hash));
	RETURNS(get(hash, 2, &row), 1, "");
	OK(stele_table_open(snapshot, name, NULL, &table));
	OK(stele_hash_move(hash, &table));
	RETURNS(stele_hash_get(hash, "\12\2", 15, &row), 1, "");
	cr_expect(row.value_size == 3 && memcmp(row.value, "odd", 3) == 0);
	RETURNS(stele_hash_get(hash, "\12\2", 16, &row), 0, "");
	OK(stele_table_open(snapshot, "items", NULL, &table));
	OK(stele_hash_move(hash, &table));
	index_compare(kind, hash, &table, ITEM_ROWS);
	stele_hash_close(hash);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

/* Rows were overwritten by nodes, and references lead anywhere. The index was consistent when it
 * was built. */
Test(ipc_hash, references_to_overwritten_rows_are_an_error)
{
	struct stele_publisher *publisher = index_publish(kind, 4, 0);
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	struct stele_key_ref key = {"/some/name/2", 96};
	struct stele_table table;
	struct stele_hash *hash;
	struct stele_row row;
	char path[128];
	uint64_t first;
	int fd;

	index_commit(kind, publisher, 2, 100);
	index_newest(subscriber, &table);
	OK(stele_hash_open(&table, &hash));
	RETURNS(get(hash, 2, &row), 1, "");
	ipc_path(path, "");
	fd = open(path, O_RDWR | O_CLOEXEC);
	cr_assert_geq(fd, 0);
	first = row.version | LAYOUT_NODE;
	cr_assert_eq(pwrite(fd, &first, 8, (const unsigned char *)row.value - 8 - hash->view.base),
	             8);
	RETURNS(get(hash, 2, &row), -EBADMSG, "");
	RETURNS(stele_hash_get_many(hash, &key, 1, &row), -EBADMSG, "");
	for (uint32_t i = 0; i < hash->rows.count; i++)
		for (unsigned place = 0; place < HASH_PLACES; place++)
			if (hash->rows.buckets[i].refs[place])
				hash->rows.buckets[i].refs[place] = UINT32_MAX;
	RETURNS(get(hash, 2, &row), -EBADMSG, "");
	RETURNS(stele_hash_get_many(hash, &key, 1, &row), -EBADMSG, "");
	/* A truncated file is an error, too. */
	cr_assert_eq(ftruncate(fd, 4096), 0);
	RETURNS(get(hash, 3, &row), -EBADMSG, "");
	RETURNS(stele_hash_move(hash, &table), -EBADMSG, "");
	close(fd);
	stele_hash_close(hash);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}
