/* SPDX-License-Identifier: MIT
 *
 * Notifying subscribers of a new version.
 *
 * The ticket in a subscriber's slot is odd while the subscriber is armed: blocked, or about to
 * block. To arm, the subscriber raises the ticket to a new odd number, makes a full fence, and
 * loads head. The publisher stores head, makes a full fence, and loads the tickets. So either the
 * subscriber sees the new head, or the publisher sees that the ticket is armed, and sends a notice.
 *
 * The publisher sends one notice for each odd ticket. After the send, it records in private memory
 * that the ticket was served. So a subscriber that is awake, or that has a notice waiting, costs a
 * commit one load. The publisher writes nothing into slots for this. The rules that follow for
 * notifiers and subscribers are at struct notifier (notifier/notifier.h). One of them: the wake of
 * a futex is not stored, so the publisher repeats the wake for each version while a ticket is
 * armed.
 *
 * A new publisher has no record of served tickets, so it notifies every armed subscriber once. This
 * replaces the notices of a publisher that died after a commit, before it had sent all of them.
 *
 * A slot may name tables, by the hashes of their names. A commit that changed none of them passes
 * the subscriber over, and does not record its ticket as served. The next commit that concerns the
 * subscriber sends a notice. So the argument above holds for the versions that concern the
 * subscriber.
 *
 * peers.h describes how a slot proves that it belongs to a subscriber, and the budget for forged
 * slots. Called by notify.c, and by the code that opens, moves or closes the files in use.
 *
 * Errors reach no user: a subscriber that can't be notified finds versions by its own looks. */
#ifndef PUBLISHER_NOTICES_FANOUT_H
#define PUBLISHER_NOTICES_FANOUT_H

#include "lib/region/region.h"
#include "lib/region/slots.h"
#include "lib/units.h"
#include "publisher/notices/notice.h"
#include "publisher/notices/peers.h"

/* Minimum time from a futex wake to the next wake of the same bits that serves only readers without
 * a slot, in nanoseconds. wait_block() in subscriber/wait.c relies on it. */
#define FANOUT_INTERVAL ((uint64_t)NSEC_PER_MSEC)

struct fanout {
	const struct region *region; /* its names, head and owner are used */
	struct slots *slots;         /* NULL: the subscribers file is lost */
	struct peers peers;
	/* The counters in the publisher file, one entry for each slot, for monitoring. */
	struct layout_notices *notices;
	uint32_t notices_capacity;  /* entries that the publisher file is known to hold */
	int notices_fd;             /* the publisher file */
	uint32_t reap_next;         /* slot at which the next partial reap begins */
	uint64_t reaped_at;         /* time of day of the last partial reap */
	uint64_t reap_pause;        /* nanoseconds to add to REAP_INTERVAL after a slow reap */
	struct notice_recent woken; /* the last futex wakes */
	/* Statistics, as in struct stele_publisher_stats. */
	uint64_t sent, skipped, full, failed, futex_wakes, reaped;
};

/* Closes all channels and frees the peers. */
void fanout_fini(struct fanout *fanout);

/* Points the open channels at the head word of the current file. Call after the region moved
 * to another file. */
void fanout_move(struct fanout *fanout);

/* Sends a notice to each armed subscriber that the notice concerns. Call after head was stored. */
void fanout_notify(struct fanout *fanout, const struct notice *notice);

/* Returns true if the ticket of a known slot is armed, or a new subscriber may have registered:
 * then there may be something to send. Call after head was stored: a subscriber that arms after
 * this check sees that head. */
bool fanout_anyone_armed(const struct fanout *fanout);

#endif
