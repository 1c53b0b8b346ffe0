/* SPDX-License-Identifier: MIT
 *
 * Looks up addresses in the index of an IPv4 table. lpm_ipv4.h describes its format. The
 * variants differ only in how they count bits. */
#include "subscriber/index/lpm_ipv4_match.h"

#include <arpa/inet.h>
#include <string.h>

#include "lib/base/popcount.h"
#include "subscriber/index/lpm_validate.h"

#define INLINE static inline __attribute__((always_inline))
#define GROUP  32u /* lookups whose cache misses overlap */

/* Counts the bits set in a word. */
typedef unsigned count_bits(uint64_t word);

/* Returns the position of an address's answer in the pool: the block's base, plus the number of
 * runs that start in the block up to the address's /24. */
INLINE uint32_t ipv4_find(const struct lpm_ipv4 *index, const unsigned char *at, count_bits *count)
{
	const struct ipv4_block *block;
	uint32_t address;
	uint64_t starts;

	memcpy(&address, at, sizeof(address));
	address = ntohl(address);
	block = &index->blocks[address >> 14];
	memcpy(&starts, block->starts, sizeof(starts));
	return block->base + count(starts << (~(address >> 8) & 63));
}

/* The slow path of a lookup: returns the answer of an address whose /24 may be divided. */
static __attribute__((noinline)) uint32_t ipv4_match_divided(const struct lpm_ipv4 *index,
                                                             const unsigned char *at)
{
	const struct ipv4_block *block = &index->blocks[at[0] << 10 | at[1] << 2 | at[2] >> 6];
	unsigned net = at[2] & 63, host = at[3];
	uint32_t place = ipv4_find(index, at, popcount), first;
	const uint32_t *divided;
	uint64_t starts, nets;

	memcpy(&starts, block->starts, sizeof(starts));
	if (!(starts & IPV4_DIVIDED))
		return index->pool[place];
	memcpy(&nets, index->pool + block->base - 1, sizeof(nets));
	if (!(nets >> net & 1))
		return index->pool[place];
	first = block->base - 1 - popcount(nets);
	divided = index->pool + index->pool[first + popcount(nets & ((UINT64_C(1) << net) - 1))];
	place = 8;
	for (unsigned i = 0; i < host / 32; i++)
		place += popcount(divided[i]);
	return divided[place + popcount(divided[host / 32] << (31 - host % 32))];
}

/* Looks up one address. The rare cases are tail calls, so that this function needs no stack
 * frame. */
INLINE int ipv4_match(const struct stele_lpm *index, const unsigned char *at, uint32_t *ret,
                      count_bits *count)
{
	uint32_t answer;

	if (__builtin_expect(!lpm_answers(index), 0))
		return lpm_match_checked(index, at, ret);
	answer = index->form.ipv4.pool[ipv4_find(&index->form.ipv4, at, count)];
	if (__builtin_expect(answer == IPV4_ELSEWHERE, 0))
		return lpm_match_checked(index, at, ret);
	*ret = answer;
	return answer != index->none;
}

/* Looks up at most GROUP addresses. Computes and prefetches the places of all answers before it
 * loads the first, so that their cache misses overlap. */
INLINE void ipv4_match_group(const struct lpm_ipv4 *index, const unsigned char *addresses,
                             unsigned count, uint32_t *ret, count_bits *bits)
{
	uint32_t places[GROUP];

#pragma GCC unroll 8
	for (unsigned i = 0; i < count; i++) {
		places[i] = ipv4_find(index, addresses + (size_t)i * 4, bits);
		__builtin_prefetch(index->pool + places[i]);
	}
#pragma GCC unroll 8
	for (unsigned i = 0; i < count; i++) {
		ret[i] = index->pool[places[i]];
		if (__builtin_expect(ret[i] == IPV4_ELSEWHERE, 0))
			ret[i] = ipv4_match_divided(index, addresses + (size_t)i * 4);
	}
}

/* Looks up any number of addresses, in groups. */
INLINE void ipv4_match_many(const struct lpm_ipv4 *index, const unsigned char *addresses,
                            size_t count, uint32_t *ret, count_bits *bits)
{
	for (; count >= GROUP; count -= GROUP) {
		ipv4_match_group(index, addresses, GROUP, ret, bits);
		addresses += GROUP * 4;
		ret += GROUP;
	}
	if (count > 0)
		ipv4_match_group(index, addresses, (unsigned)count, ret, bits);
}

int ipv4_match_portable(const struct stele_lpm *index, const unsigned char *address, uint32_t *ret)
{
	return ipv4_match(index, address, ret, popcount);
}

void ipv4_match_many_portable(const struct stele_lpm *index, const unsigned char *addresses,
                              size_t count, uint32_t *ret)
{
	ipv4_match_many(&index->form.ipv4, addresses, count, ret, popcount);
}

#ifdef __x86_64__

#define POPCNT __attribute__((target("popcnt,bmi2")))
POPCNT INLINE unsigned ipv4_count_popcnt(uint64_t word)
{
	return (unsigned)__builtin_popcountll(word);
}

POPCNT int ipv4_match_popcnt(const struct stele_lpm *index, const unsigned char *address,
                             uint32_t *ret)
{
	return ipv4_match(index, address, ret, ipv4_count_popcnt);
}

POPCNT void ipv4_match_many_popcnt(const struct stele_lpm *index, const unsigned char *addresses,
                                   size_t count, uint32_t *ret)
{
	ipv4_match_many(&index->form.ipv4, addresses, count, ret, ipv4_count_popcnt);
}
#endif
