/* SPDX-License-Identifier: MIT
 *
 * The charts of `stele top`, and its reading of a table backwards. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <stele/stele.h>

#include "tests/support/random.h"
/* Included, because the command's objects are not linked with tests. */
#include "tools/top/top_place.c"
#include "tools/top/top_series.c"

static void expect_picture(const struct series *series, unsigned width, double whole, bool blocks,
                           const char *expected)
{
	char picture[SERIES_TEXT];

	series_draw(series, width, whole, blocks, picture);
	cr_expect(strcmp(picture, expected) == 0, "\"%s\", not \"%s\"", picture, expected);
}

Test(unit_top, draws_values)
{
	struct series series = {0};

	expect_picture(&series, 3, 0, true, "   ");
	series_add(&series, 0);
	expect_picture(&series, 3, 0, true, "  ▁");
	series_add(&series, 1);
	series_add(&series, 1000);
	/* A value above zero is drawn higher than zero. */
	expect_picture(&series, 3, 0, true, "▁▂█");
	expect_picture(&series, 3, 0, false, "_.#");
	/* The scale is set by the highest of the values shown. */
	series_add(&series, 5);
	series_add(&series, 2.5);
	expect_picture(&series, 2, 0, true, "█▅");
	expect_picture(&series, 2, 10, true, "▅▃");
	/* Values above `whole` are drawn at full height. */
	expect_picture(&series, 2, 2, true, "██");
}

Test(unit_top, keeps_the_newest_values)
{
	struct series series = {0};
	char picture[SERIES_TEXT];

	for (unsigned i = 0; i < SERIES_MAX * 2 + 7; i++)
		series_add(&series, i);
	cr_expect(series.count == SERIES_MAX);
	for (unsigned age = 0; age < SERIES_MAX; age++)
		cr_expect(series_back(&series, age) == SERIES_MAX * 2 + 6 - age);
	series_draw(&series, 100000, 0, true, picture);
	cr_expect(strlen(picture) == SERIES_TEXT - 1);
}

/* ---- places ---- */

static char region[64];
static struct stele_publisher *publisher;
static struct stele_subscriber *subscriber;
static struct stele_snapshot *snapshot;

static void open_region(const char *declaration, void (*fill)(struct stele_writable *table))
{
	struct stele_publisher_options options = {.size = sizeof(options),
	                                          .flags = STELE_CREATE_NEW};
	char name[STELE_NAME_MAX + 1];
	struct stele_transaction *tx;
	struct stele_writable *table;
	struct stele_schema *schema;

	snprintf(region, sizeof(region), "unittop%d", (int)getpid());
	stele_region_remove(region);
	cr_assert(stele_publisher_open(region, &options, &publisher) == 0);
	cr_assert(stele_schema_parse(declaration, name, &schema) == 0);
	cr_assert(stele_transaction_begin(publisher, &tx) == 0);
	cr_assert(stele_transaction_create_table(tx, "t", schema) == 0);
	cr_assert(stele_writable_open(tx, "t", NULL, &table) == 0);
	fill(table);
	cr_assert(stele_transaction_commit(tx, NULL, NULL) == 1);
	stele_schema_free(schema);
	cr_assert(stele_subscriber_open(region, NULL, &subscriber) == 0);
	cr_assert(stele_snapshot_open(subscriber, 0, &snapshot) == 0);
}

static void close_region(void)
{
	stele_snapshot_close(snapshot);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
	cr_expect(stele_region_remove(region) == 0);
}

/* Checks that reading backwards from the last row returns the rows of a cursor in reverse order. */
static void expect_backwards(size_t rows)
{
	struct stele_key *keys = malloc((rows + 1) * sizeof(*keys)), key = {0};
	struct stele_cursor *cursor;
	struct stele_table table;
	struct stele_row row;
	size_t count = 0;

	cr_assert(keys && stele_table_open(snapshot, "t", NULL, &table) == 0);
	cr_assert(stele_cursor_open(&table, &cursor) == 0);
	for (; count < rows && stele_cursor_next(cursor, &row) == 1; count++) {
		keys[count].bits = row.key_bits;
		memcpy(keys[count].bytes, row.key, (row.key_bits + 7) / 8);
	}
	cr_assert(count == rows);
	cr_expect(place_last(cursor, &key) == (rows > 0));
	while (count-- > 0) {
		cr_assert(key.bits == keys[count].bits &&
		                  memcmp(key.bytes, keys[count].bytes, (key.bits + 7) / 8) == 0,
		          "row %zu of %zu", count, rows);
		cr_assert(place_before(cursor, &key) == (count > 0));
	}
	stele_cursor_close(cursor);
	free(keys);
}

static void put(struct stele_writable *table, const void *key, unsigned bits)
{
	cr_assert(stele_writable_put(table, key, bits, NULL, 0) >= 0);
}

static size_t made;

/* Adds all prefixes of several addresses, so that many keys are prefixes of others. */
static void fill_prefixes(struct stele_writable *table)
{
	uint64_t random = 11;

	made = 0;
	for (int i = 0; i < 60; i++) {
		uint64_t address = random_from(&random);

		for (unsigned bits = 0; bits <= 32;
		     bits += 1 + (unsigned)(random_from(&random) % 5)) {
			uint8_t key[4];

			for (unsigned byte = 0; byte < 4; byte++) {
				unsigned kept = bits >= 8 * byte + 8 ? 8
				                : bits > 8 * byte    ? bits - 8 * byte
				                                     : 0;

				key[byte] = (uint8_t)(address >> 8 * byte & (0xff00u >> kept));
			}
			made += stele_writable_put(table, key, bits, NULL, 0) == 1;
		}
	}
}

static void fill_texts(struct stele_writable *table)
{
	char text[64] = "";

	put(table, "", 0);
	for (made = 1; made < 50; made++) {
		text[made - 1] = (char)('a' + made % 3);
		put(table, text, 8 * (unsigned)made);
	}
	put(table, "\xff\xff\xff", 24);
	put(table, "\0", 8);
	made += 2;
}

static void fill_numbers(struct stele_writable *table)
{
	uint64_t random = 3;

	made = 0;
	for (int i = 0; i < 3000; i++) {
		uint32_t key = (uint32_t)random_from(&random);

		made += stele_writable_put(table, &key, 32, NULL, 0) == 1;
	}
}

static void fill_nothing(struct stele_writable *table)
{
	(void)table;
	made = 0;
}

Test(unit_top, reads_backwards)
{
	static const struct {
		const char *declaration;
		void (*fill)(struct stele_writable *table);
	} tables[] = {
		{"t(p: ipv4net key)", fill_prefixes},
		{"t(n: text key)", fill_texts},
		{"t(n: u32 key)", fill_numbers},
		{"t(n: u32 key)", fill_nothing},
	};

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		open_region(tables[i].declaration, tables[i].fill);
		expect_backwards(made);
		close_region();
	}
}
