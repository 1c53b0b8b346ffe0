/* SPDX-License-Identifier: MIT
 *
 * A publisher that sends notices in a thread of its own. The thread forgets no subscriber, whatever
 * the publisher does meanwhile, and closing the publisher waits for the last notice. */
#include "publisher/state/state.h"
#include "tests/support/ipc/ipc.h"

TestSuite(notices_notifier_thread, .init = ipc_begin, .fini = ipc_end, .timeout = 120);

#define SUBSCRIBERS 12u
#define BURST       5000u

static const struct stele_publisher_options threaded = {
	.size = sizeof(threaded),
	.flags = STELE_CREATE | STELE_NOTIFIER_THREAD,
};

static const char *notifier_of(unsigned who)
{
	return who % 2 == 0 ? "mq" : "futex";
}

/* Waits for version after version until the one that was announced as the last. */
static void follow_to_the_end(unsigned who)
{
	struct stele_subscriber *subscriber = ipc_subscribe(0, notifier_of(who));
	uint64_t version = 0, last;

	ipc_reach(who, 1);
	do {
		RETURNS(stele_subscriber_wait(subscriber, version, STELE_FOREVER, &version), 1, "");
		CHECK(ipc_read(subscriber) >= version, "version %llu", (unsigned long long)version);
		last = ipc_told(31);
	} while (version < last || last == 0);
	CHECK(version == last, "%llu", (unsigned long long)version);
	stele_subscriber_close(subscriber);
}

static void start_all(pid_t children[SUBSCRIBERS])
{
	for (unsigned i = 0; i < SUBSCRIBERS; i++)
		children[i] = ipc_spawn(follow_to_the_end, i);
	for (unsigned i = 0; i < SUBSCRIBERS; i++)
		ipc_await(i, 1);
}

static void join_all(const pid_t children[SUBSCRIBERS])
{
	for (unsigned i = 0; i < SUBSCRIBERS; i++)
		ipc_join(children[i]);
}

Test(notices_notifier_thread, every_subscriber_sees_the_last_of_a_burst)
{
	struct stele_publisher *publisher = ipc_publish(region, &threaded);
	pid_t children[SUBSCRIBERS];

	ipc_only_notices();
	start_all(children);
	for (unsigned i = 0; i < SUBSCRIBERS; i++)
		UNTIL(ipc_blocked(children[i]));
	for (uint32_t i = 0; i < BURST; i++)
		ipc_commit(publisher);
	ipc_tell(31, BURST + 2);
	ipc_commit(publisher);
	join_all(children);
	cr_expect_gt(ipc_stats(publisher).notices_sent, 0);
	cr_expect_eq(ipc_stats(publisher).notices_failed, 0);
	stele_publisher_close(publisher);
}

/* Closing the publisher returns after subscribers were notified of all versions. */
Test(notices_notifier_thread, a_close_waits_for_the_notices)
{
	struct stele_publisher *publisher;
	pid_t children[SUBSCRIBERS];
	cpu_set_t one;

	ipc_only_notices();
	publisher = ipc_publish(region, NULL);
	start_all(children);
	for (unsigned i = 0; i < SUBSCRIBERS; i++)
		UNTIL(ipc_blocked(children[i]));
	stele_publisher_close(publisher);
	/* All threads run on one core, so that the notifying thread has hardly begun when the close
	 * begins. */
	CPU_ZERO(&one);
	CPU_SET((unsigned)sched_getcpu(), &one);
	cr_assert_eq(sched_setaffinity(0, sizeof(one), &one), 0);
	ipc_tell(31, 2);
	publisher = ipc_attach(region, &threaded);
	ipc_commit(publisher);
	stele_publisher_close(publisher);
	join_all(children);
}

static void make_bigger(struct stele_publisher *publisher, uint32_t from)
{
	struct stele_transaction *tx;

	OK(stele_transaction_begin(publisher, &tx));
	for (uint32_t id = from; id < from + 4000; id++)
		ipc_put(tx, id, stele_publisher_version(publisher) + 1);
	ipc_put(tx, 0, stele_publisher_version(publisher) + 1);
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
}

/* While the thread sends, the data file is exchanged for a larger and for a smaller one, and the
 * subscribers file is lost: everything that the thread reads. */
Test(notices_notifier_thread, files_are_replaced_while_the_thread_sends)
{
	struct stele_publisher_options options = threaded;
	struct stele_publisher *publisher;
	pid_t children[SUBSCRIBERS];
	uint64_t last;
	char path[128];

	options.maximum_size = 1 << 20;
	options.history = 2;
	publisher = ipc_publish(region, &options);
	start_all(children);
	for (uint32_t i = 0; i < 8; i++) {
		make_bigger(publisher, 1 + i * 4000);
		for (int j = 0; j < 200; j++)
			ipc_commit(publisher);
		if (i == 3) {
			ipc_path(path, ".subscribers");
			CHECK(unlink(path) == 0, "%s", strerror(errno));
		}
		/* Subscribers may still have the previous file. */
		int r = stele_publisher_compact(publisher);
		CHECK(r == 0 || r == -EBUSY, "%s", stele_last_error());
	}
	/* The publisher checks its files and subscribers once a second. */
	ipc_path(path, ".subscribers");
	for (int64_t until = clock_now() + IPC_PATIENCE; access(path, F_OK) < 0;) {
		CHECK(clock_now() < until, "the subscribers file is not made anew");
		ipc_commit(publisher);
	}
	last = stele_publisher_version(publisher) + 1;
	ipc_tell(31, last);
	ipc_commit(publisher);
	join_all(children);
	stele_publisher_close(publisher);
}

static void close_parents_publisher(unsigned argument)
{
	(void)argument;
	/* The thread does not exist in this process, and whatever it had locked stays locked. */
	stele_publisher_close((struct stele_publisher *)(uintptr_t)ipc_told(0));
}

Test(notices_notifier_thread, a_child_has_no_thread)
{
	struct stele_publisher *publisher = ipc_publish(region, &threaded);
	struct stele_subscriber *subscriber = ipc_subscribe(0, "mq");
	uint64_t version = 1;

	ipc_tell(0, (uint64_t)(uintptr_t)publisher);
	for (int i = 0; i < 50; i++) {
		ipc_commit(publisher);
		ipc_join(ipc_spawn(close_parents_publisher, 0));
		RETURNS(stele_subscriber_wait(subscriber, version, STELE_FOREVER, &version), 1, "");
	}
	cr_expect_eq(version, 51);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

/* Returns the number of threads of this process that sleep with SIGTERM and SIGUSR1 blocked. */
static unsigned blocking_threads(void)
{
	char path[64], line[256];
	unsigned count = 0;
	unsigned long long blocked;
	char state = '?';
	glob_t tasks;

	snprintf(path, sizeof(path), "/proc/%d/task/*/status", (int)getpid());
	cr_assert_eq(glob(path, 0, NULL, &tasks), 0);
	for (size_t i = 0; i < tasks.gl_pathc; i++) {
		FILE *file = fopen(tasks.gl_pathv[i], "r");
		cr_assert_not_null(file);
		while (fgets(line, sizeof(line), file))
			if (sscanf(line, "State: %c", &state) != 1 &&
			    sscanf(line, "SigBlk: %llx", &blocked) == 1)
				count += state == 'S' && (blocked >> (SIGTERM - 1) & 1) &&
				         (blocked >> (SIGUSR1 - 1) & 1);
		fclose(file);
	}
	globfree(&tasks);
	return count;
}

/* Signals to the program are handled by the program's own threads. */
Test(notices_notifier_thread, the_thread_takes_no_signals)
{
	unsigned before = blocking_threads();
	struct stele_publisher *publisher = ipc_publish(region, &threaded);

	/* The test runner may also have a thread that blocks these signals, and that did not sleep
	 * when `before` was counted. */
	UNTIL(blocking_threads() > before);
	stele_publisher_close(publisher);
}

/* The thread is the first to touch a truncated subscribers file. */
Test(notices_notifier_thread, hostile_25_a_truncated_file_does_not_end_the_thread)
{
	struct stele_publisher *publisher = ipc_publish(region, &threaded);
	char path[128];

	ipc_path(path, ".subscribers");
	CHECK(truncate(path, 0) == 0, "%s", strerror(errno));
	/* Makes the commit wake the thread instead of checking the slots itself. */
	publisher->notify.handed.at = 0;
	ipc_commit(publisher);
	UNTIL(mapping_lost(&publisher->attachment.slots.mapping));
	stele_publisher_close(publisher);
}
