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
