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

/* What is open of either. */
struct both {
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

/* The size of the region's file. */
uint64_t region_file_size(void);

/* Makes both stores, empty. */
void both_open(const struct kind *kind, uint64_t rows);

/* Closes and removes both. */
void both_close(void);

/* Puts a row as it is after it was written for the `round`th time. */
static inline void put_lmdb(MDB_txn *txn, uint64_t number, uint64_t round)
{
	unsigned char key[KEY_MOST];
	struct item item = item_of(number, round);
	MDB_val k = {both.kind->key_size, key}, v = {sizeof(item), &item};

	both.kind->key(number, key);
	lmdb(mdb_put(txn, both.dbi, &k, &v, 0));
}

/* All rows in one transaction, in an order that has nothing to do with that of the keys;
 * seconds. Making the keys and values counts, as with LMDB, whose puts come in between; room for
 * them was there before. */
double load_stele(void);

/* The same with a call for each. */
double load_stele_one_by_one(void);

/* The same rows into LMDB. */
double load_lmdb(void);

/* A long read transaction of each. */
void read_begin(void);

/* Ends both. */
void read_end(void);

/* Looks up a row in either: the sum over its value, which both must agree on. */
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

/* Every row is in both, and the same. */
void both_check(void);

#endif
