/* SPDX-License-Identifier: MIT */
#include "subscriber/index/hash_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "subscriber/index/index_memory.h"

/* How full a table is made, and between which it is left as it is. The fuller, the more references
 * are strays; the emptier, the less of it a cache holds. */
#define MADE_NUMERATOR 3u
#define MADE_OF        4u
#define MIN_NUMERATOR  3u
#define MAX_NUMERATOR  7u
#define BETWEEN_OF     8u

/* One stray among so many, and in a small table some more. New tables have one among twenty. */
#define STRAYS_OF     8u
#define STRAYS_ALWAYS 16u

static uint64_t hash_table_places(const struct hash_table *table)
{
	return (uint64_t)table->count * HASH_PLACES;
}

int hash_table_init(struct hash_table *table, uint64_t rows)
{
	uint64_t count = rows * MADE_OF / (MADE_NUMERATOR * HASH_PLACES) + 1;

	hash_table_fini(table);
	if (count > UINT32_MAX || count > SIZE_MAX / sizeof(*table->buckets))
		return -ENOMEM;
	table->buckets = index_allocate((size_t)count * sizeof(*table->buckets));
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

static bool hash_table_has_capacity(const struct hash_table *table, uint64_t rows)
{
	return rows * BETWEEN_OF <= hash_table_places(table) * MAX_NUMERATOR;
}

bool hash_table_suits(const struct hash_table *table, uint64_t rows)
{
	return hash_table_has_capacity(table, rows) &&
	       table->strays <= table->used / STRAYS_OF + STRAYS_ALWAYS &&
	       (rows * BETWEEN_OF >= hash_table_places(table) * MIN_NUMERATOR || table->count == 1);
}

/* The place of a reference in a bucket; 0: of a free one; HASH_PLACES: it is not there. */
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

	/* So there is a free place in one of the buckets. */
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
	return table->buckets ? index_round(table->count * sizeof(*table->buckets)) : 0;
}
