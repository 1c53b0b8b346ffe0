/* SPDX-License-Identifier: MIT
 *
 * What every notifier promises to a waiting subscriber, tested with each: being woken, the
 * descriptor, full queues, stopped subscribers, several handles, forks. */
#include <sys/msg.h>
#include <mqueue.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "tests/support/ipc/promise.h"

TestSuite(notices_notifier, .init = ipc_begin, .fini = ipc_end, .timeout = 240);

PROMISE(notices_notifier, a_commit_wakes_a_waiting_subscriber)
{
	pid_t child;

	ipc_only_notices();
	child = ipc_spawn(promise_follow_rounds, mechanism);
	promise_commit_rounds(publisher, child, 0, 1, ROUNDS);
	ipc_join(child);
	if (mechanism != FUTEX)
		cr_expect(ipc_stats(publisher).notices_sent >= ROUNDS - 1 &&
		                  ipc_stats(publisher).notices_failed == 0,
		          "%s: %llu sent, %llu failed", mechanisms[mechanism].name,
		          (unsigned long long)ipc_stats(publisher).notices_sent,
		          (unsigned long long)ipc_stats(publisher).notices_failed);
}

/* Arms the only slot as its subscriber would, and leaves it armed. */
static void arm_slot(void)
{
	struct layout_slot slot;
	char path[128];
	int fd;

	CHECK(ipc_slots(&slot, 1) == 1 && slot.ticket % 2 == 0, "ticket %llu",
	      (unsigned long long)slot.ticket);
	slot.ticket++;
	ipc_path(path, ".subscribers");
	fd = open(path, O_WRONLY | O_CLOEXEC);
	CHECK(fd >= 0 && pwrite(fd, &slot.ticket, sizeof(slot.ticket),
	                        (off_t)(sizeof(struct layout_subscribers_header) +
	                                offsetof(struct layout_slot, ticket))) ==
	                         (ssize_t)sizeof(slot.ticket),
	      "%s", strerror(errno));
	close(fd);
}

/* A subscriber that has armed its ticket and read version v may block only after the publisher's
 * wake for v. So the publisher wakes for version v + 1 again, although the ticket is unchanged. */
Test(notices_notifier, the_futex_is_woken_for_each_version_while_a_ticket_is_armed)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	struct stele_subscriber *subscriber = ipc_subscribe(0, "futex");
	uint64_t wakes;

	arm_slot();
	wakes = ipc_stats(publisher).futex_wakes;
	for (int i = 0; i < 1000; i++)
		ipc_commit(publisher);
	cr_expect_eq(ipc_stats(publisher).futex_wakes, wakes + 1000);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

/* ---- bursts ---- */

#define BURST 10000u

/* Follows a burst with the mechanism `way` % MECHANISMS. The process blocks in a wait if `way` is
 * below MECHANISMS, otherwise in poll(2) on the descriptor. */
static void follow_burst(unsigned way)
{
	struct stele_subscriber *subscriber = promise_subscribe(way % MECHANISMS);
	struct pollfd pollfd = {.fd = -1, .events = POLLIN};
	uint64_t version = 1;

	if (way >= MECHANISMS)
		OK(pollfd.fd = stele_subscriber_fd(subscriber));
	ipc_reach(way, 1);
	while (version < BURST + 1) {
		int r = stele_subscriber_wait(subscriber, version,
		                              way < MECHANISMS ? STELE_FOREVER : 0, &version);
		OK(r);
		if (r == 0)
			CHECK(poll(&pollfd, 1, -1) == 1, "%s", strerror(errno));
		else
			CHECK(ipc_read(subscriber) >= version, "%llu", (unsigned long long)version);
	}
	CHECK(version == BURST + 1, "%llu", (unsigned long long)version);
	stele_subscriber_close(subscriber);
}

Test(notices_notifier, the_last_of_a_burst_is_seen_by_all)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	pid_t children[2 * MECHANISMS] = {0};

	for (unsigned i = 0; i < 2 * MECHANISMS; i++)
		if (i < MECHANISMS ? promise_can_spawn(i)
		                   : mechanisms[i - MECHANISMS].has_descriptor) {
			children[i] = ipc_spawn(follow_burst, i);
			ipc_await(i, 1);
		}
	for (unsigned i = 0; i < BURST; i++)
		ipc_commit(publisher);
	for (unsigned i = 0; i < 2 * MECHANISMS; i++)
		if (children[i])
			ipc_join(children[i]);
	stele_publisher_close(publisher);
}

/* ---- the descriptor ---- */

static bool readable(int epoll, int milliseconds)
{
	struct epoll_event event;

	return epoll_wait(epoll, &event, 1, milliseconds) == 1;
}

/* Publisher and subscriber are one process here. */
PROMISE_WITHIN(notices_notifier, the_descriptor_is_readable_or_there_is_none)
{
	struct stele_subscriber *subscriber;
	int epoll = epoll_create1(EPOLL_CLOEXEC), fd;
	uint64_t version = 1;

	ipc_only_notices();
	subscriber = promise_subscribe(mechanism);
	fd = stele_subscriber_fd(subscriber);
	if (mechanisms[mechanism].has_descriptor) {
		OK(fd);
		cr_assert_eq(epoll_ctl(epoll, EPOLL_CTL_ADD, fd,
		                       &(struct epoll_event){.events = EPOLLIN}),
		             0);
		for (int i = 0; i < 50; i++) {
			uint64_t made = ipc_commit(publisher);
			CHECK(readable(epoll, IPC_PATIENCE / NSEC_PER_MSEC),
			      "%s: not after commit %llu", mechanisms[mechanism].name,
			      (unsigned long long)made);
			RETURNS(stele_subscriber_wait(subscriber, version, 0, &version), 1, "");
			cr_expect_eq(version, made);
			CHECK(!readable(epoll, 0), "%s: still readable after the wait",
			      mechanisms[mechanism].name);
		}
	} else {
		RETURNS(fd, -ENOTSUP, mechanisms[mechanism].name);
	}
	close(epoll);
	stele_subscriber_close(subscriber);
}

/* ---- stopped subscribers, full queues ---- */

static void fill_socket(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%.100s", path);
	CHECK(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0, "%s: %s", path,
	      strerror(errno));
	while (send(fd, "", 1, MSG_NOSIGNAL) == 1)
		;
	CHECK(errno == EAGAIN, "%s", strerror(errno));
	/* Closing the socket discards what it has not delivered; delivered messages stay. */
	close(fd);
}

static void fill_fifo(const char *path)
{
	int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);

	CHECK(fd >= 0, "%s: %s", path, strerror(errno));
	while (write(fd, "notice!", 8) == 8)
		;
	close(fd);
}

static void fill_mq(const struct layout_slot *slot)
{
	char name[NAMES_QUEUE_SIZE];
	mqd_t queue;

	paths_queue(region, slot->uuid, name);
	queue = mq_open(name, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	CHECK(queue >= 0, "%s: %s", name, strerror(errno));
	while (mq_send(queue, "", 0, 0) == 0)
		;
	mq_close(queue);
}

/* Messages for another subscriber fill the queue, so that none fits for this one. */
static void fill_sysv(void)
{
	struct {
		long type;
		char none[1];
	} message = {.type = 4000};
	int queue = promise_sysv_queue();

	CHECK(queue >= 0, "%s", strerror(errno));
	while (msgsnd(queue, &message, 0, IPC_NOWAIT) == 0)
		;
	CHECK(errno == EAGAIN, "%s", strerror(errno));
}

/* Fills the channel of one subscriber. */
static void fill(unsigned mechanism, pid_t pid)
{
	char path[NAMES_PATH_SIZE], file[128];
	struct layout_slot slot;
	uint32_t one = 1;
	unsigned index;
	int fd;

	slot = promise_slot(pid, &index);
	promise_entry_path(&slot, path);
	switch (mechanism) {
	case MQ:
		fill_mq(&slot);
		break;
	case SOCKET:
		fill_socket(path);
		break;
	case FIFO:
		fill_fifo(path);
		break;
	case SIGNAL:
		for (int i = 0; i < 8; i++)
			while (sigqueue(pid, SIGRTMAX, (union sigval){0}) == 0)
				;
		break;
	case SEMAPHORE:
		ipc_path(file, ".subscribers");
		fd = open(file, O_WRONLY | O_CLOEXEC);
		CHECK(pwrite(fd, &one, 4,
		             (off_t)(sizeof(struct layout_subscribers_header) +
		                     index * sizeof(slot) +
		                     offsetof(struct layout_slot, semaphore))) == 4,
		      "%s", strerror(errno));
		close(fd);
		break;
	case SYSV:
		fill_sysv();
		break;
	default:
		break;
	}
}

static void follow_twice(unsigned mechanism)
{
	/* Set a small limit, so that the subscriber's queue of signals can be filled. */
	CHECK(setrlimit(RLIMIT_SIGPENDING, &(struct rlimit){64, 64}) == 0, "%s", strerror(errno));
	promise_follow(mechanism, 0, 2);
}

/* A stopped subscriber sees the newest version first when it continues. */
static void stop_and_go_on(unsigned mechanism, struct stele_publisher *publisher, bool filled)
{
	struct stele_publisher_stats before, after;
	uint64_t last = 0;
	pid_t child;

	memset(shared, 0, sizeof(*shared));
	child = ipc_spawn(follow_twice, mechanism);
	promise_commit_rounds(publisher, child, 0, 1, 1);
	ipc_await(0, 2);
	UNTIL(ipc_blocked(child));
	kill(child, SIGSTOP);
	UNTIL(ipc_is(child, 'T'));
	if (filled)
		fill(mechanism, child);
	before = ipc_stats(publisher);
	for (int i = 0; i < 2000; i++)
		last = ipc_commit(publisher);
	after = ipc_stats(publisher);
	cr_expect(after.notices_sent + after.notices_full - before.notices_sent -
	                          before.notices_full <=
	                  1,
	          "%s: %llu sent", mechanisms[mechanism].name,
	          (unsigned long long)(after.notices_sent - before.notices_sent));
	cr_expect_eq(after.notices_failed, before.notices_failed, "%s", mechanisms[mechanism].name);
	cr_expect_eq(after.reaped, before.reaped, "it is alive");
	kill(child, SIGCONT);
	ipc_await(1, 2);
	cr_expect_eq(ipc_told(8), last, "%s: it saw %llu first", mechanisms[mechanism].name,
	             (unsigned long long)ipc_told(8));
	ipc_join(child);
}

static void follow_from(unsigned mechanism)
{
	struct stele_subscriber *subscriber = promise_subscribe(mechanism);
	uint64_t version;

	OK(stele_subscriber_version(subscriber, &version));
	ipc_reach(0, 1);
	RETURNS(stele_subscriber_wait(subscriber, version, STELE_FOREVER, &version), 1, "");
	stele_subscriber_close(subscriber);
}

PROMISE(notices_notifier, a_stopped_subscriber_costs_one_notice_and_then_sees_the_newest)
{
	ipc_only_notices();
	stop_and_go_on(mechanism, publisher, false);
	stop_and_go_on(mechanism, publisher, true);
}

/* A queue full of unread notices does not keep a commit from waking the subscriber. */
PROMISE(notices_notifier, a_full_queue_wakes_its_subscriber)
{
	ipc_only_notices();
	for (unsigned i = 0; i < 3; i++) {
		pid_t child;
		memset(shared, 0, sizeof(*shared));
		child = ipc_spawn(follow_from, mechanism);
		ipc_await(0, 1);
		UNTIL(ipc_blocked(child));
		if (mechanism != SIGNAL && (mechanism != SYSV || promise_sysv_queue() >= 0))
			fill(mechanism, child);
		ipc_commit(publisher);
		ipc_join(child);
	}
}

/* ---- several handles, forks ---- */

PROMISE_WITHIN(notices_notifier, two_handles_of_one_process_are_independent)
{
	struct stele_subscriber *one = promise_subscribe(mechanism),
				*two = promise_subscribe(mechanism);
	uint64_t sent, version, made;

	for (int i = 0; i < 20; i++) {
		sent = ipc_stats(publisher).notices_sent;
		RETURNS(stele_subscriber_wait(one, (uint64_t)i + 1, clock_now() + NSEC_PER_MSEC,
		                              &version),
		        0, "");
		made = ipc_commit(publisher);
		RETURNS(stele_subscriber_wait(one, made - 1, STELE_FOREVER, &version), 1, "");
		RETURNS(stele_subscriber_wait(two, made - 1, STELE_FOREVER, &version), 1, "");
		cr_expect_eq(version, made);
		/* No notice is sent to a subscriber that is awake. */
		cr_expect_eq(ipc_stats(publisher).notices_sent, sent, "%s",
		             mechanisms[mechanism].name);
	}
	stele_subscriber_close(one);
	RETURNS(stele_subscriber_wait(two, made, clock_now() + NSEC_PER_MSEC, &version), 0, "");
	made = ipc_commit(publisher);
	RETURNS(stele_subscriber_wait(two, made - 1, STELE_FOREVER, &version), 1, "");
	stele_subscriber_close(two);
}

static void with_a_child(unsigned mechanism)
{
	struct stele_subscriber *subscriber = promise_subscribe(mechanism);
	uint64_t version = 1;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		RETURNS(stele_subscriber_wait(subscriber, 1, 0, &version), -ECHILD, "parent");
		RETURNS(stele_subscriber_fd(subscriber), -ECHILD, "parent");
		stele_subscriber_close(subscriber);
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0, "status 0x%x", status);
	for (uint32_t round = 1; round <= ROUNDS; round++) {
		ipc_reach(0, round);
		RETURNS(stele_subscriber_wait(subscriber, version, STELE_FOREVER, &version), 1, "");
		ipc_reach(1, round);
	}
	stele_subscriber_close(subscriber);
}

PROMISE(notices_notifier, a_child_is_refused_and_its_parent_continues)
{
	pid_t child;

	ipc_only_notices();
	child = ipc_spawn(with_a_child, mechanism);
	promise_commit_rounds(publisher, child, 0, 1, ROUNDS);
	ipc_join(child);
}
