/* SPDX-License-Identifier: MIT
 *
 * Decides when memory can be reused. The versions that reach an object form an interval, from the
 * version that made the object to the last version before the object was replaced. The object is
 * freed once neither history nor a pin holds any version of this interval. The scheme is close to
 * epoch-based reclamation with versions as epochs, but a pin keeps only what its own version
 * reaches, and the publisher may revoke a pin.
 *
 * Readers rely on the order of these stores (region_recheck(), and snapshot_pin() in
 * subscriber/snapshot.c):
 *
 *   to reclaim  store oldest; full fence; read the pins in all slots; copy the pinned versions in
 *               [reclaimed, oldest) to kept, root before version; store reclaimed; release fence
 *               (and, on a disk, sync: durable.h); only then reuse memory or ring entries
 *   to revoke   clear the version's entry in kept; release fence; only then reuse what it kept
 *
 * To pin a version, a reader stores it in its slot, makes a full fence, and then checks that oldest
 * is not above it. Each side stores before it loads, so at least one of them sees the other's
 * store: either the publisher's scan sees the pin, or the reader sees the new oldest and tries
 * again. A scan therefore decides only about objects that were replaced at or below the oldest that
 * was stored before the scan.
 *
 * The table kept has an entry for each version, not for each slot. Many slots that pin one version
 * share its entry, and the number of slots can grow without a change to the data file. A version
 * that left kept is below reclaimed, so it never enters kept again. Therefore a reader that finds
 * its version in any entry of kept, after its reads, knows that the version was kept all the time.
 * docs/models/pins.pml models this protocol; docs/design/reclaim.md explains it.
 *
 * Called by recovery, by publisher/state, by rollback (reclaim_guard()), and by publisher/. */
#ifndef PUBLISHER_MEMORY_RECLAIM_H
#define PUBLISHER_MEMORY_RECLAIM_H

#include "lib/region/region.h"
#include "lib/region/slots.h"
#include "publisher/memory/arena.h"
#include "publisher/memory/pins.h"
#include "publisher/memory/retired.h"

/* Number of versions that may leave history before memory is reclaimed again. One scan of the slots
 * serves them all. */
#define RECLAIM_BATCH 16u

/* A replaced object that older versions may still reach. All of these objects are in one pool, in
 * lists linked by index + 1. */
struct waiting {
	struct retired object;
	/* The first version that does not reach the object. */
	uint64_t replaced;
	/* Bytes that the object takes in the arena. */
	uint32_t capacity;
	/* Index + 1 of the next object in its list. 0: none. */
	uint32_t next;
};

struct reclaim {
	struct region *region;
	struct slots *slots; /* NULL: the subscribers file is lost */
	struct arena *arena;
	struct waiting *pool;
	/* The pool's size, its first free entry (index + 1), and how many entries are free. */
	uint32_t pool_size, pool_free, pool_spare;
	/* List of the objects that wait for history, ordered by the version that replaced them. */
	uint32_t first, last;
	/* Ordered by version. The capacity is the region's kept_entries. */
	struct kept_version *kept;
	uint32_t kept_count;
	/* The versions that slots pin (pins.h). */
	struct pins *pins;
	/* A version that a transaction reads (reclaim_guard()). 0: none. */
	uint64_t guarded;
	/* Number of kept versions that were revoked. */
	uint64_t revoked;
	/* Brings the new value of header->reclaimed to the disk, before the memory that it frees is
	 * reused. If this fails, nothing is freed. May be NULL. */
	int (*sync)(void *context);
	void *context;
	/* Bytes that only history reaches, bytes that only kept versions reach, and the limits of
	 * both (0: none). A waiting object that a kept version reaches too counts for neither,
	 * because giving up history would not free it. */
	uint64_t history_used, pinned_used;
	uint64_t history_limit, pinned_limit;
	/* history_used must be counted again before its next use. */
	bool history_stale;
};

int reclaim_init(struct reclaim *reclaim, struct region *region, struct arena *arena);
void reclaim_fini(struct reclaim *reclaim);

/* Reserves entries, so that `count` objects can be added without allocating. Returns 0 or
 * -ENOMEM. */
int reclaim_reserve(struct reclaim *reclaim, size_t count);

/* Adds all objects of a list, which version `replaced` replaced, and empties the list. Requires
 * reclaim_reserve(). */
void reclaim_add_all(struct reclaim *reclaim, struct retired_list *list, uint64_t replaced);
/* For recovery, which walks back in time: adds an object before all others. Requires
 * reclaim_reserve(). */
void reclaim_add_first(struct reclaim *reclaim, const struct retired *object, uint64_t replaced);

/* For recovery: adds an entry of the region's kept. The versions come highest first. Returns the
 * kept version, to which reclaim_hold() adds objects. */
struct kept_version *reclaim_add_kept(struct reclaim *reclaim, uint64_t version, uint32_t index);
/* For recovery: adds an object that a kept version holds. Requires reclaim_reserve(). */
void reclaim_hold(struct reclaim *reclaim, struct kept_version *kept, const struct retired *object,
                  uint64_t replaced);

/* Returns the bytes of the objects that only history keeps: neither the newest version nor a kept
 * version reaches them. The count is updated as objects come and go, and recounted after the newest
 * kept version changed. */
uint64_t reclaim_history_used(struct reclaim *reclaim);

/* Returns the version that must become history's oldest so that history keeps to its limit in
 * bytes, at most the version before `head`. An eighth of the limit is left unused, so that the next
 * commits need no scan. Returns 0 if history is within its limit. */
uint64_t reclaim_history_oldest(struct reclaim *reclaim, uint64_t head);

/* Makes `oldest` the oldest version of history. Keeps pinned versions as far as the limit in bytes
 * allows, revoking the oldest ones first, and frees everything that no version reaches any more. */
void reclaim_run(struct reclaim *reclaim, uint64_t oldest);

/* Finds the root of a version that history or a pin still holds, and treats the version as pinned
 * until reclaim_unguard(). A transaction that reads this version can then free other versions to
 * allocate memory for what it writes. Only one version can be guarded at a time. Returns 0 or
 * -ESTALE. */
int reclaim_guard(struct reclaim *reclaim, uint64_t version, ref_t *ret_catalog);
void reclaim_unguard(struct reclaim *reclaim);

/* Revokes the oldest kept version, but never the guarded one. Returns true if a version was
 * revoked. */
bool reclaim_revoke(struct reclaim *reclaim);

#endif
