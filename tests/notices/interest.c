/* SPDX-License-Identifier: MIT
 *
 * Subscribers that name the tables they wait for. A commit that changes none of these tables does
 * not wake them; a commit that changes one does, with every way to wait. Also subscribers that spin
 * before they block. */
#include "tests/support/ipc/ipc.h"

TestSuite(notices_interest, .init = ipc_begin, .fini = ipc_end, .timeout = 120);

enum { BY_QUEUE, BY_FUTEX, UNREGISTERED, BY_DESCRIPTOR, WAYS };

static const char *const only_rows[] = {"rows", NULL};

static struct stele_subscriber *subscribe(unsigned way, const char *const *tables, int64_t spin)
{
	static const char *const notifiers[] = {"mq", "futex", NULL, "mq"};
	struct stele_subscriber_options options = {
		.size = sizeof(options),
		.flags = way == UNREGISTERED ? STELE_UNREGISTERED : 0,
		.notifier = notifiers[way],
		.tables = tables,
		.spin_ns = spin,
	};
	struct stele_subscriber *subscriber;

	OK(stele_subscriber_open(region, &options, &subscriber));
	if (way == BY_DESCRIPTOR)
		OK(stele_subscriber_fd(subscriber));
	return subscriber;
}

/* Creates or drops a table. */
static uint64_t change_table(struct stele_publisher *publisher, const char *table, bool make)
{
	struct stele_transaction *tx;
	uint64_t version;

	OK(stele_transaction_begin(publisher, &tx));
	OK(make ? stele_transaction_create_table(tx, table, &ipc_schema)
	        : stele_transaction_drop_table(tx, table));
	RETURNS(stele_transaction_commit(tx, NULL, &version), 1, "");
	return version;
}

/* Adds a row to a table. */
static uint64_t put(struct stele_publisher *publisher, const char *table, uint32_t id)
{
	struct stele_transaction *tx;
	struct ipc_value value;
	uint64_t version;

	ipc_fill(&value, id, id);
	id = __builtin_bswap32(id);
	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_transaction_put(tx, table, &id, 32, &value, sizeof(value)));
	RETURNS(stele_transaction_commit(tx, NULL, &version), 1, "");
	return version;
}

/* Returns how often a process has gone to sleep. */
static uint64_t sleeps_of(pid_t pid)
{
	unsigned long long count = 0;
	char path[40], line[128];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	file = fopen(path, "r");
	CHECK(file, "%s", strerror(errno));
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "voluntary_ctxt_switches: %llu", &count) == 1)
			break;
	fclose(file);
	return count;
}

static uint64_t await(struct stele_subscriber *subscriber, unsigned way, uint64_t since)
{
	uint64_t version = 0;

	if (way == BY_DESCRIPTOR)
		return ipc_await_by_descriptor(subscriber, since);
	RETURNS(stele_subscriber_wait(subscriber, since, STELE_FOREVER, &version), 1, "");
	return version;
}

/* ---- not woken ---- */

#define OTHERS 500u
#define WAKES  20u

static void wait_for_rows(unsigned way)
{
	struct stele_subscriber *subscriber = subscribe(way, only_rows, 0);
	uint64_t version = await(subscriber, way, 0);

	ipc_tell(0, version);
	ipc_reach(0, 1);
	version = await(subscriber, way, version);
	ipc_tell(0, version);
	ipc_reach(0, 2);
	stele_subscriber_close(subscriber);
}

static void leaves_alone(unsigned way)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	uint64_t sleeps, wakes, version;
	int64_t begin;
	pid_t child;

	change_table(publisher, "other", true);
	ipc_only_notices();
	child = ipc_spawn(wait_for_rows, way);
	ipc_await(0, 1);
	cr_expect_eq(ipc_told(0), 2);
	if (way != UNREGISTERED)
		UNTIL(ipc_blocked(child));
	UNTIL(ipc_is(child, 'S'));
	begin = clock_now();
	sleeps = sleeps_of(child);
	wakes = ipc_stats(publisher).futex_wakes;
	/* Commit long enough that subscribers without a slot, which wait for another table, are
	 * woken many times. */
	for (uint32_t i = 0; i < OTHERS || ipc_stats(publisher).futex_wakes < wakes + WAKES; i++)
		put(publisher, "other", i);
	/* Without a slot a subscriber wakes by itself every few milliseconds. Allow two
	 * more wake-ups for what the subscriber was doing at the two counts. */
	sleeps = sleeps_of(child) - sleeps;
	cr_expect(sleeps <= 2 + (way == UNREGISTERED
	                                 ? (uint64_t)((clock_now() - begin) / (4 * NSEC_PER_MSEC))
	                                 : 0),
	          "way %u: it slept %llu times in %lld ms", way, (unsigned long long)sleeps,
	          (long long)((clock_now() - begin) / NSEC_PER_MSEC));
	cr_expect_eq(ipc_stats(publisher).notices_sent, 0);
	cr_expect_eq(ipc_stage(0), 1);

	/* A notice wakes the subscriber for this version. */
	version = put(publisher, "rows", 7);
	ipc_await(0, 2);
	cr_expect_eq(ipc_told(0), version);
	if (way == BY_QUEUE || way == BY_DESCRIPTOR)
		cr_expect_eq(ipc_stats(publisher).notices_sent, 1);
	ipc_join(child);
	stele_publisher_close(publisher);
}

Test(notices_interest, other_tables_do_not_wake_a_queue)
{
	leaves_alone(BY_QUEUE);
}

Test(notices_interest, other_tables_do_not_wake_the_futex)
{
	leaves_alone(BY_FUTEX);
}

Test(notices_interest, other_tables_do_not_wake_a_subscriber_without_a_slot)
{
	leaves_alone(UNREGISTERED);
}

Test(notices_interest, other_tables_do_not_wake_a_descriptor)
{
	leaves_alone(BY_DESCRIPTOR);
}

/* ---- what counts as a change ---- */

Test(notices_interest, creating_and_dropping_a_table_are_changes)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	static const char *const names[] = {"late", NULL};
	struct stele_subscriber *subscriber = subscribe(BY_FUTEX, names, 0), *second;
	uint64_t version = 77, made;

	RETURNS(stele_subscriber_wait(subscriber, 0, 0, &version), 0, "");
	made = change_table(publisher, "late", true);
	RETURNS(stele_subscriber_wait(subscriber, 1, 0, &version), 1, "");
	cr_expect_eq(version, made);
	put(publisher, "rows", 1);
	RETURNS(stele_subscriber_wait(subscriber, version, 0, &version), 0, "");

	/* The subscriber is opened while the table exists; at its first check the table no longer
	 * exists. */
	second = subscribe(BY_FUTEX, names, 0);
	version = put(publisher, "rows", 2);
	change_table(publisher, "late", false);
	put(publisher, "rows", 3);
	made = stele_publisher_version(publisher);
	RETURNS(stele_subscriber_wait(second, version, 0, &version), 1, "");
	cr_expect_eq(version, made);
	RETURNS(stele_subscriber_wait(second, version, 0, &version), 0, "");
	RETURNS(stele_subscriber_wait(subscriber, version - 3, 0, &version), 1, "");
	RETURNS(stele_subscriber_wait(subscriber, version, 0, &version), 0, "");
	stele_subscriber_close(subscriber);
	stele_subscriber_close(second);
	stele_publisher_close(publisher);
}

/* A rollback, and a put of an unchanged row, also count by whether they change the table. */
Test(notices_interest, a_commit_that_leaves_the_table_unchanged_wakes_no_subscriber)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	struct stele_subscriber *subscriber = subscribe(BY_QUEUE, only_rows, 0);
	struct stele_transaction *tx;
	uint64_t version;

	RETURNS(stele_subscriber_wait(subscriber, 0, 0, &version), 1, "");
	change_table(publisher, "other", true);
	OK(stele_transaction_begin(publisher, &tx));
	ipc_put(tx, 0, 1); /* unchanged */
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 0, "");
	RETURNS(stele_subscriber_wait(subscriber, version, 0, &version), 0, "");
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

static const char *const nine[] = {"rows", "t1", "t2", "t3", "t4", "t5", "t6", "t7", "t8", NULL};

static void wait_for_nine(unsigned way)
{
	struct stele_subscriber *subscriber = subscribe(way, nine, 0);
	uint64_t version = 1;

	for (uint32_t round = 1; round < 9; round++) {
		ipc_reach(0, round);
		version = await(subscriber, way, version);
		ipc_tell(0, version);
		ipc_reach(1, round);
	}
	stele_subscriber_close(subscriber);
}

/* Names more tables than fit in a slot, and more than fit in a notice. */
static void tells_of_nine(unsigned way)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	struct stele_transaction *tx;
	pid_t child;

	ipc_only_notices();
	child = ipc_spawn(wait_for_nine, way);
	for (uint32_t round = 1; round < 9; round++) {
		ipc_await(0, round);
		UNTIL(ipc_blocked(child));
		if (round < 8) {
			/* Just before, a table changes that the subscriber does not name. */
			change_table(publisher, "other", round % 2 == 1);
			change_table(publisher, nine[round], true);
		} else {
			char name[16];
			OK(stele_transaction_begin(publisher, &tx));
			for (int i = 0; i < 40; i++) {
				snprintf(name, sizeof(name), "more%d", i);
				OK(stele_transaction_create_table(tx, name, &ipc_schema));
			}
			OK(stele_transaction_create_table(tx, "t8", &ipc_schema));
			RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
		}
		ipc_await(1, round);
		cr_expect_eq(ipc_told(0), stele_publisher_version(publisher));
	}
	ipc_join(child);
	stele_publisher_close(publisher);
}

Test(notices_interest, more_tables_than_a_slot_holds_are_watched)
{
	tells_of_nine(BY_QUEUE);
}

Test(notices_interest, more_tables_than_a_slot_holds_are_watched_on_the_futex)
{
	tells_of_nine(BY_FUTEX);
}

Test(notices_interest, names_that_no_table_can_have_are_refused)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	static const char *const bad[] = {"rows", "a/b", NULL}, *const none[] = {NULL};
	struct stele_subscriber_options options = {.size = sizeof(options), .tables = bad};
	struct stele_subscriber *subscriber;
	uint64_t version;

	RETURNS(stele_subscriber_open(region, &options, &subscriber), -EINVAL, "a/b");
	options.tables = none; /* an empty list is the same as no list */
	OK(stele_subscriber_open(region, &options, &subscriber));
	change_table(publisher, "other", true);
	RETURNS(stele_subscriber_wait(subscriber, 1, 0, &version), 1, "");
	stele_subscriber_close(subscriber);
	options.spin_ns = -1;
	RETURNS(stele_subscriber_open(region, &options, &subscriber), -EINVAL, ".spin_ns of -1");
	stele_publisher_close(publisher);
}

/* ---- spinning ---- */

#define SPINS 200u

static void spin_for_rows(unsigned way)
{
	struct stele_subscriber *subscriber = subscribe(way, only_rows, 3600 * NSEC_PER_SEC);
	uint64_t version = 1;

	for (uint32_t round = 1; round <= SPINS; round++) {
		ipc_reach(0, round);
		version = await(subscriber, way, version);
		CHECK(version == 2 * (uint64_t)round + 2, "version %llu in round %u",
		      (unsigned long long)version, round);
		ipc_reach(1, round);
	}
	stele_subscriber_close(subscriber);
}

/* A spinning subscriber never arms its ticket, so no notice is sent to it, whatever tables
 * change. */
Test(notices_interest, a_spinning_subscriber_costs_no_notice)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	pid_t child;

	change_table(publisher, "other", true);
	child = ipc_spawn(spin_for_rows, BY_QUEUE);
	for (uint32_t round = 1; round <= SPINS; round++) {
		ipc_await(0, round);
		put(publisher, "other", round);
		put(publisher, "rows", round);
		ipc_await(1, round);
	}
	cr_expect_eq(ipc_stats(publisher).notices_sent, 0);
	ipc_join(child);
	stele_publisher_close(publisher);
}

static void spin_a_little(unsigned way)
{
	struct stele_subscriber *subscriber = subscribe(way, NULL, NSEC_PER_MSEC);

	await(subscriber, way, 1);
	stele_subscriber_close(subscriber);
}

/* After its spin time a subscriber blocks, and is woken like any other. A deadline ends the spin
 * sooner. */
Test(notices_interest, spinning_ends_in_a_wait_or_at_the_deadline)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	struct stele_subscriber *subscriber;
	uint64_t version;
	int64_t begin;
	pid_t child;

	ipc_only_notices();
	child = ipc_spawn(spin_a_little, BY_QUEUE);
	UNTIL(ipc_blocked(child));
	ipc_commit(publisher);
	ipc_join(child);
	cr_expect_eq(ipc_stats(publisher).notices_sent, 1);

	subscriber = subscribe(BY_QUEUE, NULL, 3600 * NSEC_PER_SEC);
	begin = clock_now();
	RETURNS(stele_subscriber_wait(subscriber, 2, begin + 20 * NSEC_PER_MSEC, &version), 0, "");
	cr_expect(clock_now() - begin >= 20 * NSEC_PER_MSEC);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

/* ---- following ---- */

enum { APPLIED = 2, EMPTY, CHANGES };

static int count_event(const struct stele_event *event, void *context)
{
	(void)context;
	if (event->kind == STELE_EVENT_CHANGE)
		ipc_tell(CHANGES, ipc_told(CHANGES) + 1);
	if (event->kind == STELE_EVENT_APPLIED && event->count == 0)
		ipc_tell(EMPTY, ipc_told(EMPTY) + 1);
	if (event->kind == STELE_EVENT_APPLIED || event->kind == STELE_EVENT_INITIAL_END)
		ipc_tell(APPLIED, event->version);
	return event->version >= 5 && ipc_told(CHANGES) > 0;
}

static void follow_rows(unsigned way)
{
	struct stele_subscriber *subscriber = subscribe(way, only_rows, 0);
	static const struct stele_follow_table table = {.name = "rows"};
	struct stele_follow_options options = {
		.size = sizeof(options), .tables = &table, .table_count = 1};

	RETURNS(stele_subscriber_follow(subscriber, &options, STELE_FOREVER, count_event, NULL), 1,
	        "");
	stele_subscriber_close(subscriber);
}

/* A follower of one table is not woken for versions of others, but still moves on, so that it does
 * not pin an old version for ever. */
Test(notices_interest, a_follower_of_one_table_moves_to_new_versions)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	pid_t child;

	change_table(publisher, "other", true);
	child = ipc_spawn(follow_rows, BY_QUEUE);
	UNTIL(ipc_told(APPLIED) == 2);
	UNTIL(ipc_blocked(child));
	put(publisher, "other", 1);
	put(publisher, "other", 2);
	UNTIL(ipc_told(APPLIED) == 4);
	cr_expect_eq(ipc_stats(publisher).notices_sent, 0);
	cr_expect_eq(ipc_told(CHANGES), 0);
	cr_expect_geq(ipc_told(EMPTY), 1);
	put(publisher, "rows", 5);
	ipc_join(child);
	cr_expect_eq(ipc_told(CHANGES), 1);
	stele_publisher_close(publisher);
}
