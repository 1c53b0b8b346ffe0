/* SPDX-License-Identifier: MIT
 *
 * A hash table of references to rows. A bucket is one cache line with twelve references, and a tag
 * for each of them: eight bits of its hash. The table uses linear probing over buckets: a reference
 * whose home bucket is full goes to the next bucket that has a free place. Each bucket counts the
 * references that went past it, so a search ends at the first bucket with a count of 0, and a
 * removal needs no tombstone. (F14 of Facebook's Folly counts in the same way.)
 *
 * The table holds no keys: a caller that finds a reference with the right tag compares the key of
 * its row. For hash.c, which fills and changes the table, and for hash_get.c.
 */
#ifndef SUBSCRIBER_INDEX_HASH_TABLE_H
#define SUBSCRIBER_INDEX_HASH_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "lib/trie/trie_node.h"

#define HASH_PLACES 12u

struct hash_bucket {
	uint8_t tags[HASH_PLACES];
	uint32_t past;           /* references that found this bucket full and are in a later one */
	ref_t refs[HASH_PLACES]; /* 0: the place is free; its tag then means nothing */
};

static_assert(sizeof(struct hash_bucket) == 64, "a cache line");

struct hash_table {
	struct hash_bucket *buckets; /* NULL: nothing allocated */
	uint32_t count;              /* buckets */
	uint64_t used;               /* references */
	uint64_t strays;             /* references that are not in their home bucket */
};

/* Initializes an empty table for `rows` references and some more. Frees the old buckets of the
 * table, so a new table must be all zeros. Returns 0 or -ENOMEM. */
int hash_table_init(struct hash_table *table, uint64_t rows);
void hash_table_fini(struct hash_table *table);

/* Returns true if the table is worth keeping for `rows` references: it would be neither too full
 * nor too empty, and few references are strays. Strays accumulate as references are added and
 * removed: a reference that was added while its home bucket was full stays in another bucket even
 * when its home bucket has a free place again. */
bool hash_table_suits(const struct hash_table *table, uint64_t rows);

/* Adds a reference, which must not be in the table. Returns false if the table is full. */
bool hash_table_add(struct hash_table *table, uint64_t hash, ref_t ref);
/* Replaces the reference `before` with `after`, or removes it if `after` is 0. Both have the hash
 * `hash`. Returns false if `before` is not in the table. */
bool hash_table_replace(struct hash_table *table, uint64_t hash, ref_t before, ref_t after);

/* Returns the memory of the buckets, in bytes. */
size_t hash_table_memory(const struct hash_table *table);

/* ---- finding ---- */

/* Returns the home bucket of a hash. The high half of the hash selects the bucket; the lowest byte
 * is the tag. */
static inline struct hash_bucket *hash_table_bucket(const struct hash_table *table, uint64_t hash)
{
	return &table->buckets[(hash >> 32) * table->count >> 32];
}

/* Returns the bucket after `bucket`. The bucket after the last one is the first. */
static inline struct hash_bucket *hash_table_next(const struct hash_table *table,
                                                  const struct hash_bucket *bucket)
{
	size_t next = (size_t)(bucket - table->buckets) + 1;

	return &table->buckets[next < table->count ? next : 0];
}

/* Returns the places of a bucket that have the tag of a hash, as a bit mask. Free places may be
 * among them. */
static inline unsigned hash_bucket_find(const struct hash_bucket *bucket, uint64_t hash)
{
	uint64_t words[2];

	memcpy(words, bucket, sizeof(words));
	return node_bytes_equal_to(words[0], words[1], (uint8_t)hash) & ((1u << HASH_PLACES) - 1);
}

#endif
