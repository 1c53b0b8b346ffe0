/* SPDX-License-Identifier: MIT
 * Memory of an index: aligned to cache lines, and, where it is large, to huge pages, which the
 * system is asked for. Freed with free(). */
#ifndef SUBSCRIBER_INDEX_INDEX_MEMORY_H
#define SUBSCRIBER_INDEX_INDEX_MEMORY_H

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define INDEX_LINE 64u
#define INDEX_HUGE ((size_t)2 << 20)

/* What is best allocated for `size` bytes: where huge pages can hold it, all that is in them. */
static inline size_t index_round(size_t size)
{
	size_t unit = size >= INDEX_HUGE ? INDEX_HUGE : INDEX_LINE;

	return (size + unit - 1) / unit * unit;
}

/* NULL: no memory. */
static inline void *index_allocate(size_t size)
{
	size_t unit = size >= INDEX_HUGE ? INDEX_HUGE : INDEX_LINE;
	void *memory = aligned_alloc(unit, index_round(size));

	/* Where there are none it works all the same. */
	if (memory && unit == INDEX_HUGE)
		madvise(memory, index_round(size), MADV_HUGEPAGE);
	return memory;
}

/* The same with the first `used` bytes of `old`, which is freed. On failure that stays. */
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
