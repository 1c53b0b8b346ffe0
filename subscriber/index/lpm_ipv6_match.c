/* SPDX-License-Identifier: MIT
 *
 * Looks up addresses in the index of an IPv6 table. lpm_ranges.h describes its format. The
 * variants differ only in how they compare a word with eight starts. */
#include "subscriber/index/lpm_ipv6_match.h"

#include <string.h>

#include "subscriber/index/lpm_validate.h"

#define INLINE static inline __attribute__((always_inline))
#define GROUP  32u /* lookups whose cache misses overlap */

/* Returns how many of eight starts, not counting the first, are below a word. Starts are in
 * ascending order. */
typedef unsigned compare_starts(const int64_t *starts, int64_t word);

/* Loads 8 bytes in network order. */
INLINE uint64_t ipv6_load_word(const unsigned char *at)
{
	uint64_t word;

	memcpy(&word, at, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	word = __builtin_bswap64(word);
#endif
	return word;
}

/* Finds the range of a piece that contains a word. Returns its index in the piece. */
INLINE unsigned ipv6_match_piece(const struct ranges_piece *piece, int64_t word,
                                 compare_starts *compare)
{
	unsigned line = compare((const int64_t *)piece, word) * RANGES_FAN;

	/* The cache line of the answer is known before the range. Prefetch it, so that it is loaded
	 * together with the line of starts. */
	__builtin_prefetch(piece->answers + line);
	return line + compare(piece->starts + line, word);
}

/* Returns the answer of a word. Sets `*ret_deeper` if the answer is the number of a low tree. */
INLINE uint32_t ipv6_match_ranges(const struct ranges *ranges, int64_t word, bool *ret_deeper,
                                  compare_starts *compare)
{
	const struct ranges_piece *piece;
	size_t at = 0;
	unsigned i;

	for (unsigned level = ranges->levels; level > 0; level--)
		at = ranges_child(at, compare(ranges->directory + at, word));
	piece = &ranges->pieces[ranges->order[at / RANGES_FAN - ranges->bottom]];
	i = ipv6_match_piece(piece, word, compare);
	*ret_deeper = piece->deeper >> i & 1;
	return piece->answers[i];
}

/* Returns the answer of an address from a low tree. */
INLINE uint32_t ipv6_match_low(const struct lpm_ipv6 *index, uint32_t number,
                               const unsigned char *address, compare_starts *compare)
{
	bool deeper;

	return ipv6_match_ranges(&index->lows[number], ranges_word(ipv6_load_word(address + 8)),
	                         &deeper, compare);
}

/* Returns the answer of an address. */
INLINE uint32_t ipv6_match(const struct lpm_ipv6 *index, const unsigned char *address,
                           compare_starts *compare)
{
	bool deeper;
	uint32_t answer = ipv6_match_ranges(&index->high, ranges_word(ipv6_load_word(address)),
	                                    &deeper, compare);

	return __builtin_expect(deeper != 0, 0) ? ipv6_match_low(index, answer, address, compare)
	                                        : answer;
}

/* The steps of ipv6_find_pieces(), unrolled for eight lookups by macros, so that their state stays
 * in registers. */
#define EACH(step) step(0) step(1) step(2) step(3) step(4) step(5) step(6) step(7)
#define START(i) \
	size_t at_##i = 0; \
	const int64_t word_##i = words[i];
#define DESCEND(i) at_##i = ranges_child(at_##i, compare(ranges->directory + at_##i, word_##i));
#define FIND_PIECE(i) \
	pieces[i] = &ranges->pieces[ranges->order[at_##i / RANGES_FAN - ranges->bottom]]; \
	__builtin_prefetch(pieces[i]);

/* Finds and prefetches the pieces of eight words, descending the directory for all of them in
 * lockstep. */
INLINE void ipv6_find_pieces(const struct ranges *ranges, const int64_t words[8],
                             const struct ranges_piece *pieces[8], compare_starts *compare)
{
	EACH(START)

	for (unsigned level = ranges->levels; level > 0; level--) {
		EACH(DESCEND)
	}
	EACH(FIND_PIECE)
}

/* Looks up at most GROUP addresses in lockstep: each step prefetches the memory of the next step
 * for all of them, so that their cache misses overlap. */
INLINE void ipv6_match_group(const struct lpm_ipv6 *index, const unsigned char *addresses,
                             unsigned count, uint32_t *ret, compare_starts *compare)
{
	const struct ranges_piece *pieces[GROUP];
	unsigned lines[GROUP];
	int64_t words[GROUP];
	uint32_t deeper = 0;

	for (unsigned i = 0; i < count; i++)
		words[i] = ranges_word(ipv6_load_word(addresses + (size_t)i * 16));
	for (unsigned i = count; i % 8 != 0; i++)
		words[i] = 0;
	for (unsigned i = 0; i < count; i += 8)
		ipv6_find_pieces(&index->high, words + i, pieces + i, compare);
	for (unsigned i = 0; i < count; i++) {
		lines[i] = compare((const int64_t *)pieces[i], words[i]) * RANGES_FAN;
		__builtin_prefetch(pieces[i]->starts + lines[i]);
		__builtin_prefetch(pieces[i]->answers + lines[i]);
	}
	for (unsigned i = 0; i < count; i++) {
		unsigned at = lines[i] + compare(pieces[i]->starts + lines[i], words[i]);
		ret[i] = pieces[i]->answers[at];
		deeper |= (uint32_t)(pieces[i]->deeper >> at & 1) << i;
	}
	for (; __builtin_expect(deeper != 0, 0); deeper &= deeper - 1) {
		unsigned i = (unsigned)__builtin_ctz(deeper);
		ret[i] = ipv6_match_low(index, ret[i], addresses + (size_t)i * 16, compare);
	}
}

/* Looks up any number of addresses, in groups. */
INLINE void ipv6_match_many(const struct lpm_ipv6 *index, const unsigned char *addresses,
                            size_t count, uint32_t *ret, compare_starts *compare)
{
	unsigned now;

	for (; count > 0; count -= now) {
		now = count < GROUP ? (unsigned)count : GROUP;
		ipv6_match_group(index, addresses, now, ret, compare);
		addresses += (size_t)now * 16;
		ret += now;
	}
}

INLINE unsigned ipv6_compare_portable(const int64_t *starts, int64_t word)
{
	unsigned count = 0;

	for (unsigned i = 1; i < RANGES_FAN; i++)
		count += starts[i] < word;
	return count;
}

int ipv6_match_portable(const struct stele_lpm *index, const unsigned char *address, uint32_t *ret)
{
	if (__builtin_expect(!lpm_answers(index), 0))
		return lpm_match_checked(index, address, ret);
	*ret = ipv6_match(&index->form.ipv6, address, ipv6_compare_portable);
	return *ret != index->none;
}

void ipv6_match_many_portable(const struct stele_lpm *index, const unsigned char *addresses,
                              size_t count, uint32_t *ret)
{
	ipv6_match_many(&index->form.ipv6, addresses, count, ret, ipv6_compare_portable);
}

#ifdef __x86_64__
#include <immintrin.h>

#define AVX2   __attribute__((target("popcnt,bmi2,avx2")))
#define AVX512 __attribute__((target("popcnt,bmi2,avx2,avx512f,avx512dq")))

AVX2 INLINE unsigned ipv6_compare_avx2(const int64_t *starts, int64_t word)
{
	const __m256i words = _mm256_set1_epi64x(word);
	__m256i low = _mm256_cmpgt_epi64(words, _mm256_load_si256((const void *)starts));
	__m256i high = _mm256_cmpgt_epi64(words, _mm256_load_si256((const void *)(starts + 4)));
	int mask = _mm256_movemask_pd(_mm256_castsi256_pd(low)) |
	           _mm256_movemask_pd(_mm256_castsi256_pd(high)) << 4;

	return (unsigned)__builtin_popcount((unsigned)mask & 0xfe);
}

AVX2 int ipv6_match_avx2(const struct stele_lpm *index, const unsigned char *address, uint32_t *ret)
{
	if (__builtin_expect(!lpm_answers(index), 0))
		return lpm_match_checked(index, address, ret);
	*ret = ipv6_match(&index->form.ipv6, address, ipv6_compare_avx2);
	return *ret != index->none;
}

AVX2 void ipv6_match_many_avx2(const struct stele_lpm *index, const unsigned char *addresses,
                               size_t count, uint32_t *ret)
{
	ipv6_match_many(&index->form.ipv6, addresses, count, ret, ipv6_compare_avx2);
}

AVX512 INLINE unsigned ipv6_compare_avx512(const int64_t *starts, int64_t word)
{
	__mmask8 mask = _mm512_mask_cmpgt_epi64_mask(0xfe, _mm512_set1_epi64(word),
	                                             _mm512_load_si512(starts));

	return (unsigned)__builtin_popcount(_cvtmask8_u32(mask));
}

AVX512 int ipv6_match_avx512(const struct stele_lpm *index, const unsigned char *address,
                             uint32_t *ret)
{
	if (__builtin_expect(!lpm_answers(index), 0))
		return lpm_match_checked(index, address, ret);
	*ret = ipv6_match(&index->form.ipv6, address, ipv6_compare_avx512);
	return *ret != index->none;
}

AVX512 void ipv6_match_many_avx512(const struct stele_lpm *index, const unsigned char *addresses,
                                   size_t count, uint32_t *ret)
{
	ipv6_match_many(&index->form.ipv6, addresses, count, ret, ipv6_compare_avx512);
}
#endif
