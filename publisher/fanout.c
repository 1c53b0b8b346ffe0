/* SPDX-License-Identifier: MIT */
#include "fanout.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/atomic.h"

/* Readers without a slot are woken at most this often, in nanoseconds. */
#define WAKE_INTERVAL 1000000u

static void peer_detach(struct peer *peer)
{
	if (peer->notifier)
		peer->notifier->detach(&peer->channel);
	peer->notifier = NULL;
}

void fanout_finish(struct fanout *fanout)
{
	for (uint32_t i = 0; i < fanout->room; i++)
		peer_detach(&fanout->peers[i]);
	free(fanout->peers);
	fanout->peers = NULL;
	fanout->room = 0;
}

void fanout_forget(struct fanout *fanout)
{
	for (uint32_t i = 0; i < fanout->room; i++) {
		fanout->peers[i].sent = 0;
		fanout->peers[i].channel.head = fanout->head;
	}
	fanout->woken_at = 0;
}

int fanout_reserve(struct fanout *fanout)
{
	uint32_t used = fanout->slots ? slots_used(fanout->slots) : 0;
	uint32_t room = fanout->room ? fanout->room : 16;
	struct peer *peers;

	if (used <= fanout->room)
		return 0;
	while (room < used)
		room *= 2;
	peers = realloc(fanout->peers, room * sizeof(*peers));
	if (!peers)
		return -ENOMEM;
	memset(&peers[fanout->room], 0, (room - fanout->room) * sizeof(*peers));
	fanout->peers = peers;
	fanout->room = room;
	return 0;
}

/* What there is to know of a subscriber's channel before it is opened. */
static void channel_of(const struct fanout *fanout, uint32_t index, const uint8_t uuid[16],
                       struct channel *ret)
{
	*ret = (struct channel){
		.names = fanout->names,
		.head = fanout->head,
		.slot = &fanout->slots->slot[index],
		.index = index,
		.owner = geteuid(),
		.group = getegid(),
		.fd = -1,
	};
	memcpy(ret->uuid, uuid, sizeof(ret->uuid));
	memcpy(ret->region_uuid, fanout->uuid, sizeof(ret->region_uuid));
}

/* Attaches a peer to the subscriber that a slot names now. */
static bool peer_attach(struct fanout *fanout, uint32_t index)
{
	const struct layout_slot *slot = &fanout->slots->slot[index];
	struct peer *peer = &fanout->peers[index];
	const struct notifier *notifier =
		notifier_of_kind(__atomic_load_n(&slot->notifier, __ATOMIC_RELAXED));
	uint8_t uuid[16];

	data_copy_out(uuid, slot->uuid, sizeof(uuid));
	if (peer->notifier && peer->notifier == notifier &&
	    memcmp(peer->uuid, uuid, sizeof(uuid)) == 0)
		return true;
	peer_detach(peer);
	if (!notifier)
		return false;
	channel_of(fanout, index, uuid, &peer->channel);
	if (notifier->attach(&peer->channel) < 0)
		return false;
	memcpy(peer->uuid, uuid, sizeof(uuid));
	peer->notifier = notifier;
	return true;
}

/* Sends one notice to an armed subscriber. Returns true where the futex has to be woken. */
static bool peer_send(struct fanout *fanout, uint32_t index, uint64_t version)
{
	struct peer *peer = &fanout->peers[index];
	int r;

	if (!peer_attach(fanout, index)) {
		fanout->failed++;
		return false;
	}
	/* One wake serves all who wait on the head. */
	if (peer->notifier == &notifier_futex)
		return true;
	r = peer->notifier->send(&peer->channel, version);
	if (r == 0) {
		fanout->sent++;
	} else if (r == -EAGAIN) {
		fanout->full++;
	} else {
		fanout->failed++;
		peer_detach(peer);
	}
	return false;
}

void fanout_notify(struct fanout *fanout, uint64_t version, uint64_t now)
{
	uint32_t used;
	bool wake = now - fanout->woken_at >= WAKE_INTERVAL;

	/* The contract with subscribers: head was stored before their tickets are loaded. */
	fence_full();
	/* Without memory for a new peer it gets no notice, and looks within its slice. */
	fanout_reserve(fanout);
	used = fanout->slots ? slots_used(fanout->slots) : 0;
	for (uint32_t i = 0; i < used && i < fanout->room; i++) {
		struct peer *peer = &fanout->peers[i];
		uint64_t ticket = load_acquire(&fanout->slots->slot[i].ticket);
		if (ticket % 2 == 0)
			continue;
		if (ticket == peer->sent) {
			fanout->skipped++;
			continue;
		}
		wake |= peer_send(fanout, i, version);
		/* After the send: a death in between costs a notice too many, not one too few. */
		peer->sent = ticket;
	}
	if (wake) {
		notifier_futex_wake_all(fanout->head);
		if (fanout->head_before)
			notifier_futex_wake_all(fanout->head_before);
		fanout->futex_wakes++;
		fanout->woken_at = now;
	}
}

/* True when a slot that is alive has this uuid: then a dead one that has it too was forged, to have
 * the living one's queue removed. */
static bool uuid_lives(struct fanout *fanout, uint32_t except, const uint8_t uuid[16])
{
	uint32_t used = slots_used(fanout->slots);

	for (uint32_t i = 0; i < used; i++) {
		const struct layout_slot *slot = &fanout->slots->slot[i];
		if (i == except || !data_equal(slot->uuid, uuid, 16))
			continue;
		if (slots_lock(fanout->slots, i) < 0)
			return true;
		slots_unlock(fanout->slots, i);
	}
	return false;
}

/* Cleans up one slot whose owner is gone, under its lock. */
static bool reap_slot(struct fanout *fanout, uint32_t index)
{
	struct layout_slot *slot = &fanout->slots->slot[index];
	const struct notifier *notifier;
	uint8_t uuid[16];

	/* What is not free is cleaned up after, also a state that somebody scribbled and that is
	 * none. */
	if (load_acquire_32(&slot->state) == LAYOUT_SLOT_FREE ||
	    slots_lock(fanout->slots, index) < 0)
		return false;
	if (load_acquire_32(&slot->state) == LAYOUT_SLOT_FREE) {
		slots_unlock(fanout->slots, index);
		return false;
	}
	notifier = notifier_of_kind(__atomic_load_n(&slot->notifier, __ATOMIC_RELAXED));
	data_copy_out(uuid, slot->uuid, sizeof(uuid));
	/* The queue's name is made from the uuid here and never read from the slot, so a forged
	 * slot can name queues of this region's only. Another user's queue can't be removed; it
	 * stays until its owner or root does. */
	if (notifier && !uuid_lives(fanout, index, uuid)) {
		struct channel channel;
		channel_of(fanout, index, uuid, &channel);
		notifier->reap(&channel);
	}
	if (index < fanout->room)
		peer_detach(&fanout->peers[index]);
	slots_release(fanout->slots, index);
	return true;
}

uint32_t fanout_reap(struct fanout *fanout, uint32_t most)
{
	uint32_t used = fanout->slots ? slots_used(fanout->slots) : 0, dead = 0, i;

	if (most > used)
		most = used;
	for (i = 0; i < most; i++) {
		if (fanout->reap_next >= used)
			fanout->reap_next = 0;
		dead += reap_slot(fanout, fanout->reap_next++);
	}
	fanout->reaped += dead;
	return dead;
}
