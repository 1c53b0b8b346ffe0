/* SPDX-License-Identifier: MIT
 *
 * When memory may be used again. An object is reached by the versions from the one that made it to
 * the one before that which replaced it. It is free once no version in that range can be read any
 * more: none that history holds, and none that somebody pins. A pin keeps what its own version
 * reaches and nothing else.
 *
 * The orders of stores, which readers rely on (region_recheck, and the pin in subscriber/snapshot.c):
 *
 *   to reclaim  store oldest; full fence; read the slots' pins; copy those in [reclaimed, oldest)
 *               into kept, root before version; store reclaimed; release fence (and, on a disk, sync: see
 *               durable.h); only then reuse memory or ring entries
 *   to revoke   clear the entry in kept; release fence; only then reuse what it kept
 *
 * A reader pins by storing its version in its slot, a full fence, and then looking that oldest is
 * not above it. Of the two store-then-load pairs one sees the other: either the publisher's scan
 * sees the pin, or the reader sees the new oldest and tries again. Only what was replaced at or
 * below the oldest that was stored before the scan is judged by that scan.
 *
 * kept is per version and not per slot: many slots that pin one version share an entry, and the
 * number of slots may grow without the data file knowing. A version that left kept never enters it
 * again, because it is below reclaimed then; so finding a version anywhere in kept, after the
 * reads, says what the slot's own entry would say. docs/models/pins.pml is the model of this form.
 *
 * Called by the transaction, by recovery, and by the state where the arena is full. */
#ifndef PUBLISHER_MEMORY_RECLAIM_H
#define PUBLISHER_MEMORY_RECLAIM_H

#include "publisher/memory/arena.h"
#include "publisher/memory/retired.h"
#include "lib/region/region.h"
#include "lib/region/slots.h"

/* Versions that may pass history before memory is reclaimed again: one scan serves several
 * commits. */
#define RECLAIM_BATCH 16u

/* An object that waits for the versions that reach it to go. In one pool, linked by index + 1. */
struct waiting {
	struct retired object;
	uint64_t replaced; /* the first version that does not reach it */
	uint32_t capacity; /* bytes that it takes in the arena */
	uint32_t next;
};

struct kept_version {
	uint64_t version;
	uint32_t index; /* in the region's table */
	uint32_t held;  /* list of what nothing but this version (and maybe older ones) reaches */
	bool pinned;    /* in the scan that is under way */
};

struct pins;

struct reclaim {
	struct region *region;
	struct slots *slots; /* NULL: the subscribers file is lost */
	struct arena *arena;
	struct waiting *pool;
	uint32_t pool_size, pool_free, pool_spare; /* all, the first that is free, how many are */
	uint32_t first, last;                      /* waiting, by the version that replaced it */
	struct kept_version *kept; /* by version; room for the region's kept_entries */
	uint32_t kept_count;
	struct pins *pins; /* what the slots ask for (pins.h) */
	uint64_t guarded;  /* a version that a transaction reads; 0: none */
	uint64_t revoked;  /* pins given up: a counter */
	/* Called between the store of reclaimed and the reuse of what that frees: brings it to the disk.
	 * After a failure nothing is freed. May be NULL. */
	int (*sync)(void *context);
	void *context;
	/* Bytes that only history reaches, and that only pins do; and how many those may be, 0: any
	 * number. What waits and a kept version reaches is neither's: giving up history does not
	 * free it. */
	uint64_t history_used, pinned_used;
	uint64_t history_limit, pinned_limit;
	bool history_stale; /* history_used is to be counted anew */
};

int reclaim_init(struct reclaim *reclaim, struct region *region, struct arena *arena);
void reclaim_fini(struct reclaim *reclaim);

/* Makes sure that `count` objects can be added. 0 or -ENOMEM. */
int reclaim_reserve(struct reclaim *reclaim, size_t count);

/* After reclaim_reserve(): adds what a version replaced, and empties the list; and (recovery, which
 * goes back in time) adds an object before all others. */
void reclaim_add_all(struct reclaim *reclaim, struct retired_list *list, uint64_t replaced);
void reclaim_add_first(struct reclaim *reclaim, const struct retired *object, uint64_t replaced);

/* Recovery: adds what was found in the region's kept, highest version first; gives where to add
 * what it holds. */
struct kept_version *reclaim_add_kept(struct reclaim *reclaim, uint64_t version, uint32_t index);
void reclaim_hold(struct reclaim *reclaim, struct kept_version *kept, const struct retired *object,
                  uint64_t replaced);

/* What neither the newest version nor a pin below history reaches, but history does, in bytes.
 * Counted as objects come and go, and counted anew after the newest kept version changed. */
uint64_t reclaim_history_used(struct reclaim *reclaim);

/* Which version is to be history's oldest so that it keeps to its limit in bytes, with some of it to
 * spare, so that the next commits need no reclaim: up to the one before `head`. 0: it keeps to it. */
uint64_t reclaim_history_oldest(struct reclaim *reclaim, uint64_t head);

/* Makes `oldest` the oldest version of history, honours pins as far as the limit in bytes allows,
 * the oldest given up first, and frees what nobody can reach. */
void reclaim_run(struct reclaim *reclaim, uint64_t oldest);

/* Finds the root of a version that is held, in history or for a pin, and keeps it held as if
 * somebody pinned it, for a transaction that reads it while it makes room for what it writes. One
 * at a time. 0 or -ENOENT. */
int reclaim_guard(struct reclaim *reclaim, uint64_t version, ref_t *ret_catalog);
void reclaim_unguard(struct reclaim *reclaim);

/* Gives up the oldest pin below history, but never the version that is guarded: true if there was
 * one. */
bool reclaim_revoke(struct reclaim *reclaim);

#endif
