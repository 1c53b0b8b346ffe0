/* SPDX-License-Identifier: MIT
 *
 * One System V message queue (sysvipc(7)) for the region. A notice is an empty message whose type is
 * one more than the index of the subscriber's slot, and each subscriber takes its own type. Only one
 * is under way to each: the publisher sets a word in the slot before it sends, which the subscriber
 * clears. The key comes from the region's uuid. The publisher makes the queue for the first such
 * subscriber; until then, and when somebody has removed it, a subscriber waits on a futex on that word,
 * and looks for the queue before each wait. (Not on head: the publisher could not know that this
 * subscriber has to be woken there for each version, as the queue can come into being after the
 * subscriber has looked for it.)
 *
 * msgrcv(2) has no time-out, and every wait here must end by itself. What ends a system call from
 * outside is a signal with a handler, which a library must not install, or a message. So a thread of
 * the channel's sends the message: it sleeps until the wait's deadline, at most for a slice, so that
 * a wait with a far deadline need not wake it. The other ways were worse: looking with IPC_NOWAIT
 * again and again is late or busy; to let the thread receive and pass it on is a switch more for
 * each notice; and a POSIX timer with SIGEV_THREAD is such a thread too, and a new one each time.
 *
 * Whoever may read the region may receive and send here, as msgrcv needs the one and the thread the
 * other. Taking somebody's notice or filling the queue costs him a slice at most: who finds it full
 * makes room by taking the oldest message.
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

#include "lib/units.h"
#include "notifier/common.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"

#define RETRY      (10 * NSEC_PER_MSEC) /* before a wait that did not end is ended once more */
#define FULL_TRIES 8                    /* to make room in a full queue that others fill */

/* A subscriber's channel. */
struct sysv {
	int queue; /* -1: not found yet */
	long type;
	pthread_t thread;
	/* Under the lock. */
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool ends;
	bool pushed;   /* the thread has sent to end this wait */
	int64_t until; /* when to end the wait; INT64_MAX: nobody waits */
	int64_t next;  /* when the thread looks next */
	int to;        /* the queue of the wait */
};

/* ---- the queue ---- */

static key_t sysv_key(const uint8_t region_uuid[16])
{
	key_t key;

	memcpy(&key, region_uuid, sizeof(key));
	return key == IPC_PRIVATE ? 1 : key;
}

/* The region's queue, if this user made it: its id or a negative errno. */
static int sysv_find_queue(const uint8_t region_uuid[16], uid_t maker)
{
	struct msqid_ds status;
	int queue = msgget(sysv_key(region_uuid), 0);

	if (queue < 0 || msgctl(queue, IPC_STAT, &status) < 0)
		return -errno;
	return status.msg_perm.cuid == maker ? queue : -EPERM;
}

/* Makes it, for those who may read the region. */
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

/* Sends a notice; a full queue loses its oldest message. 0 or a negative errno, -ENOBUFS if others keep
 * the queue full. */
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

/* Takes a notice: 0 or a negative errno. */
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

/* The word in the slot. */
enum {
	CLEAR = 0,    /* by the subscriber */
	SENT = 1,     /* by the publisher, before it sends */
	NO_QUEUE = 2, /* by the subscriber: it waits for this word to change */
};

static uint32_t *sysv_word(const struct channel *channel)
{
	return (uint32_t *)(void *)channel->slot->semaphore;
}

/* The contract: where the publisher finds _SENT, it stored the head before the subscriber clears the
 * word (both exchange, with acquire and release), and the subscriber looks at head after that. */
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

	/* Absolute, on CLOCK_MONOTONIC. */
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
		sysv->next = now + notifier_slice;
		if (sysv->until <= now) {
			sysv->pushed = true;
			sysv_push(sysv->to, sysv->type);
			sysv->next = now + RETRY;
		} else if (sysv->until < sysv->next) {
			sysv->next = sysv->until;
		}
		next = common_time(sysv->next);
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

/* Returns whether there may be a message more than was taken. */
static bool sysv_end_wait(struct sysv *sysv)
{
	bool pushed;

	pthread_mutex_lock(&sysv->lock);
	sysv->until = INT64_MAX;
	pushed = sysv->pushed;
	pthread_mutex_unlock(&sysv->lock);
	return pushed;
}

/* A thread that no signal is delivered to. */
static int sysv_start_thread(struct sysv *sysv)
{
	pthread_condattr_t monotonic;
	sigset_t all, before;
	int r;

	pthread_mutex_init(&sysv->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&sysv->wake, &monotonic);
	pthread_condattr_destroy(&monotonic);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&sysv->thread, NULL, sysv_end_waits, sysv);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -r;
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
		return error_set(-r,
		                 "no thread or memory for a subscriber that is notified by sysv");
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
	int64_t until = common_until(deadline);
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
	/* Removed meanwhile, or before. */
	if (r < 0 && r != -EINTR)
		sysv->queue = -1;
}

static void sysv_close(struct channel *channel)
{
	struct sysv *sysv = channel->state;

	pthread_mutex_lock(&sysv->lock);
	sysv->ends = true;
	pthread_cond_signal(&sysv->wake);
	pthread_mutex_unlock(&sysv->lock);
	pthread_join(sysv->thread, NULL);
	pthread_cond_destroy(&sysv->wake);
	pthread_mutex_destroy(&sysv->lock);
	if (sysv->queue < 0)
		sysv->queue = sysv_find_queue(channel->region_uuid, channel->owner);
	sysv_drain(channel);
	free(sysv);
	channel->state = NULL;
}

/* In a child there is no such thread, and its lock may have been held at the fork. */
static void sysv_abandon(struct channel *channel)
{
	free(channel->state);
	channel->state = NULL;
}

/* ---- the publisher's side ---- */

/* The state of a publisher's channel is the queue's id and one; NULL: there is none. */
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
	/* A publisher that died between the word and its message has sent nothing. */
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
	/* It was not made yet, or it was removed. */
	if (before == NO_QUEUE)
		channel->state = NULL;
	queue = sysv_queue(channel);
	if (before == CLEAR && queue >= 0)
		r = sysv_push(queue, sysv_type(channel));
	if (r == 0)
		return 0;
	/* The word is the notice: a subscriber whose queue is gone finds it before it waits again. With
	 * these two the queue is there, and the subscriber in it, which looks after a slice. */
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
	/* For who made it, and root: the system judges. */
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
