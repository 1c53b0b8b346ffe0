/* SPDX-License-Identifier: MIT
 *
 * The allocator of a region's arena. What is free and what is not stands in the publisher's
 * private memory only; after a crash the next publisher rebuilds it by walking what the versions
 * reach.
 *
 * The arena is a row of 4 KiB pages. Objects of up to 8 KiB live in slabs: runs of 1, 4 or 8
 * pages, aligned to their own length, cut into objects of one size class. Larger objects take
 * whole pages. Freed objects go back to their slab, empty slabs back to the pages, so what one
 * size used serves another; but a few of each size are kept aside for what is made next, as long
 * as there are free pages. The lowest free pages are taken first, which keeps the region dense at
 * its start.
 *
 * No function of arena, retired, pins, reclaim and data_file sets the error message: errors are a
 * negative errno alone, and the caller says what failed. The other two files of this folder,
 * durable and recover, set it before they return a negative errno. */
#ifndef PUBLISHER_MEMORY_ARENA_H
#define PUBLISHER_MEMORY_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "lib/trie/view.h"

#define ARENA_CLASSES       64u
#define ARENA_SLAB_OBJECTS  256u /* most objects in a slab: a page of the smallest */
#define ARENA_SLAB_SIZE_MAX 8192u
#define ARENA_SPARE         63u

struct arena_slab;

/* Free objects of a class, handed out from the end: what was freed last comes first, as it is warm
 * yet, and what is known of its slab is not looked at. Where none is left a slab gives a few at a
 * time. To their slabs they are in use. */
struct arena_spare {
	uint32_t count;
	ref_t refs[ARENA_SPARE];
};

struct arena {
	unsigned char *base; /* of the mapped file */
	struct view view;    /* the same as readers see it, always up to date */
	uint64_t start;      /* file offset of page 0 */
	uint32_t pages;      /* that the arena has now */
	uint32_t pages_max;  /* that it may grow to */
	uint32_t
		pages_in_place; /* that it may grow to in the present file; not 0: no step passes it
	                            that need not */
	uint32_t free_hint;     /* no page below it is free */
	uint32_t free_pages;
	uint64_t taken;                  /* bytes in objects, and in what is spare */
	uint64_t *page_bits;             /* bit set: page is free */
	struct arena_slab *slabs;        /* by their first page */
	uint32_t pages_capacity;         /* pages that these two have room for */
	uint32_t partial[ARENA_CLASSES]; /* first page + 1 of a slab with free objects, 0: none */
	struct arena_spare spare[ARENA_CLASSES];
	/* Called to make the file longer: reserve bytes up to `end` (file offset) and store
	 * arena_end. 0 or a negative errno. */
	int (*grow)(void *context, uint64_t end);
	void *context;
};

/* `maximum` is the size in bytes that the arena may have, `size` what it has. 0 or -ENOMEM. */
int arena_init(struct arena *arena, unsigned char *base, uint64_t start, uint64_t size,
               uint64_t maximum);
void arena_fini(struct arena *arena);

/* Room for `size` bytes: sets `*ret`. 0, -ENOSPC or -ENOMEM. */
int arena_alloc(struct arena *arena, size_t size, ref_t *ret);
void arena_free(struct arena *arena, ref_t ref, size_t size);

/* The class of a size up to ARENA_SLAB_SIZE_MAX: by the four highest bits of the size less one, or
 * of 64 if that is more. */
static inline unsigned arena_class(size_t size)
{
	unsigned top = 63u ^ (unsigned)__builtin_clzll((size - 1) | 64);

	return (top - 6) * 8 + (unsigned)((size - 1) >> (top - 3));
}

/* The same two by what is spare, which is almost always enough: false where nothing is spare, or no
 * more may be. */
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

/* The bytes that an object of a size takes: a multiple of 8 up to 128, then one of eight sizes to
 * each doubling up to 8192, then whole pages. */
static inline size_t arena_capacity(size_t size)
{
	unsigned shift = 12;

	if (size <= ARENA_SLAB_SIZE_MAX)
		shift = (63u ^ (unsigned)__builtin_clzll((size - 1) | 64)) - 3;
	return (((size - 1) >> shift) + 1) << shift;
}

/* Bytes in objects. */
uint64_t arena_used(const struct arena *arena);

/* Gives back what is spare, and the pages of slabs that are empty, of which each class keeps one
 * for its next object, where they are more than an eighth of the arena: true if so. */
bool arena_release(struct arena *arena);

/* True when an object may change from one size to the other where it is. */
bool arena_same_capacity(size_t a, size_t b);

/* Recovery: takes note of an object that is there already. 1; 0 when it was noted before; -EBADMSG
 * when no allocator of this kind can have put it there; -ENOMEM. */
int arena_claim(struct arena *arena, ref_t ref, size_t size);

/* The size of a blob of so many bytes, as an object. */
static inline size_t arena_blob_size(size_t bytes)
{
	return (16 + bytes + 7) & ~(size_t)7;
}

/* Where an object starts in memory. */
static inline unsigned char *arena_at(const struct arena *arena, ref_t ref)
{
	return arena->base + (uint64_t)ref * LAYOUT_UNIT;
}

#endif
