/* SPDX-License-Identifier: MIT
 *
 * What an idle subscriber costs: how often it wakes up, and how many system calls it makes. The
 * tests count system calls for a time that they measure afterwards. A slow machine makes the time
 * longer, and with it the number that is allowed. */
#include <sys/ptrace.h>

#include "tests/support/ipc/ipc.h"

TestSuite(notices_idle, .init = ipc_begin, .fini = ipc_end, .timeout = 120);

/* The first slice of the waits here, instead of a second. */
#define SLICE (10 * NSEC_PER_MSEC)
/* The time that is counted. */
#define WATCHED (200 * SLICE)

enum { BY_WAIT, BY_DESCRIPTOR, BY_DEADLINES };
enum { READY, TABLE, SAW };

static const char *notifier;
static unsigned flags;

/* Waits for a version that never comes, until it is killed. */
static void idle(unsigned how)
{
	struct stele_subscriber *subscriber;
	struct pollfd pollfd = {.events = POLLIN};
	uint64_t version;

	notifier_slice = SLICE;
	subscriber = ipc_subscribe(flags, notifier);
	if (how == BY_DESCRIPTOR)
		OK(pollfd.fd = stele_subscriber_fd(subscriber));
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	raise(SIGSTOP);
	for (;;) {
		int64_t deadline = how == BY_WAIT ? STELE_FOREVER : 0;
		if (how == BY_DEADLINES)
			deadline = clock_now() + 60 * SLICE;
		RETURNS(stele_subscriber_wait(subscriber, 1, deadline, &version), 0, "");
		if (how == BY_DESCRIPTOR)
			poll(&pollfd, 1, -1);
	}
}

/* Counts the system calls that a stopped, traced child makes in `time`. */
static unsigned count_calls(pid_t child, int64_t *time)
{
	int64_t started = clock_now();
	unsigned stops = 0;
	int status;

	while (clock_now() - started < *time) {
		cr_assert_eq(ptrace(PTRACE_SYSCALL, child, NULL, NULL), 0, "%s", strerror(errno));
		cr_assert_eq(waitpid(child, &status, 0), child);
		cr_assert(WIFSTOPPED(status), "the subscriber ended with status 0x%x", status);
		stops++;
	}
	*time = clock_now() - started;
	/* The child stops at the beginning of a call and at its end. */
	return stops / 2;
}

/* Checks that a subscriber makes few calls: as long as it is idle for a short time, looks that
 * become rarer; later one look in each 8 slices. Without this, a look in each slice. */
static void expect_idle(unsigned how)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	pid_t child = ipc_spawn(idle, how);
	int64_t time = WATCHED;
	unsigned calls, looks;
	int status;

	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP, "status 0x%x", status);
	calls = count_calls(child, &time);
	looks = 8 + (unsigned)(time / (8 * SLICE));
	/* A look takes a call to block, one to drain, one to set the timer, and one for each of the
	 * files. */
	cr_expect_leq(calls, 5 * looks + 4, "%s: %u calls in %lld ms", notifier ? notifier : "none",
	              calls, (long long)(time / NSEC_PER_MSEC));
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	ipc_forget(child);
	stele_publisher_close(publisher);
	OK(stele_region_remove(region));
}

Test(notices_idle, a_blocked_subscriber_hardly_wakes)
{
	static const char *const notifiers[] = {"mq", "futex", "semaphore", "socket", "fifo"};

	for (size_t i = 0; i < sizeof(notifiers) / sizeof(notifiers[0]); i++) {
		notifier = notifiers[i];
		expect_idle(BY_WAIT);
	}
}

Test(notices_idle, a_subscriber_in_an_event_loop_hardly_wakes)
{
	notifier = "mq";
	expect_idle(BY_DESCRIPTOR);
	notifier = "socket";
	expect_idle(BY_DESCRIPTOR);
	notifier = "fifo";
	expect_idle(BY_DESCRIPTOR);
}

Test(notices_idle, a_subscriber_without_a_slot_hardly_wakes)
{
	flags = STELE_UNREGISTERED;
	expect_idle(BY_WAIT);
}

/* A wait that ends at its deadline and begins anew goes on being idle. */
Test(notices_idle, a_subscriber_with_deadlines_hardly_wakes)
{
	notifier = "socket";
	expect_idle(BY_DEADLINES);
}

/* ---- the publisher wakes a reader without a slot after each pause ---- */

static void watch_table(unsigned argument)
{
	const char *tables[] = {"rows", NULL};
	struct stele_subscriber_options options = {
		.size = sizeof(options), .flags = STELE_UNREGISTERED, .tables = tables};
	struct stele_subscriber *subscriber;
	uint64_t version, seen;

	(void)argument;
	OK(stele_subscriber_open(region, &options, &subscriber));
	OK(stele_subscriber_version(subscriber, &version));
	for (;;) {
		ipc_tell(SAW, version);
		RETURNS(stele_subscriber_wait(subscriber, version, STELE_FOREVER, &seen), 1, "");
		version = seen;
	}
}

/* Commits a change of the other table, whose wake must not keep back the next one. */
static void commit_other(struct stele_publisher *publisher, uint64_t number)
{
	struct stele_transaction *tx;
	struct ipc_value value;

	OK(stele_transaction_begin(publisher, &tx));
	ipc_fill(&value, 1, number);
	OK(stele_transaction_put(tx, "others", &(uint32_t){1}, 32, &value, sizeof(value)));
	OK(stele_transaction_commit(tx, NULL, NULL));
}

/* Two commits within a millisecond: the first one's wake is for other readers. */
static void expect_woken(unsigned publisher_flags)
{
	struct stele_publisher_options options = {.size = sizeof(options),
	                                          .flags = STELE_CREATE | publisher_flags};
	struct stele_publisher *publisher = ipc_publish(region, &options);
	uint64_t version;
	pid_t child;

	ipc_create_table(publisher, "others", &ipc_schema);
	version = stele_publisher_version(publisher);
	ipc_only_notices();
	child = ipc_spawn(watch_table, 0);
	for (unsigned round = 0; round < 50; round++) {
		UNTIL(ipc_told(SAW) >= version);
		/* The reader polls for some milliseconds, and then sleeps until it is woken. If it
		 * still polls after this pause, the round proves less. */
		nanosleep(&(struct timespec){.tv_nsec = 10 * NSEC_PER_MSEC}, NULL);
		UNTIL(ipc_is(child, 'S'));
		commit_other(publisher, round);
		version = ipc_commit(publisher);
	}
	UNTIL(ipc_told(SAW) >= version);
	ipc_kill(child);
	stele_publisher_close(publisher);
}

Test(notices_idle, a_wake_for_another_table_keeps_back_no_wake)
{
	expect_woken(0);
}

Test(notices_idle, a_handover_for_another_table_keeps_back_no_wake)
{
	expect_woken(STELE_NOTIFIER_THREAD);
}
