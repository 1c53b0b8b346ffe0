/* SPDX-License-Identifier: MIT */
#include "publisher/memory/arena.h"

#include <stdlib.h>
#include <string.h>

#define PAGE LAYOUT_PAGE
/* Objects that arena_spare_fill() takes out of a slab at a time. */
#define SPARE_FILL 16u
/* Class of a slab that is one large object. */
#define LARGE UINT8_MAX

struct arena_slab {
	/* Bitmap of objects. Bit set: the object is free. */
	uint64_t free[ARENA_SLAB_OBJECTS / 64];
	/* Neighbours in the class's list: first page + 1. `next` of the last slab is 0. `previous`
	 * of the first slab has no meaning. */
	uint32_t next, previous;
	/* Pages of the slab. 0: no slab starts at this page. */
	uint32_t pages;
	uint16_t free_count;
	uint8_t class;
	bool listed;
};

/* The size classes: multiples of 8 up to 128, then eight sizes in each doubling up to 8192.
 * `inverse` replaces a division by a multiplication: 2^32 divided by the size in units, rounded up.
 * The result is exact for every offset within a slab. */
#define CLASS(units, slab_pages) \
	{ \
		.size = (units)*LAYOUT_UNIT, .pages = (slab_pages), \
		.objects = (slab_pages)*PAGE / ((units)*LAYOUT_UNIT) < ARENA_SLAB_OBJECTS \
		                   ? (slab_pages)*PAGE / ((units)*LAYOUT_UNIT) \
		                   : ARENA_SLAB_OBJECTS, \
		.inverse = UINT64_C(0xffffffff) / (units) + 1 \
	}
#define HALF(units, step, pages) \
	CLASS((units) + (step), pages), CLASS((units) + 2 * (step), pages), \
		CLASS((units) + 3 * (step), pages), CLASS((units) + 4 * (step), pages)
#define DOUBLING(step, pages) HALF(8 * (step), step, pages), HALF(12 * (step), step, pages)

static const struct {
	/* Bytes of an object. */
	uint16_t size;
	/* Pages of a slab, and objects in it. */
	uint16_t pages, objects;
	uint64_t inverse;
} classes[ARENA_CLASSES] = {
	HALF(0, 1, 1),  HALF(4, 1, 1),   DOUBLING(1, 1),  DOUBLING(2, 1),  DOUBLING(4, 1),
	DOUBLING(8, 4), DOUBLING(16, 4), DOUBLING(32, 8), DOUBLING(64, 8),
};

static uint32_t arena_large_pages(size_t size)
{
	return (uint32_t)((size + PAGE - 1) / PAGE);
}

bool arena_same_capacity(size_t a, size_t b)
{
	if (a > ARENA_SLAB_SIZE_MAX || b > ARENA_SLAB_SIZE_MAX)
		return a > ARENA_SLAB_SIZE_MAX && b > ARENA_SLAB_SIZE_MAX &&
		       arena_large_pages(a) == arena_large_pages(b);
	return arena_class(a) == arena_class(b);
}

/* ---- pages ---- */

static bool arena_page_is_free(const struct arena *arena, uint32_t page)
{
	return arena->page_bits[page / 64] >> page % 64 & 1;
}

static void arena_pages_mark(struct arena *arena, uint32_t page, uint32_t count, bool is_free)
{
	for (uint32_t i = page; i < page + count; i++) {
		uint64_t bit = UINT64_C(1) << i % 64;
		if (is_free)
			arena->page_bits[i / 64] |= bit;
		else
			arena->page_bits[i / 64] &= ~bit;
	}
	if (is_free) {
		arena->free_pages += count;
		if (page < arena->free_hint)
			arena->free_hint = page;
	} else {
		arena->free_pages -= count;
	}
}

/* Grows page_bits and slabs to at least `pages` entries. They get a quarter more than the arena
 * needs, because the arena grows in smaller steps. Returns 0 or -ENOMEM. */
static int arena_tables_reserve(struct arena *arena, uint32_t pages)
{
	uint32_t capacity = (pages + pages / 4 + 63) / 64 * 64;
	struct arena_slab *slabs;
	uint64_t *bits;

	if (pages <= arena->pages_capacity)
		return 0;
	bits = realloc(arena->page_bits, capacity / 64 * sizeof(*bits));
	if (!bits)
		return -ENOMEM;
	arena->page_bits = bits;
	slabs = realloc(arena->slabs, capacity * sizeof(*slabs));
	if (!slabs)
		return -ENOMEM;
	arena->slabs = slabs;
	memset(bits + arena->pages_capacity / 64, 0,
	       (capacity - arena->pages_capacity) / 64 * sizeof(*bits));
	memset(slabs + arena->pages_capacity, 0,
	       (capacity - arena->pages_capacity) * sizeof(*slabs));
	arena->pages_capacity = capacity;
	return 0;
}

int arena_init(struct arena *arena, unsigned char *base, uint64_t start, uint64_t size,
               uint64_t maximum)
{
	int r;

	*arena = (struct arena){
		.base = base,
		.start = start,
		.pages_max = (uint32_t)(maximum / PAGE),
	};
	r = arena_tables_reserve(arena, (uint32_t)(size / PAGE));
	if (r < 0) {
		arena_fini(arena);
		return r;
	}
	arena->pages = (uint32_t)(size / PAGE);
	arena->view = (struct view){.base = base, .start = start, .limit = start + size};
	arena_pages_mark(arena, 0, arena->pages, true);
	return 0;
}

void arena_fini(struct arena *arena)
{
	free(arena->page_bits);
	free(arena->slabs);
	arena->page_bits = NULL;
	arena->slabs = NULL;
}

/* Finds the first run of `count` free pages that starts at a multiple of `align`. Returns its first
 * page, or -1. */
static int64_t arena_pages_find(struct arena *arena, uint32_t count, uint32_t align)
{
	uint32_t page = arena->free_hint;
	bool first = true;

	if (arena->free_pages < count)
		return -1;
	while (page < arena->pages) {
		uint64_t word = arena->page_bits[page / 64] >> page % 64;
		uint32_t run;
		if (word == 0) {
			page = (page / 64 + 1) * 64;
			continue;
		}
		page += (uint32_t)__builtin_ctzll(word);
		if (first) {
			arena->free_hint = page;
			first = false;
		}
		if (page % align != 0) {
			page += align - page % align;
			continue;
		}
		for (run = 0; run < count && page + run < arena->pages &&
		              arena_page_is_free(arena, page + run);
		     run++)
			;
		if (run == count)
			return page;
		page += run + 1;
	}
	return -1;
}

/* Grows the arena, by at least `min` pages if its maximum allows. The steps are small (1/128 of the
 * arena, but 16 to 1024 pages), because the region reserves memory for all of its pages. */
static int arena_grow(struct arena *arena, uint32_t min)
{
	uint32_t step = arena->pages / 128;
	uint32_t old = arena->pages, capacity = arena->pages_max - arena->pages;
	int r;

	if (step > 1024)
		step = 1024;
	if (step < 16)
		step = 16;
	if (step < min)
		step = min;
	if (step > capacity)
		step = capacity;
	if (old < arena->pages_in_place && step > arena->pages_in_place - old &&
	    min <= arena->pages_in_place - old)
		step = arena->pages_in_place - old;
	/* A step below `min` can be enough: pages before the old end may be free, or aligned as
	 * required. */
	if (step == 0 || !arena->grow)
		return -ENOSPC;
	r = arena_tables_reserve(arena, old + step);
	if (r < 0)
		return r;
	r = arena->grow(arena->context, arena->start + (uint64_t)(old + step) * PAGE);
	if (r == -ENOSPC && step > min) {
		step = min;
		r = arena->grow(arena->context, arena->start + (uint64_t)(old + step) * PAGE);
	}
	if (r < 0)
		return r;
	arena->pages = old + step;
	arena->view.limit = arena->start + (uint64_t)arena->pages * PAGE;
	arena_pages_mark(arena, old, step, true);
	return 0;
}

static bool arena_spares_release(struct arena *arena);

static int arena_pages_alloc(struct arena *arena, uint32_t count, uint32_t align, uint32_t *ret)
{
	int64_t page = arena_pages_find(arena, count, align);

	if (page < 0 && arena_spares_release(arena))
		page = arena_pages_find(arena, count, align);
	if (page < 0) {
		int r = arena_grow(arena, count + align - 1);
		if (r < 0)
			return r;
		page = arena_pages_find(arena, count, align);
		if (page < 0)
			return -ENOSPC;
	}
	arena_pages_mark(arena, (uint32_t)page, count, false);
	*ret = (uint32_t)page;
	return 0;
}

/* ---- slabs ---- */

static inline void arena_list_add(struct arena *arena, uint32_t page, unsigned class)
{
	struct arena_slab *slab = &arena->slabs[page];

	slab->next = arena->partial[class];
	if (slab->next)
		arena->slabs[slab->next - 1].previous = page + 1;
	arena->partial[class] = page + 1;
	slab->listed = true;
}

/* Removes a slab from its class's list. Usually the slab is the first one, and then no other slab's
 * entry is touched. */
static inline void arena_list_remove(struct arena *arena, uint32_t page, unsigned class)
{
	struct arena_slab *slab = &arena->slabs[page];

	slab->listed = false;
	if (arena->partial[class] == page + 1) {
		arena->partial[class] = slab->next;
		return;
	}
	arena->slabs[slab->previous - 1].next = slab->next;
	if (slab->next)
		arena->slabs[slab->next - 1].previous = slab->previous;
}

static void arena_slab_init(struct arena *arena, uint32_t page, unsigned class)
{
	struct arena_slab *slab = &arena->slabs[page];
	unsigned objects = classes[class].objects;

	*slab = (struct arena_slab){
		.pages = classes[class].pages,
		.class = (uint8_t) class,
		.free_count = (uint16_t)objects,
	};
	for (unsigned word = 0; word < objects / 64; word++)
		slab->free[word] = UINT64_MAX;
	if (objects % 64 != 0)
		slab->free[objects / 64] = (UINT64_C(1) << objects % 64) - 1;
	arena_list_add(arena, page, class);
}

static inline void arena_slab_take(struct arena *arena, uint32_t page, unsigned class,
                                   unsigned index)
{
	struct arena_slab *slab = &arena->slabs[page];

	slab->free[index / 64] &= ~(UINT64_C(1) << index % 64);
	arena->taken += classes[class].size;
	if (--slab->free_count == 0)
		arena_list_remove(arena, page, class);
}

/* Returns the index of the object that is `offset` bytes past the start of its slab. */
static unsigned arena_slab_index(unsigned class, uint64_t offset)
{
	return (unsigned)(offset / LAYOUT_UNIT * classes[class].inverse >> 32);
}

static ref_t arena_ref(const struct arena *arena, uint32_t page, size_t offset)
{
	return (ref_t)((arena->start + (uint64_t)page * PAGE + offset) / LAYOUT_UNIT);
}

static int arena_large_alloc(struct arena *arena, size_t size, ref_t *ret)
{
	uint32_t page, count = arena_large_pages(size);
	int r = arena_pages_alloc(arena, count, 1, &page);

	if (r < 0)
		return r;
	arena->slabs[page] = (struct arena_slab){.pages = count, .class = LARGE};
	arena->taken += (uint64_t)count * PAGE;
	*ret = arena_ref(arena, page, 0);
	return 0;
}

/* Moves free objects of a slab to the spare objects of a class, which has none left. The lowest
 * object goes to the end of the list, because the last one is handed out first. */
static int arena_spare_fill(struct arena *arena, unsigned class)
{
	struct arena_spare *spare = &arena->spare[class];
	struct arena_slab *slab;
	unsigned left, word;
	uint32_t page;

	if (!arena->partial[class]) {
		int r = arena_pages_alloc(arena, classes[class].pages, classes[class].pages, &page);
		if (r < 0)
			return r;
		arena_slab_init(arena, page, class);
	}
	page = arena->partial[class] - 1;
	slab = &arena->slabs[page];
	left = slab->free_count < SPARE_FILL ? slab->free_count : SPARE_FILL;
	spare->count = left;
	slab->free_count = (uint16_t)(slab->free_count - left);
	arena->taken += (uint64_t)left * classes[class].size;
	for (word = 0; left > 0; word++)
		for (; slab->free[word] != 0 && left > 0; slab->free[word] &= slab->free[word] - 1)
			spare->refs[--left] =
				arena_ref(arena, page,
			                  (word * 64 + (size_t)__builtin_ctzll(slab->free[word])) *
			                          classes[class].size);
	if (slab->free_count == 0)
		arena_list_remove(arena, page, class);
	return 0;
}

int arena_alloc(struct arena *arena, size_t size, ref_t *ret)
{
	unsigned class;
	int r;

	if (arena_take_spare(arena, size, ret))
		return 0;
	if (size > ARENA_SLAB_SIZE_MAX)
		return arena_large_alloc(arena, size, ret);
	class = arena_class(size);
	r = arena_spare_fill(arena, class);
	if (r == 0)
		*ret = arena->spare[class].refs[--arena->spare[class].count];
	return r;
}

static uint32_t arena_page_of(const struct arena *arena, ref_t ref)
{
	return (uint32_t)(((uint64_t)ref * LAYOUT_UNIT - arena->start) / PAGE);
}

/* Returns the first page of the slab of class `class` that contains `page`. Slabs are aligned to
 * their length, which is a power of two. */
static uint32_t arena_slab_page(uint32_t page, unsigned class)
{
	return page & ~(classes[class].pages - 1u);
}

static void arena_slab_release(struct arena *arena, uint32_t page)
{
	uint32_t count = arena->slabs[page].pages;

	arena->slabs[page].pages = 0;
	arena_pages_mark(arena, page, count, true);
}

static void arena_large_free(struct arena *arena, uint32_t page)
{
	/* If there is no such object here, the data file was truncated, and the size that the
	 * caller read is wrong. Leak the object rather than corrupt the allocator's state. */
	if (arena->slabs[page].pages == 0 || arena->slabs[page].class != LARGE)
		return;
	arena->taken -= (uint64_t)arena->slabs[page].pages * PAGE;
	arena_slab_release(arena, page);
}

/* Returns an object to its slab, and frees the slab if it is empty now. */
static void arena_slab_free(struct arena *arena, unsigned class, ref_t ref)
{
	uint32_t page = arena_slab_page(arena_page_of(arena, ref), class);
	struct arena_slab *slab = &arena->slabs[page];
	unsigned index;

	index = arena_slab_index(class, (uint64_t)ref * LAYOUT_UNIT - arena->start -
	                                        (uint64_t)page * PAGE);
	/* As in arena_large_free(): if there is no such object here, the data file was truncated.
	 * Leak the object. */
	if (slab->pages == 0 || slab->class != class || index >= classes[class].objects)
		return;
	slab->free[index / 64] |= UINT64_C(1) << index % 64;
	slab->free_count++;
	arena->taken -= classes[class].size;
	if (!slab->listed)
		arena_list_add(arena, page, class);
	/* Keep the class's last slab with free objects, even when it is empty, so that allocating
	 * and freeing one object in turn stays cheap. */
	if (slab->free_count == classes[class].objects &&
	    (slab->next || arena->partial[class] != page + 1)) {
		arena_list_remove(arena, page, class);
		arena_slab_release(arena, page);
	}
}

void arena_free(struct arena *arena, ref_t ref, size_t size)
{
	if (arena_put_spare(arena, ref, size))
		return;
	if (size > ARENA_SLAB_SIZE_MAX)
		arena_large_free(arena, arena_page_of(arena, ref));
	else
		arena_slab_free(arena, arena_class(size), ref);
}

uint64_t arena_used(const struct arena *arena)
{
	uint64_t spare = 0;

	for (unsigned class = 0; class < ARENA_CLASSES; class ++)
		spare += (uint64_t)arena->spare[class].count * classes[class].size;
	return arena->taken - spare;
}

/* Returns all spare objects to their slabs, which may free pages. Returns false if there were no
 * spare objects. */
static bool arena_spares_release(struct arena *arena)
{
	bool any = false;

	for (unsigned class = 0; class < ARENA_CLASSES; class ++) {
		struct arena_spare *spare = &arena->spare[class];
		any |= spare->count > 0;
		while (spare->count > 0)
			arena_slab_free(arena, class, spare->refs[--spare->count]);
	}
	return any;
}

/* Returns how many pages the empty slabs have, and frees these pages if `release` is set. */
static uint32_t arena_empty_slabs(struct arena *arena, bool release)
{
	uint32_t pages = 0;

	for (unsigned class = 0; class < ARENA_CLASSES; class ++)
		for (uint32_t page = arena->partial[class]; page != 0;) {
			struct arena_slab *slab = &arena->slabs[page - 1];
			uint32_t next = slab->next;
			if (slab->free_count == classes[class].objects) {
				pages += slab->pages;
				if (release) {
					arena_list_remove(arena, page - 1, class);
					arena_slab_release(arena, page - 1);
				}
			}
			page = next;
		}
	return pages;
}

bool arena_release(struct arena *arena)
{
	arena_spares_release(arena);
	/* Leave a few empty slabs to their classes: they give a full region, in which something was
	 * just deleted, memory for the next object of any size. */
	return arena_empty_slabs(arena, false) > arena->pages / 8 &&
	       arena_empty_slabs(arena, true) > 0;
}

/* ---- recovery ---- */

/* Marks free pages as allocated. Returns -EBADMSG if one of them is allocated already, or is past
 * the end. */
static int arena_claim_pages(struct arena *arena, uint32_t page, uint32_t count)
{
	if ((uint64_t)page + count > arena->pages)
		return -EBADMSG;
	for (uint32_t i = page; i < page + count; i++)
		if (!arena_page_is_free(arena, i))
			return -EBADMSG;
	arena_pages_mark(arena, page, count, false);
	return 0;
}

static int arena_claim_large(struct arena *arena, ref_t ref, uint32_t page, size_t size)
{
	struct arena_slab *slab = &arena->slabs[page];
	int r;

	if (ref != arena_ref(arena, page, 0))
		return -EBADMSG;
	if (slab->pages > 0)
		return slab->class == LARGE && slab->pages == arena_large_pages(size) ? 0
		                                                                      : -EBADMSG;
	r = arena_claim_pages(arena, page, arena_large_pages(size));
	if (r < 0)
		return r;
	*slab = (struct arena_slab){.pages = arena_large_pages(size), .class = LARGE};
	arena->taken += (uint64_t)slab->pages * PAGE;
	return 1;
}

int arena_claim(struct arena *arena, ref_t ref, size_t size)
{
	uint64_t offset = (uint64_t)ref * LAYOUT_UNIT;
	struct arena_slab *slab;
	unsigned class, index;
	uint32_t page;
	int r;

	if (offset < arena->start || offset >= arena->start + (uint64_t)arena->pages * PAGE)
		return -EBADMSG;
	page = arena_page_of(arena, ref);
	if (size > ARENA_SLAB_SIZE_MAX)
		return arena_claim_large(arena, ref, page, size);
	class = arena_class(size);
	page = arena_slab_page(page, class);
	slab = &arena->slabs[page];
	if (slab->pages == 0) {
		r = arena_claim_pages(arena, page, classes[class].pages);
		if (r < 0)
			return r;
		arena_slab_init(arena, page, class);
	}
	if (slab->class != class)
		return -EBADMSG;
	offset -= arena->start + (uint64_t)page * PAGE;
	index = arena_slab_index(class, offset);
	if (offset != (uint64_t)index * classes[class].size || index >= classes[class].objects)
		return -EBADMSG;
	if (!(slab->free[index / 64] >> index % 64 & 1))
		return 0;
	arena_slab_take(arena, page, class, index);
	return 1;
}
