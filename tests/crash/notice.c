/* SPDX-License-Identifier: MIT
 *
 * A publisher that dies between a commit and its notices. The test steps it through the commit up
 * to the one store that makes the version exist, and kills it there. */
#include "lib/units.h"
#include "tests/support/crash/trace.h"

#include <sched.h>

#include "notifier/notifier.h"

static pid_t start_waiter(const char *region, bool by_descriptor)
{
	pid_t child = crash_fork();

	if (child == 0) {
		struct stele_subscriber_options options = {.size = sizeof(options),
		                                           .notifier = "futex"};
		struct stele_subscriber *subscriber;
		uint64_t version = 0;
		int r;
		if (by_descriptor)
			options.notifier = "mq";
		r = stele_subscriber_open(region, &options, &subscriber);
		if (r == 0)
			r = stele_subscriber_wait(subscriber, 3, STELE_FOREVER, &version);
		if (r < 0)
			fprintf(stderr, "%s\n", stele_last_error());
		stele_subscriber_close(subscriber);
		_exit(r == 1 && version == 4 ? 0 : 1);
	}
	return child;
}

/* Waits until the subscriber in the first slot has armed its ticket: it is about to block, or
 * blocked. */
static void await_armed(const char *region)
{
	struct layout_subscribers_header *header = crash_map(region, ".subscribers", NULL);
	struct layout_slot *slot = (struct layout_slot *)(header + 1);

	/* If no subscriber waits, the test's time-out ends this loop. */
	while (__atomic_load_n(&slot->ticket, __ATOMIC_ACQUIRE) % 2 == 0)
		sched_yield();
}

/* Kills a publisher right after the store that makes its version exist. A waiting subscriber finds
 * the version by itself or, if it does not poll, is notified by the next publisher; otherwise it
 * waits until the test's time-out. */
static void die_before_notices(const char *region, bool by_descriptor, bool next_publisher)
{
	struct job job = {
		.region = region, .prepare = trace_prepare_change, .act = trace_act_commit_only};
	struct stele_publisher_stats stats = {.size = sizeof(stats)};
	struct stele_publisher *publisher;
	struct layout_header *header;
	struct tracee tracee;
	const int64_t slice = notifier_slice;
	pid_t waiter;
	int status;

	bank_create(region, 3);
	/* Call trace_start() first, because it may skip the test, which would leave a waiting
	 * subscriber behind. */
	tracee = trace_start(&job);
	if (next_publisher)
		notifier_slice = 3600 * NSEC_PER_SEC;
	waiter = start_waiter(region, by_descriptor);
	notifier_slice = slice;
	await_armed(region);
	header = crash_map(region, "", NULL);
	while (head_version(__atomic_load_n(&header->head, __ATOMIC_ACQUIRE)) == 3)
		cr_assert(trace_step(&tracee));
	trace_end(&tracee);
	munmap(header, sizeof(*header));
	if (next_publisher) {
		publisher = crash_publisher(region, 0, 0);
		cr_assert_eq(stele_publisher_describe(publisher, &stats), 0);
		cr_assert_eq(stats.recovered_deaths, 1);
		stele_publisher_close(publisher);
	}
	cr_assert_eq(waitpid(waiter, &status, 0), waiter);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0,
	          "the waiter did not find the version");
}

Test(crash_notice, crash_04_a_kill_before_the_notices_loses_no_wake_up, .fini = crash_clean,
     .timeout = 60)
{
	die_before_notices(crash_name("futex"), false, false);
	die_before_notices(crash_name("next"), false, true);
}

Test(crash_notice, crash_04_a_kill_before_the_notices_to_queues_loses_no_wake_up,
     .fini = crash_clean, .timeout = 60)
{
	struct stele_subscriber_options options = {.size = sizeof(options), .notifier = "mq"};
	struct stele_subscriber *subscriber;
	const char *region = crash_name("mq");

	bank_create(region, 1);
	if (stele_subscriber_open(region, &options, &subscriber) < 0)
		crash_skip("no message queue can be had");
	stele_subscriber_close(subscriber);
	die_before_notices(region, true, false);
	die_before_notices(crash_name("mq-next"), true, true);
}
