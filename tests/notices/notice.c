/* SPDX-License-Identifier: MIT
 *
 * Waiting for versions: from another process, with every notifier, with and without a descriptor,
 * and when notices are lost, forged or sent in floods. */
#include <mqueue.h>
#include <sys/epoll.h>
#include <sys/time.h>

#include "lib/storage/paths.h"
#include "tests/support/ipc/ipc.h"

TestSuite(notices_notice, .init = ipc_begin, .fini = ipc_end, .timeout = 120);

/* The ways to wait. */
enum { BY_QUEUE, BY_FUTEX, UNREGISTERED, BY_DESCRIPTOR, WAYS };
static const char *const way_names[] = {"mq", "futex", "unregistered", "descriptor"};

static struct stele_subscriber *subscribe_to(const char *name, unsigned way)
{
	static const char *const notifiers[] = {"mq", "futex", NULL, "mq"};
	struct stele_subscriber *subscriber = ipc_subscribe_to(
		name, way == UNREGISTERED ? STELE_UNREGISTERED : 0, notifiers[way]);

	if (way == BY_DESCRIPTOR)
		OK(stele_subscriber_fd(subscriber));
	return subscriber;
}

static struct stele_subscriber *subscribe(unsigned way)
{
	return subscribe_to(region, way);
}

/* Waits without a deadline, in the given way. */
static uint64_t wait_for_newer(struct stele_subscriber *subscriber, unsigned way, uint64_t since)
{
	uint64_t version = 0;

	if (way == BY_DESCRIPTOR)
		version = ipc_await_by_descriptor(subscriber, since);
	else
		RETURNS(stele_subscriber_wait(subscriber, since, STELE_FOREVER, &version), 1, "");
	CHECK(version > since, "%llu after %llu", (unsigned long long)version,
	      (unsigned long long)since);
	return version;
}

/* ---- being woken ---- */

#define ROUNDS 12u

/* Waits for version after version, and reports each one. */
static void follow_rounds(unsigned way)
{
	struct stele_subscriber *subscriber = subscribe(way);
	uint64_t version = 1;

	for (uint32_t round = 1; round <= ROUNDS; round++) {
		ipc_reach(0, round);
		version = wait_for_newer(subscriber, way, version);
		CHECK(version == round + 1 && ipc_read(subscriber) == version,
		      "version %llu in round %u", (unsigned long long)version, round);
		ipc_reach(1, round);
	}
	stele_subscriber_close(subscriber);
}

static void wakes(unsigned way)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	pid_t child;

	ipc_only_notices();
	child = ipc_spawn(follow_rounds, way);
	for (uint32_t round = 1; round <= ROUNDS; round++) {
		ipc_await(0, round);
		UNTIL(ipc_blocked(child));
		ipc_commit(publisher);
		ipc_await(1, round);
	}
	ipc_join(child);
	if (way == BY_QUEUE || way == BY_DESCRIPTOR)
		cr_expect(ipc_stats(publisher).notices_sent == ROUNDS &&
		                  ipc_stats(publisher).notices_failed == 0,
		          "%llu sent", (unsigned long long)ipc_stats(publisher).notices_sent);
	else
		cr_expect_eq(ipc_stats(publisher).notices_sent, 0);
	stele_publisher_close(publisher);
}

Test(notices_notice, a_commit_wakes_a_wait_on_a_queue)
{
	wakes(BY_QUEUE);
}

Test(notices_notice, a_commit_wakes_a_wait_on_the_futex)
{
	wakes(BY_FUTEX);
}

Test(notices_notice, a_commit_wakes_a_poll_of_the_descriptor)
{
	wakes(BY_DESCRIPTOR);
}

/* ---- bursts ---- */

#define BURST 10000u

static void follow_burst(unsigned who)
{
	unsigned way = who % WAYS;
	struct stele_subscriber *subscriber = subscribe(way);
	uint64_t version = 1, read;

	ipc_reach(who, 1);
	while (version < BURST + 1) {
		version = wait_for_newer(subscriber, way, version);
		read = ipc_read(subscriber);
		CHECK(read >= version, "read %llu after version %llu", (unsigned long long)read,
		      (unsigned long long)version);
		CHECK(stele_subscriber_applied(subscriber, version) ==
		              (way == UNREGISTERED ? -ENOTSUP : 0),
		      "%s", stele_last_error());
	}
	CHECK(version == BURST + 1, "%llu", (unsigned long long)version);
	stele_subscriber_close(subscriber);
}

Test(notices_notice, every_subscriber_sees_the_last_of_a_burst)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	pid_t children[2 * WAYS];

	for (unsigned i = 0; i < 2 * WAYS; i++)
		children[i] = ipc_spawn(follow_burst, i);
	for (unsigned i = 0; i < 2 * WAYS; i++)
		ipc_await(i, 1);
	for (unsigned i = 0; i < BURST; i++)
		ipc_commit(publisher);
	for (unsigned i = 0; i < 2 * WAYS; i++)
		ipc_join(children[i]);
	stele_publisher_close(publisher);
}

/* ---- deadlines ---- */

static void on_alarm(int signal_number)
{
	(void)signal_number;
}

/* Checks that a wait ends at its deadline. After ipc_only_notices() a wait that misses it never
 * ends. */
static void deadline_holds(struct stele_subscriber *subscriber, const char *way, uint64_t since,
                           int64_t length)
{
	int64_t begin = clock_now(), took;
	uint64_t version = 77;

	RETURNS(stele_subscriber_wait(subscriber, since, begin + length, &version), 0, "");
	took = clock_now() - begin;
	cr_expect(took >= length, "%s: %lld ns too early", way, (long long)(length - took));
	cr_expect_eq(version, 77, "%s: written at the deadline", way);
}

Test(notices_notice, a_wait_ends_at_its_deadline_and_not_before)
{
	struct itimerval often = {{0, 700}, {0, 700}}, never = {0};
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	struct stele_subscriber *subscriber;

	signal(SIGALRM, on_alarm);
	/* This deadline is longer than the intervals at which the library checks by itself. */
	subscriber = subscribe(BY_QUEUE);
	deadline_holds(subscriber, way_names[BY_QUEUE], 1, 1300 * NSEC_PER_MSEC);
	stele_subscriber_close(subscriber);
	ipc_only_notices();
	for (unsigned way = 0; way < WAYS; way++) {
		subscriber = subscribe(way);
		deadline_holds(subscriber, way_names[way], 1, 150 * NSEC_PER_MSEC);
		deadline_holds(subscriber, way_names[way], 1000, 20 * NSEC_PER_MSEC);
		/* Signals do not end the wait. */
		setitimer(ITIMER_REAL, &often, NULL);
		deadline_holds(subscriber, way_names[way], 1, 100 * NSEC_PER_MSEC);
		setitimer(ITIMER_REAL, &never, NULL);
		stele_subscriber_close(subscriber);
	}
	stele_publisher_close(publisher);
}

Test(notices_notice, a_passed_deadline_checks_without_blocking)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	int64_t past[] = {0, 1, -5, clock_now() - 1};

	ipc_commit(publisher);
	ipc_commit(publisher);
	/* A wait that blocked would now never end. */
	ipc_only_notices();
	for (unsigned way = 0; way < WAYS; way++) {
		struct stele_subscriber *subscriber = subscribe(way);
		for (unsigned i = 0; i < 4; i++) {
			uint64_t version = 77;
			RETURNS(stele_subscriber_wait(subscriber, 3, past[i], &version), 0, "");
			cr_expect_eq(version, 77);
			RETURNS(stele_subscriber_wait(subscriber, 2, past[i], &version), 1, "");
			cr_expect_eq(version, 3);
			RETURNS(stele_subscriber_wait(subscriber, 0, past[i], &version), 1, "");
			cr_expect_eq(version, 3);
		}
		/* A version newer than `since` is returned at once, whatever the deadline. */
		cr_expect_eq(wait_for_newer(subscriber, way, 1), 3);
		stele_subscriber_close(subscriber);
	}
	stele_publisher_close(publisher);
}

Test(notices_notice, a_wait_for_the_first_version_ends_with_it)
{
	struct stele_publisher *publisher = ipc_attach(region, NULL);
	struct stele_subscriber *subscriber = subscribe(BY_QUEUE);
	struct stele_transaction *tx;
	uint64_t version = 77;

	RETURNS(stele_subscriber_wait(subscriber, 0, 0, &version), 0, "");
	cr_expect_eq(version, 77);
	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_transaction_create_table(tx, "rows", &ipc_schema));
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	cr_expect_eq(wait_for_newer(subscriber, BY_QUEUE, 0), 1);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

/* ---- the descriptor ---- */

static bool readable(int fd, int milliseconds)
{
	struct pollfd pollfd = {.fd = fd, .events = POLLIN};
	int r = poll(&pollfd, 1, milliseconds);

	CHECK(r >= 0, "%s", strerror(errno));
	return r == 1;
}

Test(notices_notice, the_descriptor_is_readable_while_there_is_a_new_version)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	struct stele_subscriber *subscriber;
	uint64_t version = 1;
	int fd;

	ipc_only_notices();
	subscriber = ipc_subscribe(0, NULL);
	OK(fd = stele_subscriber_fd(subscriber));
	cr_expect_eq(stele_subscriber_fd(subscriber), fd, "another one the second time");
	cr_expect(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	for (int i = 0; i < 50; i++) {
		uint64_t made = ipc_commit(publisher);
		CHECK(readable(fd, IPC_PATIENCE / NSEC_PER_MSEC), "not after commit %llu",
		      (unsigned long long)made);
		CHECK(readable(fd, 0), "looking at it made it unreadable");
		RETURNS(stele_subscriber_wait(subscriber, version, 0, &version), 1, "");
		cr_expect_eq(version, made);
		CHECK(!readable(fd, 0), "still readable after the wait");
	}
	stele_subscriber_close(subscriber);
	cr_expect(fcntl(fd, F_GETFD) < 0, "left open");
	stele_publisher_close(publisher);
}

/* At least once a second the descriptor becomes readable, so that the program checks. */
Test(notices_notice, the_descriptor_is_readable_now_and_then_without_a_version)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	int fd = stele_subscriber_fd(subscriber);
	uint64_t version;

	OK(fd);
	for (int i = 0; i < 2; i++) {
		CHECK(readable(fd, IPC_PATIENCE / NSEC_PER_MSEC), "never");
		/* A wait resets the descriptor; within the next second it is readable again. */
		UNTIL(stele_subscriber_wait(subscriber, 1, 0, &version) == 0 && !readable(fd, 0));
	}
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

/* ---- commit against wait ---- */

#define VOLLEYS 40000u
#define SEED    20240607u

/* Answers each version of the other side's region with a version of its own. The side that comes
 * first, and by how many microseconds, varies, so that commits meet every moment of a wait. */
static void play(unsigned way, unsigned side)
{
	uint64_t random = SEED + side, version = 1;
	struct stele_publisher *publisher;
	struct stele_subscriber *subscriber;

	publisher = ipc_publish(side == 0 ? region : other_region, NULL);
	ipc_reach(side, 1);
	ipc_await(!side, 1);
	subscriber = subscribe_to(side == 0 ? other_region : region, way);
	for (unsigned volley = 0; volley < VOLLEYS; volley++) {
		if (side == 0)
			ipc_commit(publisher);
		version = wait_for_newer(subscriber, way, version);
		CHECK(version == volley + 2, "version %llu in volley %u",
		      (unsigned long long)version, volley);
		random = ipc_mix(random + 1);
		for (unsigned spin = 0; spin < random % 4096; spin++)
			__asm__ volatile("");
		if (side == 1)
			ipc_commit(publisher);
	}
	stele_subscriber_close(subscriber);
	ipc_reach(2 + side, 1);
	ipc_await(2 + !side, 1);
	stele_publisher_close(publisher);
}

static void play_back(unsigned way)
{
	play(way, 1);
}

static void race(unsigned way)
{
	pid_t child;

	ipc_only_notices();
	child = ipc_spawn(play_back, way);
	play(way, 0);
	ipc_join(child);
}

Test(notices_notice, no_wake_up_is_lost_on_a_queue)
{
	race(BY_QUEUE);
}

Test(notices_notice, no_wake_up_is_lost_on_the_futex)
{
	race(BY_FUTEX);
}

Test(notices_notice, no_wake_up_is_lost_on_the_descriptor)
{
	race(BY_DESCRIPTOR);
}

/* ---- stopped subscribers, dead publishers ---- */

/* Waits for one version and reports it. */
static void follow_once(unsigned way)
{
	struct stele_subscriber *subscriber = subscribe(way);

	ipc_tell(way, wait_for_newer(subscriber, way, 1));
	ipc_reach(way, 1);
	stele_subscriber_close(subscriber);
}

Test(notices_notice, a_stopped_subscriber_costs_one_notice)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	struct stele_publisher_stats before, after;
	uint64_t last = 0;
	pid_t child;

	ipc_only_notices();
	child = ipc_spawn(follow_once, BY_QUEUE);
	UNTIL(ipc_blocked(child));
	kill(child, SIGSTOP);
	UNTIL(ipc_is(child, 'T'));
	before = ipc_stats(publisher);
	for (int i = 0; i < 5000; i++)
		last = ipc_commit(publisher);
	after = ipc_stats(publisher);
	cr_expect(after.notices_sent - before.notices_sent == 1, "%llu sent",
	          (unsigned long long)(after.notices_sent - before.notices_sent));
	cr_expect(after.notices_skipped - before.notices_skipped == 4999, "%llu skipped",
	          (unsigned long long)(after.notices_skipped - before.notices_skipped));
	cr_expect_eq(after.reaped, 0, "it is alive");
	kill(child, SIGCONT);
	ipc_await(BY_QUEUE, 1);
	cr_expect_eq(ipc_told(BY_QUEUE), last, "it saw %llu first",
	             (unsigned long long)ipc_told(BY_QUEUE));
	ipc_join(child);
	stele_publisher_close(publisher);
}

/* Creates a version as a publisher does that dies before it sends notices: only head is stored. */
static void commit_silently(uint64_t version)
{
	uint64_t head = head_make(version, HEAD_CURRENT);
	char path[128];
	int fd;

	ipc_path(path, "");
	fd = open(path, O_WRONLY | O_CLOEXEC);
	CHECK(fd >= 0, "%s", strerror(errno));
	CHECK(pwrite(fd, &head, sizeof(head), offsetof(struct layout_header, head)) == sizeof(head),
	      "%s", strerror(errno));
	close(fd);
}

Test(notices_notice, a_version_without_a_notice_is_found_by_the_check_once_a_second)
{
	pid_t children[WAYS];

	stele_publisher_close(ipc_publish(region, NULL));
	for (unsigned way = 0; way < WAYS; way++) {
		children[way] = ipc_spawn(follow_once, way);
		if (way == UNREGISTERED)
			UNTIL(ipc_is(children[way], 'S'));
		else
			UNTIL(ipc_blocked(children[way]));
	}
	commit_silently(2);
	for (unsigned way = 0; way < WAYS; way++) {
		ipc_join(children[way]);
		cr_expect_eq(ipc_told(way), 2);
	}
}

static void publish_for_ever(unsigned argument)
{
	struct stele_publisher *publisher = ipc_attach(region, NULL);

	(void)argument;
	for (;;)
		ipc_tell(1, ipc_commit(publisher));
}

/* Reports each version that it sees. */
static void follow_for_ever(unsigned way)
{
	struct stele_subscriber *subscriber = subscribe(way);
	uint64_t version = 1;

	for (;;) {
		version = wait_for_newer(subscriber, way, version);
		ipc_tell(2 + way, version);
	}
}

Test(notices_notice, a_publisher_killed_at_any_time_leaves_no_subscriber_behind)
{
	struct stele_subscriber *subscriber;
	uint64_t head, random = SEED;
	pid_t followers[WAYS], child;

	stele_publisher_close(ipc_publish(region, NULL));
	subscriber = ipc_subscribe(STELE_UNREGISTERED, NULL);
	for (unsigned way = 0; way < WAYS; way++)
		followers[way] = ipc_spawn(follow_for_ever, way);
	for (int round = 0; round < 10; round++) {
		OK(stele_subscriber_version(subscriber, &head));
		random = ipc_mix(random + 1);
		child = ipc_spawn(publish_for_ever, 0);
		UNTIL(ipc_told(1) >= head + 1 + random % 700);
		ipc_kill(child);
		OK(stele_subscriber_version(subscriber, &head));
		for (unsigned way = 0; way < WAYS; way++)
			UNTIL(ipc_told(2 + way) >= head);
		for (unsigned way = 0; way < WAYS; way++)
			cr_expect_eq(ipc_told(2 + way), head);
	}
	for (unsigned way = 0; way < WAYS; way++)
		ipc_kill(followers[way]);
	stele_subscriber_close(subscriber);
}

/* ---- forged notices ---- */

/* Writes the name of the only subscriber's queue. */
static void queue_name(char name[NAMES_QUEUE_SIZE])
{
	struct layout_slot slots[64];
	unsigned count = ipc_slots(slots, 64), i = 0;

	while (i < count && slots[i].state != LAYOUT_SLOT_TAKEN)
		i++;
	CHECK(i < count, "no subscriber is registered");
	paths_queue(region, slots[i].uuid, name);
}

Test(notices_notice, forged_notices_cost_one_check_each)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	char name[NAMES_QUEUE_SIZE];
	uint64_t random = SEED;
	mqd_t queue;
	pid_t child;

	ipc_only_notices();
	child = ipc_spawn(follow_once, BY_QUEUE);
	UNTIL(ipc_blocked(child));
	queue_name(name);
	queue = mq_open(name, O_WRONLY | O_CLOEXEC);
	CHECK(queue >= 0, "%s: %s", name, strerror(errno));
	for (int i = 0; i < 2000; i++) {
		random = ipc_mix(random + 1);
		CHECK(mq_send(queue, (const char *)&random, random % 9,
		              (unsigned)(random >> 8) % 32768) == 0,
		      "%s", strerror(errno));
	}
	UNTIL(ipc_blocked(child));
	cr_expect_eq(ipc_stage(BY_QUEUE), 0, "it returned version %llu",
	             (unsigned long long)ipc_told(BY_QUEUE));
	/* The wait ends although the queue is full: a forged notice ends it. */
	kill(child, SIGSTOP);
	UNTIL(ipc_is(child, 'T'));
	while (mq_timedsend(queue, "", 0, 0, &(struct timespec){0}) == 0)
		;
	cr_expect_eq(ipc_stats(publisher).notices_full, 0);
	ipc_commit(publisher);
	cr_expect_eq(ipc_stats(publisher).notices_full + ipc_stats(publisher).notices_sent, 1);
	kill(child, SIGCONT);
	ipc_join(child);
	cr_expect_eq(ipc_told(BY_QUEUE), 2);
	mq_close(queue);
	stele_publisher_close(publisher);
}

#define FLOODERS 24u

static void flood(unsigned argument)
{
	char name[NAMES_QUEUE_SIZE];
	mqd_t queue;

	queue_name(name);
	queue = mq_open(name, O_WRONLY | O_CLOEXEC);
	CHECK(queue >= 0, "%s: %s", name, strerror(errno));
	ipc_reach(argument, 1);
	/* Blocks while the queue is full: the kernel itself refills the queue as soon as a message
	 * is received. */
	for (;;)
		CHECK(mq_send(queue, "notice!", 8, 0) == 0, "%s", strerror(errno));
}

static void flooded(unsigned way)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	struct stele_subscriber *subscriber;
	pid_t flooders[FLOODERS];
	uint64_t version = 1;

	ipc_only_notices();
	subscriber = subscribe(way);
	for (unsigned i = 0; i < FLOODERS; i++)
		flooders[i] = ipc_spawn(flood, i);
	for (unsigned i = 0; i < FLOODERS; i++)
		UNTIL(ipc_stage(i) == 1 && ipc_is(flooders[i], 'S'));
	for (int i = 0; i < 20; i++)
		deadline_holds(subscriber, way_names[way], version, 5 * NSEC_PER_MSEC);
	for (int i = 0; i < 200; i++) {
		uint64_t made = ipc_commit(publisher);
		RETURNS(stele_subscriber_wait(subscriber, version, STELE_FOREVER, &version), 1, "");
		cr_expect_eq(version, made);
	}
	for (unsigned i = 0; i < FLOODERS; i++)
		ipc_kill(flooders[i]);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

Test(notices_notice, a_flooded_queue_does_not_delay_a_wait)
{
	flooded(BY_QUEUE);
}

Test(notices_notice, a_flooded_queue_does_not_delay_the_descriptor)
{
	flooded(BY_DESCRIPTOR);
}
