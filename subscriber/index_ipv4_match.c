/* SPDX-License-Identifier: MIT
 * Lookups in the index of an IPv4 table: index_ipv4.h has what lies where. */
#include "index.h"

#include <arpa/inet.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))

typedef unsigned count_bits(uint64_t word);

/* Where the answer is, in a block some of whose /24s are divided. */
static uint32_t find_divided(const struct index_ipv4 *index, const struct ipv4_block *block,
                             uint32_t address)
{
	const uint32_t *pool = index->pool;
	unsigned net = address >> 8 & 63, host = address & 255;
	uint32_t at = block->base, divided;
	uint64_t starts, nets;

	memcpy(&starts, block->starts, sizeof(starts));
	memcpy(&nets, pool + at - 1, sizeof(nets));
	at += popcount(starts << (63 - net));
	if (!(nets >> net & 1))
		return at;
	divided = pool[at];
	at = divided + 8;
	for (unsigned i = 0; i < host / 32; i++)
		at += popcount(pool[divided + i]);
	return at + popcount(pool[divided + host / 32] << (31 - host % 32));
}

/* The block of an address, and the starts of its runs. */
INLINE const struct ipv4_block *find_block(const struct index_ipv4 *index, const unsigned char *at,
                                           uint32_t *ret_address, uint64_t *ret_starts)
{
	const struct ipv4_block *block;
	uint32_t address;

	memcpy(&address, at, sizeof(address));
	address = ntohl(address);
	block = &index->blocks[address >> 14];
	memcpy(ret_starts, block->starts, sizeof(*ret_starts));
	*ret_address = address;
	return block;
}

/* Where in the pool the answer is: past those of the runs that start up to the address's /24. */
INLINE uint32_t find(const struct ipv4_block *block, uint32_t address, uint64_t starts,
                     count_bits *count)
{
	return block->base + count(starts << (~(address >> 8) & 63));
}

INLINE uint32_t match(const struct index_ipv4 *index, const unsigned char *at, count_bits *count)
{
	const struct ipv4_block *block;
	uint32_t address;
	uint64_t starts;

	block = find_block(index, at, &address, &starts);
	if (__builtin_expect(starts & IPV4_DIVIDED, 0))
		return index->pool[find_divided(index, block, address)];
	return index->pool[find(block, address, starts, count)];
}

/* What is rare is left to the other function, so that this one needs no stack. */
INLINE int match_one(const struct stele_index *index, const unsigned char *at, uint32_t *ret,
                     count_bits *count)
{
	const struct ipv4_block *block;
	uint32_t address;
	uint64_t starts;

	if (__builtin_expect(!index_answers(index), 0))
		return index_match_slowly(index, at, ret);
	block = find_block(&index->form.ipv4, at, &address, &starts);
	if (__builtin_expect(starts & IPV4_DIVIDED, 0))
		return index_match_slowly(index, at, ret);
	*ret = index->form.ipv4.pool[find(block, address, starts, count)];
	return *ret != index->none;
}

INLINE void match_many(const struct index_ipv4 *index, const unsigned char *addresses, size_t count,
                       uint32_t *ret, count_bits *bits)
{
	for (; count >= 8; count -= 8, addresses += 32, ret += 8) {
		_Pragma("GCC unroll 8") for (size_t i = 0; i < 8; i++) ret[i] =
			match(index, addresses + i * 4, bits);
	}
	for (size_t i = 0; i < count; i++)
		ret[i] = match(index, addresses + i * 4, bits);
}

int ipv4_one_portable(const struct stele_index *index, const unsigned char *address, uint32_t *ret)
{
	return match_one(index, address, ret, popcount);
}

void ipv4_many_portable(const struct stele_index *index, const unsigned char *addresses,
                        size_t count, uint32_t *ret)
{
	match_many(&index->form.ipv4, addresses, count, ret, popcount);
}

#ifdef __x86_64__

#define POPCNT __attribute__((target("popcnt,bmi2")))
POPCNT INLINE unsigned count_popcnt(uint64_t word)
{
	return (unsigned)__builtin_popcountll(word);
}

POPCNT int ipv4_one_popcnt(const struct stele_index *index, const unsigned char *address,
                           uint32_t *ret)
{
	return match_one(index, address, ret, count_popcnt);
}

POPCNT void ipv4_many_popcnt(const struct stele_index *index, const unsigned char *addresses,
                             size_t count, uint32_t *ret)
{
	match_many(&index->form.ipv4, addresses, count, ret, count_popcnt);
}
#endif
