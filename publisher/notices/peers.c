/* SPDX-License-Identifier: MIT */
#include "publisher/notices/peers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/atomic.h"
#include "lib/base/clock.h"
#include "lib/storage/reserve.h"
#include "publisher/notices/fanout.h"

/* Processor nanoseconds of a failed try that cost another PEERS_FAILURE units. */
#define SLOW_TRY 16000

/* Processor nanoseconds for which a query is free if it finds the lock held: about as long as a
 * query takes with 4,096 subscribers. */
#define FREE_QUESTION 128000
/* Processor nanoseconds beyond FREE_QUESTION that cost a unit, for a query that finds the lock
 * held. */
#define SLOW_QUESTION 250

static bool peers_bit_is_set(const uint64_t *bits, uint32_t index)
{
	return load_relaxed(&bits[index / 64]) >> index % 64 & 1;
}

/* Changes a bit. Only for the thread that sends; other threads may load the word meanwhile. */
static void peers_bit_set(uint64_t *bits, uint32_t index, bool value)
{
	uint64_t word = load_relaxed(&bits[index / 64]), bit = UINT64_C(1) << index % 64;

	store_relaxed(&bits[index / 64], value ? word | bit : word & ~bit);
}

/* Closes the channel of a peer if it is open. */
static void peers_detach(struct peer *peer)
{
	if (peer->notifier)
		peer->notifier->detach(&peer->channel);
	peer->notifier = NULL;
}

void peers_fini(struct peers *peers)
{
	for (uint32_t i = 0; i < peers->capacity; i++)
		peers_detach(&peers->peer[i]);
	free(peers->peer);
	free(peers->sent);
	*peers = (struct peers){
		.pending = true,
		.spent = peers->spent,
		.paid_at = peers->paid_at,
		.tries = peers->tries,
		.asked = peers->asked,
	};
}

void peers_move(struct fanout *fanout)
{
	for (uint32_t i = 0; i < fanout->peers.capacity; i++)
		fanout->peers.peer[i].channel.head = &fanout->region->header->head;
}

/* ---- the budget ---- */

void peers_refill(struct peers *peers, uint64_t now)
{
	int64_t spent = __atomic_load_n(&peers->spent, __ATOMIC_RELAXED);
	uint64_t gained;

	/* A full budget gains nothing. */
	if (spent == 0) {
		peers->paid_at = now;
		return;
	}
	/* If the clock was set back, the budget gains nothing. */
	if (now < peers->paid_at)
		peers->paid_at = now;
	gained = (now - peers->paid_at) / PEERS_UNIT;
	peers->paid_at += gained * PEERS_UNIT;
	spent = (uint64_t)spent > gained ? spent - (int64_t)gained : 0;
	__atomic_store_n(&peers->spent, spent, __ATOMIC_RELAXED);
}

/* Takes units from the budget, which may become overdrawn. */
static void peers_spend(struct peers *peers, int64_t units)
{
	__atomic_store_n(&peers->spent, peers->spent + units, __ATOMIC_RELAXED);
}

/* Returns true if there is any budget left. */
static bool peers_can_spend(const struct peers *peers)
{
	return __atomic_load_n(&peers->spent, __ATOMIC_RELAXED) < PEERS_BUDGET;
}

/* Returns the processor time since `started` that is to be charged: the lesser of this time and the
 * previous one, `*last`. A single time may be long because the machine was delayed, and that must
 * cost no subscriber a notice. */
static int64_t peers_elapsed(int64_t *last, int64_t started)
{
	int64_t took = clock_thread() - started, min = took < *last ? took : *last;

	*last = took;
	return min;
}

/* Charges a failed try, which began at `started` in this thread's processor time. */
static void peers_charge_failure(struct peers *peers, int64_t started)
{
	int64_t took = peers_elapsed(&peers->failure_took, started);
	int64_t units = PEERS_FAILURE + took / SLOW_TRY * PEERS_FAILURE;

	peers_spend(peers, units < PEERS_FAILURE_MAX ? units : PEERS_FAILURE_MAX);
}

/* Charges a query that found a lock held. `started` is when the query began, in this thread's
 * processor time. An attacker that holds many locks on the file makes each query slow, and causes
 * further queries by writing new uuids into its slots. */
static void peers_charge_answer(struct peers *peers, int64_t started)
{
	int64_t units =
		(peers_elapsed(&peers->answer_took, started) - FREE_QUESTION) / SLOW_QUESTION;

	if (units > 0)
		peers_spend(peers, units < PEERS_FAILURE_MAX ? units : PEERS_FAILURE_MAX);
}

/* Postpones the next try after a failure, each time by twice as long as before. */
static void peers_postpone(struct peer *peer, uint64_t now)
{
	peer->wait = peer->wait < PEERS_WAIT_MIN ? PEERS_WAIT_MIN : peer->wait * 2;
	if (peer->wait > PEERS_WAIT_MAX)
		peer->wait = PEERS_WAIT_MAX;
	peer->retry_at = now + peer->wait;
}

/* Returns true if it is too early for the next try after a failure. Returns false if the clock was
 * set back. */
static bool peers_is_postponed(const struct peer *peer, uint64_t now)
{
	return peer->wait != 0 && now < peer->retry_at && peer->retry_at - now <= PEERS_WAIT_MAX;
}

/* ---- counting ---- */

/* Extends the publisher file to hold the counters of `slots` slots. If it can't be extended, the
 * slots past its end are not counted. */
static void peers_reserve_notices(struct fanout *fanout, uint32_t slots)
{
	uint64_t size;

	if (slots > LAYOUT_SLOTS_MAX)
		slots = LAYOUT_SLOTS_MAX;
	size = LAYOUT_NOTICES_OFFSET + (uint64_t)slots * sizeof(*fanout->notices);
	if (fanout->notices && slots > fanout->notices_capacity &&
	    file_reserve(fanout->notices_fd, 0, size) == 0)
		fanout->notices_capacity = slots;
}

/* The addition is atomic, because publishers that share the region may count for the same
 * subscriber at the same time. */
void peers_count(struct fanout *fanout, uint32_t index, size_t member)
{
	if (index < fanout->notices_capacity)
		__atomic_fetch_add((uint64_t *)((unsigned char *)&fanout->notices[index] + member),
		                   1, __ATOMIC_RELAXED);
}

/* Resets the counters of a slot for another subscriber. A process that reads the entry meanwhile
 * may see a mix of old and new values. That is harmless: they are only displayed. */
static void peers_reset_count(struct fanout *fanout, uint32_t index, const uint8_t uuid[16])
{
	struct layout_notices *notices;

	if (index >= fanout->notices_capacity || data_equal(fanout->notices[index].uuid, uuid, 16))
		return;
	notices = &fanout->notices[index];
	store_relaxed(&notices->sent, 0);
	store_relaxed(&notices->coalesced, 0);
	store_relaxed(&notices->dropped, 0);
	data_copy_in(notices->uuid, uuid, 16);
}

/* ---- new subscribers ---- */

/* Allocates peers for the slots below `used`. If there is no memory, the subscribers of new slots
 * get no notices, and find versions by their own looks. */
static void peers_reserve(struct fanout *fanout, uint32_t used)
{
	struct peers *peers = &fanout->peers;
	uint32_t capacity = peers->capacity ? peers->capacity : 16;
	struct peer *peer;
	uint64_t *sent;

	while (capacity < used)
		capacity *= 2;
	peer = realloc(peers->peer, capacity * sizeof(*peer));
	if (!peer)
		return;
	peers->peer = peer;
	sent = realloc(peers->sent, capacity * sizeof(*sent));
	if (!sent)
		return;
	peers->sent = sent;
	memset(&peer[peers->capacity], 0, (capacity - peers->capacity) * sizeof(*peer));
	memset(&sent[peers->capacity], 0, (capacity - peers->capacity) * sizeof(*sent));
	peers->capacity = capacity;
	peers_reserve_notices(fanout, capacity);
}

/* Queries the lock of a slot that has `uuid`. Returns true if the lock is held: then the slot is
 * known, and its peer describes the subscriber of this uuid. */
static bool peers_validate(struct fanout *fanout, uint32_t index, const uint8_t uuid[16],
                           uint64_t now)
{
	struct peers *peers = &fanout->peers;
	struct peer *peer = &peers->peer[index];
	int64_t started = clock_thread();
	bool same = memcmp(peer->uuid, uuid, 16) == 0, owned;

	peers->asked++;
	owned = slots_owned(fanout->slots, index);
	if (!same || owned)
		peer->wait = 0;
	peers_detach(peer);
	memcpy(peer->uuid, uuid, 16);
	if (owned) {
		peers_charge_answer(peers, started);
	} else {
		peers_charge_failure(peers, started);
		peers_postpone(peer, now);
	}
	peers_bit_set(peers->known, index, owned);
	return owned;
}

/* Checks a slot that is not known. Returns true if it belongs to a subscriber, and so is known
 * now. */
static bool peers_discover_slot(struct fanout *fanout, uint32_t index, uint64_t now)
{
	const struct layout_slot *slot = &fanout->slots->slot[index];
	const struct peer *peer = &fanout->peers.peer[index];
	uint8_t uuid[16];

	if (load_acquire_32(&slot->state) == LAYOUT_SLOT_FREE)
		return false;
	data_copy_out(uuid, slot->uuid, sizeof(uuid));
	if (memcmp(peer->uuid, uuid, sizeof(uuid)) == 0 && peers_is_postponed(peer, now))
		return false;
	return peers_validate(fanout, index, uuid, now);
}

/* Checks all slots that are not known, as far as the budget goes; the next call continues. `claims`
 * is the count of claims that this scan handles. `paid`: the scan costs units if it finds no
 * subscriber. */
static void peers_discover_all(struct fanout *fanout, uint32_t used, uint64_t claims, bool paid,
                               uint64_t now)
{
	struct peers *peers = &fanout->peers;
	uint32_t met = 0, scanned = 0;

	peers->pending = true;
	for (uint32_t i = 0; i < used; i++) {
		uint32_t index = peers->next < used ? peers->next : 0;
		if (!peers_bit_is_set(peers->known, index)) {
			if (!peers_can_spend(peers))
				return;
			met += peers_discover_slot(fanout, index, now);
			scanned++;
		}
		peers->next = index + 1;
	}
	peers->pending = false;
	peers->scanned_at = now;
	if (paid && met == 0)
		peers_spend(peers, 1 + scanned / 64);
	/* The contract with fanout_anyone_armed(), which loads the count of claims before the known
	 * bits: store them in the opposite order. */
	store_release(&peers->claims, claims);
}

/* Checks the slots whose claims were announced and not handled yet. Returns false if the ring does
 * not hold all of these claims, so that all slots have to be scanned. */
static bool peers_discover_announced(struct fanout *fanout, uint32_t used, uint64_t claims,
                                     uint64_t now)
{
	const struct layout_subscribers_header *header = fanout->slots->header;
	struct peers *peers = &fanout->peers;

	if (claims - peers->claims > LAYOUT_CLAIMS)
		return false;
	for (uint64_t claim = peers->claims; claim != claims && peers_can_spend(peers); claim++) {
		uint32_t entry = load_acquire_32(&header->claimed[claim % LAYOUT_CLAIMS]);
		uint32_t index = entry % LAYOUT_SLOTS_MAX;
		/* A later claim has overwritten the entry, or the claiming subscriber has not
		 * written it yet. A subscriber that is stopped at this point must not delay the
		 * claims after its own. That subscriber took its slot before it raised the count,
		 * so a scan of all slots finds the slot. */
		if ((entry ^ LAYOUT_CLAIM(claim, 0)) >> 12 != 0)
			return false;
		if (index >= used || peers_bit_is_set(peers->known, index) ||
		    !peers_discover_slot(fanout, index, now))
			peers_spend(peers, PEERS_AGAIN);
		store_release(&peers->claims, claim + 1);
	}
	return true;
}

/* Slow path of peers_discover(). Not inlined, so that a commit without new subscribers saves no
 * registers. */
static __attribute__((noinline)) void peers_discover_new(struct fanout *fanout, uint64_t now,
                                                         bool all, uint64_t claims)
{
	struct peers *peers = &fanout->peers;
	bool paid = false;
	uint32_t used = slots_used(fanout->slots);

	if (used > peers->capacity)
		peers_reserve(fanout, used);
	if (used > peers->capacity)
		used = peers->capacity;
	if (!all)
		paid = all = !peers_discover_announced(fanout, used, claims, now);
	if (all)
		peers_discover_all(fanout, used, claims, paid, now);
}

void peers_discover(struct fanout *fanout, uint64_t now, bool all)
{
	struct peers *peers = &fanout->peers;
	uint64_t claims = load_acquire(&fanout->slots->header->claims);

	all |= peers->pending || now - peers->scanned_at >= PEERS_SCAN_INTERVAL;
	if ((all || claims != peers->claims) && peers_can_spend(peers))
		peers_discover_new(fanout, now, all, claims);
}

bool peers_expects(const struct fanout *fanout)
{
	const struct peers *peers = &fanout->peers;

	return load_acquire(&fanout->slots->header->claims) != load_acquire(&peers->claims) &&
	       peers_can_spend(peers);
}

/* ---- channels ---- */

void peers_channel(const struct fanout *fanout, uint32_t index, const uint8_t uuid[16],
                   struct channel *ret)
{
	*ret = (struct channel){
		.names = &fanout->region->names,
		.head = &fanout->region->header->head,
		.slot = &fanout->slots->slot[index],
		.index = index,
		.owner = fanout->region->status.st_uid,
		.group = fanout->region->status.st_gid,
		.fd = -1,
	};
	memcpy(ret->uuid, uuid, sizeof(ret->uuid));
	memcpy(ret->region_uuid, fanout->region->uuid, sizeof(ret->region_uuid));
}

/* Maximum number of channels that are closed in order to open one. No channel has more than two
 * descriptors. */
#define EVICT_TRIES 4

/* Closes the channel of a peer other than `except`. The channel is opened again when there is
 * something to send. Returns false if there is no such channel. */
static bool peers_evict(struct peers *peers, uint32_t except)
{
	for (uint32_t i = 0; i < peers->capacity; i++) {
		uint32_t index = peers->evict++ % peers->capacity;
		struct peer *peer = &peers->peer[index];
		if (index == except || !peer->notifier || peer->notifier == &notifier_futex)
			continue;
		peers_detach(peer);
		return true;
	}
	return false;
}

/* Opens the channel of a peer. If this process has too few descriptors for all subscribers, other
 * channels are closed and opened again later. Returns 0; -EMFILE or -ENFILE, if no descriptor could
 * be had even so; or another negative errno. */
static int peers_open_channel(struct fanout *fanout, uint32_t index,
                              const struct notifier *notifier)
{
	struct peer *peer = &fanout->peers.peer[index];
	int r;

	fanout->peers.tries++;
	peers_channel(fanout, index, peer->uuid, &peer->channel);
	r = notifier->attach(&peer->channel);
	for (int i = 0; i < EVICT_TRIES && (r == -EMFILE || r == -ENFILE); i++) {
		if (!peers_evict(&fanout->peers, index))
			break;
		r = notifier->attach(&peer->channel);
	}
	return r;
}

enum peer_state peer_attach(struct fanout *fanout, uint32_t index, uint64_t ticket, uint64_t now)
{
	const struct layout_slot *slot = &fanout->slots->slot[index];
	struct peers *peers = &fanout->peers;
	struct peer *peer = &peers->peer[index];
	const struct notifier *notifier =
		notifier_of_kind(__atomic_load_n(&slot->notifier, __ATOMIC_ACQUIRE));
	int64_t started;
	uint8_t uuid[16];
	bool same;
	int r;

	data_copy_out(uuid, slot->uuid, sizeof(uuid));
	same = memcmp(peer->uuid, uuid, sizeof(uuid)) == 0;
	if (peer->notifier && peer->notifier == notifier && same)
		return PEER_READY;
	/* A subscriber that chose another notifier, because the publisher does not see its queue,
	 * must not wait for the end of that queue's delay. */
	if (same && peer->failed == notifier && peers_is_postponed(peer, now))
		return PEER_BY_FUTEX;
	/* The uuid and the notifier may be those of the slot's next owner, whose channel does not
	 * exist yet. The attempt to open it would fail, and that would postpone the next try, while
	 * the new owner may arm and block. The contract with lib/region/slots.c: the ticket changes
	 * before the uuid and the notifier do. So load the ticket again. A subscriber that armed
	 * after the caller loaded `ticket` has read the new head, and needs no notice. */
	fence_acquire();
	if (load_relaxed(&slot->ticket) != ticket)
		return PEER_UNKNOWN;
	if (!same || peer->notifier || peer->wait != 0) {
		if (!peers_can_spend(peers))
			return same ? PEER_BY_FUTEX : PEER_UNKNOWN;
		peers_spend(peers, PEERS_AGAIN);
	}
	if (!same && !peers_validate(fanout, index, uuid, now))
		return PEER_UNKNOWN;
	peers_detach(peer);
	peers_reset_count(fanout, index, uuid);
	started = clock_thread();
	r = notifier ? peers_open_channel(fanout, index, notifier) : -ENXIO;
	/* The subscriber is not to blame, and descriptors may be free at the next commit. */
	if (r == -EMFILE || r == -ENFILE) {
		peer->wait = 1;
		return PEER_STARVED;
	}
	if (r < 0) {
		peers_charge_failure(peers, started);
		peers_postpone(peer, now);
		peer->failed = notifier;
		return PEER_FAILED;
	}
	peer->notifier = notifier;
	peer->wait = 0;
	return PEER_READY;
}

void peer_failed(struct fanout *fanout, uint32_t index)
{
	struct peer *peer = &fanout->peers.peer[index];

	peers_detach(peer);
	peers_spend(&fanout->peers, PEERS_FAILURE);
	/* The channel is opened again for the next ticket, at the price of PEERS_AGAIN. */
	peer->wait = 1;
	peer->retry_at = 0;
}

void peer_forget(struct fanout *fanout, uint32_t index)
{
	if (index >= fanout->peers.capacity)
		return;
	peers_detach(&fanout->peers.peer[index]);
	memset(fanout->peers.peer[index].uuid, 0, 16);
	fanout->peers.peer[index].wait = 0;
	peers_bit_set(fanout->peers.known, index, false);
}
