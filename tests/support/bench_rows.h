/* SPDX-License-Identifier: MIT
 *
 * The rows that are compared: values of 48 bytes under keys of one of two kinds, all made from
 * the row's number. */
#ifndef TESTS_SUPPORT_BENCH_ROWS_H
#define TESTS_SUPPORT_BENCH_ROWS_H

#include <stele/stele.h>
#include <string.h>
#include <sys/prctl.h>

#include "tests/support/bench.h"
#include "tests/support/random.h"

#define KEY_MOST 48u

struct item {
	uint64_t a, b, c, d, e, f;
};

#define ITEM_COLUMNS \
	STELE_VALUE(struct item, a, STELE_U64), STELE_VALUE(struct item, b, STELE_U64), \
		STELE_VALUE(struct item, c, STELE_U64), STELE_VALUE(struct item, d, STELE_U64), \
		STELE_VALUE(struct item, e, STELE_U64), STELE_VALUE(struct item, f, STELE_U64)

static const struct stele_column columns_id[] = {STELE_KEY("id", STELE_UUID), ITEM_COLUMNS};
static const struct stele_schema schema_id = STELE_SCHEMA(struct item, columns_id);
static const struct stele_column columns_path[] = {STELE_KEY("path", STELE_TEXT), ITEM_COLUMNS};
static const struct stele_schema schema_path = STELE_SCHEMA(struct item, columns_path);

struct kind {
	const struct stele_schema *schema;
	unsigned key_size;
	void (*key)(uint64_t number, unsigned char *key);
};

static inline uint64_t mixed(uint64_t number)
{
	return random_from(&number);
}

static inline void key_id(uint64_t number, unsigned char *key)
{
	uint64_t words[2] = {mixed(number), mixed(~number)};

	memcpy(key, words, sizeof(words));
}

/* Keys that have much in common, as paths have. No two are the same, as 7919 is prime to 10^7. */
static inline void key_path(uint64_t number, unsigned char *key)
{
	char text[KEY_MOST];

	snprintf(text, sizeof(text), "/devices/node%03u/port%02u/lane%07u",
	         (unsigned)(number / 1000 % 1000), (unsigned)(number % 1000 / 20),
	         (unsigned)(number * 7919 % 10000000));
	memcpy(key, text, 35);
}

static const struct kind kind_id = {&schema_id, 16, key_id};
static const struct kind kind_path = {&schema_path, 35, key_path};

/* What stands in a row at first, and after it was written for the `round`th time. */
static inline struct item item_of(uint64_t number, uint64_t round)
{
	uint64_t first = mixed(number + round * 1000003);

	return (struct item){first, number, first + 1, round, first + 2, first + 3};
}

static inline uint64_t item_sum(const void *value)
{
	struct item item;

	memcpy(&item, value, sizeof(item));
	return item.a + item.b + item.c + item.d + item.e + item.f;
}

static inline void put_item(struct stele_writable *table, const struct kind *kind, uint64_t number,
                            uint64_t round)
{
	unsigned char key[KEY_MOST];
	struct item item = item_of(number, round);

	kind->key(number, key);
	must(stele_writable_put(table, key, kind->key_size * 8, &item, sizeof(item)));
}

/* A region of its own with the table "items": with so many rows as they are at first. */
static inline struct stele_publisher *items_publish(const struct kind *kind, uint64_t rows)
{
	struct stele_publisher_options options = {.size = sizeof(options),
	                                          .flags = STELE_CREATE_NEW};
	struct stele_publisher *publisher;
	struct stele_transaction *tx;
	struct stele_writable *table;

	must(stele_publisher_open(region, &options, &publisher));
	must(stele_transaction_begin(publisher, &tx));
	must(stele_table_create(tx, "items", kind->schema));
	must(stele_writable_open(tx, "items", &table));
	for (uint64_t i = 0; i < rows; i++)
		put_item(table, kind, i, 0);
	must(stele_transaction_commit(tx, NULL, NULL));
	return publisher;
}

static inline void commit_item(struct stele_publisher *publisher, const struct kind *kind,
                               uint64_t number, uint64_t round)
{
	struct stele_transaction *tx;
	struct stele_writable *table;

	must(stele_transaction_begin(publisher, &tx));
	must(stele_writable_open(tx, "items", &table));
	put_item(table, kind, number, round);
	must(stele_transaction_commit(tx, NULL, NULL));
}

/* ---- what is done a number of times a second ---- */

struct pace {
	double next, gap;
};

static inline struct pace pace_start(double a_second)
{
	/* Otherwise the system may let us sleep for 50 us more. */
	prctl(PR_SET_TIMERSLACK, 1ul);
	return (struct pace){seconds(), 1 / a_second};
}

/* Sleeps until the next time. Who is late by more than 10 ms does not catch up. */
static inline void pace_wait(struct pace *pace)
{
	double now = seconds();
	struct timespec until;

	pace->next = pace->next + pace->gap < now - 0.01 ? now : pace->next + pace->gap;
	until.tv_sec = (time_t)pace->next;
	until.tv_nsec = (long)((pace->next - (double)until.tv_sec) * 1e9);
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

#endif
