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
 * it sends, the next one notifies everybody. If there is no next one, the subscriber finds the
 * version by the look that it takes without a notice (wait_slice()).
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
#include "subscriber/reopen.h"
#include "subscriber/retry.h"

/* How long a subscriber without a slot blocks before it reads head again, in nanoseconds, if head
 * has changed within this time. Only the futex wakes it, and the publisher does not wake the futex
 * for a commit within FANOUT_INTERVAL of a wake of the same tables. Once head has not changed for
 * POLL_SLICE, which is longer than FANOUT_INTERVAL, the next commit wakes it. */
#define POLL_SLICE (5 * NSEC_PER_MSEC)

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

/* Returns how long the subscriber may wait from `now` on until it looks at head without a notice:
 * as long as it has waited for a version already, but at least notifier_slice, and at most
 * NOTIFIER_SLICES of these. So a notice that is lost makes a version no later than twice its age,
 * and an idle subscriber hardly ever wakes up. While the subscriber waits for a region under its
 * name, it looks in each slice, as arrival_wait() does. */
static int64_t wait_slice(const struct stele_subscriber *subscriber, int64_t now)
{
	int64_t slice = now - subscriber->idle_since, max = notifier_slice;

	/* Without a channel in the descriptor, only the timer makes it readable. */
	if (!subscriber->notifier || subscriber->epoll < 0 || subscriber->channel.fd >= 0)
		max *= NOTIFIER_SLICES;
	if (slice < notifier_slice || subscriber->arrival.awaited)
		return notifier_slice;
	return slice < max ? slice : max;
}

/* Notes that the subscriber waits for a version after `since`. */
static void wait_begin(struct stele_subscriber *subscriber, uint64_t since)
{
	if (since == subscriber->idle_after)
		return;
	subscriber->idle_after = since;
	subscriber->idle_since = clock_monotonic();
}

/* Sets the timer of the descriptor for the next look at head. That also makes an expired timer
 * unreadable. Makes no system call if the timer will expire in time. */
static int wait_set_timer(struct stele_subscriber *subscriber)
{
	int64_t now = clock_monotonic(), slice = wait_slice(subscriber, now), at = now + slice;
	struct itimerspec timer = {
		.it_value = {.tv_sec = at / NSEC_PER_SEC, .tv_nsec = (long)(at % NSEC_PER_SEC)}};

	if (now < subscriber->timer_at && subscriber->timer_at <= at)
		return 0;
	subscriber->timer_at = at;
	return timerfd_settime(subscriber->timer, TFD_TIMER_ABSTIME, &timer, NULL);
}

/* Consumes the notices that make the descriptor of stele_subscriber_fd() readable. */
static void wait_drain(struct stele_subscriber *subscriber)
{
	if (subscriber->epoll >= 0 && subscriber->notifier && subscriber->channel.fd >= 0)
		subscriber->notifier->drain(&subscriber->channel);
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

/* Polls head for the time of options.spin_ns. The ticket stays disarmed, so that the publisher
 * makes no system call for this subscriber. Returns 1 and the version, 0, or an error. */
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

/* Blocks until there is a notice, a signal or the deadline; for wait_slice() at most. A subscriber
 * without a notifier waits on the futex of the head word. */
static void wait_block(struct stele_subscriber *subscriber, uint64_t head, int64_t deadline)
{
	int64_t now = clock_monotonic(), slice = wait_slice(subscriber, now);

	if (subscriber->notifier) {
		subscriber->channel.slice = slice;
		subscriber->notifier->wait(&subscriber->channel, head, deadline);
	} else {
		struct channel channel = {.fd = -1,
		                          .head = &subscriber->region->header->head,
		                          .futex_mask = interest_futex_mask(&subscriber->interest),
		                          .slice = slice};
		if (head != subscriber->polled_head) {
			subscriber->polled_head = head;
			subscriber->polled_since = now;
		}
		if (now - subscriber->polled_since < POLL_SLICE)
			channel.slice = POLL_SLICE;
		notifier_futex.wait(&channel, head, deadline);
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
	wait_begin(subscriber, since);
	subscriber_count_read(subscriber);
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
		subscriber_renew_handler(subscriber);
		r = registration_check_files(subscriber, clock_monotonic());
		if (r == 0 && subscriber->epoll < 0)
			r = wait_poll_head(subscriber, since, &head, &version);
	}
	wait_disarm(subscriber);
	if (r == 1) {
		*ret_version = version;
		subscriber->idle_since = clock_monotonic();
		PROBE3(woken, subscriber->region->names.region, since, version);
	}
	if (subscriber->epoll >= 0)
		wait_set_timer(subscriber);
	return r;
}

static int wait_make_descriptor(struct stele_subscriber *subscriber)
{
	struct epoll_event event = {.events = EPOLLIN};
	int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	subscriber->timer = timer;
	subscriber->timer_at = 0;
	if (timer >= 0 && epoll >= 0 && wait_set_timer(subscriber) == 0 &&
	    epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &event) == 0 &&
	    epoll_ctl(epoll, EPOLL_CTL_ADD, subscriber->channel.fd, &event) == 0) {
		subscriber->epoll = epoll;
		return 0;
	}
	int r = error_set(errno, "cannot make a descriptor for a subscriber of region \"%s\": %s",
	                  subscriber->region->names.region, strerror(errno));
	subscriber->timer = -1;
	if (timer >= 0)
		close(timer);
	if (epoll >= 0)
		close(epoll);
	return r;
}

int stele_subscriber_fd(struct stele_subscriber *subscriber)
{
	int r = subscriber_check(subscriber);

	if (r < 0 || subscriber->epoll >= 0)
		return r < 0 ? r : subscriber->epoll;
	r = registration_need_descriptor(subscriber);
	if (r == 0)
		r = wait_make_descriptor(subscriber);
	/* From now on the caller's loop waits, so the ticket must always be armed. */
	if (r == 0) {
		wait_arm(subscriber);
		reopen_add_to_epoll(subscriber);
	}
	return r < 0 ? r : subscriber->epoll;
}
