/* SPDX-License-Identifier: MIT
 *
 * Looks up rows in a hash index. The hash table is private memory, so lookups trust its references.
 * The rows are in the region and may change while they are read: a read stays within the view, and
 * each result is validated by a re-check of the version.
 *
 * Almost every lookup finds its row at the first place that has the tag of its key. The fast path
 * handles this case for plain rows (hash_state.h). It is written for a minimum of instructions,
 * because the fewer a lookup takes, the more lookups the processor executes at a time. In all
 * other cases the slow path starts over; it also sets the error messages. */
#include "subscriber/index/hash_state.h"

#include <errno.h>
#include <string.h>

#include "lib/base/fork.h"
#include "subscriber/index/build.h"
#include "subscriber/snapshot.h"

#define INLINE static inline __attribute__((always_inline))
#define SLOW   static __attribute__((noinline))
#define GROUP  32u

/* Sets the error message of an index that may not answer. Returns -ECHILD or -ESTALE. */
SLOW int hash_refuse(const struct stele_hash *hash)
{
	int r = fork_check(hash->forks, "hash index");

	if (r < 0)
		return r;
	return build_stale_error("hash index");
}

/* ---- the slow path ---- */

/* Looks up a key at the places of a bucket that have the tag of its hash, `code`. Returns 1 and
 * `*ret`, 0, or -EBADMSG. */
static int hash_find_in_bucket(const struct stele_hash *hash, const struct hash_bucket *bucket,
                               uint64_t code, const unsigned char *key, unsigned bits,
                               struct row_parts *ret)
{
	const struct row_layout *layout = &table_words(&hash->table)->layout;

	for (unsigned places = hash_bucket_find(bucket, code); places != 0; places &= places - 1) {
		ref_t ref = bucket->refs[__builtin_ctz(places)];
		const unsigned char *at = view_object(&hash->view, ref);
		int r;

		if (ref == 0)
			continue;
		if (!at)
			return -EBADMSG;
		r = row_match_key(&hash->view, layout, at, data_load(at), key, bits, ret);
		if (r != 0)
			return r;
	}
	return 0;
}

/* Looks up a key, which the table's schema takes, by its hash. Returns the same results as
 * trie_get(). */
SLOW int hash_find(const struct stele_hash *hash, uint64_t code, const unsigned char *key,
                   unsigned bits, struct row_parts *ret)
{
	const struct hash_bucket *first = hash_table_bucket(&hash->rows, code), *bucket = first;
	int r;

	do {
		r = hash_find_in_bucket(hash, bucket, code, key, bits, ret);
		if (r != 0 || bucket->past == 0)
			return r;
		bucket = hash_table_next(&hash->rows, bucket);
	} while (bucket != first);
	return 0;
}

/* Looks up any key in any table: stele_hash_get() without the fast path. */
SLOW int hash_get_slow(const struct stele_hash *hash, const unsigned char *key, unsigned bits,
                       struct stele_row *ret)
{
	const struct table_words *words = table_words(&hash->table);
	struct row_parts row = {0};
	int r;

	if (hash->answers != fork_count())
		return hash_refuse(hash);
	if (!row_layout_takes_key(&words->layout, key, bits))
		return table_key_error(&hash->view, words->schema, key, bits);
	r = hash_find(hash, hash_of_key(hash->secrets, key, bits), key, bits, &row);
	r = snapshot_result(hash->table.snapshot, r);
	if (r == 1)
		row_fill(&row, ret);
	return r;
}

/* ---- the fast path ---- */

/* Returns the object at the first of `places`, a bit mask of hash_bucket_find(). Returns NULL if
 * the reference at that place is not valid in the view. */
INLINE const unsigned char *hash_first_object(const struct stele_hash *hash,
                                              const struct hash_bucket *bucket, unsigned places)
{
	return view_object(&hash->view, bucket->refs[__builtin_ctz(places)]);
}

/* Returns true and fills `*ret` if the object at `at` is the plain row with this key. `bits` is a
 * multiple of 8. */
INLINE bool hash_is_plain_row(const struct stele_hash *hash, const unsigned char *at,
                              const unsigned char *key, unsigned bits, struct row_parts *ret)
{
	const unsigned char *length = at + hash->length_at;
	uint64_t first = data_load(at);
	unsigned row_bits = data_load_byte(length++);

	if (hash->wide)
		row_bits = row_bits << 8 | data_load_byte(length++);
	if (row_bits != bits || first & LAYOUT_NODE || !data_equal(length, key, bits / 8))
		return false;
	ret->value = at + 8;
	ret->key = length;
	ret->value_size = hash->length_at - 8;
	ret->key_bits = bits;
	ret->version = first;
	return true;
}

int stele_hash_get(const struct stele_hash *hash, const void *key, unsigned key_bits,
                   struct stele_row *ret)
{
	const struct hash_bucket *bucket;
	const unsigned char *at;
	struct row_parts row;
	unsigned places;
	uint64_t code;

	if (hash->answers != fork_count() ||
	    key_bits - hash->plain_min_bits > hash->plain_extra_bits || key_bits % 8 != 0)
		return hash_get_slow(hash, key, key_bits, ret);
	code = hash_of_key(hash->secrets, key, key_bits);
	bucket = hash_table_bucket(&hash->rows, code);
	places = hash_bucket_find(bucket, code);
	if (places != 0) {
		at = hash_first_object(hash, bucket, places);
		if (at && hash_is_plain_row(hash, at, key, key_bits, &row) &&
		    snapshot_is_consistent(hash->table.snapshot)) {
			row_fill(&row, ret);
			return 1;
		}
	} else if (bucket->past == 0 && snapshot_is_consistent(hash->table.snapshot)) {
		return 0;
	}
	return hash_get_slow(hash, key, key_bits, ret);
}

/* ---- many lookups, in groups ---- */

/* One lookup of a group. */
struct lane {
	const struct hash_bucket *bucket;
	uint64_t code;
	const unsigned char *at; /* the object at the first place with the right tag, or NULL */
};

/* Finds the bucket and the likely row of each key, and prefetches both. Prefetches go to the L2
 * cache, because the L1 cache allows fewer outstanding misses. */
INLINE void hash_start_lanes(const struct stele_hash *hash, struct lane lanes[GROUP],
                             const struct stele_key_ref *keys, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		lanes[i].code = hash_of_key(hash->secrets, keys[i].data, keys[i].bits);
		lanes[i].bucket = hash_table_bucket(&hash->rows, lanes[i].code);
		prefetch_l2(lanes[i].bucket);
	}
	for (unsigned i = 0; i < count; i++) {
		unsigned places = hash_bucket_find(lanes[i].bucket, lanes[i].code);

		lanes[i].at = places == 0 ? NULL : hash_first_object(hash, lanes[i].bucket, places);
		if (!lanes[i].at)
			continue;
		prefetch_l2(lanes[i].at);
		prefetch_l2(lanes[i].at + hash->length_at + keys[i].bits / 8);
	}
}

/* Looks up at most GROUP keys, which the table's schema takes. Returns the number of rows found,
 * or -EBADMSG. */
static int hash_get_group(const struct stele_hash *hash, const struct stele_key_ref *keys,
                          unsigned count, struct stele_row *ret)
{
	struct lane lanes[GROUP];
	int found = 0;

	hash_start_lanes(hash, lanes, keys, count);
	for (unsigned i = 0; i < count; i++) {
		struct row_parts row;
		int r = 1;

		if (!lanes[i].at || !hash->plain || keys[i].bits % 8 != 0 ||
		    !hash_is_plain_row(hash, lanes[i].at, keys[i].data, keys[i].bits, &row))
			r = hash_find(hash, lanes[i].code, keys[i].data, keys[i].bits, &row);
		if (r < 0)
			return r;
		if (r == 0)
			memset(&ret[i], 0, sizeof(ret[i]));
		else
			row_fill(&row, &ret[i]);
		found += r;
	}
	return found;
}

int64_t stele_hash_get_many(const struct stele_hash *hash, const struct stele_key_ref *keys,
                            size_t count, struct stele_row *ret)
{
	const struct table_words *words = table_words(&hash->table);
	int64_t found = 0;
	int r = 0;

	if (hash->answers != fork_count())
		return hash_refuse(hash);
	for (size_t i = 0; i < count; i++)
		if (!row_layout_takes_key(&words->layout, keys[i].data, keys[i].bits))
			return table_key_error(&hash->view, words->schema, keys[i].data,
			                       keys[i].bits);
	for (size_t i = 0; i < count && r >= 0; i += GROUP) {
		unsigned group = count - i < GROUP ? (unsigned)(count - i) : GROUP;

		r = hash_get_group(hash, keys + i, group, ret + i);
		found += r;
	}
	r = snapshot_result(hash->table.snapshot, r < 0 ? r : 0);
	return r < 0 ? r : found;
}
