/* SPDX-License-Identifier: MIT
 *
 * The index of an IPv4 table. The address space is 2^18 blocks of 64 /24s each. A run is a
 * sequence of /24s with one answer. Each block has a bitmap of the /24s at which a run starts, and
 * a reference to the answers of its runs, which are in the pool. A /24 that contains a longer
 * prefix is DIVIDED: a second step finds the answers of its addresses. Few /24s are.
 *
 * The pool consists of words of 32 bits. Word 0 is the answer of all blocks without prefixes. The
 * rest is divided into pieces, of three kinds:
 *
 *   a block without divided /24s   the answers of its runs
 *
 *   a block with divided /24s      1. for each divided /24, the index in the pool of its piece
 *   (IPV4_DIVIDED)                 2. two words with a bit set for each divided /24
 *                                  3. the answers of its runs; a divided /24 is a run of its own,
 *                                     with the answer IPV4_ELSEWHERE
 *
 *   a divided /24                  1. eight words with a bit set for each address at which the
 *                                     answer changes (bit 0 is not used)
 *                                  2. the answers
 *
 * The fast path of a lookup does not test whether a block has divided /24s. About one block in a
 * hundred has one, which the branch predictor cannot foresee, and each misprediction would wait
 * for memory. Instead, a lookup that gets the answer IPV4_ELSEWHERE takes the slow path. This is
 * correct also if a column has this very number as a value: then the slow path finds the same
 * answer.
 *
 * For lpm.c, which builds the index, and for lpm_ipv4_match.c, which looks up in it.
 */
#ifndef SUBSCRIBER_INDEX_LPM_IPV4_H
#define SUBSCRIBER_INDEX_LPM_IPV4_H

#include "subscriber/index/lpm_sweep.h"

#define IPV4_BLOCKS (1u << 18)
/* Bit 0 of starts: the block has a divided /24. */
#define IPV4_DIVIDED 1u
/* An arbitrary number. Lookups whose answer is this number are slow. */
#define IPV4_ELSEWHERE 0x8d3a51c7u
/* The largest piece of the pool, in words: a divided /24 with 256 answers. */
#define IPV4_PIECE_MAX 264u

/* 12 bytes, so that all blocks take 3 MiB. */
struct ipv4_block {
	/* One word of 64 bits. Bit i, for i from 1 on, is set if /24 i starts a run. */
	uint32_t starts[2];
	/* The position of the block's answers in the pool; 0 if the block has no prefixes. With
	 * IPV4_DIVIDED, `base` is one less: a lookup adds the number of bits set in `starts`, which
	 * then counts bit 0 too. */
	uint32_t base;
};

struct lpm_ipv4 {
	struct ipv4_block *blocks;
	uint32_t *pool;
	/* Sizes in words: the capacity of the pool; the words from the start of the pool that are
	 * or were in use; the free pieces among these words. */
	uint32_t capacity, used, free;
	/* For each size, the first free piece of this size, or 0. The first word of a free piece
	 * is the index of the next one. */
	uint32_t free_lists[IPV4_PIECE_MAX + 1];
};

/* Initializes an index without prefixes, in which every answer is `none`. Allocates memory for
 * `rows` rows; the index grows if there are more. Returns 0 or -ENOMEM. */
int lpm_ipv4_init(struct lpm_ipv4 *index, uint32_t none, uint64_t rows);
void lpm_ipv4_fini(struct lpm_ipv4 *index);

/* Paints a sweep: sets the answers of the addresses that the sweep covers. The sweep must be at its
 * start. Returns 0, -EBADMSG or -ENOMEM. After a failure the index can only be passed to
 * lpm_ipv4_fini(). */
int lpm_ipv4_paint(struct lpm_ipv4 *index, struct lpm_sweep *sweep);

/* Copies the pool into a smaller one if much of it is free. Call this after painting. Returns 0,
 * or -ENOMEM, which leaves the index unchanged. */
int lpm_ipv4_tidy(struct lpm_ipv4 *index);

/* Returns the memory of the blocks and the pool, in bytes. */
size_t lpm_ipv4_memory(const struct lpm_ipv4 *index);

#endif
