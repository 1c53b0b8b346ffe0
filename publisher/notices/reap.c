/* SPDX-License-Identifier: MIT
 *
 * Cleaning up after dead subscribers, against forged slots. Any process that may read the region
 * can write the uuid of a living subscriber into a slot without a lock, to have that subscriber's
 * queue removed. So the queue of a dead slot is removed only if no living slot has its uuid. Such a
 * process can also write one uuid into all slots. So the locks are queried once for each slot, not
 * for each pair of slots. */
#include "publisher/notices/reap.h"

#include <errno.h>

#include "lib/base/atomic.h"
#include "lib/base/clock.h"
#include "publisher/notices/uuids.h"

/* The state of one reap. */
struct reaping {
	struct fanout *fanout;
	uint32_t used; /* slots that may be taken: those below this index */
	/* Bitmaps of slots whose lock was queried. A slot whose bit is set in neither bitmap is
	 * free, or was not queried. */
	uint64_t dead[PEERS_WORDS], living[PEERS_WORDS];
	struct uuids uuids; /* the uuids of the dead slots */
};

static bool reap_bit_is_set(const uint64_t *bits, uint32_t index)
{
	return bits[index / 64] >> index % 64 & 1;
}

static void reap_bit_set(uint64_t *bits, uint32_t index)
{
	bits[index / 64] |= UINT64_C(1) << index % 64;
}

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

/* Finds dead slots, from where the last partial reap ended. Returns false if there are none, or if
 * there is no memory. */
static bool reap_find_dead(struct reaping *reaping, uint32_t max)
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
			reap_bit_set(reaping->living, index);
		} else {
			reap_bit_set(reaping->dead, index);
			reap_uuid(fanout, index, uuid);
			if (!uuids_add(&reaping->uuids, uuid))
				return false;
			found = true;
		}
		if (max != UINT32_MAX && clock_monotonic() > until)
			break;
	}
	return found;
}

/* Marks as guarded the uuids of dead slots that a living slot also has, so that their queues stay.
 * Marks a uuid as postponed if it cannot be checked within the allowed number of queries. */
static void reap_guard_living(struct reaping *reaping, uint32_t max)
{
	uint32_t others = max == UINT32_MAX ? UINT32_MAX : REAP_OTHERS_MAX;

	for (uint32_t i = 0; i < reaping->used; i++) {
		struct uuids_entry *entry;
		uint8_t uuid[16];
		if (reap_bit_is_set(reaping->dead, i))
			continue;
		reap_uuid(reaping->fanout, i, uuid);
		entry = uuids_find(&reaping->uuids, uuid);
		if (!entry || entry->guarded)
			continue;
		if (reap_bit_is_set(reaping->living, i)) {
			entry->guarded = true;
		} else if (others > 0) {
			others--;
			entry->guarded = reap_is_alive(reaping->fanout, i);
		} else {
			entry->postponed = true;
		}
	}
}

/* Cleans up a dead slot, holding the slot's lock. Returns true if the slot was freed. */
static bool reap_slot(struct reaping *reaping, uint32_t index)
{
	struct fanout *fanout = reaping->fanout;
	struct layout_slot *slot = &fanout->slots->slot[index];
	const struct notifier *notifier;
	struct uuids_entry *entry;
	struct channel channel;
	uint8_t uuid[16];

	fanout->peers.asked++;
	if (slots_lock(fanout->slots, index) < 0)
		return false;
	reap_uuid(fanout, index, uuid);
	entry = uuids_find(&reaping->uuids, uuid);
	/* Skip the slot if another process has freed it, if its uuid has changed since the check,
	 * or if the uuid could not be checked. */
	if (reap_is_free(fanout, index) || !entry || entry->postponed) {
		slots_unlock(fanout->slots, index);
		return false;
	}
	/* The name of the queue is made from the region and the uuid, and never read from the slot.
	 * So a forged slot can only name queues of this region. A queue of another user can't be
	 * removed here; it stays until that user or root removes it. */
	notifier = notifier_of_kind(__atomic_load_n(&slot->notifier, __ATOMIC_RELAXED));
	if (notifier && !entry->guarded) {
		peers_channel(fanout, index, uuid, &channel);
		notifier->reap(&channel);
	}
	peer_forget(fanout, index);
	slots_release(fanout->slots, index);
	return true;
}

uint32_t reap_dead(struct fanout *fanout, uint32_t max)
{
	struct reaping reaping = {
		.fanout = fanout,
		.used = fanout->slots ? slots_used(fanout->slots) : 0,
	};
	uint32_t dead = 0;

	if (reaping.used == 0)
		return 0;
	if (uuids_new(&reaping.uuids) == 0 && reap_find_dead(&reaping, max)) {
		reap_guard_living(&reaping, max);
		for (uint32_t i = 0; i < reaping.used; i++)
			if (reap_bit_is_set(reaping.dead, i))
				dead += reap_slot(&reaping, i);
	}
	uuids_free(&reaping.uuids);
	fanout->reaped += dead;
	return dead;
}

int reap_living(struct fanout *fanout, struct uuids *ret)
{
	uint32_t used = slots_used(fanout->slots);
	uint8_t uuid[16];

	for (uint32_t i = 0; i < used; i++) {
		if (!reap_is_alive(fanout, i))
			continue;
		reap_uuid(fanout, i, uuid);
		if (!uuids_add(ret, uuid))
			return -ENOMEM;
	}
	return 0;
}
