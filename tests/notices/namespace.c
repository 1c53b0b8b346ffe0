/* SPDX-License-Identifier: MIT
 *
 * Publisher and subscriber in different namespaces, as in two containers that share /dev/shm. The
 * file system and its locks decide, so this works. Only message queues are invisible in another IPC
 * namespace; there the futex takes their place. */
#include <sys/mount.h>

#include "subscriber/state.h"
#include "tests/support/ipc/ipc.h"

TestSuite(notices_namespace, .init = ipc_begin, .fini = ipc_end, .timeout = 120);

enum { WAITS, SAW, PINNED };
enum { ROUNDS = 6 };

/* also a new user namespace, which a plain user needs to create the others */
static int user_namespace;

static void try_namespaces(unsigned namespaces)
{
	if (unshare((int)namespaces) == 0)
		ipc_reach(WAITS, 1);
}

/* A plain user may create namespaces only inside a new user namespace, and no user can create one
 * of these in a changed root. */
static void needs_namespaces(int namespaces)
{
	if (geteuid() != 0)
		user_namespace = CLONE_NEWUSER;
	ipc_join(ipc_spawn(try_namespaces, (unsigned)(namespaces | user_namespace)));
	if (ipc_stage(WAITS) == 0)
		cr_skip_test("new namespaces (0x%x) are not to be had here",
		             (unsigned)(namespaces | user_namespace));
	ipc_reach(WAITS, 0);
}

/* ---- subscribers ---- */

static const char *expected_notifier;

/* Pins the first version, then waits for later ones until it is killed. */
static void follow(unsigned argument)
{
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	struct stele_subscriber_state state = ipc_describe(subscriber);
	struct stele_snapshot *snapshot;
	uint64_t version = 1;

	(void)argument;
	CHECK(state.registered && strcmp(state.notifier, expected_notifier) == 0, "%s: %s",
	      state.notifier, state.reason);
	CHECK(strcmp(expected_notifier, "mq") == 0
	              ? state.reason[0] == '\0'
	              : strstr(state.reason, "another IPC namespace") != NULL,
	      "%s", state.reason);
	OK(stele_snapshot_open(subscriber, 1, &snapshot));
	for (uint32_t round = 1; round <= ROUNDS; round++) {
		ipc_reach(WAITS, round);
		RETURNS(stele_subscriber_wait(subscriber, version, STELE_FOREVER, &version), 1, "");
		CHECK(version == round + 1 && ipc_read(subscriber) == version,
		      "version %llu in round %u", (unsigned long long)version, round);
		ipc_reach(SAW, round);
	}
	OK(stele_snapshot_check(snapshot));
	ipc_reach(PINNED, 1);
	pause();
}

/* Publisher: checks everything that must hold for a subscriber in other namespaces, until it is
 * killed and reaped. */
static void expect_followed(int namespaces, const char *notifier)
{
	/* The history is so short that only the pin keeps the first version. */
	struct stele_publisher_options options = {
		.size = sizeof(options), .flags = STELE_CREATE, .history = 2, .mode = 0644};
	struct stele_region_info info = {.size = sizeof(info)};
	struct stele_publisher *publisher;
	pid_t child;

	ipc_only_notices();
	publisher = ipc_publish(region, &options);
	expected_notifier = notifier;
	child = ipc_spawn_inner(user_namespace | namespaces, follow);
	for (uint32_t round = 1; round <= ROUNDS; round++) {
		ipc_await(WAITS, round);
		UNTIL(ipc_is(child, 'S'));
		ipc_commit(publisher);
		ipc_await(SAW, round);
	}
	ipc_await(PINNED, 1);
	RETURNS(stele_publisher_reap(publisher), 0, "");
	OK(stele_region_describe(region, &info));
	cr_expect_eq(info.subscribers, 1);
	ipc_kill_inner(child);
	RETURNS(stele_publisher_reap(publisher), 1, "");
	OK(stele_region_describe(region, &info));
	cr_expect_eq(info.subscribers, 0);
	stele_publisher_close(publisher);
}

Test(notices_namespace, a_subscriber_in_another_pid_namespace_is_served)
{
	needs_namespaces(CLONE_NEWPID);
	expect_followed(CLONE_NEWPID, "mq");
}

Test(notices_namespace, a_subscriber_in_another_ipc_namespace_is_served)
{
	needs_namespaces(CLONE_NEWIPC);
	expect_followed(CLONE_NEWIPC, "futex");
}

Test(notices_namespace, a_subscriber_in_other_pid_and_ipc_namespaces_is_served)
{
	needs_namespaces(CLONE_NEWPID | CLONE_NEWIPC);
	expect_followed(CLONE_NEWPID | CLONE_NEWIPC, "futex");
}

/* Without a map of users, root outside is an unknown user inside, with the rights of "others". */
Test(notices_namespace, a_subscriber_in_another_user_namespace_is_served)
{
	needs_namespaces(CLONE_NEWUSER);
#ifdef __SANITIZE_THREAD__
	cr_skip_test("ThreadSanitizer has a thread, with which there is no new user namespace");
#endif
	expect_followed(CLONE_NEWUSER, "mq");
}

Test(notices_namespace, a_subscriber_in_other_user_pid_and_ipc_namespaces_is_served)
{
	needs_namespaces(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWIPC);
#ifdef __SANITIZE_THREAD__
	cr_skip_test("ThreadSanitizer has a thread, with which there is no new user namespace");
#endif
	expect_followed(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWIPC, "futex");
}

static void insist_on_mq(unsigned argument)
{
	struct stele_subscriber_options named = {.size = sizeof(named), .notifier = "mq"};
	struct stele_region_info info = {.size = sizeof(info)};
	struct stele_subscriber *subscriber;

	(void)argument;
	RETURNS(stele_subscriber_open(region, &named, &subscriber), -ENOTSUP,
	        "another IPC namespace");
	OK(stele_region_describe(region, &info));
	CHECK(info.subscribers == 0, "%u", info.subscribers);
	ipc_reach(PINNED, 1);
}

Test(notices_namespace, a_queue_that_the_publisher_can_not_see_is_refused)
{
	struct stele_publisher *publisher;

	needs_namespaces(CLONE_NEWIPC);
	publisher = ipc_publish(region, NULL);
	ipc_spawn_inner(user_namespace | CLONE_NEWIPC, insist_on_mq);
	ipc_join_inner();
	cr_expect_eq(ipc_stage(PINNED), 1);
	stele_publisher_close(publisher);
}

/* ---- publishers ---- */

static void publish_until_killed(unsigned argument)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	struct stele_transaction *tx;

	(void)argument;
	ipc_tell(SAW, ipc_commit(publisher));
	/* The publisher is killed while it holds the mutex. */
	OK(stele_transaction_begin(publisher, &tx));
	ipc_put(tx, 0, 1000000);
	ipc_reach(PINNED, 1);
	pause();
}

Test(notices_namespace, a_publisher_killed_in_one_pid_namespace_is_followed_by_one_in_another)
{
	struct stele_publisher_options options = {sizeof(options), STELE_CREATE,
	                                          .attach_timeout_ns = -1};
	struct stele_publisher *publisher;
	struct stele_subscriber *subscriber;

	needs_namespaces(CLONE_NEWPID | CLONE_NEWIPC);
	for (uint64_t version = 2; version <= 4; version++) {
		pid_t child;

		ipc_reach(PINNED, 0);
		child = ipc_spawn_inner(user_namespace | CLONE_NEWPID | CLONE_NEWIPC,
		                        publish_until_killed);
		ipc_await(PINNED, 1);
		cr_expect_eq(ipc_told(SAW), version);
		RETURNS(stele_publisher_open(region, &options, &publisher), -EBUSY, region);
		RETURNS(stele_region_remove(region), -EBUSY, region);
		ipc_kill_inner(child);
	}
	publisher = ipc_attach(region, &options);
	subscriber = ipc_subscribe(0, NULL);
	cr_expect_eq(ipc_read(subscriber), 4);
	cr_expect_eq(ipc_commit(publisher), 5);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

/* Waits by polling until the notifier was chosen again, and from then on by notices alone. */
static void follow_elsewhere(unsigned by_descriptor)
{
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	const char *chosen = by_descriptor ? "socket" : "futex";
	struct pollfd pollfd = {.fd = -1, .events = POLLIN};
	uint64_t version = 1;

	CHECK(strcmp(ipc_describe(subscriber).notifier, "mq") == 0, "%s",
	      ipc_describe(subscriber).reason);
	if (by_descriptor)
		OK(pollfd.fd = stele_subscriber_fd(subscriber));
	ipc_reach(WAITS, 1);
	ipc_await(PINNED, 1);
	UNTIL(stele_subscriber_wait(subscriber, UINT64_MAX >> 2,
	                            by_descriptor ? 0 : clock_now() + 100 * NSEC_PER_MSEC,
	                            &version) == 0 &&
	      strcmp(ipc_describe(subscriber).notifier, chosen) == 0);
	CHECK(strstr(ipc_describe(subscriber).reason, "another IPC namespace"), "%s",
	      ipc_describe(subscriber).reason);
	OK(stele_subscriber_version(subscriber, &version));
	ipc_only_notices();
	for (uint32_t round = 1; round <= ROUNDS; round++) {
		int r;
		ipc_tell(SAW, version);
		while ((r = stele_subscriber_wait(subscriber, version,
		                                  by_descriptor ? 0 : STELE_FOREVER, &version)) ==
		       0)
			CHECK(poll(&pollfd, 1, -1) == 1, "%s", strerror(errno));
		OK(r);
	}
	ipc_reach(SAW, 1);
	stele_subscriber_close(subscriber);
}

/* Commits a version each time the subscriber reports that it has the last one. */
static void publish_elsewhere(unsigned argument)
{
	struct stele_publisher *publisher = ipc_attach(region, NULL);

	(void)argument;
	ipc_reach(PINNED, 1);
	while (ipc_stage(SAW) == 0)
		if (ipc_told(SAW) == stele_publisher_version(publisher))
			ipc_commit(publisher);
		else
			sched_yield();
	stele_publisher_close(publisher);
}

Test(notices_namespace, notice_11_a_publisher_restarted_in_another_ipc_namespace_is_followed)
{
	needs_namespaces(CLONE_NEWIPC);
	for (unsigned by_descriptor = 0; by_descriptor < 2; by_descriptor++) {
		struct stele_publisher *publisher = ipc_publish(region, NULL);
		pid_t child;
		memset(shared, 0, sizeof(*shared));
		child = ipc_spawn(follow_elsewhere, by_descriptor);
		ipc_await(WAITS, 1);
		stele_publisher_close(publisher);
		ipc_spawn_inner(user_namespace | CLONE_NEWIPC, publish_elsewhere);
		ipc_join(child);
		ipc_join_inner();
		OK(stele_region_remove(region));
	}
}

/* ---- the notifier is chosen again ---- */

enum { VERSION, AWAY, BACK, END };

/* Waits for a version by one of both ways, and checks that the notifier is `expected` soon,
 * whatever versions come meanwhile. */
static uint64_t wait_until_chosen(struct stele_subscriber *subscriber, int fd, uint64_t version,
                                  const char *expected)
{
	struct pollfd pollfd = {.fd = fd, .events = POLLIN};

	while (strcmp(ipc_describe(subscriber).notifier, expected) != 0) {
		ipc_tell(VERSION, version);
		OK(stele_subscriber_wait(subscriber, version, fd < 0 ? STELE_FOREVER : 0,
		                         &version));
		if (fd >= 0)
			CHECK(poll(&pollfd, 1, -1) == 1, "%s", strerror(errno));
	}
	return version;
}

/* Waits for some versions by notices alone. */
static uint64_t wait_by_notices(struct stele_subscriber *subscriber, int fd, uint64_t version)
{
	const int64_t slice = notifier_slice;

	ipc_only_notices();
	for (uint32_t round = 1; round <= ROUNDS; round++) {
		uint64_t last = version;
		ipc_tell(VERSION, version);
		/* Make the check of the files that is due once a second. */
		subscriber->checked_at = 0;
		if (fd >= 0)
			version = ipc_await_by_descriptor(subscriber, version);
		else
			RETURNS(stele_subscriber_wait(subscriber, version, STELE_FOREVER, &version),
			        1, "");
		CHECK(version == last + 1, "%llu after %llu", (unsigned long long)version,
		      (unsigned long long)last);
	}
	notifier_slice = slice;
	return version;
}

/* Blocks, or sleeps in its own event loop, while the publisher moves to another namespace and
 * back. */
static void stay(unsigned by_descriptor)
{
	struct stele_subscriber *subscriber;
	uint64_t version = 1;
	int fd = -1;

	notifier_slice = 10 * NSEC_PER_MSEC;
	subscriber = ipc_subscribe(0, NULL);
	if (by_descriptor)
		OK(fd = stele_subscriber_fd(subscriber));
	version = wait_by_notices(subscriber, fd, version);
	ipc_reach(AWAY, 1);
	version = wait_until_chosen(subscriber, fd, version, by_descriptor ? "socket" : "futex");
	version = wait_by_notices(subscriber, fd, version);
	ipc_reach(BACK, 1);
	version = wait_until_chosen(subscriber, fd, version, "mq");
	CHECK(ipc_describe(subscriber).reason[0] == '\0', "%s", ipc_describe(subscriber).reason);
	wait_by_notices(subscriber, fd, version);
	stele_subscriber_close(subscriber);
	ipc_reach(END, 1);
}

/* Commits a version, which may follow one of another publisher. */
static void commit_shared(struct stele_publisher *publisher)
{
	struct stele_transaction *tx;

	OK(stele_transaction_begin(publisher, &tx));
	ipc_put(tx, 0, stele_publisher_version(publisher) + 1);
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
}

/* Commits a version each time that the subscriber has the last one, until `stage` is reached. With
 * a parity, only those after versions of this parity, as publishers do that take turns. */
static void commit_until(struct stele_publisher *publisher, unsigned stage, int parity)
{
	uint64_t done = 0, version;

	while (ipc_stage(stage) == 0) {
		version = ipc_told(VERSION);
		if (version > done && (parity < 0 || version % 2 == (unsigned)parity)) {
			commit_shared(publisher);
			done = version;
		} else {
			sched_yield();
		}
	}
	stele_publisher_close(publisher);
}

static void publish_away(unsigned argument)
{
	(void)argument;
	commit_until(ipc_attach(region, NULL), BACK, -1);
}

static void expect_chosen_again(unsigned by_descriptor)
{
	struct stele_publisher *publisher;
	pid_t child;

	needs_namespaces(CLONE_NEWIPC);
	publisher = ipc_publish(region, NULL);
	child = ipc_spawn(stay, by_descriptor);
	commit_until(publisher, AWAY, -1);
	ipc_spawn_inner(user_namespace | CLONE_NEWIPC, publish_away);
	ipc_join_inner();
	commit_until(ipc_attach(region, NULL), END, -1);
	ipc_join(child);
}

Test(notices_namespace, notice_11_a_blocked_subscriber_follows_there_and_back)
{
	expect_chosen_again(0);
}

Test(notices_namespace, notice_11_an_event_loop_follows_there_and_back)
{
	expect_chosen_again(1);
}

/* ---- publishers that share, in two namespaces ---- */

static void share_away(unsigned argument)
{
	struct stele_publisher_options options = {.size = sizeof(options),
	                                          .flags = STELE_CREATE | STELE_SHARED};

	(void)argument;
	commit_until(ipc_attach(region, &options), END, 1);
}

static void stay_between(unsigned by_descriptor)
{
	struct stele_subscriber *subscriber;
	uint64_t version = 1;
	int fd = -1;

	notifier_slice = 10 * NSEC_PER_MSEC;
	subscriber = ipc_subscribe(0, NULL);
	if (by_descriptor)
		OK(fd = stele_subscriber_fd(subscriber));
	CHECK(strcmp(ipc_describe(subscriber).notifier, "mq") == 0, "%s",
	      ipc_describe(subscriber).reason);
	ipc_reach(AWAY, 1);
	version = wait_until_chosen(subscriber, fd, version, by_descriptor ? "socket" : "futex");
	wait_by_notices(subscriber, fd, version);
	stele_subscriber_close(subscriber);
	ipc_reach(END, 1);
}

static void expect_served_by_both(unsigned by_descriptor)
{
	struct stele_publisher_options options = {.size = sizeof(options),
	                                          .flags = STELE_CREATE | STELE_SHARED};
	struct stele_publisher *publisher;
	pid_t child;

	needs_namespaces(CLONE_NEWIPC);
	publisher = ipc_publish(region, &options);
	child = ipc_spawn(stay_between, by_descriptor);
	ipc_await(AWAY, 1);
	ipc_spawn_inner(user_namespace | CLONE_NEWIPC, share_away);
	commit_until(publisher, END, 0);
	ipc_join(child);
	ipc_join_inner();
}

Test(notices_namespace, notice_11_publishers_in_two_namespaces_both_wake_a_blocked_subscriber)
{
	expect_served_by_both(0);
}

Test(notices_namespace, notice_11_publishers_in_two_namespaces_both_wake_an_event_loop)
{
	expect_served_by_both(1);
}

/* ---- another /dev/shm ---- */

static void look_elsewhere(unsigned argument)
{
	struct stele_subscriber *subscriber;
	char path[128];

	(void)argument;
	CHECK(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	              mount("none", "/dev/shm", "tmpfs", 0, "size=1m") == 0,
	      "%s", strerror(errno));
	ipc_path(path, "");
	RETURNS(stele_subscriber_open(region, NULL, &subscriber), -ENOENT, path);
	ipc_reach(PINNED, 1);
}

Test(notices_namespace, with_another_dev_shm_the_missing_file_is_named)
{
	struct stele_publisher *publisher;

	needs_namespaces(CLONE_NEWNS);
	publisher = ipc_publish(region, NULL);
	ipc_spawn_inner(user_namespace | CLONE_NEWNS, look_elsewhere);
	ipc_join_inner();
	cr_expect_eq(ipc_stage(PINNED), 1);
	stele_publisher_close(publisher);
}
