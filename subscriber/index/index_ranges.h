/* SPDX-License-Identifier: MIT
 *
 * Ranges of 64-bit words, each with an answer, found by their starts: a tree whose every step
 * compares a word with eight starts, a cache line. At the bottom are pieces of up to 64 ranges,
 * with room for changes; above them a directory of the pieces' first words, all at the same depth,
 * which is made anew when there are more or fewer of them.
 *
 * A start is stored as the greatest word before it, its sign bit flipped, so that the sign-blind
 * comparison x >= start is the signed one below(start) < x, which every processor has, and a
 * place that is not used is above all of them. The first of each eight is never looked at: the
 * way down says it.
 */
#ifndef SUBSCRIBER_INDEX_INDEX_RANGES_H
#define SUBSCRIBER_INDEX_INDEX_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RANGES_FAN   8u
#define RANGES_PIECE 64u /* ranges in a piece at most */

struct range {
	uint64_t start;
	uint32_t answer;
	bool deeper; /* the answer is not one: it is another tree's number */
};

struct ranges_piece {
	uint64_t deeper; /* a bit for each range, where the first of the tops would be */
	int64_t tops[RANGES_FAN - 1]; /* starts of ranges 8, 16, ... 56 */
	int64_t starts[RANGES_PIECE];
	uint32_t answers[RANGES_PIECE];
};

struct ranges {
	struct ranges_piece *pieces; /* in any order */
	uint32_t *order;             /* the pieces in the order of their words */
	uint32_t *sizes;             /* how many ranges each piece has, in that order */
	uint64_t *firsts;            /* the words from which on they answer */
	uint32_t count, capacity;    /* pieces */
	int64_t *directory; /* eight starts a node: node n's children are 8n + 1 to 8n + 8 */
	unsigned levels;
	uint32_t bottom; /* as a child, the first piece has this number: nodes of all levels */
};

/* A tree with one answer everywhere. 0 or -ENOMEM. */
int ranges_init(struct ranges *ranges, uint32_t answer);
void ranges_fini(struct ranges *ranges);

/* Puts ranges in the place of what answers from `first` to `last`: the first of them starts at
 * `first`, and they are in order. Those that go on with the same answer are made one. `dropped`
 * is called for each range of before that was deeper and is no more. 0 or -ENOMEM: as it was. */
int ranges_replace(struct ranges *ranges, uint64_t first, uint64_t last, const struct range *with,
                   size_t count, void (*dropped)(void *context, uint32_t answer), void *context);

size_t ranges_memory(const struct ranges *ranges);

/* The way down the directory: from where the starts of a node are to where those of its child are,
 * past as many of the node's starts as are below a word. */
static inline size_t ranges_child(size_t at, unsigned count)
{
	return (at + 1 + count) * RANGES_FAN;
}

/* A word as starts are compared with. */
static inline int64_t ranges_word(uint64_t word)
{
	return (int64_t)(word ^ UINT64_C(1) << 63);
}

#endif
