/* SPDX-License-Identifier: MIT
 *
 * Which slots a publisher looks at, and what it spends on slots that may be forged.
 *
 * Any reader of the region can write into every slot. If each armed ticket were worth an attempt to
 * open a channel, 4,096 forged slots would cost every commit tens of milliseconds. So a slot has to
 * prove itself once: it is KNOWN from the moment in which the publisher saw a lock on its one byte,
 * held by another open file description. Every subscriber has that lock from before its slot is
 * TAKEN until after the slot is FREE. A slot without it is not told. Only the tickets of known
 * slots are loaded at a commit.
 *
 * How a genuine subscriber becomes known before it can miss a version: it announces its claim in
 * the header of the subscribers file, then arms its ticket, fences fully, and loads head. The
 * publisher stores head, fences fully, loads the count of claims, and looks at the slots whose
 * claims it has not seen. So either the subscriber sees the new head, or the publisher sees the
 * claim, finds the lock, and loads the ticket: the argument of fanout.h, with one word more. The
 * ring's entry is a hint: if it is not the claim's, all slots are looked at. docs/models/claims.pml
 * checks this, with slots that change their owners, and deaths.
 *
 * What may be wasted is bounded by a budget of units, PEERS_BUDGET of them at first, and 64 more
 * for each millisecond (never more than PEERS_BUDGET):
 *
 *   a look that finds a new subscriber,
 *   and the first time its channel is opened     nothing: so any number may register at once
 *   a claim that was announced, but is none      1
 *   a look at all slots that finds nobody, made
 *   because claims were announced too fast, or
 *   counted and not announced                    1 for each 64 slots
 *   a known slot's channel that is opened again,
 *   because uuid or notifier changed             1
 *   the question for a lock that is held         4 for each microsecond of the processor past the
 *                                                first 128 that it took, up to 64,000
 *   no lock, or a channel that can't be opened
 *   or sent to                                   64, and as many for each 16 us of the processor
 *                                                that the try took, up to 64,000
 *
 * Of the time that a question or a failed try took, no more counts than the one before it took, so
 * that a machine which stood still once costs no subscriber a notice.
 *
 * Without budget none of these is done, and a ticket that is passed over so is not remembered as
 * sent for. A slot without its lock, or whose channel can't be opened, is not tried again with the
 * same uuid for 1 ms, then 2 ms, ... up to 1.024 s; a known one is told by a wake of the futex
 * meanwhile. So all that slots without a lock cost a commit is 32 failures after a pause, and one
 * each millisecond from then on. A subscriber that is passed over finds the version by its own
 * look, within a second.
 *
 * Without an attack no subscriber is passed over: looks at new subscribers are free, and a known
 * slot needs units only where another subscriber has claimed it: 2,048 of these at once, and 64,000
 * a second.
 *
 * A process that takes the locks of 4,096 slots, and has something behind them, costs what 4,096
 * subscribers cost: with notifiers that need no object (semaphore, futex) the locks are enough.
 *
 * Called by fanout.c and reap.c. */
#ifndef PUBLISHER_NOTICES_PEERS_H
#define PUBLISHER_NOTICES_PEERS_H

#include "lib/units.h"
#include "lib/region/slots.h"
#include "notifier/notifier.h"

#define PEERS_BUDGET      2048
#define PEERS_FAILURE     64
#define PEERS_FAILURE_MAX 64000 /* a second of it */
#define PEERS_AGAIN       1
#define PEERS_UNIT        15625u                    /* nanoseconds in which a unit comes back */
#define PEERS_WAIT_MIN    ((uint64_t)NSEC_PER_MSEC) /* before the second try */
#define PEERS_WAIT_MAX    (1024 * PEERS_WAIT_MIN)
#define PEERS_SCAN_INTERVAL \
	((uint64_t)(100 * NSEC_PER_MSEC)) /* between two looks at all slots, claims or not */
#define PEERS_WORDS (LAYOUT_SLOTS_MAX / 64)

struct fanout;

struct peer {
	const struct notifier *notifier; /* attached to channel; NULL: not */
	struct channel channel;
	uint8_t uuid[16];  /* of the subscriber that was judged last */
	uint64_t retry_at; /* time of day before which it is not tried again */
	uint64_t wait; /* how long that was from the failure on; 0: the last try did not fail; 1: it
	                       may be tried at once, but takes units */
};

struct peers {
	struct peer *peer; /* one for each slot, as far as there is `capacity` */
	uint64_t *sent; /* the tickets that were last sent for: apart, as each commit reads them */
	uint32_t capacity;
	uint64_t known
		[PEERS_WORDS]; /* a bit for each slot; the committer may look while a thread sends */
	uint64_t by_futex[PEERS_WORDS]; /* what was last sent for was a wake of the futex */
	uint64_t claims;                /* how many announced claims were looked at */
	bool pending;                   /* a look at all slots did not come to its end */
	uint32_t next;                  /* where it goes on */
	uint64_t scanned_at;            /* time of day of the last look at all slots */
	int64_t spent;                  /* units that are missing in the budget */
	uint64_t paid_at;               /* time of day up to which units came back */
	int64_t answer_took,
		failure_took; /* nanoseconds of the processor: of the last question for a lock that
	                                      was held, and of the last try that failed */
	uint32_t evict;       /* where the next channel is looked for that is closed to make room */
	uint64_t tries,
		asked; /* channels that were opened, or failed to; locks that were asked for */
};

void peers_fini(struct peers *peers);

/* The head is that of another file now. */
void peers_move(struct fanout *fanout);

/* Gives back what the budget has gained up to a time of day. */
void peers_refill(struct peers *peers, uint64_t now);
bool peers_can_spend(const struct peers *peers);

/* Looks at slots that may have got a subscriber: at those announced, or at `all`. Call after head
 * was stored, and a full fence. */
void peers_discover(struct fanout *fanout, uint64_t now, bool all);
/* Whether peers_discover() has something to do; for another thread than that which sends. */
bool peers_expects(const struct fanout *fanout);

/* Opens the channel of a known slot, if it is not open: */
enum peer_state {
	PEER_READY,
	PEER_FAILED,   /* it can't be opened; the subscriber may have chosen to wait on the head */
	PEER_BY_FUTEX, /* it could not, and is not tried now: the same */
	PEER_UNKNOWN, /* it is no subscriber's that can be told; or there is no budget to find that out; or
	                  the ticket is another now, whose owner needs no notice */
};
/* `ticket`: which there is something to send for. */
enum peer_state peer_attach(struct fanout *fanout, uint32_t index, uint64_t ticket, uint64_t now);
/* A send failed: closes the channel. */
void peer_failed(struct fanout *fanout, uint32_t index);
/* The slot is free, or is being freed: whoever claims it has to become known. */
void peer_forget(struct fanout *fanout, uint32_t index);

/* What there is to know of a subscriber's channel before it is opened. */
void peers_channel(const struct fanout *fanout, uint32_t index, const uint8_t uuid[16],
                   struct channel *ret);

/* Counts for others to see (struct layout_notices): one more of the member at this offset. */
void peers_count(struct fanout *fanout, uint32_t index, size_t member);

#endif
