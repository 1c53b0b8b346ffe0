/* SPDX-License-Identifier: MIT */
#include "publisher/notices/notify.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/units.h"
#include "publisher/notices/reap.h"

/* Nanoseconds between two partial reaps, and the number of slots that each reap checks. */
#define REAP_INTERVAL (uint64_t)(100 * NSEC_PER_MSEC)
#define REAP_SLOTS    8u
/* Reaping takes at most this fraction of a publisher's time: 1 / REAP_SHARE. */
#define REAP_SHARE UINT64_C(64)

/* Makes a partial reap if it is time for one. */
static void notify_reap_part(struct fanout *fanout, uint64_t now)
{
	int64_t started;

	/* Uses the time of day because the commit has read it already. If the clock is set, a reap
	 * comes early or late. */
	if (now - fanout->reaped_at < REAP_INTERVAL + fanout->reap_pause)
		return;
	fanout->reaped_at = now;
	started = clock_thread();
	reap_dead(fanout, REAP_SLOTS);
	/* Wait longer after a slow reap: a process that holds a million locks on the file makes
	 * each query for a lock slow. */
	fanout->reap_pause = REAP_SHARE * (uint64_t)(clock_thread() - started);
}

/* Sends pending notices until notify_stop(): the notifier thread. */
static void *notify_run(void *context)
{
	struct notify *notify = context;
	struct notice notice;
	struct sched_param none = {0};

	/* A SCHED_BATCH thread does not preempt the thread that wakes it, so the commit continues.
	 * If the policy can't be set, the thread may preempt the commit. */
	pthread_setschedparam(pthread_self(), SCHED_BATCH, &none);

	pthread_mutex_lock(&notify->lock);
	for (;;) {
		while (!notify->is_pending && !notify->stop)
			pthread_cond_wait(&notify->posted, &notify->lock);
		if (!notify->is_pending)
			break;
		notice = notify->pending;
		notify->is_pending = false;
		pthread_mutex_unlock(&notify->lock);

		pthread_mutex_lock(&notify->sending);
		fanout_notify(notify->fanout, &notice);
		notify_reap_part(notify->fanout, notice.time);
		pthread_mutex_unlock(&notify->sending);

		pthread_mutex_lock(&notify->lock);
	}
	pthread_mutex_unlock(&notify->lock);
	return NULL;
}

/* Tells the thread to end once it has sent all notices. */
static void notify_end(void *context)
{
	struct notify *notify = context;

	pthread_mutex_lock(&notify->lock);
	notify->stop = true;
	pthread_cond_signal(&notify->posted);
	pthread_mutex_unlock(&notify->lock);
}

int notify_start(struct notify *notify, struct fanout *fanout, bool threaded)
{
	sigset_t all;
	int r;

	notify->fanout = fanout;
	if (!threaded)
		return 0;
	pthread_mutex_init(&notify->sending, NULL);
	pthread_mutex_init(&notify->lock, NULL);
	pthread_cond_init(&notify->posted, NULL);
	/* The program's signals are for the program's own threads. SIGBUS stays unblocked: any
	 * reader can truncate the subscribers file, and the fault that this thread then gets must
	 * reach the handler in lib/storage/guard.h. A fault while SIGBUS is blocked would end the
	 * process. */
	sigfillset(&all);
	sigdelset(&all, SIGBUS);
	notify->thread.stop = notify_end;
	r = thread_start(&notify->thread, &all, notify_run, notify);
	if (r < 0)
		return error_set(ENOMEM, "cannot start the thread that sends notices: %s",
		                 strerror(-r));
	notify->threaded = true;
	return 0;
}

void notify_stop(struct notify *notify)
{
	if (!notify->threaded)
		return;
	thread_stop(&notify->thread);
	notify->threaded = false;
}

void notify_abandon(struct notify *notify)
{
	if (notify->threaded)
		thread_stop(&notify->thread);
	notify->threaded = false;
}

void notify_post(struct notify *notify, const struct notice *notice)
{
	uint32_t mask;

	if (!notify->threaded) {
		fanout_notify(notify->fanout, notice);
		return;
	}
	mask = notice_mask(notice);
	/* Waking the thread costs a system call, too. While no subscriber is armed, the thread only
	 * has to wake readers without a slot and to reap; once each FANOUT_INTERVAL is enough. */
	if (!notice->everybody &&
	    notice_recent_covers(&notify->handed, notice->time, mask, FANOUT_INTERVAL) &&
	    !fanout_anyone_armed(notify->fanout))
		return;
	notice_recent_add(&notify->handed, notice->time, mask, FANOUT_INTERVAL);
	pthread_mutex_lock(&notify->lock);
	if (notify->is_pending)
		notice_merge(&notify->pending, notice);
	else
		notify->pending = *notice;
	notify->is_pending = true;
	pthread_mutex_unlock(&notify->lock);
	pthread_cond_signal(&notify->posted);
}

void notify_reap_sometimes(struct notify *notify, uint64_t now)
{
	if (!notify->threaded)
		notify_reap_part(notify->fanout, now);
}

void notify_pause(struct notify *notify)
{
	if (notify->threaded)
		pthread_mutex_lock(&notify->sending);
}

void notify_resume(struct notify *notify)
{
	if (notify->threaded)
		pthread_mutex_unlock(&notify->sending);
}
