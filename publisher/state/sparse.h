/* SPDX-License-Identifier: MIT
 *
 * A set of numbers, as a bitmap of which only the chunks in use are allocated: a few numbers take
 * little memory, however large they are. publisher/tables/marks.c marks rows by it. */
#ifndef PUBLISHER_STATE_SPARSE_H
#define PUBLISHER_STATE_SPARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All zero: the empty set. */
struct sparse {
	uint64_t **chunks; /* NULL: a chunk without numbers */
	size_t count;      /* of chunks */
	uint64_t *spare;   /* a chunk of zeros for the next number, or NULL */
};

/* Allocates what one sparse_add() of a number below `end` may need. Returns 0 or -ENOMEM. */
int sparse_reserve(struct sparse *sparse, uint64_t end);

/* Adds a number, for which sparse_reserve() was called since the last one was added. */
void sparse_add(struct sparse *sparse, uint64_t number);

/* Returns true if the set has a number, which may be any. */
bool sparse_has(const struct sparse *sparse, uint64_t number);

/* Empties the set, and frees its memory. */
void sparse_clear(struct sparse *sparse);

#endif
