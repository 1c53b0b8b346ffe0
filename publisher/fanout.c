/* SPDX-License-Identifier: MIT */
#include "fanout.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/atomic.h"
#include "lib/file.h"
#include "lib/probe.h"

static const uint64_t *head_of(const struct fanout *fanout)
{
	return &fanout->region->header->head;
}

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

void fanout_move(struct fanout *fanout)
{
	for (uint32_t i = 0; i < fanout->room; i++)
		fanout->peers[i].channel.head = head_of(fanout);
}

/* Makes the publisher file longer for what is counted of as many slots. Where that can't be had, nothing
 * is counted for the rest. */
static void reserve_notices(struct fanout *fanout, uint32_t slots)
{
	uint64_t size = LAYOUT_NOTICES_OFFSET + (uint64_t)slots * sizeof(*fanout->notices);

	if (slots > LAYOUT_SLOTS_MAX)
		slots = LAYOUT_SLOTS_MAX;
	if (fanout->notices && slots > fanout->notices_room &&
	    file_reserve(fanout->notices_fd, 0, size) == 0)
		fanout->notices_room = slots;
}

/* Others that share the region may count at the same time, for the same subscriber. */
static void count(struct fanout *fanout, uint32_t index, size_t which)
{
	if (index < fanout->notices_room)
		__atomic_fetch_add((uint64_t *)((unsigned char *)&fanout->notices[index] + which),
		                   1, __ATOMIC_RELAXED);
}

#define COUNT(fanout, index, member) count(fanout, index, offsetof(struct layout_notices, member))

/* Begins to count for another subscriber. Who reads meanwhile finds the uuid of the one before, or
 * counters that are not all zero yet: they are for people. */
static void count_anew(struct fanout *fanout, uint32_t index, const uint8_t uuid[16])
{
	struct layout_notices *notices;

	if (index >= fanout->notices_room || data_equal(fanout->notices[index].uuid, uuid, 16))
		return;
	notices = &fanout->notices[index];
	store_relaxed(&notices->sent, 0);
	store_relaxed(&notices->coalesced, 0);
	store_relaxed(&notices->dropped, 0);
	data_copy_in(notices->uuid, uuid, 16);
}

/* Makes room for so many peers. Without memory for a new one it gets no notice, and looks within its
 * slice. */
static void reserve_peers(struct fanout *fanout, uint32_t used)
{
	uint32_t room = fanout->room ? fanout->room : 16;
	struct peer *peers;

	while (room < used)
		room *= 2;
	peers = realloc(fanout->peers, room * sizeof(*peers));
	if (!peers)
		return;
	memset(&peers[fanout->room], 0, (room - fanout->room) * sizeof(*peers));
	fanout->peers = peers;
	fanout->room = room;
	reserve_notices(fanout, room);
}

/* What there is to know of a subscriber's channel before it is opened. */
static void channel_of(const struct fanout *fanout, uint32_t index, const uint8_t uuid[16],
                       struct channel *ret)
{
	*ret = (struct channel){
		.names = &fanout->region->names,
		.head = head_of(fanout),
		.slot = &fanout->slots->slot[index],
		.index = index,
		.owner = fanout->region->status.st_uid,
		.group = fanout->region->status.st_gid,
		.fd = -1,
	};
	memcpy(ret->uuid, uuid, sizeof(ret->uuid));
	memcpy(ret->region_uuid, fanout->region->uuid, sizeof(ret->region_uuid));
}

/* Channels that are closed for one that is opened: the largest has two descriptors. */
#define ROOM_TRIES 4

/* Closes another peer's channel, which is opened again when there is something to send. */
static bool make_room(struct fanout *fanout, uint32_t except)
{
	for (uint32_t i = 0; i < fanout->room; i++) {
		uint32_t index = fanout->evict_next++ % fanout->room;
		struct peer *peer = &fanout->peers[index];
		if (index == except || !peer->notifier || peer->notifier == &notifier_futex)
			continue;
		peer_detach(peer);
		return true;
	}
	return false;
}

/* With more subscribers than this process may have descriptors, some take turns. */
static int attach_anyhow(struct fanout *fanout, uint32_t index, const struct notifier *notifier)
{
	struct peer *peer = &fanout->peers[index];
	int r = notifier->attach(&peer->channel);

	for (int i = 0; i < ROOM_TRIES && (r == -EMFILE || r == -ENFILE); i++)
		r = make_room(fanout, index) ? notifier->attach(&peer->channel) : -ENOMEM;
	return r;
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
	count_anew(fanout, index, uuid);
	if (!notifier)
		return false;
	channel_of(fanout, index, uuid, &peer->channel);
	if (attach_anyhow(fanout, index, notifier) < 0)
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

	/* A subscriber without a notifier waits on the head. */
	if (!peer_attach(fanout, index)) {
		fanout->failed++;
		COUNT(fanout, index, dropped);
		return true;
	}
	/* One wake serves all who wait on the head. */
	if (peer->notifier == &notifier_futex) {
		COUNT(fanout, index, sent);
		return true;
	}
	r = peer->notifier->send(&peer->channel, version);
	PROBE4(notify, fanout->region->names.region, index, version, r);
	if (r == 0) {
		fanout->sent++;
		COUNT(fanout, index, sent);
	} else if (r == -EAGAIN) {
		fanout->full++;
		COUNT(fanout, index, coalesced);
	} else {
		fanout->failed++;
		COUNT(fanout, index, dropped);
		peer_detach(peer);
		return true;
	}
	return false;
}

void notice_add(struct notice *notice, uint64_t hash)
{
	if (notice->tables < NOTICE_TABLES)
		notice->hashes[notice->tables] = hash;
	if (notice->tables < NOTICE_ANY)
		notice->tables++;
}

static bool notice_has(const struct notice *notice, uint64_t hash)
{
	for (uint32_t i = 0; i < notice->tables; i++)
		if (notice->hashes[i] == hash)
			return true;
	return false;
}

void notice_merge(struct notice *notice, const struct notice *later)
{
	notice->version = later->version;
	notice->time = later->time;
	notice->everybody |= later->everybody;
	if (notice->tables == NOTICE_ANY || later->tables == NOTICE_ANY) {
		notice->tables = NOTICE_ANY;
		return;
	}
	for (uint32_t i = 0; i < later->tables; i++) {
		if (notice->tables == NOTICE_ANY)
			return;
		if (!notice_has(notice, later->hashes[i]))
			notice_add(notice, later->hashes[i]);
	}
}

/* Whether a subscriber wants to be told. What it stores while it is armed does not change, and
 * whatever a stranger makes of it costs nobody else anything. */
static bool concerns(const struct notice *notice, const struct layout_slot *slot)
{
	uint32_t tables = __atomic_load_n(&slot->tables, __ATOMIC_RELAXED);

	if (notice->everybody || notice->tables == NOTICE_ANY || tables == 0 ||
	    tables > LAYOUT_SLOT_TABLES)
		return true;
	for (uint32_t i = 0; i < tables; i++)
		if (notice_has(notice, load_relaxed(&slot->table_hashes[i])))
			return true;
	return false;
}

/* The futex's waiters that a notice is for. */
static uint32_t mask_of(const struct notice *notice)
{
	uint32_t mask = 0;

	if (notice->everybody || notice->tables == NOTICE_ANY)
		return UINT32_MAX;
	for (uint32_t i = 0; i < notice->tables; i++)
		mask |= notifier_futex_bit(notice->hashes[i]);
	return mask;
}

bool fanout_anyone_armed(const struct fanout *fanout)
{
	uint32_t used = fanout->slots ? slots_used(fanout->slots) : 0;

	fence_full();
	for (uint32_t i = 0; i < used; i++)
		if (load_acquire(&fanout->slots->slot[i].ticket) % 2 == 1)
			return true;
	return false;
}

static void wake(struct fanout *fanout, const struct notice *notice)
{
	uint32_t mask = mask_of(notice);

	if (mask == 0)
		return;
	notifier_futex_wake(head_of(fanout), mask);
	PROBE4(notify, fanout->region->names.region, -1, notice->version, 0);
	fanout->futex_wakes++;
	fanout->woken_at = notice->time;
}

void fanout_notify(struct fanout *fanout, const struct notice *notice)
{
	uint32_t used;
	bool futex = notice->everybody || notice->time - fanout->woken_at >= FANOUT_INTERVAL;

	/* The contract with subscribers: head was stored before their tickets are loaded. */
	fence_full();
	used = fanout->slots ? slots_used(fanout->slots) : 0;
	if (used > fanout->room)
		reserve_peers(fanout, used);
	for (uint32_t i = 0; i < used && i < fanout->room; i++) {
		const struct layout_slot *slot = &fanout->slots->slot[i];
		struct peer *peer = &fanout->peers[i];
		uint64_t ticket = load_acquire(&slot->ticket);
		if (ticket % 2 == 0)
			continue;
		if (ticket == peer->sent && !notice->everybody) {
			/* A wake does not stay for who has armed, has looked at the version that it
			 * was for, and blocks only now: it is sent for each. */
			futex |= peer->by_futex && concerns(notice, slot);
			fanout->skipped++;
			COUNT(fanout, i, coalesced);
			continue;
		}
		if (!concerns(notice, slot))
			continue;
		peer->by_futex = peer_send(fanout, i, notice->version);
		futex |= peer->by_futex;
		/* After the send: a death in between costs a notice too many, not one too few. */
		peer->sent = ticket;
	}
	if (futex)
		wake(fanout, notice);
}

bool fanout_lives(struct fanout *fanout, uint32_t except, const uint8_t uuid[16])
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

static bool is_free(const struct fanout *fanout, uint32_t index)
{
	return load_acquire_32(&fanout->slots->slot[index].state) == LAYOUT_SLOT_FREE;
}

/* Cleans up one slot that is not free, and whose owner is gone, under its lock. */
static bool reap_slot(struct fanout *fanout, uint32_t index)
{
	struct layout_slot *slot = &fanout->slots->slot[index];
	const struct notifier *notifier;
	uint8_t uuid[16];

	if (slots_lock(fanout->slots, index) < 0)
		return false;
	if (is_free(fanout, index)) {
		slots_unlock(fanout->slots, index);
		return false;
	}
	notifier = notifier_of_kind(__atomic_load_n(&slot->notifier, __ATOMIC_RELAXED));
	data_copy_out(uuid, slot->uuid, sizeof(uuid));
	/* The queue's name is made from the uuid here and never read from the slot, so a forged
	 * slot can name queues of this region's only. Another user's queue can't be removed; it
	 * stays until its owner or root does. */
	if (notifier && !fanout_lives(fanout, index, uuid)) {
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
	uint32_t used = fanout->slots ? slots_used(fanout->slots) : 0, dead = 0, locked = 0;

	for (uint32_t i = 0; i < used && locked < most; i++) {
		uint32_t index = fanout->reap_next < used ? fanout->reap_next : 0;
		fanout->reap_next = index + 1;
		/* What is not free is cleaned up after, also a state that somebody scribbled and
		 * that is none. A queue whose owner has removed it is there, and counts for its
		 * user, until this end of it is closed. */
		if (!is_free(fanout, index)) {
			dead += reap_slot(fanout, index);
			locked++;
		} else if (index < fanout->room) {
			peer_detach(&fanout->peers[index]);
		}
	}
	fanout->reaped += dead;
	return dead;
}
