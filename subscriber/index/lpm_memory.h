/* SPDX-License-Identifier: MIT
 *
 * Memory of a private index: aligned to cache lines, or, from 2 MiB on, to huge pages. Lookups are
 * random accesses, so huge pages save TLB misses. Memory is freed by free(). For the other files
 * of this folder. */
#ifndef SUBSCRIBER_INDEX_LPM_MEMORY_H
#define SUBSCRIBER_INDEX_LPM_MEMORY_H

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* The sizes of a cache line and of a huge page, in bytes. */
#define LPM_LINE 64u
#define LPM_HUGE ((size_t)2 << 20)

/* Rounds a size in bytes up to what lpm_allocate() allocates for it. */
static inline size_t lpm_round(size_t size)
{
	size_t unit = size >= LPM_HUGE ? LPM_HUGE : LPM_LINE;

	return (size + unit - 1) / unit * unit;
}

/* Allocates memory, which is not cleared. Returns NULL if there is none. */
static inline void *lpm_allocate(size_t size)
{
	size_t unit = size >= LPM_HUGE ? LPM_HUGE : LPM_LINE;
	void *memory = aligned_alloc(unit, lpm_round(size));

	/* A failure is ignored: small pages work, too. */
	if (memory && unit == LPM_HUGE)
		madvise(memory, lpm_round(size), MADV_HUGEPAGE);
	return memory;
}

/* Allocates memory, copies the first `used` bytes of `old` into it, and frees `old`. On failure it
 * returns NULL and leaves `old` unchanged. */
static inline void *lpm_reallocate(void *old, size_t used, size_t size)
{
	void *memory = lpm_allocate(size);

	if (memory && used > 0)
		memcpy(memory, old, used);
	if (memory)
		free(old);
	return memory;
}

#endif
