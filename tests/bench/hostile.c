/* SPDX-License-Identifier: MIT
 *
 * The cost of a commit beside subscribers with hostile intent: median and 99th percentile, back to
 * back and at one commit per 200 us, with one genuine waiting subscriber. Measured undisturbed,
 * beside a process that only computes, and beside each attack of attack.h, run by a user in the
 * region's group and by a user outside it.
 *
 * The figures are the publisher's own time: the user and system time of the committing thread. This
 * includes everything that an attack can make the publisher do, and its cache misses. It excludes
 * the time that other processes take from its core. An attack runs on another core, since the
 * scheduler shares a core fairly whatever a process does. Without root the attacker is the same
 * user.
 *
 * At the end the benchmark measures reap, open, clean and remove, beside the attack that makes them
 * slowest. */
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>

#include "lib/units.h"
#include "tests/support/bench/attack.h"
#include "tests/support/bench/bench.h"

#define PACE        200e-6
#define SECONDS     0.25
#define SAMPLES_MAX 200000u
#define TIMES_MAX   3.0 /* times the undisturbed median */
#define P99_MAX     1e-3

enum { NOBODY, MEMBER, IDENTITIES };

static struct {
	uint32_t stop, ready;
	uint64_t rounds;
} * shared;

static double taken[SAMPLES_MAX], own_taken[SAMPLES_MAX];
static struct stele_publisher *publisher;

static void compute(struct attack *attack, uint32_t kind)
{
	(void)kind;
	do
		for (unsigned i = 0; i < 100000; i++)
			attack_random(attack);
	while (attack_goes_on(attack));
}

static const struct attack_kind computing = {"computing", compute, 0, false};

/* ---- processes ---- */

static pid_t spawn(void (*work)(const void *), const void *argument)
{
	pid_t pid;

	__atomic_store_n(&shared->stop, 0, __ATOMIC_SEQ_CST);
	__atomic_store_n(&shared->ready, 0, __ATOMIC_SEQ_CST);
	__atomic_store_n(&shared->rounds, 0, __ATOMIC_SEQ_CST);
	pid = fork();
	check(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		work(argument);
		_exit(0);
	}
	while (!__atomic_load_n(&shared->ready, __ATOMIC_SEQ_CST))
		check(waitpid(pid, NULL, WNOHANG) == 0);
	return pid;
}

static void follow(const void *unused)
{
	struct stele_subscriber *subscriber;
	uint64_t version = 0;

	(void)unused;
	bench_stay_on_core(1);
	must(stele_subscriber_open(bench_region, NULL, &subscriber));
	__atomic_store_n(&shared->ready, 1, __ATOMIC_SEQ_CST);
	for (;;)
		must(stele_subscriber_wait(subscriber, version, STELE_FOREVER, &version));
}

static unsigned identity;

static void attack(const void *argument)
{
	const struct attack_kind *kind = argument;
	static struct attack attack;

	bench_stay_on_core(1);
	if (geteuid() == 0)
		attack_as(identity == MEMBER);
	attack_open(&attack, bench_region, &shared->stop, &shared->rounds);
	__atomic_store_n(&shared->ready, 1, __ATOMIC_SEQ_CST);
	kind->run(&attack, kind->kind);
	attack_clear(&attack);
}

/* ---- commits ---- */

static void commit(uint32_t number)
{
	struct stele_transaction *tx;
	uint32_t key = 0;

	must(stele_transaction_begin(publisher, &tx));
	must(stele_transaction_put(tx, "rows", &key, 32, &number, sizeof(number)));
	must(stele_transaction_commit(tx, NULL, NULL));
}

static double own_time(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / (double)NSEC_PER_SEC;
}

struct figures {
	unsigned count;
	double p50, p99; /* median and 99th percentile of the publisher's own time, in seconds */
	double wall_p50, wall_p99;
};

/* Commits for a while, at most once every `pace` seconds. */
static struct figures measure(double pace)
{
	static uint32_t number;
	double begin = bench_seconds(), next = begin, now = begin;
	struct figures figures = {0};

	while (figures.count < SAMPLES_MAX && now - begin < SECONDS) {
		double from = bench_seconds(), own = own_time();
		commit(++number);
		own_taken[figures.count] = own_time() - own;
		now = bench_seconds();
		taken[figures.count++] = now - from;
		for (next += pace; now < next; now = bench_seconds())
			;
		if (next < now)
			next = now;
	}
	figures.p50 = bench_median(own_taken, figures.count);
	figures.p99 = own_taken[figures.count * 99 / 100];
	figures.wall_p50 = bench_median(taken, figures.count);
	figures.wall_p99 = taken[figures.count * 99 / 100];
	return figures;
}

/* Commits beside an attack, or undisturbed (`kind` NULL). Returns the median. */
static double beside(const struct attack_kind *kind, double pace, double undisturbed)
{
	static const char *const identities[] = {"nobody", "member"};
	char name[96], line[160];
	struct figures figures;
	pid_t pid = 0;

	if (kind)
		pid = spawn(attack, kind);
	/* Wait until the attack has taken its locks and has run once. attack_leases() counts only
	 * once the publisher requests a lease. */
	while (kind && kind->run != attack_leases &&
	       !__atomic_load_n(&shared->rounds, __ATOMIC_SEQ_CST))
		check(waitpid(pid, NULL, WNOHANG) == 0);
	/* Compacting leaves an old file, for which the publisher requests a lease once a second. */
	if (kind && kind->run == attack_leases)
		must(stele_publisher_compact(publisher));
	figures = measure(pace);
	snprintf(name, sizeof(name), "hostile_%s/%s/%s", pace > 0 ? "paced" : "back_to_back",
	         kind ? kind->name : "undisturbed",
	         kind && kind != &computing ? identities[identity] : "-");
	printf("%-56s p50 %8.2f us  p99 %8.2f us  (by the clock %8.2f, %8.2f) of %u\n", name,
	       figures.p50 * (double)USEC_PER_SEC, figures.p99 * (double)USEC_PER_SEC,
	       figures.wall_p50 * (double)USEC_PER_SEC, figures.wall_p99 * (double)USEC_PER_SEC,
	       figures.count);
	if (kind) {
		__atomic_store_n(&shared->stop, 1, __ATOMIC_SEQ_CST);
		check(waitpid(pid, NULL, 0) == pid);
		must(stele_publisher_reap(publisher));
	}
	if (undisturbed > 0 && !kind->as_many) {
		snprintf(line, sizeof(line), "%s/p50_of_%g_times_undisturbed", name, TIMES_MAX);
		bench_ratio(line, TIMES_MAX * undisturbed / figures.p50, 1);
		snprintf(line, sizeof(line), "%s/p99_of_1_ms", name);
		bench_ratio(line, P99_MAX / figures.p99, 1);
	}
	return figures.p50;
}

/* ---- reap, open, clean and remove ---- */

#define TIMED(what, work) \
	do { \
		double from = bench_seconds(), own = own_time(); \
		must(work); \
		own = own_time() - own; \
		printf("hostile_%s/%s/%s%*s %8.2f ms  (by the clock %8.2f)\n", what, kind->name, \
		       identity == MEMBER ? "member" : "nobody", 29 - (int)strlen(what), "", \
		       own * 1e3, (bench_seconds() - from) * 1e3); \
	} while (0)

/* Closes the publisher and removes the region, beside an attack by far locks and dead slots. */
static void remove_beside(const struct attack_kind *kind,
                          const struct stele_publisher_options *options)
{
	pid_t pid = spawn(attack, kind);

	while (!__atomic_load_n(&shared->rounds, __ATOMIC_SEQ_CST))
		check(waitpid(pid, NULL, WNOHANG) == 0);
	TIMED("reap", stele_publisher_reap(publisher));
	stele_publisher_close(publisher);
	TIMED("open", stele_publisher_open(bench_region, options, &publisher));
	stele_publisher_close(publisher);
	TIMED("clean", stele_region_clean(bench_region, 0, NULL, NULL));
	TIMED("rm", stele_region_remove(bench_region));
	__atomic_store_n(&shared->stop, 1, __ATOMIC_SEQ_CST);
	check(waitpid(pid, NULL, 0) == pid);
}

static const struct attack_kind *find_attack(const char *name)
{
	const struct attack_kind *kind = attacks;

	while (strcmp(kind->name, name) != 0)
		kind++;
	return kind;
}

int main(int argc, char **argv)
{
	static const double paces[] = {0, PACE};
	static const struct stele_column columns[] = {
		STELE_KEY("id", STELE_U32),
		{.name = "number", .type = STELE_U32},
	};
	const struct stele_schema schema = {
		.columns = columns, .column_count = 2, .value_size = sizeof(uint32_t)};
	struct stele_publisher_options options = {.size = sizeof(options), .flags = STELE_CREATE};
	struct stele_transaction *tx;
	pid_t follower;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
	              0);
	check(shared != MAP_FAILED);
	snprintf(bench_region, sizeof(bench_region), "bench%d-hostile", (int)getpid());
	bench_keep_awake();
	for (identity = NOBODY; identity < (geteuid() == 0 ? IDENTITIES : 1); identity++) {
		options.mode = identity == MEMBER ? 0640 : 0644;
		must(stele_publisher_open(bench_region, &options, &publisher));
		must(stele_transaction_begin(publisher, &tx));
		must(stele_transaction_create_table(tx, "rows", &schema));
		must(stele_transaction_commit(tx, NULL, NULL));
		follower = spawn(follow, NULL);
		bench_stay_on_core(0);
		for (unsigned pace = 0; pace < 2; pace++) {
			beside(NULL, paces[pace], 0);
			beside(&computing, paces[pace], 0);
			/* Alternate with undisturbed measurements: a shared machine has faster and
			 * slower moments. */
			for (unsigned i = 0; i < ATTACKS; i++)
				if (argc < 2 || strstr(attacks[i].name, argv[1]))
					beside(&attacks[i], paces[pace], measure(paces[pace]).p50);
		}
		kill(follower, SIGKILL);
		check(waitpid(follower, NULL, 0) == follower);
		remove_beside(find_attack("dead_slots"), &options);
	}
	return 0;
}
