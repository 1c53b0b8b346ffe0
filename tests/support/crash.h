/* SPDX-License-Identifier: MIT
 *
 * What the crash tests share. A BANK is a region whose every version can be told whole from half by looking at it
 * alone. Version g of a bank holds
 *
 *   left, right   BANK_ACCOUNTS accounts each, whose amounts add up to BANK_SUM over both tables; a clock (the last
 *                 key) that says g; and one extra row for each of the last BANK_EXTRAS versions
 *   odd           only where g % 16 is 8 or more, with a row for each version since it was made
 */
#ifndef TESTS_SUPPORT_CRASH_H
#define TESTS_SUPPORT_CRASH_H

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <stele/stele.h>

#include "lib/layout.h"
#include "tests/support/random.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CRASH_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CRASH_SANITIZED 1
#endif
#endif
#ifndef CRASH_SANITIZED
#define CRASH_SANITIZED 0
#endif

#define BANK_ACCOUNTS     12u
#define BANK_EXTRAS       5u
#define BANK_SUM          ((int64_t)(2 * BANK_ACCOUNTS * 1000))
#define BANK_CLOCK        UINT32_MAX
#define BANK_ODD(version) ((version) % 16 >= 8)

struct account {
	int64_t amount;
	uint64_t generation;
};

static const struct stele_column account_columns[] = {
	STELE_KEY("id", STELE_U32),
	STELE_VALUE(struct account, amount, STELE_I64),
	STELE_VALUE(struct account, generation, STELE_U64),
};
static const struct stele_schema account_schema = STELE_SCHEMA(struct account, account_columns);

static inline int64_t crash_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* A child that does not outlive its test. */
static inline pid_t crash_fork(void)
{
	pid_t parent = getpid(), child = fork();

	cr_assert(child >= 0, "%s", strerror(errno));
	if (child == 0 && (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent))
		_exit(9);
	return child;
}

/* ---- names and files ---- */

/* A region name of this process's own: in one of four buffers, used in turn. */
static inline const char *crash_name(const char *suffix)
{
	static char names[4][STELE_NAME_MAX + 1];
	static unsigned next;
	char *name = names[next++ % 4];

	snprintf(name, sizeof(names[0]), "crash%d%s", (int)getpid(), suffix);
	return name;
}

static inline void crash_path(const char *region, const char *file, char ret[160])
{
	snprintf(ret, 160, "/dev/shm/stele.%s%s", region, file);
}

/* How many files there are whose names begin as a region's do; with `unlink_them` they go. */
static inline size_t crash_files(const char *region, bool unlink_them)
{
	char pattern[160];
	glob_t found;
	size_t count = 0;

	crash_path(region, "*", pattern);
	if (glob(pattern, 0, NULL, &found) == 0) {
		count = found.gl_pathc;
		for (size_t i = 0; unlink_them && i < count; i++)
			if (unlink(found.gl_pathv[i]) < 0)
				rmdir(found.gl_pathv[i]);
		globfree(&found);
	}
	return count;
}

/* What a test file has to clean besides; NULL: nothing. */
static void (*crash_clean_more)(void);

/* For .fini of a test: whatever it left goes, also after a failure. */
static inline void crash_clean(void)
{
	if (crash_clean_more)
		crash_clean_more();
	crash_files(crash_name(""), true);
}

/* A skipped test has no .fini. */
#define crash_skip(why) \
	do { \
		crash_clean(); \
		cr_skip_test(why); \
	} while (0)

static inline int crash_open(const char *region, const char *file, int flags)
{
	char path[160];

	crash_path(region, file, path);
	return open(path, flags | O_CLOEXEC, 0600);
}

/* Maps a file of a region, all that it has now. */
static inline void *crash_map(const char *region, const char *file, size_t *ret_size)
{
	int fd = crash_open(region, file, O_RDWR);
	struct stat status;
	void *base;

	cr_assert(fd >= 0 && fstat(fd, &status) == 0, "cannot open %s%s", region, file);
	base = mmap(NULL, (size_t)status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	cr_assert(base != MAP_FAILED);
	close(fd);
	if (ret_size)
		*ret_size = (size_t)status.st_size;
	return base;
}

/* ---- opening, with the sentence where it fails ---- */

static inline struct stele_publisher *crash_publisher(const char *region, uint32_t history,
                                                      uint64_t maximum)
{
	struct stele_publisher_options options = {
		.size = sizeof(options),
		.flags = STELE_CREATE,
		.history = history,
		.maximum_size = maximum,
		.limit_size = maximum,
	};
	struct stele_publisher *publisher = NULL;

	cr_assert_eq(stele_publisher_open(region, &options, &publisher), 0, "%s",
	             stele_last_error());
	return publisher;
}

static inline struct stele_subscriber *crash_subscriber(const char *region, bool registered)
{
	struct stele_subscriber_options options = {.size = sizeof(options)};
	struct stele_subscriber *subscriber = NULL;

	options.flags = registered ? 0 : STELE_UNREGISTERED;
	options.notifier = registered ? "futex" : NULL;
	cr_assert_eq(stele_subscriber_open(region, &options, &subscriber), 0, "%s",
	             stele_last_error());
	return subscriber;
}

static inline uint64_t crash_used(struct stele_publisher *publisher, uint64_t *ret_size)
{
	struct stele_publisher_stats stats = {.size = sizeof(stats)};

	cr_assert_eq(stele_publisher_stats(publisher, &stats), 0);
	if (ret_size)
		*ret_size = stats.arena_size;
	return stats.arena_used;
}

/* ---- the bank ---- */

static inline int bank_get(struct stele_transaction *tx, const char *table, uint32_t id,
                           struct account *ret)
{
	uint32_t key = htonl(id);
	struct stele_row row;
	int r = stele_transaction_get(tx, table, &key, 32, &row);

	if (r == 1)
		memcpy(ret, row.value, sizeof(*ret));
	return r == 1 ? 0 : r == 0 ? -ENOENT : r;
}

static inline int bank_put(struct stele_transaction *tx, const char *table, uint32_t id,
                           int64_t amount, uint64_t generation)
{
	struct account account = {amount, generation};
	uint32_t key = htonl(id);
	int r = stele_put(tx, table, &key, 32, &account, sizeof(account));

	return r < 0 ? r : 0;
}

static inline int bank_add(struct stele_transaction *tx, const char *table, uint32_t id,
                           int64_t amount, uint64_t generation)
{
	struct account account;
	int r = bank_get(tx, table, id, &account);

	return r < 0 ? r : bank_put(tx, table, id, account.amount + amount, generation);
}

static inline uint32_t bank_extra(uint64_t version)
{
	return 1000 + (uint32_t)(version & 0xfffff);
}

static inline int bank_make(struct stele_transaction *tx)
{
	static const char *const tables[] = {"left", "right"};
	int r = 0;

	for (unsigned t = 0; t < 2 && r == 0; t++) {
		r = stele_table_create(tx, tables[t], &account_schema);
		for (uint32_t i = 0; i < BANK_ACCOUNTS && r == 0; i++)
			r = bank_put(tx, tables[t], i, 1000, 1);
	}
	return r;
}

/* Makes in a transaction what version g of the bank differs in from the one before it. */
static inline int bank_change(struct stele_transaction *tx, uint64_t g, uint64_t *random)
{
	static const char *const tables[] = {"left", "right"};
	uint32_t key;
	int r = g == 1 ? bank_make(tx) : 0;

	for (unsigned t = 0; t < 2 && r == 0; t++) {
		int64_t amount = (int64_t)(random_from(random) % 9) + 1;
		r = bank_add(tx, tables[random_from(random) % 2],
		             (uint32_t)(random_from(random) % BANK_ACCOUNTS), amount, g);
		if (r == 0)
			r = bank_add(tx, tables[random_from(random) % 2],
			             (uint32_t)(random_from(random) % BANK_ACCOUNTS), -amount, g);
		if (r == 0)
			r = bank_put(tx, tables[t], BANK_CLOCK, 0, g);
		if (r == 0)
			r = bank_put(tx, tables[t], bank_extra(g), 0, g);
		if (r == 0 && g > BANK_EXTRAS) {
			key = htonl(bank_extra(g - BANK_EXTRAS));
			r = stele_delete(tx, tables[t], &key, 32) == 1 ? 0 : -EIO;
		}
	}
	if (r == 0 && g > 1 && BANK_ODD(g - 1) && !BANK_ODD(g))
		r = stele_table_drop(tx, "odd");
	if (r == 0 && BANK_ODD(g) && !BANK_ODD(g - 1))
		r = stele_table_create(tx, "odd", &account_schema);
	if (r == 0 && BANK_ODD(g))
		r = bank_put(tx, "odd", (uint32_t)(g % 16), 0, g);
	return r;
}

/* One commit: the new version, or a negative errno. */
static inline int64_t bank_commit(struct stele_publisher *publisher, uint64_t *random)
{
	struct stele_transaction *tx;
	uint64_t version = 0;
	int r = stele_transaction_begin(publisher, &tx);

	if (r < 0)
		return r;
	r = bank_change(tx, stele_publisher_version(publisher) + 1, random);
	if (r < 0) {
		stele_transaction_abort(tx);
		return r;
	}
	r = stele_transaction_commit(tx, "bank", &version);
	return r < 0 ? r : r == 0 ? -EIO : (int64_t)version;
}

static inline void bank_run(struct stele_publisher *publisher, uint64_t until, uint64_t *random)
{
	while (stele_publisher_version(publisher) < until) {
		int64_t r = bank_commit(publisher, random);
		cr_assert(r > 0, "commit after version %llu: %s",
		          (unsigned long long)stele_publisher_version(publisher),
		          stele_last_error());
	}
}

/* Says what is wrong, and is 1. */
#define bank_wrong(...) (snprintf(why, 200, __VA_ARGS__), 1)

/* One table of the bank: 0; 1 and why: it is not whole; or the library's error. */
static inline int bank_check_table(const struct stele_snapshot *snapshot, const char *name,
                                   int64_t *sum, char *why)
{
	uint64_t version = stele_snapshot_version(snapshot), last = 0;
	uint64_t extras = version < BANK_EXTRAS ? version : BANK_EXTRAS, rows = 0, found = 0;
	struct stele_cursor *cursor;
	struct stele_table table;
	struct stele_row row;
	struct account account;
	int r = stele_table_open(snapshot, name, &account_schema, &table);

	if (r == 0)
		r = stele_cursor_open(&table, &cursor);
	if (r < 0)
		return r;
	while ((r = stele_cursor_next(cursor, &row)) == 1) {
		uint32_t id;
		memcpy(&id, row.key, 4);
		memcpy(&account, row.value, sizeof(account));
		r = stele_snapshot_check(snapshot);
		if (r < 0)
			break;
		id = ntohl(id);
		if (rows++ > 0 && id <= last)
			r = bank_wrong("%s: row %u after row %llu", name, id,
			               (unsigned long long)last);
		else if (account.generation > version || row.version > version)
			r = bank_wrong("%s: row %u is of version %llu", name, id,
			               (unsigned long long)account.generation);
		else if (id == BANK_CLOCK && account.generation != version)
			r = bank_wrong("%s: the clock says %llu", name,
			               (unsigned long long)account.generation);
		else if (id >= 1000 && id != BANK_CLOCK &&
		         (account.generation + extras <= version ||
		          id != bank_extra(account.generation)))
			r = bank_wrong("%s: extra row %u of %llu", name, id,
			               (unsigned long long)account.generation);
		if (r != 0)
			break;
		last = id;
		found += id >= 1000 && id != BANK_CLOCK;
		*sum += account.amount;
	}
	stele_cursor_close(cursor);
	if (r != 0)
		return r;
	if (rows != stele_table_rows(&table) || rows != BANK_ACCOUNTS + extras + 1 ||
	    found != extras)
		return bank_wrong("%s: %llu rows, %llu of them extra", name,
		                  (unsigned long long)rows, (unsigned long long)found);
	return 0;
}

static inline int bank_check_odd(const struct stele_snapshot *snapshot, char *why)
{
	uint64_t version = stele_snapshot_version(snapshot);
	struct stele_table table;
	int r = stele_table_open(snapshot, "odd", &account_schema, &table);

	if (r == -ENOENT)
		return BANK_ODD(version) ? bank_wrong("there is no table odd") : 0;
	if (r < 0)
		return r;
	if (!BANK_ODD(version))
		return bank_wrong("there is a table odd");
	for (uint64_t i = 8; i <= version % 16; i++) {
		uint32_t key = htonl((uint32_t)i);
		struct stele_row row;
		r = stele_table_get(&table, &key, 32, &row);
		if (r != 1)
			return r < 0 ? r : bank_wrong("odd has no row %llu", (unsigned long long)i);
	}
	if (stele_table_rows(&table) != version % 16 - 7)
		return bank_wrong("odd has %llu rows",
		                  (unsigned long long)stele_table_rows(&table));
	return 0;
}

/* A version of the bank: 0: it is whole; 1 and why it isn't (200 bytes); or the library's error. */
static inline int bank_check(const struct stele_snapshot *snapshot, char *why)
{
	char name[STELE_NAME_MAX + 1] = "";
	int64_t sum = 0;
	unsigned tables = 0;
	int r;

	why[0] = '\0';
	if (stele_snapshot_version(snapshot) == 0)
		return stele_snapshot_next_table(snapshot, name) == 0
		               ? 0
		               : bank_wrong("version 0 has tables");
	r = bank_check_table(snapshot, "left", &sum, why);
	if (r == 0)
		r = bank_check_table(snapshot, "right", &sum, why);
	if (r == 0)
		r = bank_check_odd(snapshot, why);
	if (r != 0)
		return r;
	if (sum != BANK_SUM)
		return bank_wrong("the amounts add up to %lld", (long long)sum);
	while ((r = stele_snapshot_next_table(snapshot, name)) == 1)
		if (++tables > 4)
			return bank_wrong("too many tables");
	return r;
}

/* Reads a version of a bank (0: the newest) through a reader that leaves no trace, and asserts that it is whole.
 * Returns the version. */
static inline uint64_t bank_assert_whole(const char *region, uint64_t version, const char *when)
{
	struct stele_subscriber *subscriber = crash_subscriber(region, false);
	struct stele_snapshot *snapshot;
	char why[200];
	int r = stele_snapshot_open(subscriber, version, &snapshot);

	cr_assert_eq(r, 0, "%s: %s", when, stele_last_error());
	r = bank_check(snapshot, why);
	cr_assert_eq(r, 0, "%s: version %llu: %s", when,
	             (unsigned long long)stele_snapshot_version(snapshot),
	             r > 0 ? why : stele_last_error());
	version = stele_snapshot_version(snapshot);
	stele_subscriber_close(subscriber);
	return version;
}

#endif
