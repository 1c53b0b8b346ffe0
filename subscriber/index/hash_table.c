/* SPDX-License-Identifier: MIT */
#include "subscriber/index/hash_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "subscriber/index/lpm_memory.h"

/* The load factors (references per place) of a new table, and the minimum and maximum of a table
 * that hash_table_suits() accepts. A fuller table has more strays; an emptier table needs more
 * cache lines for its references. */
#define BUILD_LOAD_NUMERATOR   3u
#define BUILD_LOAD_DENOMINATOR 4u
#define MIN_LOAD_NUMERATOR     3u
#define MAX_LOAD_NUMERATOR     7u
#define LOAD_DENOMINATOR       8u

/* The maximum of strays in a table that hash_table_suits() accepts: one for each STRAYS_DENOMINATOR
 * references, and STRAYS_BASE more, which matters in small tables. In a new table about one
 * reference in twenty is a stray. */
#define STRAYS_DENOMINATOR 8u
#define STRAYS_BASE        16u

/* Returns the number of places of a table. */
static uint64_t hash_table_places(const struct hash_table *table)
{
	return (uint64_t)table->count * HASH_PLACES;
}

int hash_table_init(struct hash_table *table, uint64_t rows)
{
	uint64_t count = rows * BUILD_LOAD_DENOMINATOR / (BUILD_LOAD_NUMERATOR * HASH_PLACES) + 1;

	hash_table_fini(table);
	if (count > UINT32_MAX || count > SIZE_MAX / sizeof(*table->buckets))
		return -ENOMEM;
	table->buckets = lpm_allocate((size_t)count * sizeof(*table->buckets));
	if (!table->buckets)
		return -ENOMEM;
	table->count = (uint32_t)count;
	memset(table->buckets, 0, (size_t)count * sizeof(*table->buckets));
	return 0;
}

void hash_table_fini(struct hash_table *table)
{
	free(table->buckets);
	*table = (struct hash_table){0};
}

/* Returns true if `rows` references would not exceed the maximum load factor. */
static bool hash_table_has_capacity(const struct hash_table *table, uint64_t rows)
{
	return rows * LOAD_DENOMINATOR <= hash_table_places(table) * MAX_LOAD_NUMERATOR;
}

bool hash_table_suits(const struct hash_table *table, uint64_t rows)
{
	return hash_table_has_capacity(table, rows) &&
	       table->strays <= table->used / STRAYS_DENOMINATOR + STRAYS_BASE &&
	       (rows * LOAD_DENOMINATOR >= hash_table_places(table) * MIN_LOAD_NUMERATOR ||
	        table->count == 1);
}

/* Finds the place of a reference in a bucket, or a free place if `ref` is 0. Returns HASH_PLACES
 * if there is none. */
static unsigned hash_table_find_place(const struct hash_bucket *bucket, ref_t ref)
{
	unsigned place = 0;

	while (place < HASH_PLACES && bucket->refs[place] != ref)
		place++;
	return place;
}

bool hash_table_add(struct hash_table *table, uint64_t hash, ref_t ref)
{
	struct hash_bucket *first = hash_table_bucket(table, hash), *bucket = first;
	unsigned place;

	/* Guarantees that some bucket has a free place, so that the loop ends. */
	if (!hash_table_has_capacity(table, table->used + 1))
		return false;
	while ((place = hash_table_find_place(bucket, 0)) == HASH_PLACES) {
		bucket->past++;
		bucket = hash_table_next(table, bucket);
	}
	bucket->tags[place] = (uint8_t)hash;
	bucket->refs[place] = ref;
	table->used++;
	table->strays += bucket != first;
	return true;
}

bool hash_table_replace(struct hash_table *table, uint64_t hash, ref_t before, ref_t after)
{
	struct hash_bucket *first = hash_table_bucket(table, hash), *bucket = first;
	unsigned place;

	while ((place = hash_table_find_place(bucket, before)) == HASH_PLACES) {
		if (bucket->past == 0)
			return false;
		bucket = hash_table_next(table, bucket);
		if (bucket == first)
			return false;
	}
	bucket->refs[place] = after;
	if (after)
		return true;
	bucket->tags[place] = 0;
	table->used--;
	table->strays -= bucket != first;
	for (; first != bucket; first = hash_table_next(table, first))
		first->past--;
	return true;
}

size_t hash_table_memory(const struct hash_table *table)
{
	return table->buckets ? lpm_round(table->count * sizeof(*table->buckets)) : 0;
}
