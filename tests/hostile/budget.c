/* SPDX-License-Identifier: MIT
 *
 * The limits in bytes on history, and on the memory that pins keep below history. The limit on
 * pins also holds while a process writes arbitrary values into the slots. */
#include "tests/support/ipc/model.h"

TestSuite(hostile_budget, .init = ipc_begin, .fini = ipc_end, .timeout = 120);

#define MANY  500u
#define VALUE sizeof(struct ipc_value)

static struct stele_publisher *publish(uint32_t history, uint64_t history_bytes,
                                       uint64_t pinned_bytes)
{
	struct stele_publisher_options options = {
		.size = sizeof(options),
		.flags = STELE_CREATE,
		.history = history,
		.history_bytes = history_bytes,
		.pinned_bytes = pinned_bytes,
	};

	return ipc_publish(region, &options);
}

/* Commits a version that changes `count` rows, starting with row `first`. */
static uint64_t commit_some(struct stele_publisher *publisher, uint32_t first, uint32_t count)
{
	uint64_t next = stele_publisher_version(publisher) + 1;
	struct stele_transaction *tx;

	OK(stele_transaction_begin(publisher, &tx));
	for (uint32_t id = first; id < first + count; id++)
		ipc_put(tx, id, next);
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	return next;
}

static uint64_t versions_held(void)
{
	struct stele_region_info info = {.size = sizeof(info)};

	OK(stele_region_describe(region, &info));
	return info.version - info.oldest + 1;
}

/* ---- history ---- */

Test(hostile_budget, history_keeps_to_its_limit_in_bytes)
{
	uint64_t limit = 100 * VALUE, most = 0, least = UINT64_MAX;
	struct stele_publisher *publisher = publish(64, limit, 0);
	struct stele_region_info info = {.size = sizeof(info)};

	OK(stele_region_describe(region, &info));
	cr_expect_eq(info.history_bytes, limit);
	commit_some(publisher, 0, MANY);
	for (unsigned i = 0; i < 400; i++) {
		uint64_t used, held;
		commit_some(publisher, i % MANY, 1 + i % 7);
		/* A new file has the same limit. */
		if (i == 100)
			OK(stele_publisher_compact(publisher));
		used = ipc_stats(publisher).history_used;
		held = versions_held();
		cr_assert(used <= limit, "%llu bytes", (unsigned long long)used);
		most = used > most ? used : most;
		least = held < least ? held : least;
	}
	/* History uses most of its limit, and holds more than the minimum number of versions. */
	cr_expect(most > limit * 3 / 4, "at most %llu of %llu bytes", (unsigned long long)most,
	          (unsigned long long)limit);
	cr_expect(least > 2 && least < 64, "at least %llu versions", (unsigned long long)least);
	/* A change larger than the limit leaves one version before it in history. */
	commit_some(publisher, 0, MANY);
	cr_expect_eq(versions_held(), 2);
	cr_expect_gt(ipc_stats(publisher).history_used, limit);
	/* The next publisher measures the history that it finds, and keeps to the same limit. */
	commit_some(publisher, 0, 1);
	limit = ipc_stats(publisher).history_used;
	stele_publisher_close(publisher);
	publisher = ipc_attach(region, NULL);
	cr_expect_eq(ipc_stats(publisher).history_used, limit);
	for (unsigned i = 0; i < 50; i++)
		commit_some(publisher, i, 5);
	cr_expect_leq(ipc_stats(publisher).history_used, 100 * VALUE);
	stele_publisher_close(publisher);
}

/* Memory that a pin also keeps can't be freed by shortening history, so history is not shortened
 * for it. */
Test(hostile_budget, pins_below_history_are_not_history)
{
	struct stele_publisher *publisher = publish(16, 450 * VALUE, 0);
	struct stele_subscriber *subscriber = ipc_subscribe(0, "futex");
	struct stele_snapshot *snapshot;
	uint64_t pinned;

	commit_some(publisher, 0, MANY);
	OK(stele_snapshot_open(subscriber, 0, &snapshot));
	for (unsigned i = 0; i < 100; i++)
		ipc_commit(publisher);
	/* Every row is replaced, and the pin keeps the old ones. History keeps both versions. */
	commit_some(publisher, 0, MANY);
	cr_expect_lt(ipc_stats(publisher).history_used, 450 * VALUE);
	cr_expect_geq(versions_held(), 16);
	for (unsigned i = 0; i < 100; i++)
		ipc_commit(publisher);
	pinned = ipc_stats(publisher).pinned_used;
	cr_expect(pinned > MANY * VALUE && pinned < 2 * MANY * VALUE, "%llu bytes",
	          (unsigned long long)pinned);
	OK(stele_snapshot_check(snapshot));
	stele_snapshot_close(snapshot);
	for (unsigned i = 0; i < 100; i++)
		ipc_commit(publisher);
	cr_expect_eq(ipc_stats(publisher).pinned_used, 0);
	cr_expect_eq(ipc_stats(publisher).pins_revoked, 0);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

/* ---- pins ---- */

Test(hostile_budget, the_oldest_pins_are_revoked_first)
{
	uint64_t limit = 3 * MANY * VALUE;
	struct stele_publisher *publisher = publish(4, 0, limit);
	struct stele_subscriber *subscriber = ipc_subscribe(0, "futex");
	struct stele_snapshot *snapshots[6];
	struct stele_publisher_stats stats;

	for (unsigned i = 0; i < 6; i++) {
		commit_some(publisher, 0, MANY);
		OK(stele_snapshot_open(subscriber, 0, &snapshots[i]));
	}
	for (unsigned i = 0; i < 100; i++) {
		commit_some(publisher, 0, 1);
		stats = ipc_stats(publisher);
		cr_assert(stats.pinned_used <= limit, "%llu bytes",
		          (unsigned long long)stats.pinned_used);
	}
	/* Each pin but the newest keeps a little more than the rows' values, so the limit allows
	 * two such pins. */
	cr_assert_eq(stats.pins_revoked, 3, "%llu revoked", (unsigned long long)stats.pins_revoked);
	for (unsigned i = 0; i < 6; i++)
		RETURNS(stele_snapshot_check(snapshots[i]), i < 3 ? -ESTALE : 0, "no longer held");
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

enum { STOP, STARTED }; /* stages */

/* Pins every version in every slot, again and again. */
static void ask_for_all(unsigned argument)
{
	struct stele_subscriber *subscriber = ipc_subscribe(STELE_UNREGISTERED, NULL);
	struct layout_slot *slot;
	char path[128];
	int fd;

	(void)argument;
	ipc_path(path, ".subscribers");
	fd = open(path, O_RDWR | O_CLOEXEC);
	CHECK(fd >= 0, "%s", strerror(errno));
	slot = mmap(NULL, sizeof(struct layout_subscribers_header) + 64 * sizeof(*slot),
	            PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(slot != MAP_FAILED, "%s", strerror(errno));
	((struct layout_subscribers_header *)slot)->slots_used = 64;
	slot = (struct layout_slot *)((char *)slot + sizeof(struct layout_subscribers_header));
	while (ipc_stage(STOP) == 0) {
		uint64_t version;
		OK(stele_subscriber_version(subscriber, &version));
		/* Slots 1 to 63 pin the 504 newest versions. */
		for (unsigned i = 0; i < 63 * LAYOUT_PINS; i++)
			if (version > i)
				__atomic_store_n(&slot[1 + (version - i) / LAYOUT_PINS % 63]
				                          .pins[(version - i) % LAYOUT_PINS],
				                 version - i, __ATOMIC_RELAXED);
		ipc_reach(STARTED, ipc_stage(STARTED) + 1);
	}
}

Test(hostile_budget, a_hostile_slot_writer_keeps_no_more_than_the_limit)
{
	uint64_t limit = 2 * MANY * VALUE, most = 0, arena = 0, warm = 0;
	unsigned last = 2000;
	struct stele_publisher *publisher = publish(4, 0, limit);
	struct stele_subscriber *subscriber = ipc_subscribe(0, "futex");
	int64_t until = clock_now() + IPC_PATIENCE;
	pid_t child;

	commit_some(publisher, 0, MANY);
	child = ipc_spawn(ask_for_all, 0);
	ipc_await(STARTED, 1);
	for (unsigned i = 0; i < last; i++) {
		struct stele_publisher_stats stats;
		commit_some(publisher, i * 50 % MANY, 50);
		stats = ipc_stats(publisher);
		cr_assert(stats.pinned_used <= limit, "%llu bytes",
		          (unsigned long long)stats.pinned_used);
		most = stats.pinned_used > most ? stats.pinned_used : most;
		arena = stats.arena_size;
		/* Pins are being revoked by now, so measure from here. */
		if (warm == 0 && i >= 200 && stats.pins_revoked > 0) {
			warm = arena;
			last = i + 2000;
		} else if (warm == 0) {
			last = i + 2;
			cr_assert(clock_now() < until, "no pin is revoked");
		}
	}
	cr_expect(most > limit / 2, "only %llu bytes were kept", (unsigned long long)most);
	cr_expect(arena <= warm * 3 / 2, "from %llu to %llu bytes", (unsigned long long)warm,
	          (unsigned long long)arena);
	ipc_reach(STOP, 1);
	ipc_join(child);
	/* Meanwhile an honest subscriber can read. */
	ipc_commit(publisher);
	cr_expect_eq(ipc_read(subscriber), stele_publisher_version(publisher));
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}
