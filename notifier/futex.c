/* SPDX-License-Identifier: MIT
 *
 * The notifier "futex": a futex (futex(2)) on the low half of the head word, in the subscriber's
 * read-only mapping. It needs no kernel object for each subscriber, and one system call wakes all.
 *
 * Waiters wait on the word that makes a commit visible. So a publisher that dies after a commit has
 * changed that word already; only the call that wakes the waiters can be missing. The low half
 * repeats after 2^30 versions; a waiter that mistakes it for the old value loses a slice at most,
 * as all bits of head are compared after each wait.
 */
#include "notifier/futex.h"

#include <limits.h>
#include <linux/futex.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "notifier/common.h"

static const uint32_t *futex_word(const uint64_t *head)
{
	return (const uint32_t *)(const void *)head +
	       (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 1 : 0);
}

static int futex_open(struct channel *channel)
{
	snprintf(channel->name, sizeof(channel->name), "head of %s", channel->names->region);
	return 0;
}

static void futex_wait(struct channel *channel, uint64_t seen, int64_t deadline)
{
	struct timespec end = common_time(common_until(channel, deadline));

	/* The time-out is absolute, on CLOCK_MONOTONIC. Returns at once if the word is no longer
	 * `seen`. */
	syscall(COMMON_SYS_FUTEX, futex_word(channel->head), FUTEX_WAIT_BITSET, (uint32_t)seen,
	        &end, NULL, channel->futex_mask ? channel->futex_mask : FUTEX_BITSET_MATCH_ANY);
}

void notifier_futex_wake(const uint64_t *head, uint32_t mask)
{
	syscall(SYS_futex, futex_word(head), FUTEX_WAKE_BITSET, INT_MAX, NULL, NULL, mask);
}

static int futex_send(struct channel *channel, uint64_t version)
{
	(void)version;
	notifier_futex_wake(channel->head, UINT32_MAX);
	return 0;
}

const struct notifier notifier_futex = {
	.name = "futex",
	.kind = LAYOUT_NOTIFIER_FUTEX,
	.open = futex_open,
	.wait = futex_wait,
	.drain = common_do_nothing,
	.close = common_do_nothing,
	.abandon = common_do_nothing,
	.attach = common_succeed,
	.send = futex_send,
	.detach = common_do_nothing,
	.reap = common_succeed,
};
