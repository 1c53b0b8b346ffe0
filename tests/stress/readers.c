/* SPDX-License-Identifier: MIT
 *
 * A publisher at full speed, and readers that pin versions for random times and check sums.
 * Meanwhile one process scribbles over all slots and another truncates their file. Whatever a
 * reader gets is right or stale, no process dies, and in the end as much memory is in use as at the
 * start.
 *
 *   STELE_STRESS_SEED=N      seed of the random numbers (1); a failure prints it
 *   STELE_STRESS_SECONDS=N   run for N seconds instead of for a number of commits */
#include <math.h>

#include "tests/support/ipc/ipc.h"
#include "tests/support/position.h"
#include "tests/support/random.h"

TestSuite(stress_readers, .init = ipc_begin, .fini = ipc_end, .timeout = 600);

#define ACCOUNTS   4000u
#define TOTAL      (ACCOUNTS * UINT64_C(1000))
#define READERS    4u
#define HELD       4u /* snapshots that a reader has open */
#define PASSES_MIN 20u
/* stages; STARTED is reached once by each process */
enum { STOP, STARTED };
/* counters; PASSES to STALE have one for each reader */
enum { PASSES, STALE = 8, COMMITTED = 16, SEED };

static uint64_t seed(void)
{
	return ipc_told(SEED);
}

#define MUST(condition, format, ...) \
	CHECK(condition, "seed %llu: " format, (unsigned long long)seed(), ##__VA_ARGS__)

static const struct stele_schema *schema(void)
{
	static const struct stele_column columns[] = {
		{.name = "number", .type = STELE_U32, .key = true},
		{.name = "amount", .type = STELE_I64, .size = 8, .offset = 0},
		{.name = "version", .type = STELE_U64, .size = 8, .offset = 8},
	};
	static const struct stele_schema all = {
		.columns = columns, .column_count = 3, .value_size = 16};

	return &all;
}

struct account {
	int64_t amount;
	uint64_t version;
};

static uint32_t key_of(uint32_t number)
{
	return __builtin_bswap32(number * 2654435761u);
}

/* ---- the publisher ---- */

static void put(struct stele_writable *table, uint32_t number, int64_t amount, uint64_t version)
{
	struct account account = {amount, version};
	uint32_t key = key_of(number);
	int r = stele_writable_put(table, &key, 32, &account, sizeof(account));

	MUST(r >= 0, "%s", stele_last_error());
}

static int64_t amount(struct stele_writable *table, uint32_t number)
{
	uint32_t key = key_of(number);
	struct stele_row row;
	int r = stele_writable_get(table, &key, 32, &row);

	MUST(r == 1, "account %u: %s", number, stele_last_error());
	return ((const struct account *)row.value)->amount;
}

/* Moves amounts between accounts. The row of account 0 holds the version's number, which readers
 * compare with the version of their snapshot. */
static void transfer(struct stele_publisher *publisher, uint64_t *random)
{
	uint64_t next = stele_publisher_version(publisher) + 1, version;
	struct stele_transaction *tx;
	struct stele_writable *table;
	int r;

	OK(stele_transaction_begin(publisher, &tx));
	/* Now and then rolls back, which keeps the sum. */
	if (random_from(random) % 64 == 0 && next > 10) {
		r = stele_transaction_rollback(tx,
		                               POSITION(tx, next - 1 - random_from(random) % 8));
		MUST(r == 0 || r == -ESTALE, "%s", stele_last_error());
	}
	OK(stele_writable_open(tx, "accounts", NULL, &table));
	for (unsigned i = 0; i < 1 + random_from(random) % 4; i++) {
		uint32_t from = (uint32_t)(random_from(random) % ACCOUNTS),
			 to = (uint32_t)(random_from(random) % ACCOUNTS);
		int64_t sum = (int64_t)(random_from(random) % 500);
		put(table, from, amount(table, from) - sum, next);
		put(table, to, amount(table, to) + sum, next);
	}
	put(table, 0, amount(table, 0), next);
	r = stele_transaction_commit(tx, NULL, &version);
	MUST(r == 1 && version == next, "commit: %d: %s", r, stele_last_error());
}

static struct stele_publisher *publish(void)
{
	struct stele_publisher_options options = {
		.size = sizeof(options),
		.flags = STELE_CREATE,
		.history = 8,
		.maximum_size = 4 << 20,
		.pinned_bytes = 1 << 20,
	};
	struct stele_publisher *publisher = ipc_attach(region, &options);
	struct stele_transaction *tx;
	struct stele_writable *table;

	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_transaction_create_table(tx, "accounts", schema()));
	OK(stele_writable_open(tx, "accounts", NULL, &table));
	for (uint32_t number = 0; number < ACCOUNTS; number++)
		put(table, number, 1000, 1);
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	return publisher;
}

/* ---- readers ---- */

/* Adds up all accounts: returns 1 if the sum is right, or -ESTALE. */
static int check_sum(const struct stele_snapshot *snapshot)
{
	uint64_t rows = 0, newest = 0;
	struct stele_cursor *cursor;
	struct stele_table table;
	struct stele_row row;
	int64_t sum = 0;
	int r = stele_table_open(snapshot, "accounts", schema(), &table);

	if (r < 0)
		return r;
	r = stele_cursor_open(&table, &cursor);
	if (r < 0)
		return r;
	while ((r = stele_cursor_next(cursor, &row)) == 1) {
		struct account account;
		memcpy(&account, row.value, sizeof(account));
		rows++;
		sum += account.amount;
		newest = account.version > newest ? account.version : newest;
	}
	stele_cursor_close(cursor);
	if (r == 0)
		r = stele_snapshot_check(snapshot);
	if (r < 0)
		return r;
	MUST(rows == ACCOUNTS && sum == (int64_t)TOTAL &&
	             newest == stele_snapshot_version(snapshot),
	     "%llu rows, sum %lld, newest row %llu at version %llu", (unsigned long long)rows,
	     (long long)sum, (unsigned long long)newest,
	     (unsigned long long)stele_snapshot_version(snapshot));
	return 1;
}

static void read_on(unsigned who)
{
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	struct stele_snapshot *held[HELD] = {NULL};
	uint64_t random = seed() * 1000 + who, passes = 0, stale = 0, last = 0;

	ipc_reach(STARTED + who, 1);
	while (ipc_stage(STOP) == 0) {
		uint64_t choice = random_from(&random);
		unsigned which = (unsigned)(choice % HELD);
		int r = 0;
		if (!held[which]) {
			r = stele_snapshot_open(subscriber, 0, &held[which]);
			MUST(r == 0 || r == -ETIME, "%d: %s", r, stele_last_error());
			if (r < 0) {
				held[which] = NULL;
				continue;
			}
			MUST(stele_snapshot_version(held[which]) >= last, "versions went back");
			last = stele_snapshot_version(held[which]);
		}
		r = check_sum(held[which]);
		MUST(r == 1 || r == -ESTALE, "%d: %s", r, stele_last_error());
		passes += r == 1;
		stale += r < 0;
		ipc_tell(PASSES + who, passes);
		ipc_tell(STALE + who, stale);
		/* Some snapshots are read once, some many times. */
		if (r == 1 && choice >> 32 & (which == 0 ? 1 : 31))
			continue;
		held[which] = stele_snapshot_close(held[which]);
	}
	stele_subscriber_close(subscriber);
}

/* ---- hostile neighbours ---- */

/* Writes random words everywhere. It uses pwrite(2), which does not fault if the file is
 * truncated. */
static void scribble(unsigned argument)
{
	uint64_t random = seed() * 1000 + 500;

	ipc_reach(STARTED + argument, 1);
	while (ipc_stage(STOP) == 0) {
		struct stat status = {0};
		int fd = ipc_open_subscribers();
		if (fd < 0)
			continue;
		if (fstat(fd, &status) < 0 || status.st_size < 256)
			status.st_size = 256;
		for (int i = 0; i < 1000; i++) {
			uint64_t offset =
				random_from(&random) % (uint64_t)status.st_size & ~(uint64_t)7;
			uint64_t word = random_from(&random), near = ipc_told(COMMITTED);
			/* Plausible versions do more harm than wild ones. */
			word = word % 3 == 0 ? word : word % 3 == 1 ? near - word / 3 % 40 : 0;
			MUST(pwrite(fd, &word, sizeof(word), (off_t)offset) == sizeof(word), "%s",
			     strerror(errno));
		}
		close(fd);
		sched_yield();
	}
}

static void truncate_often(unsigned argument)
{
	uint64_t random = seed() * 1000 + 600;

	ipc_reach(STARTED + argument, 1);
	while (ipc_stage(STOP) == 0) {
		uint64_t until = ipc_told(COMMITTED) + random_from(&random) % 4000;
		int fd = ipc_open_subscribers();
		if (fd < 0)
			continue;
		MUST(ftruncate(fd, random_from(&random) % 2
		                           ? 0
		                           : (off_t)(random_from(&random) % 20000)) == 0,
		     "%s", strerror(errno));
		close(fd);
		/* Give subscribers time to register again in between. */
		while (ipc_told(COMMITTED) < until && ipc_stage(STOP) == 0)
			sched_yield();
	}
}

/* ---- */

/* Returns the memory in use when no version is pinned: the minimum over many commits, as history
 * takes more and less. */
static uint64_t baseline(struct stele_publisher *publisher, uint64_t *random)
{
	uint64_t least = UINT64_MAX;

	for (unsigned i = 0; i < 300; i++) {
		uint64_t used;
		transfer(publisher, random);
		used = ipc_stats(publisher).arena_used;
		if (i >= 100 && used < least)
			least = used;
	}
	return least;
}

static bool all_have_passed(uint64_t least)
{
	for (unsigned who = 0; who < READERS; who++)
		if (ipc_told(PASSES + who) < least)
			return false;
	return true;
}

/* Checks and prints what the readers saw. */
static void check_readers(struct stele_publisher *publisher, bool hostile, uint64_t commits,
                          uint64_t most)
{
	uint64_t passes = 0, stale = 0;

	for (unsigned who = 0; who < READERS; who++) {
		MUST(ipc_told(PASSES + who) >= PASSES_MIN, "reader %u saw only %llu whole versions",
		     who, (unsigned long long)ipc_told(PASSES + who));
		passes += ipc_told(PASSES + who);
		stale += ipc_told(STALE + who);
	}
	MUST(most <= 1 << 20, "%llu bytes were pinned", (unsigned long long)most);
	MUST(hostile || stale == 0 || ipc_stats(publisher).pins_revoked > 0,
	     "stale, but nothing was revoked");
	printf("stress/readers: %llu commits, %llu sums, %llu stale, %llu revoked, %llu bytes pinned at most\n",
	       (unsigned long long)commits, (unsigned long long)passes, (unsigned long long)stale,
	       (unsigned long long)ipc_stats(publisher).pins_revoked, (unsigned long long)most);
}

static void run(bool hostile)
{
	const char *text = getenv("STELE_STRESS_SECONDS"), *first = getenv("STELE_STRESS_SEED");
	int64_t until = clock_now() + (text ? strtoll(text, NULL, 10) : 0) * NSEC_PER_SEC / 2;
	uint64_t random, commits = 0, before, after, most = 0;
	unsigned processes = READERS + (hostile ? 2 : 0);
	struct stele_publisher *publisher;
	pid_t children[READERS + 2];

	ipc_tell(SEED, first ? strtoull(first, NULL, 10) : 1);
	random = seed();
	publisher = publish();
	before = baseline(publisher, &random);
	for (unsigned i = 0; i < processes; i++)
		children[i] = ipc_spawn(i < READERS    ? read_on
		                        : i == READERS ? scribble
		                                       : truncate_often,
		                        i);
	for (unsigned i = 0; i < processes; i++)
		ipc_await(STARTED + i, 1);
	while (commits < (SANITIZED ? 2000 : 150000) || clock_now() < until ||
	       (!all_have_passed(PASSES_MIN) && clock_now() < until + 3 * IPC_PATIENCE)) {
		uint64_t pinned;
		transfer(publisher, &random);
		commits++;
		ipc_tell(COMMITTED, stele_publisher_version(publisher));
		pinned = ipc_stats(publisher).pinned_used;
		most = pinned > most ? pinned : most;
	}
	ipc_reach(STOP, 1);
	for (unsigned i = 0; i < processes; i++)
		ipc_join(children[i]);
	check_readers(publisher, hostile, commits, most);
	/* Scribbled slots are reaped, and values in free slots pin nothing for long. */
	stele_publisher_close(publisher);
	if (hostile) {
		char path[128];
		ipc_path(path, ".subscribers");
		unlink(path);
	}
	publisher = ipc_attach(region, NULL);
	after = baseline(publisher, &random);
	/* The rows take the same memory as before; history varies with its random changes. */
	MUST(fabs((double)after - (double)before) < (double)before / 20,
	     "%llu bytes in use before, %llu after", (unsigned long long)before,
	     (unsigned long long)after);
	MUST(ipc_stats(publisher).pinned_used == 0, "%llu bytes are pinned",
	     (unsigned long long)ipc_stats(publisher).pinned_used);
	stele_publisher_close(publisher);
}

Test(stress_readers, readers_get_right_or_stale_rows)
{
	run(false);
}

Test(stress_readers, readers_get_right_or_stale_rows_beside_attackers)
{
	run(true);
}
