/* SPDX-License-Identifier: MIT
 *
 * The descriptor of a subscriber whose program has an event loop. Every subscriber gets one, also
 * without message queues, and notices make it readable. */
#include <grp.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/resource.h>

#include "subscriber/state.h"
#include "tests/support/ipc/ipc.h"

TestSuite(notices_descriptor, .init = ipc_begin, .fini = ipc_end, .timeout = 120);

enum { READY, ROUND, DONE };
enum { PROCESSES = 6, EACH = 100, ROUNDS = 3 };

static struct stele_subscriber_options wants_descriptor = {.size = sizeof(wants_descriptor),
                                                           .flags = STELE_DESCRIPTOR};

static struct stele_publisher *publish(mode_t mode)
{
	struct stele_publisher_options options = {
		.size = sizeof(options), .flags = STELE_CREATE, .mode = mode};

	return ipc_publish(region, &options);
}

static void become(unsigned user)
{
	CHECK(setgroups(0, NULL) == 0 && setresgid(user, user, user) == 0 &&
	              setresuid(user, user, user) == 0,
	      "%s", strerror(errno));
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_DUMPABLE, 1);
}

static void needs_root(void)
{
	if (geteuid() != 0)
		cr_skip_test("namespaces and other users need root");
}

/* Opens a subscriber that has a descriptor: by the flag, or because the first call of
 * stele_subscriber_fd() chooses another notifier. */
static struct stele_subscriber *open_with_descriptor(bool by_flag)
{
	struct stele_subscriber *subscriber;

	OK(stele_subscriber_open(region, by_flag ? &wants_descriptor : NULL, &subscriber));
	OK(stele_subscriber_fd(subscriber));
	return subscriber;
}

/* ---- many subscribers ---- */

static void watch_many(unsigned process)
{
	struct stele_subscriber *subscribers[EACH];
	uint64_t version;

	for (unsigned i = 0; i < EACH; i++)
		subscribers[i] = open_with_descriptor(i % 2);
	for (unsigned i = 0; i < EACH; i++)
		RETURNS(stele_subscriber_wait(subscribers[i], 1, 0, &version), 0, "");
	for (uint32_t round = 1; round <= ROUNDS; round++) {
		ipc_reach(process, round);
		for (unsigned i = 0; i < EACH; i++)
			CHECK(ipc_await_by_descriptor(subscribers[i], round) == round + 1, "%u", i);
	}
	for (unsigned i = 0; i < EACH; i++)
		stele_subscriber_close(subscribers[i]);
}

/* There are 256 message queues at most. The others have sockets. No timer helps, because the looks
 * without a notice are off. */
Test(notices_descriptor, notice_22_six_hundred_subscribers_have_one)
{
	struct stele_publisher *publisher = publish(0640);
	pid_t children[PROCESSES];

	ipc_only_notices();
	for (unsigned i = 0; i < PROCESSES; i++)
		children[i] = ipc_spawn(watch_many, i);
	for (uint32_t round = 1; round <= ROUNDS; round++) {
		for (unsigned i = 0; i < PROCESSES; i++)
			ipc_await(i, round);
		if (round == 1)
			cr_expect_eq(ipc_registered(), PROCESSES * EACH);
		ipc_commit(publisher);
	}
	for (unsigned i = 0; i < PROCESSES; i++)
		ipc_join(children[i]);
	stele_publisher_close(publisher);
}

/* ---- no queues, no sockets ---- */

/* Follows the versions of serve() by the descriptor, with this notifier. */
static void follow(const char *notifier)
{
	for (unsigned by_flag = 0; by_flag < 2; by_flag++) {
		struct stele_subscriber *subscriber = open_with_descriptor(by_flag);
		uint64_t version = 0;

		CHECK(strcmp(ipc_describe(subscriber).notifier, notifier) == 0, "%s: %s",
		      ipc_describe(subscriber).notifier, ipc_describe(subscriber).reason);
		OK(stele_subscriber_wait(subscriber, 0, 0, &version));
		for (uint32_t i = 0; i < ROUNDS; i++) {
			ipc_tell(READY, version);
			CHECK(ipc_await_by_descriptor(subscriber, version) == version + 1, "%llu",
			      (unsigned long long)version);
			version++;
		}
		stele_subscriber_close(subscriber);
	}
	ipc_reach(DONE, 1);
}

/* Commits a version each time that the subscriber reports that it has the last one. */
static void serve(struct stele_publisher *publisher)
{
	while (ipc_stage(DONE) == 0)
		if (ipc_told(READY) == stele_publisher_version(publisher))
			ipc_commit(publisher);
		else
			sched_yield();
	stele_publisher_close(publisher);
}

static void follow_by_socket(unsigned user)
{
	(void)user;
	follow("socket");
}

static void follow_by_socket_as_nobody(unsigned user)
{
	(void)user;
	become(IPC_NOBODY);
	follow("socket");
}

Test(notices_descriptor, notice_11_a_subscriber_in_another_ipc_namespace_has_one)
{
	struct stele_publisher *publisher;

	needs_root();
	publisher = publish(0644);
	ipc_only_notices();
	ipc_spawn_inner(CLONE_NEWIPC, follow_by_socket);
	serve(publisher);
	ipc_join_inner();
}

Test(notices_descriptor, notice_11_another_user_in_another_ipc_namespace_has_one)
{
	struct stele_publisher *publisher;

	needs_root();
	publisher = publish(0644);
	ipc_only_notices();
	ipc_spawn_inner(CLONE_NEWIPC, follow_by_socket_as_nobody);
	serve(publisher);
	ipc_join_inner();
}

/* Makes a system call fail in this process. */
static void deny_call(unsigned call, unsigned errnum)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | errnum),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = sizeof(filter) / sizeof(filter[0]), .filter = filter};

	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	              prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0,
	      "%s", strerror(errno));
}

static void follow_by_pipe(unsigned argument)
{
	(void)argument;
	CHECK(setrlimit(RLIMIT_MSGQUEUE, &(struct rlimit){0, 0}) == 0, "%s", strerror(errno));
	/* As systemd's RestrictAddressFamilies= does. */
	deny_call(SYS_socket, EAFNOSUPPORT);
	follow("fifo");
}

Test(notices_descriptor, without_queues_and_sockets_there_are_pipes)
{
	struct stele_publisher *publisher = publish(0640);
	pid_t child;

	ipc_only_notices();
	child = ipc_spawn(follow_by_pipe, 0);
	serve(publisher);
	ipc_join(child);
}

/* Without any of the three, the program gets an error with all reasons, and can wait. */
static void have_none(unsigned argument)
{
	struct stele_subscriber *subscriber;
	unsigned descriptors;
	uint64_t version;

	(void)argument;
	become(IPC_NOBODY);
	descriptors = ipc_descriptors();
	RETURNS(stele_subscriber_open(region, &wants_descriptor, &subscriber), -ENOTSUP,
	        "another IPC namespace");
	CHECK(strstr(stele_last_error(), ".channels: Permission denied; only the region's owner"),
	      "%s", stele_last_error());
	CHECK(ipc_descriptors() == descriptors && ipc_registered() == 0, "something was left");
	OK(stele_subscriber_open(region, NULL, &subscriber));
	for (int i = 0; i < 2; i++)
		RETURNS(stele_subscriber_fd(subscriber), -ENOTSUP, ".channels: Permission denied");
	CHECK(strcmp(ipc_describe(subscriber).notifier, "futex") == 0, "%s",
	      ipc_describe(subscriber).notifier);
	ipc_reach(READY, 1);
	RETURNS(stele_subscriber_wait(subscriber, 1, STELE_FOREVER, &version), 1, "");
	stele_subscriber_close(subscriber);
	ipc_reach(DONE, 1);
}

Test(notices_descriptor, a_subscriber_that_can_not_have_one_is_told_why)
{
	struct stele_publisher *publisher;
	char path[128];
	pid_t child;

	needs_root();
	publisher = publish(0644);
	ipc_path(path, ".channels");
	cr_assert_eq(chmod(path, 0700), 0);
	ipc_only_notices();
	child = ipc_spawn_inner(CLONE_NEWIPC, have_none);
	ipc_await(READY, 1);
	UNTIL(ipc_is(child, 'S'));
	ipc_commit(publisher);
	ipc_join_inner();
	cr_expect_eq(ipc_stage(DONE), 1);
	stele_publisher_close(publisher);
}

/* ---- options ---- */

Test(notices_descriptor, contradictions_are_refused)
{
	struct stele_publisher *publisher = publish(0640);
	struct stele_subscriber_options options = wants_descriptor;
	struct stele_subscriber *subscriber;
	static const char *const without[] = {"semaphore", "sysv", "futex"};

	options.flags |= STELE_UNREGISTERED;
	RETURNS(stele_subscriber_open(region, &options, &subscriber), -EINVAL,
	        "exclude each other");
	options.flags = STELE_DESCRIPTOR;
	for (unsigned i = 0; i < 3; i++) {
		options.notifier = without[i];
		RETURNS(stele_subscriber_open(region, &options, &subscriber), -EINVAL,
		        "has no descriptor");
		subscriber = ipc_subscribe(0, without[i]);
		RETURNS(stele_subscriber_fd(subscriber), -ENOTSUP, "has no descriptor");
		stele_subscriber_close(subscriber);
	}
	subscriber = ipc_subscribe(STELE_UNREGISTERED, NULL);
	RETURNS(stele_subscriber_fd(subscriber), -ENOTSUP, "STELE_UNREGISTERED");
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

/* A follower in an event loop looks for a new region once a second, however long ago the last one
 * was removed. Without an inotify descriptor nothing else tells it. */
static void look_for_region(unsigned argument)
{
	struct stele_subscriber *subscriber = ipc_subscribe(STELE_DESCRIPTOR, NULL);
	struct stele_follow *follow;
	struct stele_event event;

	(void)argument;
	notifier_slice = NSEC_PER_SEC;
	deny_call(SYS_inotify_init1, EMFILE);
	OK(stele_subscriber_fd(subscriber));
	OK(stele_follow_open(subscriber, NULL, &follow));
	while (stele_follow_next(follow, &event) == 1)
		;
	ipc_reach(READY, 1);
	ipc_await(DONE, 1);
	for (int i = 0; i < 3; i++) {
		OK(stele_follow_next(follow, &event));
		CHECK(subscriber->arrival.fd < 0, "there is an inotify descriptor");
		/* The timer of the descriptor. */
		CHECK(subscriber->timer_at <= clock_now() + notifier_slice, "in %lld ms",
		      (long long)((subscriber->timer_at - clock_now()) / NSEC_PER_MSEC));
		/* As if the timer had expired again and again. */
		subscriber->idle_since -= 60 * NSEC_PER_SEC;
		subscriber->timer_at = 0;
	}
	stele_follow_close(follow);
	stele_subscriber_close(subscriber);
}

Test(notices_descriptor, a_follower_looks_for_the_next_region_once_a_second)
{
	struct stele_publisher *publisher = publish(0640);
	pid_t child = ipc_spawn(look_for_region, 0);

	ipc_await(READY, 1);
	stele_publisher_close(publisher);
	OK(stele_region_remove(region));
	ipc_reach(DONE, 1);
	ipc_join(child);
}
