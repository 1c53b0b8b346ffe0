/* SPDX-License-Identifier: MIT
 *
 * Files truncated and removed under processes that have them mapped. Touching a truncated page
 * raises SIGBUS. That must cost an -EBADMSG and not the process, and never give an answer made of
 * the zeros that replace the page. */
#include "lib/units.h"
#include "tests/support/crash/bank.h"
#include "tests/support/crash/crash.h"

#include <setjmp.h>

static void truncate_data(const char *region, const char *file, off_t size)
{
	char path[160];

	crash_path(region, file, path);
	cr_assert_eq(truncate(path, size), 0, "%s", strerror(errno));
}

static struct stele_publisher *bank_start(const char *region, uint64_t versions)
{
	struct stele_publisher *publisher = crash_publisher(region, 4, 1 << 22);
	uint64_t random = 5;

	bank_run(publisher, versions, &random);
	return publisher;
}

static size_t size_of(const char *region)
{
	size_t size;

	munmap(crash_map(region, "", &size), 4096);
	return size;
}

/* Truncates the file to one length. All calls on a reader's open handles fail then. A reader that
 * opens later gets an error or correct rows. */
static void truncate_under_reader(const char *region, off_t size)
{
	struct stele_publisher *publisher = bank_start(region, 6);
	struct stele_subscriber *subscriber = crash_subscriber(region, true), *late;
	struct stele_subscriber_options options = {.size = sizeof(options),
	                                           .flags = STELE_UNREGISTERED};
	struct stele_snapshot *snapshot, *second;
	uint32_t key = htonl(BANK_CLOCK);
	struct account account;
	size_t room = sizeof(account);
	uint64_t version;
	char why[200];
	int r;

	cr_assert_eq(stele_snapshot_open(subscriber, 0, &snapshot), 0);
	stele_publisher_close(publisher);
	truncate_data(region, "", size);
	r = bank_check(snapshot, why);
	cr_assert_eq(r, -EBADMSG, "cut to %lld bytes: %d %s", (long long)size, r,
	             r > 0 ? why : stele_last_error());
	cr_assert_not_null(strstr(stele_last_error(), "truncated"), "\"%s\"", stele_last_error());
	cr_assert_eq(stele_snapshot_check(snapshot), -EBADMSG);
	r = stele_snapshot_open(subscriber, 0, &second);
	cr_assert_eq(r, -EBADMSG, "cut to %lld bytes: %d", (long long)size, r);
	r = stele_subscriber_get_copy(subscriber, "left", NULL, &key, 32, &account, &room,
	                              &version);
	cr_assert_eq(r, -EBADMSG, "cut to %lld bytes: %d", (long long)size, r);
	cr_assert_eq(stele_subscriber_version(subscriber, &version), -EBADMSG);
	cr_assert_eq(stele_subscriber_wait(subscriber, 6, 0, &version), -EBADMSG);
	stele_subscriber_close(subscriber);
	/* A reader that opens later is refused, gets an error when it reads, or finds all that it
	 * reads. */
	if (stele_subscriber_open(region, &options, &late) == 0) {
		r = stele_snapshot_open(late, 0, &snapshot);
		if (r == 0)
			r = bank_check(snapshot, why);
		cr_assert(r == 0 || r == -EBADMSG, "opened when cut to %lld bytes: %d %s",
		          (long long)size, r, r > 0 ? why : "");
		stele_subscriber_close(late);
	}
	r = stele_publisher_open(region, NULL, &publisher);
	cr_assert_eq(r, -EBADMSG, "published when cut to %lld bytes: %d", (long long)size, r);
	cr_assert_eq(stele_region_remove(region), 0, "%s", stele_last_error());
}

Test(crash_truncate, crash_13_truncated_data_does_not_kill_readers, .fini = crash_clean)
{
	const char *region = crash_name("cut");
	off_t whole;

	stele_publisher_close(bank_start(region, 6));
	whole = (off_t)size_of(region);
	cr_assert_eq(stele_region_remove(region), 0);
	/* The last page is the guard, which holds nothing. */
	for (off_t size = 0; size <= whole - 2 * 4096; size += 4096)
		truncate_under_reader(region, size);
	for (off_t size = 0; size < whole - 4096; size += 211)
		truncate_under_reader(region, size);
}

static void truncate_under_publisher(const char *region, off_t size, bool in_transaction)
{
	struct stele_publisher *publisher = bank_start(region, 6);
	struct stele_transaction *tx = NULL;
	uint64_t random = 5;
	int64_t r;

	if (in_transaction) {
		cr_assert_eq(stele_transaction_begin(publisher, &tx), 0);
		cr_assert_eq(bank_change(tx, 7, &random), 0);
	}
	truncate_data(region, "", size);
	/* Results before the end of the transaction do not matter, but the process must survive
	 * them. */
	if (in_transaction && size % 2 == 1)
		bank_change(tx, 7, &random);
	r = in_transaction ? stele_transaction_commit(tx, NULL, NULL)
	                   : bank_commit(publisher, &random);
	cr_assert_eq(r, -EBADMSG, "cut to %lld bytes: %lld", (long long)size, (long long)r);
	cr_assert_not_null(strstr(stele_last_error(), "truncated"), "\"%s\"", stele_last_error());
	cr_assert_eq(bank_commit(publisher, &random), -EBADMSG);
	stele_publisher_close(publisher);
	cr_assert_eq(stele_region_remove(region), 0, "%s", stele_last_error());
}

Test(crash_truncate, crash_13_truncated_data_does_not_kill_a_publisher, .fini = crash_clean)
{
	const char *region = crash_name("cutpub");
	off_t whole;

	stele_publisher_close(bank_start(region, 6));
	whole = (off_t)size_of(region);
	cr_assert_eq(stele_region_remove(region), 0);
	for (off_t size = 0; size < whole - 4096; size += 509) {
		truncate_under_publisher(region, size, false);
		truncate_under_publisher(region, size, true);
	}
}

/* ---- names removed ---- */

Test(crash_truncate, crash_13_a_removed_name_leaves_readers_their_region, .fini = crash_clean)
{
	const char *region = crash_name("gone");
	struct stele_publisher *publisher = bank_start(region, 6);
	struct stele_subscriber *subscriber = crash_subscriber(region, true);
	struct stele_snapshot *snapshot;
	char why[200], path[160];
	uint64_t random = 1;

	cr_assert_eq(stele_snapshot_open(subscriber, 0, &snapshot), 0);
	crash_path(region, "", path);
	cr_assert_eq(unlink(path), 0);
	cr_assert_eq(bank_check(snapshot, why), 0, "%s", why);
	stele_publisher_close(publisher);
	cr_assert_eq(bank_check(snapshot, why), 0, "%s", why);
	stele_snapshot_close(snapshot);
	cr_assert_eq(stele_snapshot_open(subscriber, 5, &snapshot), 0, "%s", stele_last_error());
	cr_assert_eq(bank_check(snapshot, why), 0, "%s", why);
	/* The name is free for another region; processes that have the old one keep it. */
	publisher = crash_publisher(region, 4, 1 << 22);
	cr_assert_eq(stele_publisher_version(publisher), 0);
	bank_run(publisher, 1, &random);
	cr_assert_eq(bank_check(snapshot, why), 0, "%s", why);
	cr_assert_eq(stele_snapshot_version(snapshot), 5);
	stele_publisher_close(publisher);
	stele_subscriber_close(subscriber);
	cr_assert_eq(bank_assert_whole(region, 0, "the new region"), 1);
}

static void subscribers_file_lost(const char *region, bool cut)
{
	struct stele_publisher *publisher = bank_start(region, 6);
	struct stele_subscriber *subscriber = crash_subscriber(region, true);
	struct stele_snapshot *snapshot;
	uint64_t random = 5, version;
	int64_t until = clock_now() + 1200 * NSEC_PER_MSEC;
	char why[200], path[160];

	cr_assert_eq(stele_snapshot_open(subscriber, 0, &snapshot), 0);
	crash_path(region, ".subscribers", path);
	cr_assert_eq(cut ? truncate(path, 0) : unlink(path), 0);
	/* Continue until publisher and subscriber have checked their files, which they do once a
	 * second. */
	while (clock_now() < until || access(path, F_OK) < 0) {
		cr_assert_lt(clock_now(), until + 60 * NSEC_PER_SEC,
		             "the publisher did not make the file again");
		cr_assert_gt(bank_commit(publisher, &random), 0, "%s", stele_last_error());
		version = stele_publisher_version(publisher);
		cr_assert_eq(stele_subscriber_wait(subscriber, version - 1,
		                                   clock_now() + 2 * NSEC_PER_SEC, &version),
		             1, "%s", stele_last_error());
		cr_assert_eq(version, stele_publisher_version(publisher));
		/* A pin may be lost, and then the snapshot returns an error. */
		if (stele_snapshot_check(snapshot) < 0) {
			stele_snapshot_close(snapshot);
			cr_assert_eq(stele_snapshot_open(subscriber, 0, &snapshot), 0, "%s",
			             stele_last_error());
		}
		int r = bank_check(snapshot, why);
		cr_assert(r == 0 || r == -ESTALE, "%d: %s", r, r > 0 ? why : stele_last_error());
	}
	stele_subscriber_close(subscriber);
	subscriber = crash_subscriber(region, true);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

Test(crash_truncate, crash_13_a_truncated_subscribers_file_is_replaced, .fini = crash_clean)
{
	subscribers_file_lost(crash_name("subcut"), true);
	subscribers_file_lost(crash_name("subgone"), false);
}

/* ---- the SIGBUS handler ---- */

static void make_bank(const char *region)
{
	stele_publisher_close(bank_start(region, 6));
}

/* Runs a function in a process of its own, so that no handler is installed here. Returns its exit
 * status. */
static int in_child(void (*act)(const char *region), const char *region)
{
	int status;
	pid_t child = crash_fork();

	if (child == 0) {
		act(region);
		_exit(0);
	}
	cr_assert_eq(waitpid(child, &status, 0), child);
	return status;
}

static void read_cut(const char *region, unsigned flags)
{
	struct stele_subscriber_options options = {.size = sizeof(options)};
	struct stele_subscriber *subscriber;
	struct stele_snapshot *snapshot;
	char why[200], path[160];

	signal(SIGBUS, SIG_DFL);
	options.flags = STELE_UNREGISTERED | flags;
	if (stele_subscriber_open(region, &options, &subscriber) < 0 ||
	    stele_snapshot_open(subscriber, 0, &snapshot) < 0)
		_exit(2);
	crash_path(region, "", path);
	if (truncate(path, 4096) < 0)
		_exit(3);
	_exit(bank_check(snapshot, why) == -EBADMSG ? 0 : 4);
}

static void read_guarded(const char *region)
{
	read_cut(region, 0);
}

static void read_unguarded(const char *region)
{
	read_cut(region, STELE_NO_SIGBUS_HANDLER);
}

Test(crash_truncate, crash_13_without_the_handler_a_fault_kills_the_process, .fini = crash_clean)
{
	const char *region = crash_name("bare");
	int status = in_child(make_bank, region);

	cr_assert_eq(status, 0);
	status = in_child(read_guarded, region);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status 0x%x", status);
	if (SANITIZED)
		crash_skip("a sanitizer has a handler of its own");
	crash_files(region, true);
	cr_assert_eq(in_child(make_bank, region), 0);
	status = in_child(read_unguarded, region);
	cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS, "status 0x%x", status);
}

static sigjmp_buf jump;
static volatile sig_atomic_t faults;

static void on_fault(int signal_number)
{
	(void)signal_number;
	faults++;
	siglongjmp(jump, 1);
}

/* A handler that was installed before gets the faults that are not the library's. */
static void fault_elsewhere(const char *region)
{
	struct stele_subscriber *subscriber;
	struct stele_snapshot *snapshot;
	struct stele_subscriber_options options = {.size = sizeof(options),
	                                           .flags = STELE_UNREGISTERED};
	char why[200], path[160];
	volatile unsigned char *own;
	int fd;

	signal(SIGBUS, on_fault);
	if (stele_subscriber_open(region, &options, &subscriber) < 0 ||
	    stele_snapshot_open(subscriber, 0, &snapshot) < 0)
		_exit(2);
	fd = crash_open(region, ".own", O_RDWR | O_CREAT);
	if (fd < 0 || ftruncate(fd, 4096) < 0)
		_exit(3);
	own = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	if (own == MAP_FAILED || ftruncate(fd, 0) < 0)
		_exit(4);
	if (sigsetjmp(jump, 1) == 0)
		_exit(5 + own[0]);
	if (faults != 1)
		_exit(6);
	crash_path(region, "", path);
	if (truncate(path, 4096) < 0 || bank_check(snapshot, why) != -EBADMSG || faults != 1)
		_exit(7);
}

Test(crash_truncate, crash_13_a_handler_of_the_program_gets_other_faults, .fini = crash_clean)
{
	const char *region = crash_name("own");
	int status = in_child(make_bank, region);

	cr_assert_eq(status, 0);
	status = in_child(fault_elsewhere, region);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status 0x%x", status);
}
