/* SPDX-License-Identifier: MIT
 *
 * The same rows in a region and in an LMDB database on the same tmpfs. */
#ifndef TESTS_SUPPORT_BENCH_BOTH_H
#define TESTS_SUPPORT_BENCH_BOTH_H

#include <lmdb.h>
#include <stele/stele.h>
#include <string.h>

#include "tests/support/bench.h"
#include "tests/support/bench_rows.h"

/* ---- both stores ---- */

static struct {
	const struct kind *kind;
	uint64_t rows;
	uint64_t empty_size; /* of the region's file before the rows */

	struct stele_publisher *publisher;
	struct stele_subscriber *subscriber;
	struct stele_snapshot *snapshot;
	struct stele_table table;

	char path[64];
	MDB_env *env;
	MDB_dbi dbi;
	MDB_txn *reader;
} both;

static inline void lmdb_remove(void)
{
	char lock[80];

	snprintf(lock, sizeof(lock), "%s-lock", both.path);
	unlink(both.path);
	unlink(lock);
}

#define lmdb(call) \
	do { \
		int lmdb_result = (call); \
		if (lmdb_result != 0) { \
			fprintf(stderr, "%s\n", mdb_strerror(lmdb_result)); \
			fail(#call); \
		} \
	} while (0)

static inline uint64_t region_file_size(void)
{
	struct stele_region_info info = {.size = sizeof(info)};

	must(stele_region_describe(region, &info));
	return info.file_size;
}

static inline void both_open(const struct kind *kind, uint64_t rows)
{
	MDB_txn *txn;

	both.kind = kind;
	both.rows = rows;
	both.publisher = items_publish(kind, 0);
	both.empty_size = region_file_size();

	if (both.path[0] == '\0') {
		snprintf(both.path, sizeof(both.path), "/dev/shm/bench-lmdb-%ld", (long)getpid());
		atexit(lmdb_remove);
	}
	lmdb(mdb_env_create(&both.env));
	lmdb(mdb_env_set_mapsize(both.env, (size_t)8 << 30));
	lmdb(mdb_env_open(both.env, both.path, MDB_NOSUBDIR | MDB_NOSYNC | MDB_WRITEMAP | MDB_NOTLS,
	                  0600));
	lmdb(mdb_txn_begin(both.env, NULL, 0, &txn));
	lmdb(mdb_dbi_open(txn, NULL, 0, &both.dbi));
	lmdb(mdb_txn_commit(txn));
}

static inline void both_close(void)
{
	mdb_env_close(both.env);
	lmdb_remove();
	stele_publisher_close(both.publisher);
	must(stele_region_remove(region));
}

static inline void put_lmdb(MDB_txn *txn, uint64_t number, uint64_t round)
{
	unsigned char key[KEY_MOST];
	struct item item = item_of(number, round);
	MDB_val k = {both.kind->key_size, key}, v = {sizeof(item), &item};

	both.kind->key(number, key);
	lmdb(mdb_put(txn, both.dbi, &k, &v, 0));
}

/* All rows in one transaction, in an order that has nothing to do with that of the keys; seconds. Making
 * the keys and values counts, as with LMDB, whose puts come in between; room for them was there
 * before. */
static inline double load_stele(void)
{
	static unsigned char(*keys)[KEY_MOST];
	static struct stele_row_ref *rows;
	static struct item *items;
	static uint64_t room;
	struct stele_transaction *tx;
	double begin;

	if (room < both.rows) {
		room = both.rows;
		rows = realloc(rows, room * sizeof(*rows));
		keys = realloc(keys, room * sizeof(*keys));
		items = realloc(items, room * sizeof(*items));
		check(rows && keys && items);
		memset(rows, 1, room * sizeof(*rows));
		memset(keys, 1, room * sizeof(*keys));
		memset(items, 1, room * sizeof(*items));
	}
	begin = seconds();
	for (uint64_t i = 0; i < both.rows; i++) {
		uint64_t number = i * 999983 % both.rows;
		both.kind->key(number, keys[i]);
		items[i] = item_of(number, 0);
		rows[i] = (struct stele_row_ref){keys[i], both.kind->key_size * 8, &items[i],
		                                 sizeof(items[i])};
	}
	must(stele_transaction_begin(both.publisher, &tx));
	check(stele_put_many(tx, "items", rows, both.rows) == (int64_t)both.rows);
	must(stele_transaction_commit(tx, NULL, NULL));
	return seconds() - begin;
}

/* The same with a call for each. */
static inline double load_stele_one_by_one(void)
{
	struct stele_transaction *tx;
	struct stele_writable *table;
	double begin = seconds();

	must(stele_transaction_begin(both.publisher, &tx));
	must(stele_writable_open(tx, "items", &table));
	for (uint64_t i = 0; i < both.rows; i++)
		put_item(table, both.kind, i * 999983 % both.rows, 0);
	must(stele_transaction_commit(tx, NULL, NULL));
	return seconds() - begin;
}

static inline double load_lmdb(void)
{
	MDB_txn *txn;
	double begin = seconds();

	lmdb(mdb_txn_begin(both.env, NULL, 0, &txn));
	for (uint64_t i = 0; i < both.rows; i++)
		put_lmdb(txn, i * 999983 % both.rows, 0);
	lmdb(mdb_txn_commit(txn));
	return seconds() - begin;
}

/* A long read transaction of each. */
static inline void read_begin(void)
{
	must(stele_subscriber_open(region, NULL, &both.subscriber));
	must(stele_snapshot_open(both.subscriber, 0, &both.snapshot));
	must(stele_table_open(both.snapshot, "items", both.kind->schema, &both.table));
	lmdb(mdb_txn_begin(both.env, NULL, MDB_RDONLY, &both.reader));
}

static inline void read_end(void)
{
	mdb_txn_abort(both.reader);
	stele_subscriber_close(both.subscriber);
}

static inline uint64_t get_stele(const unsigned char *key)
{
	struct stele_row row;

	if (stele_table_get(&both.table, key, both.kind->key_size * 8, &row) != 1)
		fail("a row is missing");
	return item_sum(row.value);
}

static inline uint64_t get_lmdb(const unsigned char *key)
{
	MDB_val k = {both.kind->key_size, (void *)(uintptr_t)key}, v;

	lmdb(mdb_get(both.reader, both.dbi, &k, &v));
	return item_sum(v.mv_data);
}

/* Every row is in both, and the same. */
static inline void both_check(void)
{
	check(stele_table_rows(&both.table) == both.rows);
	for (uint64_t i = 0; i < both.rows; i++) {
		unsigned char key[KEY_MOST];
		struct stele_row row;
		MDB_val k = {both.kind->key_size, key}, v;

		both.kind->key(i, key);
		check(stele_table_get(&both.table, key, both.kind->key_size * 8, &row) == 1);
		lmdb(mdb_get(both.reader, both.dbi, &k, &v));
		check(row.value_size == sizeof(struct item) && v.mv_size == sizeof(struct item));
		check(memcmp(row.value, v.mv_data, sizeof(struct item)) == 0);
	}
}

#endif
