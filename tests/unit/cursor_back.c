/* SPDX-License-Identifier: MIT
 *
 * Cursors that go forward and backward, over random tables of three kinds, compared with a sorted
 * array of all keys. */
#include "tests/support/ipc/ipc.h"
#include "tests/support/random.h"

TestSuite(unit_cursor_back, .init = ipc_begin, .fini = ipc_end, .timeout = 120);

#define SEED  UINT64_C(20261130)
#define ROWS  400
#define STEPS 60000

struct key {
	uint8_t bytes[8];
	unsigned bits;
};

/* A kind of table, and a generator of its keys. */
struct kind {
	const char *declaration;
	struct key (*random_key)(uint64_t *state);
};

/* The state of a walk: the cursor stands before keys[at]. Its range is keys[first] to
 * keys[end - 1]. */
struct walk {
	struct key keys[ROWS];
	size_t count, first, end, at;
	struct stele_cursor *cursor;
};

/* A prefix with few random bits, at both sides of byte boundaries, so that many keys share bits. */
static struct key random_prefix(uint64_t *state)
{
	uint64_t r = random_from(state);
	struct key key = {.bits = (unsigned)(r % 25)};

	for (unsigned i = 0; i < key.bits; i++)
		if (r >> (8 + i) & 1 && i % 8 != 3 && i % 8 != 4 && i % 8 != 5)
			key.bytes[i / 8] |= (uint8_t)(0x80u >> i % 8);
	return key;
}

/* A number of 16 bits: nodes with many children. */
static struct key random_number(uint64_t *state)
{
	uint64_t r = random_from(state);

	return (struct key){.bits = 16, .bytes = {(uint8_t)(r % 3), (uint8_t)(r >> 32)}};
}

/* Text of few letters, also empty: keys that end in nodes, and skipped bytes. */
static struct key random_text(uint64_t *state)
{
	uint64_t r = random_from(state);
	struct key key = {.bits = (unsigned)(r % 7) * 8};

	for (unsigned i = 0; i < key.bits / 8; i++)
		key.bytes[i] = (uint8_t)("aaab"[r >> (8 + 2 * i) & 3]);
	return key;
}

static const struct kind kinds[] = {
	{"t(prefix: ipv4net key)", random_prefix},
	{"t(number: u16 key)", random_number},
	{"t(name: text key)", random_text},
};

static unsigned bit(const struct key *key, unsigned i)
{
	return key->bytes[i / 8] >> (7 - i % 8) & 1;
}

static bool starts(const struct key *key, const struct key *with)
{
	for (unsigned i = 0; i < with->bits; i++)
		if (i == key->bits || bit(key, i) != bit(with, i))
			return false;
	return true;
}

static int compare(const void *left, const void *right)
{
	const struct key *a = left, *b = right;

	for (unsigned i = 0; i < a->bits && i < b->bits; i++)
		if (bit(a, i) != bit(b, i))
			return bit(a, i) < bit(b, i) ? -1 : 1;
	return (a->bits > b->bits) - (a->bits < b->bits);
}

static void put_rows(struct stele_publisher *publisher, struct walk *walk, const struct kind *kind,
                     size_t count, uint64_t *state)
{
	struct stele_transaction *tx;

	walk->count = 0;
	OK(stele_transaction_begin(publisher, &tx));
	while (walk->count < count) {
		struct key key = kind->random_key(state);
		int r = stele_transaction_put(tx, "t", key.bytes, key.bits, NULL, 0);
		OK(r);
		if (r == 1)
			walk->keys[walk->count++] = key;
		else if (random_from(state) % 64 == 0)
			count--; /* there may be fewer different keys */
	}
	qsort(walk->keys, walk->count, sizeof(walk->keys[0]), compare);
	OK(stele_transaction_commit(tx, NULL, NULL));
}

static void expect_row(struct walk *walk, int r, const struct stele_row *row, bool there, size_t at,
                       int step)
{
	CHECK(r == there, "step %d, seed %llu: %d, not %d, at %zu: %s", step,
	      (unsigned long long)SEED, r, there, at, r < 0 ? stele_last_error() : "");
	if (there)
		CHECK(row->key_bits == walk->keys[at].bits &&
		              memcmp(row->key, walk->keys[at].bytes, (row->key_bits + 7) / 8) == 0,
		      "step %d, seed %llu: a key of %u bits, not of %u, at %zu of %zu", step,
		      (unsigned long long)SEED, row->key_bits, walk->keys[at].bits, at,
		      walk->count);
}

static void move_forward(struct walk *walk, int step)
{
	bool there = walk->at < walk->end;
	struct stele_row row;

	expect_row(walk, stele_cursor_next(walk->cursor, &row), &row, there, walk->at, step);
	walk->at += there;
}

static void move_backward(struct walk *walk, int step)
{
	bool there = walk->at > walk->first;
	struct stele_row row;

	expect_row(walk, stele_cursor_previous(walk->cursor, &row), &row, there, walk->at - there,
	           step);
	walk->at -= there;
}

/* Moves forward by any number of rows, also by none. */
static void move_forward_many(struct walk *walk, uint64_t *state, int step)
{
	size_t capacity = random_from(state) % 9, left = walk->end - walk->at;
	struct stele_row rows[8];
	int64_t count = stele_cursor_next_many(walk->cursor, rows, capacity);

	CHECK(count == (int64_t)(left < capacity ? left : capacity),
	      "step %d, seed %llu: %lld rows of %zu, %zu are left", step, (unsigned long long)SEED,
	      (long long)count, capacity, left);
	for (int64_t i = 0; i < count; i++)
		expect_row(walk, 1, &rows[i], true, walk->at++, step);
}

static void restrict_walk(struct walk *walk, const struct key *under)
{
	OK(stele_cursor_under(walk->cursor, under->bytes, under->bits));
	walk->first = 0;
	while (walk->first < walk->count && compare(&walk->keys[walk->first], under) < 0)
		walk->first++;
	walk->end = walk->first;
	while (walk->end < walk->count && starts(&walk->keys[walk->end], under))
		walk->end++;
	walk->at = walk->first;
}

static void seek(struct walk *walk, const struct key *key)
{
	OK(stele_cursor_seek(walk->cursor, key->bytes, key->bits));
	walk->at = walk->first;
	while (walk->at < walk->end && compare(&walk->keys[walk->at], key) < 0)
		walk->at++;
}

static void step_at_random(struct walk *walk, const struct kind *kind, uint64_t *state, int step)
{
	struct key key = kind->random_key(state);
	unsigned runs = (unsigned)(random_from(state) % 12);

	switch (random_from(state) % 9) {
	case 0:
		/* Half of the restrictions are short, so that they leave some rows. */
		if (random_from(state) % 2)
			key.bits = kind->random_key == random_prefix ? key.bits % 9
			                                             : key.bits / 16 * 8;
		if (key.bits % 8)
			key.bytes[key.bits / 8] &= (uint8_t)(0xff00u >> key.bits % 8);
		restrict_walk(walk, random_from(state) % 4 ? &key : &(struct key){.bits = 0});
		break;
	case 1:
	case 2:
		seek(walk, &key);
		break;
	case 3:
		OK(stele_cursor_last(walk->cursor));
		walk->at = walk->end;
		break;
	case 4:
	case 5:
		while (runs-- > 0)
			move_forward(walk, step);
		break;
	case 6:
		move_forward_many(walk, state, step);
		break;
	default:
		while (runs-- > 0)
			move_backward(walk, step);
	}
}

static void expect_all_backward(struct walk *walk)
{
	restrict_walk(walk, &(struct key){.bits = 0});
	OK(stele_cursor_last(walk->cursor));
	walk->at = walk->end;
	for (size_t i = 0; i <= walk->count; i++)
		move_backward(walk, -1);
	for (size_t i = 0; i <= walk->count; i++)
		move_forward(walk, -1);
}

static void walk_kind(const struct kind *kind, size_t count)
{
	struct stele_publisher *publisher = ipc_attach(region, NULL);
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	static struct walk walk;
	struct stele_snapshot *snapshot;
	struct stele_table table;
	uint64_t state = SEED + count;

	ipc_declare_table(publisher, kind->declaration, "t");
	put_rows(publisher, &walk, kind, count, &state);
	OK(stele_snapshot_open(subscriber, 0, &snapshot));
	OK(stele_table_open(snapshot, "t", NULL, &table));
	OK(stele_cursor_open(&table, &walk.cursor));
	walk.first = walk.at = 0;
	walk.end = walk.count;
	move_backward(&walk, -2);
	expect_all_backward(&walk);
	for (int step = 0; step < STEPS; step++)
		step_at_random(&walk, kind, &state, step);
	stele_cursor_close(walk.cursor);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
	OK(stele_region_remove(region));
}

Test(unit_cursor_back, walks_as_a_sorted_array)
{
	static const size_t counts[] = {0, 1, 2, 17, ROWS};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		for (size_t j = 0; j < sizeof(counts) / sizeof(counts[0]); j++)
			walk_kind(&kinds[i], counts[j]);
}

/* A cursor of a transaction turns as well, over rows that are not committed. */
Test(unit_cursor_back, walks_in_a_transaction)
{
	struct stele_publisher *publisher = ipc_attach(region, NULL);
	struct stele_transaction *tx;
	struct stele_writable *writable;
	struct stele_cursor *cursor;
	struct stele_row row;

	ipc_declare_table(publisher, "t(name: text key)", "t");
	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_writable_open(tx, "t", NULL, &writable));
	OK(stele_writable_put(writable, "a", 8, NULL, 0));
	OK(stele_writable_put(writable, "ab", 16, NULL, 0));
	OK(stele_writable_cursor_open(writable, &cursor));
	OK(stele_cursor_last(cursor));
	RETURNS(stele_cursor_previous(cursor, &row), 1, "");
	CHECK(row.key_bits == 16, "%u bits", row.key_bits);
	RETURNS(stele_cursor_previous(cursor, &row), 1, "");
	CHECK(row.key_bits == 8, "%u bits", row.key_bits);
	RETURNS(stele_cursor_previous(cursor, &row), 0, "");
	RETURNS(stele_cursor_next(cursor, &row), 1, "");
	CHECK(row.key_bits == 8, "%u bits", row.key_bits);
	stele_cursor_close(cursor);
	stele_transaction_abort(tx);
	stele_publisher_close(publisher);
}
