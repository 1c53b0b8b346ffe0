/* SPDX-License-Identifier: MIT
 *
 * Snapshots across processes: a pinned version does not change, an unpinned one never gives wrong
 * answers, and what dead subscribers held becomes available again. */
#include <mqueue.h>

#include "lib/storage/paths.h"
#include "tests/support/ipc/model.h"

TestSuite(ipc_snapshot, .init = ipc_begin, .fini = ipc_end, .timeout = 120);

#define PINS    8u
#define COMMITS 15000u
enum { READER, GO, ROUND };     /* stages */
enum { ARENA, PINNED, PASSES }; /* counters */

/* ---- pins ---- */

/* Pins eight versions, each when it becomes the newest. Then reads all of them again and again
 * until the publisher is done, and once after that. */
static void hold_eight(unsigned argument)
{
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	struct stele_snapshot *snapshots[PINS + 1];
	static struct model models[PINS];
	uint64_t version = 0;
	bool last;

	(void)argument;
	for (unsigned i = 0; i < PINS; i++) {
		RETURNS(stele_subscriber_wait(subscriber, version, STELE_FOREVER, &version), 1, "");
		OK(stele_snapshot_open(subscriber, 0, &snapshots[i]));
		version = stele_snapshot_version(snapshots[i]);
		model_reach(&models[i], version);
		ipc_reach(READER, i + 1);
	}
	/* A version that is pinned already can be opened again; another one can't. */
	OK(stele_snapshot_open(subscriber, version, &snapshots[PINS]));
	snapshots[PINS] = stele_snapshot_close(snapshots[PINS]);
	RETURNS(stele_subscriber_wait(subscriber, version, STELE_FOREVER, &version), 1, "");
	RETURNS(stele_snapshot_open(subscriber, 0, &snapshots[PINS]), -EMFILE, "pins 8 versions");
	ipc_reach(READER, PINS + 1);
	do {
		last = ipc_stage(GO) > 0;
		for (unsigned i = 0; i < PINS; i++)
			CHECK(model_compare(snapshots[i], &models[i]) == 0, "%u: %s", i,
			      stele_last_error());
		ipc_tell(PASSES, ipc_told(PASSES) + 1);
	} while (!last);
	/* Closing a snapshot makes a pin available. */
	stele_snapshot_close(snapshots[3]);
	OK(stele_snapshot_open(subscriber, 0, &snapshots[3]));
	for (unsigned i = 0; i < PINS; i++)
		stele_snapshot_close(snapshots[i]);
	stele_subscriber_close(subscriber);
}

Test(ipc_snapshot, eight_pinned_versions_stay_consistent_in_bounded_memory)
{
	struct stele_publisher *publisher = ipc_publish_history(16);
	pid_t child = ipc_spawn(hold_eight, 0);
	uint64_t warm = 0, most = 0;

	for (unsigned i = 1; i <= PINS; i++) {
		ipc_await(READER, i);
		model_commit(publisher);
	}
	ipc_await(READER, PINS + 1);
	for (unsigned i = 0; i < COMMITS; i++) {
		struct stele_publisher_stats stats;
		model_commit(publisher);
		stats = ipc_stats(publisher);
		if (i == COMMITS / 10)
			warm = stats.arena_size;
		if (stats.arena_size > most)
			most = stats.arena_size;
	}
	UNTIL(ipc_told(PASSES) > 0);
	ipc_reach(GO, 1);
	ipc_join(child);
	cr_expect(most <= warm + warm / 4, "%llu bytes after %u commits, %llu in the end",
	          (unsigned long long)warm, COMMITS / 10, (unsigned long long)most);
	cr_expect_eq(ipc_stats(publisher).pins_revoked, 0);
	cr_expect(ipc_told(PASSES) > 1, "it read only once");
	stele_publisher_close(publisher);
}

Test(ipc_snapshot, versions_in_history_can_be_opened_by_number)
{
	struct stele_publisher *publisher = ipc_publish_history(16);
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	struct stele_region_info info = {.size = sizeof(info)};
	struct stele_snapshot *snapshot;

	while (model_commit(publisher) < 500)
		;
	OK(stele_region_describe(region, &info));
	cr_expect(info.version - info.oldest + 1 >= 16 && info.oldest > 1, "%llu to %llu",
	          (unsigned long long)info.oldest, (unsigned long long)info.version);
	for (uint64_t version = info.oldest; version <= info.version; version++) {
		struct model model = {0};
		OK(stele_snapshot_open(subscriber, version, &snapshot));
		model_reach(&model, version);
		cr_expect_eq(model_compare(snapshot, &model), 0);
		snapshot = stele_snapshot_close(snapshot);
	}
	RETURNS(stele_snapshot_open(subscriber, info.oldest - 1, &snapshot), -ESTALE, "any more");
	RETURNS(stele_snapshot_open(subscriber, 1, &snapshot), -ESTALE, "any more");
	RETURNS(stele_snapshot_open(subscriber, 501, &snapshot), -ENODATA, "yet");
	RETURNS(stele_snapshot_open(subscriber, UINT64_MAX, &snapshot), -ENODATA, "yet");
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

/* ---- without a pin ---- */

static void read_unpinned(unsigned argument)
{
	struct stele_subscriber *subscriber = ipc_subscribe(STELE_UNREGISTERED, NULL);
	struct stele_snapshot *first, *snapshot;
	struct model model = {0}, newest = {0};

	(void)argument;
	OK(stele_snapshot_open(subscriber, 0, &first));
	model_reach(&model, stele_snapshot_version(first));
	CHECK(model_compare(first, &model) == 0, "stale with nothing committed");
	ipc_reach(READER, 1);
	while (ipc_stage(GO) == 0) {
		/* The newest version is consistent, or stale. */
		OK(stele_snapshot_open(subscriber, 0, &snapshot));
		model_reach(&newest, stele_snapshot_version(snapshot));
		if (model_compare(snapshot, &newest) == 0)
			ipc_tell(PASSES, ipc_told(PASSES) + 1);
		stele_snapshot_close(snapshot);
		model_compare(first, &model);
	}
	RETURNS(stele_snapshot_check(first), -ESTALE, "");
	CHECK(model_compare(first, &model) == -ESTALE, "whole after all");
	stele_snapshot_close(first);
	stele_subscriber_close(subscriber);
}

Test(ipc_snapshot, an_unpinned_version_is_reclaimed_and_never_wrong)
{
	struct stele_publisher *publisher = ipc_publish_history(2);
	pid_t child;

	for (int i = 0; i < 100; i++)
		model_commit(publisher);
	child = ipc_spawn(read_unpinned, 0);
	ipc_await(READER, 1);
	for (unsigned i = 0; i < COMMITS; i++)
		model_commit(publisher);
	/* Wait until the reader has found a consistent snapshot. */
	UNTIL(model_commit(publisher) > 0 && ipc_told(PASSES) > 0);
	ipc_reach(GO, 1);
	ipc_join(child);
	stele_publisher_close(publisher);
}

/* ---- dead processes ---- */

#define MANY 4000u

static void commit_many(struct stele_publisher *publisher)
{
	uint64_t next = stele_publisher_version(publisher) + 1;
	struct stele_transaction *tx;

	OK(stele_transaction_begin(publisher, &tx));
	for (uint32_t id = 0; id < MANY; id++)
		ipc_put(tx, id, next);
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
}

static void pin_and_hang(unsigned argument)
{
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	struct stele_snapshot *snapshot;

	(void)argument;
	OK(stele_snapshot_open(subscriber, 0, &snapshot));
	ipc_tell(PINNED, stele_snapshot_version(snapshot));
	ipc_reach(READER, 1);
	ipc_await(GO, 1);
	CHECK(stele_snapshot_check(snapshot) == 0, "%s", stele_last_error());
	ipc_reach(READER, 2);
	pause();
}

Test(ipc_snapshot, memory_pinned_by_a_killed_reader_is_reclaimed)
{
	struct stele_publisher *publisher = ipc_publish_history(4);
	struct stele_region_info info = {.size = sizeof(info)};
	uint64_t one, held, after;
	pid_t child;

	commit_many(publisher);
	one = ipc_stats(publisher).arena_used;
	child = ipc_spawn(pin_and_hang, 0);
	ipc_await(READER, 1);
	commit_many(publisher);
	for (int i = 0; i < 200; i++)
		ipc_commit(publisher);
	held = ipc_stats(publisher).arena_used;
	cr_expect(held > one + one / 2, "%llu bytes with one version, %llu with a pinned one more",
	          (unsigned long long)one, (unsigned long long)held);
	ipc_reach(GO, 1);
	ipc_await(READER, 2);
	RETURNS(stele_publisher_reap(publisher), 0, "");
	ipc_kill(child);
	RETURNS(stele_publisher_reap(publisher), 1, "");
	for (int i = 0; i < 200; i++)
		ipc_commit(publisher);
	after = ipc_stats(publisher).arena_used;
	cr_expect(after < one + one / 4, "%llu bytes with one version, %llu after the kill",
	          (unsigned long long)one, (unsigned long long)after);
	OK(stele_region_describe(region, &info));
	cr_expect_eq(info.subscribers, 0);
	stele_publisher_close(publisher);
}

#define DEATHS 200u

static void live_shortly(unsigned round)
{
	struct stele_subscriber *subscriber = ipc_subscribe(0, "mq");
	struct stele_snapshot *snapshot;
	uint64_t version;

	if (round % 2 == 0)
		OK(stele_snapshot_open(subscriber, 0, &snapshot));
	if (round % 3 == 0)
		OK(stele_subscriber_fd(subscriber));
	ipc_reach(ROUND, round + 1);
	for (version = 0;;)
		RETURNS(stele_subscriber_wait(subscriber, version, STELE_FOREVER, &version), 1, "");
}

Test(ipc_snapshot, two_hundred_killed_subscribers_leave_nothing)
{
	static char queues[DEATHS][NAMES_QUEUE_SIZE];
	struct stele_publisher *publisher = ipc_publish_history(16);
	struct stele_region_info info = {.size = sizeof(info)};
	struct layout_slot slots[64];

	for (unsigned round = 0; round < DEATHS; round++) {
		pid_t child = ipc_spawn(live_shortly, round);
		unsigned count, i = 0;
		mqd_t queue;
		ipc_await(ROUND, round + 1);
		count = ipc_slots(slots, 64);
		while (i < count &&
		       (slots[i].state != LAYOUT_SLOT_TAKEN || slots[i].pid != (uint32_t)child))
			i++;
		CHECK(i < count, "process %d has no slot", (int)child);
		paths_queue(region, slots[i].uuid, queues[round]);
		queue = mq_open(queues[round], O_WRONLY | O_CLOEXEC);
		CHECK(queue >= 0, "%s: %s", queues[round], strerror(errno));
		mq_close(queue);
		/* The publisher notifies some of the subscribers before they die. */
		if (round % 4 == 0)
			model_commit(publisher);
		ipc_kill(child);
		if (round % 16 == 15)
			OK(stele_publisher_reap(publisher));
	}
	OK(stele_publisher_reap(publisher));
	cr_expect_eq(ipc_stats(publisher).reaped, DEATHS, "%llu reaped",
	             (unsigned long long)ipc_stats(publisher).reaped);
	OK(stele_region_describe(region, &info));
	cr_expect_eq(info.subscribers, 0);
	cr_expect_eq(info.subscriber_slots, 64, "%u slots", info.subscriber_slots);
	for (unsigned round = 0; round < DEATHS; round++)
		cr_expect(mq_open(queues[round], O_WRONLY | O_CLOEXEC) < 0 && errno == ENOENT,
		          "%s stayed", queues[round]);
	stele_publisher_close(publisher);
}

Test(ipc_snapshot, more_subscribers_than_slots_let_the_file_grow)
{
	struct stele_publisher *publisher = ipc_publish_history(16);
	struct stele_region_info info = {.size = sizeof(info)};
	struct stele_subscriber *subscribers[100];
	uint64_t version;

	for (unsigned i = 0; i < 100; i++)
		subscribers[i] = ipc_subscribe(0, "futex");
	OK(stele_region_describe(region, &info));
	cr_expect_eq(info.subscribers, 100);
	cr_expect(info.subscriber_slots >= 100);
	/* The pins of the first and of the last subscriber are honoured. */
	for (unsigned i = 0; i < 100; i += 99) {
		struct stele_snapshot *snapshot;
		struct model model = {0};
		OK(stele_snapshot_open(subscribers[i], 0, &snapshot));
		model_reach(&model, stele_snapshot_version(snapshot));
		for (int commit = 0; commit < 300; commit++)
			model_commit(publisher);
		cr_expect_eq(model_compare(snapshot, &model), 0, "slot %u", i);
	}
	for (unsigned i = 0; i < 100; i++) {
		RETURNS(stele_subscriber_wait(subscribers[i], 1, 0, &version), 1, "");
		stele_subscriber_close(subscribers[i]);
	}
	OK(stele_region_describe(region, &info));
	cr_expect_eq(info.subscribers, 0);
	stele_publisher_close(publisher);
}

/* ---- changes ---- */

/* Compares the changes that the library reports with the difference of the two models. */
static void expect_changes(const struct stele_table *before, const struct model *a,
                           const struct stele_table *after, const struct model *b)
{
	static const struct model none;
	struct stele_changes *changes;
	struct stele_change change;

	if (!before)
		a = &none;
	if (!after)
		b = &none;
	OK(stele_changes_open(before, after, &changes));
	for (uint32_t id = 0; id < MODEL_ROWS; id++) {
		enum stele_change_kind kind = !a->numbers[id]   ? STELE_ADDED
		                              : !b->numbers[id] ? STELE_REMOVED
		                                                : STELE_CHANGED;
		if (a->numbers[id] == b->numbers[id])
			continue;
		RETURNS(stele_changes_next(changes, &change), 1, "");
		CHECK(change.kind == kind, "row %u: %d, not %d", id, (int)change.kind, (int)kind);
		if (kind != STELE_ADDED) {
			const struct ipc_value *value = change.before.value;
			CHECK(model_id(&change.before) == id && value->number == a->numbers[id] &&
			              ipc_whole(value, id),
			      "row %u before", id);
		}
		if (kind != STELE_REMOVED) {
			const struct ipc_value *value = change.after.value;
			CHECK(model_id(&change.after) == id && value->number == b->numbers[id] &&
			              ipc_whole(value, id),
			      "row %u after", id);
		}
	}
	RETURNS(stele_changes_next(changes, &change), 0, "");
	stele_changes_close(changes);
}

static void follow_changes(unsigned argument)
{
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	struct stele_snapshot *last, *next;
	struct stele_table before, after;
	struct model a = {0}, b = {0};
	uint64_t version = 1, random = 17;

	(void)argument;
	OK(stele_snapshot_open(subscriber, 0, &last));
	model_reach(&a, stele_snapshot_version(last));
	ipc_reach(READER, 1);
	while (version < COMMITS / 3) {
		RETURNS(stele_subscriber_wait(subscriber, stele_snapshot_version(last),
		                              STELE_FOREVER, &version),
		        1, "");
		OK(stele_snapshot_open(subscriber, 0, &next));
		version = stele_snapshot_version(next);
		b = a;
		model_reach(&b, version);
		OK(stele_table_open(last, "rows", NULL, &before));
		OK(stele_table_open(next, "rows", NULL, &after));
		expect_changes(&before, &a, &after, &b);
		expect_changes(&after, &b, &before, &a);
		expect_changes(NULL, &a, &after, &b);
		expect_changes(&before, &a, NULL, &b);
		expect_changes(&after, &b, &after, &b);
		ipc_tell(PASSES, ipc_told(PASSES) + 1);
		/* Sometimes keep the older snapshot, so that the two versions are further apart. */
		random = ipc_mix(random + 1);
		if (random % 4 == 0) {
			stele_snapshot_close(next);
			continue;
		}
		stele_snapshot_close(last);
		last = next;
		a = b;
	}
	stele_subscriber_close(subscriber);
}

Test(ipc_snapshot, changes_equal_a_comparison_of_all_rows)
{
	struct stele_publisher *publisher = ipc_publish_history(8);
	pid_t child = ipc_spawn(follow_changes, 0);

	ipc_await(READER, 1);
	/* Faster than the reader, but slow enough that it sees more than a few versions. */
	for (uint64_t passes = 1; passes <= 10; passes++) {
		while (model_commit(publisher) < COMMITS / 3 * passes / 11)
			;
		UNTIL(ipc_told(PASSES) >= passes);
	}
	while (model_commit(publisher) < COMMITS / 3)
		;
	ipc_join(child);
	cr_expect(ipc_told(PASSES) > 10, "only %llu comparisons",
	          (unsigned long long)ipc_told(PASSES));
	stele_publisher_close(publisher);
}
