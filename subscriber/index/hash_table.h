/* SPDX-License-Identifier: MIT
 *
 * A table of references by the hashes of their keys: for each reference a tag of eight bits and the
 * reference, twelve of them in a bucket of one cache line. What finds no room in the bucket that
 * its hash names is in the next after it that had some; and each bucket counts what went past it,
 * so that a search ends at the first that nothing did, and a removal leaves nothing behind. (F14,
 * of Facebook's Folly, counts so.) Keys are not here: who finds a reference whose tag is right
 * compares the row.
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
	uint32_t past;           /* how many references went past this bucket */
	ref_t refs[HASH_PLACES]; /* 0: the place is free, whatever its tag */
};

static_assert(sizeof(struct hash_bucket) == 64, "a cache line");

struct hash_table {
	struct hash_bucket *buckets; /* NULL: there is no memory yet */
	uint32_t count;              /* of buckets */
	uint64_t used;               /* how many references there are, */
	uint64_t strays;             /* and of these, not in the bucket that their hashes name */
};

/* Makes an empty table with room for `rows` and some more; what it had before is freed. 0 or
 * -ENOMEM. */
int hash_table_init(struct hash_table *table, uint64_t rows);
void hash_table_fini(struct hash_table *table);

/* True if a table is worth keeping for `rows`: it is neither too full nor too empty for them, and
 * few references are strays. These become more while references come and go: who comes when its
 * bucket is full does not come back when that has room. */
bool hash_table_suits(const struct hash_table *table, uint64_t rows);

/* Adds a reference that is not there. False where the table is full. */
bool hash_table_add(struct hash_table *table, uint64_t hash, ref_t ref);
/* Puts another reference in the place of one; 0: removes it. False if that is not there. */
bool hash_table_replace(struct hash_table *table, uint64_t hash, ref_t before, ref_t after);

size_t hash_table_memory(const struct hash_table *table);

/* ---- finding: the high half of a hash names the bucket, its lowest byte is the tag ---- */

static inline struct hash_bucket *hash_table_bucket(const struct hash_table *table, uint64_t hash)
{
	return &table->buckets[(hash >> 32) * table->count >> 32];
}

static inline struct hash_bucket *hash_table_next(const struct hash_table *table,
                                                  const struct hash_bucket *bucket)
{
	size_t next = (size_t)(bucket - table->buckets) + 1;

	return &table->buckets[next < table->count ? next : 0];
}

/* The places that have the tag of a hash, a bit for each. */
static inline unsigned hash_bucket_find(const struct hash_bucket *bucket, uint64_t hash)
{
	uint64_t words[2];

	memcpy(words, bucket, sizeof(words));
	return node_bytes_equal_to(words[0], words[1], (uint8_t)hash) & ((1u << HASH_PLACES) - 1);
}

#endif
