/* SPDX-License-Identifier: MIT */
#include "lib/units.h"
#include "tests/support/bench/bench_rows.h"

#include <stele/stele.h>
#include <string.h>
#include <sys/prctl.h>

#include "tests/support/bench/bench.h"
#include "tests/support/random.h"

static const struct stele_column columns_id[] = {STELE_KEY("id", STELE_UUID), ITEM_COLUMNS};
const struct stele_schema schema_id = STELE_SCHEMA(struct item, columns_id);
static const struct stele_column columns_path[] = {STELE_KEY("path", STELE_TEXT), ITEM_COLUMNS};
static const struct stele_schema schema_path = STELE_SCHEMA(struct item, columns_path);

void key_id(uint64_t number, unsigned char *key)
{
	uint64_t words[2] = {item_mix(number), item_mix(~number)};

	memcpy(key, words, sizeof(words));
}

void key_path(uint64_t number, unsigned char *key)
{
	char text[KEY_MAX];

	snprintf(text, sizeof(text), "/devices/node%03u/port%02u/lane%07u",
	         (unsigned)(number / 1000 % 1000), (unsigned)(number % 1000 / 20),
	         (unsigned)(number * 7919 % 10000000));
	memcpy(key, text, 35);
}

const struct kind kind_id = {&schema_id, 16, key_id};
const struct kind kind_path = {&schema_path, 35, key_path};

struct stele_publisher *items_publish(const struct kind *kind, uint64_t rows)
{
	struct stele_transaction *tx;
	struct stele_writable *table;
	struct stele_publisher *publisher = bench_begin_table("items", kind->schema, &tx, &table);

	for (uint64_t i = 0; i < rows; i++)
		item_put(table, kind, i, 0);
	must(stele_transaction_commit(tx, NULL, NULL));
	return publisher;
}

void item_commit(struct stele_publisher *publisher, const struct kind *kind, uint64_t number,
                 uint64_t round)
{
	struct stele_transaction *tx;
	struct stele_writable *table;

	must(stele_transaction_begin(publisher, &tx));
	must(stele_writable_open(tx, "items", NULL, &table));
	item_put(table, kind, number, round);
	must(stele_transaction_commit(tx, NULL, NULL));
}

/* ---- work done at a fixed rate ---- */

struct pace pace_start(double a_second)
{
	/* By default the kernel may extend each sleep of this process by 50 us. */
	prctl(PR_SET_TIMERSLACK, 1ul);
	return (struct pace){bench_seconds(), 1 / a_second};
}

void pace_wait(struct pace *pace)
{
	double now = bench_seconds();
	struct timespec until;

	pace->next = pace->next + pace->gap < now - 0.01 ? now : pace->next + pace->gap;
	until.tv_sec = (time_t)pace->next;
	until.tv_nsec = (long)((pace->next - (double)until.tv_sec) * (double)NSEC_PER_SEC);
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}
