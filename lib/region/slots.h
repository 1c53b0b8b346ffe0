/* SPDX-License-Identifier: MIT
 *
 * The subscribers file, which holds one slot for each registered subscriber. Every process that may
 * read the region may also write anything into this file, truncate it, or lock all of it. So a
 * reader of a slot copies the words that it needs and validates the copy. Losing the file costs
 * pins and notices, never data. Publishers and subscribers use these functions.
 *
 * A slot is taken if its state says so. Its owner is alive while a process holds the lock on the
 * slot's first byte. These rules prevent two subscribers from using the same slot:
 *
 *   (A) A subscriber claims only a FREE slot. It takes the slot's lock and then checks the state
 *       again.
 *   (B) The owner frees its slot while it holds the lock: it removes its queue, clears the pins,
 *       and sets the state to FREE. A reaper that gets the lock of a TAKEN slot does the same,
 *       because the owner is dead. A reaper may take one lock over several slots.
 *   (C) The ticket only rises, across owners too, so a publisher never mistakes a new owner's
 *       ticket for an old one that it remembers.
 */
#ifndef LIB_REGION_SLOTS_H
#define LIB_REGION_SLOTS_H

#include <sys/stat.h>
#include <sys/types.h>
#include "lib/base/fork.h"
#include "lib/layout.h"
#include "lib/storage/mapping.h"
#include "lib/storage/paths.h"

struct slots {
	struct fork_fd lock;    /* the open file; its description holds this handle's locks */
	struct mapping mapping; /* covers LAYOUT_SLOTS_MAX slots; the file may be shorter */
	struct layout_subscribers_header *header;
	/* Array of LAYOUT_SLOTS_MAX; the first `capacity` are in the file. */
	struct layout_slot *slot;
	uint32_t capacity;  /* slots that the file is known to hold */
	struct stat status; /* of the file when it was opened */
};

/* Creates the subscribers file of a region, replacing any object of that name, and gives it to a
 * group. A user who may not do that keeps the file in its own group. `publisher` is the
 * descriptor of the publisher file; the caller holds its lock (lib/storage/replace.h). Returns 0 or
 * a negative errno. */
int slots_make(const struct region_paths *names, int publisher, const uint8_t uuid[16],
               mode_t region_mode, gid_t group);

/* Opens and maps the subscribers file for writing. It must belong to `owner` and to the region with
 * this uuid. Returns 0; -ENOENT; -EACCES; -EPERM (another owner); -EBADMSG (another region's file,
 * or damaged); or another negative errno. */
int slots_open(const struct region_paths *names, const uint8_t uuid[16], uid_t owner, bool guarded,
               struct slots *ret);

/* Moves the open file to another struct. `from` is then closed. */
void slots_move(struct slots *from, struct slots *to);

/* Unmaps and closes the subscribers file, which releases this handle's locks. */
void slots_close(struct slots *slots);

/* Counts the taken slots and the slots of the file. Does not map the file, so that listing many
 * regions is cheap. Returns 0 or an error of slots_open(). */
int slots_count(const struct region_paths *names, const uint8_t uuid[16], uid_t owner,
                uint32_t *ret_taken, uint32_t *ret_capacity);

/* Returns false if the file was truncated, or its header is no longer that of this region: then no
 * subscriber can open the file. */
bool slots_consistent(const struct slots *slots, const uint8_t uuid[16]);

/* Returns the number of slots, from the first on, that may be in use. Never exceeds the slots of
 * the file. */
uint32_t slots_used(struct slots *slots);

/* What a subscriber stores in its slot, in addition to its pid and command. */
struct slot_owner {
	uint8_t uuid[16];
	uint32_t notifier; /* LAYOUT_NOTIFIER_... */
	uint32_t tables;   /* number of hashes; 0: notify of every commit */
	uint64_t table_hashes[LAYOUT_SLOT_TABLES];
	char label[LAYOUT_LABEL_SIZE]; /* padded with NULs */
};

/* Claims a free slot, and makes the file grow if all slots are taken. Sets the slot's owner and
 * state, and announces the claim in the header. Call it before the notification channel is
 * created: a reaper then finds what to remove, whenever the owner dies. No publisher sends a
 * notice before the owner arms the ticket. Returns 0; -ENOSPC (all LAYOUT_SLOTS_MAX slots are
 * taken, or the file can't grow); or another negative errno. */
int slots_claim(struct slots *slots, const struct slot_owner *owner, uint32_t *ret_index);

/* Changes the notifier of a slot whose ticket is even. Call it before the new channel is created,
 * for the same reasons as slots_claim(). A publisher that found the ticket odd, and then loads the
 * new notifier, finds that the ticket has changed, and opens no channel (peer_attach()). */
void slots_set_notifier(struct slots *slots, uint32_t index, uint32_t notifier);

/* Frees a slot: clears the pins, disarms the ticket, sets the state to FREE, and releases the lock.
 * The caller is the slot's owner. */
void slots_release(struct slots *slots, uint32_t index);

/* Frees a slot of a dead owner, and keeps the lock. The caller is a reaper, which holds the lock
 * (slots_lock_run()). */
void slots_free(struct slots *slots, uint32_t index);

/* Returns true if another open file description holds the lock of a slot. Takes no lock. The kernel
 * searches all locks on the file, so the cost rises with their number. */
bool slots_alive(const struct slots *slots, uint32_t index);

/* Returns true if a lock is held on this slot's byte alone. Stricter than slots_alive(): no
 * subscriber holds one lock over several slots, so such a lock is forged. */
bool slots_owned(const struct slots *slots, uint32_t index);

/* A set of slots. */
struct slots_set {
	uint64_t words[LAYOUT_SLOTS_MAX / 64];
};

static inline bool slots_set_has(const struct slots_set *set, uint32_t index)
{
	return set->words[index / 64] >> index % 64 & 1;
}

static inline void slots_set_add(struct slots_set *set, uint32_t index)
{
	set->words[index / 64] |= UINT64_C(1) << index % 64;
}

/* Finds the slots below `used` that another open file description has locked. Any lock on any byte
 * of a slot counts, so the set contains all slots whose owner is alive. Returns the number of
 * queries, which is at most `used`: each query covers a range of slots, and settles all of the
 * range if none of its slots is locked.
 *
 * A process that locks every second slot, and thousands of bytes elsewhere, makes many and slow
 * queries necessary. So the search stops after a quarter of a second of processor time. Slots that
 * are not settled by then are in the set, too, as are all slots if the locks can't be queried. */
uint32_t slots_find_held(const struct slots *slots, uint32_t used, struct slots_set *ret);

/* Identifies a subscribers file and counts how often slots were freed in it. Two equal values mean
 * that no slot was freed in between, so a subscriber without a slot need not search again. The
 * values may be forged. */
struct slots_vacancy {
	uint64_t inode, freed;
};

/* Returns the vacancy of an open subscribers file. */
struct slots_vacancy slots_vacancy_of(const struct slots *slots);

/* Reads the vacancy of a subscribers file that is not mapped. Returns 0 or an error of
 * slots_open(). */
int slots_vacancy(const struct region_paths *names, const uint8_t uuid[16], uid_t owner,
                  struct slots_vacancy *ret);

/* Takes one lock over all bytes of the slots from `first` up to, but not including, `end`, whose
 * owners are dead. Meanwhile no subscriber can claim a free slot among them, so don't hold the lock
 * while waiting for another process. Returns 0, or -EAGAIN: the owner of a slot is alive, or
 * another process holds a lock to pretend that. Sets no message. */
int slots_lock_run(struct slots *slots, uint32_t first, uint32_t end);

/* Releases the lock of slots_lock_run(). Changes the vacancy, so that subscribers without a slot
 * search again. */
void slots_unlock_run(struct slots *slots, uint32_t first, uint32_t end);

#endif
