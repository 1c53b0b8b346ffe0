/* SPDX-License-Identifier: MIT
 *
 * Cursors: where a seek places them, with and without a restriction to a prefix, compared with a
 * linear search over all keys. */
#include "tests/support/ipc/ipc.h"
#include "tests/support/random.h"

TestSuite(unit_cursor, .init = ipc_begin, .fini = ipc_end, .timeout = 60);

#define SEED   UINT64_C(20261121)
#define ROWS   300
#define ROUNDS 20000

struct prefix {
	uint8_t bytes[4];
	unsigned bits;
};

static const struct stele_column columns[] = {STELE_KEY("prefix", STELE_IPV4NET)};
static const struct stele_schema schema = {.columns = columns, .column_count = 1, .value_size = 0};
static struct prefix rows[ROWS];
static size_t row_count;

/* Returns a prefix with few random bits, at both sides of byte boundaries, so that many keys share
 * bits. */
static struct prefix random_prefix(uint64_t *state)
{
	uint64_t r = random_from(state);
	struct prefix prefix = {.bits = (unsigned)(r % 25)};

	for (unsigned i = 0; i < prefix.bits; i++)
		if (r >> (8 + i) & 1 && i % 8 != 3 && i % 8 != 4 && i % 8 != 5)
			prefix.bytes[i / 8] |= (uint8_t)(0x80u >> i % 8);
	return prefix;
}

static unsigned bit(const struct prefix *prefix, unsigned i)
{
	return prefix->bytes[i / 8] >> (7 - i % 8) & 1;
}

static bool starts(const struct prefix *prefix, const struct prefix *with)
{
	for (unsigned i = 0; i < with->bits; i++)
		if (i == prefix->bits || bit(prefix, i) != bit(with, i))
			return false;
	return true;
}

static int compare(const void *left, const void *right)
{
	const struct prefix *a = left, *b = right;

	for (unsigned i = 0; i < a->bits && i < b->bits; i++)
		if (bit(a, i) != bit(b, i))
			return bit(a, i) < bit(b, i) ? -1 : 1;
	return (a->bits > b->bits) - (a->bits < b->bits);
}

static void expect_rows(struct stele_cursor *cursor, const struct prefix *from,
                        const struct prefix *under, int round)
{
	struct stele_row row;

	for (size_t i = 0; i < row_count; i++) {
		if (compare(&rows[i], from) < 0 || !starts(&rows[i], under))
			continue;
		RETURNS(stele_cursor_next(cursor, &row), 1, "");
		CHECK(row.key_bits == rows[i].bits &&
		              memcmp(row.key, rows[i].bytes, (row.key_bits + 7) / 8) == 0,
		      "round %d, seed %llu: a key of %u bits, not of %u, from %u under %u", round,
		      (unsigned long long)SEED, row.key_bits, rows[i].bits, from->bits,
		      under->bits);
	}
	RETURNS(stele_cursor_next(cursor, &row), 0, "");
	RETURNS(stele_cursor_next(cursor, &row), 0, "");
}

static void put_rows(struct stele_publisher *publisher, uint64_t *state)
{
	struct stele_transaction *tx;

	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_transaction_create_table(tx, "nets", &schema));
	while (row_count < ROWS) {
		struct prefix prefix = random_prefix(state);
		int r = stele_transaction_put(tx, "nets", prefix.bytes, prefix.bits, NULL, 0);
		OK(r);
		if (r == 1)
			rows[row_count++] = prefix;
	}
	qsort(rows, ROWS, sizeof(*rows), compare);
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
}

Test(unit_cursor, seeks_within_its_restriction)
{
	static const struct prefix all;
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	struct stele_snapshot *snapshot;
	struct stele_cursor *cursor;
	struct stele_table table;
	uint64_t state = SEED;

	put_rows(publisher, &state);
	OK(stele_snapshot_open(subscriber, 0, &snapshot));
	OK(stele_table_open(snapshot, "nets", &schema, &table));
	OK(stele_cursor_open(&table, &cursor));
	for (int round = 0; round < ROUNDS; round++) {
		struct prefix from = random_prefix(&state), under = random_prefix(&state);
		OK(stele_cursor_under(cursor, under.bytes, under.bits));
		expect_rows(cursor, &all, &under, round);
		OK(stele_cursor_seek(cursor, from.bytes, from.bits));
		expect_rows(cursor, &from, &under, round);
		/* Seeking again works any number of times, backwards too, and without the
		 * restriction. */
		OK(stele_cursor_seek(cursor, NULL, 0));
		expect_rows(cursor, &all, &under, round);
		OK(stele_cursor_under(cursor, NULL, 0));
		OK(stele_cursor_seek(cursor, from.bytes, from.bits));
		expect_rows(cursor, &from, &all, round);
	}
	stele_cursor_close(cursor);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

/* ---- whole tables ---- */

#define SCANNED_MAX 300u

static const char *const scanned_declarations[] = {
	"numbers(key: u32 key, a: u32, b: u64)",
	"texts(key: u32 key, a: u32, b: text)",
};

/* Fills a new table, "numbers" or "texts", with rows with random keys of 4 bytes, whose values start
 * with their keys. Returns the new version's snapshot. */
static struct stele_snapshot *put_scanned(struct stele_publisher *publisher,
                                          struct stele_subscriber *subscriber, bool texts,
                                          size_t count, uint64_t *state)
{
	struct stele_snapshot *snapshot;
	char table[STELE_NAME_MAX + 1];
	struct stele_transaction *tx;
	struct stele_schema *scanned;
	uint32_t value[4] = {0};

	OK(stele_schema_parse(scanned_declarations[texts], table, &scanned));
	OK(stele_transaction_begin(publisher, &tx));
	stele_transaction_drop_table(tx, table);
	OK(stele_transaction_create_table(tx, table, scanned));
	stele_schema_free(scanned);
	for (size_t i = 0; i < count; i++) {
		value[0] = (uint32_t)random_from(state) & 0x03ffffffu;
		OK(stele_transaction_put(tx, table, value, 32, value, texts ? 4 + i % 12 : 16));
	}
	OK(stele_transaction_commit(tx, NULL, NULL));
	OK(stele_snapshot_open(subscriber, 0, &snapshot));
	return snapshot;
}

/* Scans a table: the keys must rise, each value belong to its key, and all rows be there. */
static void scan_all(const struct stele_snapshot *snapshot, const char *name)
{
	struct stele_cursor *cursor;
	struct stele_table table;
	struct stele_row row;
	uint8_t last[4] = {0};
	uint64_t count = 0;

	OK(stele_table_open(snapshot, name, NULL, &table));
	OK(stele_cursor_open(&table, &cursor));
	while (stele_cursor_next(cursor, &row) == 1) {
		CHECK(row.key_bits == 32 && (count == 0 || memcmp(last, row.key, 4) < 0) &&
		              memcmp(row.value, row.key, 4) == 0,
		      "%s: row %llu", name, (unsigned long long)count);
		memcpy(last, row.key, 4);
		count++;
	}
	RETURNS(stele_cursor_next(cursor, &row), 0, "");
	CHECK(count == stele_table_rows(&table), "%s: %llu rows of %llu", name,
	      (unsigned long long)count, (unsigned long long)stele_table_rows(&table));
	stele_cursor_close(cursor);
}

/* Tables of all sizes around those of the batches in which a cursor takes rows, with values of one
 * size and of any. */
Test(unit_cursor, scans_tables_of_all_sizes)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	uint64_t state = SEED;

	for (size_t count = 0; count <= SCANNED_MAX; count += count < 70 ? 1 : 23) {
		struct stele_snapshot *snapshot;

		snapshot = put_scanned(publisher, subscriber, false, count, &state);
		scan_all(snapshot, "numbers");
		stele_snapshot_close(snapshot);
		snapshot = put_scanned(publisher, subscriber, true, count, &state);
		scan_all(snapshot, "texts");
		stele_snapshot_close(snapshot);
	}
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

/* ---- many rows in one call ---- */

static struct stele_row many[SCANNED_MAX + 1];

static bool same_row(const struct stele_row *a, const struct stele_row *b)
{
	return a->key == b->key && a->key_bits == b->key_bits && a->value == b->value &&
	       a->value_size == b->value_size && a->version == b->version;
}

/* Takes all rows that follow by stele_cursor_next(). Returns their number. */
static size_t take_single(struct stele_cursor *cursor, struct stele_row *ret)
{
	size_t count = 0;

	while (stele_cursor_next(cursor, &ret[count]) == 1)
		count++;
	return count;
}

/* Takes up to `capacity` rows in one call, and steps over the last one backward and forward
 * again, at random. Returns the number of rows. */
static size_t take_call(struct stele_cursor *cursor, struct stele_row *ret, size_t capacity,
                        uint64_t *state)
{
	int64_t count = stele_cursor_next_many(cursor, ret, capacity);
	struct stele_row row;

	OK(count);
	CHECK((size_t)count <= capacity, "%lld rows of %zu", (long long)count, capacity);
	if (count > 0 && random_from(state) % 8 == 0) {
		RETURNS(stele_cursor_previous(cursor, &row), 1, "");
		CHECK(same_row(&row, &ret[count - 1]), "the row before the cursor");
		RETURNS(stele_cursor_next(cursor, &row), 1, "");
		CHECK(same_row(&row, &ret[count - 1]), "the row after the cursor");
	}
	return (size_t)count;
}

/* Takes all rows that follow the cursor, `capacity` a call or, if it is 0, any number a call.
 * They must be those of the array. */
static void expect_many(struct stele_cursor *cursor, const struct stele_row *expected, size_t count,
                        size_t capacity, uint64_t *state)
{
	size_t taken = 0, room, got;

	do {
		room = capacity > 0 ? capacity : random_from(state) % 80;
		if (room > SCANNED_MAX + 1 - taken)
			room = SCANNED_MAX + 1 - taken;
		got = take_call(cursor, many + taken, room, state);
		taken += got;
		CHECK(got == room || taken == count, "%zu rows of %zu, at %zu of %zu", got, room,
		      taken, count);
	} while (taken < count || got > 0);
	CHECK(taken == count, "%zu rows of %zu", taken, count);
	for (size_t i = 0; i < count; i++)
		CHECK(same_row(&many[i], &expected[i]), "row %zu of %zu", i, count);
}

/* Reads a table by calls of all capacities around the size of a cursor's batch, after some rows
 * that were taken one by one. */
static void read_many(const struct stele_snapshot *snapshot, const char *name, uint64_t *state)
{
	struct stele_row singles[SCANNED_MAX + 1];
	struct stele_cursor *cursor;
	struct stele_table table;
	size_t count;

	OK(stele_table_open(snapshot, name, NULL, &table));
	OK(stele_cursor_open(&table, &cursor));
	count = take_single(cursor, singles);
	for (size_t capacity = 0; capacity < 70; capacity++) {
		size_t skip = random_from(state) % 40;
		struct stele_row row;

		OK(stele_cursor_seek(cursor, NULL, 0));
		skip = skip < count ? skip : count;
		for (size_t i = 0; i < skip; i++)
			RETURNS(stele_cursor_next(cursor, &row), 1, "");
		expect_many(cursor, singles + skip, count - skip, capacity, state);
		RETURNS(stele_cursor_next(cursor, &row), 0, "");
	}
	stele_cursor_close(cursor);
}

Test(unit_cursor, takes_many_rows_of_tables_of_all_sizes)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	uint64_t state = SEED;

	for (size_t count = 0; count <= SCANNED_MAX; count += count < 70 ? 1 : 23) {
		struct stele_snapshot *snapshot;

		snapshot = put_scanned(publisher, subscriber, false, count, &state);
		read_many(snapshot, "numbers", &state);
		stele_snapshot_close(snapshot);
		snapshot = put_scanned(publisher, subscriber, true, count, &state);
		read_many(snapshot, "texts", &state);
		stele_snapshot_close(snapshot);
	}
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

Test(unit_cursor, takes_many_rows_within_its_restriction)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	struct stele_row singles[SCANNED_MAX + 1];
	struct stele_snapshot *snapshot;
	struct stele_cursor *cursor;
	struct stele_table table;
	uint64_t state = SEED;

	put_rows(publisher, &state);
	OK(stele_snapshot_open(subscriber, 0, &snapshot));
	OK(stele_table_open(snapshot, "nets", &schema, &table));
	OK(stele_cursor_open(&table, &cursor));
	for (int round = 0; round < ROUNDS; round++) {
		struct prefix from = random_prefix(&state), under = random_prefix(&state);
		size_t count;

		under.bits %= 8;
		under.bytes[0] &= (uint8_t)(0xff00u >> under.bits);
		OK(stele_cursor_under(cursor, under.bytes, under.bits));
		OK(stele_cursor_seek(cursor, from.bytes, from.bits));
		count = take_single(cursor, singles);
		OK(stele_cursor_seek(cursor, from.bytes, from.bits));
		expect_many(cursor, singles, count, 0, &state);
	}
	stele_cursor_close(cursor);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

/* A cursor has taken rows in advance when its version is lost. It must not return them. */
Test(unit_cursor, returns_no_row_of_a_lost_version)
{
	struct stele_publisher *publisher = ipc_publish_history(2);
	struct stele_subscriber *subscriber = ipc_subscribe(STELE_UNREGISTERED, NULL);
	uint64_t state = SEED;

	for (unsigned steps = 0; steps < 70; steps++) {
		struct stele_snapshot *snapshot =
			put_scanned(publisher, subscriber, false, 100, &state);
		struct stele_cursor *cursor;
		struct stele_table table;
		struct stele_row row;

		OK(stele_table_open(snapshot, "numbers", NULL, &table));
		OK(stele_cursor_open(&table, &cursor));
		for (unsigned i = 0; i < steps; i++)
			RETURNS(stele_cursor_next(cursor, &row), 1, "");
		while (stele_snapshot_check(snapshot) == 0)
			ipc_commit(publisher);
		RETURNS(stele_cursor_next(cursor, &row), -ESTALE, "");
		RETURNS(stele_cursor_next_many(cursor, many, SCANNED_MAX), -ESTALE, "");
		RETURNS(stele_cursor_next_many(cursor, many, 1), -ESTALE, "");
		stele_cursor_close(cursor);
		stele_snapshot_close(snapshot);
	}
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}
