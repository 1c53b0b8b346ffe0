/* SPDX-License-Identifier: MIT
 *
 * The memory allocator of a region's arena. Its state (which pages and objects are free) is only in
 * the publisher's private memory. After a crash the next publisher rebuilds the state by walking
 * everything that the versions reach (recover.c).
 *
 * The arena is an array of 4 KiB pages. Objects of up to 8 KiB live in slabs: runs of 1, 4 or 8
 * pages, aligned to the length of the run, and cut into objects of one size class. Larger objects
 * take whole pages. Freed objects return to their slab, and empty slabs become free pages, so that
 * the memory of objects of one size can serve every other size. A few freed objects of each class
 * are kept aside for the next allocations, as long as there are free pages. The lowest free pages
 * are allocated first, which keeps the region dense at its start.
 *
 * All folders of publisher/ may call these functions; the nodes, rows and blobs of tries are
 * allocated by publisher/trie/object.h. */
#ifndef PUBLISHER_MEMORY_ARENA_H
#define PUBLISHER_MEMORY_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "lib/trie/view.h"

#define ARENA_CLASSES 64u
/* Maximum number of objects in a slab: one page of 16-byte objects, the smallest in use. */
#define ARENA_SLAB_OBJECTS  256u
#define ARENA_SLAB_SIZE_MAX 8192u
/* Maximum number of spare objects of a class. */
#define ARENA_SPARE 63u

struct arena_slab;

/* Free objects of one size class. The last one is handed out first: the object freed last is still
 * in the cache, and its slab's bookkeeping need not be touched. An empty list is refilled with a
 * few objects of a slab. The slabs count spare objects as allocated. */
struct arena_spare {
	uint32_t count;
	ref_t refs[ARENA_SPARE];
};

struct arena {
	unsigned char *base; /* start of the mapped data file */
	/* The arena as readers see it. Kept up to date when the arena grows. */
	struct view view;
	/* File offset of page 0, in bytes. */
	uint64_t start;
	/* Current and maximum number of pages. */
	uint32_t pages;
	uint32_t pages_max;
	/* Pages that fit into the current data file. If it is not 0, growth stops there, unless the
	 * allocation needs more: growth beyond requires a new data file. */
	uint32_t pages_in_place;
	/* No page below this one is free. */
	uint32_t free_hint;
	uint32_t free_pages;
	/* Bytes in allocated objects, spare ones included. */
	uint64_t taken;
	uint64_t *page_bits; /* bit set: page is free */
	/* Indexed by a slab's first page. */
	struct arena_slab *slabs;
	/* Capacity of page_bits and slabs, in pages. */
	uint32_t pages_capacity;
	/* For each class, the list of slabs that have free objects: first page + 1. 0: none. */
	uint32_t partial[ARENA_CLASSES];
	struct arena_spare spare[ARENA_CLASSES];
	/* Makes the data file longer: reserves the bytes up to file offset `end`, and then stores
	 * arena_end. Returns 0 or a negative errno. NULL: the arena cannot grow. */
	int (*grow)(void *context, uint64_t end);
	void *context;
};

/* Initialises an arena whose pages are all free. Page 0 is at file offset `start`. The arena has
 * `size` bytes and may grow to `maximum` bytes. Returns 0 or -ENOMEM. */
int arena_init(struct arena *arena, unsigned char *base, uint64_t start, uint64_t size,
               uint64_t maximum);
void arena_fini(struct arena *arena);

/* Allocates an object of `size` bytes and sets `*ret` to its reference. Returns 0, -ENOSPC,
 * -ENOMEM, or an error of the grow callback. */
int arena_alloc(struct arena *arena, size_t size, ref_t *ret);
/* Frees an object. `size` is the size that it was allocated with. */
void arena_free(struct arena *arena, ref_t ref, size_t size);

/* Returns the size class of a size up to ARENA_SLAB_SIZE_MAX. The highest bit of `size - 1`, at
 * least bit 6, and the three bits below it choose the class. */
static inline unsigned arena_class(size_t size)
{
	unsigned top = 63u ^ (unsigned)__builtin_clzll((size - 1) | 64);

	return (top - 6) * 8 + (unsigned)((size - 1) >> (top - 3));
}

/* Fast paths of arena_alloc() and arena_free(), which use only the spare objects. They return false
 * if there is no spare object, or no capacity for another one; then the caller takes the slow
 * path. */
static inline bool arena_take_spare(struct arena *arena, size_t size, ref_t *ret)
{
	struct arena_spare *spare;

	if (size > ARENA_SLAB_SIZE_MAX)
		return false;
	spare = &arena->spare[arena_class(size)];
	if (spare->count == 0)
		return false;
	*ret = spare->refs[--spare->count];
	return true;
}

static inline bool arena_put_spare(struct arena *arena, ref_t ref, size_t size)
{
	struct arena_spare *spare;

	if (size > ARENA_SLAB_SIZE_MAX)
		return false;
	spare = &arena->spare[arena_class(size)];
	if (spare->count == ARENA_SPARE)
		return false;
	spare->refs[spare->count++] = ref;
	return true;
}

/* Returns how many bytes the arena uses for an object of `size` bytes: a multiple of 8 up to 128,
 * then one of eight sizes in each doubling up to 8192, then whole pages. */
static inline size_t arena_capacity(size_t size)
{
	unsigned shift = 12;

	if (size <= ARENA_SLAB_SIZE_MAX)
		shift = (63u ^ (unsigned)__builtin_clzll((size - 1) | 64)) - 3;
	return (((size - 1) >> shift) + 1) << shift;
}

/* Returns the bytes in allocated objects, without the spare ones. */
uint64_t arena_used(const struct arena *arena);

/* Returns all spare objects to their slabs. Then frees the pages of all empty slabs if these pages
 * are more than an eighth of the arena. (A few empty slabs are normal: each class keeps one for its
 * next object.) Returns true if it freed empty slabs. */
bool arena_release(struct arena *arena);

/* Returns true if objects of these two sizes take equally many bytes, so that an object can change
 * from one size to the other in place. */
bool arena_same_capacity(size_t a, size_t b);

/* For recovery: marks an object that exists already as allocated. Returns 1, or 0 if it was marked
 * before. Errors: -EBADMSG (this allocator cannot have put an object of this size there). */
int arena_claim(struct arena *arena, ref_t ref, size_t size);

/* Returns the size of the object that stores a blob of `bytes` bytes. */
static inline size_t arena_blob_size(size_t bytes)
{
	return (16 + bytes + 7) & ~(size_t)7;
}

/* Returns the address of an object. */
static inline unsigned char *arena_at(const struct arena *arena, ref_t ref)
{
	return arena->base + (uint64_t)ref * LAYOUT_UNIT;
}

#endif
