/* SPDX-License-Identifier: MIT
 * Lookups in the index of an IPv6 table: index_ranges.h has what lies where. All but how eight starts are
 * compared is the same for every processor. */
#include "index.h"

#include <string.h>

#define INLINE static inline __attribute__((always_inline))
#define TOGETHER 16u /* lookups that go down side by side, so that their misses are waited for at once */

/* How many of eight starts, after the first, are below a word: they rise. */
typedef unsigned compare_starts(const int64_t *starts, int64_t word);

INLINE uint64_t load_word(const unsigned char *at)
{
	uint64_t word;

	memcpy(&word, at, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	word = __builtin_bswap64(word);
#endif
	return word;
}

/* The range of a piece that a word is in. */
INLINE unsigned match_piece(const struct ranges_piece *piece, int64_t word, compare_starts *compare)
{
	unsigned line = compare((const int64_t *)piece, word) * RANGES_FAN;

	return line + compare(piece->starts + line, word);
}

/* The answer of a word; `*ret_deeper`: it is the number of a tree. */
INLINE uint32_t match_ranges(const struct ranges *ranges, int64_t word, bool *ret_deeper,
                             compare_starts *compare)
{
	const struct ranges_piece *piece;
	size_t at = 0;
	unsigned i;

	for (unsigned level = ranges->levels; level-- > 0;)
		at = at * RANGES_FAN +
		     compare(ranges->directory + ranges->level_at[level] + at * RANGES_FAN, word);
	piece = &ranges->pieces[ranges->order[at]];
	i = match_piece(piece, word, compare);
	*ret_deeper = piece->deeper >> i & 1;
	return piece->answers[i];
}

INLINE uint32_t match_low(const struct index_ipv6 *index, uint32_t number, const unsigned char *address,
                          compare_starts *compare)
{
	bool deeper;

	return match_ranges(&index->lows[number], ranges_word(load_word(address + 8)), &deeper,
	                    compare);
}

INLINE uint32_t match(const struct index_ipv6 *index, const unsigned char *address,
                      compare_starts *compare)
{
	bool deeper;
	uint32_t answer =
		match_ranges(&index->high, ranges_word(load_word(address)), &deeper, compare);

	return __builtin_expect(deeper, 0) ? match_low(index, answer, address, compare) : answer;
}

INLINE void match_together(const struct index_ipv6 *index, const unsigned char *addresses, uint32_t *ret,
                           compare_starts *compare)
{
	const struct ranges *high = &index->high;
	const struct ranges_piece *pieces[TOGETHER];
	size_t at[TOGETHER] = {0};
	int64_t words[TOGETHER];
	unsigned deeper = 0;

	for (unsigned i = 0; i < TOGETHER; i++)
		words[i] = ranges_word(load_word(addresses + (size_t)i * 16));
	for (unsigned level = high->levels; level-- > 0;)
		for (unsigned i = 0; i < TOGETHER; i++)
			at[i] = at[i] * RANGES_FAN + compare(high->directory + high->level_at[level] +
			                                             at[i] * RANGES_FAN,
			                                     words[i]);
	for (unsigned i = 0; i < TOGETHER; i++)
		pieces[i] = &high->pieces[high->order[at[i]]];
	for (unsigned i = 0; i < TOGETHER; i++)
		at[i] = compare((const int64_t *)pieces[i], words[i]) * RANGES_FAN;
	for (unsigned i = 0; i < TOGETHER; i++)
		at[i] += compare(pieces[i]->starts + at[i], words[i]);
	for (unsigned i = 0; i < TOGETHER; i++) {
		ret[i] = pieces[i]->answers[at[i]];
		deeper |= (unsigned)(pieces[i]->deeper >> at[i] & 1) << i;
	}
	for (; deeper; deeper &= deeper - 1) {
		unsigned i = (unsigned)__builtin_ctz(deeper);
		ret[i] = match_low(index, ret[i], addresses + (size_t)i * 16, compare);
	}
}

INLINE void match_many(const struct index_ipv6 *index, const unsigned char *addresses, size_t count,
                       uint32_t *ret, compare_starts *compare)
{
	for (; count >= TOGETHER; count -= TOGETHER) {
		match_together(index, addresses, ret, compare);
		addresses += TOGETHER * 16;
		ret += TOGETHER;
	}
	for (size_t i = 0; i < count; i++)
		ret[i] = match(index, addresses + i * 16, compare);
}

INLINE unsigned compare_portable(const int64_t *starts, int64_t word)
{
	unsigned count = 0;

	for (unsigned i = 1; i < RANGES_FAN; i++)
		count += starts[i] < word;
	return count;
}

int ipv6_one_portable(const struct stele_index *index, const unsigned char *address, uint32_t *ret)
{
	return index_give(index, match(&index->form.ipv6, address, compare_portable), ret);
}

void ipv6_many_portable(const struct stele_index *index, const unsigned char *addresses, size_t count,
                        uint32_t *ret)
{
	match_many(&index->form.ipv6, addresses, count, ret, compare_portable);
}

#ifdef __x86_64__
#include <immintrin.h>

#define AVX2 __attribute__((target("popcnt,bmi2,avx2")))
#define AVX512 __attribute__((target("popcnt,bmi2,avx2,avx512f")))

AVX2 INLINE unsigned compare_avx2(const int64_t *starts, int64_t word)
{
	const __m256i words = _mm256_set1_epi64x(word);
	__m256i low = _mm256_cmpgt_epi64(words, _mm256_load_si256((const void *)starts));
	__m256i high = _mm256_cmpgt_epi64(words, _mm256_load_si256((const void *)(starts + 4)));
	int mask = _mm256_movemask_pd(_mm256_castsi256_pd(low)) |
	           _mm256_movemask_pd(_mm256_castsi256_pd(high)) << 4;

	return (unsigned)__builtin_popcount((unsigned)mask & 0xfe);
}

AVX2 int ipv6_one_avx2(const struct stele_index *index, const unsigned char *address, uint32_t *ret)
{
	return index_give(index, match(&index->form.ipv6, address, compare_avx2), ret);
}

AVX2 void ipv6_many_avx2(const struct stele_index *index, const unsigned char *addresses, size_t count,
                         uint32_t *ret)
{
	match_many(&index->form.ipv6, addresses, count, ret, compare_avx2);
}

AVX512 INLINE unsigned compare_avx512(const int64_t *starts, int64_t word)
{
	__mmask8 mask = _mm512_mask_cmplt_epi64_mask(0xfe, _mm512_load_si512(starts),
	                                             _mm512_set1_epi64(word));

	return (unsigned)__builtin_popcount(mask);
}

AVX512 int ipv6_one_avx512(const struct stele_index *index, const unsigned char *address, uint32_t *ret)
{
	return index_give(index, match(&index->form.ipv6, address, compare_avx512), ret);
}

AVX512 void ipv6_many_avx512(const struct stele_index *index, const unsigned char *addresses, size_t count,
                             uint32_t *ret)
{
	match_many(&index->form.ipv6, addresses, count, ret, compare_avx512);
}
#endif
