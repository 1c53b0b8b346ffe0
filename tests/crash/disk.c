/* SPDX-License-Identifier: MIT
 *
 * A disk that refuses writes. Committed versions stay, a write that the disk refused makes no
 * version, and nothing is committed on top of it before the region is opened anew. */
#include <sys/resource.h>
#include <sys/syscall.h>

#include "tests/support/crash/bank.h"
#include "tests/support/crash/crash.h"

static unsigned syncs,
	refused;           /* number of syncs so far, and number of the sync that fails (0: none) */
static bool stops_mapping; /* from the sync that fails on, nothing can be mapped */

static void limit_memory(rlim_t bytes)
{
	struct rlimit limit;

	cr_assert_eq(getrlimit(RLIMIT_AS, &limit), 0);
	limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
	cr_assert_eq(setrlimit(RLIMIT_AS, &limit), 0);
}

static int sync_or_not(long call, int fd)
{
	if (++syncs == refused) {
		if (stops_mapping)
			limit_memory(0);
		errno = EIO;
		return -1;
	}
	return (int)syscall(call, fd);
}

/* Replaces the C library's function for the library that is linked into this program. */
int fdatasync(int fd)
{
	return sync_or_not(SYS_fdatasync, fd);
}

int fsync(int fd)
{
	return sync_or_not(SYS_fsync, fd);
}

static struct stele_publisher *open_durable(const char *region)
{
	struct stele_publisher_options options = {
		.size = sizeof(options),
		.flags = STELE_CREATE,
		.history = 2,
		.durability = STELE_DURABLE_COMMIT,
		.maximum_size = 1 << 17,
		.limit_size = 1 << 22,
	};
	struct stele_publisher *publisher = NULL;

	cr_assert_eq(stele_publisher_open(region, &options, &publisher), 0, "%s",
	             stele_last_error());
	return publisher;
}

/* Commits with the n-th sync failing. Returns false if there were fewer. */
static bool refuse(const char *region, unsigned which, uint64_t *random)
{
	struct stele_publisher *publisher = open_durable(region);
	uint64_t version = stele_publisher_version(publisher);
	struct stele_transaction *tx;
	int64_t r = 0;

	syncs = 0;
	refused = which;
	for (unsigned i = 0; i < 40 && r >= 0; i++) {
		r = bank_commit(publisher, random);
		version += r >= 0;
		if (syncs >= which)
			break;
	}
	if (syncs < which) {
		refused = 0;
		stele_publisher_close(publisher);
		return false;
	}
	/* The sync was refused in a commit, or after it, in a reclaim, which the next commit
	 * reports. */
	cr_assert(r == -EIO || r == (int64_t)version, "%lld: %s", (long long)r, stele_last_error());
	bank_assert_whole(region, 0, "after a refused write");
	cr_assert_eq(stele_transaction_begin(publisher, &tx), -EIO);
	cr_assert(strstr(stele_last_error(), "check the disk"), "%s", stele_last_error());
	cr_assert_eq(stele_publisher_compact(publisher), -EIO);
	cr_assert_eq(stele_publisher_version(publisher), version);
	refused = 0;
	stele_publisher_close(publisher);
	publisher = open_durable(region);
	cr_assert_eq(stele_publisher_version(publisher), version);
	cr_assert_eq(bank_commit(publisher, random), (int64_t)version + 1, "%s",
	             stele_last_error());
	stele_publisher_close(publisher);
	bank_assert_whole(region, 0, "after opening anew");
	return true;
}

Test(crash_disk, crash_a_refused_write_is_no_version, .fini = crash_clean, .timeout = 60)
{
	const char *region = crash_name("");
	uint64_t random = 11;
	unsigned which = 1;

	while (which < 60 && refuse(region, which, &random))
		which++;
	cr_assert_gt(which, 40, "only %u syncs", which);
}

/* The region could not be moved to a larger file, and its own file could not be mapped again. No
 * disk is to blame for that. */
Test(crash_disk, crash_28_a_file_that_can_not_be_mapped_again, .fini = crash_clean, .timeout = 60)
{
	static const char value[4096];
	char name[STELE_NAME_MAX + 1];
	const char *region = crash_name("");
	struct stele_publisher *publisher = open_durable(region);
	struct stele_schema *schema;
	struct stele_transaction *tx;
	int r = 0;

	cr_assert_eq(stele_schema_parse("wide(key: u32 key, value: char[4096])", name, &schema), 0,
	             "%s", stele_last_error());
	cr_assert_eq(stele_transaction_begin(publisher, &tx), 0);
	cr_assert_eq(stele_transaction_create_table(tx, "wide", schema), 0, "%s",
	             stele_last_error());
	stele_schema_free(schema);
	/* The next file is mapped; the sync before it gets its name fails. */
	syncs = 0;
	refused = 1;
	stops_mapping = true;
	for (uint32_t key = 0; key < 64 && r >= 0; key++)
		r = stele_transaction_put(tx, "wide", &key, 32, value, sizeof(value));
	limit_memory(RLIM_INFINITY);
	cr_assert_lt(r, 0);
	stele_transaction_abort(tx);
	cr_assert_eq(stele_transaction_begin(publisher, &tx), -EIO);
	cr_assert(strstr(stele_last_error(), "could not be mapped again"), "%s",
	          stele_last_error());
	cr_assert_null(strstr(stele_last_error(), "disk"), "%s", stele_last_error());
	stops_mapping = false;
	refused = 0;
	stele_publisher_close(publisher);
	publisher = open_durable(region);
	cr_assert_eq(stele_publisher_version(publisher), 0);
	stele_publisher_close(publisher);
}
