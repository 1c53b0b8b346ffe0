/* SPDX-License-Identifier: MIT
 *
 * The channels of subscribers that a publisher holds open: it closes the channels of subscribers
 * that are gone, and opens no more than its descriptors allow. */
#include <sys/resource.h>

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
