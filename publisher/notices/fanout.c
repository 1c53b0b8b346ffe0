/* SPDX-License-Identifier: MIT */
#include "publisher/notices/fanout.h"

#include <errno.h>
#include <stdbool.h>

#include "lib/base/atomic.h"
#include "lib/base/probe.h"
#include "notifier/futex.h"

static const uint64_t *fanout_head(const struct fanout *fanout)
{
	return &fanout->region->header->head;
}

void fanout_fini(struct fanout *fanout)
{
	peers_fini(&fanout->peers);
}

void fanout_move(struct fanout *fanout)
{
	peers_move(fanout);
}

#define COUNT(fanout, index, member) \
	peers_count(fanout, index, offsetof(struct layout_notices, member))

bool fanout_anyone_armed(const struct fanout *fanout)
{
	if (!fanout->slots)
		return false;
	fence_full();
	/* The contract with peers_discover(), which stores the known bits before the count of
	 * claims: load them in the opposite order. So a new slot is seen as a claim or as known. */
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

/* Wakes the futex waiters that the notice concerns: those of `mask`. */
static void fanout_wake(struct fanout *fanout, const struct notice *notice, uint32_t mask)
{
	notifier_futex_wake(fanout_head(fanout), mask);
	PROBE4(notify, fanout->region->names.region, -1, notice->version, 0);
	fanout->futex_wakes++;
	notice_recent_add(&fanout->woken, notice->time, mask, FANOUT_INTERVAL);
}

/* Sends a notice to an armed subscriber. Returns false if the subscriber was passed over, so that
 * its ticket must not be recorded as served. `*ret_futex` says whether the futex has to be woken
 * for this subscriber. */
static bool fanout_send(struct fanout *fanout, uint32_t index, uint64_t ticket,
                        const struct notice *notice, bool *ret_futex)
{
	const struct peer *peer = &fanout->peers.peer[index];
	enum peer_state state = peer_attach(fanout, index, ticket, notice->time);
	int r = -ENXIO;

	*ret_futex = state != PEER_UNKNOWN;
	if (state == PEER_UNKNOWN || state == PEER_BY_FUTEX)
		return false;
	if (state == PEER_READY) {
		/* The caller wakes the futex once for all subscribers that wait on head. */
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
		/* The contract with registration_disarm(), which changes the ticket before the
		 * channel is closed: load the ticket after the attempt. If it has changed, the
		 * subscriber needs no notice, and the attempt has not failed. */
		fence_acquire();
		if (load_relaxed(&fanout->slots->slot[index].ticket) == ticket) {
			fanout->failed++;
			COUNT(fanout, index, dropped);
		}
		if (state == PEER_READY)
			peer_failed(fanout, index);
	}
	return state != PEER_STARVED;
}

/* Notifies the subscriber of a known slot if it is armed and its ticket was not served yet. Returns
 * true if the futex has to be woken. */
static bool fanout_notify_slot(struct fanout *fanout, uint32_t index, const struct notice *notice)
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
		/* A wake is not stored. A subscriber may have armed and read the version that the
		 * last wake was for, and block only now. So wake for each version. */
		return peers->by_futex[index / 64] & bit && notice_concerns(notice, slot);
	}
	if (!notice_concerns(notice, slot))
		return false;
	if (fanout_send(fanout, index, ticket, notice, &futex)) {
		if (futex)
			peers->by_futex[index / 64] |= bit;
		else
			peers->by_futex[index / 64] &= ~bit;
		/* Record the ticket after the send. If the publisher dies in between, the next
		 * publisher sends once too often. In the other order a notice would be missing. */
		peers->sent[index] = ticket;
	}
	return futex;
}

void fanout_notify(struct fanout *fanout, const struct notice *notice)
{
	uint32_t mask = notice_mask(notice);
	bool futex = notice->everybody ||
	             !notice_recent_covers(&fanout->woken, notice->time, mask, FANOUT_INTERVAL);

	/* The contract with subscribers (wait_arm() in subscriber/wait.c): head is stored before
	 * the tickets are loaded. */
	fence_full();
	if (fanout->slots) {
		peers_refill(&fanout->peers, notice->time);
		peers_discover(fanout, notice->time, notice->everybody);
	}
	for (uint32_t word = 0; fanout->slots && word * 64 < fanout->peers.capacity; word++)
		for (uint64_t bits = fanout->peers.known[word]; bits; bits &= bits - 1)
			futex |= fanout_notify_slot(
				fanout, word * 64 + (uint32_t)__builtin_ctzll(bits), notice);
	if (futex)
		fanout_wake(fanout, notice, mask);
}
