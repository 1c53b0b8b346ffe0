/* SPDX-License-Identifier: MIT
 *
 * Subscribers that lack something: a queue, a slot, a shared namespace, or rights. They still read
 * and wait, and report what they lack. */
#include <grp.h>
#include <mqueue.h>
#include <sys/resource.h>

#include "tests/support/ipc/ipc.h"

TestSuite(notices_fallback, .init = ipc_begin, .fini = ipc_end, .timeout = 120);

static unsigned rounds = 12;

/* Stages and counters of follow() and commit_to(). */
enum { WAITS, SAW };

/* Subscriber: waits for one version after the other and reads each. */
static void follow(struct stele_subscriber *subscriber)
{
	uint64_t version = 1;

	for (uint32_t round = 1; round <= rounds; round++) {
		ipc_reach(WAITS, round);
		RETURNS(stele_subscriber_wait(subscriber, version, STELE_FOREVER, &version), 1, "");
		CHECK(version == round + 1 && ipc_read(subscriber) == version,
		      "version %llu in round %u", (unsigned long long)version, round);
		ipc_reach(SAW, round);
	}
}

/* Publisher: commits each version once the subscriber sleeps. If ipc_only_notices() was called
 * before the child was spawned, the child sees a version only if a notice woke it. */
static void commit_to(struct stele_publisher *publisher, pid_t child)
{
	for (uint32_t round = 1; round <= rounds; round++) {
		ipc_await(WAITS, round);
		UNTIL(ipc_is(child, 'S'));
		ipc_commit(publisher);
		ipc_await(SAW, round);
	}
}

/* Runs a child on a public region of this test. */
static void woken_with(void (*work)(unsigned))
{
	struct stele_publisher_options options = {
		.size = sizeof(options), .flags = STELE_CREATE, .mode = 0644};
	struct stele_publisher *publisher = ipc_publish(region, &options);
	pid_t child;

	ipc_only_notices();
	child = ipc_spawn(work, 0);
	commit_to(publisher, child);
	ipc_join(child);
	stele_publisher_close(publisher);
}

static void expect_futex(struct stele_subscriber *subscriber, const char *reason)
{
	struct stele_subscriber_state state = ipc_describe(subscriber);

	CHECK(state.registered && strcmp(state.notifier, "futex") == 0, "%s: %s", state.notifier,
	      state.reason);
	CHECK(strstr(state.reason, reason), "no \"%s\" in: %s", reason, state.reason);
}

static void become(unsigned user)
{
	CHECK(setgroups(0, NULL) == 0 && setresgid(user, user, user) == 0 &&
	              setresuid(user, user, user) == 0,
	      "%s", strerror(errno));
	/* Changing the user has cleared both settings. Without the second, a leak checker can't
	 * inspect the process. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_DUMPABLE, 1);
}

static void needs_root(void)
{
	if (geteuid() != 0)
		cr_skip_test("namespaces and other users need root");
}

/* ---- no queue ---- */

static void without_queue_bytes(unsigned argument)
{
	struct stele_subscriber_options named = {.size = sizeof(named), .notifier = "mq"};
	struct stele_subscriber *subscriber, *refused;
	unsigned descriptors;

	(void)argument;
	CHECK(setrlimit(RLIMIT_MSGQUEUE, &(struct rlimit){0, 0}) == 0, "%s", strerror(errno));
	subscriber = ipc_subscribe(0, NULL);
	expect_futex(subscriber, "RLIMIT_MSGQUEUE");
	/* A subscriber that insists on a queue gets an error, and leaves no slot taken. */
	descriptors = ipc_descriptors();
	RETURNS(stele_subscriber_open(region, &named, &refused), -EMFILE, "RLIMIT_MSGQUEUE");
	CHECK(ipc_descriptors() == descriptors, "descriptors were left open");
	follow(subscriber);
	stele_subscriber_close(subscriber);
}

Test(notices_fallback, without_bytes_for_queues_the_futex_is_used)
{
	struct stele_region_info info = {.size = sizeof(info)};

	woken_with(without_queue_bytes);
	OK(stele_region_describe(region, &info));
	cr_expect_eq(info.subscribers, 0);
}

static void without_queues(unsigned argument)
{
	struct stele_subscriber *subscriber;

	(void)argument;
	become(IPC_NOBODY);
	subscriber = ipc_subscribe(0, NULL);
	expect_futex(subscriber, "fs.mqueue.queues_max");
	follow(subscriber);
	stele_subscriber_close(subscriber);
}

Test(notices_fallback, without_queues_left_in_the_system_the_futex_is_used)
{
	struct mq_attr attributes = {.mq_maxmsg = 1, .mq_msgsize = 8};
	char name[64];
	FILE *file;

	needs_root();
	/* The limit belongs to the IPC namespace. Publisher and subscriber share one here, so that
	 * no other test lacks queues. */
	cr_assert_eq(unshare(CLONE_NEWIPC), 0, "%s", strerror(errno));
	file = fopen("/proc/sys/fs/mqueue/queues_max", "w");
	cr_assert(file && fputs("2\n", file) >= 0 && fclose(file) == 0, "%s", strerror(errno));
	for (int i = 0; i < 2; i++) {
		snprintf(name, sizeof(name), "/%s-%d", region, i);
		cr_assert_geq(mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attributes), 0, "%s",
		              strerror(errno));
	}
	woken_with(without_queues);
}

static void with_futex(unsigned argument)
{
	struct stele_subscriber *subscriber = ipc_subscribe(0, "futex");

	(void)argument;
	expect_futex(subscriber, "");
	RETURNS(stele_subscriber_fd(subscriber), -ENOTSUP, "\"futex\" has no descriptor");
	CHECK(ipc_describe(subscriber).reason[0] == '\0', "%s", ipc_describe(subscriber).reason);
	OK(stele_subscriber_applied(subscriber, 1));
	follow(subscriber);
	stele_subscriber_close(subscriber);
}

Test(notices_fallback, the_futex_can_be_requested)
{
	woken_with(with_futex);
}

Test(notices_fallback, an_unknown_notifier_is_refused)
{
	struct stele_subscriber_options options = {.size = sizeof(options), .notifier = "pigeon"};
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	struct stele_subscriber *subscriber;
	unsigned descriptors = ipc_descriptors();

	RETURNS(stele_subscriber_open(region, &options, &subscriber), -EINVAL, "pigeon");
	options = (struct stele_subscriber_options){
		.size = sizeof(options), .flags = STELE_UNREGISTERED, .notifier = "mq"};
	RETURNS(stele_subscriber_open(region, &options, &subscriber), -EINVAL,
	        "cannot be used with the flag STELE_UNREGISTERED");
	options = (struct stele_subscriber_options){.size = 1};
	RETURNS(stele_subscriber_open(region, &options, &subscriber), -EINVAL, "size");
	cr_expect_eq(ipc_descriptors(), descriptors);
	stele_publisher_close(publisher);
}

/* ---- no slot ---- */

static void expect_unregistered(struct stele_subscriber *subscriber, const char *reason)
{
	struct stele_subscriber_state state = ipc_describe(subscriber);

	CHECK(!state.registered && strcmp(state.notifier, "poll") == 0, "%s: %s", state.notifier,
	      state.reason);
	CHECK(strstr(state.reason, reason), "no \"%s\" in: %s", reason, state.reason);
	CHECK(state.publisher_attached, "it is attached");
	RETURNS(stele_subscriber_fd(subscriber), -ENOTSUP, reason);
	RETURNS(stele_subscriber_applied(subscriber, 1), -ENOTSUP, reason);
}

static void unregistered(unsigned argument)
{
	struct stele_subscriber *subscriber = ipc_subscribe(STELE_UNREGISTERED, NULL);
	struct stele_region_info info = {.size = sizeof(info)};

	(void)argument;
	expect_unregistered(subscriber, "STELE_UNREGISTERED");
	OK(stele_region_describe(region, &info));
	CHECK(info.subscribers == 0, "%u", info.subscribers);
	follow(subscriber);
	stele_subscriber_close(subscriber);
}

Test(notices_fallback, a_reader_need_not_register)
{
	woken_with(unregistered);
}

static void without_rights(unsigned argument)
{
	struct stele_subscriber *subscriber;

	(void)argument;
	become(IPC_NOBODY);
	subscriber = ipc_subscribe(0, NULL);
	expect_unregistered(subscriber, ".subscribers");
	follow(subscriber);
	stele_subscriber_close(subscriber);
}

Test(notices_fallback, a_user_who_may_not_write_the_subscribers_file_reads_and_waits)
{
	struct stele_publisher_options options = {
		.size = sizeof(options), .flags = STELE_CREATE, .mode = 0644};
	char path[128];

	needs_root();
	stele_publisher_close(ipc_publish(region, &options));
	ipc_path(path, ".subscribers");
	cr_assert_eq(chmod(path, 0600), 0);
	woken_with(without_rights);
}

static void without_any_rights(unsigned argument)
{
	struct stele_region_info info = {.size = sizeof(info)};
	struct stele_subscriber *subscriber;
	unsigned descriptors;

	(void)argument;
	become(IPC_NOBODY);
	descriptors = ipc_descriptors();
	RETURNS(stele_subscriber_open(region, NULL, &subscriber), -EACCES, region);
	RETURNS(stele_region_describe(region, &info), -EACCES, region);
	CHECK(ipc_descriptors() == descriptors, "descriptors were left open");
}

Test(notices_fallback, a_user_who_may_not_read_the_region_is_refused)
{
	struct stele_publisher *publisher;

	needs_root();
	publisher = ipc_publish(region, NULL);
	ipc_join(ipc_spawn(without_any_rights, 0));
	stele_publisher_close(publisher);
}

static void as_another_user(unsigned argument)
{
	struct stele_subscriber *subscriber;

	(void)argument;
	become(IPC_NOBODY);
	subscriber = ipc_subscribe(0, NULL);
	CHECK(strcmp(ipc_describe(subscriber).notifier, "mq") == 0, "%s",
	      ipc_describe(subscriber).reason);
	follow(subscriber);
	stele_subscriber_close(subscriber);
}

Test(notices_fallback, another_user_s_queue_is_reached)
{
	needs_root();
	woken_with(as_another_user);
}

static void publish_as_nobody(unsigned argument)
{
	struct stele_publisher_options options = {
		.size = sizeof(options), .flags = STELE_CREATE, .mode = 0644};
	struct stele_publisher *publisher;

	(void)argument;
	become(IPC_NOBODY);
	publisher = ipc_publish(region, &options);
	ipc_reach(8, 1);
	ipc_await(8, 2);
	ipc_commit(publisher);
	ipc_await(8, 3);
	stele_publisher_close(publisher);
}

/* A user outside the region's group can't grant the owner the right to send to its queue. */
static void as_a_third_user(unsigned argument)
{
	struct stele_subscriber *subscriber;
	uint64_t version;

	(void)argument;
	become(54321);
	subscriber = ipc_subscribe(0, NULL);
	expect_futex(subscriber, "group");
	ipc_reach(8, 2);
	RETURNS(stele_subscriber_wait(subscriber, 1, STELE_FOREVER, &version), 1, "");
	CHECK(ipc_read(subscriber) == 2, "%llu", (unsigned long long)version);
	stele_subscriber_close(subscriber);
}

Test(notices_fallback, a_queue_that_the_publisher_may_not_write_is_not_used)
{
	pid_t publisher;

	needs_root();
	publisher = ipc_spawn(publish_as_nobody, 0);
	ipc_await(8, 1);
	ipc_join(ipc_spawn(as_a_third_user, 0));
	ipc_reach(8, 3);
	ipc_join(publisher);
}

/* ---- namespaces ---- */

static void in_another_ipc_namespace(unsigned argument)
{
	struct stele_subscriber *subscriber;

	(void)argument;
	CHECK(unshare(CLONE_NEWIPC) == 0, "%s", strerror(errno));
	subscriber = ipc_subscribe(0, NULL);
	expect_futex(subscriber, "IPC namespace");
	follow(subscriber);
	stele_subscriber_close(subscriber);
}

Test(notices_fallback, in_another_ipc_namespace_the_futex_is_used)
{
	needs_root();
	woken_with(in_another_ipc_namespace);
}

static void subscriber_in_new_pid_namespace(unsigned argument)
{
	struct stele_subscriber *subscriber;
	struct stele_snapshot *snapshot;

	(void)argument;
	CHECK(getpid() == 1, "%d", (int)getpid());
	subscriber = ipc_subscribe(0, "mq");
	OK(stele_snapshot_open(subscriber, 0, &snapshot));
	follow(subscriber);
	CHECK(stele_snapshot_check(snapshot) == 0 && stele_snapshot_version(snapshot) == 1, "%s",
	      stele_last_error());
	ipc_reach(8, 1);
	pause();
}

Test(notices_fallback, another_pid_namespace_makes_no_difference)
{
	struct stele_region_info info = {.size = sizeof(info)};
	struct stele_publisher *publisher;
	pid_t child;

	needs_root();
	publisher = ipc_publish(region, NULL);
	ipc_only_notices();
	child = ipc_spawn_inner(CLONE_NEWPID, subscriber_in_new_pid_namespace);
	commit_to(publisher, child);
	ipc_await(8, 1);
	/* The subscriber's pid has no meaning in this namespace, and is not used. */
	RETURNS(stele_publisher_reap(publisher), 0, "");
	OK(stele_region_describe(region, &info));
	cr_expect_eq(info.subscribers, 1);
	ipc_kill_inner(child);
	RETURNS(stele_publisher_reap(publisher), 1, "");
	OK(stele_region_describe(region, &info));
	cr_expect_eq(info.subscribers, 0);
	stele_publisher_close(publisher);
}

static void publisher_in_new_pid_namespace(unsigned argument)
{
	(void)argument;
	ipc_publish(region, NULL);
	ipc_reach(8, 1);
	pause();
}

Test(notices_fallback, a_publisher_in_another_pid_namespace_is_attached)
{
	struct stele_publisher_options options = {sizeof(options), STELE_CREATE,
	                                          .attach_timeout_ns = -1};
	struct stele_publisher *publisher;
	pid_t child;

	needs_root();
	child = ipc_spawn_inner(CLONE_NEWPID, publisher_in_new_pid_namespace);
	ipc_await(8, 1);
	RETURNS(stele_publisher_open(region, &options, &publisher), -EBUSY, region);
	RETURNS(stele_region_remove(region), -EBUSY, region);
	ipc_kill_inner(child);
	OK(stele_publisher_open(region, &options, &publisher));
	cr_expect_eq(ipc_commit(publisher), 2);
	stele_publisher_close(publisher);
}
