/* SPDX-License-Identifier: MIT
 *
 * A comparison with LMDB and with Stele's own handles: lookups by the name of a table, copies of
 * the newest row, and scans of 1,000 rows that open and close their cursor. */
#include "lib/units.h"
#include "tests/support/bench/peer_lmdb.h"

#define MILLION         1000000u
#define LOOKUPS         200000u
#define SCANS           300u
#define SCANNED         1000u /* rows of a scan */
#define SCANNED_AT_ONCE 50u   /* rows of a call of stele_cursor_next_many() */

static unsigned char keys[LOOKUPS][KEY_MAX]; /* of random rows */
static struct stele_live live;

static void keys_make(void)
{
	uint64_t random = 17;

	for (size_t i = 0; i < LOOKUPS; i++)
		both.kind->key(random_from(&random) % both.rows, keys[i]);
}

/* Times lookups that return the sum over a value. Inlined, so that it is compiled once for each
 * lookup function. */
static inline __attribute__((always_inline)) double lookups(uint64_t (*get)(const unsigned char *),
                                                            uint64_t *ret_sum)
{
	double begin = bench_seconds();
	uint64_t sum = 0;

	for (size_t i = 0; i < LOOKUPS; i++)
		sum += get(keys[i]);
	*ret_sum = sum;
	return (bench_seconds() - begin) / LOOKUPS;
}

#define LOOKUP(name_) \
	static double time_##name_(uint64_t *ret_sum) \
	{ \
		return lookups(name_, ret_sum); \
	}

/* ---- lookups in one snapshot ---- */

static uint64_t row_sum(int r, const struct stele_row *row)
{
	if (r != 1)
		bench_fail("a row is missing");
	return item_sum(row->value);
}

#define BITS (both.kind->key_size * 8)

static uint64_t get_name(const unsigned char *key)
{
	struct stele_row row;

	return row_sum(stele_snapshot_get(both.snapshot, "items", NULL, key, BITS, &row), &row);
}

static uint64_t get_name_expected(const unsigned char *key)
{
	struct stele_row row;

	return row_sum(
		stele_snapshot_get(both.snapshot, "items", both.kind->schema, key, BITS, &row),
		&row);
}

static uint64_t match_name_expected(const unsigned char *key)
{
	struct stele_row row;

	return row_sum(
		stele_snapshot_match(both.snapshot, "items", both.kind->schema, key, BITS, &row),
		&row);
}

static uint64_t match_handle(const unsigned char *key)
{
	struct stele_row row;

	return row_sum(stele_table_match(&both.table, key, BITS, &row), &row);
}

LOOKUP(get_name)
LOOKUP(get_name_expected)
LOOKUP(get_stele)
LOOKUP(get_lmdb)
LOOKUP(match_name_expected)
LOOKUP(match_handle)

/* ---- a snapshot for each lookup, and copies of the newest row ---- */

static uint64_t renew_name(const unsigned char *key)
{
	struct stele_snapshot *snapshot;
	struct stele_row row;
	uint64_t sum;

	must(stele_snapshot_open(both.subscriber, 0, &snapshot));
	sum = row_sum(stele_snapshot_get(snapshot, "items", both.kind->schema, key, BITS, &row),
	              &row);
	stele_snapshot_close(snapshot);
	return sum;
}

static uint64_t renew_match_name(const unsigned char *key)
{
	struct stele_snapshot *snapshot;
	struct stele_row row;
	uint64_t sum;

	must(stele_snapshot_open(both.subscriber, 0, &snapshot));
	sum = row_sum(stele_snapshot_match(snapshot, "items", both.kind->schema, key, BITS, &row),
	              &row);
	stele_snapshot_close(snapshot);
	return sum;
}

static uint64_t renew_lmdb(const unsigned char *key)
{
	uint64_t sum;

	lmdb(mdb_txn_renew(both.reader));
	sum = get_lmdb(key);
	mdb_txn_reset(both.reader);
	return sum;
}

static uint64_t copy_name(const unsigned char *key)
{
	struct item item;
	size_t size = sizeof(item);

	check(stele_subscriber_get_copy(both.subscriber, "items", both.kind->schema, key, BITS,
	                                &item, &size, NULL) == 1);
	return item_sum(&item);
}

static uint64_t copy_live(const unsigned char *key)
{
	struct item item;
	size_t size = sizeof(item);

	check(stele_live_get_copy(&live, key, BITS, &item, &size, NULL) == 1);
	return item_sum(&item);
}

static uint64_t match_copy_name(const unsigned char *key)
{
	struct item item;
	size_t size = sizeof(item);

	check(stele_subscriber_match_copy(both.subscriber, "items", both.kind->schema, key, BITS,
	                                  &item, &size, NULL, NULL) == 1);
	return item_sum(&item);
}

static uint64_t match_copy_live(const unsigned char *key)
{
	struct item item;
	size_t size = sizeof(item);

	check(stele_live_match_copy(&live, key, BITS, &item, &size, NULL, NULL) == 1);
	return item_sum(&item);
}

LOOKUP(renew_name)
LOOKUP(renew_match_name)
LOOKUP(renew_lmdb)
LOOKUP(copy_name)
LOOKUP(copy_live)
LOOKUP(match_copy_name)
LOOKUP(match_copy_live)

/* ---- scans of 1,000 rows, with the opening and closing of the cursor ---- */

/* Times scans: each seeks to a key unless the table has only the rows that are scanned. */
static double scan_stele(uint64_t *ret_sum)
{
	double begin = bench_seconds();
	uint64_t sum = 0;

	for (size_t i = 0; i < SCANS; i++) {
		struct stele_cursor *cursor;
		struct stele_row row;

		must(stele_cursor_open(&both.table, &cursor));
		if (both.rows > SCANNED)
			must(stele_cursor_seek(cursor, keys[i], BITS));
		for (size_t j = 0; j < SCANNED && stele_cursor_next(cursor, &row) == 1; j++)
			sum = sum * 31 + *(const uint64_t *)row.value;
		stele_cursor_close(cursor);
	}
	*ret_sum = sum;
	return (bench_seconds() - begin) / SCANS / SCANNED;
}

/* Times the same scans by stele_cursor_next_many(). */
static double scan_many(uint64_t *ret_sum)
{
	double begin = bench_seconds();
	uint64_t sum = 0;

	for (size_t i = 0; i < SCANS; i++) {
		struct stele_row rows[SCANNED_AT_ONCE];
		struct stele_cursor *cursor;
		int64_t count = 1;

		must(stele_cursor_open(&both.table, &cursor));
		if (both.rows > SCANNED)
			must(stele_cursor_seek(cursor, keys[i], BITS));
		for (size_t j = 0; j < SCANNED && count > 0; j += (size_t)count) {
			count = stele_cursor_next_many(cursor, rows, SCANNED_AT_ONCE);
			for (int64_t k = 0; k < count; k++)
				sum = sum * 31 + *(const uint64_t *)rows[k].value;
		}
		stele_cursor_close(cursor);
	}
	*ret_sum = sum;
	return (bench_seconds() - begin) / SCANS / SCANNED;
}

static double scan_lmdb(uint64_t *ret_sum)
{
	double begin = bench_seconds();
	uint64_t sum = 0;

	for (size_t i = 0; i < SCANS; i++) {
		MDB_val key = {both.kind->key_size, keys[i]}, value;
		MDB_cursor *cursor;
		int r;

		lmdb(mdb_cursor_open(both.reader, both.dbi, &cursor));
		r = mdb_cursor_get(cursor, &key, &value,
		                   both.rows > SCANNED ? MDB_SET_RANGE : MDB_FIRST);
		for (size_t j = 0; j < SCANNED && r == 0; j++) {
			uint64_t first;

			memcpy(&first, value.mv_data, sizeof(first));
			sum = sum * 31 + first;
			r = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
		}
		mdb_cursor_close(cursor);
	}
	*ret_sum = sum;
	return (bench_seconds() - begin) / SCANS / SCANNED;
}

/* ---- comparisons ---- */

static void compare(const char *work, const char *rows, double (*stele)(uint64_t *),
                    const char *peer, double (*peer_run)(uint64_t *), double reach)
{
	struct side sides[] = {{"stele", stele, 0}, {peer, peer_run, reach}};
	char text[128];

	snprintf(text, sizeof(text), "%s/%s_rows", work, rows);
	bench_compare(text, sides, 2);
}

#define HANDLE (1 / 1.3) /* a lookup by name takes at most 1.3 times one through a handle */

static void compare_all(uint64_t rows, const char *text)
{
	both_open(&kind_id, rows);
	load_stele();
	load_lmdb();
	read_begin();
	both_check();
	keys_make();
	must(stele_live_open(both.subscriber, "items", both.kind->schema, &live));
	compare("get_by_name", text, time_get_name, "handle", time_get_stele, HANDLE);
	compare("get_by_name_expected", text, time_get_name_expected, "handle", time_get_stele,
	        HANDLE);
	compare("get_by_name_expected", text, time_get_name_expected, "lmdb", time_get_lmdb, 0);
	compare("match_by_name_expected", text, time_match_name_expected, "handle",
	        time_match_handle, HANDLE);
	compare("copy_by_name_expected", text, time_copy_name, "handle", time_copy_live, HANDLE);
	compare("match_copy_by_name_expected", text, time_match_copy_name, "handle",
	        time_match_copy_live, HANDLE);
	compare("scan_1000", text, scan_stele, "lmdb", scan_lmdb, 3);
	compare("scan_1000_many", text, scan_many, "lmdb", scan_lmdb, 3);
	mdb_txn_reset(both.reader);
	compare("snapshot_and_get_by_name", text, time_renew_name, "lmdb", time_renew_lmdb, 1);
	compare("snapshot_and_match_by_name", text, time_renew_match_name, "lmdb", time_renew_lmdb,
	        1);
	compare("copy_by_name_expected", text, time_copy_name, "lmdb", time_renew_lmdb, 1);
	compare("match_copy_by_name_expected", text, time_match_copy_name, "lmdb", time_renew_lmdb,
	        1);
	read_end();
	both_close();
}

int main(void)
{
	snprintf(bench_region, sizeof(bench_region), "bench-names-%ld", (long)getpid());
	bench_stay_on_core(0);
	compare_all(SCANNED, "1000");
	compare_all(MILLION, "1000000");
	return 0;
}
