/* SPDX-License-Identifier: MIT
 *
 * The hash of a key: NH of UMAC (Black, Halevi, Krawczyk, Krovetz, Rogaway 1999) in words of 64
 * bits. To each 16 bytes of the key two words are added that nobody else knows, the two sums are
 * multiplied to 128 bits, and the products are summed. For any two keys that were chosen without
 * knowing those words, their sums are equal with a probability of about 2^-64. One more such
 * product over the sum, its halves folded by exclusive or as in wyhash (Wang Yi), spreads it over
 * all 64 bits. The products of a long key do not wait for each other.
 *
 * A hash is of this process alone, so it is of the machine's byte order.
 */
#ifndef SUBSCRIBER_INDEX_HASH_KEY_H
#define SUBSCRIBER_INDEX_HASH_KEY_H

#include <stddef.h>
#include <stdint.h>
#include <stele/schema.h>
#include <string.h>

/* What nobody else knows: two words for the last product, two for each 16 bytes. */
#define HASH_SECRETS (2 + STELE_KEY_MAX / 8)

/* 128 bits. */
struct hash_sum {
	uint64_t low, high;
};

static inline struct hash_sum hash_product(uint64_t a, uint64_t b)
{
#ifdef __SIZEOF_INT128__
	unsigned __int128 all = (unsigned __int128)a * b;

	return (struct hash_sum){(uint64_t)all, (uint64_t)(all >> 64)};
#else
	uint64_t low = (a & UINT32_MAX) * (b & UINT32_MAX);
	uint64_t one = (a >> 32) * (b & UINT32_MAX) + (low >> 32);
	uint64_t two = (a & UINT32_MAX) * (b >> 32) + (one & UINT32_MAX);

	return (struct hash_sum){two << 32 | (low & UINT32_MAX),
	                         (a >> 32) * (b >> 32) + (one >> 32) + (two >> 32)};
#endif
}

static inline uint64_t hash_load(const unsigned char *at)
{
	uint64_t word;

	memcpy(&word, at, 8);
	return word;
}

static inline uint64_t hash_load_32(const unsigned char *at)
{
	uint32_t word;

	memcpy(&word, at, 4);
	return word;
}

/* Adds the product for 16 bytes of a key. */
static inline void hash_add(struct hash_sum *sum, const uint64_t *secret, uint64_t a, uint64_t b)
{
	struct hash_sum product = hash_product(a + secret[0], b + secret[1]);

	sum->low += product.low;
	sum->high += product.high + (sum->low < product.low);
}

/* Adds the products for the last eight to sixteen bytes of a key, and for those before them. */
static inline void hash_add_all(struct hash_sum *sum, const uint64_t *secret,
                                const unsigned char *key, size_t size)
{
	const unsigned char *end = key + size;

	if (size > 16) {
		for (; end - key > 16; key += 16, secret += 2)
			hash_add(sum, secret, hash_load(key), hash_load(key + 8));
		key = end - 16;
	}
	hash_add(sum, secret, hash_load(key), hash_load(end - 8));
}

/* The hash of a key of at most STELE_KEY_MAX bytes, the caller's own, with no bits set past its
 * last. Some bytes go into two words; all the same no two keys of one length have the same words,
 * and the length is in the sum. */
static inline __attribute__((always_inline)) uint64_t
hash_of_key(const uint64_t secrets[HASH_SECRETS], const unsigned char *key, unsigned bits)
{
	struct hash_sum sum = {bits, 0};
	const uint64_t *secret = secrets + 2;
	size_t size = (bits + 7) / 8;

	if (size >= 8)
		hash_add_all(&sum, secret, key, size);
	else if (size >= 4)
		hash_add(&sum, secret, hash_load_32(key), hash_load_32(key + size - 4));
	else if (size > 0)
		hash_add(&sum, secret, key[0], (uint64_t)key[size / 2] << 8 | key[size - 1]);
	sum = hash_product(sum.low + secrets[0], sum.high + secrets[1]);
	return sum.low ^ sum.high;
}

#endif
