/* SPDX-License-Identifier: MIT
 *
 * Verifying and saving a region while a publisher commits as fast as it can. Versions that are
 * reclaimed meanwhile are not damage, and a saved file is complete. */
#include "tests/support/ipc/ipc.h"

TestSuite(ipc_verify, .init = ipc_begin, .fini = ipc_end, .timeout = 120);

enum { PUBLISHING = 1, STOPPED };

static void publish_for_ever(unsigned history)
{
	struct stele_publisher_options options = {
		.size = sizeof(options), .flags = STELE_CREATE, .history = history};
	struct stele_publisher *publisher = ipc_publish(region, &options);

	for (unsigned i = 0; i < 100; i++)
		ipc_commit(publisher);
	ipc_reach(0, PUBLISHING);
	for (;;)
		ipc_commit(publisher);
}

static void on_damage(const struct stele_damage *damage, void *context)
{
	(void)context;
	cr_expect(false, "version %llu, table \"%s\", at %llu: %s",
	          (unsigned long long)damage->version, damage->table,
	          (unsigned long long)damage->offset, damage->what);
}

static void look_and_save(unsigned history)
{
	struct stele_verify_options options = {.size = sizeof(options), .found = on_damage};
	struct stele_region_use use = {.size = sizeof(use)};
	char path[64], name[80];
	uint64_t oldest, newest;
	pid_t publisher = ipc_spawn(publish_for_ever, history);
	int r;

	snprintf(path, sizeof(path), "/tmp/%s.saved", region);
	snprintf(name, sizeof(name), "file:%s", path);
	ipc_await(0, PUBLISHING);
	for (unsigned i = 0; i < 30; i++) {
		r = stele_region_verify(region, &options, &use);
		cr_assert(r == 1, "%d: %s", r, stele_last_error());
		cr_assert(use.arena_bytes == use.row_bytes + use.node_bytes + use.other_bytes +
		                                     use.history_bytes + use.pinned_bytes +
		                                     use.slack_bytes + use.free_bytes);
		r = stele_region_save(region, path, STELE_REPLACE, &oldest, &newest);
		cr_assert(r == 0, "%d: %s", r, stele_last_error());
		cr_assert_eq(stele_region_verify(name, &options, &use), 1, "%s",
		             stele_last_error());
		cr_assert(use.version == newest && use.oldest == oldest &&
		          use.versions == newest - oldest + 1);
		cr_assert(use.rows > 0 && use.given_up == 0);
	}
	ipc_kill(publisher);
	/* A region whose publisher died in the middle of a commit is undamaged, too. */
	cr_assert_eq(stele_region_verify(region, &options, &use), 1, "%s", stele_last_error());
	unlink(path);
}

Test(ipc_verify, works_beside_a_publisher_with_a_short_history)
{
	look_and_save(2);
}

Test(ipc_verify, works_beside_a_publisher_with_a_long_history)
{
	look_and_save(500);
}

enum { WALKED = 20000, KEPT = 8 };

static void commit_many(struct stele_publisher *publisher)
{
	struct stele_transaction *tx;

	cr_assert_eq(stele_transaction_begin(publisher, &tx), 0);
	for (unsigned i = 1; i <= WALKED; i++)
		ipc_put(tx, i, i);
	cr_assert_eq(stele_transaction_commit(tx, NULL, NULL), 1);
}

static void overtake(uint64_t objects, void *context)
{
	struct stele_publisher **publisher = context;

	(void)objects;
	for (unsigned i = 0; *publisher && i < 3 * KEPT; i++)
		ipc_commit(*publisher);
	*publisher = NULL;
}

/* The newest version is so large that all others are reclaimed while the survey walks it, except a
 * pinned one. */
Test(ipc_verify, versions_reclaimed_during_the_walk_are_counted)
{
	struct stele_publisher_options options = {
		.size = sizeof(options), .flags = STELE_CREATE, .history = KEPT};
	struct stele_publisher *publisher = ipc_publish(region, &options), *overtaking = publisher;
	struct stele_verify_options looking = {
		.size = sizeof(looking), .progress = overtake, .context = &overtaking};
	struct stele_subscriber *subscriber = ipc_subscribe(0, "futex");
	struct stele_region_use before = {.size = sizeof(before)}, use = {.size = sizeof(use)};
	struct stele_snapshot *older, *newest;

	commit_many(publisher);
	for (unsigned i = 0; i < 2 * KEPT; i++) {
		ipc_commit(publisher);
		if (i == 2 * KEPT - 4)
			cr_assert_eq(stele_snapshot_open(subscriber, 0, &older), 0);
	}
	cr_assert_eq(stele_snapshot_open(subscriber, 0, &newest), 0);
	cr_assert_eq(stele_region_verify(region, NULL, &before), 1);
	cr_assert(before.given_up == 0 && before.versions >= KEPT && before.pinned_versions == 0);
	cr_assert_eq(stele_region_verify(region, &looking, &use), 1, "%s", stele_last_error());
	cr_assert_null(overtaking, "the walk was too short");
	cr_expect(use.version == before.version && use.oldest == use.version);
	cr_expect(use.versions == 1 && use.pinned_versions == 1, "%llu %llu",
	          (unsigned long long)use.versions, (unsigned long long)use.pinned_versions);
	cr_expect_eq(use.given_up, before.versions - 2, "%llu of %llu",
	             (unsigned long long)use.given_up, (unsigned long long)before.versions);
	stele_snapshot_close(older);
	stele_snapshot_close(newest);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

Test(ipc_verify, a_pin_below_history_is_counted_for_its_subscriber)
{
	struct stele_publisher_options options = {
		.size = sizeof(options), .flags = STELE_CREATE, .history = 2};
	struct stele_publisher *publisher = ipc_publish(region, &options);
	struct stele_subscriber *subscriber = ipc_subscribe(0, "futex");
	struct stele_region_use use = {.size = sizeof(use)};
	struct stele_snapshot *snapshot;

	cr_assert_eq(stele_snapshot_open(subscriber, 0, &snapshot), 0);
	for (unsigned i = 0; i < 100; i++)
		ipc_commit(publisher);
	cr_assert_eq(stele_region_verify(region, NULL, &use), 1);
	cr_expect_eq(use.pinned_versions, 1);
	cr_expect_gt(use.pinned_bytes, 0);
	stele_snapshot_close(snapshot);
	for (unsigned i = 0; i < 100; i++)
		ipc_commit(publisher);
	cr_assert_eq(stele_region_verify(region, NULL, &use), 1);
	cr_expect_eq(use.pinned_versions, 0);
	cr_expect_eq(use.pinned_bytes, 0);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

static void listed(const struct stele_subscriber_info *info, void *context)
{
	*(struct stele_subscriber_info *)context = *info;
}

Test(ipc_verify, a_subscriber_is_listed_with_its_lag_and_its_notices)
{
	struct stele_publisher_options options = {
		.size = sizeof(options), .flags = STELE_CREATE, .history = 2};
	struct stele_publisher *publisher = ipc_publish(region, &options);
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	struct stele_subscriber_info info = {0};
	struct stele_snapshot *snapshot;
	uint64_t version, first;

	cr_assert_eq(stele_snapshot_open(subscriber, 0, &snapshot), 0);
	first = stele_snapshot_version(snapshot);
	cr_assert_geq(stele_subscriber_fd(subscriber), 0);
	cr_assert_eq(stele_region_subscribers(region, listed, &info), 1, "%s", stele_last_error());
	cr_expect(info.waiting && info.behind == 0 && info.behind_since == 0);
	for (unsigned i = 0; i < 100; i++)
		version = ipc_commit(publisher);
	cr_assert_eq(stele_region_subscribers(region, listed, &info), 1, "%s", stele_last_error());
	cr_expect(info.alive && info.pid == (uint32_t)getpid());
	/* The subscriber has seen only its first version; an armed ticket does not mean that it
	 * waits. */
	cr_expect(info.behind_since > 0 && info.behind_longer && !info.waiting);
	cr_expect(info.seen == first && info.behind == version - first);
	cr_expect(info.pinned[0] == first && info.pinned[1] == 0 && info.pinned_bytes > 0);
	cr_expect(info.queued == 1 && info.user == getuid());
	cr_expect(info.counted && info.sent == 1 && info.coalesced == 99 && info.dropped == 0,
	          "%llu %llu", (unsigned long long)info.sent, (unsigned long long)info.coalesced);
	stele_snapshot_close(snapshot);
	stele_subscriber_close(subscriber);
	cr_expect_eq(stele_region_subscribers(region, listed, &info), 0);
	stele_publisher_close(publisher);
}

/* A process that may write the file may write anything into it. */
Test(ipc_verify, slots_with_arbitrary_contents_are_listed)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	struct stele_subscriber_info info = {0};
	unsigned char bytes[256 + 64 * 256];
	uint64_t random = 7;
	char path[128];
	int fd, r;

	ipc_path(path, ".subscribers");
	fd = open(path, O_RDWR | O_CLOEXEC);
	cr_assert_geq(fd, 0);
	for (unsigned round = 0; round < 200; round++) {
		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = (unsigned char)(random = ipc_mix(random + i));
		/* A file with unknown features would be refused as a whole. */
		memset(bytes + offsetof(struct layout_subscribers_header, incompatible), 0, 4);
		for (unsigned i = 0; i < 64; i++)
			memcpy(bytes + 256 + i * 256, &(uint32_t){LAYOUT_SLOT_TAKEN}, 4);
		cr_assert_eq(pwrite(fd, bytes + 32, sizeof(bytes) - 32, 32),
		             (ssize_t)sizeof(bytes) - 32);
		r = stele_region_subscribers(region, listed, &info);
		cr_assert_geq(r, 0, "%s", stele_last_error());
		cr_expect(!info.alive);
	}
	cr_assert_eq(ftruncate(fd, 300), 0);
	r = stele_region_subscribers(region, listed, &info);
	cr_expect(r == 0 || r == -EBADMSG, "%d", r);
	close(fd);
	stele_publisher_close(publisher);
}

/* The subscriber's descriptor is in an event loop that is busy with something else. */
Test(ipc_verify, a_subscriber_that_does_not_check_is_not_waiting)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	struct stele_subscriber_info info = {0};
	uint64_t version;

	cr_assert_eq(stele_subscriber_wait(subscriber, 0, 0, &version), 1, "%s",
	             stele_last_error());
	cr_assert_geq(stele_subscriber_fd(subscriber), 0);
	ipc_commit(publisher);
	UNTIL(stele_region_subscribers(region, listed, &info) == 1 && !info.waiting);
	cr_expect(info.behind == 1 && info.behind_since > 0 && !info.behind_longer);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}
