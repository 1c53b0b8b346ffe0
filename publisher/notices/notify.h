/* SPDX-License-Identifier: MIT
 *
 * Sends notices, either in the thread that commits or in a thread of the publisher's own
 * (STELE_NOTIFIER_THREAD). With the thread, a commit hands over which tables changed and returns;
 * notices that arrive while the thread is sending are merged into one. The protocol of fanout.h
 * holds with and without the thread: the commit stores head before it hands the notice over, and
 * the lock for the handover orders that store before the thread's loads of the tickets.
 *
 * Called by the open, the commit and the close, and by the code that replaces the files that the
 * thread uses. */
#ifndef PUBLISHER_NOTICES_NOTIFY_H
#define PUBLISHER_NOTICES_NOTIFY_H

#include <pthread.h>
#include "lib/base/thread.h"
#include "publisher/notices/fanout.h"

struct notify {
	struct fanout *fanout;
	bool threaded; /* there is a thread; the members below are in use only then */
	struct thread thread;
	pthread_mutex_t sending;     /* held while the thread uses the fanout and its files */
	pthread_mutex_t lock;        /* protects pending, is_pending and stop; held only briefly */
	pthread_cond_t posted;       /* signalled when is_pending or stop becomes true */
	struct notice pending;       /* to be sent, if is_pending */
	struct notice_recent handed; /* the last handovers; only the committer uses it */
	bool is_pending, stop;
};

/* Sets up `notify`; if `threaded`, starts the thread. Returns 0 or -ENOMEM. */
int notify_start(struct notify *notify, struct fanout *fanout, bool threaded);

/* Sends the pending notice, and ends the thread. */
void notify_stop(struct notify *notify);

/* For a child made by fork(), where the thread does not run: marks the thread as gone, without
 * joining it. */
void notify_abandon(struct notify *notify);

/* Sends a notice, or hands it over to the thread. Call after head was stored. */
void notify_post(struct notify *notify, const struct notice *notice);

/* Cleans up after dead subscribers, a few slots at a time, if enough time has passed. With a
 * thread this does nothing: the thread reaps. `now` is the time of day. */
void notify_reap_sometimes(struct notify *notify, uint64_t now);

/* Between the two calls the thread does not use the fanout and its files, so that the caller may
 * replace them. The calls don't nest. */
void notify_pause(struct notify *notify);
void notify_resume(struct notify *notify);

#endif
