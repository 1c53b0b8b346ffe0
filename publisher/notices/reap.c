/* SPDX-License-Identifier: MIT
 *
 * Cleaning up after dead subscribers, against forged slots. Any process that may read the region
 * can write the uuid of a living subscriber into a slot without a lock, to have that subscriber's
 * queue removed. So the queue of a dead slot is removed only if no living slot has its uuid. Such a
 * process can also write one uuid into all slots, and can make each query of a lock slow by holding
 * thousands of locks on the file. So the locks are queried, and taken, for many slots at once. */
#include "publisher/notices/reap.h"

#include <errno.h>

#include "lib/base/atomic.h"
#include "lib/base/clock.h"
#include "publisher/notices/uuids.h"

/* The state of one reap. */
struct reaping {
	struct fanout *fanout;
	uint32_t used; /* slots that may be taken: those below this index */
	bool full;     /* all slots were queried; a slot in neither set is free */
	/* Slots whose lock was queried. */
	struct slots_set dead, living;
	struct uuids uuids; /* the uuids of the dead slots; if `full`, of all taken slots */
	/* Locks that were tried, and the processor time at which the first one was. */
	uint32_t tries;
	int64_t started;
};

static bool reap_is_free(const struct fanout *fanout, uint32_t index)
{
	return load_acquire_32(&fanout->slots->slot[index].state) == LAYOUT_SLOT_FREE;
}

/* Queries the lock of a slot. */
static bool reap_is_alive(struct fanout *fanout, uint32_t index)
{
	fanout->peers.asked++;
	return slots_alive(fanout->slots, index);
}

/* Copies the uuid of a slot. */
static void reap_uuid(const struct fanout *fanout, uint32_t index, uint8_t ret[16])
{
	data_copy_out(ret, fanout->slots->slot[index].uuid, 16);
}

/* Finds dead slots among the next `max` taken ones, from where the last partial reap ended. Returns
 * false if there are none, or if there is no memory. */
static bool reap_find_some(struct reaping *reaping, uint32_t max)
{
	struct fanout *fanout = reaping->fanout;
	int64_t until = clock_monotonic() + REAP_TIME_MAX;
	uint32_t asked = 0;
	uint8_t uuid[16];
	bool found = false;

	for (uint32_t i = 0; i < reaping->used && asked < max; i++) {
		uint32_t index = fanout->reap_next < reaping->used ? fanout->reap_next : 0;
		fanout->reap_next = index + 1;
		/* A slot in any state but FREE is cleaned up, also if its state is invalid. The
		 * queue of a free slot has been removed by its owner. But the queue still exists,
		 * and counts towards its user's limit, until the publisher closes it here. */
		if (reap_is_free(fanout, index)) {
			peer_forget(fanout, index);
			continue;
		}
		asked++;
		if (reap_is_alive(fanout, index)) {
			slots_set_add(&reaping->living, index);
		} else {
			slots_set_add(&reaping->dead, index);
			reap_uuid(fanout, index, uuid);
			if (!uuids_add(&reaping->uuids, uuid))
				return false;
			found = true;
		}
		if (clock_monotonic() > until)
			break;
	}
	return found;
}

/* Finds all dead slots. Returns false if there are none, or if there is no memory. */
static bool reap_find_all(struct reaping *reaping)
{
	struct fanout *fanout = reaping->fanout;
	struct slots_set *dead = &reaping->dead;
	uint8_t uuid[16];
	bool found = false;

	/* Collect the taken slots and their uuids before the locks are queried. A uuid is in a slot
	 * only while its subscriber holds that slot's lock, or after. So if the subscriber of a
	 * collected uuid is alive, the query finds it. */
	for (uint32_t i = 0; i < reaping->used; i++) {
		/* As in reap_find_some(). */
		if (reap_is_free(fanout, i)) {
			peer_forget(fanout, i);
			continue;
		}
		slots_set_add(dead, i);
		reap_uuid(fanout, i, uuid);
		if (!uuids_add(&reaping->uuids, uuid))
			return false;
	}
	fanout->peers.asked += slots_find_held(fanout->slots, reaping->used, &reaping->living);
	for (uint32_t word = 0; word < PEERS_WORDS; word++) {
		dead->words[word] &= ~reaping->living.words[word];
		found |= dead->words[word] != 0;
	}
	return found;
}

/* Marks as guarded the uuids of dead slots that a living slot also has, so that their queues stay.
 * A partial reap queries a limited number of further locks for this; it marks a uuid as postponed
 * if the uuid cannot be checked with these. */
static void reap_guard_living(struct reaping *reaping)
{
	uint32_t others = REAP_OTHERS_MAX;

	for (uint32_t i = 0; i < reaping->used; i++) {
		bool living = slots_set_has(&reaping->living, i);
		struct uuids_entry *entry;
		uint8_t uuid[16];
		if (slots_set_has(&reaping->dead, i) || (reaping->full && !living))
			continue;
		reap_uuid(reaping->fanout, i, uuid);
		entry = uuids_find(&reaping->uuids, uuid);
		if (!entry || entry->guarded)
			continue;
		if (living) {
			entry->guarded = true;
		} else if (others > 0) {
			others--;
			entry->guarded = reap_is_alive(reaping->fanout, i);
		} else {
			entry->postponed = true;
		}
	}
}

/* Cleans up a dead slot, whose lock the caller holds. Returns true if the slot was freed. */
static bool reap_slot(struct reaping *reaping, uint32_t index)
{
	struct fanout *fanout = reaping->fanout;
	struct layout_slot *slot = &fanout->slots->slot[index];
	const struct notifier *notifier;
	struct uuids_entry *entry;
	struct channel channel;
	uint8_t uuid[16];

	reap_uuid(fanout, index, uuid);
	entry = uuids_find(&reaping->uuids, uuid);
	/* Skip the slot if another process has freed it, if its uuid has changed since the check,
	 * or if the uuid could not be checked. */
	if (reap_is_free(fanout, index) || !entry || entry->postponed)
		return false;
	/* The name of the queue is made from the region and the uuid, and never read from the slot.
	 * So a forged slot can only name queues of this region. A queue of another user can't be
	 * removed here; it stays until that user or root removes it. */
	notifier = notifier_of_kind(__atomic_load_n(&slot->notifier, __ATOMIC_RELAXED));
	if (notifier && !entry->guarded) {
		peers_channel(fanout, index, uuid, &channel);
		notifier->reap(&channel);
	}
	peer_forget(fanout, index);
	slots_free(fanout->slots, index);
	return true;
}

/* Returns the end of the run of dead slots that begins at slot `first`. With `bridge` the run
 * includes free slots between dead ones. */
static uint32_t reap_run_end(const struct reaping *reaping, uint32_t first, bool bridge)
{
	uint32_t end = first + 1;

	for (uint32_t i = end; i < reaping->used; i++) {
		if (slots_set_has(&reaping->dead, i))
			end = i + 1;
		else if (!bridge || slots_set_has(&reaping->living, i))
			break;
	}
	return end;
}

/* Cleans up the dead slots of a run that begins at slot `*index`, and sets `*index` to the end of
 * that run. Returns the number of slots that it freed. */
static uint32_t reap_run(struct reaping *reaping, uint32_t *index)
{
	struct slots *slots = reaping->fanout->slots;
	/* While a free slot is locked, no subscriber can claim it. So free slots are locked only if
	 * they are so many that a lock for each run would take long. */
	bool bridge = reaping->full && reaping->tries >= REAP_RUNS;
	uint32_t first = *index, end = reap_run_end(reaping, first, bridge), freed = 0;

	/* A slot of the run may be locked: another process reaps it, or claims a free slot. Then
	 * try the first half, and leave the rest to the next run. */
	for (;; end = first + (end - first) / 2) {
		*index = end;
		reaping->tries++;
		reaping->fanout->peers.asked++;
		if (slots_lock_run(slots, first, end) == 0)
			break;
		if (end - first == 1)
			return 0;
	}
	for (uint32_t i = first; i < end; i++)
		if (slots_set_has(&reaping->dead, i))
			freed += reap_slot(reaping, i);
	slots_unlock_run(slots, first, end);
	return freed;
}

/* Returns true if a full reap has to end because its locks took too long. */
static bool reap_is_over(const struct reaping *reaping)
{
	return reaping->full && reaping->tries >= REAP_TRIES_MIN &&
	       clock_thread() - reaping->started > REAP_FULL_TIME_MAX;
}

uint32_t reap_dead(struct fanout *fanout, uint32_t max)
{
	struct reaping reaping = {
		.fanout = fanout,
		.used = fanout->slots ? slots_used(fanout->slots) : 0,
		.full = max == UINT32_MAX,
	};
	uint32_t dead = 0;

	if (reaping.used == 0)
		return 0;
	if (uuids_new(&reaping.uuids) == 0 &&
	    (reaping.full ? reap_find_all(&reaping) : reap_find_some(&reaping, max))) {
		reap_guard_living(&reaping);
		reaping.started = clock_thread();
		for (uint32_t i = 0; i < reaping.used && !reap_is_over(&reaping);) {
			if (slots_set_has(&reaping.dead, i))
				dead += reap_run(&reaping, &i);
			else
				i++;
		}
	}
	uuids_free(&reaping.uuids);
	fanout->reaped += dead;
	return dead;
}

int reap_living(struct fanout *fanout, struct uuids *ret)
{
	uint32_t used = slots_used(fanout->slots);
	struct slots_set held;
	uint8_t uuid[16];

	fanout->peers.asked += slots_find_held(fanout->slots, used, &held);
	for (uint32_t i = 0; i < used; i++) {
		if (!slots_set_has(&held, i))
			continue;
		reap_uuid(fanout, i, uuid);
		if (!uuids_add(ret, uuid))
			return -ENOMEM;
	}
	return 0;
}
