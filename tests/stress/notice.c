/* SPDX-License-Identifier: MIT
 *
 * Lost wake-ups. The first test places commits between a subscriber's arming and its blocking, with
 * each notifier; the subscriber must sleep through none. Both sides leave a spin at the same moment
 * and continue after a random delay, so that the commit meets every step of the wait. A lost
 * wake-up is a wait without end. */
#include <pthread.h>

#include "publisher/generation.h"
#include "publisher/state/state.h"
#include "tests/support/ipc/promise.h"
#include "tests/support/random.h"

TestSuite(stress_notice, .init = ipc_begin, .fini = ipc_end, .timeout = 240);

#define SEED  20250301u
#define RACES (SANITIZED ? 4000u : 60000u)
#define SPIN  3000u /* maximum delay: about as long as a wait takes to block */

enum { READY, DONE }; /* counters */

static void spin(uint64_t *random)
{
	for (uint64_t turns = random_from(random) % SPIN; turns > 0; turns--)
		__asm__ volatile("");
}

static void wait_in_races(unsigned way)
{
	struct stele_subscriber *subscriber = promise_subscribe(way % MECHANISMS);
	struct pollfd pollfd = {.fd = -1, .events = POLLIN};
	uint64_t random = SEED + way, version = 1;

	if (way >= MECHANISMS)
		OK(pollfd.fd = stele_subscriber_fd(subscriber));
	for (unsigned race = 1; race <= RACES; race++) {
		int r;
		ipc_tell(READY, race);
		spin(&random);
		while ((r = stele_subscriber_wait(subscriber, version,
		                                  way < MECHANISMS ? STELE_FOREVER : 0,
		                                  &version)) == 0)
			CHECK(poll(&pollfd, 1, -1) == 1, "%s", strerror(errno));
		OK(r);
		CHECK(version == race + 1, "version %llu in race %u", (unsigned long long)version,
		      race);
		ipc_tell(DONE, race);
	}
	stele_subscriber_close(subscriber);
}

static void race(unsigned way)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	uint64_t random = ~(uint64_t)(SEED + way);
	pid_t child;

	memset(shared, 0, sizeof(*shared));
	ipc_only_notices();
	child = ipc_spawn(wait_in_races, way);
	for (unsigned round = 1; round <= RACES; round++) {
		UNTIL(ipc_told(READY) == round);
		spin(&random);
		ipc_commit(publisher);
		for (int64_t until = clock_now() + IPC_PATIENCE; ipc_told(DONE) != round;
		     sched_yield())
			CHECK(clock_now() < until,
			      "%s%s: commit %u of %u was slept through (seed %u)",
			      mechanisms[way % MECHANISMS].name,
			      way < MECHANISMS ? "" : " with a descriptor", round, RACES, SEED);
	}
	ipc_join(child);
	stele_publisher_close(publisher);
	OK(stele_region_remove(region));
}

Test(stress_notice, no_wake_up_is_lost)
{
	for (unsigned i = 0; i < MECHANISMS; i++)
		if (promise_can_spawn(i))
			race(i);
}

Test(stress_notice, no_wake_up_is_lost_with_a_descriptor)
{
	for (unsigned i = 0; i < MECHANISMS; i++)
		if (mechanisms[i].has_descriptor)
			race(MECHANISMS + i);
}

/* ---- subscribers of every kind at once ---- */

/* Each burst of commits, during which the file is replaced, ends with a version that all
 * subscribers wait for. Meanwhile processes of both sides are stopped, and publishers are killed.
 * STELE_NOTICE_BURSTS sets the number of bursts, and prints the longest delays. */
#define BURSTS (SANITIZED ? 200u : 5000u)
#define MANY   64u

enum { FOREVER, DEADLINE, TABLES, DESCRIPTOR, THREAD, WAYS };
static const char *const ways[WAYS] = {"", ", with a deadline", ", for a table",
                                       ", with a descriptor", ", in a thread"};

enum { ORDER, MADE }; /* stages: the burst to make, and the last one made */

struct follower {
	unsigned mechanism, way;
	pid_t pid;
	uint64_t seen;
	int64_t when, longest;
};

static struct many {
	uint64_t last; /* the version that ends the burst */
	int64_t committed;
	uint32_t
		/* the publisher is replacing the file: its death may delay subscribers waiting on
		 * the old head by a slice */
		replaces;
	uint32_t progress; /* progress of the followers: a futex */
	unsigned count;
	struct follower followers[MANY];
} * many;

static void *follow_bursts(void *argument)
{
	struct follower *me = argument;
	const char *const tables[] = {"rows", NULL};
	struct stele_subscriber_options options = {.size = sizeof(options),
	                                           .notifier = mechanisms[me->mechanism].name,
	                                           .tables = me->way == TABLES ? tables : NULL};
	struct pollfd pollfd = {.fd = -1, .events = POLLIN};
	struct stele_subscriber *subscriber;
	uint64_t version = 0;

	OK(stele_subscriber_open(region, &options, &subscriber));
	if (me->way == DESCRIPTOR)
		OK(pollfd.fd = stele_subscriber_fd(subscriber));
	for (;;) {
		int64_t deadline = me->way == DESCRIPTOR ? 0
		                   : me->way == DEADLINE ? clock_now() + 3600 * NSEC_PER_SEC
		                                         : STELE_FOREVER;
		int r = stele_subscriber_wait(subscriber, version, deadline, &version);
		OK(r);
		if (r == 0) {
			CHECK(poll(&pollfd, 1, -1) == 1, "%s", strerror(errno));
			continue;
		}
		me->when = clock_now();
		__atomic_store_n(&me->seen, version, __ATOMIC_SEQ_CST);
		__atomic_fetch_add(&many->progress, 1, __ATOMIC_SEQ_CST);
		syscall(SYS_futex, &many->progress, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
	}
	return NULL;
}

static void follow_in_process(unsigned who)
{
	follow_bursts(&many->followers[who]);
}

static void follow_in_threads(unsigned first)
{
	pthread_t thread;
	sigset_t set;

	sigfillset(&set);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	for (unsigned i = first; i < many->count; i++)
		CHECK(pthread_create(&thread, NULL, follow_bursts, &many->followers[i]) == 0,
		      "no thread");
	for (;;)
		pause();
}

static void add_followers(unsigned way)
{
	for (unsigned i = 0; i < MECHANISMS; i++)
		if (promise_can_spawn(i) && (way != DESCRIPTOR || mechanisms[i].has_descriptor))
			many->followers[many->count++] =
				(struct follower){.mechanism = i, .way = way};
}

static void start_followers(void)
{
	unsigned processes;
	pid_t pid;

	for (unsigned way = 0; way < THREAD; way++)
		add_followers(way);
	processes = many->count;
	for (unsigned i = 0; i < processes; i++)
		many->followers[i].pid = ipc_spawn(follow_in_process, i);
	if (!NOTIFIER_THREADS)
		return;
	add_followers(THREAD);
	pid = ipc_spawn(follow_in_threads, processes);
	for (unsigned i = processes; i < many->count; i++)
		many->followers[i].pid = pid;
}

/* Commits one transaction, in which the file is sometimes replaced, up to three times. */
static void commit_something(struct stele_publisher *publisher, const char *table, uint64_t *random)
{
	unsigned replacements =
		random_from(random) % 8 == 0 ? 1 + (unsigned)(random_from(random) % 3) : 0;
	static const uint8_t key[4];
	struct stele_transaction *tx;
	struct ipc_value value;

	OK(stele_transaction_begin(publisher, &tx));
	ipc_fill(&value, 0, random_from(random));
	OK(stele_transaction_put(tx, table, key, 32, &value, sizeof(value)));
	__atomic_store_n(&many->replaces, replacements, __ATOMIC_SEQ_CST);
	for (unsigned i = 0; i < replacements; i++) {
		OK(generation_grow(publisher, 1));
		spin(random);
	}
	__atomic_store_n(&many->replaces, 0, __ATOMIC_SEQ_CST);
	many->committed = clock_now();
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
}

static void compact(struct stele_publisher *publisher)
{
	int r;

	__atomic_store_n(&many->replaces, 1, __ATOMIC_SEQ_CST);
	r = stele_publisher_compact(publisher);
	__atomic_store_n(&many->replaces, 0, __ATOMIC_SEQ_CST);
	CHECK(r == 0 || r == -EBUSY, "%s", stele_last_error());
}

static void publish_bursts(unsigned seed)
{
	const struct stele_publisher_options options = {
		.size = sizeof(options),
		.flags = NOTIFIER_THREADS && seed % 3 == 0 ? STELE_NOTIFIER_THREAD : 0,
		.attach_timeout_ns = IPC_PATIENCE};
	struct stele_publisher *publisher = ipc_attach(region, &options);
	uint64_t random = SEED ^ (uint64_t)seed << 32;

	for (uint32_t burst = ipc_stage(MADE) + 1;; burst++) {
		ipc_await(ORDER, burst);
		for (uint64_t count = random_from(&random) % 6; count > 0; count--) {
			commit_something(publisher, random_from(&random) % 4 ? "rows" : "other",
			                 &random);
			spin(&random);
			if (random_from(&random) % 64 == 0)
				compact(publisher);
		}
		commit_something(publisher, "rows", &random);
		many->last = stele_publisher_version(publisher);
		ipc_reach(MADE, burst);
	}
}

static void stop_for_a_while(pid_t pid, uint64_t *random)
{
	kill(pid, SIGSTOP);
	UNTIL(ipc_is(pid, 'T'));
	for (uint64_t turns = random_from(random) % 20; turns > 0; turns--)
		spin(random);
	kill(pid, SIGCONT);
}

/* Kills the publisher at any point but those where its death may cost a slice. */
static pid_t replace_publisher(pid_t publisher, unsigned seed)
{
	kill(publisher, SIGSTOP);
	UNTIL(ipc_is(publisher, 'T'));
	if (__atomic_load_n(&many->replaces, __ATOMIC_SEQ_CST) != 0) {
		kill(publisher, SIGCONT);
		return publisher;
	}
	ipc_kill(publisher);
	return ipc_spawn(publish_bursts, seed);
}

static void await_follower(struct follower *follower, uint32_t burst, bool disturbed)
{
	int64_t until = clock_now() + IPC_PATIENCE, delay;
	uint32_t progress;

	while (progress = __atomic_load_n(&many->progress, __ATOMIC_SEQ_CST),
	       __atomic_load_n(&follower->seen, __ATOMIC_SEQ_CST) < many->last) {
		struct timespec slice = {.tv_sec = 1};
		CHECK(clock_now() < until,
		      "%s%s: burst %u was slept through, at version %llu of %llu (seed %u)",
		      mechanisms[follower->mechanism].name, ways[follower->way], burst,
		      (unsigned long long)follower->seen, (unsigned long long)many->last, SEED);
		syscall(SYS_futex, &many->progress, FUTEX_WAIT, progress, &slice, NULL, 0);
	}
	delay = follower->when - many->committed;
	if (!disturbed && delay > follower->longest)
		follower->longest = delay;
}

static void print_delays(uint32_t bursts)
{
	for (unsigned i = 0; i < MECHANISMS; i++) {
		int64_t longest = 0;
		for (unsigned j = 0; j < many->count; j++)
			if (many->followers[j].mechanism == i &&
			    many->followers[j].longest > longest)
				longest = many->followers[j].longest;
		fprintf(stderr, "%-9s %u bursts, longest delay %.2f ms\n", mechanisms[i].name,
		        bursts, (double)longest / NSEC_PER_MSEC);
	}
}

static void run_bursts(uint32_t bursts)
{
	uint64_t random = SEED;
	pid_t publisher = ipc_spawn(publish_bursts, SEED);

	for (uint32_t burst = 1; burst <= bursts; burst++) {
		uint64_t choice = random_from(&random) % 32;
		ipc_reach(ORDER, burst);
		spin(&random);
		if (choice == 0)
			publisher = replace_publisher(publisher, SEED + burst);
		else if (choice <= 2)
			stop_for_a_while(publisher, &random);
		else if (choice <= 8)
			stop_for_a_while(many->followers[random_from(&random) % many->count].pid,
			                 &random);
		ipc_await(MADE, burst);
		for (unsigned i = 0; i < many->count; i++)
			await_follower(&many->followers[i], burst, choice <= 8);
		if (bursts != BURSTS && burst % (1 + bursts / 20) == 0)
			print_delays(burst);
	}
	if (bursts != BURSTS)
		print_delays(bursts);
	ipc_kill(publisher);
}

Test(stress_notice, notice_35_no_subscriber_of_any_kind_misses_a_burst, .timeout = 1e6)
{
	const char *text = getenv("STELE_NOTICE_BURSTS");
	struct stele_publisher_options options = {.size = sizeof(options),
	                                          .flags = STELE_CREATE,
	                                          .history = 4,
	                                          .maximum_size = 1 << 18};
	struct stele_publisher *publisher = ipc_publish(region, &options);

	ipc_create_table(publisher, "other", &ipc_schema);
	stele_publisher_close(publisher);
	many = mmap(NULL, sizeof(*many), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	cr_assert(many != MAP_FAILED);
	ipc_only_notices();
	start_followers();
	run_bursts(text ? (uint32_t)strtoul(text, NULL, 10) : BURSTS);
	for (unsigned i = 0; i < many->count; i++)
		if (i == 0 || many->followers[i].pid != many->followers[i - 1].pid)
			ipc_kill(many->followers[i].pid);
}
