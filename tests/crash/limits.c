/* SPDX-License-Identifier: MIT
 *
 * Limits of a process and of a user: file size (RLIMIT_FSIZE), address space, quota. An operation
 * that they forbid fails with an error message that names the limit; no signal is raised, and the
 * region stays unchanged. SIGXFSZ ends a test in which the library lets it be raised. */
#include "tests/support/crash/crash.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include "lib/base/error.h"
#include "lib/storage/file.h"
#include "lib/storage/reserve.h"

static void set_limit(unsigned which, rlim_t most)
{
	struct rlimit limit;

	cr_assert_eq(getrlimit(which, &limit), 0);
	limit.rlim_cur = most < limit.rlim_max ? most : limit.rlim_max;
	cr_assert_eq(setrlimit(which, &limit), 0, "%s", strerror(errno));
}

static void says(const char *part)
{
	cr_assert_not_null(strstr(stele_last_error(), part), "no \"%s\" in: %s", part,
	                   stele_last_error());
}

static const struct stele_column blob_columns[] = {
	STELE_KEY("id", STELE_U32),
	{.name = "bytes", .type = STELE_BYTES},
};
static const struct stele_schema blob_schema = {.columns = blob_columns, .column_count = 2};

/* Puts one blob in a version of its own. Returns 1, or what put or commit returned. */
static int add(struct stele_publisher *publisher, uint32_t id, size_t size)
{
	static unsigned char value[1 << 16];
	struct stele_transaction *tx;
	uint32_t key = htonl(id);
	int r;

	cr_assert_eq(stele_transaction_begin(publisher, &tx), 0, "%s", stele_last_error());
	memset(value, (int)id, size);
	r = stele_transaction_put(tx, "blobs", &key, 32, value, size);
	if (r < 0)
		stele_transaction_abort(tx);
	return r < 0 ? r : stele_transaction_commit(tx, NULL, NULL);
}

static struct stele_publisher *start(const char *region, uint64_t maximum, uint64_t limit)
{
	struct stele_publisher_options options = {.size = sizeof(options),
	                                          .flags = STELE_CREATE,
	                                          .history = 2,
	                                          .maximum_size = maximum,
	                                          .limit_size = limit};
	struct stele_publisher *publisher;
	struct stele_transaction *tx;

	cr_assert_eq(stele_publisher_open(region, &options, &publisher), 0, "%s",
	             stele_last_error());
	cr_assert_eq(stele_transaction_begin(publisher, &tx), 0);
	cr_assert_eq(stele_transaction_create_table(tx, "blobs", &blob_schema), 0, "%s",
	             stele_last_error());
	cr_assert_eq(stele_transaction_commit(tx, NULL, NULL), 1, "%s", stele_last_error());
	return publisher;
}

static void assert_blobs(const char *region, uint64_t count)
{
	struct stele_subscriber *subscriber = crash_subscriber(region, false);
	struct stele_region_use result = {.size = sizeof(result)};
	struct stele_snapshot *snapshot;
	struct stele_table table;

	cr_assert_eq(stele_snapshot_open(subscriber, 0, &snapshot), 0, "%s", stele_last_error());
	cr_assert_eq(stele_table_open(snapshot, "blobs", &blob_schema, &table), 0, "%s",
	             stele_last_error());
	cr_assert_eq(stele_table_rows(&table), count);
	stele_subscriber_close(subscriber);
	cr_assert_eq(stele_region_verify(region, NULL, &result), 1, "%s", stele_last_error());
}

/* Adds blobs until one is refused because of the limit, not because of the region's own maximum.
 * Returns the number of blobs. */
static uint32_t add_until_refused(struct stele_publisher *publisher, uint32_t first)
{
	for (uint32_t id = first;; id++) {
		uint64_t version = stele_publisher_version(publisher);
		int r = add(publisher, id, 20000);
		cr_assert_lt(id, 1000);
		if (r == 1)
			continue;
		cr_assert_eq(r, -EFBIG, "%d: %s", r, stele_last_error());
		says("RLIMIT_FSIZE");
		says("ulimit -f");
		cr_assert_eq(stele_publisher_version(publisher), version);
		return id;
	}
}

/* Raises the limit by a page at a time, from one that forbids everything to one that lets the
 * region be created. */
Test(crash_limits, crash_12_no_region_larger_than_the_limit_of_files, .fini = crash_clean)
{
	struct stele_publisher_options options = {.size = sizeof(options), .flags = STELE_CREATE};
	const char *region = crash_name("made");
	struct stele_publisher *publisher;
	bool made = false;

	for (unsigned pages = 0; pages < 60 && !made; pages++) {
		int r;
		set_limit(RLIMIT_FSIZE, pages * 4096);
		r = stele_publisher_open(region, &options, &publisher);
		set_limit(RLIMIT_FSIZE, RLIM_INFINITY);
		made = r == 0;
		if (made)
			break;
		cr_assert_eq(r, -EFBIG, "%d: %s", r, stele_last_error());
		says("RLIMIT_FSIZE");
		says("bytes");
		cr_assert_eq(crash_files(region, false), 0, "something half-made stays");
	}
	cr_assert(made);
	stele_publisher_close(publisher);
}

/* An existing region continues with its present size, and grows again once the limit allows it. */
Test(crash_limits, crash_12_a_region_reaches_the_limit_of_files, .fini = crash_clean)
{
	const char *region = crash_name("grown");
	struct stele_publisher *publisher = start(region, 1 << 22, 1 << 22);
	uint32_t count, key = htonl(0);
	struct stele_transaction *tx;

	set_limit(RLIMIT_FSIZE, 300000);
	count = add_until_refused(publisher, 0);
	cr_assert_gt(count, 4);
	assert_blobs(region, count);
	/* Existing rows may change: two versions later the memory of deleted rows is free. */
	for (unsigned i = 0; i < 3; i++) {
		key = htonl(i);
		cr_assert_eq(stele_transaction_begin(publisher, &tx), 0);
		cr_assert_eq(stele_transaction_delete(tx, "blobs", &key, 32), 1, "%s",
		             stele_last_error());
		cr_assert_eq(stele_transaction_commit(tx, NULL, NULL), 1, "%s", stele_last_error());
	}
	cr_assert_eq(add(publisher, 0, 20000), 1, "%s", stele_last_error());
	stele_publisher_close(publisher);
	/* A new publisher can also work under the limit. */
	cr_assert_eq(stele_publisher_open(region, NULL, &publisher), 0, "%s", stele_last_error());
	set_limit(RLIMIT_FSIZE, RLIM_INFINITY);
	for (uint32_t id = 0; id < 100; id++)
		cr_assert_geq(add(publisher, id, 20000), 0, "%s", stele_last_error());
	assert_blobs(region, 100);
	stele_publisher_close(publisher);
}

/* When a region outgrows its maximum size, the publisher copies it to a new file. Here the limit on
 * the size of files forbids the new file. */
Test(crash_limits, crash_12_the_next_file_is_too_large, .fini = crash_clean)
{
	const char *region = crash_name("next");
	struct stele_publisher *publisher = start(region, 1 << 18, 1 << 22);
	struct stat status = {0};
	uint32_t count = 0;
	char path[160];

	crash_path(region, "", path);
	/* Fill the file until it has less than 60,000 bytes left, so that the next blob needs a new
	 * file. */
	while (status.st_size + 65536 <= 1 << 18) {
		cr_assert_eq(add(publisher, count++, 4000), 1, "%s", stele_last_error());
		cr_assert_eq(stat(path, &status), 0);
	}
	set_limit(RLIMIT_FSIZE, 100000);
	cr_assert_eq(add(publisher, count, 60000), -EFBIG, "%s", stele_last_error());
	says("RLIMIT_FSIZE");
	assert_blobs(region, count);
	set_limit(RLIMIT_FSIZE, RLIM_INFINITY);
	cr_assert_eq(add(publisher, count, 60000), 1, "%s", stele_last_error());
	assert_blobs(region, count + 1);
	stele_publisher_close(publisher);
}

Test(crash_limits, crash_12_copies_of_a_region_are_too_large, .fini = crash_clean)
{
	const char *region = crash_name("copied"), *loaded = crash_name("loaded");
	struct stele_publisher *publisher = start(region, 1 << 22, 1 << 22);
	char file[64];

	snprintf(file, sizeof(file), "/tmp/stele-limits-%d", (int)getpid());
	for (uint32_t id = 0; id < 20; id++)
		cr_assert_eq(add(publisher, id, 20000), 1, "%s", stele_last_error());
	set_limit(RLIMIT_FSIZE, 100000);
	cr_assert_eq(stele_publisher_compact(publisher), -EFBIG, "%s", stele_last_error());
	says("RLIMIT_FSIZE");
	cr_assert_eq(stele_region_save(region, file, 0, NULL, NULL), -EFBIG, "%s",
	             stele_last_error());
	says("RLIMIT_FSIZE");
	cr_assert_lt(access(file, F_OK), 0, "a part of it was saved");
	set_limit(RLIMIT_FSIZE, RLIM_INFINITY);
	cr_assert_eq(stele_region_save(region, file, 0, NULL, NULL), 0, "%s", stele_last_error());
	set_limit(RLIMIT_FSIZE, 100000);
	cr_assert_eq(stele_region_load(file, loaded), -EFBIG, "%s", stele_last_error());
	says("RLIMIT_FSIZE");
	cr_assert_eq(crash_files(loaded, false), 0, "something half-made stays");
	set_limit(RLIMIT_FSIZE, RLIM_INFINITY);
	unlink(file);
	assert_blobs(region, 20);
	stele_publisher_close(publisher);
}

/* More subscribers than fit in the file: the others read without a slot, or get an error that says
 * why there is none. */
Test(crash_limits, crash_12_the_subscribers_file_is_at_the_limit, .fini = crash_clean)
{
	const char *region = crash_name("slots");
	struct stele_publisher *publisher = start(region, 1 << 22, 1 << 22);
	struct stele_subscriber *subscribers[80];

	set_limit(RLIMIT_FSIZE, 20000);
	for (unsigned i = 0; i < 80; i++) {
		struct stele_subscriber_options options = {.size = sizeof(options),
		                                           .notifier = "futex"};
		int r = stele_subscriber_open(region, &options, &subscribers[i]);
		if (i < 64) {
			cr_assert_eq(r, 0, "%s", stele_last_error());
			continue;
		}
		cr_assert_eq(r, -EFBIG, "%d: %s", r, stele_last_error());
		says("RLIMIT_FSIZE");
		cr_assert_eq(stele_subscriber_open(region, NULL, &subscribers[i]), 0, "%s",
		             stele_last_error());
	}
	cr_assert_eq(add(publisher, 1, 2000), 1, "%s", stele_last_error());
	for (unsigned i = 0; i < 80; i++) {
		uint64_t version = 0;
		cr_assert_eq(stele_subscriber_wait(subscribers[i], 1, 0, &version), 1, "%s",
		             stele_last_error());
		stele_subscriber_close(subscribers[i]);
	}
	stele_publisher_close(publisher);
}

Test(crash_limits, crash_12_lack_of_address_space_is_reported, .fini = crash_clean)
{
	const char *region = crash_name("space");
	struct stele_subscriber *subscriber;
	struct stele_publisher *publisher;

	if (SANITIZED)
		crash_skip("a sanitizer needs more address space than this leaves");
	publisher = start(region, 0, 0);
	stele_publisher_close(publisher);
	set_limit(RLIMIT_AS, 1 << 30);
	cr_assert_eq(stele_subscriber_open(region, NULL, &subscriber), -ENOMEM, "%s",
	             stele_last_error());
	says("RLIMIT_AS");
	says("1073741824");
	says("--max-size");
	cr_assert_eq(stele_publisher_open(region, NULL, &publisher), -ENOMEM, "%s",
	             stele_last_error());
	says("RLIMIT_AS");
}

/* Commits until the region must move to a new file, for which there is no descriptor. Returns true
 * if that happened in the commit itself, and not already in the put. */
static bool commit_without_descriptors(const char *region, size_t first_blob)
{
	static const char message[] = "a message that makes the record of the commit larger than "
				      "the row, so that the record is what needs the new file; "
				      "it is as long as a message may be, which is 255 bytes; ....";
	struct stele_publisher_options options = {.size = sizeof(options),
	                                          .flags = STELE_CREATE,
	                                          .history = 20000,
	                                          .maximum_size = 1 << 21};
	struct stele_publisher *publisher;
	struct stele_transaction *tx;
	uint32_t key = htonl(1);
	int r;
	int64_t committed = 1;

	cr_assert_eq(stele_publisher_open(region, &options, &publisher), 0, "%s",
	             stele_last_error());
	cr_assert_eq(stele_transaction_begin(publisher, &tx), 0);
	cr_assert_eq(stele_transaction_create_table(tx, "blobs", &blob_schema), 0);
	cr_assert_eq(stele_transaction_commit(tx, NULL, NULL), 1);
	cr_assert_eq(add(publisher, 0, first_blob), 1);
	set_limit(RLIMIT_NOFILE, 0);
	for (uint8_t value = 0;; value++) {
		cr_assert_eq(stele_transaction_begin(publisher, &tx), 0);
		r = stele_transaction_put(tx, "blobs", &key, 32, &value, 1);
		if (r < 0)
			stele_transaction_abort(tx);
		else
			committed = stele_transaction_commit(tx, message, NULL);
		if (r < 0 || committed < 0)
			break;
	}
	set_limit(RLIMIT_NOFILE, 1024);
	cr_assert_eq(r < 0 ? r : (int)committed, -EMFILE, "%d, %lld: %s", r, (long long)committed,
	             stele_last_error());
	says("Too many open files");
	stele_publisher_close(publisher);
	stele_region_remove(region);
	return r == 1;
}

Test(crash_limits, crash_28_a_commit_says_why_its_region_cannot_grow, .fini = crash_clean)
{
	unsigned commits = 0;

	for (size_t size = 0; size < 16; size++)
		commits += commit_without_descriptors(crash_name("grown"), size * 40);
	cr_assert_gt(commits, 0, "only puts needed a new file");
}

/* Each reason has its own message and remedy. */
Test(crash_limits, crash_12_a_failed_reservation_names_its_reason)
{
	static const struct {
		int errnum, error;
		const char *remedy;
	} reasons[] = {
		{ENOSPC, -ENOSPC, "mount it with a larger size"},
		{EDQUOT, -EDQUOT, "raise the quota"},
		{EFBIG, -EFBIG, "use another file system"},
		{ENOMEM, -ENOMEM, "memory.max"},
		{EOPNOTSUPP, -ENOTSUP, "tmpfs, ext4 or XFS"},
		{EIO, -EIO, "Input/output error"},
	};
	int fd = memfd_create("full", MFD_CLOEXEC);

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		cr_expect_eq(file_reserve_error(-reasons[i].errnum, fd, "a file", 8192),
		             reasons[i].error);
		says("cannot reserve 8192 bytes for a file");
		for (size_t j = 0; j < sizeof(reasons) / sizeof(reasons[0]); j++)
			cr_expect_eq(strstr(stele_last_error(), reasons[j].remedy) != NULL, i == j,
			             "%s", stele_last_error());
	}
	close(fd);
}

/* Linux 6.6 and later have quotas on tmpfs. */
Test(crash_limits, crash_12_an_exhausted_quota_is_reported, .fini = crash_clean)
{
	struct stele_publisher *publisher;
	int r = 1;

	if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0)
		crash_skip("mounting takes root");
	cr_assert_eq(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), 0, "%s", strerror(errno));
	if (mount("tmpfs", "/dev/shm", "tmpfs", 0,
	          "size=16m,mode=1777,usrquota_block_hardlimit=400k") < 0)
		crash_skip("no tmpfs with a quota can be mounted");
	cr_assert_eq(seteuid(65534), 0);
	publisher = start("quota", 1 << 22, 1 << 22);
	for (uint32_t id = 0; r == 1 && id < 100; id++)
		r = add(publisher, id, 20000);
	cr_assert_eq(r, -EDQUOT, "%d: %s", r, stele_last_error());
	says("quota");
	stele_publisher_close(publisher);
	cr_assert_eq(seteuid(0), 0);
	umount("/dev/shm");
}

/* Replaces the C library's function. On tmpfs, older kernels undo a whole reservation when a signal
 * arrives: here a signal arrives while more than a megabyte is reserved. */
static unsigned interrupted;

int posix_fallocate(int fd, off_t from, off_t size)
{
	if (interrupted > 0 && size > 1 << 20) {
		cr_assert_lt(++interrupted, 1000, "tried again and again");
		return EINTR;
	}
	return fallocate(fd, 0, from, size) < 0 ? errno : 0;
}

Test(crash_limits, crash_20_a_reservation_under_signals_comes_to_an_end)
{
	int fd = open("/dev/shm", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	struct stat status;

	cr_assert_geq(fd, 0, "%s", strerror(errno));
	interrupted = 1;
	cr_assert_eq(file_reserve(fd, 0, 32 << 20), 0);
	cr_assert_gt(interrupted, 1);
	cr_assert_eq(fstat(fd, &status), 0);
	cr_assert_eq(status.st_size, 32 << 20);
	cr_assert_geq(status.st_blocks, (32 << 20) / 512);
	close(fd);
}
