/* SPDX-License-Identifier: MIT
 *
 * Bulk put and bulk lookup, compared with the calls for one row. */
#include "publisher/state/state.h"
#include "tests/support/ipc/ipc.h"
#include "tests/support/random.h"
#include "tests/support/position.h"

TestSuite(unit_put_many, .init = ipc_begin, .fini = ipc_end, .timeout = 120);

#define ROWS 4000u

/* Keys and values of many lengths: row_make() decides how much of each is used. */
struct random_row {
	unsigned char key[72], value[96];
};

enum { EXACT, TEXT, PREFIX4, PREFIX6, PAIR, KINDS };

#define VALUE_FIXED \
	STELE_VALUE(struct fixed, number, STELE_U64), STELE_VALUE(struct fixed, flag, STELE_U8)

/* Has padding, which counts as zero. */
struct fixed {
	uint64_t number;
	uint8_t flag;
};

static const struct stele_column columns[KINDS][4] = {
	[EXACT] = {STELE_KEY("key", STELE_UUID), VALUE_FIXED},
	[TEXT] = {STELE_KEY("key", STELE_TEXT), {.name = "text", .type = STELE_TEXT}},
	[PREFIX4] = {STELE_KEY("key", STELE_IPV4NET), VALUE_FIXED},
	[PREFIX6] = {STELE_KEY("key", STELE_IPV6NET), VALUE_FIXED},
	[PAIR] = {STELE_KEY("vrf", STELE_U32), STELE_KEY("key", STELE_IPV4NET), VALUE_FIXED},
};
static const struct stele_schema schemas[KINDS] = {
	[EXACT] = {.columns = columns[EXACT],
                   .column_count = 3,
                   .value_size = sizeof(struct fixed)},
	[TEXT] = {.columns = columns[TEXT], .column_count = 2},
	[PREFIX4] = {.columns = columns[PREFIX4],
                     .column_count = 3,
                     .value_size = sizeof(struct fixed)},
	[PREFIX6] = {.columns = columns[PREFIX6],
                     .column_count = 3,
                     .value_size = sizeof(struct fixed)},
	[PAIR] = {.columns = columns[PAIR], .column_count = 4, .value_size = sizeof(struct fixed)},
};

static uint64_t seed;

static unsigned below(unsigned end)
{
	return (unsigned)(random_from(&seed) % end);
}

/* Writes a prefix of `bits` bits at `at`, drawn from few different byte values. */
static void prefix_make(unsigned char *at, unsigned bits)
{
	for (unsigned i = 0; i < (bits + 7) / 8; i++)
		at[i] = (unsigned char)(below(3) == 0 ? below(256) : below(4) * 64);
	if (bits % 8 != 0)
		at[bits / 8] &= (unsigned char)(0xff00u >> bits % 8);
}

/* Makes a random row. With `few`, many keys are equal, and most others share their beginning. */
static void row_make(int kind, bool few, struct random_row *row, struct stele_row_ref *ret)
{
	struct fixed fixed = {below(few ? 3 : 1000000), (uint8_t)below(2)};
	unsigned bits, size;

	memset(row->key, 0, sizeof(row->key));
	memset(row->value, 0xee, sizeof(row->value));
	*ret = (struct stele_row_ref){row->key, 0, row->value, sizeof(fixed)};
	memcpy(row->value, &fixed.number, 8);
	row->value[8] = fixed.flag;
	switch (kind) {
	case EXACT:
		for (unsigned i = 0; i < 16; i++)
			row->key[i] = (unsigned char)(few ? below(2) : below(256));
		ret->key_bits = 128;
		return;
	case TEXT:
		size = few ? below(5) : below(60);
		for (unsigned i = 0; i < size; i++)
			row->key[i] = (unsigned char)('a' + below(i % 9 == 8 ? 20 : 2));
		ret->key_bits = size * 8;
		ret->value_size = below(40);
		memset(row->value, 'v' + (int)below(2), ret->value_size);
		return;
	case PREFIX4:
	case PREFIX6:
		bits = below(few ? 9 : kind == PREFIX4 ? 33 : 129);
		prefix_make(row->key, bits);
		ret->key_bits = bits;
		return;
	default:
		row->key[3] = (unsigned char)below(3);
		bits = below(few ? 9 : 33);
		prefix_make(row->key + 4, bits);
		ret->key_bits = 32 + bits;
	}
}

static void expect_row(const struct stele_row *one, const struct stele_row *many)
{
	cr_assert_eq(one->key_bits, many->key_bits);
	cr_assert_arr_eq(one->key, many->key, (one->key_bits + 7) / 8);
	cr_assert_eq(one->value_size, many->value_size);
	cr_assert_arr_eq(one->value, many->value, one->value_size);
}

/* Checks that both tables have the same rows, and that single and bulk lookups of `rows` agree. */
static void expect_same(struct stele_subscriber *subscriber, const struct stele_row_ref *rows,
                        uint64_t *ret_count)
{
	static struct stele_key_ref keys[ROWS];
	static struct stele_row found[ROWS];
	struct stele_snapshot *snapshot;
	struct stele_table one, many;
	struct stele_cursor *x, *y;
	struct stele_row a, b;
	uint64_t count = 0;
	int64_t there = 0;
	int r;

	OK(stele_snapshot_open(subscriber, 0, &snapshot));
	OK(stele_table_open(snapshot, "one", NULL, &one));
	OK(stele_table_open(snapshot, "many", NULL, &many));
	cr_assert_eq(stele_table_rows(&one), stele_table_rows(&many));
	OK(stele_cursor_open(&one, &x));
	OK(stele_cursor_open(&many, &y));
	while ((r = stele_cursor_next(x, &a)) == 1) {
		RETURNS(stele_cursor_next(y, &b), 1, "");
		expect_row(&a, &b);
		count++;
	}
	OK(r);
	RETURNS(stele_cursor_next(y, &b), 0, "");
	cr_assert_eq(count, stele_table_rows(&many));
	stele_cursor_close(x);
	stele_cursor_close(y);
	for (unsigned i = 0; i < ROWS; i++)
		keys[i] = (struct stele_key_ref){rows[i].key, rows[i].key_bits};
	for (unsigned i = 0; i < ROWS; i++)
		there += stele_table_get(&one, keys[i].data, keys[i].bits, &a);
	cr_assert_eq(stele_table_get_many(&many, keys, ROWS, found), there);
	for (unsigned i = 0; i < ROWS; i++) {
		r = stele_table_get(&one, keys[i].data, keys[i].bits, &a);
		cr_assert_eq(r, found[i].key != NULL);
		if (r == 1)
			expect_row(&a, &found[i]);
	}
	*ret_count = count;
	stele_snapshot_close(snapshot);
}

/* Returns how many rows of "many" differ between `version` and the newest version. */
static int64_t count_changed(struct stele_subscriber *subscriber, uint64_t version)
{
	struct stele_changes *changes;
	struct stele_change change;
	int64_t count = 0;

	RETURNS(changes_since_version(subscriber, "many", version, &changes), 0, "");
	while (stele_changes_next(changes, &change) == 1)
		count++;
	stele_changes_close(changes);
	return count;
}

static void rounds(int kind)
{
	static struct random_row bytes[ROWS], other_bytes[ROWS];
	static struct stele_row_ref rows[ROWS], others[ROWS];
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	struct stele_subscriber *subscriber = ipc_subscribe(0, "futex");
	struct stele_writable *one, *many;
	struct stele_transaction *tx;
	uint64_t count = 0, version;
	int64_t changed;

	seed = 100 + (uint64_t)kind;
	cr_log_info("seed %llu", (unsigned long long)seed);
	for (unsigned round = 0; round < 8; round++) {
		bool few = round % 4 == 1;

		for (unsigned i = 0; i < ROWS; i++) {
			row_make(kind, few, &bytes[i], &rows[i]);
			row_make(kind, few, &other_bytes[i], &others[i]);
		}
		version = stele_publisher_version(publisher);
		OK(stele_transaction_begin(publisher, &tx));
		/* Every other round starts with empty tables. The rounds between them overwrite
		 * existing rows. */
		if (round % 2 == 0) {
			if (round > 0) {
				OK(stele_transaction_drop_table(tx, "one"));
				OK(stele_transaction_drop_table(tx, "many"));
			}
			OK(stele_transaction_create_table(tx, "one", &schemas[kind]));
			OK(stele_transaction_create_table(tx, "many", &schemas[kind]));
		}
		OK(stele_writable_open(tx, "one", NULL, &one));
		OK(stele_writable_open(tx, "many", NULL, &many));
		for (unsigned i = 0; i < ROWS; i++)
			cr_assert_geq(stele_writable_put(one, rows[i].key, rows[i].key_bits,
			                                 rows[i].value, rows[i].value_size),
			              0, "%s", stele_last_error());
		changed = stele_writable_put_many(many, rows, ROWS);
		RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
		expect_same(subscriber, round % 3 == 0 ? rows : others, &count);
		if (round % 2 == 0)
			cr_assert_eq(changed, (int64_t)count);
		else
			cr_assert_eq(changed, count_changed(subscriber, version));
	}
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

Test(unit_put_many, exact_keys)
{
	rounds(EXACT);
}

Test(unit_put_many, text_keys)
{
	rounds(TEXT);
}

Test(unit_put_many, prefixes)
{
	rounds(PREFIX4);
}

Test(unit_put_many, long_prefixes)
{
	rounds(PREFIX6);
}

Test(unit_put_many, prefixes_behind_another_column)
{
	rounds(PAIR);
}

/* Absent rows are returned as zeros, whatever the output array held before. */
Test(unit_put_many, missing_rows_are_returned_as_zeros)
{
	static struct stele_key_ref keys[70];
	static struct random_row bytes[70];
	static struct stele_row found[70], none[70];
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	struct stele_subscriber *subscriber;
	struct stele_snapshot *snapshot;
	struct stele_row_ref rows[70];
	struct stele_transaction *tx;

	seed = 9;
	for (int i = 0; i < 70; i++) {
		row_make(EXACT, false, &bytes[i], &rows[i]);
		keys[i] = (struct stele_key_ref){rows[i].key, rows[i].key_bits};
	}
	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_transaction_create_table(tx, "empty", &schemas[EXACT]));
	OK(stele_transaction_create_table(tx, "one", &schemas[EXACT]));
	RETURNS((int)stele_transaction_put_many(tx, "one", rows + 40, 1), 1, "");
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	subscriber = ipc_subscribe(0, "futex");
	OK(stele_snapshot_open(subscriber, 0, &snapshot));
	memset(found, 0xee, sizeof(found));
	RETURNS((int)stele_snapshot_get_many(snapshot, "empty", NULL, keys, 70, found), 0, "");
	cr_assert_arr_eq(found, none, sizeof(found));
	memset(found, 0xee, sizeof(found));
	RETURNS((int)stele_snapshot_get_many(snapshot, "one", NULL, keys, 70, found), 1, "");
	cr_assert_not_null(found[40].key);
	found[40] = none[40];
	cr_assert_arr_eq(found, none, sizeof(found));
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

/* A refused call leaves the table unchanged. */
Test(unit_put_many, a_refused_call_changes_nothing)
{
	struct random_row bytes[3];
	struct stele_row_ref rows[3];
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	struct stele_writable *table;
	struct stele_transaction *tx;
	struct stele_row row;

	seed = 7;
	for (int i = 0; i < 3; i++)
		row_make(EXACT, false, &bytes[i], &rows[i]);
	OK(stele_transaction_begin(publisher, &tx));
	RETURNS((int)stele_transaction_put_many(tx, "none", rows, 3), -ENXIO, "\"none\"");
	OK(stele_transaction_create_table(tx, "many", &schemas[EXACT]));
	OK(stele_writable_open(tx, "many", NULL, &table));
	RETURNS((int)stele_writable_put_many(table, rows, 0), 0, "");
	RETURNS((int)stele_writable_put_many(table, NULL, 0), 0, "");
	rows[2].key_bits = 120;
	RETURNS((int)stele_transaction_put_many(tx, "many", rows, 3), -EINVAL, "key");
	rows[2].key_bits = 128;
	rows[1].value_size = 9;
	RETURNS((int)stele_transaction_put_many(tx, "many", rows, 3), -EINVAL, "value");
	RETURNS(stele_writable_get(table, rows[0].key, 128, &row), 0, "");
	rows[1] = rows[0];
	RETURNS((int)stele_writable_put_many(table, rows, 1), 1, "");
	/* While a table is being replaced, each key can be put once. */
	OK(stele_writable_replace(table));
	RETURNS((int)stele_writable_put_many(table, rows, 2), -EEXIST, "has put this key before");
	RETURNS((int)stele_writable_put_many(table, rows + 2, 1), 1, "");
	RETURNS((int)stele_writable_replace_end(table), 0, "");
	RETURNS(stele_writable_get(table, rows[0].key, 128, &row), 1, "");
	RETURNS(stele_writable_get(table, rows[2].key, 128, &row), 1, "");
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	stele_publisher_close(publisher);
}

/* A region that becomes full in the middle of a bulk put keeps its rows, wherever the put
 * stopped. */
Test(unit_put_many, a_full_region_keeps_its_rows)
{
	static struct random_row bytes[40000];
	static struct stele_row_ref rows[40000];
	struct stele_publisher_options options = {.size = sizeof(options),
	                                          .flags = STELE_CREATE,
	                                          .maximum_size = 1 << 20,
	                                          .limit_size = 1 << 20};
	struct stele_publisher *publisher = ipc_publish(region, &options);
	struct stele_transaction *tx;
	uint64_t used;
	int refused = 0;

	seed = 8;
	for (int i = 0; i < 40000; i++)
		row_make(TEXT, false, &bytes[i], &rows[i]);
	for (size_t count = 5000; count <= 40000; count += 1237) {
		int64_t r;
		OK(stele_transaction_begin(publisher, &tx));
		OK(stele_transaction_create_table(tx, "many", &schemas[TEXT]));
		used = arena_used(&publisher->arena);
		r = stele_transaction_put_many(tx, "many", rows, count);
		if (r == -ENOSPC) {
			cr_assert_eq(arena_used(&publisher->arena), used);
			refused++;
		} else {
			cr_assert_gt(r, 0);
		}
		stele_transaction_abort(tx);
	}
	cr_assert_gt(refused, 5);
	stele_publisher_close(publisher);
}
