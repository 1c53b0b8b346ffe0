/* SPDX-License-Identifier: MIT
 *
 * Telling subscribers that there is a new version, and cleaning up after dead ones (reap.c).
 *
 * A slot's ticket is odd while its subscriber is armed: about to block, or blocked. The subscriber
 * arms (the ticket rises to an odd number), fences fully, and loads head; the publisher stores
 * head, fences fully, and loads the tickets. So either the subscriber sees the new head, or the
 * publisher sees the ticket armed, and sends. It sends once for each odd ticket that it sees, and
 * remembers that privately, after the send: who is awake and behind, or has a notice waiting, costs
 * a load. What follows for notifiers and subscribers from there being one notice for a ticket is at
 * struct notifier. A wake of the futex does not stay, so it is sent for each version while a ticket is
 * armed. The publisher writes nothing into slots for this. peers.h says how a slot proves that it is a
 * subscriber's, and what is spent on those that do not. A new publisher remembers nothing, so
 * it notifies every armed subscriber at first: a death between a commit and its notices is mended
 * so.
 *
 * A slot may name tables (by hashes). Who named some is passed over by a commit that changed none
 * of them, and its ticket is not remembered as sent for: the next commit that concerns it sends.
 * The argument above holds for the versions that concern it. */
#ifndef PUBLISHER_NOTICES_FANOUT_H
#define PUBLISHER_NOTICES_FANOUT_H

#include "lib/units.h"
#include "lib/region/region.h"
#include "lib/region/slots.h"
#include "publisher/notices/peers.h"

/* Readers without a slot are woken at most this often, in nanoseconds. */
#define FANOUT_INTERVAL ((uint64_t)NSEC_PER_MSEC)

#define NOTICE_TABLES 16u
#define NOTICE_ANY    (NOTICE_TABLES + 1)

/* What subscribers are told of. */
struct notice {
	uint64_t version;
	uint64_t time;   /* of day, of the commit */
	bool everybody;  /* also who was told already, or named other tables */
	uint32_t tables; /* that changed; NOTICE_ANY: not known which */
	uint64_t hashes[NOTICE_TABLES];
};

struct fanout {
	const struct region *region; /* with its names, head, and owner */
	struct slots *slots;         /* NULL: the subscribers file is lost */
	struct peers peers;
	struct layout_notices *notices; /* in the publisher file, for others to see */
	uint32_t notices_room;          /* how many of them the file is known to hold */
	int notices_fd;
	uint32_t reap_next;  /* where the next part of a reap begins */
	uint64_t reaped_at;  /* time of day of the last part of a reap */
	uint64_t reap_pause; /* nanoseconds more than usual until the next one */
	uint64_t woken_at;   /* time of day of the last wake of readers without a slot */
	uint64_t sent, skipped, full, failed, futex_wakes, reaped;
};

void fanout_finish(struct fanout *fanout);

/* The head is that of another file now. */
void fanout_move(struct fanout *fanout);

/* Says that a table changed, by the hash of its name. */
void notice_add(struct notice *notice, uint64_t hash);
/* Merges `later` into `notice`. */
void notice_merge(struct notice *notice, const struct notice *later);

/* Notifies. Call after head was stored. */
void fanout_notify(struct fanout *fanout, const struct notice *notice);

/* True where a ticket is odd, so that there is something to send, perhaps. Call after head was stored:
 * who arms after this looks at a head that is there. */
bool fanout_anyone_armed(const struct fanout *fanout);

/* Cleans up after dead subscribers, looking at the locks of no more than `most` slots. Returns how
 * many were dead. For UINT32_MAX it looks at all, with one question for the lock of each slot and
 * two calls for each dead one, whatever stands in the slots. For less it also looks at no more than
 * FANOUT_REAP_OTHERS locks of slots that have the uuid of a dead one (forged, or that would be the
 * living one's queue), and leaves the dead one for later where that is not enough; and it ends
 * after FANOUT_REAP_TIME. */
#define FANOUT_REAP_OTHERS 64
#define FANOUT_REAP_TIME   (200 * NSEC_PER_USEC)
uint32_t fanout_reap(struct fanout *fanout, uint32_t most);

/* Adds the uuids of all slots whose lock is held to a set. What was made for a subscriber and is
 * found before this may be removed if its uuid is not there. 0 or -ENOMEM. */
struct uuids;
int fanout_living(struct fanout *fanout, struct uuids *ret);

#endif
