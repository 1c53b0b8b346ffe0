/* SPDX-License-Identifier: MIT
 *
 * The cost of a lookup, of a scanned row and of a commit of one row, in tables of 100 to 10,000,000
 * rows, in a region and in LMDB.
 *
 *   STELE_ROWS=NUMBER   the largest table (default 10,000,000) */
#include "lib/units.h"
#include "tests/support/bench/peer_lmdb.h"

#define ROUNDS  5
#define GETS    200000u
#define SCANNED 200000u
#define COMMITS 5000

static double random_gets(uint64_t (*get)(const unsigned char *), uint64_t *sum)
{
	uint64_t random = 17;
	double begin = bench_seconds();

	for (unsigned i = 0; i < GETS; i++) {
		unsigned char key[KEY_MAX];

		key_id(random_from(&random) % both.rows, key);
		*sum += get(key);
	}
	return (bench_seconds() - begin) / GETS * (double)NSEC_PER_SEC;
}

static void bench_get(void)
{
	double stele[ROUNDS], peer[ROUNDS];

	for (int round = 0; round < ROUNDS; round++) {
		uint64_t ours = 0, theirs = 0;

		stele[round] = random_gets(get_stele, &ours);
		peer[round] = random_gets(get_lmdb, &theirs);
		check(ours == theirs);
	}
	bench_plot("get", "stele", (double)both.rows, bench_median(stele, ROUNDS));
	bench_plot("get", "lmdb", (double)both.rows, bench_median(peer, ROUNDS));
}

/* Scans the first rows in key order, repeatedly if the table is small. */
static double scan_stele(uint64_t *sum)
{
	struct stele_cursor *cursor;
	struct stele_row row;
	double begin = bench_seconds();

	must(stele_cursor_open(&both.table, &cursor));
	for (unsigned i = 0; i < SCANNED; i++) {
		if (i > 0 && i % both.rows == 0)
			must(stele_cursor_seek(cursor, NULL, 0));
		check(stele_cursor_next(cursor, &row) == 1);
		*sum += item_sum(row.value);
	}
	stele_cursor_close(cursor);
	return (bench_seconds() - begin) / SCANNED * (double)NSEC_PER_SEC;
}

static double scan_lmdb(uint64_t *sum)
{
	MDB_cursor *cursor;
	MDB_val key, value;
	double begin = bench_seconds();

	lmdb(mdb_cursor_open(both.reader, both.dbi, &cursor));
	for (unsigned i = 0; i < SCANNED; i++) {
		lmdb(mdb_cursor_get(cursor, &key, &value,
		                    i % both.rows == 0 ? MDB_FIRST : MDB_NEXT));
		*sum += item_sum(value.mv_data);
	}
	mdb_cursor_close(cursor);
	return (bench_seconds() - begin) / SCANNED * (double)NSEC_PER_SEC;
}

static void bench_scan(void)
{
	double stele[ROUNDS], peer[ROUNDS];

	for (int round = 0; round < ROUNDS; round++) {
		uint64_t ours = 0, theirs = 0;

		stele[round] = scan_stele(&ours);
		peer[round] = scan_lmdb(&theirs);
		check(ours == theirs);
	}
	bench_plot("scan", "stele", (double)both.rows, bench_median(stele, ROUNDS));
	bench_plot("scan", "lmdb", (double)both.rows, bench_median(peer, ROUNDS));
}

/* Measures commits while no transaction reads, as the median of single commits. */
static void bench_commit(void)
{
	static double stele[COMMITS], peer[COMMITS];
	uint64_t random = 5;

	for (int i = 0; i < COMMITS; i++) {
		uint64_t number = random_from(&random) % both.rows;
		double begin = bench_seconds(), between;
		MDB_txn *txn;

		item_commit(both.publisher, both.kind, number, 1);
		between = bench_seconds();
		lmdb(mdb_txn_begin(both.env, NULL, 0, &txn));
		put_lmdb(txn, number, 1);
		lmdb(mdb_txn_commit(txn));
		stele[i] = (between - begin) * (double)NSEC_PER_SEC;
		peer[i] = (bench_seconds() - between) * (double)NSEC_PER_SEC;
	}
	bench_plot("commit", "stele", (double)both.rows, bench_median(stele, COMMITS));
	bench_plot("commit", "lmdb", (double)both.rows, bench_median(peer, COMMITS));
}

int main(void)
{
	const char *option = getenv("STELE_ROWS");
	uint64_t most = option ? strtoull(option, NULL, 10) : 10000000;

	snprintf(bench_region, sizeof(bench_region), "bench-sizes-%ld", (long)getpid());
	bench_stay_on_core(0);
	for (uint64_t rows = 100; rows <= most; rows *= 10) {
		both_open(&kind_id, rows);
		load_stele();
		load_lmdb();
		read_begin();
		both_check();
		bench_get();
		bench_scan();
		read_end();
		bench_commit();
		read_begin();
		both_check();
		read_end();
		both_close();
	}
	return 0;
}
