/* SPDX-License-Identifier: MIT
 *
 * The notifier "semaphore": a binary semaphore in the subscriber's slot, made of a count and a
 * futex on it. It wakes only its own subscriber, while the futex on head wakes all.
 *
 * It is not a sem_t, because every user who may read the region may write to a slot. In sem_post(3)
 * glibc reads the word behind the count, which says whether the semaphore is shared between
 * processes, and xors that word into the futex operation; on an unexpected error it aborts. With a
 * 1 there and a forged waiter, sem_post(3) in the publisher blocks for ever. sem_wait(3) has the
 * same hole.
 *
 * Here no value in the slot decides what is done. The publisher stores 1 and wakes all waiters; the
 * subscriber stores 0 and reads head. A stranger that writes to the slot costs the subscriber one
 * read of head, or a wait of notifier_slice.
 */
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "notifier/common.h"

static uint32_t *semaphore_count(const struct channel *channel)
{
	return (uint32_t *)(void *)channel->slot->semaphore;
}

/* Consumes the notice, and returns the count before.
 *
 * The other end is semaphore_send(). If that finds the count at 1, its notice merges with the
 * pending one, and its exchange comes before this one. Both exchanges acquire and release, so the
 * publisher's store of head happens before this, and the subscriber finds that version when it
 * reads head next. */
static uint32_t semaphore_take(struct channel *channel)
{
	return __atomic_exchange_n(semaphore_count(channel), 0, __ATOMIC_ACQ_REL);
}

static int semaphore_open(struct channel *channel)
{
	snprintf(channel->name, sizeof(channel->name), "semaphore in slot %u", channel->index);
	semaphore_take(channel);
	return 0;
}

static void semaphore_wait(struct channel *channel, uint64_t seen, int64_t deadline)
{
	struct timespec end = common_time(common_until(deadline));

	(void)seen;
	if (semaphore_take(channel) != 0)
		return;
	/* The time-out is absolute, on CLOCK_MONOTONIC. Returns at once if the count is no longer
	 * 0. */
	syscall(COMMON_SYS_FUTEX, semaphore_count(channel), FUTEX_WAIT_BITSET, 0, &end, NULL,
	        FUTEX_BITSET_MATCH_ANY);
	semaphore_take(channel);
}

/* Wakes all waiters, though there is one subscriber: a stranger that waits on the same word could
 * take a single wake. */
static int semaphore_send(struct channel *channel, uint64_t version)
{
	uint32_t before = __atomic_exchange_n(semaphore_count(channel), 1, __ATOMIC_ACQ_REL);

	(void)version;
	syscall(SYS_futex, semaphore_count(channel), FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
	return before == 0 ? 0 : -EAGAIN;
}

const struct notifier notifier_semaphore = {
	.name = "semaphore",
	.kind = LAYOUT_NOTIFIER_SEMAPHORE,
	.open = semaphore_open,
	.wait = semaphore_wait,
	.drain = common_do_nothing,
	.close = common_do_nothing,
	.abandon = common_do_nothing,
	.attach = common_succeed,
	.send = semaphore_send,
	.detach = common_do_nothing,
	.reap = common_succeed,
};
