/* SPDX-License-Identifier: MIT
 *
 * What locks on the subscribers file may cost a publisher. Any reader can hold thousands of them,
 * and the kernel walks all of them in each call that queries, takes or releases a lock. No test
 * measures time. Tests count these calls, and replace the thread's clock. */
#include <stdarg.h>
#include <sys/syscall.h>

#include "lib/base/clock.h"
#include "tests/support/bench/attack.h"
#include "publisher/notices/reap.h"
#include "publisher/state/state.h"
#include "subscriber/state.h"
#include "tests/support/ipc/model.h"

TestSuite(hostile_locks, .init = ipc_begin, .fini = ipc_end, .timeout = 120);

enum { STOP, ROUNDS = 8 };

/* Calls that a reap, an open, a removal or a cleanup may make, however many slots are dead. An open
 * takes and queries locks of other files as well. */
#define HANDFUL 40u

static unsigned calls; /* that query, take or release a lock */

/* Replaces the C library's function. */
int fcntl(int fd, int command, ...)
{
	va_list arguments;
	void *argument;

	va_start(arguments, command);
	argument = va_arg(arguments, void *);
	va_end(arguments);
	calls += command == F_OFD_GETLK || command == F_OFD_SETLK;
	return (int)syscall(SYS_fcntl, fd, command, argument);
}

static int64_t reading_takes, extra; /* nanoseconds */

/* Replaces the C library's function: each reading of the thread's clock finds that `reading_takes`
 * has passed since the last one. */
int clock_gettime(clockid_t clock, struct timespec *ret)
{
	int r = (int)syscall(SYS_clock_gettime, clock, ret);

	if (r == 0 && clock == CLOCK_THREAD_CPUTIME_ID) {
		int64_t now = ret->tv_nsec + (extra += reading_takes);
		ret->tv_sec += now / NSEC_PER_SEC;
		ret->tv_nsec = now % NSEC_PER_SEC;
	}
	return r;
}

static struct stele_publisher *publish_for_all(void)
{
	struct stele_publisher_options options = {
		.size = sizeof(options),
		.flags = STELE_CREATE,
		.mode = 0644,
		.maximum_size = 16 << 20,
	};

	return ipc_publish(region, &options);
}

/* Opens an attack that runs for one round. */
static void open_attack(struct attack *attack)
{
	ipc_reach(STOP, 1);
	attack_open(attack, region, &shared->stage[STOP], &shared->number[ROUNDS]);
}

static void expect_calls(unsigned before, unsigned max, const char *what)
{
	cr_expect_leq(calls - before, max, "%s: %u calls, more than %u", what, calls - before, max);
}

/* ---- far locks, and dead slots ---- */

Test(hostile_locks, hostile_25_far_locks_make_no_dead_slot_dear)
{
	struct stele_publisher *publisher = publish_for_all();
	struct stele_subscriber *subscriber;
	static struct attack attack;
	unsigned before;

	open_attack(&attack);
	attack_dead_slots(&attack, LAYOUT_NOTIFIER_MQ);
	before = calls;
	cr_expect_eq(stele_publisher_reap(publisher), (int)ATTACK_SLOTS);
	expect_calls(before, HANDFUL, "reap");
	/* The slots are free. */
	subscriber = ipc_subscribe(0, "mq");
	cr_expect(subscriber->registered);
	cr_expect_eq(subscriber->slot_index, 0);
	stele_subscriber_close(subscriber);

	stele_publisher_close(publisher);
	attack_arm_all(&attack, LAYOUT_NOTIFIER_MQ, 78);
	before = calls;
	publisher = publish_for_all();
	expect_calls(before, HANDFUL, "open");
	cr_expect_eq(attack.slots[ATTACK_SLOTS - 1].state, LAYOUT_SLOT_FREE);
	stele_publisher_close(publisher);

	attack_arm_all(&attack, LAYOUT_NOTIFIER_MQ, 79);
	before = calls;
	RETURNS(stele_region_clean(region, 0, NULL, NULL), (int)ATTACK_SLOTS, "");
	expect_calls(before, HANDFUL, "clean");
	cr_expect_eq(attack.slots[ATTACK_SLOTS - 1].state, LAYOUT_SLOT_FREE);

	attack_arm_all(&attack, LAYOUT_NOTIFIER_MQ, 80);
	before = calls;
	OK(stele_region_remove(region));
	expect_calls(before, HANDFUL, "rm");
	attack_close(&attack);
}

static void count_dead(const struct stele_subscriber_info *info, void *context)
{
	*(unsigned *)context += !info->alive;
}

Test(hostile_locks, hostile_25_a_list_asks_for_ranges)
{
	struct stele_publisher *publisher = publish_for_all();
	struct stele_subscriber *subscriber = ipc_subscribe(0, "mq");
	static struct attack attack;
	unsigned before, dead = 0;

	open_attack(&attack);
	attack_dead_slots(&attack, LAYOUT_NOTIFIER_MQ);
	before = calls;
	RETURNS(stele_region_subscribers(region, count_dead, &dead), (int)ATTACK_SLOTS, "");
	expect_calls(before, HANDFUL, "list");
	cr_expect_eq(dead, ATTACK_SLOTS - 1);
	attack_close(&attack);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

/* ---- dead slots that are no neighbours ---- */

Test(hostile_locks, hostile_25_free_slots_between_dead_ones_cost_few_calls)
{
	struct stele_publisher *publisher = publish_for_all();
	static struct attack attack;
	unsigned before;

	open_attack(&attack);
	attack_arm_all(&attack, LAYOUT_NOTIFIER_SEMAPHORE, 1);
	for (uint32_t i = 0; i < ATTACK_SLOTS; i += 2)
		attack.slots[i].state = LAYOUT_SLOT_FREE;
	before = calls;
	cr_expect_eq(stele_publisher_reap(publisher), (int)ATTACK_SLOTS / 2);
	expect_calls(before, 2 * REAP_RUNS + HANDFUL, "reap");
	attack_close(&attack);
	stele_publisher_close(publisher);
}

/* A subscriber that claims a free slot among dead ones keeps it, and costs the reap few calls. */
Test(hostile_locks, a_claimed_slot_among_dead_ones_stays)
{
	struct stele_publisher *publisher = publish_for_all();
	struct stele_subscriber *subscriber = ipc_subscribe(0, "mq");
	struct slots *slots = publisher->fanout.slots;
	static struct attack attack;
	unsigned before;

	open_attack(&attack);
	attack_arm_all(&attack, LAYOUT_NOTIFIER_SEMAPHORE, 1);
	before = calls;
	cr_expect_eq(stele_publisher_reap(publisher), (int)ATTACK_SLOTS - 1);
	expect_calls(before, HANDFUL, "reap");
	cr_expect_eq(subscriber->slot->state, LAYOUT_SLOT_TAKEN);
	/* A run with a slot that is locked can't be taken, and a free one can. */
	cr_expect_eq(slots_lock_run(slots, 0, 2), -EAGAIN);
	OK(slots_lock_run(slots, 1, ATTACK_SLOTS));
	slots_unlock_run(slots, 1, ATTACK_SLOTS);
	attack_close(&attack);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

/* If the lock of every second slot is held, a reap needs a query for each slot, and two calls for
 * each dead slot. The notice after it asks for the lock of each slot that seems to be alive. */
Test(hostile_locks, hostile_25_locks_of_every_second_slot_cost_a_query_each)
{
	struct stele_publisher *publisher = publish_for_all();
	static struct attack attack;
	unsigned before;

	open_attack(&attack);
	attack_lock_every_second(&attack);
	attack_arm_all(&attack, LAYOUT_NOTIFIER_SEMAPHORE, 1);
	before = calls;
	cr_expect_eq(stele_publisher_reap(publisher), (int)ATTACK_SLOTS / 2);
	expect_calls(before, 2 * ATTACK_SLOTS + ATTACK_SLOTS / 2 + HANDFUL, "reap");
	attack_close(&attack);
	stele_publisher_close(publisher);
}

/* If such queries are slow, the reap gives up. What it has not reached counts as alive. */
Test(hostile_locks, hostile_25_a_reap_ends_if_queries_are_slow)
{
	struct stele_publisher *publisher = publish_for_all();
	static struct attack attack;
	unsigned before;

	open_attack(&attack);
	attack_lock_every_second(&attack);
	attack_arm_all(&attack, LAYOUT_NOTIFIER_SEMAPHORE, 1);
	reading_takes = 5 * NSEC_PER_MSEC;
	before = calls;
	cr_expect_gt(stele_publisher_reap(publisher), 0);
	/* Each of the two parts ends after 50 readings of the clock; the first 64 calls of each
	 * part take no reading. */
	expect_calls(before, 3 * (50 + 64) + HANDFUL, "reap");
	cr_expect_eq(attack.slots[ATTACK_SLOTS - 2].state, LAYOUT_SLOT_TAKEN);
	/* The slots are reaped once the locks are gone. */
	attack_close(&attack);
	reading_takes = 0;
	cr_expect_gt(stele_publisher_reap(publisher), (int)ATTACK_SLOTS / 2);
	stele_publisher_close(publisher);
}

/* ---- slow queries that find a lock held ---- */

/* The budget is charged for slow queries that find a lock held (publisher/notices/peers.h). So a
 * process that holds the locks of all slots, and makes queries slow, cannot make a commit query all
 * of them. */
Test(hostile_locks, hostile_25_slow_queries_for_held_locks_are_charged)
{
	/* 250 ns past the first 128 us are a unit. */
	static const int64_t took = 328 * NSEC_PER_USEC;
	static const uint64_t price = 800;
	struct stele_publisher *publisher = publish_for_all();
	struct peers *peers = &publisher->fanout.peers;
	uint64_t since = clock_realtime(), before = peers->asked, allowed;
	static struct attack attack;

	/* A partial reap by a commit would query locks as well. */
	publisher->fanout.reaped_at = 0;
	publisher->fanout.reap_pause = UINT64_MAX / 2;
	open_attack(&attack);
	attack_lock_each(&attack);
	reading_takes = took;
	for (unsigned i = 0; i < 20; i++) {
		attack_arm_all(&attack, LAYOUT_NOTIFIER_SEMAPHORE, i);
		ipc_commit(publisher);
	}
	/* The first query is free, because a query is charged for at most the time of the one
	 * before. The last one may overdraw the budget. */
	allowed = 2 + (PEERS_BUDGET + (clock_realtime() - since) / PEERS_UNIT) / price;
	cr_expect_leq(peers->asked - before, allowed, "%llu queries, of %llu",
	              (unsigned long long)(peers->asked - before), (unsigned long long)allowed);
	attack_close(&attack);
	stele_publisher_close(publisher);
}
