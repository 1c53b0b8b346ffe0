/* SPDX-License-Identifier: MIT
 *
 * The keyed hash function of a hash index: NH of UMAC (Black, Halevi, Krawczyk, Krovetz, Rogaway
 * 1999) in words of 64 bits. For each 16 bytes of the key, two secret words are added to the two
 * words of the key, the sums are multiplied to 128 bits, and all products are added up. Two
 * different keys that were chosen without knowing the secrets have equal sums with a probability
 * of about 2^-64. A last product mixes the sum into all 64 bits; its halves are folded by
 * exclusive or, as in wyhash (Wang Yi). The products of a long key are independent, so the
 * processor computes them in parallel.
 *
 * Hashes never leave the process, so words are loaded in the machine's byte order. For hash.c and
 * hash_get.c.
 */
#ifndef SUBSCRIBER_INDEX_HASH_KEY_H
#define SUBSCRIBER_INDEX_HASH_KEY_H

#include <stddef.h>
#include <stdint.h>
#include <stele/schema.h>
#include <string.h>

/* The number of secret words: two for the last product, and two for each 16 bytes of the longest
 * key. */
#define HASH_SECRETS (2 + STELE_KEY_MAX / 8)

/* A number of 128 bits, in two words. */
struct hash_sum {
	uint64_t low, high;
};

/* Returns the product of two words, in 128 bits. */
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

/* Loads 8 bytes, which need no alignment. */
static inline uint64_t hash_load(const unsigned char *at)
{
	uint64_t word;

	memcpy(&word, at, 8);
	return word;
}

/* Loads 4 bytes, which need no alignment. */
static inline uint64_t hash_load_32(const unsigned char *at)
{
	uint32_t word;

	memcpy(&word, at, 4);
	return word;
}

/* Adds the product for 16 bytes of a key, which are in `a` and `b`, to the sum. */
static inline void hash_add(struct hash_sum *sum, const uint64_t *secret, uint64_t a, uint64_t b)
{
	struct hash_sum product = hash_product(a + secret[0], b + secret[1]);

	sum->low += product.low;
	sum->high += product.high + (sum->low < product.low);
}

/* Adds the products for a key of at least 8 bytes to the sum. The last product covers the last 16
 * bytes of the key. For a key of less than 16 bytes, it covers the first and the last 8 bytes,
 * which overlap. */
static inline void hash_add_words(struct hash_sum *sum, const uint64_t *secret,
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

/* Returns the hash of a key of at most STELE_KEY_MAX bytes. The key is in the caller's own memory,
 * and the bits past its last are zero. Some bytes of the key are in two words. Even so, two
 * different keys of one length have different words; the length is in the sum too. */
static inline __attribute__((always_inline)) uint64_t
hash_of_key(const uint64_t secrets[HASH_SECRETS], const unsigned char *key, unsigned bits)
{
	struct hash_sum sum = {bits, 0};
	const uint64_t *secret = secrets + 2;
	size_t size = (bits + 7) / 8;

	if (size >= 8)
		hash_add_words(&sum, secret, key, size);
	else if (size >= 4)
		hash_add(&sum, secret, hash_load_32(key), hash_load_32(key + size - 4));
	else if (size > 0)
		hash_add(&sum, secret, key[0], (uint64_t)key[size / 2] << 8 | key[size - 1]);
	sum = hash_product(sum.low + secrets[0], sum.high + secrets[1]);
	return sum.low ^ sum.high;
}

#endif
