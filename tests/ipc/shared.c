/* SPDX-License-Identifier: MIT
 *
 * Several publishers of one region. Their transactions follow one another, and no publisher relies
 * on what it knew of the region's memory before another's transaction. */
#include "tests/support/ipc/model.h"

TestSuite(ipc_shared, .init = ipc_begin, .fini = ipc_end, .timeout = 120);

enum { READY, GO };
enum { DONE };

static struct stele_publisher *share(unsigned flags)
{
	struct stele_publisher_options options = {
		.size = sizeof(options),
		.flags = STELE_SHARED | flags,
		.history = 4,
		.attach_timeout_ns = IPC_PATIENCE,
	};
	struct stele_publisher *publisher;

	OK(stele_publisher_open(region, &options, &publisher));
	return publisher;
}

/* Commits the model's next version; the first call creates its table. */
static void commit(struct stele_publisher *publisher)
{
	const struct stele_schema *schema;
	struct stele_transaction *tx;
	uint64_t version, next;

	OK(stele_transaction_begin(publisher, &tx));
	next = stele_publisher_version(publisher) + 1;
	if (stele_transaction_schema(tx, "rows", &schema) == -ENXIO)
		OK(stele_transaction_create_table(tx, "rows", &ipc_schema));
	if (next == 1)
		ipc_put(tx, 0, 1);
	else
		model_change(tx, next);
	RETURNS(stele_transaction_commit(tx, NULL, &version), 1, "");
	CHECK(version == next, "version %llu, not %llu", (unsigned long long)version,
	      (unsigned long long)next);
}

static void check_newest(void)
{
	struct stele_subscriber *subscriber = ipc_subscribe(STELE_UNREGISTERED, NULL);
	struct stele_snapshot *snapshot;
	struct model model = {0};
	uint64_t oldest, newest;

	OK(stele_subscriber_history(subscriber, &oldest, &newest));
	for (uint64_t version = newest > 3 ? newest - 3 : 1; version <= newest; version++) {
		OK(stele_snapshot_open(subscriber, version, &snapshot));
		model_reach(&model, version);
		CHECK(model_compare(snapshot, &model) == 0, "%s", stele_last_error());
		stele_snapshot_close(snapshot);
	}
	stele_subscriber_close(subscriber);
}

Test(ipc_shared, two_publishers_take_turns)
{
	struct stele_publisher *publishers[2] = {share(STELE_CREATE), share(0)};
	struct stele_transaction *tx;
	uint64_t random = 7, used;
	unsigned compacted = 0;

	for (unsigned i = 0; i < 400; i++) {
		struct stele_publisher *publisher = publishers[ipc_mix(random++) % 2];
		commit(publisher);
		if (ipc_mix(random++) % 8 == 0) {
			/* Sometimes the publisher also aborts a transaction. */
			OK(stele_transaction_begin(publisher, &tx));
			model_change(tx, stele_publisher_version(publisher) + 1);
			stele_transaction_abort(tx);
		}
		if (ipc_mix(random++) % 32 == 0) {
			/* Refused as long as the other publisher still has the previous file. */
			int r = stele_publisher_compact(publisher);
			CHECK(r == 0 || r == -EBUSY, "%d: %s", r, stele_last_error());
			compacted += r == 0;
		}
		check_newest();
	}
	CHECK(compacted > 3, "%u times compacted", compacted);
	/* Both publishers find the same memory in use, and so does a third that opens later. */
	used = ipc_stats(publishers[0]).arena_used;
	for (unsigned i = 0; i < 2; i++) {
		OK(stele_transaction_begin(publishers[i], &tx));
		stele_transaction_abort(tx);
		if (i == 0)
			used = ipc_stats(publishers[0]).arena_used;
		CHECK(ipc_stats(publishers[i]).arena_used == used, "%llu and %llu bytes",
		      (unsigned long long)ipc_stats(publishers[i]).arena_used,
		      (unsigned long long)used);
		stele_publisher_close(publishers[i]);
	}
	publishers[0] = ipc_attach(region, NULL);
	CHECK(ipc_stats(publishers[0]).arena_used == used, "%llu bytes after %llu",
	      (unsigned long long)ipc_stats(publishers[0]).arena_used, (unsigned long long)used);
	stele_publisher_close(publishers[0]);
}

static void publish_many(unsigned which)
{
	struct stele_publisher *publisher = share(STELE_CREATE);

	ipc_reach(READY + which, 1);
	ipc_await(8, 1);
	for (unsigned i = 0; i < 300; i++) {
		commit(publisher);
		if (i % 100 == 50 + which)
			stele_publisher_compact(
				publisher); /* refused while another publisher has the old file */
	}
	stele_publisher_close(publisher);
}

/* The four processes also race to create the region. */
Test(ipc_shared, four_processes_share_a_region_at_full_speed)
{
	struct stele_subscriber *subscriber;
	uint64_t version = 0;
	pid_t pids[4];

	for (unsigned i = 0; i < 4; i++)
		pids[i] = ipc_spawn(publish_many, i);
	for (unsigned i = 0; i < 4; i++)
		ipc_await(READY + i, 1);
	ipc_reach(8, 1);
	subscriber = ipc_subscribe(0, NULL);
	while (version < 4 * 300) {
		static struct model model;
		struct stele_snapshot *snapshot;
		RETURNS(stele_subscriber_wait(subscriber, version, STELE_FOREVER, &version), 1, "");
		OK(stele_snapshot_open(subscriber, 0, &snapshot));
		version = stele_snapshot_version(snapshot);
		model_reach(&model, version);
		CHECK(model_compare(snapshot, &model) == 0, "%s", stele_last_error());
		stele_snapshot_close(snapshot);
	}
	for (unsigned i = 0; i < 4; i++)
		ipc_join(pids[i]);
	check_newest();
	stele_subscriber_close(subscriber);
}

/* Joins while the test is in a transaction, and commits. */
static void join_and_commit(unsigned which)
{
	struct stele_publisher *publisher;

	ipc_reach(READY + which, 1);
	publisher = share(0);
	commit(publisher);
	stele_publisher_close(publisher);
}

/* Returns whether a process has opened the data file twice, the second time for the lock. Its next
 * step is to wait for the mutex. */
static bool has_opened_the_region(pid_t pid)
{
	char path[128], pattern[64], target[256];
	unsigned count = 0;
	glob_t found;

	ipc_path(path, "");
	snprintf(pattern, sizeof(pattern), "/proc/%d/fd/*", (int)pid);
	if (glob(pattern, 0, NULL, &found) != 0)
		return false;
	for (size_t i = 0; i < found.gl_pathc; i++) {
		ssize_t length = readlink(found.gl_pathv[i], target, sizeof(target) - 1);
		target[length > 0 ? length : 0] = '\0';
		count += strcmp(target, path) == 0;
	}
	globfree(&found);
	return count >= 2;
}

/* A publisher that joins during a transaction waits for its end, and then finds its result: a
 * longer file, or a new one. */
static void join_during(uint64_t maximum, unsigned rows)
{
	static const struct stele_column columns[] = {
		STELE_KEY("id", STELE_U32),
		{.name = "bytes", .type = STELE_BYTES},
	};
	static const struct stele_schema schema = {.columns = columns, .column_count = 2};
	static unsigned char bytes[5000];
	struct stele_publisher_options options = {
		.size = sizeof(options),
		.flags = STELE_CREATE | STELE_SHARED,
		.history = 4,
		.maximum_size = maximum,
		.attach_timeout_ns = IPC_PATIENCE,
	};
	struct stele_publisher *publisher;
	struct stele_transaction *tx;
	uint64_t version;
	pid_t pids[2];

	OK(stele_publisher_open(region, &options, &publisher));
	commit(publisher);
	for (unsigned round = 0; round < 5; round++) {
		OK(stele_transaction_begin(publisher, &tx));
		for (unsigned i = 0; i < 2; i++) {
			pids[i] = ipc_spawn(join_and_commit, i);
			ipc_await(READY + i, 1);
			UNTIL(has_opened_the_region(pids[i]));
		}
		if (round == 0)
			OK(stele_transaction_create_table(tx, "ballast", &schema));
		for (uint32_t i = 0; i < rows; i++) {
			uint32_t key = round * rows + i;
			OK(stele_transaction_put(tx, "ballast", &key, 32, bytes, sizeof(bytes)));
		}
		model_change(tx, stele_publisher_version(publisher) + 1);
		RETURNS(stele_transaction_commit(tx, NULL, &version), 1, "");
		ipc_join(pids[0]);
		ipc_join(pids[1]);
		check_newest();
	}
	commit(publisher);
	CHECK(stele_publisher_version(publisher) == 17, "version %llu",
	      (unsigned long long)stele_publisher_version(publisher));
	check_newest();
	stele_publisher_close(publisher);
}

Test(ipc_shared, a_publisher_joining_in_a_transaction_finds_a_longer_file)
{
	join_during(UINT64_C(1) << 30, 400);
}

Test(ipc_shared, a_publisher_joining_in_a_transaction_finds_a_new_file)
{
	join_during(1 << 17, 100);
}

/* The last publisher to leave marks the region as closed, in the file that is then the region's. */
Test(ipc_shared, the_last_publisher_to_leave_closes_the_region)
{
	struct stele_publisher *first = share(STELE_CREATE), *second = share(0);
	struct stele_region_info info = {.size = sizeof(info)};
	struct layout_durable record;
	char path[128];
	int fd;

	commit(first);
	OK(stele_publisher_compact(second));
	commit(second);
	stele_publisher_close(second);
	stele_publisher_close(first);
	OK(stele_region_describe(region, &info));
	CHECK(info.generation == 2 && info.version == 2, "generation %llu",
	      (unsigned long long)info.generation);
	ipc_path(path, "");
	fd = open(path, O_RDONLY);
	CHECK(pread(fd, &record, sizeof(record), LAYOUT_DURABLE_OFFSET(1)) == sizeof(record), "%s",
	      strerror(errno));
	close(fd);
	CHECK(record.sequence == 1 && record.version == 2, "the record is of version %llu",
	      (unsigned long long)record.version);
}

static void die_in_a_transaction(unsigned commits)
{
	struct stele_publisher *publisher = share(0);
	struct stele_transaction *tx;

	for (unsigned i = 0; i < commits; i++)
		commit(publisher);
	OK(stele_transaction_begin(publisher, &tx));
	model_change(tx, stele_publisher_version(publisher) + 1);
	ipc_reach(READY, commits);
	pause();
}

Test(ipc_shared, the_others_continue_after_a_death)
{
	struct stele_publisher *publisher = share(STELE_CREATE);

	commit(publisher);
	for (unsigned i = 1; i <= 10; i++) {
		pid_t pid = ipc_spawn(die_in_a_transaction, i);
		ipc_await(READY, i);
		ipc_kill(pid);
		commit(publisher);
		check_newest();
		CHECK(ipc_stats(publisher).recovered_deaths == i, "%llu",
		      (unsigned long long)ipc_stats(publisher).recovered_deaths);
	}
	CHECK(stele_publisher_version(publisher) == 1 + 10 + 55, "%llu",
	      (unsigned long long)stele_publisher_version(publisher));
	stele_publisher_close(publisher);
}

Test(ipc_shared, shared_and_exclusive_publishers_exclude_each_other)
{
	struct stele_publisher_options alone = {
		.size = sizeof(alone), .flags = STELE_CREATE, .attach_timeout_ns = -1};
	struct stele_publisher_options shared_too = alone;
	struct stele_region_info info = {.size = sizeof(info)};
	struct stele_publisher *publisher, *other;

	shared_too.flags = STELE_SHARED;
	OK(stele_publisher_open(region, &alone, &publisher));
	RETURNS(stele_publisher_open(region, &shared_too, &other), -EBUSY,
	        "another publisher is attached");
	stele_publisher_close(publisher);
	OK(stele_publisher_open(region, &shared_too, &publisher));
	OK(stele_publisher_open(region, &shared_too, &other));
	stele_publisher_close(publisher);
	RETURNS(stele_publisher_open(region, &alone, &publisher), -EBUSY,
	        "another publisher is attached");
	RETURNS(stele_region_remove(region), -EBUSY, "another publisher is attached");
	OK(stele_region_describe(region, &info));
	CHECK(info.publisher_attached, "no publisher is reported as attached");
	stele_publisher_close(other);
	OK(stele_region_describe(region, &info));
	CHECK(!info.publisher_attached && info.publisher_since > 0,
	      "a publisher is reported as attached");
	OK(stele_publisher_open(region, &alone, &publisher));
	stele_publisher_close(publisher);
	shared_too.flags = STELE_SHARED | STELE_CREATE_NEW;
	RETURNS(stele_publisher_open(region, &shared_too, &other), -EEXIST, "there is a region");
}

/* Opens the region as a publisher that does not ask to share it. */
static int open_alone(unsigned flags, struct stele_publisher **ret)
{
	const struct stele_publisher_options options = {
		.size = sizeof(options), .flags = flags, .attach_timeout_ns = -1};

	return stele_publisher_open(region, &options, ret);
}

Test(ipc_shared, a_region_can_be_shared_by_all_its_publishers)
{
	struct stele_region_info info = {.size = sizeof(info)};
	struct stele_publisher *daemon, *operator, * third;

	OK(open_alone(STELE_CREATE_NEW | STELE_SHARED_REGION, &daemon));
	/* Neither of them asks to share the region. */
	OK(open_alone(0, &operator));
	/* This region exists, so the flag has no effect. */
	OK(open_alone(STELE_CREATE | STELE_SHARED_REGION, &third));
	for (int i = 0; i < 3; i++) {
		commit(daemon);
		commit(operator);
		commit(third);
	}
	check_newest();
	/* The property stays with each further file of the region. */
	stele_publisher_close(third);
	stele_publisher_close(operator);
	OK(stele_publisher_compact(daemon));
	OK(open_alone(0, &operator));
	commit(operator);
	commit(daemon);
	OK(stele_region_describe(region, &info));
	CHECK(strstr(info.features, "shared") && !*info.features_missing, "%s", info.features);
	stele_publisher_close(operator);
	stele_publisher_close(daemon);
}

/* A region that nobody made a shared one is not upgraded to one. */
Test(ipc_shared, other_regions_are_not_shared)
{
	struct stele_region_info info = {.size = sizeof(info)};
	struct stele_publisher *publisher, *other;

	OK(open_alone(STELE_CREATE_NEW, &publisher));
	RETURNS(open_alone(STELE_CREATE | STELE_SHARED_REGION, &other), -EBUSY,
	        "which does not share the region; stop it first");
	OK(stele_publisher_upgrade(publisher));
	OK(stele_region_describe(region, &info));
	CHECK(!strstr(info.features, "shared"), "%s", info.features);
	stele_publisher_close(publisher);
}

enum { TOLD = 2 };

static void hear_of_waiting(const char *message, void *context)
{
	snprintf(context, 512, "%s", message);
	ipc_reach(TOLD, 1);
}

/* Begins a transaction beside one that the test holds, and is told so. */
static void wait_for_the_transaction(unsigned flags)
{
	char message[512] = "";
	const struct stele_publisher_options options = {
		.size = sizeof(options),
		.flags = flags,
		.attach_timeout_ns = IPC_PATIENCE,
		.waiting = hear_of_waiting,
		.waiting_context = message,
	};
	struct stele_publisher *publisher;

	OK(stele_publisher_open(region, &options, &publisher));
	CHECK(strstr(message, flags & STELE_SHARED ? "is in a transaction"
	                                           : "which does not share the region"),
	      "%s", message);
	stele_publisher_close(publisher);
}

Test(ipc_shared, a_publisher_is_told_that_it_waits_for_a_transaction)
{
	struct stele_publisher *publisher = share(STELE_CREATE);
	struct stele_transaction *tx;
	pid_t child;

	OK(stele_transaction_begin(publisher, &tx));
	child = ipc_spawn(wait_for_the_transaction, STELE_SHARED);
	ipc_await(TOLD, 1);
	stele_transaction_abort(tx);
	ipc_join(child);
	stele_publisher_close(publisher);
}

Test(ipc_shared, a_publisher_is_told_that_it_waits_for_another_one)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	pid_t child = ipc_spawn(wait_for_the_transaction, 0);

	ipc_await(TOLD, 1);
	stele_publisher_close(publisher);
	ipc_join(child);
}
