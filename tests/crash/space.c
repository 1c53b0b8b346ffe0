/* SPDX-License-Identifier: MIT
 *
 * Lack of space: a small file system under /dev/shm that fills up, one without inodes, and a region
 * at its maximum. What does not fit is refused with an error message, and what was there stays
 * unchanged. The file systems are mounted in a mount namespace of this test, which needs root. */
#include "tests/support/crash/bank.h"
#include "tests/support/crash/crash.h"

#include <sched.h>
#include <sys/mount.h>

static const struct stele_column blob_columns[] = {
	STELE_KEY("id", STELE_U32),
	{.name = "bytes", .type = STELE_BYTES},
};
static const struct stele_schema blob_schema = {.columns = blob_columns, .column_count = 2};

/* A test that Criterion started is a child process already, and its namespace ends with it. */
static void small_shm(const char *options)
{
	if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0)
		crash_skip("mounting takes root");
	cr_assert_eq(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), 0, "%s", strerror(errno));
	if (mount("tmpfs", "/dev/shm", "tmpfs", 0, options) < 0)
		crash_skip("no tmpfs can be mounted");
}

static int put_blob(struct stele_transaction *tx, uint32_t id, size_t size)
{
	static unsigned char value[1 << 17];
	uint32_t key = htonl(id);

	memset(value, (int)id, size);
	return stele_transaction_put(tx, "blobs", &key, 32, value, size);
}

/* Checks that the newest version has exactly the blobs from `first` to `last`, each undamaged. */
static void assert_blobs(const char *region, uint32_t first, uint32_t last, size_t size)
{
	struct stele_subscriber *subscriber = crash_subscriber(region, false);
	struct stele_snapshot *snapshot;
	struct stele_table table;

	cr_assert_eq(stele_snapshot_open(subscriber, 0, &snapshot), 0, "%s", stele_last_error());
	cr_assert_eq(stele_table_open(snapshot, "blobs", &blob_schema, &table), 0, "%s",
	             stele_last_error());
	cr_assert_eq(stele_table_rows(&table), last - first + 1);
	for (uint32_t id = first; id <= last; id++) {
		uint32_t key = htonl(id);
		struct stele_row row;
		cr_assert_eq(stele_table_get(&table, &key, 32, &row), 1);
		cr_assert_eq(row.value_size, size);
		for (size_t i = 0; i < size; i++)
			cr_assert_eq(((const unsigned char *)row.value)[i], id & 0xff);
	}
	stele_subscriber_close(subscriber);
}

static struct stele_transaction *begin(struct stele_publisher *publisher)
{
	struct stele_transaction *tx = NULL;

	cr_assert_eq(stele_transaction_begin(publisher, &tx), 0, "%s", stele_last_error());
	return tx;
}

static int commit(struct stele_transaction *tx)
{
	return stele_transaction_commit(tx, NULL, NULL);
}

static void say_size(const char *region)
{
	cr_assert_not_null(strstr(stele_last_error(), "bytes"), "\"%s\"", stele_last_error());
	cr_assert_not_null(strstr(stele_last_error(), region), "\"%s\"", stele_last_error());
}

/* Adds blobs, one a version, until none fits. Returns the last one that was added. */
static uint32_t fill(struct stele_publisher *publisher, const char *region, uint32_t first,
                     size_t size)
{
	for (uint32_t id = first;; id++) {
		struct stele_transaction *tx = begin(publisher);
		uint64_t version = stele_publisher_version(publisher);
		int r = put_blob(tx, id, size);
		cr_assert_lt(id, 100000);
		if (r == -ENOSPC) {
			say_size(region);
			stele_transaction_abort(tx);
		} else {
			cr_assert_eq(r, 1, "%s", stele_last_error());
			r = commit(tx);
		}
		if (r == 1)
			continue;
		cr_assert_eq(r, -ENOSPC, "%s", stele_last_error());
		cr_assert_eq(stele_publisher_version(publisher), version);
		return id - 1;
	}
}

static void delete_blob(struct stele_publisher *publisher, uint32_t id)
{
	struct stele_transaction *tx = begin(publisher);
	uint32_t key = htonl(id);

	cr_assert_eq(stele_transaction_delete(tx, "blobs", &key, 32), 1, "%s", stele_last_error());
	cr_assert_eq(commit(tx), 1, "%s", stele_last_error());
}

static void fill_and_go_on(const char *region, struct stele_publisher *publisher, size_t size)
{
	struct stele_transaction *tx = begin(publisher);
	uint64_t used, again;
	uint32_t last;

	cr_assert_eq(stele_transaction_create_table(tx, "blobs", &blob_schema), 0, "%s",
	             stele_last_error());
	cr_assert_eq(put_blob(tx, 1, size), 1, "%s", stele_last_error());
	cr_assert_eq(commit(tx), 1, "%s", stele_last_error());
	last = fill(publisher, region, 2, size);
	cr_assert_gt(last, 4);
	assert_blobs(region, 1, last, size);
	/* Further attempts in a full region fail as well, and use no memory. */
	used = crash_used(publisher, NULL);
	for (unsigned i = 0; i < 20; i++) {
		tx = begin(publisher);
		cr_assert_eq(put_blob(tx, last + 1, size), -ENOSPC);
		stele_transaction_abort(tx);
	}
	again = crash_used(publisher, NULL);
	cr_assert_eq(again, used, "%llu bytes in use, then %llu", (unsigned long long)used,
	             (unsigned long long)again);
	/* At least two versions are kept, so the memory of deleted rows is free two versions
	 * later. */
	for (uint32_t id = 1; id <= 3; id++)
		delete_blob(publisher, id);
	tx = begin(publisher);
	cr_assert_eq(put_blob(tx, last + 1, size), 1, "%s", stele_last_error());
	cr_assert_eq(commit(tx), 1, "%s", stele_last_error());
	assert_blobs(region, 4, last + 1, size);
	stele_publisher_close(publisher);
	/* A new publisher can also work in the full region. */
	publisher = crash_publisher(region, 0, 0);
	for (uint32_t id = 4; id <= 6; id++)
		delete_blob(publisher, id);
	tx = begin(publisher);
	cr_assert_eq(put_blob(tx, last + 2, size), 1, "%s", stele_last_error());
	cr_assert_eq(commit(tx), 1, "%s", stele_last_error());
	stele_publisher_close(publisher);
	assert_blobs(region, 7, last + 2, size);
}

Test(crash_space, crash_12_a_file_system_that_fills_up_refuses_rows, .fini = crash_clean)
{
	small_shm("size=1m");
	fill_and_go_on("full1", crash_publisher("full1", 8, 0), 20000);
	cr_assert_eq(stele_region_remove("full1"), 0);
	cr_assert_eq(umount("/dev/shm"), 0);
	cr_assert_eq(mount("tmpfs", "/dev/shm", "tmpfs", 0, "size=4m"), 0);
	fill_and_go_on("full4", crash_publisher("full4", 8, 0), 100000);
	cr_assert_eq(stele_region_remove("full4"), 0);
	fill_and_go_on("small", crash_publisher("small", 8, 0), 200);
	cr_assert_eq(stele_region_remove("small"), 0);
	umount("/dev/shm");
}

/* Another file takes the space, to the last page, while rows of all sizes come and go. */
Test(crash_space, crash_12_a_full_file_system_leaves_the_region_usable, .fini = crash_clean)
{
	struct stele_publisher *publisher;
	uint64_t random = 77, refused = 0;
	char page[4096] = {1};
	int fd;

	small_shm("size=512k");
	publisher = crash_publisher("bank", 4, 0);
	bank_run(publisher, 30, &random);
	fd = crash_open("other", ".filler", O_RDWR | O_CREAT);
	cr_assert_geq(fd, 0);
	while (write(fd, page, sizeof(page)) == (ssize_t)sizeof(page))
		;
	for (unsigned i = 0; i < 400; i++) {
		uint64_t version = stele_publisher_version(publisher);
		int64_t r = bank_commit(publisher, &random);
		cr_assert(r == (int64_t)version + 1 || r == -ENOSPC, "%lld: %s", (long long)r,
		          stele_last_error());
		refused += r == -ENOSPC;
		cr_assert_eq(bank_assert_whole("bank", 0, "on a full file system"),
		             stele_publisher_version(publisher));
	}
	/* The region's own memory is enough: history is dropped before a row is refused. */
	cr_assert_lt(refused, 400);
	close(fd);
	cr_assert_eq(unlink("/dev/shm/stele.other.filler"), 0);
	bank_run(publisher, stele_publisher_version(publisher) + 20, &random);
	stele_publisher_close(publisher);
	umount("/dev/shm");
}

static void refuse_creation(const char *region)
{
	struct stele_publisher_options options = {.size = sizeof(options), .flags = STELE_CREATE};
	struct stele_publisher *publisher;

	cr_assert_eq(stele_publisher_open(region, &options, &publisher), -ENOSPC, "%s",
	             stele_last_error());
	cr_assert_eq(crash_files(region, false), 0, "something half-made stays");
}

Test(crash_space, crash_12_a_region_that_does_not_fit_is_refused, .fini = crash_clean)
{
	bool made = false;

	small_shm("size=4k");
	/* The file system grows by a page at a time, from too small for anything to large
	 * enough. */
	for (unsigned pages = 1; pages < 60 && !made; pages++) {
		struct stele_publisher_options options = {.size = sizeof(options),
		                                          .flags = STELE_CREATE};
		struct stele_publisher *publisher;
		char size[32];
		snprintf(size, sizeof(size), "size=%uk", pages * 4);
		cr_assert_eq(mount("tmpfs", "/dev/shm", "tmpfs", MS_REMOUNT, size), 0, "%s",
		             strerror(errno));
		made = stele_publisher_open("tight", &options, &publisher) == 0;
		if (made)
			stele_publisher_close(publisher);
		else
			refuse_creation("tight");
		if (!made)
			cr_assert_not_null(strstr(stele_last_error(), "bytes"), "\"%s\"",
			                   stele_last_error());
	}
	cr_assert(made);
	umount("/dev/shm");
}

Test(crash_space, crash_12_a_region_without_inodes_is_refused, .fini = crash_clean)
{
	bool made = false;

	small_shm("size=4m,nr_inodes=1");
	for (unsigned inodes = 1; inodes < 12 && !made; inodes++) {
		struct stele_publisher_options options = {.size = sizeof(options),
		                                          .flags = STELE_CREATE};
		struct stele_publisher *publisher;
		uint64_t random = 1;
		char text[48];
		snprintf(text, sizeof(text), "size=4m,nr_inodes=%u", inodes);
		cr_assert_eq(mount("tmpfs", "/dev/shm", "tmpfs", MS_REMOUNT, text), 0, "%s",
		             strerror(errno));
		made = stele_publisher_open("few", &options, &publisher) == 0;
		if (!made) {
			refuse_creation("few");
			cr_assert_not_null(strstr(stele_last_error(), "inodes"), "\"%s\"",
			                   stele_last_error());
			continue;
		}
		/* An existing region needs no more inodes. */
		bank_run(publisher, 20, &random);
		stele_publisher_close(publisher);
		bank_assert_whole("few", 20, "without inodes");
	}
	cr_assert(made);
	umount("/dev/shm");
}

/* ---- the region's own maximum (needs no root) ---- */

Test(crash_space, crash_12_a_region_at_its_maximum_refuses_rows, .fini = crash_clean)
{
	const char *region = crash_name("most");
	struct stat status;
	char path[160];

	fill_and_go_on(region, crash_publisher(region, 8, 1 << 19), 20000);
	crash_path(region, "", path);
	cr_assert_eq(stat(path, &status), 0);
	cr_assert_leq(status.st_size, 1 << 19);
}

/* Puts rows of all sizes, so that sometimes a row does not fit and sometimes a node. A transaction
 * continues without a row that did not fit, and no memory of the region is lost. */
Test(crash_space, crash_12_a_transaction_continues_without_a_row_that_did_not_fit,
     .fini = crash_clean)
{
	const char *region = crash_name("on");
	struct stele_publisher *publisher = crash_publisher(region, 2, 1 << 18);
	struct stele_transaction *tx = begin(publisher);
	uint64_t random = 11, used;
	uint32_t sizes[512] = {0};
	unsigned refused = 0;

	cr_assert_eq(stele_transaction_create_table(tx, "blobs", &blob_schema), 0);
	for (unsigned i = 0; i < 6000; i++) {
		uint32_t id = (uint32_t)(random_from(&random) % 512), key = htonl(id * 77777);
		uint32_t size = 1 + (uint32_t)(random_from(&random) % (i % 3 == 0 ? 3000 : 400));
		unsigned char value[3000] = {0};
		bool drop = random_from(&random) % 8 == 0;
		int r = drop ? stele_transaction_delete(tx, "blobs", &key, 32)
		             : stele_transaction_put(tx, "blobs", &key, 32, value, size);
		cr_assert(r == -ENOSPC || (r == (drop ? sizes[id] != 0 : sizes[id] != size)),
		          "%d: %s", r, stele_last_error());
		if (r >= 0)
			sizes[id] = drop ? 0 : size;
		refused += r == -ENOSPC;
		if (i % 10 != 9)
			continue;
		r = commit(tx);
		cr_assert(r >= 0 || r == -ENOSPC, "%s", stele_last_error());
		tx = begin(publisher);
		for (id = 0; id < 512; id++) {
			struct stele_row row;
			key = htonl(id * 77777);
			if (stele_transaction_get(tx, "blobs", NULL, &key, 32, &row) == 0)
				row.value_size = 0;
			/* A commit that did not fit has changed nothing. */
			cr_assert(r < 0 || row.value_size == sizes[id],
			          "row %u has %zu bytes, not %u", id, row.value_size, sizes[id]);
			sizes[id] = (uint32_t)row.value_size;
		}
	}
	stele_transaction_abort(tx);
	cr_assert_gt(refused, 100);
	used = crash_used(publisher, NULL);
	stele_publisher_close(publisher);
	publisher = crash_publisher(region, 0, 0);
	cr_assert_eq(crash_used(publisher, NULL), used,
	             "%llu bytes are in use, and %llu are reached", (unsigned long long)used,
	             (unsigned long long)crash_used(publisher, NULL));
	stele_publisher_close(publisher);
}

/* Before a commit fails, pins are revoked, oldest first, and their holders get an error. */
Test(crash_space, crash_12_pins_are_revoked, .fini = crash_clean)
{
	const char *region = crash_name("pins");
	struct stele_publisher_stats stats = {.size = sizeof(stats)};
	struct stele_publisher *publisher = crash_publisher(region, 2, 1 << 20);
	struct stele_subscriber *subscriber = crash_subscriber(region, true);
	struct stele_transaction *tx = begin(publisher);
	struct stele_snapshot *snapshots[8];
	struct stele_row row;
	uint32_t key = htonl(1);
	unsigned stale = 0;

	cr_assert_eq(stele_transaction_create_table(tx, "blobs", &blob_schema), 0);
	cr_assert_eq(put_blob(tx, 1, 100), 1);
	cr_assert_eq(commit(tx), 1);
	/* Each version replaces the one blob of 64 KiB, and is pinned. */
	for (unsigned i = 0; i < 40; i++) {
		if (i < 8)
			cr_assert_eq(stele_snapshot_open(subscriber, 0, &snapshots[i]), 0, "%s",
			             stele_last_error());
		tx = begin(publisher);
		cr_assert_eq(put_blob(tx, 1, 65000 + i % 2), 1, "version %u: %s", i,
		             stele_last_error());
		cr_assert_eq(commit(tx), 1, "version %u: %s", i, stele_last_error());
		if (i == 7) {
			cr_assert_eq(stele_publisher_describe(publisher, &stats), 0);
			cr_assert_eq(stats.pins_revoked, 0);
		}
	}
	/* One more blob than fits beside the pins; it fits beside two versions. */
	tx = begin(publisher);
	for (uint32_t id = 2; id < 7; id++)
		cr_assert_eq(put_blob(tx, id, 100000), 1, "%s", stele_last_error());
	cr_assert_eq(commit(tx), 1, "%s", stele_last_error());
	cr_assert_eq(stele_publisher_describe(publisher, &stats), 0);
	cr_assert_gt(stats.pins_revoked, 0);
	for (unsigned i = 0; i < 8; i++) {
		int r = stele_snapshot_check(snapshots[i]);
		if (r == -ESTALE) {
			cr_assert_eq(stale, i, "a newer pin was given up before an older one");
			stale++;
			cr_assert_eq(
				stele_snapshot_get(snapshots[i], "blobs", NULL, &key, 32, &row),
				-ESTALE);
			continue;
		}
		cr_assert_eq(r, 0);
		cr_assert_eq(stele_snapshot_get(snapshots[i], "blobs", NULL, &key, 32, &row), 1,
		             "%s", stele_last_error());
		cr_assert_eq(row.version, i + 1);
	}
	cr_assert_eq(stale, stats.pins_revoked);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}
