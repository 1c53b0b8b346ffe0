/* SPDX-License-Identifier: MIT
 *
 * Memory of a private index: aligned to cache lines, or, from 2 MiB on, to huge pages. Lookups are
 * random accesses, so huge pages save TLB misses. Memory is freed by free(). For the other files
 * of this folder. */
#ifndef SUBSCRIBER_INDEX_INDEX_MEMORY_H
#define SUBSCRIBER_INDEX_INDEX_MEMORY_H

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* The sizes of a cache line and of a huge page, in bytes. */
#define INDEX_LINE 64u
#define INDEX_HUGE ((size_t)2 << 20)

/* Rounds a size in bytes up to what index_allocate() allocates for it. */
static inline size_t index_round(size_t size)
{
	size_t unit = size >= INDEX_HUGE ? INDEX_HUGE : INDEX_LINE;

	return (size + unit - 1) / unit * unit;
}

/* Allocates memory, which is not cleared. Returns NULL if there is none. */
static inline void *index_allocate(size_t size)
{
	size_t unit = size >= INDEX_HUGE ? INDEX_HUGE : INDEX_LINE;
	void *memory = aligned_alloc(unit, index_round(size));

	/* A failure is ignored: small pages work, too. */
	if (memory && unit == INDEX_HUGE)
		madvise(memory, index_round(size), MADV_HUGEPAGE);
	return memory;
}

/* Allocates memory, copies the first `used` bytes of `old` into it, and frees `old`. On failure it
 * returns NULL and leaves `old` unchanged. */
static inline void *index_reallocate(void *old, size_t used, size_t size)
{
	void *memory = index_allocate(size);

	if (memory && used > 0)
		memcpy(memory, old, used);
	if (memory)
		free(old);
	return memory;
}

#endif
