/* SPDX-License-Identifier: MIT
 *
 * The rows that the comparisons use: values of 48 bytes under keys of one of two kinds, all made
 * from the row's number. */
#ifndef TESTS_SUPPORT_BENCH_BENCH_ROWS_H
#define TESTS_SUPPORT_BENCH_BENCH_ROWS_H

#include <stele/stele.h>
#include <string.h>
#include <sys/prctl.h>

#include "tests/support/bench/bench.h"
#include "tests/support/random.h"

#define KEY_MAX 48u

struct item {
	uint64_t a, b, c, d, e, f;
};

#define ITEM_COLUMNS \
	STELE_VALUE(struct item, a, STELE_U64), STELE_VALUE(struct item, b, STELE_U64), \
		STELE_VALUE(struct item, c, STELE_U64), STELE_VALUE(struct item, d, STELE_U64), \
		STELE_VALUE(struct item, e, STELE_U64), STELE_VALUE(struct item, f, STELE_U64)

extern const struct stele_schema schema_id;

struct kind {
	const struct stele_schema *schema;
	unsigned key_size;
	void (*key)(uint64_t number, unsigned char *key);
};

static inline uint64_t item_mix(uint64_t number)
{
	return random_from(&number);
}

/* Makes a key of 16 random bytes. */
void key_id(uint64_t number, unsigned char *key);

/* Makes a key that has much in common with others, like a path. No two keys are equal, since 7919
 * is prime to 10^7. */
void key_path(uint64_t number, unsigned char *key);

extern const struct kind kind_id;
extern const struct kind kind_path;

/* Returns a row's value after its `round`th update; round 0 is its first value. */
static inline struct item item_of(uint64_t number, uint64_t round)
{
	uint64_t first = item_mix(number + round * 1000003);

	return (struct item){first, number, first + 1, round, first + 2, first + 3};
}

static inline uint64_t item_sum(const void *value)
{
	struct item item;

	memcpy(&item, value, sizeof(item));
	return item.a + item.b + item.c + item.d + item.e + item.f;
}

static inline void item_put(struct stele_writable *table, const struct kind *kind, uint64_t number,
                            uint64_t round)
{
	unsigned char key[KEY_MAX];
	struct item item = item_of(number, round);

	kind->key(number, key);
	must(stele_writable_put(table, key, kind->key_size * 8, &item, sizeof(item)));
}

/* Creates a region with the table "items", and puts `rows` rows with their first values. */
struct stele_publisher *items_publish(const struct kind *kind, uint64_t rows);

/* Commits one row with the value of its `round`th update. */
void item_commit(struct stele_publisher *publisher, const struct kind *kind, uint64_t number,
                 uint64_t round);

/* ---- work done at a fixed rate ---- */

struct pace {
	double next, gap;
};

/* Starts a pace, at which pace_wait() returns `a_second` times a second. */
struct pace pace_start(double a_second);

/* Sleeps until the next time. A caller that is more than 10 ms late does not catch up. */
void pace_wait(struct pace *pace);

#endif
