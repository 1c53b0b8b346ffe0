/* SPDX-License-Identifier: MIT */
#include "publisher/memory/reclaim.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/probe.h"

int reclaim_init(struct reclaim *reclaim, struct region *region, struct arena *arena)
{
	*reclaim = (struct reclaim){.region = region, .arena = arena};
	reclaim->kept = calloc(region->kept_entries, sizeof(*reclaim->kept));
	reclaim->pins = pins_new(region->ring_entries, region->kept_entries);
	return reclaim->pins && (reclaim->kept || region->kept_entries == 0) ? 0 : -ENOMEM;
}

void reclaim_fini(struct reclaim *reclaim)
{
	free(reclaim->pool);
	free(reclaim->kept);
	pins_free(reclaim->pins);
	*reclaim = (struct reclaim){0};
}

/* ---- the pool ---- */

int reclaim_reserve(struct reclaim *reclaim, size_t count)
{
	uint32_t size;
	struct waiting *pool;

	if (count <= reclaim->pool_spare)
		return 0;
	count -= reclaim->pool_spare;
	if (count > UINT32_MAX / 4 || reclaim->pool_size > UINT32_MAX / 4)
		return -ENOMEM;
	size = reclaim->pool_size * 2 > reclaim->pool_size + (uint32_t)count
	               ? reclaim->pool_size * 2
	               : reclaim->pool_size + (uint32_t)count;
	pool = realloc(reclaim->pool, size * sizeof(*pool));
	if (!pool)
		return -ENOMEM;
	for (uint32_t i = size; i > reclaim->pool_size; i--) {
		pool[i - 1].next = reclaim->pool_free;
		reclaim->pool_free = i;
	}
	reclaim->pool_spare += size - reclaim->pool_size;
	reclaim->pool = pool;
	reclaim->pool_size = size;
	return 0;
}

/* Fills a pool entry, except its link. */
static void reclaim_waiting_init(struct waiting *waiting, const struct retired *object,
                                 uint64_t replaced)
{
	waiting->object = *object;
	waiting->replaced = replaced;
	waiting->capacity = (uint32_t)arena_capacity(object->size);
}

/* Takes an entry from the pool, which has one (reclaim_reserve()). Returns its index + 1. */
static uint32_t reclaim_pool_take(struct reclaim *reclaim, const struct retired *object,
                                  uint64_t replaced)
{
	uint32_t entry = reclaim->pool_free;
	struct waiting *waiting = &reclaim->pool[entry - 1];

	reclaim->pool_free = waiting->next;
	reclaim->pool_spare--;
	reclaim_waiting_init(waiting, object, replaced);
	waiting->next = 0;
	return entry;
}

/* Returns an entry to the pool. */
static void reclaim_pool_put(struct reclaim *reclaim, uint32_t entry)
{
	reclaim->pool[entry - 1].next = reclaim->pool_free;
	reclaim->pool_free = entry;
	reclaim->pool_spare++;
}

/* Returns the newest kept version, or 0. No kept version reaches an object that was made after that
 * version, so only history reaches the object while it waits. */
static uint64_t reclaim_newest_kept(const struct reclaim *reclaim)
{
	return reclaim->kept_count > 0 ? reclaim->kept[reclaim->kept_count - 1].version : 0;
}

/* Returns true if no kept version reaches a waiting object. */
static bool reclaim_is_history(const struct reclaim *reclaim, const struct retired *object)
{
	return object->made > reclaim_newest_kept(reclaim);
}

uint64_t reclaim_history_used(struct reclaim *reclaim)
{
	if (!reclaim->history_stale)
		return reclaim->history_used;
	reclaim->history_used = 0;
	for (uint32_t i = reclaim->first; i; i = reclaim->pool[i - 1].next) {
		const struct waiting *waiting = &reclaim->pool[i - 1];
		if (reclaim_is_history(reclaim, &waiting->object))
			reclaim->history_used += waiting->capacity;
	}
	reclaim->history_stale = false;
	return reclaim->history_used;
}

uint64_t reclaim_history_oldest(struct reclaim *reclaim, uint64_t head)
{
	uint64_t limit = reclaim->history_limit, used, oldest = 0;

	if (limit == 0)
		return 0;
	used = reclaim_history_used(reclaim);
	if (used <= limit)
		return 0;
	for (uint32_t i = reclaim->first; i && used > limit - limit / 8;
	     i = reclaim->pool[i - 1].next) {
		const struct waiting *waiting = &reclaim->pool[i - 1];
		if (waiting->replaced >= head)
			break;
		if (reclaim_is_history(reclaim, &waiting->object)) {
			used -= waiting->capacity;
			oldest = waiting->replaced;
		}
	}
	return oldest;
}

void reclaim_add_all(struct reclaim *reclaim, struct retired_list *list, uint64_t replaced)
{
	uint32_t first = reclaim->pool_free, entry = first, last = 0;
	uint64_t newest = reclaim_newest_kept(reclaim);

	if (list->count == 0)
		return;
	/* Free entries of the pool are linked already, so take as many from its front without
	 * changing their links. */
	for (size_t i = 0; i < list->count; i++) {
		struct waiting *waiting = &reclaim->pool[entry - 1];

		reclaim_waiting_init(waiting, &list->entries[i], replaced);
		if (waiting->object.made > newest)
			reclaim->history_used += waiting->capacity;
		last = entry;
		entry = waiting->next;
	}
	reclaim->pool_free = entry;
	reclaim->pool_spare -= (uint32_t)list->count;
	reclaim->pool[last - 1].next = 0;
	if (reclaim->first)
		reclaim->pool[reclaim->last - 1].next = first;
	else
		reclaim->first = first;
	reclaim->last = last;
	list->count = 0;
}

void reclaim_add_first(struct reclaim *reclaim, const struct retired *object, uint64_t replaced)
{
	uint32_t entry = reclaim_pool_take(reclaim, object, replaced);

	if (reclaim_is_history(reclaim, object))
		reclaim->history_used += reclaim->pool[entry - 1].capacity;
	if (!reclaim->first)
		reclaim->last = entry;
	reclaim->pool[entry - 1].next = reclaim->first;
	reclaim->first = entry;
}

/* ---- kept ---- */

/* Returns the newest kept version below `version`, or NULL. */
static struct kept_version *reclaim_kept_below(struct reclaim *reclaim, uint64_t version)
{
	uint32_t low = 0, high = reclaim->kept_count;

	while (low < high) {
		uint32_t middle = (low + high) / 2;
		if (reclaim->kept[middle].version < version)
			low = middle + 1;
		else
			high = middle;
	}
	return low > 0 ? &reclaim->kept[low - 1] : NULL;
}

static struct kept_version *reclaim_kept_find(struct reclaim *reclaim, uint64_t version)
{
	struct kept_version *kept = reclaim_kept_below(reclaim, version + 1);

	return kept && kept->version == version ? kept : NULL;
}

/* Attaches a waiting object to the newest kept version that reaches the object. Returns false if no
 * kept version does. */
static bool reclaim_try_hold(struct reclaim *reclaim, uint32_t entry)
{
	struct waiting *waiting = &reclaim->pool[entry - 1];
	struct kept_version *kept = reclaim_kept_below(reclaim, waiting->replaced);

	if (!kept || kept->version < waiting->object.made)
		return false;
	waiting->next = kept->held;
	kept->held = entry;
	reclaim->pinned_used += waiting->capacity;
	return true;
}

/* Frees an object and its pool entry. */
static inline void reclaim_release(struct reclaim *reclaim, uint32_t entry)
{
	const struct waiting *waiting = &reclaim->pool[entry - 1];

	if (!arena_put_spare(reclaim->arena, waiting->object.ref, waiting->object.size))
		arena_free(reclaim->arena, waiting->object.ref, waiting->object.size);
	reclaim_pool_put(reclaim, entry);
}

/* Frees an object that history has dropped, unless a kept version reaches it: then that version
 * holds it. */
static void reclaim_settle(struct reclaim *reclaim, uint32_t entry)
{
	if (reclaim->kept_count == 0 || !reclaim_try_hold(reclaim, entry))
		reclaim_release(reclaim, entry);
}

/* Frees all objects that a removed kept version held, except those that another kept version
 * reaches. */
static void reclaim_settle_held(struct reclaim *reclaim, uint32_t list)
{
	while (list) {
		uint32_t next = reclaim->pool[list - 1].next;
		reclaim->pinned_used -= reclaim->pool[list - 1].capacity;
		reclaim_settle(reclaim, list);
		list = next;
	}
}

/* Frees all waiting objects that were replaced at or below `oldest`, except those that a kept
 * version reaches. */
static void reclaim_settle_waiting(struct reclaim *reclaim, uint64_t oldest)
{
	uint64_t newest = reclaim_newest_kept(reclaim);
	uint32_t entry = reclaim->first;

	while (entry) {
		const struct waiting *waiting = &reclaim->pool[entry - 1];
		uint32_t next = waiting->next;
		if (waiting->replaced > oldest)
			break;
		if (waiting->object.made > newest) {
			reclaim->history_used -= waiting->capacity;
			reclaim_release(reclaim, entry);
		} else {
			reclaim_settle(reclaim, entry);
		}
		entry = next;
	}
	reclaim->first = entry;
	if (!entry)
		reclaim->last = 0;
}

/* Removes a version from kept, and makes the release fence that must come before its objects are
 * freed. Returns the list of these objects. */
static uint32_t reclaim_kept_remove(struct reclaim *reclaim, uint32_t position)
{
	struct kept_version gone = reclaim->kept[position];

	store_relaxed(&reclaim->region->kept[gone.index].version, 0);
	/* The contract with readers (snapshot_find_root(), region_recheck()): a reader that sees
	 * memory that is reused from here on, or another version's root in this entry (the same
	 * reclaim may fill the entry again), also sees that the entry was cleared. Checked by
	 * tests/litmus/kept-refill.litmus. */
	fence_release();
	reclaim->history_stale |= position + 1 == reclaim->kept_count;
	reclaim->kept_count--;
	memmove(&reclaim->kept[position], &reclaim->kept[position + 1],
	        (reclaim->kept_count - position) * sizeof(gone));
	return gone.held;
}

bool reclaim_revoke(struct reclaim *reclaim)
{
	uint32_t held, position = 0;

	if (reclaim->kept_count > 0 && reclaim->kept[0].version == reclaim->guarded)
		position = 1;
	if (position >= reclaim->kept_count)
		return false;
	PROBE3(revoke, reclaim->region->names.region, reclaim->kept[position].version,
	       reclaim->pinned_used);
	held = reclaim_kept_remove(reclaim, position);
	reclaim->revoked++;
	reclaim_settle_held(reclaim, held);
	return true;
}

/* Keeps a pinned version that history gives up: writes its entry in the region's kept. Does nothing
 * if the version is no longer in the ring, or if no entry is free and none can be revoked. */
static void reclaim_kept_grant(struct reclaim *reclaim, uint64_t version)
{
	struct region *region = reclaim->region;
	struct layout_commit commit;
	uint32_t index = 0, position;

	if (region_commit(region, version, &commit) < 0)
		return;
	if (reclaim->kept_count == region->kept_entries && !reclaim_revoke(reclaim))
		return;
	while (index + 1 < region->kept_entries && load_relaxed(&region->kept[index].version) != 0)
		index++;
	if (index >= load_relaxed(&region->header->kept_used))
		store_relaxed(&region->header->kept_used, index + 1u);
	data_store_32(&region->kept[index].catalog, commit.catalog);
	data_store_32(&region->kept[index].record, commit.record);
	/* Root before version: a reader that finds the version also finds its root. */
	store_release(&region->kept[index].version, version);
	for (position = reclaim->kept_count;
	     position > 0 && reclaim->kept[position - 1].version > version; position--)
		reclaim->kept[position] = reclaim->kept[position - 1];
	reclaim->kept[position] = (struct kept_version){.version = version, .index = index};
	reclaim->history_stale |= position == reclaim->kept_count;
	reclaim->kept_count++;
}

int reclaim_guard(struct reclaim *reclaim, uint64_t version, ref_t *ret_catalog)
{
	const struct region *region = reclaim->region;
	const struct kept_version *kept = reclaim_kept_find(reclaim, version);
	struct layout_commit commit;

	if (kept)
		*ret_catalog = region->kept[kept->index].catalog;
	else if (version >= load_relaxed(&region->header->reclaimed) &&
	         region_commit(region, version, &commit) == 0)
		*ret_catalog = commit.catalog;
	else
		return -ESTALE;
	reclaim->guarded = version;
	return 0;
}

void reclaim_unguard(struct reclaim *reclaim)
{
	reclaim->guarded = 0;
}

struct kept_version *reclaim_add_kept(struct reclaim *reclaim, uint64_t version, uint32_t index)
{
	memmove(&reclaim->kept[1], &reclaim->kept[0],
	        reclaim->kept_count * sizeof(reclaim->kept[0]));
	reclaim->kept[0] = (struct kept_version){.version = version, .index = index};
	reclaim->kept_count++;
	reclaim->history_stale = true;
	return &reclaim->kept[0];
}

void reclaim_hold(struct reclaim *reclaim, struct kept_version *kept, const struct retired *object,
                  uint64_t replaced)
{
	uint32_t entry = reclaim_pool_take(reclaim, object, replaced);

	reclaim->pool[entry - 1].next = kept->held;
	kept->held = entry;
	reclaim->pinned_used += reclaim->pool[entry - 1].capacity;
}

/* ---- the scan ---- */

/* Removes the versions from kept that no slot pins any more. Returns one list of all objects that
 * they held. */
static uint32_t reclaim_kept_drop_unpinned(struct reclaim *reclaim)
{
	uint32_t position = 0, all = 0;

	while (position < reclaim->kept_count) {
		uint32_t held;
		if (reclaim->kept[position].pinned) {
			position++;
			continue;
		}
		held = reclaim_kept_remove(reclaim, position);
		while (held) {
			uint32_t next = reclaim->pool[held - 1].next;
			reclaim->pool[held - 1].next = all;
			all = held;
			held = next;
		}
	}
	return all;
}

void reclaim_run(struct reclaim *reclaim, uint64_t oldest)
{
	struct layout_header *header = reclaim->region->header;
	uint64_t reclaimed = load_relaxed(&header->reclaimed);
	uint32_t loose;

	if (oldest > load_relaxed(&header->oldest))
		store_relaxed(&header->oldest, oldest);
	else
		oldest = load_relaxed(&header->oldest);
	/* The contract with snapshot_pin(): the store of oldest comes before the loads of the
	 * pins. */
	fence_full();
	pins_collect(reclaim->pins, &(struct pins_scan){.slots = reclaim->slots,
	                                                .kept = reclaim->kept,
	                                                .kept_count = reclaim->kept_count,
	                                                .guarded = reclaim->guarded,
	                                                .reclaimed = reclaimed,
	                                                .oldest = oldest});
	loose = reclaim_kept_drop_unpinned(reclaim);
	for (uint64_t pin = pins_next(reclaim->pins, 0); pin;
	     pin = pins_next(reclaim->pins, pin + 1))
		if (!reclaim_kept_find(reclaim, pin))
			reclaim_kept_grant(reclaim, pin);
	/* The contract with readers: a reader that sees this value of reclaimed also sees kept as
	 * filled above. A reader that sees memory or a ring entry that is reused after the fence
	 * also sees this value. */
	store_release(&header->reclaimed, oldest);
	PROBE3(reclaim, reclaim->region->names.region, oldest, reclaim->kept_count);
	fence_release();
	if (reclaim->sync && reclaim->sync(reclaim->context) < 0)
		return;
	reclaim_settle_held(reclaim, loose);
	reclaim_settle_waiting(reclaim, oldest);
	while (reclaim->pinned_limit > 0 && reclaim->pinned_used > reclaim->pinned_limit &&
	       reclaim_revoke(reclaim))
		;
}
