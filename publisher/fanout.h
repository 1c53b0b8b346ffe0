/* SPDX-License-Identifier: MIT
 *
 * Telling subscribers that there is a new version, and cleaning up after dead ones.
 *
 * A slot's ticket is odd while its subscriber is armed: about to block, or blocked. The subscriber
 * arms (the ticket rises to an odd number), fences fully, and loads head; the publisher stores
 * head, fences fully, and loads the tickets. So either the subscriber sees the new head, or the
 * publisher sees the ticket armed, and sends. It sends once for each odd ticket that it sees, and
 * remembers that privately, after the send: who is awake and behind, or has a notice waiting, costs
 * a load. The publisher writes nothing into slots for this. A new publisher remembers nothing, so
 * it notifies every armed subscriber at first: a death between a commit and its notices is mended
 * so.
 */
#ifndef PUBLISHER_FANOUT_H
#define PUBLISHER_FANOUT_H

#include "lib/slots.h"
#include "notifier/notifier.h"

struct peer {
	const struct notifier *notifier; /* attached to channel; NULL: not */
	struct channel channel;
	uint8_t uuid[16];
	uint64_t sent; /* the ticket that was last sent for */
};

struct fanout {
	const struct names *names;
	const uint8_t *uuid; /* of the region */
	const uint64_t *head;
	const uint64_t *head_before; /* of the generation before: who waits there is woken too; or NULL */
	struct slots *slots; /* NULL: the subscribers file is lost */
	struct peer *peers;  /* one for each slot */
	uint32_t room;
	uint32_t reap_next;  /* where the next part of a reap begins */
	uint64_t reaped_at;  /* time of day of the last part of a reap */
	uint64_t woken_at;   /* time of day of the last wake of readers without a slot */
	uint64_t sent, skipped, full, failed, futex_wakes, reaped;
};

void fanout_finish(struct fanout *fanout);

/* Forgets what was sent for which ticket: everybody armed is told once more. */
void fanout_forget(struct fanout *fanout);

/* Makes room for a slot's peer. 0 or -ENOMEM. */
int fanout_reserve(struct fanout *fanout);

/* Notifies. Call after head was stored. `now` is the time of day. */
void fanout_notify(struct fanout *fanout, uint64_t version, uint64_t now);

/* Cleans up after dead subscribers, looking at no more than `most` slots. Returns how many were
 * dead. */
uint32_t fanout_reap(struct fanout *fanout, uint32_t most);

#endif
