/* SPDX-License-Identifier: MIT
 *
 * The peers of a publisher: which slots belong to subscribers, and their open channels. Slots may
 * be forged, so this part also bounds the time that a publisher spends on them. Called by fanout.c
 * and reap.c.
 *
 * KNOWN SLOTS. Any reader of the region can write into every slot. If each armed ticket were worth
 * an attempt to open a channel, 4,096 forged slots would cost every commit tens of milliseconds. So
 * a slot has to prove itself once. A slot is known once the publisher has seen that another open
 * file description holds a lock on exactly the slot's one byte. Every subscriber holds that lock
 * from before its slot is TAKEN until after the slot is FREE. Slots without such a lock are not
 * notified. A commit loads the tickets of known slots only.
 *
 * NEW SUBSCRIBERS. A genuine subscriber becomes known before it can miss a version. It announces
 * its claim in the header of the subscribers file; later it arms its ticket, makes a full fence,
 * and loads head. The publisher stores head, makes a full fence, loads the count of claims, and
 * checks the slots whose claims it has not handled yet. So either the subscriber sees the new head,
 * or the publisher sees the claim, finds the lock, and loads the ticket. This is the argument of
 * fanout.h, with the count of claims as one more word. The ring of claims in the header is a hint:
 * if it does not hold an entry for a claim, the publisher scans all slots. docs/models/claims.pml
 * checks this argument, with slots that change owners, and with deaths.
 *
 * BUDGET. A budget of units bounds the time that forged slots may waste: PEERS_BUDGET at first, and
 * 64 more for each millisecond, up to PEERS_BUDGET again. These are the prices:
 *
 *   a check that finds a new subscriber, and
 *   the first time its channel is opened       nothing: any number may register at once
 *   an announced claim that makes no slot
 *   known (the claim is forged, or the slot
 *   is known already)                          1
 *   a scan of all slots that finds no
 *   subscriber, made because the ring did not
 *   hold an announced claim                    1, and 1 for each 64 slots
 *   opening the channel of a known slot again,
 *   because its uuid or notifier changed, or
 *   after a failure                            1
 *   a query that finds the lock held           4 for each microsecond of processor time past the
 *                                              first 128, up to 64,000
 *   a query that finds no lock, or a failure
 *   to open a channel, unless this process
 *   has no descriptor left                     64, and 64 more for each 16 microseconds of
 *                                              processor time, up to 64,000
 *   a failure to send to a channel             64
 *
 * A query or a failed try is charged for at most the time that the previous one took. So a single
 * delay of the machine costs no subscriber a notice.
 *
 * When the budget is used up, the publisher does none of these. A ticket that it passes over for
 * that reason is not recorded as served. Nor is a ticket whose channel could not be opened because
 * this process has no descriptor left: the next notice tries again. After a query that found no
 * lock, or another failure to open a channel, the publisher does not try that slot with the same
 * uuid and notifier again for 1 ms, then 2 ms, and so on up to 1.024 s. Meanwhile it notifies a
 * known slot by a wake of the futex. So slots without locks cost a commit at most 32 failures after
 * a pause, and then one failure each millisecond. A subscriber that is passed over finds the new
 * version when it looks at head without a notice (wait_slice() in subscriber/wait.c).
 *
 * Without an attack no subscriber is passed over. Checks of new subscribers are free. A known slot
 * costs units only if another subscriber has claimed it since: at most two units, so 1,024 slots at
 * once and 32,000 a second may change owners in this way.
 *
 * A process that locks 4,096 slots one by one costs as much as 4,096 subscribers. Notifiers that
 * need no object (semaphore, futex) require only the locks; the others also require the objects. */
#ifndef PUBLISHER_NOTICES_PEERS_H
#define PUBLISHER_NOTICES_PEERS_H

#include "lib/region/slots.h"
#include "lib/units.h"
#include "notifier/notifier.h"

/* The budget, in units. */
#define PEERS_BUDGET 2048
/* Minimum and maximum price of a failure. The maximum is what the budget gains in a second. */
#define PEERS_FAILURE     64
#define PEERS_FAILURE_MAX 64000
/* Price of opening a known slot's channel again, and of a claim that makes no slot known. */
#define PEERS_AGAIN 1
/* Nanoseconds in which the budget gains a unit. */
#define PEERS_UNIT 15625u
/* Minimum and maximum time from a failure to the next try, in nanoseconds. The minimum applies to
 * the first failure. */
#define PEERS_WAIT_MIN ((uint64_t)NSEC_PER_MSEC)
#define PEERS_WAIT_MAX (1024 * PEERS_WAIT_MIN)
/* Nanoseconds between two scans of all slots that no claim has caused. */
#define PEERS_SCAN_INTERVAL ((uint64_t)(100 * NSEC_PER_MSEC))
/* Words in a bitmap of slots. */
#define PEERS_WORDS (LAYOUT_SLOTS_MAX / 64)

struct fanout;

/* What the publisher knows about the subscriber of one slot. */
struct peer {
	const struct notifier *notifier; /* of the open channel; NULL: the channel is closed */
	const struct notifier *failed;   /* whose channel could not be opened last */
	struct channel channel;
	uint8_t uuid[16];  /* of the subscriber that was validated last */
	uint64_t retry_at; /* time of day of the next try, if wait is neither 0 nor 1 */
	/* Nanoseconds from the last failure until the next try. 0: the last try succeeded. 1: a
	 * send failed, or there was no descriptor; the channel may be opened again at once, for
	 * PEERS_AGAIN. */
	uint64_t wait;
};

struct peers {
	struct peer *peer; /* of each slot below capacity */
	/* For each slot, the last ticket that was served. A separate array, so that a commit
	 * touches few cache lines. */
	uint64_t *sent;
	uint32_t capacity; /* entries of peer and of sent */
	/* One bit for each slot: whether the slot is known. The thread that sends stores the words;
	 * the committer may load them at any time. */
	uint64_t known[PEERS_WORDS];
	/* One bit for each slot: whether its current ticket was served by a wake of the futex. The
	 * publisher repeats this wake for each version. */
	uint64_t by_futex[PEERS_WORDS];
	uint64_t claims;      /* announced claims that were handled */
	bool pending;         /* a scan of all slots was begun and has not ended */
	uint32_t next;        /* slot at which that scan continues */
	uint64_t scanned_at;  /* time of day of the last complete scan of all slots */
	int64_t spent;        /* units that are missing from the budget */
	uint64_t paid_at;     /* time of day up to which the budget was refilled */
	int64_t answer_took;  /* processor nanoseconds of the last query that found a lock held */
	int64_t failure_took; /* processor nanoseconds of the last failed try */
	uint32_t evict;       /* slot at which the search for a channel to close continues */
	uint64_t tries;       /* statistics: channels opened, or failed to open */
	uint64_t asked;       /* statistics: queries for locks */
};

/* Closes all channels and frees the peers. Keeps the budget: a process that destroys the
 * subscribers file must not get a new one. */
void peers_fini(struct peers *peers);

/* Points the open channels at the head word of the region's current file. */
void peers_move(struct fanout *fanout);

/* Adds to the budget what it has gained up to `now`, a time of day. */
void peers_refill(struct peers *peers, uint64_t now);

/* Checks the slots that may have a new subscriber: those with announced claims, or, if `all` or if
 * it is time for a scan, all slots. Call after head was stored, and after a full fence. */
void peers_discover(struct fanout *fanout, uint64_t now, bool all);

/* Returns true if there are announced claims that peers_discover() has not handled, and budget to
 * handle them. Any thread may call this, not only the one that sends. */
bool peers_expects(const struct fanout *fanout);

/* Result of peer_attach(). */
enum peer_state {
	/* The channel is open. */
	PEER_READY,
	/* The channel can't be opened. Wake the futex, on which the subscriber may wait instead. */
	PEER_FAILED,
	/* This process has no descriptor for the channel. Wake the futex, and do not record the
	 * ticket as served: the next notice tries again. */
	PEER_STARVED,
	/* The channel could not be opened before, and is not tried now. Wake the futex. */
	PEER_BY_FUTEX,
	/* Don't notify: the slot belongs to no subscriber that can be notified; or there is no
	 * budget to find out; or the ticket has changed, and its new owner needs no notice. */
	PEER_UNKNOWN,
};

/* Opens the channel of a known slot unless it is open. `ticket` is the slot's odd ticket, for which
 * the caller is about to send. */
enum peer_state peer_attach(struct fanout *fanout, uint32_t index, uint64_t ticket, uint64_t now);

/* Closes the channel of a peer to which a send failed. */
void peer_failed(struct fanout *fanout, uint32_t index);

/* Closes the channel of a slot that is free, or is being freed. The next subscriber that claims
 * the slot has to become known first. */
void peer_forget(struct fanout *fanout, uint32_t index);

/* Fills in the caller's part of a channel to the subscriber of a slot. */
void peers_channel(const struct fanout *fanout, uint32_t index, const uint8_t uuid[16],
                   struct channel *ret);

/* Adds one to a counter of a slot in the publisher file. `member` is the counter's offset in struct
 * layout_notices. */
void peers_count(struct fanout *fanout, uint32_t index, size_t member);

#endif
