/* SPDX-License-Identifier: MIT
 *
 * The subscribers file: one slot for each registered subscriber. Everybody who may read the region
 * may write anything here, truncate it, or lock all of it. So whoever reads a slot copies what it
 * needs, word by word, and judges the copy; and losing the file costs pins and notices, never data.
 *
 * A slot is taken when its state says so, and alive while somebody holds the lock on its first
 * byte. The rules that keep two subscribers off one slot:
 *
 *   (A) Only a FREE slot is claimed, under its lock, and the state is looked at again under it.
 *   (B) The owner, or a reaper that got the lock of a TAKEN slot (so its owner is dead), removes the
 *       queue, clears the pins, and makes it FREE, holding the lock.
 *   (C) The ticket only rises, across owners too: a publisher that remembers an old one is not fooled.
 */
#ifndef LIB_REGION_SLOTS_H
#define LIB_REGION_SLOTS_H

#include <sys/types.h>
#include "lib/base/fork.h"
#include "lib/storage/mapping.h"
#include "lib/storage/paths.h"
#include "lib/layout.h"

struct slots {
	struct fork_fd lock;    /* the open file; holds this handle's locks */
	struct mapping mapping; /* of the largest size the file may have */
	struct layout_subscribers_header *header;
	struct layout_slot *slot;
	uint32_t capacity; /* slots that the file is known to hold */
};

/* Makes the subscribers file of a region, in place of what has its name. `publisher` is the publisher
 * file, whose lock the caller holds (replace.h). 0 or a negative errno. */
int slots_make(const struct region_paths *names, int publisher, const uint8_t uuid[16],
               mode_t region_mode);

/* Opens it. Errors: -ENOENT, -EACCES..., -EBADMSG (of another region, or lost). */
int slots_open(const struct region_paths *names, const uint8_t uuid[16], uid_t owner, bool guarded,
               struct slots *ret);
void slots_close(struct slots *slots);

/* Counts the slots that are taken, of how many there are, without mapping the file: for a look at many
 * regions. Errors: those of slots_open(). */
int slots_count(const struct region_paths *names, const uint8_t uuid[16], uid_t owner,
                uint32_t *ret_taken, uint32_t *ret_capacity);

/* False when the file was truncated, or its header is not that of this region (any more): nobody
 * can open it then. */
bool slots_consistent(const struct slots *slots, const uint8_t uuid[16]);

/* How many slots from the first on may have been taken: never more than the file holds. */
uint32_t slots_used(struct slots *slots);

/* What a slot says of its owner besides pid and command. */
struct slot_owner {
	uint8_t uuid[16];
	uint32_t notifier; /* LAYOUT_NOTIFIER_... */
	uint32_t tables;   /* of the hashes */
	uint64_t table_hashes[LAYOUT_SLOT_TABLES];
};

/* Claims a free slot, and lets the file grow if there is none. Sets its state and who it is, before
 * the owner makes what it is notified through: so a reaper finds what to remove, whenever the owner
 * dies. Nobody sends before the owner has armed the ticket. The claim is announced in the header
 * before that. 0; -ENOSPC (all LAYOUT_SLOTS_MAX taken, or no room to grow) or another errno. */
int slots_claim(struct slots *slots, const struct slot_owner *owner, uint32_t *ret_index);
/* The owner is notified in another way than it said; for a slot that was never armed. */
void slots_set_notifier(struct slots *slots, uint32_t index, uint32_t notifier);

/* Gives a slot back: pins cleared, ticket even, state FREE, lock released. For its owner. */
void slots_release(struct slots *slots, uint32_t index);

/* Whether a process holds the lock of a slot; takes nothing. _owned also asks that the lock is on
 * this slot alone: a lock over many slots is no subscriber's. The kernel searches all locks on the
 * file, so this takes longer the more there are. */
bool slots_alive(const struct slots *slots, uint32_t index);
bool slots_owned(const struct slots *slots, uint32_t index);

/* Of a region's subscribers file, also where it is not mapped: which file it is, and how often a
 * slot was freed in it. Both as it is now, and forged perhaps; equal to an earlier answer: no slot
 * was freed since. */
struct slots_vacancy {
	uint64_t inode, freed;
};
struct slots_vacancy slots_vacancy_of(const struct slots *slots);
/* Reads it: 0, or an error of slots_open(). */
int slots_vacancy(const struct region_paths *names, const uint8_t uuid[16], uid_t owner,
                  struct slots_vacancy *ret);

/* Takes the lock of a slot whose owner is gone: 0, or -EAGAIN: it lives (or somebody pretends
 * so). Sets no message. */
int slots_lock(struct slots *slots, uint32_t index);
void slots_unlock(struct slots *slots, uint32_t index);

#endif
