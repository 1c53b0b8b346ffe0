/* SPDX-License-Identifier: MIT */
#include "publisher/memory/data_file.h"

#include "lib/base/atomic.h"
#include "lib/region/copy.h"
#include "notifier/futex.h"

void data_file_mark(uint64_t *head, enum head_state state)
{
	__atomic_store_n(head, head_make(head_version(load_relaxed(head)), state),
	                 __ATOMIC_SEQ_CST);
	/* HEAD_REPLACING wakes no waiters: they need to act only once the rename has succeeded or
	 * failed. */
	if (state != HEAD_REPLACING)
		notifier_futex_wake(head, UINT32_MAX);
}

int data_file_grow(struct region *region, uint64_t end)
{
	int r = region->memory->reserve(region, end + LAYOUT_GUARD);

	if (r < 0)
		return r;
	/* The contract with readers: the bytes up to arena_end, and the guard after them, exist. */
	store_release(&region->header->arena_end, end);
	return 0;
}

uint32_t data_file_pages(const struct region *region, uint64_t size)
{
	return (uint32_t)((size - LAYOUT_GUARD - region->arena_offset) / LAYOUT_PAGE);
}

int data_file_arena(const struct region *region, struct arena *ret)
{
	int r = arena_init(ret, region->mapping.base, region->arena_offset,
	                   load_relaxed(&region->header->arena_end) - region->arena_offset,
	                   region->maximum_size - LAYOUT_GUARD - region->arena_offset);

	if (r == 0)
		ret->view.features = region->features;
	return r;
}

static int data_file_alloc(void *arena, size_t size, ref_t *ret)
{
	return arena_alloc(arena, size, ret);
}

int data_file_fill(struct region *region, struct arena *arena, const struct region *from,
                   const struct view *view)
{
	struct copy_target target = {&arena->view, arena->base, data_file_alloc, arena};

	return copy_versions(from, view, region, &target);
}
