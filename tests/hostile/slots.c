/* SPDX-License-Identifier: MIT
 *
 * The subscribers file under attack: every user who may read a region may write and truncate that
 * file. The attack may cost pins and notices, but never data, a process, or another subscriber's
 * slot. */
#include "tests/support/ipc/model.h"

TestSuite(hostile_slots, .init = ipc_begin, .fini = ipc_end, .timeout = 120);

#define SEED    7077u
#define READERS 3u
enum { STOP, STARTED };     /* stages; STARTED is reached once by each process */
enum { PASSES, STALE = 8 }; /* counters; PASSES has one for each reader */

/* Reads in every way. Whatever is not stale must be right. */
static void read_on(unsigned who)
{
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	struct stele_snapshot *snapshot;
	struct ipc_value value;
	uint64_t seen = 0, version = 0;
	static struct model model;
	static const uint8_t key[4];
	size_t size;
	int r;

	ipc_reach(STARTED + who, 1);
	while (ipc_stage(STOP) == 0) {
		r = stele_subscriber_wait(subscriber, seen, clock_now() + 5 * NSEC_PER_MSEC,
		                          &version);
		OK(r);
		CHECK(r == 0 || version > seen, "%llu after %llu", (unsigned long long)version,
		      (unsigned long long)seen);
		size = sizeof(value);
		r = stele_subscriber_get_copy(subscriber, "rows", NULL, key, 32, &value, &size,
		                              &version);
		CHECK(r == 1 || r == -ETIME, "%d: %s", r, stele_last_error());
		CHECK(r != 1 || (value.number == version && ipc_whole(&value, 0)), "wrong at %llu",
		      (unsigned long long)version);
		r = stele_snapshot_open(subscriber, 0, &snapshot);
		CHECK(r == 0 || r == -ETIME, "%d: %s", r, stele_last_error());
		if (r < 0)
			continue;
		seen = stele_snapshot_version(snapshot);
		model_reach(&model, seen);
		for (int i = 0; i < 10 && r == 0; i++)
			r = model_compare(snapshot, &model);
		if (r == 0)
			ipc_tell(PASSES + who, ipc_told(PASSES + who) + 1);
		else
			ipc_tell(STALE + who, ipc_told(STALE + who) + 1);
		stele_snapshot_close(snapshot);
	}
	stele_subscriber_close(subscriber);
}

/* Writes random words everywhere, also in each new file. It uses pwrite(2), which does not fault if
 * the file is truncated. */
static void scribble(unsigned argument)
{
	uint64_t random = SEED;

	ipc_reach(STARTED + argument, 1);
	while (ipc_stage(STOP) == 0) {
		struct stat status;
		int fd = ipc_open_subscribers();
		if (fd < 0)
			continue;
		if (fstat(fd, &status) < 0 || status.st_size < 64)
			status.st_size = 64;
		for (int i = 0; i < 2000; i++) {
			uint64_t offset, word;
			random = ipc_mix(random + 1);
			offset = random % (uint64_t)status.st_size & ~(uint64_t)7;
			random = ipc_mix(random + 1);
			/* Plausible numbers do more harm than wild ones. */
			word = random % 3 == 0   ? random
			       : random % 3 == 1 ? random % 64
			                         : UINT64_MAX;
			CHECK(pwrite(fd, &word, sizeof(word), (off_t)offset) == sizeof(word), "%s",
			      strerror(errno));
		}
		close(fd);
	}
}

static void truncate_now_and_then(unsigned argument)
{
	uint64_t random = SEED;

	ipc_reach(STARTED + argument, 1);
	while (ipc_stage(STOP) == 0) {
		struct stat status;
		int fd = ipc_open_subscribers();
		if (fd < 0)
			continue;
		random = ipc_mix(random + 1);
		if (fstat(fd, &status) == 0)
			/* Truncates to nothing, so that every access faults, or to any size. */
			CHECK(ftruncate(fd, random % 4 == 0 ? 0 : (off_t)(random % 20000)) == 0,
			      "%s", strerror(errno));
		close(fd);
		sched_yield();
	}
}

static void take_locks(unsigned argument)
{
	int fd = ipc_open_subscribers(), taken = 0;

	CHECK(fd >= 0, "%s", strerror(errno));
	/* Locks all bytes but those that their owners have locked. */
	for (off_t byte = 0; byte < 300000; byte++) {
		struct flock lock = {
			.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
		taken += fcntl(fd, F_OFD_SETLK, &lock) == 0;
	}
	CHECK(taken > 250000, "only %d", taken);
	ipc_reach(STARTED + argument, 1);
	ipc_await(STOP, 1);
}

/* Checks the promises after an attack: a slot, notices and pins are available again. */
static void expect_recovery(struct stele_publisher *publisher)
{
	struct stele_subscriber *subscriber = NULL;
	int64_t until = clock_now() + IPC_PATIENCE;
	struct stele_snapshot *snapshot;
	struct model model = {0};
	uint64_t version;

	for (;;) {
		model_commit(publisher);
		subscriber = ipc_subscribe(0, NULL);
		if (ipc_describe(subscriber).registered)
			break;
		CHECK(clock_now() < until, "no subscriber can register any more: %s",
		      ipc_describe(subscriber).reason);
		stele_subscriber_close(subscriber);
	}
	OK(stele_snapshot_open(subscriber, 0, &snapshot));
	version = stele_snapshot_version(snapshot);
	model_reach(&model, version);
	for (int i = 0; i < 300; i++)
		model_commit(publisher);
	cr_expect_eq(model_compare(snapshot, &model), 0,
	             "the pin of a new subscriber was not honoured");
	RETURNS(stele_subscriber_wait(subscriber, version, 0, &version), 1, "");
	cr_expect_eq(version, stele_publisher_version(publisher));
	OK(stele_subscriber_applied(subscriber, version));
	stele_snapshot_close(snapshot);
	stele_subscriber_close(subscriber);
}

/* Returns the number of snapshots that were read completely. */
static uint64_t passes(void)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < READERS; i++)
		sum += ipc_told(PASSES + i);
	return sum;
}

/* Runs the publisher and readers during an attack, at least for a while, and until a snapshot was
 * read completely. */
static void attacked(void (*attack)(unsigned))
{
	struct stele_publisher *publisher = ipc_publish_history(16);
	pid_t readers[READERS], attacker;
	int64_t begin = clock_now();

	for (unsigned i = 0; i < READERS; i++)
		readers[i] = ipc_spawn(read_on, i);
	for (unsigned i = 0; i < READERS; i++)
		ipc_await(STARTED + i, 1);
	attacker = ipc_spawn(attack, READERS);
	ipc_await(STARTED + READERS, 1);
	while (clock_now() < begin + 1500 * NSEC_PER_MSEC || passes() == 0) {
		CHECK(clock_now() < begin + IPC_PATIENCE,
		      "no snapshot is read whole, %llu went stale (seed %u)",
		      (unsigned long long)(ipc_told(STALE) + ipc_told(STALE + 1) +
		                           ipc_told(STALE + 2)),
		      SEED);
		model_commit(publisher);
		if (stele_publisher_version(publisher) % 64 == 0)
			OK(stele_publisher_reap(publisher));
	}
	ipc_reach(STOP, 1);
	ipc_join(attacker);
	for (unsigned i = 0; i < READERS; i++)
		ipc_join(readers[i]);
	expect_recovery(publisher);
	stele_publisher_close(publisher);
}

Test(hostile_slots, scribbling_over_the_subscribers_file_harms_no_data)
{
	attacked(scribble);
}

Test(hostile_slots, truncating_the_subscribers_file_harms_no_data)
{
	attacked(truncate_now_and_then);
}

Test(hostile_slots, locking_the_entire_subscribers_file_harms_no_data)
{
	attacked(take_locks);
}

/* The file is cut within its first page, where reads do not fault. */
Test(hostile_slots, a_subscribers_file_cut_in_its_header_is_recreated)
{
	struct stele_publisher *publisher = ipc_publish_history(16);
	int64_t until = clock_now() + IPC_PATIENCE;
	bool registered = false;
	int fd = ipc_open_subscribers();

	cr_assert(fd >= 0 && ftruncate(fd, 162) == 0);
	close(fd);
	while (!registered) {
		struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
		CHECK(clock_now() < until, "%s", ipc_describe(subscriber).reason);
		registered = ipc_describe(subscriber).registered;
		stele_subscriber_close(subscriber);
		ipc_commit(publisher);
	}
	stele_publisher_close(publisher);
}

/* Every slot gets a state that does not exist. Such slots are reaped like those of dead
 * subscribers. */
Test(hostile_slots, slots_in_an_invalid_state_are_reaped)
{
	struct stele_publisher *publisher = ipc_publish_history(16);
	struct stele_region_info info = {.size = sizeof(info)};
	struct stele_subscriber *subscriber;
	struct layout_slot slots[64];
	unsigned count = ipc_slots(slots, 64);
	int fd = ipc_open_subscribers();
	uint64_t used = count;

	cr_assert(fd >= 0 && count == 64);
	for (unsigned i = 0; i < count; i++) {
		memset(&slots[i], (int)(i + 2), sizeof(slots[i]));
		slots[i].ticket &= ~UINT64_C(1);
	}
	cr_assert(pwrite(fd, slots, sizeof(slots), sizeof(struct layout_subscribers_header)) ==
	          sizeof(slots));
	cr_assert(pwrite(fd, &used, sizeof(used),
	                 offsetof(struct layout_subscribers_header, slots_used)) == sizeof(used));
	close(fd);
	OK(stele_publisher_reap(publisher));
	subscriber = ipc_subscribe(0, NULL);
	cr_expect(ipc_describe(subscriber).registered);
	OK(stele_region_describe(region, &info));
	cr_expect_eq(info.subscriber_slots, 64, "the file grew to %u slots", info.subscriber_slots);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

/* A forged slot bears the uuid of another subscriber's queue. The other subscriber keeps its
 * queue. */
Test(hostile_slots, a_forged_dead_slot_takes_no_other_subscriber_s_queue)
{
	struct stele_publisher *publisher = ipc_publish_history(16);
	struct stele_subscriber *subscriber = ipc_subscribe(0, "mq");
	struct stele_publisher_stats before;
	struct layout_slot slots[64];
	int fd = ipc_open_subscribers();
	uint64_t used = 2, version;

	cr_assert(fd >= 0 && ipc_slots(slots, 64) == 64 && slots[0].state == LAYOUT_SLOT_TAKEN);
	cr_assert(pwrite(fd, &slots[0], sizeof(slots[0]),
	                 sizeof(struct layout_subscribers_header) + sizeof(slots[0])) ==
	          sizeof(slots[0]));
	cr_assert(pwrite(fd, &used, sizeof(used),
	                 offsetof(struct layout_subscribers_header, slots_used)) == sizeof(used));
	close(fd);
	OK(stele_publisher_reap(publisher));
	before = ipc_stats(publisher);
	cr_expect_eq(before.reaped, 1, "the forged slot was to be cleared");
	OK(stele_subscriber_fd(subscriber)); /* arms the ticket */
	model_commit(publisher);
	cr_expect_eq(ipc_stats(publisher).notices_sent, before.notices_sent + 1);
	cr_expect_eq(ipc_stats(publisher).notices_failed, before.notices_failed);
	RETURNS(stele_subscriber_wait(subscriber, 1, 0, &version), 1, "");
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

/* Keeps waiting, and reports whether it is registered. */
static void hold_and_wait(unsigned argument)
{
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	uint64_t version = 1;

	(void)argument;
	while (ipc_stage(STOP) == 0) {
		OK(stele_subscriber_wait(subscriber, version, clock_now() + 20 * NSEC_PER_MSEC,
		                         &version));
		ipc_reach(STARTED, ipc_describe(subscriber).registered ? 1 : 2);
	}
	CHECK(ipc_describe(subscriber).reason[0] == '\0', "%s", ipc_describe(subscriber).reason);
	stele_subscriber_close(subscriber);
}

/* Waits once, by notices alone. */
static void wait_once(unsigned notifier)
{
	static const char *const names[] = {"mq", "futex", "socket", "fifo", "semaphore"};
	struct stele_subscriber *subscriber = ipc_subscribe(0, names[notifier]);
	uint64_t version;

	ipc_reach(STARTED, 1);
	RETURNS(stele_subscriber_wait(subscriber, 1, STELE_FOREVER, &version), 1, "");
	CHECK(ipc_describe(subscriber).registered, "%s", ipc_describe(subscriber).reason);
	stele_subscriber_close(subscriber);
}

/* The publisher replaces a subscribers file whose header was overwritten, and notifies those who
 * wait with a slot of the old file, although it does not know them any more. */
Test(hostile_slots, a_replaced_subscribers_file_holds_up_nobody)
{
	struct stele_publisher *publisher;
	char path[128];
	pid_t child;
	int fd;

	ipc_only_notices();
	for (unsigned notifier = 0; notifier < 5; notifier++) {
		memset(shared->stage, 0, sizeof(shared->stage));
		publisher = ipc_publish_history(16);
		child = ipc_spawn(wait_once, notifier);
		ipc_await(STARTED, 1);
		UNTIL(ipc_is(child, 'S'));
		/* Publisher and subscriber check their files once a second. */
		nanosleep(&(struct timespec){.tv_sec = 1, .tv_nsec = 100 * NSEC_PER_MSEC}, NULL);
		ipc_path(path, ".subscribers");
		cr_assert_geq(fd = open(path, O_WRONLY | O_CLOEXEC), 0, "%s", strerror(errno));
		cr_assert_eq(pwrite(fd, "scribble", 8, 0), 8);
		close(fd);
		model_commit(publisher);
		ipc_join(child);
		stele_publisher_close(publisher);
		OK(stele_region_remove(region));
	}
}

/* The publisher recreates a removed subscribers file. Subscribers that waited on the old file find
 * the new one, also those that looked for it before a publisher could create it. */
static void made_again(bool with_publisher)
{
	struct stele_publisher *publisher = ipc_publish_history(16);
	pid_t child = ipc_spawn(hold_and_wait, 0);
	int64_t until = clock_now() + IPC_PATIENCE;
	struct stat before, after;
	char path[128], gone[128];

	ipc_await(STARTED, 1);
	if (!with_publisher)
		stele_publisher_close(publisher);
	ipc_path(path, ".subscribers");
	cr_assert_eq(stat(path, &before), 0);
	ipc_path(gone, "-gone");
	cr_assert_eq(rename(path, gone), 0);
	if (!with_publisher) {
		ipc_await(STARTED, 2);
		publisher = ipc_publish_history(16);
	}
	while (stat(path, &after) < 0 || after.st_ino == before.st_ino || ipc_registered() == 0) {
		model_commit(publisher);
		CHECK(clock_now() < until, "no subscriber registered in a new file");
	}
	UNTIL(ipc_stage(STARTED) == 1);
	ipc_reach(STOP, 1);
	ipc_join(child);
	expect_recovery(publisher);
	stele_publisher_close(publisher);
}

Test(hostile_slots, a_removed_subscribers_file_is_recreated)
{
	made_again(true);
}

Test(hostile_slots, a_removed_subscribers_file_is_waited_for)
{
	made_again(false);
}
