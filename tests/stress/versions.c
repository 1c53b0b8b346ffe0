/* SPDX-License-Identifier: MIT
 *
 * Random interleavings of commits, pins, drops, rollbacks and deaths of the publisher, compared
 * with a model that keeps a full copy of each version. Every open snapshot, and every version in
 * history, is compared with its copy, including the versions of rows. In the end the arena is back
 * to its initial use.
 *
 *   STELE_STRESS_SEED=N      begin with this seed, which a failure prints with the step
 *   STELE_STRESS_SECONDS=N   run one seed after the other for N seconds instead of a few */
#include "tests/support/random.h"
#include "tests/support/position.h"
#include "tests/support/ipc/versions.h"

TestSuite(stress_versions, .init = ipc_begin, .fini = ipc_end, .timeout = 600);

#define STEPS       1500u
#define HISTORY     6u
#define REMEMBERED  64u /* copies of the newest versions: more than history ever holds */
#define SUBSCRIBERS 4u
#define SNAPSHOTS   20u
#define TIGHT       (120 << 10) /* bytes in a region that runs full */

struct pinned {
	struct stele_snapshot *snapshot;
	unsigned subscriber;
	struct versions_model model;
};

static struct {
	uint64_t seed, random;
	unsigned step;
	bool tight;  /* the region is so small that it runs full, so pins may be revoked */
	bool shared; /* two publishers take turns */
	struct stele_publisher *publisher, *turns[2];
	struct versions_model head, copies[REMEMBERED];
	struct stele_subscriber *subscribers[SUBSCRIBERS];
	struct pinned pins[SNAPSHOTS];
	unsigned rollbacks, deaths, full, stale, stuck, compacted;
} run;

#define MUST(condition, format, ...) \
	CHECK(condition, "seed %llu, step %u: " format, (unsigned long long)run.seed, run.step, \
	      ##__VA_ARGS__)

static uint64_t pick(uint64_t below)
{
	return random_from(&run.random) % below;
}

/* ---- versions ---- */

static void remember(uint64_t version)
{
	MUST(stele_publisher_version(run.publisher) == version, "version %llu, not %llu",
	     (unsigned long long)stele_publisher_version(run.publisher),
	     (unsigned long long)version);
	run.head.version = version;
	run.copies[version % REMEMBERED] = run.head;
}

static const struct versions_model *copy_of(uint64_t version)
{
	const struct versions_model *copy = &run.copies[version % REMEMBERED];

	MUST(copy->version == version, "version %llu is held for longer than expected",
	     (unsigned long long)version);
	return copy;
}

static uint64_t oldest(void)
{
	struct stele_region_info info = {.size = sizeof(info)};
	int r = stele_region_describe(region, &info);

	MUST(r == 0, "%s", stele_last_error());
	return info.oldest;
}

static struct stele_transaction *begin(void)
{
	struct stele_transaction *tx;
	int r = stele_transaction_begin(run.publisher, &tx);

	MUST(r == 0, "%s", stele_last_error());
	return tx;
}

/* Ends a transaction whose changes should turn the last version into `model`; `r` is the result of
 * the changes. */
static void finish(struct stele_transaction *tx, struct versions_model *model, int r, bool abort)
{
	uint64_t version;

	if (r < 0 || abort) {
		MUST(r >= 0 || (run.tight && r == -ENOSPC), "%d: %s", r, stele_last_error());
		run.full += r < 0;
		stele_transaction_abort(tx);
		return;
	}
	r = stele_transaction_commit(tx, "stress", &version);
	if (r == -ENOSPC && run.tight) {
		run.full++;
		return;
	}
	MUST(r == versions_differ(model, &run.head), "commit: %d: %s", r,
	     r < 0 ? stele_last_error() : "");
	if (r == 1) {
		run.head = *model;
		remember(model->version);
	}
}

/* Picks a version to roll back to: one in history, or one below it that is pinned. */
static uint64_t older_version(struct versions_model *ret)
{
	uint64_t first = oldest(), version;
	unsigned which = (unsigned)pick(SNAPSHOTS);

	if (pick(2) == 0 && run.pins[which].snapshot &&
	    stele_snapshot_check(run.pins[which].snapshot) == 0) {
		*ret = run.pins[which].model;
		return ret->version;
	}
	version = first + pick(run.head.version - first + 1);
	*ret = *copy_of(version);
	return version;
}

static void commit(bool rollback)
{
	struct stele_transaction *tx = begin();
	struct versions_model model = run.head, older;
	int r = 0;

	model.version++;
	if (!rollback || pick(3) == 0)
		r = versions_change(tx, &model, &run.random);
	for (unsigned i = rollback ? 1 + (unsigned)pick(2) : 0; i > 0 && r == 0; i--) {
		struct versions_model before = model;
		uint64_t version = older_version(&older);
		versions_roll_back(&model, &run.head, &older);
		r = stele_transaction_rollback(tx, POSITION(tx, version));
		run.rollbacks += r == 0;
		if (r == -ENOSPC && run.tight) {
			/* The transaction is unchanged. */
			model = before;
			r = 0;
			run.full++;
		}
		if (r == -ESTALE && version < oldest()) {
			/* A snapshot in an older file stays valid, and the region need not hold its
			 * version. */
			model = before;
			r = 0;
		}
		MUST(r == 0, "rollback to %llu: %d: %s", (unsigned long long)version, r,
		     stele_last_error());
		if (pick(3) == 0)
			r = versions_change(tx, &model, &run.random);
	}
	finish(tx, &model, r, pick(10) == 0);
}

/* ---- readers ---- */

static void compare(const struct stele_snapshot *snapshot, const struct versions_model *model)
{
	char why[256] = "";
	int r = versions_compare(snapshot, model, why);

	MUST(r == 0 || (r == -ESTALE && run.tight), "version %llu: %d: %s",
	     (unsigned long long)model->version, r, r == 1 ? why : stele_last_error());
	run.stale += r == -ESTALE;
}

/* Opens an existing version. A subscriber that has just moved to a new file checks for a newer one
 * only after a millisecond, and returns the previous newest version until then. */
static int open_snapshot(unsigned which, uint64_t version, struct stele_snapshot **ret)
{
	int64_t until = clock_now() + IPC_PATIENCE;
	int r;

	while ((r = stele_snapshot_open(run.subscribers[which], version, ret)) == -ENODATA &&
	       clock_now() < until)
		sched_yield();
	return r;
}

static void pin(void)
{
	struct pinned *pin = &run.pins[pick(SNAPSHOTS)];
	uint64_t first = oldest(), version = run.head.version;
	int r;

	if (pick(3) == 0)
		version = first + pick(version - first + 1);
	if (pin->snapshot) {
		compare(pin->snapshot, &pin->model);
		pin->snapshot = stele_snapshot_close(pin->snapshot);
		return;
	}
	pin->subscriber = (unsigned)pick(SUBSCRIBERS);
	r = open_snapshot(pin->subscriber, version, &pin->snapshot);
	if (r == -EMFILE) {
		pin->snapshot = NULL;
		return;
	}
	MUST(r == 0, "snapshot of %llu: %d: %s", (unsigned long long)version, r,
	     stele_last_error());
	pin->model = *copy_of(version);
}

static void look(void)
{
	struct stele_snapshot *snapshot;
	uint64_t first = oldest(), version = first + pick(run.head.version - first + 1);
	unsigned which = (unsigned)pick(SNAPSHOTS);
	int r;

	if (run.pins[which].snapshot)
		compare(run.pins[which].snapshot, &run.pins[which].model);
	r = open_snapshot(which % SUBSCRIBERS, version, &snapshot);
	if (r == -EMFILE)
		return;
	MUST(r == 0, "snapshot of %llu: %d: %s", (unsigned long long)version, r,
	     stele_last_error());
	compare(snapshot, copy_of(version));
	stele_snapshot_close(snapshot);
}

static void subscribe_anew(unsigned which)
{
	for (unsigned i = 0; i < SNAPSHOTS; i++)
		if (run.pins[i].snapshot && run.pins[i].subscriber == which) {
			compare(run.pins[i].snapshot, &run.pins[i].model);
			run.pins[i].snapshot = NULL;
		}
	stele_subscriber_close(run.subscribers[which]);
	run.subscribers[which] = ipc_subscribe(0, "futex");
}

/* ---- publishers come and go ---- */

static void attach(void)
{
	struct stele_publisher_options options = {
		.size = sizeof(options),
		.flags = STELE_CREATE,
		.history = HISTORY,
		/* A large region grows past its maximum into new files, to which subscribers
		 * move. */
		.maximum_size = run.tight ? TIGHT : 128 << 10,
		.limit_size = run.tight ? TIGHT : 64 << 20,
	};

	options.flags |= run.shared ? STELE_SHARED : 0;
	for (unsigned i = 0; i <= run.shared; i++) {
		int r = stele_publisher_open(region, &options, &run.turns[i]);
		MUST(r == 0, "%s", stele_last_error());
	}
	run.publisher = run.turns[0];
}

static void detach(void)
{
	for (unsigned i = 0; i <= run.shared; i++) {
		/* A pin may be revoked only for lack of memory. */
		MUST(run.tight || ipc_stats(run.turns[i]).pins_revoked == 0, "a pin was revoked");
		run.turns[i] = stele_publisher_close(run.turns[i]);
	}
	run.publisher = NULL;
}

/* A publisher that dies in a transaction, or just after a commit. */
static void die_at_once(unsigned how)
{
	struct versions_model model = run.head;
	struct stele_transaction *tx;
	int r;

	attach();
	tx = begin();
	model.version++;
	r = versions_change(tx, &model, &run.random);
	if (how % 2 == 1 && r == 0)
		stele_transaction_commit(tx, "last words", NULL);
	if (how < 2)
		raise(SIGKILL);
	_exit(0);
}

/* A publisher that runs until it is killed. Its actions follow from the random numbers alone. */
static void publish_until_killed(unsigned argument)
{
	(void)argument;
	attach();
	for (;;) {
		struct versions_model model = run.head;
		struct stele_transaction *tx = begin();
		model.version++;
		finish(tx, &model, versions_change(tx, &model, &run.random), false);
	}
}

/* Repeats on the model what the killed publisher did. */
static void replay(uint64_t random, uint64_t version)
{
	while (run.head.version < version) {
		struct versions_model model = run.head;
		model.version++;
		versions_change(NULL, &model, &random);
		if (versions_differ(&model, &run.head)) {
			run.head = model;
			run.copies[model.version % REMEMBERED] = model;
		}
	}
}

static void death(void)
{
	uint64_t random, version, until;
	unsigned how = (unsigned)pick(run.tight ? 4 : 6);
	pid_t child;

	detach();
	run.random ^= how;
	random = run.random;
	child = ipc_spawn(how < 4 ? die_at_once : publish_until_killed, how);
	if (how >= 4) {
		until = run.head.version + pick(5);
		do
			OK(stele_subscriber_version(run.subscribers[0], &version));
		while (version < until);
		kill(child, SIGKILL);
	}
	ipc_reap(child);
	run.deaths++;
	attach();
	version = stele_publisher_version(run.publisher);
	MUST(how >= 4 || version <= run.head.version + 1, "version %llu",
	     (unsigned long long)version);
	replay(random, version);
	remember(version);
}

/* Moves everything that is held into a new file. */
static void compact(void)
{
	int r = stele_publisher_compact(run.publisher);

	/* Refused while a snapshot is open in the previous file. */
	MUST(r == 0 || r == -EBUSY, "%s", stele_last_error());
	run.compacted += r == 0;
}

/* ---- a complete run ---- */

static void step(void)
{
	uint64_t choice = pick(100);

	if (run.shared)
		run.publisher = run.turns[pick(2)];

	if (choice < 40)
		commit(false);
	else if (choice < 55)
		commit(true);
	else if (choice < 80)
		pin();
	else if (choice < 95)
		look();
	else if (choice < 97)
		subscribe_anew((unsigned)pick(SUBSCRIBERS));
	else if (choice < 99)
		death();
	else if (choice < 99 + run.step % 2) {
		detach();
		attach();
	} else {
		compact();
	}
}

/* Commits one row at a time until history holds only versions of such commits, and no more than the
 * minimum. Returns the memory then in use. */
static uint64_t settle(void)
{
	struct stele_publisher_stats stats;
	unsigned commits = 0;

	do {
		uint64_t version, number = run.head.version + 1;
		struct stele_transaction *tx = begin();
		int r = stele_transaction_put(tx, "beat", "\0\0\0\0", 32, &number, sizeof(number));
		MUST(r == 1, "%s", stele_last_error());
		r = stele_transaction_commit(tx, "stress", &version);
		MUST(r == 1, "%s", stele_last_error());
		run.head.beat = number;
		remember(version);
	} while (++commits < 50 || run.head.version - oldest() != HISTORY - 1);
	stats = ipc_stats(run.publisher);
	MUST(stats.pinned_used == 0, "%llu bytes are pinned",
	     (unsigned long long)stats.pinned_used);
	return stats.arena_used;
}

static uint64_t start(void)
{
	static const struct stele_column columns[] = {
		{.name = "id", .type = STELE_U32, .key = true},
		{.name = "number", .type = STELE_U64, .size = 8},
	};
	struct stele_schema schema = {.columns = columns, .column_count = 2, .value_size = 8};
	struct stele_transaction *tx;

	attach();
	tx = begin();
	OK(stele_transaction_create_table(tx, "beat", &schema));
	RETURNS(stele_transaction_commit(tx, "stress", NULL), 1, "");
	remember(1);
	for (unsigned i = 0; i < SUBSCRIBERS; i++)
		run.subscribers[i] = ipc_subscribe(0, "futex");
	return settle();
}

static void end(uint64_t baseline)
{
	struct stele_transaction *tx;
	uint64_t used;
	int r;

	for (unsigned i = 0; i < SUBSCRIBERS; i++) {
		subscribe_anew(i);
		stele_subscriber_close(run.subscribers[i]);
	}
	tx = begin();
	for (unsigned table = 0; table < VERSIONS_TABLES; table++)
		if (run.head.kind[table]) {
			OK(stele_transaction_drop_table(tx, versions_names[table]));
			run.head.kind[table] = 0;
		}
	r = stele_transaction_commit(tx, "stress", NULL);
	MUST(r >= 0 || (run.tight && r == -ENOSPC), "%s", stele_last_error());
	/* A region may be so full that not even the record of a commit that drops everything
	 * fits. */
	if (r < 0) {
		run.stuck++;
		detach();
		OK(stele_region_remove(region));
		return;
	}
	if (r == 1)
		remember(run.head.version + 1);
	used = settle();
	MUST(used == baseline, "%llu bytes in use at first, %llu in the end",
	     (unsigned long long)baseline, (unsigned long long)used);
	detach();
	attach();
	MUST(ipc_stats(run.publisher).arena_used == baseline,
	     "recovery finds %llu bytes in use, not %llu",
	     (unsigned long long)ipc_stats(run.publisher).arena_used, (unsigned long long)baseline);
	detach();
	OK(stele_region_remove(region));
}

static void one_seed(uint64_t seed, bool tight, bool in_turns)
{
	unsigned before[6] = {run.rollbacks, run.deaths, run.full,
	                      run.stale,     run.stuck,  run.compacted};
	uint64_t baseline;

	memset(&run, 0, sizeof(run));
	run.rollbacks = before[0], run.deaths = before[1], run.full = before[2],
	run.stale = before[3];
	run.stuck = before[4], run.compacted = before[5];
	run.seed = run.random = seed;
	run.tight = tight;
	run.shared = in_turns;
	baseline = start();
	for (run.step = 1; run.step <= STEPS; run.step++)
		step();
	end(baseline);
}

static void seeds(bool tight, bool in_turns)
{
	const char *text = getenv("STELE_STRESS_SECONDS"), *first = getenv("STELE_STRESS_SEED");
	int64_t until = clock_now() + (text ? strtoll(text, NULL, 10) : 0) * NSEC_PER_SEC / 2;
	uint64_t seed = first ? strtoull(first, NULL, 10) : tight ? 1000000 : 1;
	unsigned count = 0;

	do
		one_seed(seed++, tight, in_turns);
	while (++count < (SANITIZED ? 2 : 10) || clock_now() < until);
	printf("stress/versions: %u seeds of %u steps, %u rollbacks, %u deaths, %u times full, %u stale\n",
	       count, STEPS, run.rollbacks, run.deaths, run.full, run.stale);
	cr_expect_leq(run.stuck, count / 10);
	cr_expect_gt(run.rollbacks, 100);
	cr_expect_gt(run.deaths, 5);
	cr_expect_gt(run.compacted, 3);
}

Test(stress_versions, a_large_region_matches_the_model)
{
	seeds(false, false);
	cr_expect_eq(run.full, 0);
}

Test(stress_versions, two_publishers_in_turns_match_the_model)
{
	seeds(false, true);
	cr_expect_eq(run.full, 0);
}

Test(stress_versions, a_full_region_matches_the_model)
{
	seeds(true, false);
	cr_expect_gt(run.full, 0);
	cr_expect_gt(run.stale, 0);
}
