/* SPDX-License-Identifier: MIT
 *
 * A comparison with LMDB: lookups in the table and through a hash index, scans, commits and loads
 * of the same rows, and the size of a row in the region. */
#include "lib/units.h"
#include "tests/support/bench/peer_lmdb.h"

#define MILLION 1000000u

/* ---- random lookups ---- */

static unsigned char *queries; /* keys of random rows */
static size_t query_count;

static void queries_make(void)
{
	uint64_t random = 17;

	query_count = both.rows < 65536 ? 65536 : (size_t)both.rows;
	queries = malloc(query_count * both.kind->key_size);
	check(queries != NULL);
	for (size_t i = 0; i < query_count; i++)
		both.kind->key(random_from(&random) % both.rows, queries + i * both.kind->key_size);
}

/* Times lookups. Inlined, so that it is compiled once for each lookup function. */
static inline __attribute__((always_inline)) double gets(uint64_t (*get)(const unsigned char *),
                                                         uint64_t *ret_sum)
{
	size_t size = both.kind->key_size;
	double begin = bench_seconds();
	uint64_t sum = 0;

	for (size_t i = 0; i < query_count; i++)
		sum += get(queries + i * size);
	*ret_sum = sum;
	return (bench_seconds() - begin) / (double)query_count;
}

static double random_stele(uint64_t *ret_sum)
{
	return gets(get_stele, ret_sum);
}

static double random_lmdb(uint64_t *ret_sum)
{
	return gets(get_lmdb, ret_sum);
}

/* Times lookups of 32 keys per call. Inlined for the same reason as gets(). */
static inline __attribute__((always_inline)) double
many_gets(int64_t (*get_many)(const struct stele_key_ref *, struct stele_row *),
          uint64_t (*get)(const unsigned char *), uint64_t *ret_sum)
{
	struct stele_key_ref keys[32];
	struct stele_row rows[32];
	size_t size = both.kind->key_size, count = query_count / 32 * 32;
	double begin = bench_seconds();
	uint64_t sum = 0;

	for (size_t i = 0; i < count; i += 32) {
		for (size_t j = 0; j < 32; j++)
			keys[j] = (struct stele_key_ref){queries + (i + j) * size,
			                                 (unsigned)size * 8};
		check(get_many(keys, rows) == 32);
		for (size_t j = 0; j < 32; j++)
			sum += item_sum(rows[j].value);
	}
	for (size_t i = count; i < query_count; i++)
		sum += get(queries + i * size);
	*ret_sum = sum;
	return (bench_seconds() - begin) / (double)query_count;
}

static int64_t get_32_stele(const struct stele_key_ref *keys, struct stele_row *rows)
{
	return stele_table_get_many(&both.table, keys, 32, rows);
}

static double many_stele(uint64_t *ret_sum)
{
	return many_gets(get_32_stele, get_stele, ret_sum);
}

/* Times lookups whose key depends on the row before. Adding the step number keeps the keys out of a
 * cycle. */
static inline __attribute__((always_inline)) double
dependent_gets(uint64_t (*get)(const unsigned char *), uint64_t *ret_sum)
{
	unsigned char key[KEY_MAX];
	double begin = bench_seconds();
	uint64_t sum = 0;

	for (size_t i = 0; i < MILLION; i++) {
		both.kind->key((sum + i) % both.rows, key);
		sum += get(key);
	}
	*ret_sum = sum;
	return (bench_seconds() - begin) / MILLION;
}

static double dependent_stele(uint64_t *ret_sum)
{
	return dependent_gets(get_stele, ret_sum);
}

static double dependent_lmdb(uint64_t *ret_sum)
{
	return dependent_gets(get_lmdb, ret_sum);
}

/* ---- random lookups through a hash index ---- */

static struct stele_hash *hash;

static uint64_t get_hash(const unsigned char *key)
{
	struct stele_row row;

	if (stele_hash_get(hash, key, both.kind->key_size * 8, &row) != 1)
		bench_fail("a row is missing");
	return item_sum(row.value);
}

static int64_t get_32_hash(const struct stele_key_ref *keys, struct stele_row *rows)
{
	return stele_hash_get_many(hash, keys, 32, rows);
}

static double random_hash(uint64_t *ret_sum)
{
	return gets(get_hash, ret_sum);
}

static double many_hash(uint64_t *ret_sum)
{
	return many_gets(get_32_hash, get_hash, ret_sum);
}

static double dependent_hash(uint64_t *ret_sum)
{
	return dependent_gets(get_hash, ret_sum);
}

/* Builds the index of the open table, and checks that it finds all rows. */
static void hash_begin(const char *name)
{
	char text[128];
	double begin = bench_seconds(), time;

	must(stele_hash_open(&both.table, &hash));
	time = bench_seconds() - begin;
	for (uint64_t i = 0; i < both.rows; i++) {
		struct stele_row row, expected;
		unsigned char key[KEY_MAX];

		both.kind->key(i, key);
		check(stele_table_get(&both.table, key, both.kind->key_size * 8, &expected) == 1);
		check(stele_hash_get(hash, key, both.kind->key_size * 8, &row) == 1);
		check(row.value == expected.value);
	}
	snprintf(text, sizeof(text), "hash_index/%s/open", name);
	bench_print(text, time * (double)MSEC_PER_SEC, "ms");
	snprintf(text, sizeof(text), "hash_index/%s/memory", name);
	bench_print(text, (double)stele_hash_memory(hash) / (double)both.rows, "B a row");
}

static void hash_end(void)
{
	hash = stele_hash_close(hash);
}

/* ---- all rows in order ---- */

static double scan_stele(uint64_t *ret_sum)
{
	struct stele_cursor *cursor;
	struct stele_row row;
	double begin = bench_seconds();
	uint64_t sum = 0;
	int r;

	must(stele_cursor_open(&both.table, &cursor));
	while ((r = stele_cursor_next(cursor, &row)) == 1)
		sum = sum * 31 + item_sum(row.value);
	must(r);
	stele_cursor_close(cursor);
	*ret_sum = sum;
	return (bench_seconds() - begin) / (double)both.rows;
}

static double scan_lmdb(uint64_t *ret_sum)
{
	MDB_cursor *cursor;
	MDB_val key, value;
	double begin = bench_seconds();
	uint64_t sum = 0;

	lmdb(mdb_cursor_open(both.reader, both.dbi, &cursor));
	while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0)
		sum = sum * 31 + item_sum(value.mv_data);
	mdb_cursor_close(cursor);
	*ret_sum = sum;
	return (bench_seconds() - begin) / (double)both.rows;
}

/* ---- commits of one changed row: the median of the commits in a round ---- */

#define COMMITS 20000

static uint64_t commit_random_stele = 3, commit_random_lmdb = 3;
/* commits so far, from which each row's new value is made */
static uint64_t commits_stele, commits_lmdb;

static double commit_stele(uint64_t *ret_sum)
{
	static double times[COMMITS];

	for (int i = 0; i < COMMITS; i++) {
		uint64_t number = random_from(&commit_random_stele) % both.rows;
		double begin = bench_seconds();

		item_commit(both.publisher, both.kind, number, ++commits_stele);
		times[i] = bench_seconds() - begin;
	}
	*ret_sum = commit_random_stele;
	return bench_median(times, COMMITS);
}

static double commit_lmdb(uint64_t *ret_sum)
{
	static double times[COMMITS];

	for (int i = 0; i < COMMITS; i++) {
		uint64_t number = random_from(&commit_random_lmdb) % both.rows;
		MDB_txn *txn;
		double begin = bench_seconds();

		lmdb(mdb_txn_begin(both.env, NULL, 0, &txn));
		put_lmdb(txn, number, ++commits_lmdb);
		lmdb(mdb_txn_commit(txn));
		times[i] = bench_seconds() - begin;
	}
	*ret_sum = commit_random_lmdb;
	return bench_median(times, COMMITS);
}

/* ---- loads, each into a new and empty store ---- */

static double bulk(double (*load)(void), uint64_t *ret_sum)
{
	double time;

	both_open(both.kind, MILLION);
	time = load();
	both_close();
	*ret_sum = 0;
	return time / MILLION;
}

static double bulk_stele(uint64_t *ret_sum)
{
	return bulk(load_stele, ret_sum);
}

static double bulk_stele_one_by_one(uint64_t *ret_sum)
{
	return bulk(load_stele_one_by_one, ret_sum);
}

static double bulk_lmdb(uint64_t *ret_sum)
{
	return bulk(load_lmdb, ret_sum);
}

/* ---- comparisons ---- */

/* Prints the overhead of a row, which is what the row takes in the file beyond its key and value,
 * and the ratio of the budget of 32 bytes to this overhead. */
static void compact(const char *name)
{
	double beyond = (double)(region_file_size() - both.empty_size) / (double)both.rows -
	                both.kind->key_size - (double)sizeof(struct item);
	char text[128];

	snprintf(text, sizeof(text), "compact/%s", name);
	bench_ratio(text, 32 / beyond, 1);
	bench_print(text, beyond, "B a row beyond key and value");
}

static void compare_pair(const char *work, double (*stele)(uint64_t *), double (*peer)(uint64_t *),
                         double reach)
{
	struct side sides[] = {{"stele", stele, 0}, {"lmdb", peer, reach}};

	bench_compare(work, sides, 2);
}

/* Creates both stores, loads the same rows into them, and checks the rows. */
static void fill(const struct kind *kind, uint64_t rows, double (*load)(void))
{
	both_open(kind, rows);
	load();
	load_lmdb();
	read_begin();
	both_check();
	queries_make();
}

static void empty(void)
{
	free(queries);
	both_close();
}

/* Compares commits while no transaction reads, and checks the resulting rows. */
static void commits(const char *work, double reach)
{
	read_end();
	compare_pair(work, commit_stele, commit_lmdb, reach);
	read_begin();
	both_check();
	read_end();
}

int main(void)
{
	snprintf(bench_region, sizeof(bench_region), "bench-lmdb-%ld", (long)getpid());
	bench_stay_on_core(0);

	fill(&kind_id, MILLION, load_stele);
	compact("1000000_rows");
	compare_pair("get/1000000_rows", random_stele, random_lmdb, 6);
	compare_pair("get/1000000_rows_dependent", dependent_stele, dependent_lmdb, 3.5);
	compare_pair("get/1000000_rows_32_a_call", many_stele, random_lmdb, 18);
	hash_begin("1000000_rows");
	compare_pair("get/1000000_rows_hash_index", random_hash, random_lmdb, 6);
	compare_pair("get/1000000_rows_hash_index_dependent", dependent_hash, dependent_lmdb, 3.5);
	compare_pair("get/1000000_rows_hash_index_32_a_call", many_hash, random_lmdb, 18);
	hash_end();
	compare_pair("scan/1000000_rows", scan_stele, scan_lmdb, 3);
	commits("commit/1000000_rows", 3);
	empty();

	fill(&kind_id, MILLION, load_stele_one_by_one);
	compact("1000000_rows_put_one_by_one");
	compare_pair("scan/1000000_rows_put_one_by_one", scan_stele, scan_lmdb, 0);
	read_end();
	empty();

	fill(&kind_path, MILLION, load_stele);
	compact("1000000_rows_of_35_byte_text");
	compare_pair("get/1000000_rows_of_35_byte_text", random_stele, random_lmdb, 4);
	hash_begin("1000000_rows_of_35_byte_text");
	compare_pair("get/1000000_rows_of_35_byte_text_hash_index", random_hash, random_lmdb, 4);
	hash_end();
	read_end();
	empty();

	fill(&kind_id, 1000, load_stele);
	compare_pair("get/1000_rows", random_stele, random_lmdb, 12);
	hash_begin("1000_rows");
	compare_pair("get/1000_rows_hash_index", random_hash, random_lmdb, 12);
	hash_end();
	commits("commit/1000_rows", 4);
	empty();

	both.kind = &kind_id;
	compare_pair("load/1000000_rows", bulk_stele, bulk_lmdb, 6);
	compare_pair("load/1000000_rows_one_by_one", bulk_stele_one_by_one, bulk_lmdb, 0);
	return 0;
}
