/* SPDX-License-Identifier: MIT
 *
 * The notifier "semaphore": a binary semaphore in the subscriber's slot. Its count is a futex. This
 * notifier wakes only the slot's owner, while the notifier "futex" wakes all subscribers.
 *
 * It is not a sem_t, because every user who may read the region may write to a slot. In glibc,
 * sem_post(3) reads the word after the count (the flag for sharing between processes), and xors
 * that word into the futex operation; on an unexpected error it aborts. If a process sets that word
 * to 1 and forges a waiter, sem_post(3) in the publisher blocks for ever. sem_wait(3) has this
 * hole, too.
 *
 * Here no value in the slot becomes an argument of a system call. The publisher stores 1 and wakes
 * all waiters; the subscriber stores 0 and reads head. A forged count costs the subscriber one read
 * of head, or a wait of channel->slice.
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
	return (uint32_t *)(void *)&channel->slot->semaphore;
}

/* Consumes the notice. Returns the count before the call.
 *
 * The other end is semaphore_send(). If semaphore_send() finds the count at 1, its notice merges
 * with the pending one, and its exchange comes before the exchange here. Both exchanges acquire and
 * release, so the publisher's store of head happens before the exchange here. The subscriber then
 * finds the publisher's version when it reads head. */
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
	struct timespec end = common_time(common_until(channel, deadline));

	(void)seen;
	if (semaphore_take(channel) != 0)
		return;
	/* The time-out is absolute, on CLOCK_MONOTONIC. Returns at once if the count is no longer
	 * 0. */
	syscall(COMMON_SYS_FUTEX, semaphore_count(channel), FUTEX_WAIT_BITSET, 0, &end, NULL,
	        FUTEX_BITSET_MATCH_ANY);
	semaphore_take(channel);
}

/* Sends a notice. Wakes all waiters: a single wake could go to another process that waits on the
 * count. */
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
