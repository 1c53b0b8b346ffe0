/* SPDX-License-Identifier: MIT
 *
 * The index of an IPv4 table. The address space is 2^18 blocks of 64 /24s. A block says in a
 * bitmap at which of its /24s the answer changes, and where in the pool its answers stand, one
 * for each such run. What is longer than /24 is a second step for the few /24s that have it.
 *
 * In the pool, words of 32 bits:
 *
 *   0                   the answer of all blocks without prefixes
 *   a block             the answers of its runs
 *   a block with bit 0  some of its /24s are divided, each of them a run of its own: for each of these
 *                       where in the pool it goes on; two words with a bit for each; and the same as
 *                       without, the answer of a divided one being IPV4_ELSEWHERE
 *   a divided /24       eight words with a bit for each address at which the answer changes
 *                       (bit 0 is not used), and the answers
 *
 * So a lookup does not ask whether its block has divided /24s. Of a hundred about one has, which the
 * processor can't foretell, and then it waits for memory. It looks again where the answer is that
 * number, be it of a divided /24 or somebody's.
 */
#ifndef SUBSCRIBER_INDEX_INDEX_IPV4_H
#define SUBSCRIBER_INDEX_INDEX_IPV4_H

#include "subscriber/index/index_sweep.h"

#define IPV4_BLOCKS    (1u << 18)
#define IPV4_DIVIDED   1u          /* bit 0 of starts: some /24 is divided */
#define IPV4_ELSEWHERE 0x8d3a51c7u /* any number would do; as an answer it is slow */
#define IPV4_PIECE_MAX 264u        /* words of the largest thing in the pool */

/* 12 bytes, so that all of them are 3 MiB. */
struct ipv4_block {
	uint32_t starts[2]; /* a word of 64 bits: bit i, from 1 on, where /24 i starts a run */
	uint32_t base;      /* the index in the pool of the answers; or, with IPV4_DIVIDED, the one
	                       before, so that a count of bits includes that. 0: no prefixes */
};

struct index_ipv4 {
	struct ipv4_block *blocks;
	uint32_t *pool;
	/* Words of the pool: in all; given out, ever; of these, free again. */
	uint32_t capacity, used, free;
	uint32_t free_lists[IPV4_PIECE_MAX + 1]; /* by size; a free piece begins with the next */
};

/* Makes an index without prefixes, in which all answers are `none`. `rows` is how many are
 * expected. 0 or -ENOMEM. */
int index_ipv4_init(struct index_ipv4 *index, uint32_t none, uint64_t rows);
void index_ipv4_fini(struct index_ipv4 *index);

/* Has the addresses of a sweep answer as it says; it starts at its beginning. 0, -EBADMSG or
 * -ENOMEM: then the index is good for nothing but to be finished. */
int index_ipv4_paint(struct index_ipv4 *index, struct index_sweep *sweep);

/* Gives back what has become free, once that is much: after paints. 0 or -ENOMEM: as it was. */
int index_ipv4_tidy(struct index_ipv4 *index);

size_t index_ipv4_memory(const struct index_ipv4 *index);

#endif
