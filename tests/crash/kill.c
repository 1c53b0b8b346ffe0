/* SPDX-License-Identifier: MIT
 *
 * A publisher killed again and again at random moments, under readers that read all the time. Every
 * version that they see is consistent, versions never go back, and no version that was reported as
 * committed is lost. */
#include "lib/units.h"
#include "tests/support/crash/bank.h"
#include "tests/support/crash/crash.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>

#define ROUNDS 300

/* Memory that the processes of a test share. */
struct board {
	uint32_t stop;
	struct {
		uint64_t reads, stale, versions;
		char failure[256];
	} readers[2];
};

static struct board *board_new(void)
{
	struct board *board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE,
	                           MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	cr_assert(board != MAP_FAILED);
	return board;
}

static bool stopped(const struct board *board)
{
	return __atomic_load_n(&board->stop, __ATOMIC_ACQUIRE);
}

static void add(uint64_t *counter)
{
	__atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

/* Reads the clock of a table by copying: it must equal the version that the read returns. */
static int check_live(struct stele_live *live, uint64_t last, uint64_t *ret_version, char *why)
{
	uint32_t key = htonl(BANK_CLOCK);
	struct account account;
	size_t size = sizeof(account);
	int r = stele_live_get_copy(live, &key, 32, &account, &size, ret_version);

	if (r < 0)
		return r;
	if (r == 0)
		return bank_wrong("no clock in version %llu", (unsigned long long)*ret_version);
	if (account.generation != *ret_version)
		return bank_wrong("the clock says %llu in version %llu",
		                  (unsigned long long)account.generation,
		                  (unsigned long long)*ret_version);
	if (*ret_version < last)
		return bank_wrong("version %llu after %llu", (unsigned long long)*ret_version,
		                  (unsigned long long)last);
	return 0;
}

static int look_once(struct stele_subscriber *subscriber, uint64_t *last, char *why)
{
	struct stele_snapshot *snapshot;
	int r = stele_snapshot_open(subscriber, 0, &snapshot);

	if (r < 0)
		return r;
	if (stele_snapshot_version(snapshot) < *last) {
		r = bank_wrong("version %llu after %llu",
		               (unsigned long long)stele_snapshot_version(snapshot),
		               (unsigned long long)*last);
	} else {
		*last = stele_snapshot_version(snapshot);
		r = bank_check(snapshot, why);
	}
	stele_snapshot_close(snapshot);
	return r;
}

/* A reader. The first one pins what it reads, so its versions may not be reclaimed; the second one
 * does not. */
static void read_until_stopped(const char *region, struct board *board, unsigned which)
{
	struct stele_subscriber_options options = {.size = sizeof(options)};
	struct stele_subscriber *subscriber;
	struct stele_live live;
	uint64_t last = 0;
	char why[200] = "";
	int r;

	options.flags = which == 1 ? STELE_UNREGISTERED : 0;
	options.notifier = which == 1 ? NULL : "futex";
	r = stele_subscriber_open(region, &options, &subscriber);
	if (r == 0 && which == 1)
		r = stele_live_open(subscriber, "left", &account_schema, &live);
	while (r == 0 && !stopped(board)) {
		uint64_t before = last;
		r = look_once(subscriber, &last, why);
		if (which == 1 && r == 0)
			r = check_live(&live, last, &last, why);
		if (which == 1 && (r == -ESTALE || r == -ETIME)) {
			add(&board->readers[which].stale);
			r = 0;
		}
		add(&board->readers[which].reads);
		if (last > before)
			add(&board->readers[which].versions);
	}
	if (r != 0)
		snprintf(board->readers[which].failure, sizeof(board->readers[which].failure), "%s",
		         r > 0 ? why : stele_last_error());
	_exit(r != 0);
}

/* The publisher: commits until it is killed, and reports each version that it has committed. */
static void publish_until_killed(const char *region, uint64_t seed, int pipe_fd)
{
	struct stele_publisher_options options = {.size = sizeof(options)};
	struct stele_publisher *publisher;
	int r = stele_publisher_open(region, &options, &publisher);

	while (r == 0) {
		int64_t version = bank_commit(publisher, &seed);
		if (version < 0 ||
		    write(pipe_fd, &version, sizeof(version)) != (ssize_t)sizeof(version))
			break;
	}
	fprintf(stderr, "the publisher fails: %s\n", stele_last_error());
	_exit(1);
}

/* Lets a publisher run for a while and kills it. Returns the last version that it reported. */
static uint64_t kill_one(const char *region, uint64_t seed, int64_t nanoseconds)
{
	uint64_t reported = 0, version;
	int ends[2], status;
	pid_t child;

	cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
	child = crash_fork();
	if (child == 0) {
		close(ends[0]);
		publish_until_killed(region, seed, ends[1]);
	}
	close(ends[1]);
	/* Waits for the publisher's first commit, so that every round makes versions. */
	cr_assert_eq(read(ends[0], &reported, sizeof(reported)), (ssize_t)sizeof(reported),
	             "seed %llu: no commit", (unsigned long long)seed);
	for (int64_t until = clock_now() + nanoseconds; clock_now() < until;) {
		struct pollfd poll_fd = {.fd = ends[0], .events = POLLIN};
		if (poll(&poll_fd, 1, 0) == 1 &&
		    read(ends[0], &version, sizeof(version)) == (ssize_t)sizeof(version))
			reported = version;
	}
	kill(child, SIGKILL);
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL,
	          "seed %llu: the publisher ended by itself", (unsigned long long)seed);
	while (read(ends[0], &version, sizeof(version)) == (ssize_t)sizeof(version))
		reported = version;
	close(ends[0]);
	return reported;
}

static pid_t start_reader(const char *region, struct board *board, unsigned which)
{
	pid_t child = crash_fork();

	if (child == 0)
		read_until_stopped(region, board, which);
	return child;
}

/* Attaches twice, and checks that both attachments find the same memory in use. Returns its
 * size. */
static uint64_t used_after_recovery(const char *region, uint64_t *ret_version)
{
	struct stele_publisher *publisher = crash_publisher(region, 8, 1 << 24);
	uint64_t used = crash_used(publisher, NULL), again;

	*ret_version = stele_publisher_version(publisher);
	stele_publisher_close(publisher);
	publisher = crash_publisher(region, 8, 1 << 24);
	again = crash_used(publisher, NULL);
	stele_publisher_close(publisher);
	cr_assert_eq(used, again, "after version %llu, %llu bytes are in use, and then %llu",
	             (unsigned long long)*ret_version, (unsigned long long)used,
	             (unsigned long long)again);
	return used;
}

/* Waits until each reader has seen `versions` versions. */
static void await_readers(const struct board *board, uint64_t versions)
{
	int64_t until = clock_now() + 60 * NSEC_PER_SEC;

	for (unsigned i = 0; i < 2; i++)
		while (__atomic_load_n(&board->readers[i].versions, __ATOMIC_RELAXED) < versions) {
			cr_assert_eq(board->readers[i].failure[0], '\0', "reader %u: %s", i,
			             board->readers[i].failure);
			cr_assert_lt(clock_now(), until, "reader %u saw too few versions", i);
			sched_yield();
		}
}

Test(crash_kill, crash_01_a_kill_at_a_random_moment_loses_no_commit, .fini = crash_clean)
{
	const char *region = crash_name("kill");
	struct board *board = board_new();
	uint64_t seed = 20240101, random = seed, most_early = 0, most_late = 0;
	pid_t readers[2];
	struct stele_publisher *publisher = crash_publisher(region, 8, 1 << 24);

	bank_run(publisher, 1, &random);
	stele_publisher_close(publisher);
	for (unsigned i = 0; i < 2; i++)
		readers[i] = start_reader(region, board, i);
	for (int round = 0; round < ROUNDS; round++) {
		uint64_t round_seed = random_from(&random), version, used;
		uint64_t reported =
			kill_one(region, round_seed, (int64_t)(random_from(&random) % 3000000));
		used = used_after_recovery(region, &version);
		cr_assert(version >= reported && version <= reported + 1,
		          "seed %llu, round %d: version %llu was committed, and %llu is there",
		          (unsigned long long)seed, round, (unsigned long long)reported,
		          (unsigned long long)version);
		cr_assert_geq(bank_assert_whole(region, 0, "after a kill"), version);
		if (round < ROUNDS / 3)
			most_early = used > most_early ? used : most_early;
		else
			most_late = used > most_late ? used : most_late;
		await_readers(board, (uint64_t)round / 2);
		for (unsigned i = 0; i < 2; i++)
			cr_assert_eq(board->readers[i].failure[0], '\0',
			             "seed %llu, round %d, reader %u: %s", (unsigned long long)seed,
			             round, i, board->readers[i].failure);
	}
	__atomic_store_n(&board->stop, 1, __ATOMIC_RELEASE);
	for (unsigned i = 0; i < 2; i++) {
		int status;
		cr_assert_eq(waitpid(readers[i], &status, 0), readers[i]);
		cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "reader %u: %s", i,
		          board->readers[i].failure);
	}
	/* Versions differ a little in size; leaks of killed publishers would add up. */
	cr_assert_leq(most_late, most_early * 5 / 4, "from %llu bytes in use to %llu",
	              (unsigned long long)most_early, (unsigned long long)most_late);
	/* Memory that a recovery found in history is freed when history moves on. */
	publisher = crash_publisher(region, 0, 0);
	bank_run(publisher, stele_publisher_version(publisher) + 50, &random);
	most_late = crash_used(publisher, NULL);
	stele_publisher_close(publisher);
	cr_assert_eq(used_after_recovery(region, &random), most_late);
	munmap(board, sizeof(*board));
}

/* ---- the lock's holder dies ---- */

static void die_in_transaction(const char *region, bool commit_first)
{
	pid_t child = crash_fork();
	int status;

	if (child == 0) {
		struct stele_publisher_options options = {.size = sizeof(options)};
		struct stele_publisher *publisher;
		struct stele_transaction *tx;
		uint64_t random = 3;
		if (stele_publisher_open(region, &options, &publisher) < 0 ||
		    (commit_first && bank_commit(publisher, &random) < 0) ||
		    stele_transaction_begin(publisher, &tx) < 0 ||
		    bank_change(tx, stele_publisher_version(publisher) + 1, &random) < 0)
			_exit(1);
		raise(SIGKILL);
	}
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert(WIFSIGNALED(status), "the publisher that was to die failed");
}

Test(crash_kill, crash_05_the_lock_of_a_dead_publisher_is_recovered, .fini = crash_clean)
{
	const char *region = crash_name("dead");
	struct stele_publisher_stats stats = {.size = sizeof(stats)};
	struct stele_publisher *publisher = crash_publisher(region, 4, 1 << 22);
	uint64_t random = 1, used;

	bank_run(publisher, 12, &random);
	used = crash_used(publisher, NULL);
	stele_publisher_close(publisher);
	die_in_transaction(region, false);
	publisher = crash_publisher(region, 0, 0);
	cr_assert_eq(stele_publisher_describe(publisher, &stats), 0);
	cr_assert_eq(stats.recovered_deaths, 1);
	cr_assert_eq(stats.arena_used, used, "%llu bytes in use before, %llu after",
	             (unsigned long long)used, (unsigned long long)stats.arena_used);
	cr_assert_eq(stele_publisher_version(publisher), 12);
	bank_run(publisher, 13, &random);
	stele_publisher_close(publisher);
	die_in_transaction(region, true);
	cr_assert_eq(bank_assert_whole(region, 0, "after a death"), 14);
	publisher = crash_publisher(region, 0, 0);
	bank_run(publisher, 15, &random);
	stele_publisher_close(publisher);
	cr_assert_eq(bank_assert_whole(region, 0, "after a commit"), 15);
}

/* A mutex that can't be recovered is replaced, in a new publisher file. */
Test(crash_kill, crash_05_an_unrecoverable_lock_is_replaced, .fini = crash_clean)
{
	const char *region = crash_name("lock");
	struct stele_publisher *publisher = crash_publisher(region, 4, 1 << 22);
	struct layout_publisher_file *file;
	uint64_t random = 1;

	bank_run(publisher, 3, &random);
	stele_publisher_close(publisher);
	die_in_transaction(region, false);
	file = crash_map(region, ".publisher", NULL);
	cr_assert_eq(pthread_mutex_lock(&file->mutex), EOWNERDEAD);
	cr_assert_eq(pthread_mutex_unlock(&file->mutex), 0);
	cr_assert_eq(pthread_mutex_lock(&file->mutex), ENOTRECOVERABLE);
	munmap(file, sizeof(*file));
	publisher = crash_publisher(region, 0, 0);
	bank_run(publisher, 5, &random);
	stele_publisher_close(publisher);
	cr_assert_eq(bank_assert_whole(region, 0, "with a new lock"), 5);
}

/* ---- a publisher stopped in the middle ---- */

Test(crash_kill, crash_06_a_publisher_stopped_in_a_transaction_delays_no_reader,
     .fini = crash_clean)
{
	const char *region = crash_name("stop");
	struct stele_publisher_options options = {.size = sizeof(options), .attach_timeout_ns = -1};
	struct stele_region_info info = {.size = sizeof(info)};
	struct stele_publisher *publisher = crash_publisher(region, 4, 1 << 22);
	uint64_t random = 1;
	int status;
	pid_t child;

	bank_run(publisher, 5, &random);
	stele_publisher_close(publisher);
	child = crash_fork();
	if (child == 0) {
		struct stele_transaction *tx;
		options.attach_timeout_ns = 0;
		if (stele_publisher_open(region, &options, &publisher) < 0 ||
		    stele_transaction_begin(publisher, &tx) < 0 || bank_change(tx, 6, &random) < 0)
			_exit(1);
		raise(SIGSTOP);
		_exit(stele_transaction_commit(tx, NULL, NULL) == 1 ? 0 : 1);
	}
	cr_assert_eq(waitpid(child, &status, WUNTRACED), child);
	cr_assert(WIFSTOPPED(status));
	cr_assert_eq(bank_assert_whole(region, 0, "while it is stopped"), 5);
	cr_assert_eq(stele_region_describe(region, &info), 0, "%s", stele_last_error());
	cr_assert(info.publisher_attached);
	cr_assert_eq(info.publisher_pid, (uint32_t)child);
	cr_assert_eq(stele_publisher_open(region, &options, &publisher), -EBUSY);
	kill(child, SIGCONT);
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	cr_assert_eq(bank_assert_whole(region, 0, "after it went on"), 6);
}
