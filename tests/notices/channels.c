/* SPDX-License-Identifier: MIT
 *
 * The channels of subscribers that a publisher holds open: it closes the channels of subscribers
 * that are gone, and opens no more than its descriptors allow. */
#include <sys/resource.h>

#include "publisher/state/state.h"
#include "subscriber/state.h"
#include "tests/support/ipc/ipc.h"

TestSuite(notices_channels, .init = ipc_begin, .fini = ipc_end, .timeout = 120);

/* The kernel counts a queue that its owner has removed towards the owner's limit until no process
 * has it open. */
Test(notices_channels, the_queues_of_closed_subscribers_are_closed)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	struct stele_subscriber *subscribers[20];
	unsigned before = ipc_descriptors();

	for (int i = 0; i < 20; i++) {
		subscribers[i] = ipc_subscribe(0, "mq");
		OK(stele_subscriber_fd(subscribers[i]));
	}
	ipc_commit(publisher);
	cr_expect_eq(ipc_stats(publisher).notices_sent, 20);
	for (int i = 0; i < 20; i++)
		stele_subscriber_close(subscribers[i]);
	cr_expect_geq(ipc_descriptors(), before + 20);
	cr_expect_eq(stele_publisher_reap(publisher), 0);
	/* A sanitizer opens descriptors of its own and keeps them. */
	cr_expect(ipc_descriptors() <= before + 1, "%u descriptors, before %u", ipc_descriptors(),
	          before);
	stele_publisher_close(publisher);
}

static int highest_descriptor(void)
{
	int highest = 0;

	for (int fd = 0; fd < 1024; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			highest = fd;
	return highest;
}

static void wait_for_the_next(unsigned who)
{
	struct stele_subscriber *subscriber = ipc_subscribe(0, who % 2 == 0 ? "mq" : "socket");
	uint64_t version = 1;

	__atomic_fetch_add(&shared->stage[0], 1, __ATOMIC_SEQ_CST);
	while (version < 4) {
		RETURNS(stele_subscriber_wait(subscriber, version, STELE_FOREVER, &version), 1, "");
		__atomic_fetch_add(&shared->stage[version], 1, __ATOMIC_SEQ_CST);
	}
	stele_subscriber_close(subscriber);
}

static void wait_once(unsigned who)
{
	struct stele_subscriber *subscriber = ipc_subscribe(0, who % 2 == 0 ? "mq" : "socket");
	uint64_t version;

	ipc_reach(0, 1);
	RETURNS(stele_subscriber_wait(subscriber, 1, STELE_FOREVER, &version), 1, "");
	ipc_reach(1, 1);
	stele_subscriber_close(subscriber);
}

/* Takes every descriptor that this process may still have. The caller closes those from the
 * returned one on. */
static int take_all_descriptors(void)
{
	int first = highest_descriptor() + 1, fd = 0;

	while (fd >= 0)
		fd = dup(STDERR_FILENO);
	cr_assert_eq(errno, EMFILE);
	return first;
}

/* A commit for which the publisher has no descriptor does not count as told. The next commit tells
 * the subscriber, with the descriptors that are free again. */
Test(notices_channels, fault_28_a_subscriber_is_told_once_there_are_descriptors)
{
	for (unsigned who = 0; who < 2; who++) {
		struct stele_publisher *publisher = ipc_publish(region, NULL);
		struct rlimit all, few;
		pid_t child;
		int first;

		ipc_only_notices();
		ipc_reach(0, 0);
		ipc_reach(1, 0);
		child = ipc_spawn(wait_once, who);
		ipc_await(0, 1);
		UNTIL(ipc_blocked(child));
		cr_assert_eq(getrlimit(RLIMIT_NOFILE, &all), 0);
		few = all;
		few.rlim_cur = (rlim_t)highest_descriptor() + 9;
		cr_assert_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
		first = take_all_descriptors();
		ipc_commit(publisher);
		cr_expect_eq(ipc_stats(publisher).notices_sent, 0);
		cr_expect_eq(ipc_stats(publisher).notices_failed, 1);
		for (rlim_t fd = (rlim_t)first; fd < few.rlim_cur; fd++)
			close((int)fd);
		cr_assert_eq(setrlimit(RLIMIT_NOFILE, &all), 0);
		ipc_commit(publisher);
		ipc_await(1, 1);
		ipc_join(child);
		stele_publisher_close(publisher);
		OK(stele_region_remove(region));
	}
}

/* Takes a ticket that is not served yet, as a subscriber does that is about to block. */
static void arm(struct stele_subscriber *subscriber)
{
	uint64_t *ticket = &subscriber->slot->ticket;

	__atomic_store_n(ticket, (*ticket + 1) | 1, __ATOMIC_SEQ_CST);
}

/* After several failures to open a queue, the publisher tries that queue again only after a while.
 * A subscriber that has chosen another notifier meanwhile is told by it at once. */
Test(notices_channels, notice_11_another_notifier_is_tried_at_once)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	struct stele_subscriber *subscriber = ipc_subscribe(0, "socket");

	slots_set_notifier(&subscriber->slots, subscriber->slot_index, LAYOUT_NOTIFIER_MQ);
	for (unsigned failures = 1; failures <= 9; failures++) {
		arm(subscriber);
		UNTIL(ipc_commit(publisher) && ipc_stats(publisher).notices_failed == failures);
	}
	slots_set_notifier(&subscriber->slots, subscriber->slot_index, LAYOUT_NOTIFIER_SOCKET);
	arm(subscriber);
	publisher->fanout.peers.spent = 0;
	ipc_commit(publisher);
	cr_expect_eq(ipc_stats(publisher).notices_sent, 1);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

/* If there are more subscribers than descriptors, the channels take turns. */
Test(notices_channels, subscribers_past_the_publisher_s_descriptors_are_notified)
{
	enum { MANY = 24, FEW = 8 };
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	pid_t children[MANY];
	struct rlimit few;

	ipc_only_notices();
	for (unsigned i = 0; i < MANY; i++)
		children[i] = ipc_spawn(wait_for_the_next, i);
	ipc_await(0, MANY);
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &few), 0);
	for (uint32_t version = 2; version <= 4; version++) {
		for (unsigned i = 0; i < MANY; i++)
			UNTIL(ipc_blocked(children[i]));
		few.rlim_cur = (rlim_t)highest_descriptor() + 1 + (version == 2 ? FEW : 0);
		cr_assert_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
		ipc_commit(publisher);
		few.rlim_cur = few.rlim_max;
		cr_assert_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
		ipc_await(version, MANY);
	}
	/* A subscriber that happens to be awake at a commit needs no notice, so there may be
	 * fewer. */
	cr_expect_leq(ipc_stats(publisher).notices_sent, 3 * MANY);
	cr_expect_eq(ipc_stats(publisher).notices_failed, 0);
	for (unsigned i = 0; i < MANY; i++)
		ipc_join(children[i]);
	stele_publisher_close(publisher);
}

static void come_and_go(unsigned who)
{
	while (ipc_stage(1) == 0) {
		struct stele_subscriber *subscriber =
			ipc_subscribe(0, who % 2 == 0 ? "mq" : "socket");
		uint64_t version = 0;

		for (int i = 0; i < 2; i++)
			stele_subscriber_wait(subscriber, version, clock_now() + NSEC_PER_MSEC,
			                      &version);
		stele_subscriber_close(subscriber);
	}
}

/* A subscriber may leave after the publisher has loaded its ticket and before the publisher opens
 * its channel. The notice is then not needed, so it does not count as failed. */
Test(notices_channels, a_notice_to_a_subscriber_that_leaves_has_not_failed)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	pid_t children[4];

	for (unsigned who = 0; who < 4; who++)
		children[who] = ipc_spawn(come_and_go, who);
	UNTIL(ipc_commit(publisher) &&
	      ipc_stats(publisher).notices_sent >= (SANITIZED ? 5000 : 50000));
	ipc_reach(1, 1);
	for (unsigned who = 0; who < 4; who++)
		ipc_join(children[who]);
	cr_expect_eq(ipc_stats(publisher).notices_failed, 0);
	stele_publisher_close(publisher);
}
