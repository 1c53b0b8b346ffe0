/* SPDX-License-Identifier: MIT
 *
 * stele_follow_*(): following in an event loop, over several tables, across restarts of the reader
 * and of the publisher, and across the removal and the replacement of the region. The check that a
 * waiting subscriber makes every second is turned off, so a test that ends proves that each step
 * woke the follower. */
#include <sys/epoll.h>

#include "tests/support/ipc/ipc.h"
#include "tests/support/position.h"

static void begin(void)
{
	ipc_begin();
	ipc_only_notices();
}

TestSuite(notices_follow, .init = begin, .fini = ipc_end, .timeout = 120);

#define ROUNDS 200u
enum { READER, WRITER };                           /* stages */
enum { VERSION, RESYNCS, CHANGES, ROWS, SUM, ID }; /* numbers; ID and the next hold a UUID */

/* ---- a follower: a copy of the tables "a" and "b", whose rows hold equal numbers ---- */

struct copy {
	struct stele_subscriber *subscriber;
	struct stele_follow *follow;
	int epoll; /* -1: waits with stele_follow_wait() */
	uint64_t rows[2], sum[2], changes, resyncs;
	uint8_t region[16]; /* of the last RESYNC or mark */
};

static const struct stele_follow_table tables[] = {
	{.name = "b", .schema = &ipc_schema},
	{.name = "a", .schema = &ipc_schema},
	{.name = "later"},
};

static void copy_open(struct copy *copy, struct stele_subscriber *subscriber, bool loop,
                      struct stele_position since)
{
	const struct stele_follow_options options = {
		.size = sizeof(options), .tables = tables, .table_count = 3, .since = since};
	struct epoll_event ready = {.events = EPOLLIN};

	*copy = (struct copy){.subscriber = subscriber, .epoll = -1};
	OK(stele_follow_open(subscriber, &options, &copy->follow));
	if (loop) {
		int fd = stele_subscriber_fd(subscriber);
		OK(fd);
		copy->epoll = epoll_create1(EPOLL_CLOEXEC);
		CHECK(epoll_ctl(copy->epoll, EPOLL_CTL_ADD, fd, &ready) == 0, "%s",
		      strerror(errno));
	}
}

static void copy_close(struct copy *copy)
{
	copy->follow = stele_follow_close(copy->follow);
	copy->subscriber = stele_subscriber_close(copy->subscriber);
	if (copy->epoll >= 0)
		close(copy->epoll);
}

static void copy_change(struct copy *copy, const struct stele_event *event)
{
	unsigned table = event->table[0] == 'b';
	const struct stele_change *change = &event->change;

	copy->changes++;
	if (change->kind != STELE_ADDED) {
		copy->rows[table]--;
		copy->sum[table] -= ((const struct ipc_value *)change->before.value)->number;
	}
	if (change->kind != STELE_REMOVED) {
		copy->rows[table]++;
		copy->sum[table] += ((const struct ipc_value *)change->after.value)->number;
	}
}

/* Applies one event. Returns true at the end of a batch. */
static bool copy_apply(struct copy *copy, const struct stele_event *event)
{
	struct stele_position position;

	stele_follow_position(copy->follow, &position);
	switch (event->kind) {
	case STELE_EVENT_RESYNC:
		memset(copy->rows, 0, sizeof(copy->rows));
		memset(copy->sum, 0, sizeof(copy->sum));
		memcpy(copy->region, event->region, 16);
		copy->resyncs++;
		CHECK(position.version == 0, "a position after a resync");
		return false;
	case STELE_EVENT_INITIAL:
	case STELE_EVENT_CHANGE:
		copy_change(copy, event);
		CHECK(position.version < event->version, "a position before the mark");
		return false;
	case STELE_EVENT_INITIAL_END:
	case STELE_EVENT_APPLIED:
		CHECK(position.version == event->version, "not the position of the mark");
		CHECK(memcmp(position.region, event->region, 16) == 0, "another region");
		memcpy(copy->region, event->region, 16);
		CHECK(copy->rows[0] == copy->rows[1] && copy->sum[0] == copy->sum[1],
		      "version %llu: the tables are not of one version",
		      (unsigned long long)event->version);
		return true;
	case STELE_EVENT_ALTERED:
		CHECK(false, "no table is altered");
		return false;
	case STELE_EVENT_GONE:
		CHECK(position.version == event->version && position.version > 0,
		      "the rows of the region that is gone have no position");
		return false;
	}
	return false;
}

/* Blocks until there may be an event. */
static void copy_wait(struct copy *copy)
{
	struct epoll_event ready;

	if (copy->epoll < 0)
		RETURNS(stele_follow_wait(copy->follow, STELE_FOREVER), 1, "");
	else if (epoll_wait(copy->epoll, &ready, 1, -1) < 0)
		CHECK(errno == EINTR, "%s", strerror(errno));
}

/* Follows until the copy has version `version`, or a later one, of another region than `except`. */
static void copy_until(struct copy *copy, uint64_t version, const uint8_t *except)
{
	struct stele_event event;

	for (;;) {
		int r = stele_follow_next(copy->follow, &event);
		OK(r);
		if (r == 0)
			copy_wait(copy);
		else if (copy_apply(copy, &event) && event.version >= version &&
		         (!except || memcmp(event.region, except, 16) != 0))
			return;
	}
}

/* ---- the publisher: each commit changes both tables ---- */

static void put_both(struct stele_transaction *tx, uint32_t id, uint64_t number)
{
	uint8_t key[4] = {0, 0, (uint8_t)(id >> 8), (uint8_t)id};
	struct ipc_value value;

	ipc_fill(&value, id, number);
	OK(stele_transaction_put(tx, "a", key, 32, &value, sizeof(value)));
	OK(stele_transaction_put(tx, "b", key, 32, &value, sizeof(value)));
}

static uint64_t commit_both(struct stele_publisher *publisher)
{
	uint64_t version = stele_publisher_version(publisher) + 1;
	struct stele_transaction *tx;

	OK(stele_transaction_begin(publisher, &tx));
	put_both(tx, 0, version);
	put_both(tx, 1 + (uint32_t)(version % 7), version * 3);
	RETURNS(stele_transaction_commit(tx, NULL, &version), 1, "");
	return version;
}

static struct stele_publisher *publish_both(uint32_t history)
{
	const struct stele_publisher_options options = {
		.size = sizeof(options), .flags = STELE_CREATE, .history = history};
	struct stele_publisher *publisher = ipc_attach(region, &options);
	const struct stele_schema *schema;
	struct stele_transaction *tx;

	OK(stele_transaction_begin(publisher, &tx));
	if (stele_transaction_schema(tx, "a", &schema) < 0) {
		OK(stele_transaction_create_table(tx, "a", &ipc_schema));
		OK(stele_transaction_create_table(tx, "b", &ipc_schema));
	}
	OK(stele_transaction_commit(tx, NULL, NULL));
	commit_both(publisher);
	return publisher;
}

/* ---- tests ---- */

static struct stele_subscriber *subscribe(const char *notifier, int64_t wait)
{
	const struct stele_subscriber_options options = {
		.size = sizeof(options), .notifier = notifier, .wait_ns = wait};
	struct stele_subscriber *subscriber;

	OK(stele_subscriber_open(region, &options, &subscriber));
	return subscriber;
}

static void follow_rounds(unsigned loop)
{
	struct copy copy;

	copy_open(&copy, subscribe(loop ? "socket" : "futex", 0), loop, (struct stele_position){0});
	for (uint64_t version = 2; version <= ROUNDS; version++) {
		copy_until(&copy, version, NULL);
		ipc_reach(READER, (uint32_t)version);
	}
	CHECK(copy.resyncs == 0 && copy.rows[0] == 8, "%llu rows",
	      (unsigned long long)copy.rows[0]);
	ipc_tell(CHANGES, copy.changes);
	copy_close(&copy);
}

static void run_rounds(unsigned loop)
{
	struct stele_publisher *publisher = publish_both(4);
	pid_t child = ipc_spawn(follow_rounds, loop);

	for (uint64_t version = 2; version < ROUNDS;) {
		ipc_await(READER, (uint32_t)version);
		version = commit_both(publisher);
	}
	ipc_join(child);
	/* Two rows in each of two tables, for each version. */
	cr_expect_eq(ipc_told(CHANGES), 4 * (ROUNDS - 1));
	stele_publisher_close(publisher);
}

Test(notices_follow, two_tables_at_one_version_in_an_event_loop)
{
	run_rounds(true);
}

Test(notices_follow, two_tables_at_one_version_without_a_descriptor)
{
	run_rounds(false);
}

static void follow_once(unsigned resumes)
{
	struct stele_position since = {0};
	struct copy copy;

	if (resumes) {
		since.version = ipc_told(VERSION);
		memcpy(since.region, &shared->number[ID], 16);
	}
	copy_open(&copy, subscribe(NULL, 0), true, since);
	copy_until(&copy, 1, NULL);
	stele_follow_position(copy.follow, &since);
	ipc_tell(VERSION, since.version);
	memcpy(&shared->number[ID], since.region, 16);
	ipc_tell(CHANGES, copy.changes);
	ipc_tell(RESYNCS, copy.resyncs);
	copy_close(&copy);
}

Test(notices_follow, resumes_in_another_process)
{
	struct stele_publisher *publisher = publish_both(8);

	ipc_join(ipc_spawn(follow_once, false));
	cr_expect_eq(ipc_told(VERSION), 2);
	cr_expect_eq(ipc_told(CHANGES), 4);
	for (int i = 0; i < 3; i++)
		commit_both(publisher);
	ipc_join(ipc_spawn(follow_once, true));
	cr_expect_eq(ipc_told(VERSION), 5);
	cr_expect_eq(ipc_told(CHANGES), 2 + 6, "row 0, and three others, in two tables");
	cr_expect_eq(ipc_told(RESYNCS), 0);
	/* History no longer holds the position. */
	for (int i = 0; i < 20; i++)
		commit_both(publisher);
	ipc_join(ipc_spawn(follow_once, true));
	cr_expect_eq(ipc_told(VERSION), 25);
	cr_expect_eq(ipc_told(RESYNCS), 1);
	/* The position is in a region that was removed, and the new one reaches its number. */
	stele_publisher_close(publisher);
	OK(stele_region_remove(region));
	publisher = publish_both(64);
	while (commit_both(publisher) < 30)
		;
	ipc_join(ipc_spawn(follow_once, true));
	cr_expect_eq(ipc_told(VERSION), 30);
	cr_expect_eq(ipc_told(RESYNCS), 1);
	stele_publisher_close(publisher);
}

/* Follows a region through its removal, and then the one that takes its name. `way` is 0: without
 * a descriptor; 1: in an event loop; 2: in one, and the new region is there before the look. */
static void follow_across(unsigned way)
{
	uint8_t first[16];
	struct copy copy;

	copy_open(&copy, subscribe(way ? "socket" : "semaphore", 0), way,
	          (struct stele_position){0});
	for (unsigned round = 1; round <= 3; round++) {
		copy_until(&copy, 2, round > 1 ? first : NULL);
		CHECK(copy.resyncs == round - 1, "round %u: %llu resyncs", round,
		      (unsigned long long)copy.resyncs);
		CHECK(copy.rows[0] == 2, "%llu rows", (unsigned long long)copy.rows[0]);
		memcpy(first, copy.region, 16);
		/* The follower is a subscriber of each region, and can pin and be seen. */
		CHECK(ipc_describe(copy.subscriber).registered, "%s",
		      ipc_describe(copy.subscriber).reason);
		ipc_reach(READER, round);
		if (way == 2)
			ipc_await(WRITER, round);
	}
	copy_close(&copy);
}

static void run_across(unsigned way)
{
	struct stele_publisher *publisher = publish_both(8);
	pid_t child = ipc_spawn(follow_across, way);

	for (uint32_t round = 1; round <= 3; round++) {
		ipc_await(READER, round);
		stele_publisher_close(publisher);
		OK(stele_region_remove(region));
		/* The follower blocks while there is no region at all. */
		if (way != 2 && round < 3)
			UNTIL(ipc_is(child, 'S'));
		publisher = publish_both(8);
		ipc_reach(WRITER, round);
	}
	ipc_join(child);
	stele_publisher_close(publisher);
}

Test(notices_follow, goes_on_with_the_next_region_in_an_event_loop)
{
	run_across(1);
}

Test(notices_follow, goes_on_with_the_next_region_without_a_descriptor)
{
	run_across(0);
}

Test(notices_follow, goes_on_with_a_region_that_replaced_the_last_one)
{
	run_across(2);
}

/* Returns the next event, waiting for it. */
static struct stele_event next_event(struct copy *copy)
{
	struct stele_event event;
	int r;

	while ((r = stele_follow_next(copy->follow, &event)) == 0)
		copy_wait(copy);
	OK(r);
	return event;
}

static void run_gone(bool loop)
{
	struct stele_publisher *publisher = publish_both(8);
	struct stele_event event;
	uint8_t first[16];
	struct copy copy;

	copy_open(&copy, subscribe(NULL, 0), loop, (struct stele_position){0});
	copy_until(&copy, 2, NULL);
	memcpy(first, copy.region, 16);
	stele_publisher_close(publisher);
	OK(stele_region_remove(region));
	event = next_event(&copy);
	cr_expect_eq(event.kind, STELE_EVENT_GONE);
	cr_expect(event.version == 2 && event.count == 0);
	cr_expect_eq(memcmp(event.region, first, 16), 0);
	copy_apply(&copy, &event);
	/* Once. */
	RETURNS(stele_follow_next(copy.follow, &event), 0, "");
	publisher = publish_both(8);
	copy_until(&copy, 2, first);
	cr_expect_eq(copy.resyncs, 1);
	stele_publisher_close(publisher);
	OK(stele_region_remove(region));
	cr_expect_eq(next_event(&copy).kind, STELE_EVENT_GONE, "only of the first region");
	copy_close(&copy);
}

Test(notices_follow, tells_that_the_region_is_gone_in_an_event_loop)
{
	run_gone(true);
}

Test(notices_follow, tells_that_the_region_is_gone_without_a_descriptor)
{
	run_gone(false);
}

static uint64_t applied(void)
{
	struct layout_slot slots[64];
	unsigned count = ipc_slots(slots, 64);

	for (unsigned i = 0; i < count; i++)
		if (slots[i].state == LAYOUT_SLOT_TAKEN)
			return slots[i].applied;
	return UINT64_MAX;
}

Test(notices_follow, leaves_the_report_to_the_caller)
{
	const struct stele_follow_options options = {.size = sizeof(options),
	                                             .flags = STELE_APPLIED_BY_CALLER};
	struct stele_publisher *publisher = publish_both(8);
	struct copy copy = {.subscriber = subscribe(NULL, 0), .epoll = -1};

	OK(stele_follow_open(copy.subscriber, &options, &copy.follow));
	copy_until(&copy, 2, NULL);
	commit_both(publisher);
	copy_until(&copy, 3, NULL);
	cr_expect_eq(applied(), 0);
	OK(stele_subscriber_applied(copy.subscriber, 2));
	commit_both(publisher);
	copy_until(&copy, 4, NULL);
	cr_expect_eq(applied(), 2);
	copy_close(&copy);
	stele_publisher_close(publisher);
}

static void publish_and_wait(unsigned history)
{
	struct stele_publisher *publisher = publish_both(history);

	ipc_reach(WRITER, 1);
	for (;;) {
		commit_both(publisher);
		ipc_await(READER, ipc_stage(READER) + 1);
	}
}

Test(notices_follow, a_killed_publisher_is_followed_by_the_next_one)
{
	pid_t child = ipc_spawn(publish_and_wait, 8);
	struct stele_publisher *publisher;
	struct copy copy;

	ipc_await(WRITER, 1);
	copy_open(&copy, subscribe(NULL, 0), true, (struct stele_position){0});
	copy_until(&copy, 3, NULL);
	ipc_kill(child);
	publisher = publish_both(8);
	copy_until(&copy, commit_both(publisher), NULL);
	cr_expect_eq(copy.resyncs, 0, "the same region");
	copy_close(&copy);
	stele_publisher_close(publisher);
}

Test(notices_follow, a_gap_is_a_resync)
{
	struct stele_publisher *publisher = publish_both(2);
	struct copy copy;

	copy_open(&copy, ipc_subscribe(STELE_UNREGISTERED, NULL), false,
	          (struct stele_position){0});
	copy_until(&copy, 2, NULL);
	for (int i = 0; i < 100; i++)
		commit_both(publisher);
	copy_until(&copy, 102, NULL);
	cr_expect_eq(copy.resyncs, 1);
	cr_expect_eq(copy.rows[0], 8);
	copy_close(&copy);
	stele_publisher_close(publisher);
}

/* ---- a subscriber without a follow ---- */

Test(notices_follow, a_subscriber_reopens)
{
	struct stele_publisher *publisher = publish_both(8);
	struct stele_subscriber *subscriber = subscribe("socket", 0);
	struct stele_position before, after;
	struct stele_snapshot *snapshot, *newer;
	struct stele_row row;
	uint64_t version;
	int fd = stele_subscriber_fd(subscriber);

	OK(fd);
	OK(stele_snapshot_open(subscriber, 0, &snapshot));
	stele_snapshot_position(snapshot, &before);
	OK(stele_subscriber_reopen(subscriber, 0)); /* it has the region of the name */
	stele_publisher_close(publisher);
	OK(stele_region_remove(region));
	RETURNS(stele_subscriber_wait(subscriber, 2, 0, &version), -ENOENT, "was removed");
	RETURNS(stele_subscriber_reopen(subscriber, 0), -ENOENT, "there is no region");
	RETURNS(stele_subscriber_reopen(subscriber, clock_now() + 20 * NSEC_PER_MSEC), -ENOENT,
	        "there is no region");
	publisher = publish_both(8);
	OK(stele_subscriber_reopen(subscriber, 0));
	cr_expect_eq(stele_subscriber_fd(subscriber), fd);
	RETURNS(stele_subscriber_wait(subscriber, 0, 0, &version), 1, "");
	/* The old snapshot stays readable beside a new one. */
	OK(stele_snapshot_open(subscriber, 0, &newer));
	stele_snapshot_position(newer, &after);
	cr_expect(memcmp(before.region, after.region, 16) != 0);
	RETURNS(stele_snapshot_get(snapshot, "a", NULL, "\0\0\0\0", 32, &row), 1, "");
	OK(stele_snapshot_check(snapshot));
	stele_snapshot_close(snapshot);
	stele_snapshot_close(newer);
	stele_publisher_close(publisher);
	stele_subscriber_close(subscriber);
}

/* ---- a region that comes later ---- */

static char later[128]; /* a region in a directory that does not exist yet, or the test's region */

static void await_region(unsigned unused)
{
	const struct stele_subscriber_options options = {.size = sizeof(options),
	                                                 .wait_ns = STELE_FOREVER};
	struct stele_subscriber *subscriber;

	(void)unused;
	ipc_reach(READER, 1);
	OK(stele_subscriber_open(later, &options, &subscriber));
	CHECK(ipc_describe(subscriber).registered, "%s", ipc_describe(subscriber).reason);
	stele_subscriber_close(subscriber);
}

Test(notices_follow, an_open_waits_for_the_region)
{
	struct stele_publisher *publisher;
	pid_t child;

	snprintf(later, sizeof(later), "%s", region);
	child = ipc_spawn(await_region, 0);
	ipc_await(READER, 1);
	UNTIL(ipc_is(child, 'S'));
	publisher = publish_both(8);
	ipc_join(child);
	stele_publisher_close(publisher);
}

Test(notices_follow, an_open_waits_for_the_directory_too)
{
	const struct stele_publisher_options options = {.size = sizeof(options),
	                                                .flags = STELE_CREATE};
	char outer[64], inner[80];
	pid_t child;

	snprintf(outer, sizeof(outer), "/dev/shm/%s.d", region);
	snprintf(inner, sizeof(inner), "%s/inner", outer);
	snprintf(later, sizeof(later), "%s/net", inner);
	child = ipc_spawn(await_region, 0);
	ipc_await(READER, 1);
	UNTIL(ipc_is(child, 'S'));
	CHECK(mkdir(outer, 0700) == 0 && mkdir(inner, 0700) == 0, "%s", strerror(errno));
	stele_publisher_close(ipc_attach(later, &options));
	ipc_join(child);
	OK(stele_region_remove(later));
	CHECK(rmdir(inner) == 0 && rmdir(outer) == 0, "%s", strerror(errno));
}

Test(notices_follow, an_open_waits_no_longer_than_it_was_told)
{
	static const int64_t waits[] = {0, -1, 20 * NSEC_PER_MSEC};

	for (unsigned i = 0; i < 3; i++) {
		const struct stele_subscriber_options options = {.size = sizeof(options),
		                                                 .wait_ns = waits[i]};
		struct stele_subscriber *subscriber;

		RETURNS(stele_subscriber_open(region, &options, &subscriber), -ENOENT,
		        "there is no region");
	}
}
