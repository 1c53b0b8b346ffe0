/* SPDX-License-Identifier: MIT
 *
 * The same rows in a region and in an LMDB database on the same tmpfs. */
#ifndef TESTS_SUPPORT_BENCH_PEER_LMDB_H
#define TESTS_SUPPORT_BENCH_PEER_LMDB_H

#include <lmdb.h>
#include <stele/stele.h>
#include <string.h>

#include "tests/support/bench/bench.h"
#include "tests/support/bench/bench_rows.h"

/* ---- both stores ---- */

/* The open handles of both stores. */
struct both {
	const struct kind *kind;
	uint64_t rows;
	uint64_t empty_size; /* size of the region's file before the rows were loaded */

	struct stele_publisher *publisher;
	struct stele_subscriber *subscriber;
	struct stele_snapshot *snapshot;
	struct stele_table table;

	char path[64];
	MDB_env *env;
	MDB_dbi dbi;
	MDB_txn *reader;
};
extern struct both both;

#define lmdb(call) \
	do { \
		int lmdb_result = (call); \
		if (lmdb_result != 0) { \
			fprintf(stderr, "%s\n", mdb_strerror(lmdb_result)); \
			bench_fail(#call); \
		} \
	} while (0)

/* Returns the size of the region's file. */
uint64_t region_file_size(void);

/* Creates both stores, empty. */
void both_open(const struct kind *kind, uint64_t rows);

/* Closes and removes both stores. */
void both_close(void);

/* Puts a row with the value of its `round`th update. */
static inline void put_lmdb(MDB_txn *txn, uint64_t number, uint64_t round)
{
	unsigned char key[KEY_MAX];
	struct item item = item_of(number, round);
	MDB_val k = {both.kind->key_size, key}, v = {sizeof(item), &item};

	both.kind->key(number, key);
	lmdb(mdb_put(txn, both.dbi, &k, &v, 0));
}

/* Loads all rows in one transaction, in an order unrelated to that of the keys. Returns the seconds
 * taken. The time includes making the keys and values, as in load_lmdb(), where this happens
 * between the puts; their memory is allocated beforehand. */
double load_stele(void);

/* Like load_stele(), but with one call per row. */
double load_stele_one_by_one(void);

/* Loads the same rows into LMDB. */
double load_lmdb(void);

/* Opens a snapshot of the region, and a read transaction of LMDB. */
void read_begin(void);

/* Closes the snapshot and the read transaction. */
void read_end(void);

/* Looks up a row in the region or in LMDB. Returns the sum over its value, which must be equal in
 * both. */
static inline uint64_t get_stele(const unsigned char *key)
{
	struct stele_row row;

	if (stele_table_get(&both.table, key, both.kind->key_size * 8, &row) != 1)
		bench_fail("a row is missing");
	return item_sum(row.value);
}

static inline uint64_t get_lmdb(const unsigned char *key)
{
	MDB_val k = {both.kind->key_size, (void *)(uintptr_t)key}, v;

	lmdb(mdb_get(both.reader, both.dbi, &k, &v));
	return item_sum(v.mv_data);
}

/* Checks that every row is in both stores with the same value. */
void both_check(void);

#endif
