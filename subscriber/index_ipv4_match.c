/* SPDX-License-Identifier: MIT
 * Lookups in the index of an IPv4 table: index_ipv4.h has what lies where. */
#include "index.h"

#include <arpa/inet.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))

typedef unsigned count_bits(uint64_t word);

/* The answer in a block some of whose /24s are divided. */
static uint32_t match_divided(const struct index_ipv4 *index, const struct ipv4_block *block,
                              uint32_t address)
{
	const uint32_t *answer = index->pool + block->base, *divided;
	unsigned net = address >> 8 & 63, host = address & 255;
	uint64_t starts, nets;

	memcpy(&starts, block->starts, sizeof(starts));
	memcpy(&nets, answer - 1, sizeof(nets));
	answer += popcount(starts << (63 - net));
	if (!(nets >> net & 1))
		return *answer;
	divided = index->pool + *answer;
	answer = divided + 8;
	for (unsigned i = 0; i < host / 32; i++)
		answer += popcount(divided[i]);
	return answer[popcount(divided[host / 32] << (31 - host % 32))];
}

INLINE uint32_t match(const struct index_ipv4 *index, const unsigned char *at, count_bits *count)
{
	const struct ipv4_block *block;
	uint32_t address, run;
	uint64_t starts;

	memcpy(&address, at, sizeof(address));
	address = ntohl(address);
	block = &index->blocks[address >> 14];
	memcpy(&starts, block->starts, sizeof(starts));
	if (__builtin_expect(starts & IPV4_DIVIDED, 0))
		return match_divided(index, block, address);
	/* The runs that start at this /24 or before it, after the first. */
	run = count(starts << (~(address >> 8) & 63));
	return index->pool[block->base + run];
}

INLINE void match_many(const struct index_ipv4 *index, const unsigned char *addresses, size_t count,
                       uint32_t *ret, count_bits *bits)
{
	for (size_t i = 0; i < count; i++)
		ret[i] = match(index, addresses + i * 4, bits);
}

int ipv4_one_portable(const struct stele_index *index, const unsigned char *address, uint32_t *ret)
{
	return index_give(index, match(&index->form.ipv4, address, popcount), ret);
}

void ipv4_many_portable(const struct stele_index *index, const unsigned char *addresses, size_t count,
                        uint32_t *ret)
{
	match_many(&index->form.ipv4, addresses, count, ret, popcount);
}

#ifdef __x86_64__
#include <immintrin.h>

#define POPCNT __attribute__((target("popcnt,bmi2")))
#define AVX512 \
	__attribute__((target("popcnt,bmi2,avx512f,avx512bw,avx512dq,avx512vl,avx512vpopcntdq")))

POPCNT INLINE unsigned count_popcnt(uint64_t word)
{
	return (unsigned)__builtin_popcountll(word);
}

POPCNT int ipv4_one_popcnt(const struct stele_index *index, const unsigned char *address, uint32_t *ret)
{
	return index_give(index, match(&index->form.ipv4, address, count_popcnt), ret);
}

POPCNT void ipv4_many_popcnt(const struct stele_index *index, const unsigned char *addresses, size_t count,
                             uint32_t *ret)
{
	match_many(&index->form.ipv4, addresses, count, ret, count_popcnt);
}

/* Of eight addresses how many runs start up to their /24s; `*ret_divided`: which are in divided blocks. */
AVX512 INLINE __m256i count_runs(const struct index_ipv4 *index, __m256i words, __m256i shift,
                                 __mmask8 *ret_divided)
{
	__m512i starts = _mm512_i32gather_epi64(words, (const void *)index->blocks, 4);

	*ret_divided = _mm512_test_epi64_mask(starts, _mm512_set1_epi64(IPV4_DIVIDED));
	starts = _mm512_sllv_epi64(starts, _mm512_cvtepu32_epi64(shift));
	return _mm512_cvtepi64_epi32(_mm512_popcnt_epi64(starts));
}

AVX512 INLINE void match_16(const struct index_ipv4 *index, const unsigned char *at, uint32_t *ret)
{
	const __m512i swap = _mm512_broadcast_i32x4(
		_mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3));
	__m512i address = _mm512_shuffle_epi8(_mm512_loadu_si512(at), swap);
	__m512i block = _mm512_srli_epi32(address, 14), runs, base;
	__m512i words = _mm512_add_epi32(block, _mm512_slli_epi32(block, 1));
	__m512i shift = _mm512_andnot_si512(_mm512_srli_epi32(address, 8), _mm512_set1_epi32(63));
	__mmask8 divided[2];
	unsigned left;

	runs = _mm512_castsi256_si512(count_runs(index, _mm512_castsi512_si256(words),
	                                         _mm512_castsi512_si256(shift), &divided[0]));
	runs = _mm512_inserti64x4(runs,
	                          count_runs(index, _mm512_extracti64x4_epi64(words, 1),
	                                     _mm512_extracti64x4_epi64(shift, 1), &divided[1]),
	                          1);
	base = _mm512_i32gather_epi32(words, (const void *)&index->blocks[0].base, 4);
	_mm512_storeu_si512(ret, _mm512_i32gather_epi32(_mm512_add_epi32(base, runs),
	                                                (const void *)index->pool, 4));
	for (left = (unsigned)(divided[0] | divided[1] << 8); left; left &= left - 1) {
		unsigned i = (unsigned)__builtin_ctz(left);
		ret[i] = match(index, at + i * 4, count_popcnt);
	}
}

AVX512 void ipv4_many_avx512(const struct stele_index *index, const unsigned char *addresses, size_t count,
                             uint32_t *ret)
{
	for (; count >= 16; count -= 16, addresses += 64, ret += 16)
		match_16(&index->form.ipv4, addresses, ret);
	match_many(&index->form.ipv4, addresses, count, ret, count_popcnt);
}
#endif
