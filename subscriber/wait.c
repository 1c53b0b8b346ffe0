/* SPDX-License-Identifier: MIT
 *
 * Blocking until there is a newer version. The protocol, of which publisher/notices/fanout.c is the other
 * half:
 *
 *   arm     the ticket rises to an odd number that it never was before
 *   fence   full: the ticket is stored before head is loaded
 *   look    if head is newer, it is there to be read
 *   block   on the notifier; whatever ends it, look again
 *
 * Whatever the block took away was the only notice for that ticket, so a new ticket comes before each
 * block (notifier/notifier.h). The descriptor is drained before arming for the same reason.
 *
 * The publisher stores head, fences, loads the ticket. Of the two pairs one sees the other; so a
 * commit that this look missed finds the ticket armed and sends. A publisher that dies before it
 * sends costs one slice.
 *
 * On return the ticket is disarmed, so that an awake subscriber costs the publisher no system call;
 * but once the descriptor was handed out, the user's own loop is what waits, and the ticket stays
 * armed.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "lib/units.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/storage/file.h"
#include "lib/base/probe.h"
#include "subscriber/interest.h"
#include "subscriber/move.h"
#include "subscriber/registration.h"
#include "subscriber/retry.h"

/* Without a slot nobody wakes this reader but the futex, and a commit that comes within
 * FANOUT_INTERVAL of a wake sends none: slices are short until the head has stayed the same for
 * longer than that. What sends none then, as it concerns no table or its publisher was held up or
 * died, costs a long slice. */
#define POLL_SLICE (5 * NSEC_PER_MSEC)
#define IDLE_SLICE (100 * NSEC_PER_MSEC)

/* Looks at which tables changed that may lose against the publisher. */
#define TRIES 16

/* Looks at the head between two at the clock. */
#define SPIN_LOADS 64

static void wait_arm(struct stele_subscriber *subscriber)
{
	uint64_t ticket;

	if (subscriber->registered) {
		ticket = load_relaxed(&subscriber->slot->ticket);
		/* Odd already: a notice may have been sent for it, so it takes a new one. */
		store_release(&subscriber->slot->ticket, ticket + (ticket % 2 == 1 ? 2 : 1));
	}
	fence_full();
}

static void wait_disarm(struct stele_subscriber *subscriber)
{
	uint64_t ticket;

	if (!subscriber->registered || subscriber->epoll >= 0)
		return;
	ticket = load_relaxed(&subscriber->slot->ticket);
	if (ticket % 2 == 1)
		store_release(&subscriber->slot->ticket, ticket + 1);
}

/* Makes the descriptor unreadable again. */
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

/* Moves to the file that is the region. The head word that is returned is the one that was judged, and
 * no later one: a subscriber that blocked on HEAD_REPLACED, having judged HEAD_REPLACING, would not be
 * woken. 0, or an error of subscriber_move(). */
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
	/* A publisher whose file has lost its name is about to write it anew, and a removal is not over
	 * yet: both change the word. */
	return r == -ENOENT && head_state(*ret_head) == HEAD_REPLACING ? 0 : r;
}

/* Looks: 1 and the version, 0, -EAGAIN (the publisher has moved on) or an error. */
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
	/* What is there is told before the end of it. */
	return moved;
}

/* Looks, and again where the publisher was faster than the look. */
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
	/* Which tables it was can't be told at this pace. */
	return *ret_version > since;
}

/* Looks at nothing but the head for a while, with the ticket disarmed: the publisher need not know. */
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
	/* With the descriptor in the user's hands the ticket must be armed again before every
	 * return. */
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
		/* With the descriptor handed out it is the user's loop that blocks, after this. */
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
	/* The descriptor is made when it is first asked for, which the caller can't tell from its
	 * having been there. */
	struct stele_subscriber *subscriber = (struct stele_subscriber *)(uintptr_t)constant;
	int r = subscriber_check(subscriber);

	if (r == 0 && subscriber->epoll < 0) {
		if (!subscriber->notifier || subscriber->channel.fd < 0)
			return error_set(
				ENOTSUP,
				"a subscriber that is notified by %s has no descriptor; use stele_subscriber_wait",
				subscriber->notifier ? subscriber->notifier->name : "looking");
		r = wait_make_descriptor(subscriber);
		/* From now on there must never be a moment without it. */
		if (r == 0)
			wait_arm(subscriber);
	}
	return r < 0 ? r : subscriber->epoll;
}
