/* SPDX-License-Identifier: MIT */
#include "publisher/notices/fanout.h"

#include <errno.h>
#include <stdbool.h>

#include "lib/base/atomic.h"
#include "lib/base/probe.h"
#include "notifier/futex.h"

static const uint64_t *head_of(const struct fanout *fanout)
{
	return &fanout->region->header->head;
}

void fanout_finish(struct fanout *fanout)
{
	peers_finish(&fanout->peers);
}

void fanout_move(struct fanout *fanout)
{
	peers_move(fanout);
}

#define COUNT(fanout, index, member) \
	peers_count(fanout, index, offsetof(struct layout_notices, member))

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
	if (!fanout->slots)
		return false;
	fence_full();
	/* Before the known bits, which are stored in the other order. */
	if (peers_expects(fanout))
		return true;
	for (uint32_t word = 0; word < PEERS_WORDS; word++)
		for (uint64_t bits = load_relaxed(&fanout->peers.known[word]); bits;
		     bits &= bits - 1) {
			uint32_t index = word * 64 + (uint32_t)__builtin_ctzll(bits);
			if (load_acquire(&fanout->slots->slot[index].ticket) % 2 == 1)
				return true;
		}
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

/* Sends one notice to an armed subscriber. Returns false where that was not tried, so that its
 * ticket is not one that was sent for. *ret_futex: whether the futex has to be woken for it. */
static bool peer_send(struct fanout *fanout, uint32_t index, uint64_t ticket,
                      const struct notice *notice, bool *ret_futex)
{
	const struct peer *peer = &fanout->peers.peer[index];
	enum peer_state state = peer_attach(fanout, index, ticket, notice->time);
	int r = -ENXIO;

	*ret_futex = state != PEER_UNKNOWN;
	if (state == PEER_UNKNOWN || state == PEER_BY_FUTEX)
		return false;
	if (state == PEER_READY) {
		/* One wake serves all who wait on the head. */
		if (peer->notifier == &notifier_futex) {
			COUNT(fanout, index, sent);
			return true;
		}
		r = peer->notifier->send(&fanout->peers.peer[index].channel, notice->version);
		PROBE4(notify, fanout->region->names.region, index, notice->version, r);
	}
	*ret_futex = r < 0 && r != -EAGAIN;
	if (r == 0) {
		fanout->sent++;
		COUNT(fanout, index, sent);
	} else if (r == -EAGAIN) {
		fanout->full++;
		COUNT(fanout, index, coalesced);
	} else {
		fanout->failed++;
		COUNT(fanout, index, dropped);
		if (state == PEER_READY)
			peer_failed(fanout, index);
	}
	return true;
}

/* Tells the subscriber of a known slot, if it is armed and has not been told. Returns true where
 * the futex has to be woken. */
static bool tell(struct fanout *fanout, uint32_t index, const struct notice *notice)
{
	const struct layout_slot *slot = &fanout->slots->slot[index];
	struct peers *peers = &fanout->peers;
	uint64_t ticket = load_acquire(&slot->ticket), bit = UINT64_C(1) << index % 64;
	bool futex;

	if (ticket % 2 == 0)
		return false;
	if (ticket == peers->sent[index] && !notice->everybody) {
		fanout->skipped++;
		COUNT(fanout, index, coalesced);
		/* A wake does not stay for who has armed, has looked at the version that it
		 * was for, and blocks only now: it is sent for each. */
		return peers->by_futex[index / 64] & bit && concerns(notice, slot);
	}
	if (!concerns(notice, slot))
		return false;
	if (peer_send(fanout, index, ticket, notice, &futex)) {
		if (futex)
			peers->by_futex[index / 64] |= bit;
		else
			peers->by_futex[index / 64] &= ~bit;
		/* After the send: a death in between costs a notice too many, not one too few. */
		peers->sent[index] = ticket;
	}
	return futex;
}

void fanout_notify(struct fanout *fanout, const struct notice *notice)
{
	bool futex = notice->everybody || notice->time - fanout->woken_at >= FANOUT_INTERVAL;

	/* The contract with subscribers: head was stored before their tickets are loaded. */
	fence_full();
	if (fanout->slots) {
		peers_refill(&fanout->peers, notice->time);
		peers_meet(fanout, notice->time, notice->everybody);
	}
	for (uint32_t word = 0; fanout->slots && word * 64 < fanout->peers.room; word++)
		for (uint64_t bits = fanout->peers.known[word]; bits; bits &= bits - 1)
			futex |= tell(fanout, word * 64 + (uint32_t)__builtin_ctzll(bits), notice);
	if (futex)
		wake(fanout, notice);
}
