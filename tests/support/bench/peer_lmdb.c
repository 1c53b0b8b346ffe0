/* SPDX-License-Identifier: MIT */
#include "tests/support/bench/peer_lmdb.h"

#include <lmdb.h>
#include <stele/stele.h>
#include <string.h>

#include "tests/support/bench/bench.h"
#include "tests/support/bench/bench_rows.h"

/* ---- both stores ---- */

struct both both;

static void lmdb_remove(void)
{
	char lock[80];

	snprintf(lock, sizeof(lock), "%s-lock", both.path);
	unlink(both.path);
	unlink(lock);
}

uint64_t region_file_size(void)
{
	struct stele_region_info info = {.size = sizeof(info)};

	must(stele_region_describe(bench_region, &info));
	return info.file_size;
}

void both_open(const struct kind *kind, uint64_t rows)
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

void both_close(void)
{
	mdb_env_close(both.env);
	lmdb_remove();
	stele_publisher_close(both.publisher);
	must(stele_region_remove(bench_region));
}

double load_stele(void)
{
	static unsigned char(*keys)[KEY_MAX];
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
	begin = bench_seconds();
	for (uint64_t i = 0; i < both.rows; i++) {
		uint64_t number = i * 999983 % both.rows;
		both.kind->key(number, keys[i]);
		items[i] = item_of(number, 0);
		rows[i] = (struct stele_row_ref){keys[i], both.kind->key_size * 8, &items[i],
		                                 sizeof(items[i])};
	}
	must(stele_transaction_begin(both.publisher, &tx));
	check(stele_transaction_put_many(tx, "items", rows, both.rows) == (int64_t)both.rows);
	must(stele_transaction_commit(tx, NULL, NULL));
	return bench_seconds() - begin;
}

double load_stele_one_by_one(void)
{
	struct stele_transaction *tx;
	struct stele_writable *table;
	double begin = bench_seconds();

	must(stele_transaction_begin(both.publisher, &tx));
	must(stele_writable_open(tx, "items", NULL, &table));
	for (uint64_t i = 0; i < both.rows; i++)
		item_put(table, both.kind, i * 999983 % both.rows, 0);
	must(stele_transaction_commit(tx, NULL, NULL));
	return bench_seconds() - begin;
}

double load_lmdb(void)
{
	MDB_txn *txn;
	double begin = bench_seconds();

	lmdb(mdb_txn_begin(both.env, NULL, 0, &txn));
	for (uint64_t i = 0; i < both.rows; i++)
		put_lmdb(txn, i * 999983 % both.rows, 0);
	lmdb(mdb_txn_commit(txn));
	return bench_seconds() - begin;
}

void read_begin(void)
{
	must(stele_subscriber_open(bench_region, NULL, &both.subscriber));
	must(stele_snapshot_open(both.subscriber, 0, &both.snapshot));
	must(stele_table_open(both.snapshot, "items", both.kind->schema, &both.table));
	lmdb(mdb_txn_begin(both.env, NULL, MDB_RDONLY, &both.reader));
}

void read_end(void)
{
	mdb_txn_abort(both.reader);
	stele_subscriber_close(both.subscriber);
}

void both_check(void)
{
	check(stele_table_rows(&both.table) == both.rows);
	for (uint64_t i = 0; i < both.rows; i++) {
		unsigned char key[KEY_MAX];
		struct stele_row row;
		MDB_val k = {both.kind->key_size, key}, v;

		both.kind->key(i, key);
		check(stele_table_get(&both.table, key, both.kind->key_size * 8, &row) == 1);
		lmdb(mdb_get(both.reader, both.dbi, &k, &v));
		check(row.value_size == sizeof(struct item) && v.mv_size == sizeof(struct item));
		check(memcmp(row.value, v.mv_data, sizeof(struct item)) == 0);
	}
}
