/* SPDX-License-Identifier: MIT
 *
 * The notifier "sysv": one System V message queue (sysvipc(7)) for all subscribers of a region. A
 * notice is an empty message; its type is one more than the index of the subscriber's slot, and
 * each subscriber receives its own type. At most one message is on its way to each subscriber:
 * before the publisher sends, it sets a word in the slot, which the subscriber clears.
 *
 * The key of the queue comes from the region's uuid. The publisher makes the queue for the first
 * subscriber with this notifier. While there is no queue (not made yet, or removed by another
 * process), a subscriber waits on a futex on the word in its slot, and looks for the queue before
 * each wait. It does not wait on head: the queue may be made after the subscriber looked for it,
 * and the publisher would not know that this subscriber needs a wake of the futex for each version.
 *
 * msgrcv(2) has no time-out, but every wait here must end. A blocked msgrcv(2) ends by a message,
 * or by a signal with a handler, which a library must not install. So each channel has a thread
 * that sends this message. The thread sleeps until the wait must end; a wait with a later end need
 * not wake it. The alternatives were worse: polling with IPC_NOWAIT
 * is late or busy; a thread that receives and passes each notice on costs a context switch for
 * each; a POSIX timer with SIGEV_THREAD makes a new thread for each expiration.
 *
 * Every user who may read the region may send to the queue and receive from it: a subscriber
 * receives, and its thread sends. Stealing a notice or filling the queue delays a subscriber by
 * channel->slice at most: a sender that finds the queue full removes the oldest message.
 */
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/msg.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/thread.h"
#include "lib/units.h"
#include "notifier/common.h"

/* The time after which the thread sends another message if a wait did not end, in nanoseconds. */
#define RETRY (10 * NSEC_PER_MSEC)
/* The number of tries to send while other processes fill the queue. */
#define FULL_TRIES 8

/* The state of a subscriber's channel. */
struct sysv {
	int queue; /* the queue's id; -1: not found yet */
	long type; /* the type of the subscriber's messages */
	struct thread thread;
	/* The lock protects the members below. */
	pthread_mutex_t lock;
	pthread_cond_t wake; /* wakes the thread */
	bool ends;           /* tells the thread to end */
	bool pushed;         /* the thread has sent a message to end this wait */
	int64_t until;       /* CLOCK_MONOTONIC, when to end the wait; INT64_MAX: no wait */
	/* CLOCK_MONOTONIC, when the thread wakes up by itself; INT64_MAX: never. After a wait has
	 * ended early, the thread sleeps on, so that the next wait need not wake it. */
	int64_t next;
	int to; /* the id of the queue in which the subscriber waits */
};

/* ---- the queue ---- */

static key_t sysv_key(const uint8_t region_uuid[16])
{
	key_t key;

	memcpy(&key, region_uuid, sizeof(key));
	return key == IPC_PRIVATE ? 1 : key;
}

/* Returns the id of the region's queue, or a negative errno: -EPERM if another user than `maker`
 * made it. */
static int sysv_find_queue(const uint8_t region_uuid[16], uid_t maker)
{
	struct msqid_ds status;
	int queue = msgget(sysv_key(region_uuid), 0);

	if (queue < 0 || msgctl(queue, IPC_STAT, &status) < 0)
		return -errno;
	return status.msg_perm.cuid == maker ? queue : -EPERM;
}

/* Makes the region's queue, for all users who may read the region. Returns its id or a negative
 * errno. */
static int sysv_make_queue(const struct channel *channel)
{
	struct msqid_ds status;
	struct stat region;
	int mode, queue;

	if (stat(channel->names->data, &region) < 0)
		return -errno;
	mode = 0600 | (region.st_mode & 040 ? 060 : 0) | (region.st_mode & 04 ? 06 : 0);
	queue = msgget(sysv_key(channel->region_uuid), IPC_CREAT | IPC_EXCL | mode);
	if (queue < 0)
		return -errno;
	if (msgctl(queue, IPC_STAT, &status) == 0 && status.msg_perm.gid != region.st_gid) {
		status.msg_perm.gid = region.st_gid;
		msgctl(queue, IPC_SET, &status);
	}
	return queue;
}

/* Sends a notice. Removes the oldest message of a full queue. Returns 0 or a negative errno:
 * -ENOBUFS if other processes keep the queue full. */
static int sysv_push(int queue, long type)
{
	struct {
		long type;
		char none[1];
	} message = {.type = type}, old;
	int r = -EAGAIN;

	for (int i = 0; i < FULL_TRIES && r == -EAGAIN; i++) {
		r = msgsnd(queue, &message, 0, IPC_NOWAIT) < 0 ? -errno : 0;
		if (r == -EAGAIN)
			msgrcv(queue, &old, 0, 0, IPC_NOWAIT | MSG_NOERROR);
	}
	return r == -EAGAIN ? -ENOBUFS : r;
}

/* Receives a notice. Returns 0 or a negative errno. */
static int sysv_pull(int queue, long type, int flags)
{
	struct {
		long type;
		char none[1];
	} message;

	return msgrcv(queue, &message, 0, type, flags | MSG_NOERROR) < 0 ? -errno : 0;
}

static void sysv_pull_all(int queue, long type)
{
	for (int i = 0; i < COMMON_DRAIN && sysv_pull(queue, type, IPC_NOWAIT) == 0; i++)
		;
}

static long sysv_type(const struct channel *channel)
{
	return (long)channel->index + 1;
}

/* Values of the word in the slot. */
enum {
	CLEAR = 0,    /* stored by the subscriber: no notice is pending */
	SENT = 1,     /* stored by the publisher, before it sends */
	NO_QUEUE = 2, /* stored by the subscriber, which waits on a futex on this word */
};

static uint32_t *sysv_word(const struct channel *channel)
{
	return (uint32_t *)(void *)&channel->slot->semaphore;
}

/* Exchanges the word in the slot, for the publisher and the subscriber.
 *
 * If the publisher finds SENT, it sends nothing (sysv_send()). It stored head before its exchange,
 * and the subscriber clears the word with a later exchange (sysv_wait(), sysv_drain()). Exchanges
 * acquire and release, so the subscriber finds the publisher's version when it reads head next. */
static uint32_t sysv_word_exchange(const struct channel *channel, uint32_t value)
{
	return __atomic_exchange_n(sysv_word(channel), value, __ATOMIC_ACQ_REL);
}

static bool sysv_word_change(const struct channel *channel, uint32_t from, uint32_t to)
{
	return __atomic_compare_exchange_n(sysv_word(channel), &from, to, false, __ATOMIC_ACQ_REL,
	                                   __ATOMIC_RELAXED);
}

static void sysv_word_wait(const struct channel *channel, int64_t until)
{
	struct timespec end = common_time(until);

	/* The time-out is absolute, on CLOCK_MONOTONIC. */
	if (sysv_word_change(channel, CLEAR, NO_QUEUE))
		syscall(COMMON_SYS_FUTEX, sysv_word(channel), FUTEX_WAIT_BITSET, NO_QUEUE, &end,
		        NULL, FUTEX_BITSET_MATCH_ANY);
	sysv_word_exchange(channel, CLEAR);
}

static void sysv_word_wake(const struct channel *channel)
{
	syscall(SYS_futex, sysv_word(channel), FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

/* ---- the thread that ends a wait ---- */

static void *sysv_end_waits(void *argument)
{
	struct sysv *sysv = argument;

	pthread_mutex_lock(&sysv->lock);
	while (!sysv->ends) {
		int64_t now = clock_monotonic();
		struct timespec next;
		sysv->next = sysv->until;
		if (sysv->until <= now) {
			sysv->pushed = true;
			sysv_push(sysv->to, sysv->type);
			sysv->next = now + RETRY;
		}
		next = common_time(sysv->next);
		if (sysv->next == INT64_MAX)
			pthread_cond_wait(&sysv->wake, &sysv->lock);
		else
			pthread_cond_timedwait(&sysv->wake, &sysv->lock, &next);
	}
	pthread_mutex_unlock(&sysv->lock);
	return NULL;
}

static void sysv_begin_wait(struct sysv *sysv, int64_t until)
{
	pthread_mutex_lock(&sysv->lock);
	sysv->pushed = false;
	sysv->to = sysv->queue;
	sysv->until = until;
	if (until < sysv->next)
		pthread_cond_signal(&sysv->wake);
	pthread_mutex_unlock(&sysv->lock);
}

/* Stops the thread from ending this wait. Returns true if the thread has sent a message, which may
 * still be in the queue. */
static bool sysv_end_wait(struct sysv *sysv)
{
	bool pushed;

	pthread_mutex_lock(&sysv->lock);
	sysv->until = INT64_MAX;
	pushed = sysv->pushed;
	pthread_mutex_unlock(&sysv->lock);
	return pushed;
}

static void sysv_end_thread(void *context)
{
	struct sysv *sysv = context;

	pthread_mutex_lock(&sysv->lock);
	sysv->ends = true;
	pthread_cond_signal(&sysv->wake);
	pthread_mutex_unlock(&sysv->lock);
}

/* Starts the channel's thread, with all signals blocked, so that none is delivered to it. */
static int sysv_start_thread(struct sysv *sysv)
{
	pthread_condattr_t monotonic;
	sigset_t all;

	pthread_mutex_init(&sysv->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&sysv->wake, &monotonic);
	pthread_condattr_destroy(&monotonic);
	sigfillset(&all);
	sysv->thread.stop = sysv_end_thread;
	return thread_start(&sysv->thread, &all, sysv_end_waits, sysv);
}

/* ---- the subscriber's side ---- */

static int sysv_open(struct channel *channel)
{
	struct sysv *sysv = calloc(1, sizeof(*sysv));
	int r = sysv ? 0 : -ENOMEM;

	if (r == 0) {
		sysv->type = sysv_type(channel);
		sysv->until = INT64_MAX;
		sysv->queue = sysv_find_queue(channel->region_uuid, channel->owner);
		if (sysv->queue >= 0)
			sysv_pull_all(sysv->queue, sysv->type);
		sysv_word_exchange(channel, CLEAR);
		r = sysv_start_thread(sysv);
	}
	if (r < 0) {
		free(sysv);
		return error_set(-r, "cannot start the thread of the notifier \"sysv\": %s",
		                 strerror(-r));
	}
	channel->state = sysv;
	snprintf(channel->name, sizeof(channel->name), "message queue with key 0x%08x, type %ld",
	         (unsigned)sysv_key(channel->region_uuid), sysv->type);
	return 0;
}

static void sysv_drain(struct channel *channel)
{
	struct sysv *sysv = channel->state;

	if (sysv->queue >= 0)
		sysv_pull_all(sysv->queue, sysv->type);
	sysv_word_exchange(channel, CLEAR);
}

static void sysv_wait(struct channel *channel, uint64_t seen, int64_t deadline)
{
	struct sysv *sysv = channel->state;
	int64_t until = common_until(channel, deadline);
	int r;

	(void)seen;
	if (until <= clock_monotonic())
		return;
	if (sysv->queue < 0)
		sysv->queue = sysv_find_queue(channel->region_uuid, channel->owner);
	if (sysv->queue < 0) {
		sysv_word_wait(channel, until);
		return;
	}
	sysv_begin_wait(sysv, until);
	r = sysv_pull(sysv->queue, sysv->type, 0);
	if (sysv_end_wait(sysv))
		sysv_pull_all(sysv->queue, sysv->type);
	sysv_word_exchange(channel, CLEAR);
	/* Any other error means that the queue was removed. */
	if (r < 0 && r != -EINTR)
		sysv->queue = -1;
}

static void sysv_close(struct channel *channel)
{
	struct sysv *sysv = channel->state;

	thread_stop(&sysv->thread);
	pthread_cond_destroy(&sysv->wake);
	pthread_mutex_destroy(&sysv->lock);
	if (sysv->queue < 0)
		sysv->queue = sysv_find_queue(channel->region_uuid, channel->owner);
	sysv_drain(channel);
	free(sysv);
	channel->state = NULL;
}

/* A child made by fork() has no copy of the thread, and the lock may have been held at the fork:
 * use neither. */
static void sysv_abandon(struct channel *channel)
{
	struct sysv *sysv = channel->state;

	if (sysv)
		thread_stop(&sysv->thread);
	free(sysv);
	channel->state = NULL;
}

/* ---- the publisher's side ---- */

/* Finds or makes the region's queue. Returns its id or a negative errno. channel->state caches the
 * id plus one; NULL means that the id is not known. */
static int sysv_queue(struct channel *channel)
{
	int queue;

	if (channel->state)
		return (int)((intptr_t)channel->state - 1);
	queue = sysv_find_queue(channel->region_uuid, channel->owner);
	if (queue == -ENOENT)
		queue = sysv_make_queue(channel);
	if (queue >= 0)
		channel->state = (void *)((intptr_t)queue + 1);
	return queue;
}

static int sysv_attach(struct channel *channel)
{
	/* The last publisher may have died after it set the word and before it sent the message. */
	if (sysv_word_change(channel, SENT, CLEAR))
		sysv_word_wake(channel);
	sysv_queue(channel);
	return 0;
}

static int sysv_send(struct channel *channel, uint64_t version)
{
	uint32_t before = sysv_word_exchange(channel, SENT);
	int queue, r = -ENOENT;

	(void)version;
	if (before == SENT)
		return -EAGAIN;
	/* The subscriber found no queue, so an id in `state` is stale. */
	if (before == NO_QUEUE)
		channel->state = NULL;
	queue = sysv_queue(channel);
	if (before == CLEAR && queue >= 0)
		r = sysv_push(queue, sysv_type(channel));
	if (r == 0)
		return 0;
	/* The word itself is the notice: if the queue is gone, the subscriber waits on the word
	 * next, and finds it changed. With -ENOBUFS and -ENOMEM the queue exists, and the
	 * subscriber may block in it until channel->slice is over. Only these two errors are
	 * failures. */
	sysv_word_wake(channel);
	return r == -ENOBUFS || r == -ENOMEM ? r : 0;
}

static void sysv_detach(struct channel *channel)
{
	channel->state = NULL;
}

static int sysv_reap(struct channel *channel)
{
	int queue = sysv_find_queue(channel->region_uuid, channel->owner);

	if (queue >= 0)
		sysv_pull_all(queue, sysv_type(channel));
	return 0;
}

static void sysv_remove(const struct region_paths *names, const uint8_t region_uuid[16])
{
	int queue = msgget(sysv_key(region_uuid), 0);

	(void)names;
	/* The kernel lets only the queue's owner and root remove it. */
	if (queue >= 0)
		msgctl(queue, IPC_RMID, NULL);
}

const struct notifier notifier_sysv = {
	.name = "sysv",
	.kind = LAYOUT_NOTIFIER_SYSV,
	.of_ipc_namespace = true,
	.open = sysv_open,
	.wait = sysv_wait,
	.drain = sysv_drain,
	.close = sysv_close,
	.abandon = sysv_abandon,
	.attach = sysv_attach,
	.send = sysv_send,
	.detach = sysv_detach,
	.reap = sysv_reap,
	.remove = sysv_remove,
};
