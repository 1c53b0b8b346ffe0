/* SPDX-License-Identifier: MIT */
#include "publisher/state/state.h"

#include <errno.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "publisher/memory/data_file.h"
#include "publisher/memory/recover.h"

void state_trim(struct stele_publisher *publisher)
{
	uint64_t head = publisher_head(publisher), history = publisher->attachment.region.history;

	if (head >= history)
		reclaim_run(&publisher->reclaim, head - history + 1);
}

/* Frees memory in the arena: the free_memory callback of struct edit. A call takes the first of
 * these steps that applies: release spare objects and empty slabs; drop versions beyond the history
 * that the options ask for; drop history down to two versions; revoke the oldest pin. Returns true
 * after progress, so the caller may allocate again, and false if nothing is left to free. */
static bool state_free_memory(void *context)
{
	struct stele_publisher *publisher = context;
	/* Release spare memory first: that takes no version from a reader. */
	bool released = arena_release(&publisher->arena);
	uint64_t head = publisher_head(publisher);
	uint64_t reclaimed = load_relaxed(&publisher->attachment.region.header->reclaimed);
	uint32_t history = publisher->attachment.region.history;
	uint64_t oldest;

	if (released)
		return true;
	if (head >= history && head - history + 1 > reclaimed)
		oldest = head - history + 1;
	else if (head >= 2 && head - 1 > reclaimed)
		oldest = head - 1;
	else
		return reclaim_revoke(&publisher->reclaim);
	reclaim_run(&publisher->reclaim, oldest);
	/* The caller calls again as long as this returns true, so return true only after
	 * progress. */
	return load_relaxed(&publisher->attachment.region.header->reclaimed) > reclaimed;
}

void state_announce(struct stele_publisher *publisher, bool first)
{
	struct layout_publisher *record = &publisher->attachment.region.header->publisher;
	uint32_t own = paths_ipc_namespace(), theirs = data_load_32(&record->ipc_namespace);

	data_copy_in(record->uuid, publisher->uuid, sizeof(record->uuid));
	data_store_32(&record->pid, publisher->pid);
	/* A publisher that shares the region with one in another namespace may not be the one that
	 * commits next. So no subscriber may rely on queues from then on. */
	data_store_32(&record->ipc_namespace,
	              first || theirs == 0 || theirs == own ? own : LAYOUT_NAMESPACES);
	data_copy_in((unsigned char *)record->command, publisher->command, sizeof(record->command));
	data_store(&record->attached, publisher->attached);
	data_store(&record->detached, 0);
}

/* Brings `reclaimed` to the disk: the sync callback of struct reclaim. */
static int state_sync_reclaimed(void *context)
{
	struct stele_publisher *publisher = context;
	int r = durable_reclaim(&publisher->durable, &publisher->attachment.region);

	if (r < 0)
		publisher->broken = BROKEN_DISK;
	return r;
}

void state_limit_pins(struct stele_publisher *publisher)
{
	publisher->reclaim.pinned_limit = publisher->pinned_bytes
	                                          ? publisher->pinned_bytes
	                                          : publisher->attachment.region.maximum_size / 2;
}

void state_wire(struct stele_publisher *publisher)
{
	struct region *region = &publisher->attachment.region;
	uint64_t limit = region->limit_size;

	if (limit > region->mapping.size)
		limit = region->mapping.size;
	publisher->arena.grow = publisher->grow;
	publisher->arena.context = publisher;
	publisher->arena.pages_in_place = data_file_pages(region, region->maximum_size);
	publisher->arena.pages_max = data_file_pages(region, limit);
	publisher->reclaim.region = region;
	publisher->reclaim.sync = publisher->durable.each_commit ? state_sync_reclaimed : NULL;
	publisher->reclaim.context = publisher;
	publisher->reclaim.arena = &publisher->arena;
	publisher->tables.known++;
	publisher->edit.arena = &publisher->arena;
	publisher->edit.free_memory = state_free_memory;
	publisher->edit.context = publisher;
	publisher->fanout.region = region;
	publisher->fanout.notices =
		(struct layout_notices *)(publisher->attachment.publisher_mapping.base +
	                                  LAYOUT_NOTICES_OFFSET);
	publisher->fanout.notices_fd = publisher->attachment.publisher_lock.fd;
	fanout_move(&publisher->fanout);
	publisher->fanout.slots = publisher->reclaim.slots =
		publisher->attachment.slots_open ? &publisher->attachment.slots : NULL;
}

int state_start(struct stele_publisher *publisher)
{
	struct region *region = &publisher->attachment.region;
	uint64_t end = load_relaxed(&region->header->arena_end),
		 max = region->maximum_size - LAYOUT_GUARD;
	int r;

	if (end < region->arena_offset || end > max || end + LAYOUT_GUARD > region->file_size)
		return error_set(
			EBADMSG,
			"region \"%s\" is damaged, or its file was truncated; remove the region "
			"and publish again",
			region->names.region);
	r = data_file_arena(region, &publisher->arena);
	if (r == 0)
		r = reclaim_init(&publisher->reclaim, region, &publisher->arena);
	if (r < 0)
		return error_set(-r, "no memory to publish region \"%s\"", region->names.region);
	publisher->reclaim.history_limit = region->header->history_bytes;
	state_limit_pins(publisher);
	r = recover(region, &publisher->arena, &publisher->reclaim);
	if (r == 0)
		r = durable_start(&publisher->durable, region);
	state_wire(publisher);
	return r;
}

void state_leave(struct stele_publisher *publisher)
{
	const struct layout_header *header = publisher->attachment.region.header;

	publisher->left_head = head_make(publisher_head(publisher), HEAD_CURRENT);
	publisher->left_reclaimed = load_relaxed(&header->reclaimed);
}

void state_notify_all(struct stele_publisher *publisher)
{
	notify_post(&publisher->notify, &(struct notice){
						.version = publisher_head(publisher),
						.time = clock_realtime(),
						.tables = NOTICE_ANY,
					});
}

int state_space_error(const struct stele_publisher *publisher, int r, const char *what)
{
	const struct region *region = &publisher->attachment.region;

	if (r == -ENOMEM)
		return error_set(ENOMEM, "no memory to commit to region \"%s\"",
		                 region->names.region);
	if (r == -ENOSPC && region->shortage < 0)
		return storage_shortage_error(region);
	if (r == -ENOSPC)
		return error_set(ENOSPC, "no space in region \"%s\" for %s", region->names.region,
		                 what);
	return error_set(-r, "region \"%s\" cannot grow for %s: %s", region->names.region, what,
	                 *publisher->growth_error ? publisher->growth_error : strerror(-r));
}
