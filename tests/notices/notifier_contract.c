/* SPDX-License-Identifier: MIT
 *
 * The contract at struct notifier, clause by clause, with both ends of a channel in one process. A
 * wait that breaks the contract never ends. The head changes only where a test says so, so a wait
 * that ends only because it checked the head is broken, too. */
#include <sys/msg.h>
#include <grp.h>
#include <mqueue.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "lib/storage/folder.h"
#include "tests/support/ipc/promise.h"

TestSuite(notices_notifier_contract, .init = ipc_begin, .fini = ipc_end, .timeout = 240);

#define UUID  ((const uint8_t *)"0123456789abcdef")
#define INDEX 7u /* index of the slot; also part of the message types of the System V queue */
#define HEAD  head_make(5, HEAD_CURRENT)

/* ---- the two ends ---- */

static struct region_paths names;
static uint64_t head;
static struct layout_slot slot;
static const struct notifier *notifier;
static struct channel mine, theirs; /* the subscriber's end and the publisher's end */

static void channel_make(struct channel *channel)
{
	struct stele_region_info info = {.size = sizeof(info)};

	OK(stele_region_describe(region, &info));
	*channel = (struct channel){.names = &names,
	                            .head = &head,
	                            .slot = &slot,
	                            .index = INDEX,
	                            .owner = geteuid(),
	                            .group = getegid(),
	                            .slice = notifier_slice,
	                            .fd = -1};
	memcpy(channel->uuid, UUID, 16);
	memcpy(channel->region_uuid, info.uuid, 16);
}

static void attach(void)
{
	channel_make(&theirs);
	OK(notifier->attach(&theirs));
}

static void open_ends(unsigned mechanism)
{
	/* Set a small limit, so that the queue of signals can be filled. */
	CHECK(setrlimit(RLIMIT_SIGPENDING, &(struct rlimit){64, 64}) == 0, "%s", strerror(errno));
	ipc_only_notices();
	head = HEAD;
	notifier = notifier_of_name(mechanisms[mechanism].name);
	OK(paths_make(region, &names));
	channel_make(&mine);
	OK(notifier->open(&mine));
	attach();
}

static void close_ends(void)
{
	notifier->detach(&theirs);
	notifier->close(&mine);
}

static void wait_here(void)
{
	notifier->wait(&mine, HEAD, STELE_FOREVER);
}

/* Waits with a deadline, for which some notifiers take another path. */
static void wait_long(void)
{
	notifier->wait(&mine, HEAD, clock_now() + 1800 * NSEC_PER_SEC);
}

/* ---- other senders ---- */

static void send_as_another_user(unsigned fills)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	char path[NAMES_PATH_SIZE];

	folder_entry(&names, UUID, path);
	snprintf(address.sun_path, sizeof(address.sun_path), "%.100s", path);
	if (geteuid() == 0) {
		CHECK(setgroups(0, NULL) == 0, "%s", strerror(errno));
		CHECK(setresuid(IPC_NOBODY, IPC_NOBODY, IPC_NOBODY) == 0, "%s", strerror(errno));
	}
	do
		CHECK(sendto(fd, "", 1, MSG_NOSIGNAL, (struct sockaddr *)&address,
		             sizeof(address)) == 1 ||
		              errno == EAGAIN,
		      "%s", strerror(errno));
	while (fills && errno != EAGAIN);
}

static void send_message(bool fills)
{
	char name[NAMES_QUEUE_SIZE];
	mqd_t queue;

	paths_queue(region, UUID, name);
	queue = mq_open(name, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	CHECK(queue >= 0, "%s: %s", name, strerror(errno));
	while (mq_send(queue, "", 0, 0) == 0 && fills)
		;
	mq_close(queue);
}

static void write_pipe(bool fills)
{
	char path[NAMES_PATH_SIZE];
	int fd;

	folder_entry(&names, UUID, path);
	fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	CHECK(fd >= 0, "%s", strerror(errno));
	while (write(fd, "notice!", 8) == 8 && fills)
		;
	close(fd);
}

/* Sends one notice that does not come from the publisher, or as many as fit. */
static void send_forged(unsigned mechanism, bool fills)
{
	struct {
		long type;
		char none[1];
	} message = {.type = INDEX + 1};

	if (mechanism == MQ)
		send_message(fills);
	else if (mechanism == SOCKET)
		ipc_join(ipc_spawn(send_as_another_user, fills));
	else if (mechanism == FIFO)
		write_pipe(fills);
	else if (mechanism == SIGNAL)
		for (int i = 0; i < (fills ? 200 : 1); i++)
			kill(getpid(), SIGRTMAX);
	else if (mechanism == SEMAPHORE)
		__atomic_store_n((uint32_t *)(void *)&slot.semaphore, 1, __ATOMIC_SEQ_CST);
	else if (mechanism == SYSV)
		CHECK(msgsnd(promise_sysv_queue(), &message, 0, IPC_NOWAIT) == 0, "%s",
		      strerror(errno));
}

/* ---- the clauses ---- */

/* Runs a clause in a process of its own, for each notifier that keeps notices. */
#define CLAUSE(name_) \
	static void name_(unsigned mechanism); \
	static void spawn_##name_(unsigned mechanism, struct stele_publisher *publisher) \
	{ \
		(void)publisher; \
		if (mechanism != FUTEX) \
			ipc_join(ipc_spawn(name_, mechanism)); \
	} \
	Test(notices_notifier_contract, name_) \
	{ \
		promise_for_each(spawn_##name_, true); \
	} \
	static void name_(unsigned mechanism)

/* Clauses 1 and 3. The subscriber takes a new ticket after each wait, and the publisher sends for
 * that ticket before the next wait, for a version that the subscriber has found by itself. */
CLAUSE(notice_35_a_notice_sent_before_a_wait_ends_it)
{
	open_ends(mechanism);
	for (int i = 0; i < 20; i++) {
		CHECK(notifier->send(&theirs, 5) == 0, "%s: send %d", notifier->name, i);
		if (i % 2)
			wait_long();
		else
			wait_here();
	}
	close_ends();
}

/* Clause 1. The only notice for a ticket is queued behind a leftover of an earlier ticket. */
CLAUSE(notice_35_a_notice_behind_a_leftover_ends_a_wait)
{
	open_ends(mechanism);
	for (int i = 0; i < 20; i++) {
		OK(notifier->send(&theirs, 5));
		if (i > 0 && i % 4 == 0)
			notifier->drain(&mine);
		notifier->send(&theirs, 5);
		wait_here();
	}
	close_ends();
}

/* Clauses 1 and 4. If the publisher's notice does not fit, the notices that fill the channel serve
 * instead. */
CLAUSE(notice_35_notices_that_fill_the_channel_end_a_wait)
{
	open_ends(mechanism);
	for (int i = 0; i < 4; i++) {
		int r;
		send_forged(mechanism, true);
		if (mechanism == SYSV)
			OK(notifier->send(&theirs, 5));
		r = notifier->send(&theirs, 5);
		CHECK(r == -EAGAIN, "%s: %d", notifier->name, r);
		if (i % 2)
			wait_long();
		else
			wait_here();
	}
	close_ends();
}

/* Clauses 1 and 2. Each forged notice ends one wait. After any number of them the publisher's
 * notice also ends one. */
CLAUSE(notice_24_forged_notices_end_a_wait_each_and_hide_none)
{
	open_ends(mechanism);
	for (int i = 0; i < 20; i++) {
		send_forged(mechanism, false);
		wait_here();
		OK(notifier->send(&theirs, 5));
		wait_long();
	}
	close_ends();
}

static bool readable(void)
{
	struct pollfd pollfd = {.fd = mine.fd, .events = POLLIN};

	return poll(&pollfd, 1, 0) == 1;
}

/* Clauses 2 and 3. What a drain leaves behind keeps the descriptor readable and ends the next wait;
 * eventually nothing is left. */
CLAUSE(notice_35_a_notice_left_by_a_drain_ends_a_wait)
{
	if (!mechanisms[mechanism].has_descriptor)
		return;
	open_ends(mechanism);
	send_forged(mechanism, true);
	for (int i = 0; readable(); i++) {
		CHECK(i < 10000, "%s: still readable", notifier->name);
		if (i % 3 == 0)
			wait_here();
		else
			notifier->drain(&mine);
	}
	OK(notifier->send(&theirs, 5));
	CHECK(readable(), "%s: not readable", notifier->name);
	wait_here();
	close_ends();
}

/* Clause 5. A publisher that dies during a send leaves at most the word in the slot, for notifiers
 * that have one. */
CLAUSE(notice_04_a_death_during_a_send_is_repaired_by_the_next_publisher)
{
	open_ends(mechanism);
	for (int i = 0; i < 4; i++) {
		int r;
		if (mechanism == SEMAPHORE || mechanism == SYSV)
			send_forged(SEMAPHORE, false);
		notifier->detach(&theirs);
		attach();
		r = notifier->send(&theirs, 5);
		CHECK(r == 0 || r == -EAGAIN, "%s: %d", notifier->name, r);
		wait_here();
	}
	close_ends();
}

/* Clause 6. A version, or the replacement of the file, changes the word after the subscriber has
 * read head. A wait with the old value of head ends at once. */
static void compare_each_change(unsigned mechanism)
{
	const uint64_t later[] = {
		head_make(6, HEAD_CURRENT),
		head_make(5, HEAD_REPLACING),
		head_make(5, HEAD_REPLACED),
		head_make(6, HEAD_REPLACED),
		head_make(5 + (UINT64_C(1) << 30), HEAD_REPLACED),
	};

	open_ends(mechanism);
	for (size_t i = 0; i < sizeof(later) / sizeof(later[0]); i++) {
		head = later[i];
		wait_here();
		wait_long();
	}
	head = head_make(5, HEAD_REPLACED);
	notifier->wait(&mine, head_make(5, HEAD_REPLACING), STELE_FOREVER);
	close_ends();
}

Test(notices_notifier_contract, notice_35_a_futex_wait_ends_if_its_word_has_changed)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);

	ipc_join(ipc_spawn(compare_each_change, FUTEX));
	stele_publisher_close(publisher);
}

/* ---- a System V queue that does not exist yet ---- */

static uint32_t word_of(pid_t pid, unsigned *ret_index)
{
	struct layout_slot is = promise_slot(pid, ret_index);
	uint32_t word;

	memcpy(&word, &is.semaphore, sizeof(word));
	return word;
}

static void follow_one(unsigned mechanism)
{
	ipc_only_notices();
	promise_follow(mechanism, 0, 1);
}

/* Clause 5. A publisher died after it had changed the word in the slot on which a subscriber waits,
 * and before it woke the subscriber. */
Test(notices_notifier_contract, notice_04_a_death_before_the_wake_in_the_slot_loses_no_wake_up)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	const uint32_t sent = 1;
	unsigned index;
	char path[128];
	pid_t child;
	int fd;

	if (!promise_can_spawn(SYSV))
		cr_skip_test("ThreadSanitizer lets no spawned process start threads");
	child = ipc_spawn(follow_one, SYSV);
	ipc_await(0, 1);
	UNTIL(ipc_blocked(child) && word_of(child, &index) == 2);
	cr_assert_lt(promise_sysv_queue(), 0);
	ipc_path(path, ".subscribers");
	fd = open(path, O_WRONLY | O_CLOEXEC);
	CHECK(pwrite(fd, &sent, sizeof(sent),
	             (off_t)(sizeof(struct layout_subscribers_header) + index * sizeof(slot) +
	                     offsetof(struct layout_slot, semaphore))) == (ssize_t)sizeof(sent),
	      "%s", strerror(errno));
	close(fd);
	ipc_commit(publisher);
	ipc_join(child);
	stele_publisher_close(publisher);
}

/* The publisher creates the System V queue when it first notifies a subscriber that waits on the
 * word in its slot. The other subscribers that wait like this are woken and find the queue, too. */
Test(notices_notifier_contract, notice_35_a_queue_created_beside_waiters_is_found)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	pid_t children[3];

	if (!promise_can_spawn(SYSV))
		cr_skip_test("ThreadSanitizer lets no spawned process start threads");
	for (unsigned i = 0; i < 3; i++) {
		children[i] = ipc_spawn(follow_one, SYSV);
		UNTIL(ipc_blocked(children[i]));
	}
	ipc_commit(publisher);
	for (unsigned i = 0; i < 3; i++)
		ipc_join(children[i]);
	cr_expect_geq(promise_sysv_queue(), 0);
	stele_publisher_close(publisher);
}
