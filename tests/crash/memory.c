/* SPDX-License-Identifier: MIT
 *
 * The heap fails at the n-th request, for every n, once or for good. Each call returns -ENOMEM and
 * leaves everything unchanged, or manages without. This program's own malloc counts requests and
 * refuses them. */
#include "tests/support/crash/bank.h"
#include "tests/support/position.h"
#include "tests/support/crash/crash.h"

#include <dirent.h>

static int64_t refuse_at; /* counts down; 0: off */
static bool for_good, refused;
static int64_t balance;

#if !SANITIZED
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *at, size_t size);
extern void __libc_free(void *at);

/* The C library sees these functions as well, so its own requests count, too. */
#pragma GCC visibility push(default)
void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void *realloc(void *old, size_t size);
void free(void *at);
#pragma GCC visibility pop

static bool refuse(void)
{
	if (refuse_at == 0 || (refuse_at > 1 && --refuse_at > 0))
		return false;
	if (!for_good)
		refuse_at = 0;
	refused = true;
	errno = ENOMEM;
	return true;
}

void *malloc(size_t size)
{
	void *at = refuse() ? NULL : __libc_malloc(size);

	balance += at != NULL;
	return at;
}

void *calloc(size_t count, size_t size)
{
	void *at = refuse() ? NULL : __libc_calloc(count, size);

	balance += at != NULL;
	return at;
}

void *realloc(void *old, size_t size)
{
	void *at = refuse() ? NULL : __libc_realloc(old, size);

	balance += at != NULL && old == NULL;
	return at;
}

void free(void *at)
{
	balance -= at != NULL;
	__libc_free(at);
}
#endif

/* ---- */

static void arm(int64_t n, bool good)
{
	if (SANITIZED)
		crash_skip("a sanitizer has a malloc of its own");
	refused = false;
	for_good = good;
	refuse_at = n;
}

/* Returns whether a request was refused. If not, there were fewer than n requests. */
static bool disarm(void)
{
	refuse_at = 0;
	return refused;
}

static unsigned descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	unsigned count = 0;

	cr_assert_not_null(directory);
	while (readdir(directory))
		count++;
	closedir(directory);
	return count;
}

/* State that a failed call must leave unchanged. */
struct before {
	int64_t balance;
	unsigned descriptors;
};

static struct before remember(void)
{
	struct before before = {.descriptors = descriptors()};

	before.balance = balance;
	return before;
}

static void compare(const struct before *before, int64_t n)
{
	int64_t now = balance;

	cr_assert_eq(now, before->balance, "with request %lld refused, %lld more are in use",
	             (long long)n, (long long)(now - before->balance));
	cr_assert_eq(descriptors(), before->descriptors, "with request %lld refused", (long long)n);
}

static void make_bank(const char *region, uint32_t history, uint64_t versions)
{
	struct stele_publisher *publisher = crash_publisher(region, history, 1 << 22);
	uint64_t random = 9;

	bank_run(publisher, versions, &random);
	stele_publisher_close(publisher);
}

/* ---- commits ---- */

static int64_t one_commit(const char *region, uint64_t at, int64_t n, bool good)
{
	struct stele_publisher *publisher = crash_publisher(region, 0, 0);
	uint64_t random = 4, used = crash_used(publisher, NULL);
	int64_t r;

	arm(n, good);
	r = bank_commit(publisher, &random);
	if (!disarm())
		n = 0;
	cr_assert(r == (int64_t)at || r == -ENOMEM, "request %lld, version %llu: %lld, %s",
	          (long long)n, (unsigned long long)at, (long long)r, stele_last_error());
	if (r < 0) {
		cr_assert_not_null(strstr(stele_last_error(), "no memory"), "\"%s\"",
		                   stele_last_error());
		cr_assert_eq(crash_used(publisher, NULL), used, "request %lld", (long long)n);
		cr_assert_eq(bank_assert_whole(region, 0, "after a failure"), at - 1);
		/* The failed commit has released the lock and ended its transaction. */
		r = bank_commit(publisher, &random);
		cr_assert_eq(r, (int64_t)at, "request %lld: %s", (long long)n, stele_last_error());
	}
	cr_assert_eq(bank_assert_whole(region, 0, "after a commit"), at);
	used = crash_used(publisher, NULL);
	stele_publisher_close(publisher);
	publisher = crash_publisher(region, 0, 0);
	cr_assert_eq(crash_used(publisher, NULL), used, "request %lld", (long long)n);
	stele_publisher_close(publisher);
	return n;
}

static void commits_at(uint64_t at, bool good)
{
	const char *region = crash_name("commit");
	unsigned count = 0;

	for (int64_t n = 1;; n++, count++) {
		struct stele_subscriber *subscriber;
		struct stele_snapshot *snapshot;
		bool more;
		make_bank(region, 2, at - 1);
		/* The pin gives reclaim something to check. */
		subscriber = crash_subscriber(region, true);
		cr_assert_eq(stele_snapshot_open(subscriber, 0, &snapshot), 0);
		more = one_commit(region, at, n, good) != 0;
		stele_subscriber_close(subscriber);
		cr_assert_eq(stele_region_remove(region), 0, "%s", stele_last_error());
		if (!more)
			break;
	}
	cr_assert_geq(count, 3, "only %u requests", count);
}

Test(crash_memory, crash_28_commit_survives_a_failed_allocation, .fini = crash_clean, .timeout = 60)
{
	/* Versions that create several tables, create one, drop one, and reclaim. */
	static const uint64_t versions[] = {1, 8, 16, 18};

	for (unsigned i = 0; i < 4; i++) {
		commits_at(versions[i], false);
		commits_at(versions[i], true);
	}
}

/* ---- rollbacks ---- */

/* Rolls back to a version that had other tables. Returns false if fewer than n requests were
 * made. */
static bool one_rollback(const char *region, int64_t n, bool good)
{
	struct stele_publisher *publisher = crash_publisher(region, 0, 0);
	uint64_t used = crash_used(publisher, NULL), version = stele_publisher_version(publisher);
	struct stele_transaction *tx;
	bool hit;
	int r;

	cr_assert_eq(stele_transaction_begin(publisher, &tx), 0);
	arm(n, good);
	r = stele_transaction_rollback(tx, POSITION(tx, version - 10));
	hit = disarm();
	if (r < 0) {
		cr_assert(hit && r == -ENOMEM, "request %lld: %d, %s", (long long)n, r,
		          stele_last_error());
		/* Nothing has changed, and the rollback succeeds now. */
		cr_assert_eq(stele_transaction_commit(tx, NULL, NULL), 0, "request %lld",
		             (long long)n);
		cr_assert_eq(crash_used(publisher, NULL), used, "request %lld", (long long)n);
		cr_assert_eq(stele_transaction_begin(publisher, &tx), 0);
		cr_assert_eq(stele_transaction_rollback(tx, POSITION(tx, version - 10)), 0, "%s",
		             stele_last_error());
	}
	cr_assert_eq(stele_transaction_commit(tx, NULL, NULL), 1, "%s", stele_last_error());
	used = crash_used(publisher, NULL);
	stele_publisher_close(publisher);
	publisher = crash_publisher(region, 0, 0);
	cr_assert_eq(crash_used(publisher, NULL), used, "request %lld", (long long)n);
	stele_publisher_close(publisher);
	return hit;
}

Test(crash_memory, crash_28_rollback_survives_a_failed_allocation, .fini = crash_clean,
     .timeout = 60)
{
	const char *region = crash_name("rollback");

	for (int good = 0; good < 2; good++) {
		int64_t n = 1;
		bool more;
		do {
			make_bank(region, 64, 20);
			more = one_rollback(region, n++, good);
			cr_assert_eq(stele_region_remove(region), 0, "%s", stele_last_error());
		} while (more);
		cr_assert_gt(n, 5);
	}
}

/* ---- opening ---- */

static bool open_publisher(const char *region, int64_t n, bool good, bool create)
{
	struct stele_publisher_options options = {
		.size = sizeof(options), .history = 4, .attach_timeout_ns = -1};
	struct before before = remember();
	struct stele_publisher *publisher;
	bool hit;
	int r;

	options.flags = create ? STELE_CREATE : 0;
	arm(n, good);
	r = stele_publisher_open(region, &options, &publisher);
	hit = disarm();
	if (r < 0) {
		cr_assert_eq(r, -ENOMEM, "request %lld: %d, %s", (long long)n, r,
		             stele_last_error());
		compare(&before, n);
		r = stele_publisher_open(region, &options, &publisher);
		cr_assert_eq(r, 0, "after request %lld was refused: %s", (long long)n,
		             stele_last_error());
	}
	stele_publisher_close(publisher);
	compare(&before, n);
	return hit;
}

static void opens(bool good)
{
	const char *region = crash_name("open"), *fresh = crash_name("new");
	int64_t n;

	make_bank(region, 4, 30);
	open_publisher(region, 1000000, false, false);
	for (n = 1; open_publisher(region, n, good, false); n++)
		cr_assert_eq(bank_assert_whole(region, 0, "after an open"), 30);
	cr_assert_gt(n, 5);
	for (n = 1;; n++) {
		bool more = open_publisher(fresh, n, good, true);
		cr_assert_eq(stele_region_remove(fresh), 0, "%s", stele_last_error());
		cr_assert_eq(crash_files(fresh, false), 0);
		if (!more)
			break;
	}
	cr_assert_gt(n, 3);
	cr_assert_eq(stele_region_remove(region), 0);
}

Test(crash_memory, crash_28_publisher_open_survives_a_failed_allocation, .fini = crash_clean,
     .timeout = 60)
{
	opens(false);
	opens(true);
}

/* ---- reading ---- */

static int read_snapshots(struct stele_subscriber *subscriber)
{
	struct stele_snapshot *snapshots[2] = {NULL};
	struct stele_changes *changes;
	struct stele_change change;
	struct stele_table tables[2];
	struct stele_schema *schema;
	char why[200];
	int r = stele_snapshot_open(subscriber, 0, &snapshots[0]);

	if (r == 0)
		r = bank_check(snapshots[0], why);
	if (r == 0)
		r = stele_snapshot_open(subscriber, 29, &snapshots[1]);
	for (unsigned i = 0; i < 2 && r == 0; i++)
		r = stele_table_open(snapshots[i], "left", NULL, &tables[i]);
	if (r == 0)
		r = stele_table_schema(&tables[0], &schema);
	if (r == 0) {
		stele_schema_free(schema);
		r = stele_changes_open(&tables[1], &tables[0], &changes);
	}
	if (r == 0) {
		while ((r = stele_changes_next(changes, &change)) == 1)
			;
		stele_changes_close(changes);
	}
	stele_snapshot_close(snapshots[1]);
	stele_snapshot_close(snapshots[0]);
	return r;
}

static int read_all(const char *region)
{
	struct stele_subscriber_options options = {.size = sizeof(options), .notifier = "futex"};
	struct stele_region_info info = {.size = sizeof(info)};
	uint32_t key = htonl(BANK_CLOCK);
	struct stele_subscriber *subscriber;
	struct stele_live live;
	struct account account;
	size_t size = sizeof(account);
	int r = stele_subscriber_open(region, &options, &subscriber);

	if (r < 0)
		return r;
	r = read_snapshots(subscriber);
	if (r == 0)
		r = stele_live_open(subscriber, "left", &account_schema, &live);
	if (r == 0)
		r = stele_live_get_copy(&live, &key, 32, &account, &size, NULL) == 1 ? 0 : -EIO;
	if (r == 0) {
		r = stele_subscriber_get_copy(subscriber, "right", NULL, &key, 32, &account, &size,
		                              NULL);
		r = r == 1 ? 0 : r == 0 ? -EIO : r;
	}
	if (r == 0)
		r = stele_region_describe(region, &info);
	stele_subscriber_close(subscriber);
	return r;
}

static void reads(bool good)
{
	const char *region = crash_name("read");
	bool more = true;
	int64_t n;
	int r;

	make_bank(region, 4, 30);
	cr_assert_eq(read_all(region), 0);
	for (n = 1; more; n++) {
		struct before before = remember();
		arm(n, good);
		r = read_all(region);
		more = disarm();
		cr_assert(r == 0 || r == -ENOMEM, "request %lld: %d, %s", (long long)n, r,
		          stele_last_error());
		cr_assert(r == 0 || stele_last_error()[0] != '\0');
		compare(&before, n);
	}
	cr_assert_gt(n, 10);
	cr_assert_eq(read_all(region), 0, "%s", stele_last_error());
	cr_assert_eq(stele_region_remove(region), 0);
}

Test(crash_memory, crash_28_reading_survives_a_failed_allocation, .fini = crash_clean,
     .timeout = 60)
{
	reads(false);
	reads(true);
}

/* ---- neither heap nor arena: making space must not need the heap ---- */

Test(crash_memory, crash_28_a_full_region_makes_space_without_the_heap, .fini = crash_clean,
     .timeout = 60)
{
	const char *region = crash_name("both");
	/* The smallest region with this history: it can't grow. */
	struct stele_publisher *publisher = crash_publisher(region, 64, 94208);
	struct stele_subscriber *subscriber = crash_subscriber(region, true);
	struct stele_transaction *tx;
	uint64_t random = 3, version, size;
	int64_t r;

	while (crash_used(publisher, &size) < 30000)
		cr_assert_gt(bank_commit(publisher, &random), 0, "%s", stele_last_error());
	stele_publisher_close(publisher);
	publisher = crash_publisher(region, 0, 0);
	version = stele_publisher_version(publisher);
	cr_assert_eq(stele_transaction_begin(publisher, &tx), 0);
	r = bank_put(tx, "left", 6000, 0, version);
	cr_assert_eq(r, 0, "%s", stele_last_error());
	alarm(30);
	arm(1, true);
	for (uint32_t i = 0; i < 100000 && r == 0; i++)
		r = bank_put(tx, "left", 6001 + i, 0, version);
	/* A full region drops history, and collects the pins for that, without heap memory. */
	cr_assert_not(disarm(), "a put that needs room took memory from the heap");
	alarm(0);
	cr_assert_eq(r, -ENOSPC, "%lld: %s", (long long)r, stele_last_error());
	stele_transaction_abort(tx);
	cr_assert_eq(stele_publisher_version(publisher), version);
	bank_assert_whole(region, 0, "after all");
	cr_assert_eq(bank_commit(publisher, &random), (int64_t)version + 1, "%s",
	             stele_last_error());
	stele_publisher_close(publisher);
	stele_subscriber_close(subscriber);
}
