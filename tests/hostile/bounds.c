/* SPDX-License-Identifier: MIT
 *
 * What the attacks of attack.h may cost a publisher (publisher/notices/peers.h). No test measures
 * time. Tests count the publisher's lock queries and the channels that it tries, and compare both
 * with what the budget allows for the time that passed. A machine that pauses only makes the
 * allowance larger. */
#include <sys/resource.h>

#include "lib/base/clock.h"
#include "lib/units.h"
#include "tests/support/bench/attack.h"
#include "lib/storage/file.h"
#include "publisher/notices/reap.h"
#include "publisher/state/state.h"
#include "subscriber/state.h"
#include "tests/support/ipc/model.h"

TestSuite(hostile_bounds, .init = ipc_begin, .fini = ipc_end, .timeout = 300);

enum { STOP, ROUNDS = 8, READY = 9, WOKEN = 10 }; /* stages and counters */

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

static void open_attack(struct attack *attack)
{
	attack_open(attack, region, &shared->stage[STOP], &shared->number[ROUNDS]);
}

static struct peers *peers_of(struct stele_publisher *publisher)
{
	return &publisher->fanout.peers;
}

/* ---- claims ---- */

/* A subscriber may die after it has increased the count of claims, and before it writes its claim
 * to the ring. The publisher still finds the subscribers that claim slots later. */
Test(hostile_bounds, a_claim_without_an_entry_delays_no_other)
{
	struct stele_publisher *publisher = publish_for_all();
	struct stele_subscriber *subscriber;
	static struct attack attack;
	uint32_t index;

	open_attack(&attack);
	ipc_commit(publisher);
	__atomic_fetch_add(&attack.header->claims, 1, __ATOMIC_SEQ_CST);
	subscriber = ipc_subscribe(0, "futex");
	index = subscriber->slot_index;
	/* Postpone the regular scan of all slots: the publisher must find the slot by its claim. */
	peers_of(publisher)->scanned_at = clock_realtime();
	ipc_commit(publisher);
	cr_expect(peers_of(publisher)->known[index / 64] >> index % 64 & 1);
	/* The publisher sends no notice for a ticket that the slot no longer has. This does not
	 * count as a failure of the slot. */
	cr_expect_eq(peer_attach(&publisher->fanout, index, subscriber->slot->ticket + 1,
	                         clock_realtime()),
	             PEER_UNKNOWN);
	cr_expect_eq(peers_of(publisher)->peer[index].wait, 0);
	cr_expect_eq(
		peer_attach(&publisher->fanout, index, subscriber->slot->ticket, clock_realtime()),
		PEER_READY);
	attack_close(&attack);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

/* ---- leases ---- */

static volatile int signals;

static void count_signal(int number)
{
	(void)number;
	signals++;
}

/* Counts every signal that can have a handler, so that a signal which would end or disturb a
 * process is noticed. */
static void count_all_signals(void)
{
	static const int numbers[] = {SIGIO, SIGURG};

	for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		cr_assert_neq(signal(numbers[i], count_signal), SIG_ERR);
}

/* Opens the file of an inherited descriptor again and again through /proc. A process that has
 * opened the file by name can do so for ever. Counts the opens that a lease refused, and that broke
 * the lease. */
static void break_leases(unsigned fd)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%u", fd);
	ipc_reach(READY, 1);
	while (ipc_stage(STOP) == 0) {
		int again = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		if (again >= 0)
			close(again);
		else if (errno == EWOULDBLOCK)
			ipc_tell(ROUNDS, ipc_told(ROUNDS) + 1);
	}
}

Test(hostile_bounds, hostile_25_a_broken_lease_sends_no_signal)
{
	int64_t until = clock_now() + IPC_PATIENCE;
	unsigned in_use = 0, idle = 0;
	pid_t attacker;
	int fd;

	OK(file_make("/dev/shm/stele.none", 4096, &fd));
	attacker = ipc_spawn(break_leases, (unsigned)fd);
	count_all_signals();
	ipc_await(READY, 1);
	/* Continue until both answers have occurred and leases were broken. */
	while (ipc_told(ROUNDS) < 50 || in_use == 0 || idle == 0) {
		CHECK(clock_now() < until,
		      "only %llu leases were broken, %u times in use, %u times idle",
		      (unsigned long long)ipc_told(ROUNDS), in_use, idle);
		for (unsigned i = 0; i < 1000; i++) {
			in_use += file_is_in_use(fd);
			idle += file_is_idle(fd);
		}
	}
	ipc_reach(STOP, 1);
	ipc_join(attacker);
	cr_expect_eq(signals, 0, "%d signals", signals);
	close(fd);
}

/* A SIGURG that the program blocked before is still pending after the lease. */
Test(hostile_bounds, hostile_25_a_lease_takes_no_signal_of_the_program_s_own)
{
	struct stele_publisher *publisher = publish_for_all();
	static const struct timespec now = {0};
	siginfo_t info;
	sigset_t urgent;

	sigemptyset(&urgent);
	sigaddset(&urgent, SIGURG);
	cr_assert_eq(pthread_sigmask(SIG_BLOCK, &urgent, NULL), 0);
	cr_assert_eq(sigqueue(getpid(), SIGURG, (union sigval){.sival_int = 4711}), 0);
	OK(stele_publisher_compact(publisher));
	OK(stele_publisher_compact(publisher));
	cr_assert_eq(sigtimedwait(&urgent, &info, &now), SIGURG);
	cr_expect_eq(info.si_value.sival_int, 4711);
	cr_expect_eq(sigtimedwait(&urgent, &info, &now), -1);
	stele_publisher_close(publisher);
}

/* ---- slots with nothing behind them ---- */

/* Returns the number of lock queries that the budget allows for the time since `since`. */
static uint64_t allowed(uint64_t since)
{
	return 1 + (PEERS_BUDGET + (clock_realtime() - since) / PEERS_UNIT) / PEERS_FAILURE;
}

static uint64_t spent_on(struct stele_publisher *publisher)
{
	return peers_of(publisher)->asked + peers_of(publisher)->tries;
}

/* Commits repeatedly; before each commit all 4,096 slots are armed anew. */
static void commit_beside_forged(bool range_lock, uint32_t kind, bool changing)
{
	struct stele_publisher *publisher = publish_for_all();
	uint64_t since = clock_realtime(), before = spent_on(publisher), cost;
	static struct attack attack;

	/* A partial reap by a commit would query locks as well. */
	publisher->fanout.reaped_at = 0;
	publisher->fanout.reap_pause = UINT64_MAX / 2;
	open_attack(&attack);
	if (range_lock) {
		ipc_reach(STOP, 1); /* the attack takes its lock, and makes one round */
		attack_range_lock(&attack, kind);
	}
	for (unsigned i = 0; i < 50; i++) {
		attack_arm_all(&attack, kind, changing ? i : 1);
		ipc_commit(publisher);
	}
	cost = spent_on(publisher) - before;
	cr_expect_leq(cost, allowed(since), "%llu tries, of %llu", (unsigned long long)cost,
	              (unsigned long long)allowed(since));
	cr_expect_eq(ipc_stats(publisher).notices_sent, 0);
	attack_close(&attack);
	stele_publisher_close(publisher);
	OK(stele_region_remove(region));
}

Test(hostile_bounds, hostile_25_slots_without_a_lock_cost_what_the_budget_allows)
{
	for (uint32_t kind = 0; kind <= LAYOUT_NOTIFIER_SYSV; kind++)
		commit_beside_forged(false, kind, kind % 2);
}

Test(hostile_bounds, hostile_25_one_lock_over_all_slots_makes_no_subscriber)
{
	commit_beside_forged(true, LAYOUT_NOTIFIER_SEMAPHORE, false);
	commit_beside_forged(true, 0, true);
}

/* The slots are locked one by one, but no channel exists behind them. */
Test(hostile_bounds, hostile_25_missing_channels_are_not_tried_at_each_commit)
{
	struct stele_publisher *publisher = publish_for_all();
	static struct attack attack;
	uint64_t since, before;

	open_attack(&attack);
	attack_lock_each(&attack);
	attack_arm_all(&attack, LAYOUT_NOTIFIER_MQ, 1);
	since = clock_realtime();
	before = peers_of(publisher)->tries;
	for (unsigned i = 0; i < 50; i++) {
		attack_arm_all(&attack, LAYOUT_NOTIFIER_MQ, 1);
		ipc_commit(publisher);
	}
	/* Each channel is tried once, as it may be a subscriber's; then the budget limits the
	 * tries. */
	cr_expect_leq(peers_of(publisher)->tries - before, ATTACK_SLOTS + allowed(since),
	              "%llu tries", (unsigned long long)(peers_of(publisher)->tries - before));
	attack_close(&attack);
	stele_publisher_close(publisher);
}

/* A subscriber that registered before the attack is notified of every version. It relies on notices
 * alone: it never polls. */
static void follow_by_notices(unsigned argument)
{
	struct stele_subscriber *subscriber;
	uint64_t version;

	(void)argument;
	ipc_only_notices();
	subscriber = ipc_subscribe(0, "semaphore");
	OK(stele_subscriber_version(subscriber, &version));
	ipc_reach(READY, 1);
	while (ipc_stage(STOP) == 0) {
		RETURNS(stele_subscriber_wait(subscriber, version, STELE_FOREVER, &version), 1, "");
		ipc_reach(WOKEN, (uint32_t)version);
	}
	stele_subscriber_close(subscriber);
}

Test(hostile_bounds, hostile_25_a_genuine_subscriber_is_notified_beside_forged_slots)
{
	struct stele_publisher *publisher = publish_for_all();
	pid_t child = ipc_spawn(follow_by_notices, 0);
	static struct attack attack;

	ipc_await(READY, 1);
	UNTIL(ipc_blocked(child));
	ipc_commit(publisher);
	ipc_await(WOKEN, (uint32_t)stele_publisher_version(publisher));
	open_attack(&attack);
	for (unsigned i = 0; i < 100; i++) {
		attack_arm_all(&attack, 0, i);
		UNTIL(ipc_blocked(child));
		if (i == 99)
			ipc_reach(STOP, 1);
		ipc_commit(publisher);
		ipc_await(WOKEN, (uint32_t)stele_publisher_version(publisher));
	}
	ipc_join(child);
	attack_close(&attack);
	stele_publisher_close(publisher);
}

/* ---- no attack: every subscriber is notified ---- */

#define GENUINE 1000u

static void arm(struct stele_subscriber *subscriber)
{
	uint64_t ticket = load_relaxed(&subscriber->slot->ticket);

	store_release(&subscriber->slot->ticket, ticket + (ticket % 2 == 1 ? 2 : 1));
}

/* The next commit notifies a thousand subscribers that register at once. It does the same for a
 * thousand that reuse the slots of subscribers that died before the publisher checked them. */
Test(hostile_bounds, hostile_25_a_thousand_new_subscribers_are_notified_at_once)
{
	static struct stele_subscriber *subscribers[GENUINE];
	struct stele_publisher *publisher = publish_for_all();
	struct rlimit limit = {20000, 20000};

	setrlimit(RLIMIT_NOFILE, &limit);
	getrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur < 5 * GENUINE)
		cr_skip_test("%u subscribers need more descriptors than %lu", GENUINE,
		             (unsigned long)limit.rlim_cur);
	for (unsigned round = 0; round < 3; round++) {
		uint64_t before = ipc_stats(publisher).notices_sent;
		for (unsigned i = 0; i < GENUINE; i++) {
			subscribers[i] = ipc_subscribe(0, "semaphore");
			arm(subscribers[i]);
		}
		ipc_commit(publisher);
		cr_expect_eq(ipc_stats(publisher).notices_sent - before, GENUINE,
		             "round %u: %llu were told", round,
		             (unsigned long long)(ipc_stats(publisher).notices_sent - before));
		for (unsigned i = 0; i < GENUINE; i++)
			stele_subscriber_close(subscribers[i]);
	}
	stele_publisher_close(publisher);
}

static unsigned stall_at; /* reading of the thread's clock that finds a pause; 0: none */
static int64_t stalled;   /* nanoseconds of pauses so far */

/* Replaces the C library's function. */
int clock_gettime(clockid_t clock, struct timespec *ret)
{
	int r = (int)syscall(SYS_clock_gettime, clock, ret);

	if (r == 0 && clock == CLOCK_THREAD_CPUTIME_ID) {
		if (stall_at > 0 && --stall_at == 0)
			stalled += 3 * NSEC_PER_SEC;
		ret->tv_sec += stalled / NSEC_PER_SEC;
	}
	return r;
}

/* A slow lock query costs no subscriber its notice, whichever query is slow. */
Test(hostile_bounds, a_stall_costs_no_notice)
{
	enum { FEW = 8 };
	struct stele_publisher *publisher = publish_for_all();
	struct stele_subscriber *subscribers[FEW];

	for (unsigned at = 1; at <= 4 * FEW; at++) {
		uint64_t before = ipc_stats(publisher).notices_sent;
		for (unsigned i = 0; i < FEW; i++) {
			subscribers[i] = ipc_subscribe(0, "semaphore");
			arm(subscribers[i]);
		}
		stall_at = at;
		ipc_commit(publisher);
		cr_expect_eq(ipc_stats(publisher).notices_sent - before, FEW,
		             "look %u: %llu were told", at,
		             (unsigned long long)(ipc_stats(publisher).notices_sent - before));
		for (unsigned i = 0; i < FEW; i++)
			stele_subscriber_close(subscribers[i]);
	}
	stele_publisher_close(publisher);
}

/* Subscribers register one after the other in the same slot. The commit after each registration
 * notifies the new one. */
Test(hostile_bounds, hostile_25_subscribers_that_come_and_go_are_notified)
{
	struct stele_publisher *publisher = publish_for_all();

	for (unsigned i = 0; i < 3000; i++) {
		struct stele_subscriber *subscriber = ipc_subscribe(0, "semaphore");
		uint64_t before = ipc_stats(publisher).notices_sent;
		arm(subscriber);
		ipc_commit(publisher);
		CHECK(ipc_stats(publisher).notices_sent == before + 1, "subscriber %u was not told",
		      i);
		stele_subscriber_close(subscriber);
	}
	stele_publisher_close(publisher);
}

/* ---- one uuid in all slots ---- */

Test(hostile_bounds, hostile_25_reaping_queries_each_lock_once)
{
	struct stele_publisher *publisher = publish_for_all();
	static struct attack attack;
	uint64_t before;

	open_attack(&attack);
	ipc_reach(STOP, 1); /* the attack makes one round */
	for (unsigned living = 0; living < 2; living++) {
		struct stele_subscriber *subscriber = living ? ipc_subscribe(0, "mq") : NULL;
		attack.genuine[0] = living;
		attack_one_uuid(&attack, LAYOUT_NOTIFIER_MQ);
		before = peers_of(publisher)->asked;
		cr_expect_eq(stele_publisher_reap(publisher), (int)(ATTACK_SLOTS - living));
		cr_expect_leq(peers_of(publisher)->asked - before, 3 * ATTACK_SLOTS,
		              "asked %llu times",
		              (unsigned long long)(peers_of(publisher)->asked - before));
		if (living) {
			char name[NAMES_QUEUE_SIZE + 16] = "/dev/mqueue";
			paths_queue(region, (uint8_t *)attack.slots[0].uuid, name + strlen(name));
			cr_expect(access("/dev/mqueue", F_OK) < 0 || access(name, F_OK) == 0,
			          "%s is gone", name);
			stele_subscriber_close(subscriber);
		}
	}
	attack_close(&attack);
	stele_publisher_close(publisher);
}

/* A partial reap by a commit queries only a few locks. */
Test(hostile_bounds, hostile_25_a_commit_reaps_few_slots)
{
	struct stele_publisher *publisher = publish_for_all();
	struct peers *peers = peers_of(publisher);
	static struct attack attack;

	open_attack(&attack);
	ipc_reach(STOP, 1);
	attack_one_uuid(&attack, LAYOUT_NOTIFIER_MQ);
	for (unsigned i = 0; i < 20; i++) {
		uint64_t before = peers->asked;
		reap_dead(&publisher->fanout, 8);
		cr_expect_leq(peers->asked - before, 2 * 8 + REAP_OTHERS_MAX, "%llu",
		              (unsigned long long)(peers->asked - before));
	}
	attack_close(&attack);
	stele_publisher_close(publisher);
}
