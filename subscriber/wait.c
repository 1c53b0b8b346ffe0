/* SPDX-License-Identifier: MIT
 *
 * Blocking until there is a newer version: stele_subscriber_wait() and stele_subscriber_fd(). The
 * other half of the protocol is fanout_notify() in publisher/notices/fanout.c.
 *
 *   arm     raise the ticket in the slot to the next odd number
 *   fence   full: the ticket is stored before head is loaded
 *   check   load head; return if there is a newer version
 *   block   in the notifier; whatever ends the block, begin again
 *
 * The publisher stores head, fences, and then loads the ticket. So either this subscriber sees the
 * new head, or the publisher sees the armed ticket and sends a notice. If the publisher dies before
 * it sends, the subscriber finds the version when notifier_slice is over.
 *
 * The publisher sends one notice for each ticket, and the block may have consumed it. So each block
 * needs a new ticket (notifier/notifier.h). A drain of the descriptor after arming could consume
 * the notice for the new ticket, so the drain comes before.
 *
 * On return the ticket is disarmed, so that a subscriber that is awake costs the publisher no
 * system call. After a call of stele_subscriber_fd(), the ticket stays armed, because the caller's
 * own loop waits.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/probe.h"
#include "lib/units.h"
#include "subscriber/interest.h"
#include "subscriber/move.h"
#include "subscriber/registration.h"
#include "subscriber/retry.h"

/* How long a subscriber without a slot blocks before it reads head again, in nanoseconds. Only the
 * futex wakes it, and the publisher does not wake the futex for a commit within FANOUT_INTERVAL of
 * the last wake. So it blocks for POLL_SLICE until head has not changed for POLL_SLICE, which is
 * longer than FANOUT_INTERVAL; after that, for IDLE_SLICE. It finds a later commit without a wake
 * (one that concerns no table, or whose publisher was stopped or died) when IDLE_SLICE is over. */
#define POLL_SLICE (5 * NSEC_PER_MSEC)
#define IDLE_SLICE (100 * NSEC_PER_MSEC)

/* How many tries to find out which tables changed, if the publisher reclaims the version each
 * time. */
#define TRIES 16

/* How many times head is loaded between two reads of the clock, while spinning. */
#define SPIN_LOADS 64

/* Arms the ticket; a full fence follows. The caller must then load head before it blocks. */
static void wait_arm(struct stele_subscriber *subscriber)
{
	uint64_t ticket;

	if (subscriber->registered) {
		ticket = load_relaxed(&subscriber->slot->ticket);
		/* Odd: the notice for this ticket may be consumed already. */
		store_release(&subscriber->slot->ticket, ticket + (ticket % 2 == 1 ? 2 : 1));
	}
	fence_full();
}

/* Disarms the ticket, unless the caller has the descriptor of stele_subscriber_fd(). */
static void wait_disarm(struct stele_subscriber *subscriber)
{
	uint64_t ticket;

	if (!subscriber->registered || subscriber->epoll >= 0)
		return;
	ticket = load_relaxed(&subscriber->slot->ticket);
	if (ticket % 2 == 1)
		store_release(&subscriber->slot->ticket, ticket + 1);
}

/* Makes the descriptor of stele_subscriber_fd() unreadable again: consumes notices and the timer's
 * events. */
static void wait_drain(struct stele_subscriber *subscriber)
{
	uint64_t expirations;

	if (subscriber->epoll < 0)
		return;
	if (subscriber->notifier && subscriber->channel.fd >= 0)
		subscriber->notifier->drain(&subscriber->channel);
	while (read(subscriber->timer, &expirations, sizeof(expirations)) > 0)
		;
}

/* Loads head, and moves to the region's newest file first if the publisher is replacing the file.
 * Returns 0 or an error of subscriber_move().
 *
 * `*ret_head` is the very head word on which this function decided, as the caller blocks until head
 * differs from `*ret_head`. If the function decided on HEAD_REPLACING but returned a later
 * HEAD_REPLACED, the caller would block on a word that never changes again. */
static int wait_load_head(struct stele_subscriber *subscriber, uint64_t *ret_head)
{
	unsigned moves;
	int r;

	do {
		*ret_head = subscriber_head(subscriber);
		if (head_state(*ret_head) == HEAD_CURRENT)
			return 0;
		moves = subscriber->moves;
		r = subscriber_move(subscriber);
	} while (subscriber->moves != moves);
	/* HEAD_REPLACING and no file: a publisher whose file lost its name is about to write the
	 * file anew, or a removal is not finished. Both change head next, so this is no error
	 * yet. */
	return r == -ENOENT && head_state(*ret_head) == HEAD_REPLACING ? 0 : r;
}

/* Checks for a version newer than `since`. Returns 1 and the version; 0; -EAGAIN, if the publisher
 * reclaimed the version during the check; or an error. */
static int wait_poll_head_once(struct stele_subscriber *subscriber, uint64_t since,
                               uint64_t *ret_head, uint64_t *ret_version)
{
	uint64_t head, version;
	int moved = wait_load_head(subscriber, &head);

	version = head_version(head);

	fence_acquire();
	if (region_lost(subscriber->region))
		return region_error(subscriber->region, -EBADMSG, version);
	*ret_head = head;
	if (version > since || (version > 0 && interest_is_new(&subscriber->interest))) {
		int r = interest_changed(subscriber, since, version);
		if (r == -EBADMSG)
			return r;
		if (subscriber->registered)
			store_relaxed(&subscriber->slot->seen, version);
		*ret_version = version;
		if (r < 0 || (r == 1 && version > since))
			return r;
	}
	/* Errors of the move come last: report a committed version before reporting that the region
	 * is gone. */
	return moved;
}

/* Checks for a version newer than `since`. Tries again if the publisher reclaimed the version
 * during the check. Returns 1 and the version, 0, or an error. */
static int wait_poll_head(struct stele_subscriber *subscriber, uint64_t since, uint64_t *ret_head,
                          uint64_t *ret_version)
{
	struct retry retry = {.max_tries = TRIES};
	int r;

	do {
		r = wait_poll_head_once(subscriber, since, ret_head, ret_version);
		if (r != -EAGAIN)
			return r;
	} while (retry_again(&retry, subscriber->region));
	/* The publisher commits too fast to find out which tables changed. Report every version. */
	return *ret_version > since;
}

/* Polls head for the time of options.spin. The ticket stays disarmed, so that the publisher makes
 * no system call for this subscriber. Returns 1 and the version, 0, or an error. */
static int wait_spin(struct stele_subscriber *subscriber, uint64_t since, int64_t deadline,
                     uint64_t *head, uint64_t *ret_version)
{
	int64_t now = clock_monotonic(), until;

	until = subscriber->spin < INT64_MAX - now ? now + subscriber->spin : INT64_MAX;
	if (deadline < until)
		until = deadline;
	for (; now < until; now = clock_monotonic()) {
		int r = registration_check_files(subscriber, now);
		for (int i = 0; r == 0 && i < SPIN_LOADS && subscriber_head(subscriber) == *head;
		     i++)
			cpu_relax();
		if (r == 0 && subscriber_head(subscriber) != *head)
			r = wait_poll_head(subscriber, since, head, ret_version);
		if (r != 0)
			return r;
	}
	return 0;
}

/* Blocks until there is a notice, a signal or the deadline; for notifier_slice at most. A
 * subscriber without a notifier waits on the futex of the head word. */
static void wait_block(struct stele_subscriber *subscriber, uint64_t head, int64_t deadline)
{
	if (subscriber->notifier) {
		subscriber->notifier->wait(&subscriber->channel, head, deadline);
	} else {
		struct channel channel = {.fd = -1,
		                          .head = &subscriber->region->header->head,
		                          .futex_mask = interest_futex_mask(&subscriber->interest)};
		int64_t now = clock_monotonic(), slice;

		if (head != subscriber->idle_head) {
			subscriber->idle_head = head;
			subscriber->idle_since = now;
		}
		slice = now - subscriber->idle_since < POLL_SLICE ? POLL_SLICE : IDLE_SLICE;
		slice += now;
		notifier_futex.wait(&channel, head, deadline < slice ? deadline : slice);
	}
}

int stele_subscriber_wait(struct stele_subscriber *subscriber, uint64_t since, int64_t deadline_ns,
                          uint64_t *ret_version)
{
	uint64_t head, version;
	bool blocks;
	int r = subscriber_check(subscriber);

	if (r < 0)
		return r;
	wait_drain(subscriber);
	if (subscriber->epoll >= 0)
		r = registration_check_files(subscriber, clock_monotonic());
	if (r < 0)
		return r;
	/* If the caller has the descriptor, the ticket must be armed again before every return. So
	 * skip this check, which may return without arming. */
	r = subscriber->epoll >= 0 ? 0 : wait_poll_head(subscriber, since, &head, &version);
	if (r == 0 && subscriber->spin > 0 && subscriber->epoll < 0)
		r = wait_spin(subscriber, since, deadline_ns, &head, &version);
	while (r == 0) {
		wait_arm(subscriber);
		r = wait_poll_head(subscriber, since, &head, &version);
		if (r != 0)
			break;
		blocks = deadline_ns == STELE_FOREVER ||
		         (deadline_ns > 0 && clock_monotonic() < deadline_ns);
		/* A caller that has the descriptor blocks in its own loop after this call. */
		if (blocks || subscriber->epoll >= 0)
			PROBE2(wait, subscriber->region->names.region, head_version(head));
		if (!blocks)
			break;
		wait_block(subscriber, head, deadline_ns);
		r = registration_check_files(subscriber, clock_monotonic());
		if (r == 0 && subscriber->epoll < 0)
			r = wait_poll_head(subscriber, since, &head, &version);
	}
	wait_disarm(subscriber);
	if (r == 1) {
		*ret_version = version;
		PROBE3(woken, subscriber->region->names.region, since, version);
	}
	return r;
}

static int wait_make_descriptor(struct stele_subscriber *subscriber)
{
	struct timespec slice = {.tv_sec = notifier_slice / NSEC_PER_SEC};
	struct itimerspec every = {.it_interval = slice, .it_value = slice};
	struct epoll_event event = {.events = EPOLLIN};
	int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	if (timer >= 0 && epoll >= 0 && timerfd_settime(timer, 0, &every, NULL) == 0 &&
	    epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &event) == 0 &&
	    epoll_ctl(epoll, EPOLL_CTL_ADD, subscriber->channel.fd, &event) == 0) {
		subscriber->timer = timer;
		subscriber->epoll = epoll;
		return 0;
	}
	int r = error_set(errno, "cannot make a descriptor for a subscriber of region \"%s\": %s",
	                  subscriber->region->names.region, strerror(errno));
	if (timer >= 0)
		close(timer);
	if (epoll >= 0)
		close(epoll);
	return r;
}

int stele_subscriber_fd(const struct stele_subscriber *constant)
{
	/* The descriptor is made at the first call. That is invisible to the caller, so the public
	 * function takes a const subscriber. */
	struct stele_subscriber *subscriber = (struct stele_subscriber *)(uintptr_t)constant;
	int r = subscriber_check(subscriber);

	if (r == 0 && subscriber->epoll < 0) {
		if (!subscriber->notifier || subscriber->channel.fd < 0)
			return error_set(
				ENOTSUP,
				"the notifier \"%s\" has no descriptor; use stele_subscriber_wait",
				subscriber->notifier ? subscriber->notifier->name : "poll");
		r = wait_make_descriptor(subscriber);
		/* From now on the caller's loop waits, so the ticket must always be armed. */
		if (r == 0)
			wait_arm(subscriber);
	}
	return r < 0 ? r : subscriber->epoll;
}
