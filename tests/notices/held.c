/* SPDX-License-Identifier: MIT
 *
 * Subscribers that are held at one system call while the publisher works: before a futex wait,
 * between opening a file and fstat(), between lstat() and its consequences, before a notice is
 * received. Functions of this program, which override the C library's, hold them there. */
#include <dlfcn.h>

#include "publisher/generation.h"
#include "publisher/memory/data_file.h"
#include "publisher/state/state.h"
#include "tests/support/ipc/promise.h"

TestSuite(notices_held, .init = ipc_begin, .fini = ipc_end, .timeout = 240);

enum { READY, STANDS, GO, UP }; /* stages */

/* The call at which this process stops until the test lets the process continue. */
static enum { NOWHERE, BEFORE_A_WAIT, BEFORE_FSTAT, AFTER_LSTAT, BEFORE_RECV } is_held;

static unsigned passes; /* how many such calls return first, without a stop */

static void stand_at(unsigned where)
{
	if (is_held != where || passes-- > 0)
		return;
	passes = 0;
	is_held = NOWHERE;
	ipc_reach(STANDS, ipc_stage(STANDS) + 1);
	ipc_await(GO, ipc_stage(STANDS));
}

static void *next_of(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

long syscall(long number, ...)
{
	static long (*next)(long, ...);
	long arguments[6];
	va_list list;

	va_start(list, number);
	for (int i = 0; i < 6; i++)
		arguments[i] = va_arg(list, long);
	va_end(list);
	if (!next)
		next = (long (*)(long, ...))(uintptr_t)next_of("syscall");
	if (number == SYS_futex && arguments[1] == FUTEX_WAIT_BITSET)
		stand_at(BEFORE_A_WAIT);
	return next(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4],
	            arguments[5]);
}

int fstat(int fd, struct stat *status)
{
	int (*next)(int, struct stat *) = (int (*)(int, struct stat *))(uintptr_t)next_of("fstat");

	stand_at(BEFORE_FSTAT);
	return next(fd, status);
}

int lstat(const char *path, struct stat *status)
{
	int (*next)(const char *, struct stat *) =
		(int (*)(const char *, struct stat *))(uintptr_t)next_of("lstat");
	int r = next(path, status);

	stand_at(AFTER_LSTAT);
	return r;
}

ssize_t recv(int fd, void *buffer, size_t size, int flags)
{
	ssize_t (*next)(int, void *, size_t, int) =
		(ssize_t(*)(int, void *, size_t, int))(uintptr_t)next_of("recv");

	stand_at(BEFORE_RECV);
	return next(fd, buffer, size, flags);
}

/* ---- the wait on a futex ---- */

#define ROUNDS_HERE 3u

static void wait_and_stand(unsigned registered)
{
	struct stele_subscriber *subscriber = ipc_subscribe(0, registered ? "futex" : NULL);
	uint64_t version;

	OK(stele_subscriber_version(subscriber, &version));
	for (uint32_t round = 1; round <= ROUNDS_HERE; round++) {
		is_held = BEFORE_A_WAIT;
		RETURNS(stele_subscriber_wait(subscriber, version, STELE_FOREVER, &version), 1, "");
		CHECK(ipc_read(subscriber) == version, "version %llu", (unsigned long long)version);
		ipc_reach(UP, round);
	}
	stele_subscriber_close(subscriber);
}

/* Commits one transaction that replaces the file `times` times. */
static void commit_replacing(struct stele_publisher *publisher, unsigned times)
{
	uint64_t next = stele_publisher_version(publisher) + 1;
	struct stele_transaction *tx;

	OK(stele_transaction_begin(publisher, &tx));
	ipc_put(tx, 0, next);
	for (unsigned i = 0; i < times; i++)
		OK(generation_grow(publisher, 1));
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
}

static void replace_before_the_wait(unsigned times, bool commits_between)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	pid_t child;

	memset(shared, 0, sizeof(*shared));
	ipc_only_notices();
	child = ipc_spawn(wait_and_stand, 1);
	for (uint32_t round = 1; round <= ROUNDS_HERE; round++) {
		ipc_await(STANDS, round);
		if (commits_between)
			for (unsigned i = 0; i < times; i++)
				commit_replacing(publisher, 1);
		else
			commit_replacing(publisher, times);
		ipc_reach(GO, round);
		ipc_await(UP, round);
	}
	ipc_join(child);
	stele_publisher_close(publisher);
	OK(stele_region_remove(region));
}

Test(notices_held, notice_35_no_wait_begins_on_a_file_that_was_replaced)
{
	for (unsigned times = 0; times <= 3; times++)
		replace_before_the_wait(times, false);
	replace_before_the_wait(3, true);
}

/* The file is compacted, and the subscriber waits on without a commit. The next commit ends the
 * wait. */
Test(notices_held, notice_35_a_wait_continues_in_the_new_file)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	pid_t child;

	ipc_only_notices();
	child = ipc_spawn(wait_and_stand, 1);
	for (uint32_t round = 1; round <= ROUNDS_HERE; round++) {
		ipc_await(STANDS, round);
		/* Compaction is refused as long as the subscriber still has the previous file. */
		OK(stele_publisher_compact(publisher));
		ipc_reach(GO, round);
		UNTIL(ipc_blocked(child) && !generation_before_in_use(publisher));
		ipc_commit(publisher);
		ipc_await(UP, round);
	}
	ipc_join(child);
	stele_publisher_close(publisher);
}

static void wait_for_the_end(unsigned argument)
{
	struct stele_subscriber *subscriber = ipc_subscribe(0, "futex");
	uint64_t version;

	(void)argument;
	is_held = BEFORE_A_WAIT;
	RETURNS(stele_subscriber_wait(subscriber, 1, STELE_FOREVER, &version), -ENOENT,
	        "was removed");
	stele_subscriber_close(subscriber);
}

/* The subscriber is held before its wait while the region is removed. */
Test(notices_held, notice_35_no_wait_begins_on_a_region_that_was_removed)
{
	pid_t child;

	stele_publisher_close(ipc_publish(region, NULL));
	ipc_only_notices();
	child = ipc_spawn(wait_for_the_end, 0);
	ipc_await(STANDS, 1);
	OK(stele_region_remove(region));
	ipc_reach(GO, 1);
	ipc_join(child);
}

static void check_and_stand(unsigned argument)
{
	struct stele_subscriber *subscriber = ipc_subscribe(0, "futex");
	uint64_t version = 1;

	(void)argument;
	ipc_reach(READY, 1);
	ipc_await(UP, 1);
	/* The first check comes before the ticket is armed; only the second precedes the wait. */
	passes = 1;
	is_held = AFTER_LSTAT;
	RETURNS(stele_subscriber_wait(subscriber, version, STELE_FOREVER, &version), 1, "");
	stele_subscriber_close(subscriber);
}

/* The publisher is held before its rename, so the subscriber finds nothing new. Then the file is
 * replaced. The subscriber must wait for that replacement, or not wait at all. */
Test(notices_held, notice_35_a_subscriber_waits_with_the_word_that_it_has_validated)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	pid_t child;

	ipc_only_notices();
	child = ipc_spawn(check_and_stand, 0);
	ipc_await(READY, 1);
	data_file_mark(&publisher->attachment.region.header->head, HEAD_REPLACING);
	ipc_reach(UP, 1);
	ipc_await(STANDS, 1);
	commit_replacing(publisher, 1);
	ipc_reach(GO, 1);
	ipc_join(child);
	stele_publisher_close(publisher);
}

/* ---- opening ---- */

static void open_and_stand(unsigned argument)
{
	(void)argument;
	is_held = BEFORE_FSTAT;
	stele_subscriber_close(ipc_subscribe(STELE_UNREGISTERED, NULL));
}

/* A file that loses its name between a subscriber's open and its fstat() was replaced, not
 * removed. */
Test(notices_held, a_region_whose_file_is_replaced_is_never_absent)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	pid_t child = ipc_spawn(open_and_stand, 0);

	ipc_await(STANDS, 1);
	commit_replacing(publisher, 1);
	ipc_reach(GO, 1);
	ipc_join(child);
	stele_publisher_close(publisher);
}

/* ---- the descriptor ---- */

static void drain_and_stand(unsigned argument)
{
	struct stele_subscriber *subscriber = ipc_subscribe(0, "socket");
	struct pollfd pollfd = {.events = POLLIN};
	uint64_t version = 1;

	(void)argument;
	OK(pollfd.fd = stele_subscriber_fd(subscriber));
	ipc_reach(READY, 1);
	ipc_await(UP, 1);
	RETURNS(stele_subscriber_wait(subscriber, version, 0, &version), 1, "");
	is_held = BEFORE_RECV;
	RETURNS(stele_subscriber_wait(subscriber, version, 0, &version), 0, "");
	ipc_reach(READY, 2);
	CHECK(poll(&pollfd, 1, -1) == 1, "%s", strerror(errno));
	RETURNS(stele_subscriber_wait(subscriber, version, 0, &version), 1, "");
	stele_subscriber_close(subscriber);
}

/* A late notice, for a version that the subscriber has found by itself, is received before the
 * ticket is taken: it may be the only notice for that ticket. */
Test(notices_held, notice_35_the_descriptor_is_drained_before_the_ticket_is_taken)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	pid_t child;

	ipc_only_notices();
	child = ipc_spawn(drain_and_stand, 0);
	ipc_await(READY, 1);
	ipc_commit(publisher);
	ipc_reach(UP, 1);
	ipc_await(STANDS, 1);
	/* A reap notifies every waiting subscriber. */
	OK(stele_publisher_reap(publisher));
	ipc_reach(GO, 1);
	ipc_await(READY, 2);
	ipc_commit(publisher);
	ipc_join(child);
	stele_publisher_close(publisher);
}
