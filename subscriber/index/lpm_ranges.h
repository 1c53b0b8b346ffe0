/* SPDX-License-Identifier: MIT
 *
 * A map from ranges of 64-bit words to answers, as a search tree with eight keys a node. A range is
 * identified by its start, and ends where the next range starts. Each step of a lookup compares the
 * word with eight starts, which are one cache line.
 *
 * The leaves are PIECES of up to 64 ranges, with capacity for changes. Above them is a DIRECTORY
 * of the first start of each piece. It is a complete tree, all leaves at one depth, and is rebuilt
 * when the number of pieces changes.
 *
 * A start is stored as the word before it (start - 1), with the sign bit flipped. So the unsigned
 * comparison "start <= x" becomes the signed comparison "stored < x", which AVX2 and AVX-512 have.
 * An unused place holds INT64_MAX, which is below no word. Lookups ignore the first start of each
 * node: the step from the parent has already compared it.
 *
 * For lpm_ipv6.c, which changes the map, and for lpm_ipv6_match.c, which looks up in it.
 */
#ifndef SUBSCRIBER_INDEX_LPM_RANGES_H
#define SUBSCRIBER_INDEX_LPM_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RANGES_FAN   8u  /* starts in a node */
#define RANGES_PIECE 64u /* maximum of ranges in a piece */

struct range {
	uint64_t start;
	uint32_t answer;
	bool deeper; /* the answer is the number of another tree (lpm_ipv6.h) */
};

struct ranges_piece {
	/* A bit for each range that is deeper. This word and `tops` are one node: lookups ignore
	 * the first of its eight words. */
	uint64_t deeper;
	int64_t tops[RANGES_FAN - 1]; /* the stored starts of ranges 8, 16, ... 56 */
	int64_t starts[RANGES_PIECE];
	uint32_t answers[RANGES_PIECE];
};

struct ranges {
	struct ranges_piece *pieces; /* in any order */
	/* Indexes of pieces: first those in use, in the order of their starts, then the free
	 * ones. */
	uint32_t *order;
	uint32_t *sizes;  /* the number of ranges of each piece, in the sequence of `order` */
	uint64_t *firsts; /* the first start of each piece, in the same sequence */
	uint32_t count, capacity; /* pieces in use, pieces allocated */
	/* Nodes of eight stored starts. The children of node n are the nodes 8n + 1 to 8n + 8. */
	int64_t *directory;
	unsigned levels; /* of the directory */
	/* The number of nodes in a full directory of this many levels. The piece at position i of
	 * `order` has node number bottom + i. */
	uint32_t bottom;
};

/* Initializes a map with one range, which covers all words. Returns 0 or -ENOMEM. */
int ranges_init(struct ranges *ranges, uint32_t answer);
void ranges_fini(struct ranges *ranges);

/* Replaces the ranges from word `first` to word `last` with the `count` ranges at `with`, which
 * are in order; the first of them starts at `first`. Joins adjacent ranges with the same answer.
 * Calls `dropped` for each replaced range that was deeper. Returns 0, or -ENOMEM, which leaves the
 * map unchanged. */
int ranges_replace(struct ranges *ranges, uint64_t first, uint64_t last, const struct range *with,
                   size_t count, void (*dropped)(void *context, uint32_t answer), void *context);

/* Returns the memory of pieces and directory, in bytes. */
size_t ranges_memory(const struct ranges *ranges);

/* A step down the directory: returns the position of a child's starts in `directory`. `at` is the
 * position of the parent's starts. `count` is the number of the parent's starts below the word, not
 * counting the first. */
static inline size_t ranges_child(size_t at, unsigned count)
{
	return (at + 1 + count) * RANGES_FAN;
}

/* Flips the sign bit of a word, for comparisons with stored starts. */
static inline int64_t ranges_word(uint64_t word)
{
	return (int64_t)(word ^ UINT64_C(1) << 63);
}

#endif
