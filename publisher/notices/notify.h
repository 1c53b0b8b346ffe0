/* SPDX-License-Identifier: MIT
 *
 * Who sends the notices: the one who commits, or a thread of the publisher's. With the thread a
 * commit hands over which tables changed and returns; what it hands over while the thread is
 * sending comes together into one round. The protocol of fanout.h is the same: head was stored
 * before the thread loads the tickets, as the lock that hands a notice over orders the two, too.
 *
 * Called by the commit, and by whatever changes the file or the slots that the thread uses. */
#ifndef PUBLISHER_NOTICES_NOTIFY_H
#define PUBLISHER_NOTICES_NOTIFY_H

#include <pthread.h>
#include "publisher/notices/fanout.h"

struct notify {
	struct fanout *fanout;
	bool threaded;
	pthread_t thread;
	pthread_mutex_t sending; /* held while the thread uses the fanout and what it points at */
	pthread_mutex_t lock;    /* of what follows; never held for long */
	pthread_cond_t posted;
	struct notice pending;
	uint64_t
		posted_at; /* time of day when the thread was last given something; the committer's */
	bool is_pending, stop;
};

/* With a thread: 0 or -ENOMEM. */
int notify_start(struct notify *notify, struct fanout *fanout, bool threaded);
/* Sends what is pending, and ends the thread. */
void notify_stop(struct notify *notify);
/* In a child made by fork(), where the thread is not. */
void notify_abandon(struct notify *notify);

/* Tells subscribers, or has them told; and cleans up after a few dead ones now and then. Call after
 * head was stored. */
void notify_post(struct notify *notify, const struct notice *notice);
void notify_reap_sometimes(struct notify *notify, uint64_t now);

/* Between them the thread leaves the fanout alone, and what it points at may change. They don't
 * nest. */
void notify_pause(struct notify *notify);
void notify_resume(struct notify *notify);

#endif
