/* SPDX-License-Identifier: MIT
 *
 * stele clean beside publishers and subscribers that live only for a moment, some of which are
 * killed. clean must take nothing from a living process. Runs in a /dev/shm and an IPC namespace
 * of its own. */
#include <mqueue.h>

#include "lib/storage/file.h"
#include "publisher/state/state.h"
#include "subscriber/state.h"
#include "tests/support/ipc/own_machine.h"
#include "tests/support/random.h"

TestSuite(stress_clean, .init = ipc_begin, .fini = ipc_end, .timeout = 120);

enum { SEED, LIVED, CLEANED };

static uint64_t random_state;

static unsigned pick(unsigned below)
{
	return (unsigned)(random_from(&random_state) % below);
}

static void add_one(unsigned which)
{
	__atomic_fetch_add(&shared->number[which], 1, __ATOMIC_RELAXED);
}

/* A publisher that attaches and checks that it keeps its files and locks, again and again. Then it
 * closes or dies: sometimes with a transaction open, sometimes after it has removed its files by
 * hand. */
static void short_lived_publisher(unsigned argument)
{
	struct stele_publisher_options options = {
		.size = sizeof(options), .flags = STELE_CREATE, .attach_timeout_ns = IPC_PATIENCE};
	const struct attachment *attachment;
	struct stele_publisher *publisher;
	struct stele_transaction *tx;

	random_state = ipc_told(SEED) + argument;
	OK(stele_publisher_open(region, &options, &publisher));
	attachment = &publisher->attachment;
	for (unsigned i = 1 + pick(8); i > 0; i--) {
		CHECK(file_is_named(attachment->publisher_lock.fd,
		                    attachment->region.names.publisher),
		      "the publisher file was taken");
		CHECK(file_is_named(attachment->data_lock.fd, attachment->region.names.data),
		      "the data file was taken");
		CHECK(attachment->slots_open && file_is_named(attachment->slots.lock.fd,
		                                              attachment->region.names.subscribers),
		      "the subscribers file was taken");
		OK(stele_transaction_begin(publisher, &tx));
		if (stele_publisher_version(publisher) == 0)
			OK(stele_transaction_create_table(tx, "rows", &ipc_schema));
		ipc_put(tx, 0, stele_publisher_version(publisher) + 1);
		if (pick(16) == 0)
			kill(getpid(), SIGKILL);
		RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
		sched_yield();
	}
	add_one(LIVED);
	switch (pick(3)) {
	case 0:
		own_unlink("");
		/* The next publisher then finds leftovers without a file to lock. */
		if (pick(2))
			own_unlink(".publisher");
		kill(getpid(), SIGKILL);
		break;
	case 1:
		kill(getpid(), SIGKILL);
		break;
	default:
		stele_publisher_close(publisher);
	}
}

/* A subscriber that checks that its queue keeps its name, and that its slot keeps its uuid as long
 * as the subscribers file is the region's. Then it closes or dies. */
static void short_lived_subscriber(unsigned argument)
{
	struct stele_subscriber *subscriber;
	uint64_t version = 0;

	random_state = ipc_told(SEED) + argument;
	/* There may be no region at this moment. */
	if (stele_subscriber_open(region, NULL, &subscriber) < 0)
		return;
	for (unsigned i = 1 + pick(20); i > 0; i--) {
		if (stele_subscriber_wait(subscriber, version, clock_now() + 2 * NSEC_PER_MSEC,
		                          &version) < 0)
			break;
		if (!subscriber->registered)
			continue;
		CHECK(memcmp(subscriber->slot->uuid, subscriber->channel.uuid, 16) == 0 &&
		              subscriber->slot->state == LAYOUT_SLOT_TAKEN,
		      "its slot was taken");
		if (strcmp(subscriber->notifier->name, "mq") == 0) {
			mqd_t queue = mq_open(subscriber->channel.name,
			                      O_RDONLY | O_NONBLOCK | O_CLOEXEC);
			/* The kernel refuses the lease while another process asks for it. */
			CHECK(queue >= 0 || errno == EWOULDBLOCK, "its queue was taken: %s",
			      strerror(errno));
			if (queue >= 0)
				mq_close(queue);
		}
	}
	add_one(LIVED);
	if (pick(2))
		kill(getpid(), SIGKILL);
	stele_subscriber_close(subscriber);
}

static void clean_for_ever(unsigned argument)
{
	(void)argument;
	for (;;) {
		CHECK(own_stele("clean") == 0, "%s", own_output);
		if (own_output[strcspn(own_output, "\n") + 1])
			add_one(CLEANED);
	}
}

static void clean_fast(unsigned argument)
{
	(void)argument;
	for (;;) {
		int r = stele_region_clean(region, 0, NULL, NULL);
		OK(r);
		sched_yield();
	}
}

Test(stress_clean, clean_takes_nothing_from_a_living_process, .timeout = 240)
{
	const char *given = getenv("STELE_SEED");
	int64_t until = clock_now() + (SANITIZED ? 20 : 10) * NSEC_PER_SEC,
		patience = until + IPC_PATIENCE;
	pid_t lives[6] = {0}, cleaner, fast;
	unsigned number = 0, killed;

	own_machine("size=64m");
	ipc_tell(SEED, given ? strtoull(given, NULL, 0) : (uint64_t)clock_now());
	cleaner = ipc_spawn(clean_for_ever, 0);
	fast = ipc_spawn(clean_fast, 0);
	while (clock_now() < until ||
	       ((ipc_told(LIVED) <= 20 || ipc_told(CLEANED) == 0) && clock_now() < patience))
		for (unsigned i = 0; i < 6; i++) {
			int status = 0;
			if (lives[i])
				status = ipc_reap(lives[i]);
			killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
			cr_assert(killed || status == 0,
			          "a process ended with status 0x%x; STELE_SEED=%llu", status,
			          (unsigned long long)ipc_told(SEED));
			lives[i] = ipc_spawn(i < 2 ? short_lived_publisher : short_lived_subscriber,
			                     ++number);
		}
	for (unsigned i = 0; i < 6; i++)
		ipc_reap(lives[i]);
	cr_expect(kill(cleaner, 0) == 0 && kill(fast, 0) == 0, "a cleaner has ended");
	ipc_kill(cleaner);
	ipc_kill(fast);
	cr_expect(ipc_told(LIVED) > 20 && ipc_told(CLEANED) > 0,
	          "%llu lives, %llu times something was removed",
	          (unsigned long long)ipc_told(LIVED), (unsigned long long)ipc_told(CLEANED));
	EXITS(0, "clean");
	if (own_exists("")) {
		struct stele_region_info info = {.size = sizeof(info)};
		OK(stele_region_describe(region, &info));
		cr_expect_eq(info.subscribers, 0);
	} else {
		cr_expect_eq(own_files(), 0);
	}
	cr_expect_eq(own_queues(), 0);
}
