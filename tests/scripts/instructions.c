/* SPDX-License-Identifier: MIT
 *
 * The operations whose instructions check_instructions.sh counts: each function named do_...
 * performs one operation TIMES times. */
#include <stele/stele.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/bench/bench.h"
#include "tests/support/random.h"

#define ROWS  10000u
#define TIMES 1000u

/* Tables without rows. */
#define OTHERS 63u
static char others[OTHERS][sizeof("other00")];

#define COUNTED static __attribute__((noinline)) void

struct item {
	uint64_t number, round;
};

#define ITEM STELE_VALUE(struct item, number, STELE_U64), STELE_VALUE(struct item, round, STELE_U64)
static const struct stele_column columns_id[] = {STELE_KEY("id", STELE_UUID), ITEM};
static const struct stele_column columns_path[] = {STELE_KEY("path", STELE_TEXT), ITEM};
static const struct stele_column columns_net[] = {STELE_KEY("prefix", STELE_IPV4NET), ITEM};
static const struct stele_schema schemas[] = {
	STELE_SCHEMA(struct item, columns_id),
	STELE_SCHEMA(struct item, columns_path),
	STELE_SCHEMA(struct item, columns_net),
};
static const char *const names[] = {"ids", "paths", "routes"};
enum { IDS, PATHS, ROUTES, TABLES };

struct key {
	unsigned bits;
	unsigned char bytes[36];
};

static struct key keys[TABLES][ROWS];
static struct stele_publisher *publisher;
static struct stele_subscriber *subscriber;
static struct stele_snapshot *snapshot;
static struct stele_schema *parsed; /* the schema of the ids, as the library allocates it */
static struct stele_table tables[TABLES], small;
static struct stele_hash *hashes[TABLES];
static struct stele_live live;
static uint64_t sum;

static void keys_make(void)
{
	uint64_t random = 1;

	for (unsigned i = 0; i < ROWS; i++) {
		uint64_t id[2] = {random_from(&random), random_from(&random)};

		keys[IDS][i].bits = 128;
		memcpy(keys[IDS][i].bytes, id, 16);
		keys[PATHS][i].bits = 35 * 8;
		snprintf((char *)keys[PATHS][i].bytes, 36, "/devices/node%03u/port%02u/lane%07u",
		         i / 1000, i % 1000 / 20, i * 7919 % 10000000);
		keys[ROUTES][i].bits = 24;
		memcpy(keys[ROUTES][i].bytes, id, 3);
	}
}

static void load(struct stele_transaction *tx, int which, unsigned rows)
{
	struct stele_writable *writable;

	must(stele_transaction_create_table(tx, names[which], &schemas[which]));
	must(stele_writable_open(tx, names[which], NULL, &writable));
	for (unsigned i = 0; i < rows; i++) {
		struct item item = {i, 0};
		must(stele_writable_put(writable, keys[which][i].bytes, keys[which][i].bits, &item,
		                        sizeof(item)));
	}
}

static void use(int r, const struct stele_row *row)
{
	check(r == 1);
	sum += ((const struct item *)row->value)->number;
}

static void gets(int which)
{
	struct stele_row row;

	for (unsigned i = 0; i < TIMES; i++) {
		const struct key *key = &keys[which][i * 7 % ROWS];
		use(stele_table_get(&tables[which], key->bytes, key->bits, &row), &row);
	}
}

COUNTED do_get(void)
{
	gets(IDS);
}

COUNTED do_get_text(void)
{
	gets(PATHS);
}

static void hash_gets(int which)
{
	struct stele_row row;

	for (unsigned i = 0; i < TIMES; i++) {
		const struct key *key = &keys[which][i * 7 % ROWS];
		use(stele_hash_get(hashes[which], key->bytes, key->bits, &row), &row);
	}
}

COUNTED do_hash_get(void)
{
	hash_gets(IDS);
}

COUNTED do_hash_get_text(void)
{
	hash_gets(PATHS);
}

COUNTED do_match(void)
{
	struct stele_row row;

	for (unsigned i = 0; i < TIMES; i++)
		use(stele_table_match(&tables[ROUTES], keys[ROUTES][i * 7 % ROWS].bytes, 32, &row),
		    &row);
}

/* Lookups by the name of the table, with the expected schema. */

static void gets_by_name(const struct stele_schema *expected)
{
	struct stele_row row;

	for (unsigned i = 0; i < TIMES; i++) {
		const struct key *key = &keys[IDS][i * 7 % ROWS];
		use(stele_snapshot_get(snapshot, names[IDS], expected, key->bytes, key->bits, &row),
		    &row);
	}
}

COUNTED do_get_by_name(void)
{
	gets_by_name(&schemas[IDS]);
}

COUNTED do_get_by_name_parsed(void)
{
	gets_by_name(parsed);
}

/* Other tables, in turn: none displaces what is remembered of another. */
COUNTED do_get_by_name_in_turn(void)
{
	struct stele_row row;

	for (unsigned i = 0; i < TIMES; i++)
		check(stele_snapshot_get(snapshot, others[i % OTHERS], &schemas[IDS],
		                         keys[IDS][0].bytes, 128, &row) == 0);
}

COUNTED do_match_by_name(void)
{
	struct stele_row row;

	for (unsigned i = 0; i < TIMES; i++)
		use(stele_snapshot_match(snapshot, names[ROUTES], &schemas[ROUTES],
		                         keys[ROUTES][i * 7 % ROWS].bytes, 32, &row),
		    &row);
}

/* A snapshot for each lookup. */
COUNTED do_snapshot_get_by_name(void)
{
	for (unsigned i = 0; i < TIMES; i++) {
		const struct key *key = &keys[IDS][i * 7 % ROWS];
		struct stele_snapshot *one;
		struct stele_row row;

		must(stele_snapshot_open(subscriber, 0, &one));
		use(stele_snapshot_get(one, names[IDS], &schemas[IDS], key->bytes, key->bits, &row),
		    &row);
		stele_snapshot_close(one);
	}
}

/* Copies of rows of the newest version. */

COUNTED do_live_copy(void)
{
	for (unsigned i = 0; i < TIMES; i++) {
		const struct key *key = &keys[IDS][i * 7 % ROWS];
		struct item item;
		size_t size = sizeof(item);

		check(stele_live_get_copy(&live, key->bytes, key->bits, &item, &size, NULL) == 1);
		sum += item.number;
	}
}

static void copies_by_name(const struct stele_schema *expected)
{
	for (unsigned i = 0; i < TIMES; i++) {
		const struct key *key = &keys[IDS][i * 7 % ROWS];
		struct item item;
		size_t size = sizeof(item);

		check(stele_subscriber_get_copy(subscriber, names[IDS], expected, key->bytes,
		                                key->bits, &item, &size, NULL) == 1);
		sum += item.number;
	}
}

COUNTED do_copy_by_name(void)
{
	copies_by_name(&schemas[IDS]);
}

COUNTED do_copy_by_name_parsed(void)
{
	copies_by_name(parsed);
}

COUNTED do_table_open(void)
{
	for (unsigned i = 0; i < TIMES; i++) {
		struct stele_table table;
		must(stele_table_open(snapshot, names[IDS], &schemas[IDS], &table));
	}
}

COUNTED do_cursor_open(void)
{
	for (unsigned i = 0; i < TIMES; i++) {
		struct stele_cursor *cursor;
		must(stele_cursor_open(&tables[IDS], &cursor));
		stele_cursor_close(cursor);
	}
}

COUNTED do_scan(void)
{
	struct stele_cursor *cursor;
	struct stele_row row;

	must(stele_cursor_open(&tables[IDS], &cursor));
	for (unsigned i = 0; i < TIMES; i++)
		use(stele_cursor_next(cursor, &row), &row);
	stele_cursor_close(cursor);
}

COUNTED do_scan_many(void)
{
	struct stele_cursor *cursor;
	struct stele_row rows[25];

	must(stele_cursor_open(&tables[IDS], &cursor));
	for (unsigned i = 0; i < TIMES; i += 25) {
		check(stele_cursor_next_many(cursor, rows, 25) == 25);
		for (unsigned j = 0; j < 25; j++)
			use(1, &rows[j]);
	}
	stele_cursor_close(cursor);
}

/* All rows of a table of TIMES rows, with the opening and closing of the cursor. */

COUNTED do_scan_small(void)
{
	struct stele_cursor *cursor;
	struct stele_row row;

	must(stele_cursor_open(&small, &cursor));
	while (stele_cursor_next(cursor, &row) == 1)
		use(1, &row);
	stele_cursor_close(cursor);
}

COUNTED do_scan_small_many(void)
{
	struct stele_row rows[50];
	struct stele_cursor *cursor;
	int64_t count;

	must(stele_cursor_open(&small, &cursor));
	while ((count = stele_cursor_next_many(cursor, rows, 50)) > 0)
		for (int64_t i = 0; i < count; i++)
			use(1, &rows[i]);
	stele_cursor_close(cursor);
}

COUNTED do_snapshot(void)
{
	for (unsigned i = 0; i < TIMES; i++) {
		struct stele_snapshot *one;
		must(stele_snapshot_open(subscriber, 0, &one));
		stele_snapshot_close(one);
	}
}

COUNTED do_commit(void)
{
	for (unsigned i = 0; i < TIMES; i++) {
		const struct key *key = &keys[IDS][i * 7 % ROWS];
		struct item item = {i, 1};
		struct stele_transaction *tx;
		struct stele_writable *writable;

		must(stele_transaction_begin(publisher, &tx));
		must(stele_writable_open(tx, names[IDS], NULL, &writable));
		must(stele_writable_put(writable, key->bytes, key->bits, &item, sizeof(item)));
		must(stele_transaction_commit(tx, NULL, NULL));
	}
}

/* Counts scans of a small table in a small region, of which nothing is prefetched. */
static void count_small(const struct stele_publisher_options *options,
                        const struct stele_subscriber_options *reads)
{
	struct stele_publisher *writer;
	struct stele_subscriber *reader;
	struct stele_snapshot *view;
	struct stele_transaction *tx;
	char name[64];

	snprintf(name, sizeof(name), "instructions-small-%ld", (long)getpid());
	must(stele_publisher_open(name, options, &writer));
	must(stele_transaction_begin(writer, &tx));
	load(tx, IDS, TIMES);
	must(stele_transaction_commit(tx, NULL, NULL));
	must(stele_subscriber_open(name, reads, &reader));
	must(stele_snapshot_open(reader, 0, &view));
	must(stele_table_open(view, names[IDS], &schemas[IDS], &small));
	do_scan_small();
	do_scan_small_many();
	stele_subscriber_close(reader);
	stele_publisher_close(writer);
	must(stele_region_remove(name));
}

/* Asks for other tables by their names, so that those of the lookups to count are some of many. */
static void ask_others(void)
{
	struct item item;
	struct stele_row row;

	for (unsigned i = 0; i < OTHERS; i++) {
		size_t size = sizeof(item);

		check(stele_snapshot_get(snapshot, others[i], &schemas[IDS], keys[IDS][0].bytes,
		                         128, &row) == 0);
		check(stele_subscriber_get_copy(subscriber, others[i], &schemas[IDS],
		                                keys[IDS][0].bytes, 128, &item, &size, NULL) == 0);
	}
}

/* Commits are counted in a region of three tables. */
static void drop_others(void)
{
	struct stele_transaction *tx;

	must(stele_transaction_begin(publisher, &tx));
	for (unsigned i = 0; i < OTHERS; i++)
		must(stele_transaction_drop_table(tx, others[i]));
	must(stele_transaction_commit(tx, NULL, NULL));
}

int main(void)
{
	struct stele_publisher_options options = {.size = sizeof(options),
	                                          .flags = STELE_CREATE_NEW};
	struct stele_subscriber_options reads = {.size = sizeof(reads), .notifier = "futex"};
	struct stele_transaction *tx;

	snprintf(bench_region, sizeof(bench_region), "instructions-%ld", (long)getpid());
	keys_make();
	must(stele_publisher_open(bench_region, &options, &publisher));
	must(stele_transaction_begin(publisher, &tx));
	for (int which = 0; which < TABLES; which++)
		load(tx, which, ROWS);
	for (unsigned i = 0; i < OTHERS; i++)
		snprintf(others[i], sizeof(others[i]), "other%02u", i);
	for (unsigned i = 0; i < OTHERS; i++)
		must(stele_transaction_create_table(tx, others[i], &schemas[IDS]));
	must(stele_transaction_commit(tx, NULL, NULL));
	must(stele_subscriber_open(bench_region, &reads, &subscriber));
	must(stele_snapshot_open(subscriber, 0, &snapshot));
	ask_others();
	parsed = stele_schema_copy(&schemas[IDS]);
	check(parsed);
	for (int which = 0; which < TABLES; which++)
		must(stele_table_open(snapshot, names[which], &schemas[which], &tables[which]));
	must(stele_live_open(subscriber, names[IDS], &schemas[IDS], &live));
	for (int which = 0; which < TABLES; which++)
		must(stele_hash_open(&tables[which], &hashes[which]));
	do_get();
	do_get_text();
	do_hash_get();
	do_hash_get_text();
	do_match();
	do_get_by_name();
	do_get_by_name_parsed();
	do_get_by_name_in_turn();
	do_match_by_name();
	do_snapshot_get_by_name();
	do_live_copy();
	do_copy_by_name();
	do_copy_by_name_parsed();
	do_table_open();
	do_cursor_open();
	do_scan();
	do_scan_many();
	do_snapshot();
	drop_others();
	do_commit();
	count_small(&options, &reads);
	check(sum > 0);
	stele_schema_free(parsed);
	for (int which = 0; which < TABLES; which++)
		stele_hash_close(hashes[which]);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
	must(stele_region_remove(bench_region));
	return 0;
}
