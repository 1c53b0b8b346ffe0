/* SPDX-License-Identifier: MIT
 *
 * A binary semaphore in the subscriber's slot, between processes: a count, and a futex to wait on
 * it. It wakes its own subscriber and nobody else, where the futex on the head wakes all.
 *
 * It is not a sem_t, because everybody who may read the region may write into a slot. Posting a
 * sem_t, the C library takes from the semaphore itself how to wake (the word after the counts, which
 * says whether it is shared between processes), xors it into the number of the futex operation, and
 * aborts where that returns an unexpected error: with a 1 there and a waiter forged, sem_post(3) in
 * the publisher waits for ever. Waiting has the same hole. Here nothing that was read decides what is
 * done: whatever stands in the count, the publisher stores 1 and wakes whoever waits on that word,
 * and the subscriber stores 0 and looks at head. Scribbling costs a look or a slice.
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

/* The contract: a post that finds the count at 1 already, and so is one with the post before it,
 * happens before this (both are acquire and release), and with it the store of the head; so the look
 * after this finds that version. */
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
	/* Absolute, on CLOCK_MONOTONIC. Returns at once if the count is not 0 any more. */
	syscall(COMMON_SYS_FUTEX, semaphore_count(channel), FUTEX_WAIT_BITSET, 0, &end, NULL,
	        FUTEX_BITSET_MATCH_ANY);
	semaphore_take(channel);
}

/* Wakes all, though one waits: somebody else who waited there too would take the only wake. */
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
