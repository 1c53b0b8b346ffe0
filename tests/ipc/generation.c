/* SPDX-License-Identifier: MIT
 *
 * New generations of a region's file under subscribers in other processes. The subscribers move by
 * themselves, miss no version, and keep what they had open. */
#include "tests/support/ipc/model.h"

TestSuite(ipc_generation, .init = ipc_begin, .fini = ipc_end, .timeout = 900);

enum { READER, GO };          /* stages */
enum { SEEN = 0, MOVES = 8 }; /* counters of each reader */

static const struct stele_column ballast_columns[] = {
	STELE_KEY("id", STELE_U32),
	{.name = "bytes", .type = STELE_BYTES},
};
static const struct stele_schema ballast_schema = {.columns = ballast_columns, .column_count = 2};

static struct stele_publisher *publish(uint64_t maximum, uint32_t history)
{
	struct stele_publisher_options options = {
		.size = sizeof(options),
		.flags = STELE_CREATE,
		.history = history,
		.maximum_size = maximum,
	};

	return ipc_publish(region, &options);
}

static struct stele_region_info describe(void)
{
	struct stele_region_info info = {.size = sizeof(info)};

	OK(stele_region_describe(region, &info));
	return info;
}

/* Commits the next version of the model, with `count` rows of ballast of some 60 KB each besides; 0
 * removes the ballast. */
static void commit_ballast(struct stele_publisher *publisher, unsigned count)
{
	static unsigned char bytes[60000];
	uint64_t next = stele_publisher_version(publisher) + 1;
	struct stele_transaction *tx;
	const struct stele_schema *schema;

	OK(stele_transaction_begin(publisher, &tx));
	if (stele_transaction_schema(tx, "ballast", &schema) == 0)
		OK(stele_transaction_drop_table(tx, "ballast"));
	OK(stele_transaction_create_table(tx, "ballast", &ballast_schema));
	for (uint32_t i = 0; i < count; i++) {
		memset(bytes, (int)(next + i), sizeof(bytes));
		OK(stele_transaction_put(tx, "ballast", &i, 32, bytes, sizeof(bytes)));
	}
	model_change(tx, next);
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
}

/* Returns the number in row 0, read without a snapshot. */
static uint64_t live_number(struct stele_live *live)
{
	static const uint8_t key[4];
	struct ipc_value value;
	size_t size = sizeof(value);

	RETURNS(stele_live_get_copy(live, key, 32, &value, &size, NULL), 1, "");
	return value.number;
}

#define HOLDERS 4u /* readers below this index hold their first snapshot for the whole test */

/* Follows the versions up to the number that is announced as the last. */
static void follow(unsigned which)
{
	struct stele_subscriber *subscriber = ipc_subscribe(0, which % 2 == 0 ? "mq" : "futex");
	struct stele_snapshot *first = NULL, *newest;
	static struct model model, first_model;
	struct stele_live live;
	uint64_t version = 0, last;

	if (which < HOLDERS) {
		OK(stele_snapshot_open(subscriber, 0, &first));
		model_reach(&first_model, stele_snapshot_version(first));
	}
	OK(stele_live_open(subscriber, "rows", &ipc_schema, &live));
	ipc_reach(READER + which, 1);
	do {
		RETURNS(stele_subscriber_wait(subscriber, version, STELE_FOREVER, &version), 1, "");
		OK(stele_snapshot_open(subscriber, 0, &newest));
		CHECK(stele_snapshot_version(newest) >= version, "back to version %llu from %llu",
		      (unsigned long long)stele_snapshot_version(newest),
		      (unsigned long long)version);
		version = stele_snapshot_version(newest);
		model_reach(&model, version);
		CHECK(model_compare(newest, &model) == 0, "%s", stele_last_error());
		CHECK(live_number(&live) >= version, "an optimistic read of the past");
		CHECK(!first || model_compare(first, &first_model) == 0, "the first snapshot: %s",
		      stele_last_error());
		newest = stele_snapshot_close(newest);
		ipc_tell(SEEN + which, version);
		last = ipc_told(MOVES);
	} while (version != last);
	CHECK(!first || model_compare(first, &first_model) == 0, "the first snapshot: %s",
	      stele_last_error());
	stele_subscriber_close(subscriber);
}

static void spawn_followers(unsigned first, unsigned count, pid_t pids[])
{
	for (unsigned i = 0; i < count; i++) {
		pids[i] = ipc_spawn(follow, first + i);
		ipc_await(READER + first + i, 1);
	}
}

static void join_followers(struct stele_publisher *publisher, unsigned count, const pid_t pids[])
{
	ipc_tell(MOVES, stele_publisher_version(publisher) + 1);
	model_commit(publisher);
	for (unsigned i = 0; i < count; i++)
		ipc_join(pids[i]);
}

Test(ipc_generation, subscribers_move_when_the_region_grows_past_its_maximum)
{
	struct stele_publisher *publisher = publish(1 << 18, 8);
	pid_t pids[4];

	model_commit(publisher);
	spawn_followers(0, 4, pids);
	for (unsigned i = 1; i <= 60; i++)
		commit_ballast(publisher, i);
	CHECK(describe().generation >= 4, "only generation %llu",
	      (unsigned long long)describe().generation);
	CHECK(describe().maximum_size > 60 * 60000, "a maximum of %llu",
	      (unsigned long long)describe().maximum_size);
	join_followers(publisher, 4, pids);
	stele_publisher_close(publisher);
}

Test(ipc_generation, subscribers_move_when_the_region_is_compacted)
{
	struct stele_publisher *publisher = publish(1 << 22, 4);
	uint64_t before;
	pid_t pids[4];

	commit_ballast(publisher, 40);
	spawn_followers(HOLDERS, 4, pids);
	for (unsigned round = 0; round < 4; round++) {
		commit_ballast(publisher, 30);
		for (unsigned i = 0; i < 30; i++)
			commit_ballast(publisher, 0);
		before = describe().file_size;
		/* A following reader soon leaves the previous file. */
		UNTIL(stele_publisher_compact(publisher) == 0);
		CHECK(describe().file_size <= before, "%llu bytes after %llu",
		      (unsigned long long)describe().file_size, (unsigned long long)before);
		for (unsigned i = 0; i < 30; i++)
			model_commit(publisher);
	}
	CHECK(describe().generation >= 5, "only generation %llu",
	      (unsigned long long)describe().generation);
	join_followers(publisher, 4, pids);
	stele_publisher_close(publisher);
}

/* A follow that has nothing yet is at version 0, which has no number in the new file. */
Test(ipc_generation, a_follow_at_version_0_misses_nothing)
{
	struct stele_publisher *publisher = ipc_attach(region, NULL);
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	struct stele_transaction *tx;
	struct stele_follow *follow;
	struct stele_event event;

	OK(stele_follow_open(subscriber, NULL, &follow));
	RETURNS(stele_follow_next(follow, &event), 1, "");
	cr_assert_eq(event.kind, STELE_EVENT_INITIAL_END);
	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_transaction_create_table(tx, "rows", &ipc_schema));
	for (unsigned i = 0; i < 3; i++)
		ipc_put(tx, i, 1);
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	OK(stele_publisher_compact(publisher));
	UNTIL(stele_follow_next(follow, &event) == 1);
	for (unsigned i = 0; i < 3; i++) {
		cr_expect_eq(event.kind, STELE_EVENT_CHANGE);
		cr_expect_eq(event.change.kind, STELE_ADDED);
		RETURNS(stele_follow_next(follow, &event), 1, "");
	}
	cr_expect_eq(event.kind, STELE_EVENT_APPLIED);
	cr_expect_eq(event.count, 3);
	stele_follow_close(follow);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

/* Pins, history and versions are the same after the compaction, also for a new publisher. */
Test(ipc_generation, a_compaction_keeps_history_and_pins)
{
	struct stele_publisher *publisher = publish(1 << 22, 4);
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	struct stele_snapshot *pinned, *snapshot;
	struct model model = {0};
	mode_t mode = describe().mode, mask = umask(077);
	uint64_t head, used;

	while (model_commit(publisher) < 5)
		;
	OK(stele_snapshot_open(subscriber, 5, &pinned));
	commit_ballast(publisher, 20);
	commit_ballast(publisher, 0);
	while (model_commit(publisher) < 60)
		;
	head = stele_publisher_version(publisher);
	OK(stele_publisher_compact(publisher));
	CHECK(describe().mode == mode, "mode %o after %o", describe().mode, mode);
	umask(mask);
	used = ipc_stats(publisher).arena_used;
	CHECK(describe().file_size < 400000, "%llu bytes are left",
	      (unsigned long long)describe().file_size);
	publisher = stele_publisher_close(publisher);
	publisher = ipc_attach(region, NULL);
	CHECK(ipc_stats(publisher).arena_used == used, "%llu bytes, not %llu",
	      (unsigned long long)ipc_stats(publisher).arena_used, (unsigned long long)used);
	for (uint64_t version = head - 3; version <= head; version++) {
		static struct model each;
		each = (struct model){0};
		model_reach(&each, version);
		OK(stele_snapshot_open(subscriber, version, &snapshot));
		CHECK(model_compare(snapshot, &each) == 0, "%s", stele_last_error());
		snapshot = stele_snapshot_close(snapshot);
	}
	model_reach(&model, 5);
	CHECK(model_compare(pinned, &model) == 0, "%s", stele_last_error());
	/* The pin also holds in the new file, for a subscriber that opens the version there while
	 * it is below history. */
	OK(stele_snapshot_open(subscriber, 5, &snapshot));
	CHECK(model_compare(snapshot, &model) == 0, "%s", stele_last_error());
	while (model_commit(publisher) < 120)
		;
	CHECK(model_compare(snapshot, &model) == 0, "%s", stele_last_error());
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

Test(ipc_generation, a_large_region_that_is_mostly_free_is_compacted_automatically)
{
	struct stele_publisher *publisher = publish(UINT64_C(1) << 30, 2);

	commit_ballast(publisher, 600);
	CHECK(describe().generation == 1 && describe().file_size > 30000000, "%llu bytes",
	      (unsigned long long)describe().file_size);
	/* First the versions must leave history and be reclaimed. */
	for (unsigned i = 0; i < 40; i++)
		commit_ballast(publisher, 0);
	CHECK(describe().generation == 2 && describe().file_size < 1000000,
	      "generation %llu of %llu bytes", (unsigned long long)describe().generation,
	      (unsigned long long)describe().file_size);
	stele_publisher_close(publisher);
}

/* A stopped subscriber keeps one old generation in use, and no more than one. */
Test(ipc_generation, no_compaction_while_the_previous_file_is_in_use)
{
	struct stele_publisher *publisher = publish(1 << 22, 4);
	pid_t pid;

	model_commit(publisher);
	pid = ipc_spawn(follow, 0);
	ipc_await(READER, 1);
	UNTIL(ipc_blocked(pid));
	CHECK(kill(pid, SIGSTOP) == 0, "%s", strerror(errno));
	UNTIL(ipc_is(pid, 'T'));
	OK(stele_publisher_compact(publisher));
	RETURNS(stele_publisher_compact(publisher), -EBUSY, "still maps the previous data file");
	CHECK(describe().generation == 2, "generation %llu",
	      (unsigned long long)describe().generation);
	model_commit(publisher);
	CHECK(kill(pid, SIGCONT) == 0, "%s", strerror(errno));
	/* The follower holds its first snapshot open, in the first file; a reader without a
	 * snapshot leaves that file. */
	UNTIL(ipc_told(SEEN) == stele_publisher_version(publisher));
	RETURNS(stele_publisher_compact(publisher), -EBUSY, "still maps the previous data file");
	join_followers(publisher, 1, &pid);
	OK(stele_publisher_compact(publisher));
	stele_publisher_close(publisher);
}

/* The name of the file was removed under its publisher: the publisher writes the region anew, and
 * goes on. */
Test(ipc_generation, a_region_whose_name_was_removed_is_rewritten)
{
	struct stele_publisher *publisher = publish(1 << 22, 4);
	struct stele_subscriber *subscriber;
	static struct model model;
	struct stele_snapshot *snapshot;
	char path[128];
	pid_t pids[2];

	model_commit(publisher);
	spawn_followers(0, 2, pids);
	ipc_path(path, "");
	CHECK(unlink(path) == 0, "%s", strerror(errno));
	/* The publisher checks its files once a second. */
	UNTIL((model_commit(publisher), access(path, F_OK) == 0));
	subscriber = ipc_subscribe(0, NULL);
	OK(stele_snapshot_open(subscriber, 0, &snapshot));
	model_reach(&model, stele_publisher_version(publisher));
	CHECK(model_compare(snapshot, &model) == 0, "%s", stele_last_error());
	join_followers(publisher, 2, pids);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

/* A subscriber that waits while no commit comes is neither woken in vain nor left in the old
 * file. */
static void wait_for_one(unsigned which)
{
	struct stele_subscriber *subscriber = ipc_subscribe(0, which == 0 ? "mq" : "futex");
	uint64_t version;

	OK(stele_subscriber_version(subscriber, &version));
	ipc_reach(READER + which, 1);
	RETURNS(stele_subscriber_wait(subscriber, version, STELE_FOREVER, &version), 1, "");
	stele_subscriber_close(subscriber);
}

Test(ipc_generation, a_notice_reaches_a_subscriber_blocked_on_the_previous_file)
{
	struct stele_publisher *publisher = publish(1 << 22, 4);
	pid_t pids[2];

	ipc_only_notices();
	for (unsigned i = 0; i < 2; i++) {
		pids[i] = ipc_spawn(wait_for_one, i);
		ipc_await(READER + i, 1);
		UNTIL(ipc_blocked(pids[i]));
	}
	OK(stele_publisher_compact(publisher));
	model_commit(publisher);
	for (unsigned i = 0; i < 2; i++)
		ipc_join(pids[i]);
	stele_publisher_close(publisher);
}
