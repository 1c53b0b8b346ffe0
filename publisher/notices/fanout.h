/* SPDX-License-Identifier: MIT
 *
 * Telling subscribers that there is a new version.
 *
 * A slot's ticket is odd while its subscriber is armed: about to block, or blocked. The subscriber
 * arms (the ticket rises to an odd number), fences fully, and loads head; the publisher stores
 * head, fences fully, and loads the tickets. So either the subscriber sees the new head, or the
 * publisher sees the ticket armed, and sends. It sends once for each odd ticket that it sees, and
 * remembers that privately, after the send: who is awake and behind, or has a notice waiting,
 * costs a load. What follows for notifiers and subscribers from there being one notice for a
 * ticket is at struct notifier. A wake of the futex does not stay, so it is sent for each version
 * while a ticket is armed. The publisher writes nothing into slots for this. peers.h says how a
 * slot proves that it is a subscriber's, and what is spent on those that do not. A new publisher
 * remembers nothing, so it notifies every armed subscriber at first: a death between a commit and
 * its notices is mended so.
 *
 * A slot may name tables (by hashes). Who named some is passed over by a commit that changed none
 * of them, and its ticket is not remembered as sent for: the next commit that concerns it sends.
 * The argument above holds for the versions that concern it.
 *
 * Of this folder only notify_start() sets the error message: no other function has an error that a
 * user sees, as a subscriber that can't be told looks for itself. */
#ifndef PUBLISHER_NOTICES_FANOUT_H
#define PUBLISHER_NOTICES_FANOUT_H

#include "lib/units.h"
#include "lib/region/region.h"
#include "lib/region/slots.h"
#include "publisher/notices/notice.h"
#include "publisher/notices/peers.h"

/* Readers without a slot are woken at most this often, in nanoseconds. */
#define FANOUT_INTERVAL ((uint64_t)NSEC_PER_MSEC)

struct fanout {
	const struct region *region; /* with its names, head, and owner */
	struct slots *slots;         /* NULL: the subscribers file is lost */
	struct peers peers;
	struct layout_notices *notices; /* in the publisher file, for others to see */
	uint32_t notices_capacity;      /* how many of them the file is known to hold */
	int notices_fd;
	uint32_t reap_next;  /* where the next part of a reap begins */
	uint64_t reaped_at;  /* time of day of the last part of a reap */
	uint64_t reap_pause; /* nanoseconds more than usual until the next one */
	uint64_t woken_at;   /* time of day of the last wake of readers without a slot */
	uint64_t sent, skipped, full, failed, futex_wakes, reaped;
};

void fanout_fini(struct fanout *fanout);

/* The head is that of another file now. */
void fanout_move(struct fanout *fanout);

/* Notifies. Call after head was stored. */
void fanout_notify(struct fanout *fanout, const struct notice *notice);

/* True where a ticket is odd, so that there is something to send, perhaps. Call after head was
 * stored: who arms after this looks at a head that is there. */
bool fanout_anyone_armed(const struct fanout *fanout);

#endif
