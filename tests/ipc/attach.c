/* SPDX-License-Identifier: MIT
 *
 * Who may publish: one process at a time, whatever happens to the files, to the holder and to its
 * children. */
#include "tests/support/ipc/ipc.h"

TestSuite(ipc_attach, .init = ipc_begin, .fini = ipc_end, .timeout = 120);

static const struct stele_publisher_options at_once = {
	.size = sizeof(at_once),
	.flags = STELE_CREATE,
	.attach_timeout_ns = -1,
};

/* ---- races ---- */

#define RACERS 8u
#define RACES  60u
enum { START = 0, ARRIVED = 8, DONE = 16 }; /* stages; the last two have one for each racer */
enum { HOLDERS, WINS, PID };                /* indexes of counters */

/* Tries until it has been the publisher RACES / 10 times; only one process may hold the attachment
 * at a time. */
static void race(unsigned who)
{
	struct stele_publisher *publisher;

	ipc_reach(ARRIVED + who, 1);
	ipc_await(START, 1);
	for (unsigned wins = 0; wins < RACES / 10;) {
		int r = stele_publisher_open(region, &at_once, &publisher);
		if (r < 0) {
			CHECK(r == -EBUSY, "%d: %s", r, stele_last_error());
			CHECK(strstr(stele_last_error(), region), "%s", stele_last_error());
			continue;
		}
		CHECK(__atomic_add_fetch(&shared->number[HOLDERS], 1, __ATOMIC_SEQ_CST) == 1,
		      "two at a time");
		if (stele_publisher_version(publisher) == 0) {
			struct stele_transaction *tx;
			OK(stele_transaction_begin(publisher, &tx));
			OK(stele_transaction_create_table(tx, "rows", &ipc_schema));
			RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
			__atomic_add_fetch(&shared->number[WINS], 1, __ATOMIC_SEQ_CST);
		}
		ipc_commit(publisher);
		__atomic_add_fetch(&shared->number[WINS], 1, __ATOMIC_SEQ_CST);
		sched_yield();
		CHECK(__atomic_sub_fetch(&shared->number[HOLDERS], 1, __ATOMIC_SEQ_CST) == 0,
		      "two at a time");
		stele_publisher_close(publisher);
		wins++;
	}
}

static void race_of_eight(void)
{
	pid_t children[RACERS];

	for (unsigned i = 0; i < RACERS; i++)
		children[i] = ipc_spawn(race, i);
	for (unsigned i = 0; i < RACERS; i++)
		ipc_await(ARRIVED + i, 1);
	ipc_reach(START, 1);
	for (unsigned i = 0; i < RACERS; i++)
		ipc_join(children[i]);
}

Test(ipc_attach, of_eight_processes_one_at_a_time_publishes)
{
	struct stele_region_info info = {.size = sizeof(info)};

	race_of_eight();
	OK(stele_region_describe(region, &info));
	/* No commit was lost, and none was made twice. */
	cr_expect_eq(info.version, ipc_told(WINS), "version %llu, %llu commits",
	             (unsigned long long)info.version, (unsigned long long)ipc_told(WINS));
	cr_expect(!info.publisher_attached);
}

/* Runs the rounds of a race. In each round all racers start at once, and the winner stays attached
 * until all others were refused. */
static void race_to_hold(unsigned who)
{
	struct stele_publisher *publisher;
	char process[40];

	for (uint32_t round = 1; round <= RACES; round++) {
		int r;
		ipc_reach(ARRIVED + who, round);
		ipc_await(START, round);
		r = stele_publisher_open(region, &at_once, &publisher);
		if (r == 0) {
			ipc_tell(PID, (uint64_t)getpid());
			__atomic_add_fetch(&shared->number[WINS], 1, __ATOMIC_SEQ_CST);
		} else {
			CHECK(r == -EBUSY, "%d: %s", r, stele_last_error());
			UNTIL(ipc_told(WINS) == round);
			/* Now that the winner has attached, the error message names it. */
			RETURNS(stele_publisher_open(region, &at_once, &publisher), -EBUSY,
			        "stop it first");
			snprintf(process, sizeof(process), "process %d (", (int)ipc_told(PID));
			CHECK(strstr(stele_last_error(), process), "no \"%s\" in: %s", process,
			      stele_last_error());
		}
		ipc_reach(DONE + who, round);
		for (unsigned i = 0; i < RACERS; i++)
			ipc_await(DONE + i, round);
		if (r == 0)
			stele_publisher_close(publisher);
	}
}

Test(ipc_attach, a_refusal_names_the_process_that_publishes)
{
	pid_t children[RACERS];

	stele_publisher_close(ipc_publish(region, NULL));
	for (unsigned i = 0; i < RACERS; i++)
		children[i] = ipc_spawn(race_to_hold, i);
	for (uint32_t round = 1; round <= RACES; round++) {
		for (unsigned i = 0; i < RACERS; i++)
			ipc_await(ARRIVED + i, round);
		/* The last winner has detached once all have arrived. */
		ipc_reach(START, round);
	}
	for (unsigned i = 0; i < RACERS; i++)
		ipc_join(children[i]);
	cr_expect_eq(ipc_told(WINS), RACES);
}

static void hold(unsigned argument)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);

	ipc_tell(PID, ipc_commit(publisher));
	ipc_reach(argument, 1);
	pause();
}

static void wait_to_attach(unsigned argument)
{
	struct stele_publisher *publisher = ipc_attach(region, NULL);

	ipc_tell(PID, stele_publisher_version(publisher));
	ipc_reach(argument, 1);
	stele_publisher_close(publisher);
}

Test(ipc_attach, an_attach_waits_for_the_other_publisher_to_detach)
{
	pid_t holder = ipc_spawn(hold, 1), waiter;
	struct stele_publisher_options short_wait = at_once;
	struct stele_publisher *publisher;
	int64_t begin;

	ipc_await(1, 1);
	short_wait.attach_timeout_ns = 100 * NSEC_PER_MSEC;
	begin = clock_now();
	RETURNS(stele_publisher_open(region, &short_wait, &publisher), -EBUSY, region);
	cr_expect(clock_now() - begin >= 100 * NSEC_PER_MSEC);
	waiter = ipc_spawn(wait_to_attach, 2);
	UNTIL(ipc_is(waiter, 'S'));
	cr_expect_eq(ipc_stage(2), 0);
	ipc_kill(holder);
	ipc_join(waiter);
	cr_expect_eq(ipc_told(PID), 2);
}

/* ---- files taken away ---- */

Test(ipc_attach, removing_the_publisher_file_lets_no_publisher_in)
{
	pid_t holder = ipc_spawn(hold, 1);
	struct stele_publisher *publisher;
	char path[128];

	ipc_await(1, 1);
	ipc_path(path, ".publisher");
	cr_assert_eq(unlink(path), 0);
	RETURNS(stele_publisher_open(region, &at_once, &publisher), -EBUSY, region);
	RETURNS(stele_region_remove(region), -EBUSY, region);
	cr_expect(access(path, F_OK) < 0, "a refused attach made %s", path);
	/* A foreign file under that name changes nothing either. */
	close(open(path, O_CREAT | O_EXCL | O_RDWR, 0600));
	RETURNS(stele_publisher_open(region, &at_once, &publisher), -EBADMSG, path);
	cr_assert_eq(unlink(path), 0);
	ipc_kill(holder);
	OK(stele_publisher_open(region, &at_once, &publisher));
	cr_expect_eq(ipc_commit(publisher), 3);
	stele_publisher_close(publisher);
}

/* ---- starting again ---- */

static struct stele_commit newest(void)
{
	struct stele_region_info info = {.size = sizeof(info)};

	OK(stele_region_describe(region, &info));
	return info.commit;
}

static void commit_and_hang(unsigned ending)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	struct stele_transaction *tx;

	OK(stele_transaction_begin(publisher, &tx));
	ipc_put(tx, 0, stele_publisher_version(publisher) + 1);
	ipc_put(tx, 7, 7);
	RETURNS(stele_transaction_commit(tx, "the last words", NULL), 1, "");
	/* Also change rows in a transaction that is never committed. */
	OK(stele_transaction_begin(publisher, &tx));
	for (uint32_t i = 0; i < 1000; i++)
		ipc_put(tx, i, 4711);
	ipc_reach(1, 1);
	if (ending == 0) {
		stele_publisher_close(publisher);
		return;
	}
	pause();
}

static void goes_on(unsigned ending)
{
	struct stele_subscriber *subscriber;
	struct stele_publisher *publisher;
	struct stele_commit commit;
	pid_t child;

	stele_publisher_close(ipc_publish(region, NULL));
	subscriber = ipc_subscribe(0, NULL);
	child = ipc_spawn(commit_and_hang, ending);
	if (ending == 0) {
		ipc_join(child);
	} else {
		ipc_await(1, 1);
		ipc_kill(child);
	}
	cr_expect(!ipc_describe(subscriber).publisher_attached);
	publisher = ipc_publish(region, NULL);
	cr_expect(ipc_describe(subscriber).publisher_attached);
	cr_expect_eq(stele_publisher_version(publisher), 2);
	cr_expect_eq(ipc_stats(publisher).recovered_deaths, ending);
	commit = newest();
	cr_expect_eq(commit.version, 2);
	cr_expect_str_eq(commit.message, "the last words");
	cr_expect_eq(commit.pid, (uint32_t)child);
	cr_expect_eq(commit.added, 1);
	cr_expect_eq(commit.changed, 1);
	cr_expect_eq(ipc_read(subscriber), 2);
	for (uint64_t version = 3; version < 300; version++) {
		cr_assert_eq(ipc_commit(publisher), version);
		cr_assert_eq(ipc_read(subscriber), version);
	}
	cr_expect_eq(newest().pid, (uint32_t)getpid());
	stele_publisher_close(publisher);
	stele_subscriber_close(subscriber);
}

Test(ipc_attach, after_a_close_the_next_publisher_continues)
{
	goes_on(0);
}

Test(ipc_attach, after_a_kill_the_next_publisher_continues)
{
	goes_on(1);
}

Test(ipc_attach, create_new_refuses_an_existing_region)
{
	struct stele_publisher_options fresh = {.size = sizeof(fresh), .flags = STELE_CREATE_NEW};
	struct stele_publisher_options existing = {.size = sizeof(existing)};
	struct stele_publisher *publisher;

	RETURNS(stele_publisher_open(region, &existing, &publisher), -ENOENT, "/dev/shm/stele.");
	OK(stele_publisher_open(region, &fresh, &publisher));
	RETURNS(stele_publisher_open(region, &at_once, &(struct stele_publisher *){0}), -EBUSY,
	        region);
	/* The region exists, whether a publisher is attached or not, and the error says so without
	 * waiting. */
	fresh.attach_timeout_ns = 10 * IPC_PATIENCE;
	RETURNS(stele_publisher_open(region, &fresh, &(struct stele_publisher *){0}), -EEXIST,
	        region);
	fresh.attach_timeout_ns = 0;
	stele_publisher_close(publisher);
	RETURNS(stele_publisher_open(region, &fresh, &publisher), -EEXIST, region);
	/* The refusal left the region unchanged and unlocked. */
	OK(stele_publisher_open(region, &existing, &publisher));
	stele_publisher_close(publisher);
	OK(stele_region_remove(region));
	RETURNS(stele_region_remove(region), -ENOENT, region);
	RETURNS(stele_publisher_open(region, &existing, &publisher), -ENOENT, region);
}

/* ---- fork ---- */

/* Uses the handles that it inherited from its parent. */
static struct stele_publisher *parents_publisher;
static struct stele_subscriber *parents_subscriber;
static struct stele_snapshot *parents_snapshot;

static void use_parents_handles(unsigned argument)
{
	struct stele_publisher_stats stats = {.size = sizeof(stats)};
	struct stele_subscriber_state state = {.size = sizeof(state)};
	static const uint8_t key[4];
	struct stele_transaction *tx;
	struct stele_snapshot *snapshot;
	struct stele_table table;
	struct stele_row row;
	uint8_t value[128];
	size_t size = sizeof(value);
	uint64_t version;
	char name[STELE_NAME_MAX + 1] = "";

	(void)argument;
	RETURNS(stele_transaction_begin(parents_publisher, &tx), -ECHILD, "parent");
	RETURNS(stele_publisher_reap(parents_publisher), -ECHILD, "parent");
	RETURNS(stele_publisher_describe(parents_publisher, &stats), -ECHILD, "parent");
	RETURNS(stele_subscriber_version(parents_subscriber, &version), -ECHILD, "parent");
	RETURNS(stele_subscriber_wait(parents_subscriber, 0, STELE_FOREVER, &version), -ECHILD,
	        "parent");
	RETURNS(stele_subscriber_fd(parents_subscriber), -ECHILD, "parent");
	RETURNS(stele_subscriber_applied(parents_subscriber, 1), -ECHILD, "parent");
	RETURNS(stele_subscriber_describe(parents_subscriber, &state), -ECHILD, "parent");
	RETURNS(stele_subscriber_get_copy(parents_subscriber, "rows", NULL, key, 32, value, &size,
	                                  &version),
	        -ECHILD, "parent");
	RETURNS(stele_snapshot_open(parents_subscriber, 0, &snapshot), -ECHILD, "parent");
	RETURNS(stele_snapshot_get(parents_snapshot, "rows", NULL, key, 32, &row), -ECHILD,
	        "parent");
	RETURNS(stele_snapshot_check(parents_snapshot), -ECHILD, "parent");
	RETURNS(stele_snapshot_next_table(parents_snapshot, name), -ECHILD, "parent");
	RETURNS(stele_table_open(parents_snapshot, "rows", NULL, &table), -ECHILD, "parent");
	/* Closing the inherited handles frees this process's copies, and takes nothing from the
	 * parent. */
	stele_snapshot_close(parents_snapshot);
	stele_subscriber_close(parents_subscriber);
	stele_publisher_close(parents_publisher);
	/* Handles that this process opens itself work. */
	parents_subscriber = ipc_subscribe(0, NULL);
	CHECK(ipc_read(parents_subscriber) == 1, "%s", stele_last_error());
	RETURNS(stele_publisher_open(region, &at_once, &parents_publisher), -EBUSY, region);
	stele_subscriber_close(parents_subscriber);
}

static void publish_once(unsigned argument)
{
	(void)argument;
	stele_publisher_close(ipc_publish(region, NULL));
}

static void use_parents_reader(unsigned argument)
{
	uint64_t version;

	(void)argument;
	RETURNS(stele_subscriber_version(parents_subscriber, &version), -ECHILD, "parent");
	RETURNS(stele_snapshot_check(parents_snapshot), -ECHILD, "parent");
	stele_subscriber_close(parents_subscriber);
}

/* This reader holds no lock that would have to be closed in a child. */
Test(ipc_attach, a_reader_without_a_slot_belongs_to_its_process)
{
	ipc_join(ipc_spawn(publish_once, 0));
	parents_subscriber = ipc_subscribe(STELE_UNREGISTERED, NULL);
	OK(stele_snapshot_open(parents_subscriber, 0, &parents_snapshot));
	ipc_join(ipc_spawn(use_parents_reader, 0));
	OK(stele_snapshot_check(parents_snapshot));
	stele_subscriber_close(parents_subscriber);
}

Test(ipc_attach, handles_belong_to_the_process_that_opened_them)
{
	struct stele_region_info info = {.size = sizeof(info)};

	parents_publisher = ipc_publish(region, NULL);
	parents_subscriber = ipc_subscribe(0, "mq");
	OK(stele_snapshot_open(parents_subscriber, 0, &parents_snapshot));
	OK(stele_subscriber_fd(parents_subscriber));
	ipc_join(ipc_spawn(use_parents_handles, 0));
	/* Pin, slot, queue and attachment are unchanged. */
	for (uint64_t version = 2; version < 500; version++)
		cr_assert_eq(ipc_commit(parents_publisher), version);
	OK(stele_snapshot_check(parents_snapshot));
	OK(stele_region_describe(region, &info));
	cr_expect(info.publisher_attached && info.publisher_pid == (uint32_t)getpid());
	cr_expect_eq(info.subscribers, 1);
	cr_expect(ipc_stats(parents_publisher).notices_sent > 0);
	cr_expect_eq(ipc_stats(parents_publisher).notices_failed, 0);
	RETURNS(stele_publisher_reap(parents_publisher), 0, "");
	stele_snapshot_close(parents_snapshot);
	stele_subscriber_close(parents_subscriber);
	stele_publisher_close(parents_publisher);
}

/* A parent with everything open, and a child that outlives it. */
static void parent_of_an_heir(unsigned argument)
{
	pid_t pid;

	(void)argument;
	parents_publisher = ipc_publish(region, NULL);
	parents_subscriber = ipc_subscribe(0, "mq");
	OK(stele_snapshot_open(parents_subscriber, 0, &parents_snapshot));
	pid = fork();
	CHECK(pid >= 0, "%s", strerror(errno));
	if (pid == 0) {
		ipc_tell(PID, (uint64_t)getpid());
		ipc_reach(1, 1);
		ipc_await(1, 2);
		_exit(0);
	}
	pause();
}

Test(ipc_attach, a_child_that_outlives_its_parent_keeps_nothing)
{
	struct stele_region_info info = {.size = sizeof(info)};
	pid_t parent = ipc_spawn(parent_of_an_heir, 0);
	struct stele_publisher *publisher;

	ipc_await(1, 1);
	OK(stele_region_describe(region, &info));
	cr_expect_eq(info.subscribers, 1);
	ipc_kill(parent);
	OK(stele_publisher_open(region, &at_once, &publisher));
	/* Opening the region has reaped the dead subscriber. */
	OK(stele_region_describe(region, &info));
	cr_expect_eq(info.subscribers, 0, "its slot is still taken");
	cr_expect_eq(ipc_stats(publisher).reaped, 1);
	cr_expect_eq(kill((pid_t)ipc_told(PID), 0), 0, "the heir was to be alive all the time");
	ipc_reach(1, 2);
	cr_expect_eq(ipc_commit(publisher), 2);
	stele_publisher_close(publisher);
}
