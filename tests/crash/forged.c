/* SPDX-License-Identifier: MIT
 *
 * Region files that no publisher wrote, under a header with a correct checksum: header words near
 * 2^64 with references that fit them, counts far beyond what the library makes, sparse files,
 * versions that do not exist. Each call that reads returns an error or an answer at once, and takes
 * no memory for holes. */
#include <linux/magic.h>
#include <sys/vfs.h>

#include "lib/units.h"
#include "tests/support/crash/crash.h"
#include "tests/support/forge.h"
#include "tests/support/position.h"

/* Milliseconds of CPU that one round of all calls may take; it takes about one. */
#define CPU_MAX 2000

static const char *forged_path(const char *name)
{
	static char path[160];

	crash_path(name, "", path);
	return path;
}

static long cpu_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return now.tv_sec * MSEC_PER_SEC + now.tv_nsec / NSEC_PER_MSEC;
}

/* ---- all calls that read ---- */

static void expect_answer(int r, const char *call)
{
	cr_expect(r >= 0 || r == -EBADMSG || r == -ESTALE || r == -ETIME || r == -ENOENT ||
	                  r == -ENODATA || r == -ENXIO,
	          "%s: %d: %s", call, r, stele_last_error());
	if (r < 0)
		cr_expect_neq(stele_last_error()[0], '\0', "%s", call);
}

static void read_snapshot(struct stele_subscriber *subscriber, uint64_t version)
{
	struct stele_snapshot *snapshot;
	struct stele_commit_table changed;
	struct stele_commit commit;
	struct stele_cursor *cursor;
	struct stele_table table;
	struct stele_row row;
	char name[STELE_NAME_MAX + 1] = "";
	int r = stele_snapshot_open(subscriber, version, &snapshot);

	expect_answer(r, "snapshot_open");
	if (r < 0)
		return;
	expect_answer(stele_snapshot_commit(snapshot, &commit), "snapshot_commit");
	expect_answer(stele_snapshot_commit_table(snapshot, UINT32_MAX, &changed), "commit_table");
	while ((r = stele_snapshot_next_table(snapshot, name)) == 1)
		;
	expect_answer(r, "next_table");
	r = stele_table_open(snapshot, "t", NULL, &table);
	expect_answer(r, "table_open");
	if (r == 0 && stele_cursor_open(&table, &cursor) == 0) {
		while ((r = stele_cursor_next(cursor, &row)) == 1)
			;
		expect_answer(r, "cursor_next");
		r = stele_cursor_last(cursor);
		while (r >= 0 && (r = stele_cursor_previous(cursor, &row)) == 1)
			;
		expect_answer(r, "cursor_previous");
		stele_cursor_close(cursor);
	}
	stele_snapshot_close(snapshot);
}

static void read_as(const char *name, unsigned flags)
{
	struct stele_subscriber_options options = {.size = sizeof(options), .flags = flags};
	struct stele_subscriber *subscriber;
	struct stele_changes *changes;
	struct stele_live live;
	uint64_t oldest, newest;
	unsigned char value[64];
	size_t size = sizeof(value);
	int r = stele_subscriber_open(name, &options, &subscriber);

	expect_answer(r, "subscriber_open");
	if (r < 0)
		return;
	r = stele_subscriber_history(subscriber, &oldest, &newest);
	expect_answer(r, "history");
	/* A loop over all regions must end. */
	if (r == 0)
		cr_expect(oldest <= newest && newest - oldest < LAYOUT_RING_MAX, "%llu to %llu",
		          (unsigned long long)oldest, (unsigned long long)newest);
	expect_answer(stele_subscriber_wait(subscriber, 0, 0, &newest), "wait");
	read_snapshot(subscriber, 0);
	read_snapshot(subscriber, FORGE_VERSION);
	expect_answer(stele_subscriber_get_copy(subscriber, "t", NULL, "k", 8, value, &size, NULL),
	              "get");
	expect_answer(stele_live_open(subscriber, "t", NULL, &live), "live_open");
	r = changes_since_version(subscriber, "t", 1, &changes);
	expect_answer(r, "changes_since");
	if (r == 0)
		stele_changes_close(changes);
	stele_subscriber_close(subscriber);
}

static void read_all(const char *name)
{
	struct stele_region_info info = {.size = sizeof(info)};
	struct stele_region_use use = {.size = sizeof(use)};
	char saved[] = "/tmp/stele-forged-XXXXXX";
	int fd = mkstemp(saved);

	cr_assert(fd >= 0);
	close(fd);
	expect_answer(stele_region_describe(name, &info), "describe");
	if (info.maximum_size)
		cr_expect_leq(info.arena_size, info.file_size);
	read_as(name, STELE_UNREGISTERED);
	read_as(name, 0);
	expect_answer(stele_region_verify(name, NULL, &use), "verify");
	expect_answer(stele_region_save(name, saved, STELE_REPLACE, NULL, NULL), "save");
	unlink(saved);
}

/* Writes the file, and lets all calls read it. Checks that they are quick and fill no holes. */
static void read_forged(struct forge *forge)
{
	const char *name = crash_name("");
	uint64_t blocks;
	long cpu;

	forge_write(forged_path(name), forge);
	blocks = forge_blocks(forged_path(name));
	cpu = cpu_now();
	read_all(name);
	cr_expect_lt(cpu_now() - cpu, CPU_MAX * (SANITIZED ? 20 : 1));
	cr_expect_eq(forge_blocks(forged_path(name)), blocks, "reading took memory");
}

/* Checks that opening the file is refused before its contents are touched, with `words` in the
 * error message. */
static void expect_refused(struct forge *forge, const char *words)
{
	struct stele_subscriber_options options = {.size = sizeof(options),
	                                           .flags = STELE_UNREGISTERED};
	struct stele_subscriber *subscriber;
	struct stele_publisher *publisher;
	const char *name = crash_name("");

	read_forged(forge);
	cr_expect_eq(stele_subscriber_open(name, &options, &subscriber), -EBADMSG);
	cr_expect_not_null(strstr(stele_last_error(), words), "\"%s\"", stele_last_error());
	cr_expect_eq(stele_publisher_open(name, NULL, &publisher), -EBADMSG);
	cr_expect_not_null(strstr(stele_last_error(), words), "\"%s\"", stele_last_error());
}

/* Checks that the file opens, and is found undamaged. */
static void expect_whole(struct forge *forge)
{
	struct stele_region_use use = {.size = sizeof(use)};

	read_forged(forge);
	cr_expect_eq(stele_region_verify(crash_name(""), NULL, &use), 1, "%s", stele_last_error());
	cr_expect_eq(use.version, FORGE_VERSION);
}

/* ---- the forged files ---- */

/* A forged file without faults is accepted. Otherwise the tests below would see errors that have
 * other causes. */
Test(crash_forged, crash_14_a_forged_region_is_read, .fini = crash_clean)
{
	struct forge forge = forge_region();

	expect_whole(&forge);
}

Test(crash_forged, crash_14_arena_end_near_2_64_with_references_that_fit, .fini = crash_clean)
{
	static const uint64_t ends[] = {
		0,
		1,
		UINT64_MAX,
		UINT64_MAX - 7,
		UINT64_MAX - LAYOUT_GUARD + 1,
		UINT64_MAX - LAYOUT_GUARD,
		UINT64_MAX - 2 * LAYOUT_GUARD + 1,
		UINT64_C(1) << 63,
		LAYOUT_MAXIMUM,
		UINT64_C(1) << 32,
	};

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		struct forge forge = forge_region();
		uint32_t first = (uint32_t)(forge.header.arena_offset / LAYOUT_UNIT),
			 last = (uint32_t)(forge.size / LAYOUT_UNIT);
		const uint32_t references[] = {UINT32_MAX, 0xfffffff0, 0x7fffffff, 0x20000000,
		                               last,       last - 1,   first - 1,  1};

		forge.header.arena_end = ends[i];
		for (size_t k = 0; k < sizeof(references) / sizeof(references[0]); k++) {
			forge.newest.catalog = forge.newest.record = references[k];
			read_forged(&forge);
		}
	}
}

Test(crash_forged, crash_14_counts_that_no_publisher_makes, .fini = crash_clean)
{
	struct forge forge = forge_region();

	/* The limits themselves are allowed. */
	forge_counts(&forge, LAYOUT_RING_MAX, LAYOUT_KEPT_MAX);
	forge.header.history = LAYOUT_HISTORY_MAX;
	expect_whole(&forge);

	forge.header.history = LAYOUT_HISTORY_MAX + 1;
	expect_refused(&forge, "does not fit its file");
	forge_counts(&forge, LAYOUT_RING_MAX * 2, LAYOUT_KEPT_MAX);
	forge.header.history = 2;
	expect_refused(&forge, "does not fit its file");
	forge_counts(&forge, FORGE_RING, LAYOUT_KEPT_MAX + 1);
	expect_refused(&forge, "does not fit its file");
	forge_counts(&forge, FORGE_RING, LAYOUT_KEPT_MAX);
	forge.header.history = FORGE_RING + 1;
	expect_refused(&forge, "does not fit its file");
	forge.header.history = 2;
	forge.header.kept_offset = 0;
	expect_refused(&forge, "does not fit its file");
	forge_counts(&forge, FORGE_RING, LAYOUT_KEPT_MAX);
	forge.header.arena_offset = LAYOUT_ARENA_OFFSET_MAX + LAYOUT_PAGE;
	forge.size = forge.header.arena_offset + FORGE_ARENA;
	expect_refused(&forge, "does not fit its file");
}

/* Members that bound no walk, but which a reader or the next generation relies on. */
Test(crash_forged, crash_14_options_that_no_publisher_makes, .fini = crash_clean)
{
	static const struct {
		uint32_t durability, mode;
		uint64_t generation;
		int32_t segment;
		bool whole;
	} cases[] = {
		{0, 0, 1, 0, true},
		{LAYOUT_DURABLE_COMMIT, 0777, LAYOUT_GENERATION_MAX, INT32_MAX, true},
		{LAYOUT_DURABLE_COMMIT + 1, 0, 1, 0, false},
		{UINT32_MAX, 0, 1, 0, false},
		{0, 01000, 1, 0, false},
		{0, UINT32_MAX, 1, 0, false},
		{0, 0, 0, 0, false},
		{0, 0, LAYOUT_GENERATION_MAX + 1, 0, false},
		{0, 0, UINT64_MAX, 0, false},
		{0, 0, 1, -1, false},
	};
	struct forge forge;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		forge = forge_region();
		forge.header.durability = cases[i].durability;
		forge.header.mode = cases[i].mode;
		forge.header.generation = cases[i].generation;
		forge.header.segment = cases[i].segment;
		if (cases[i].whole)
			read_forged(&forge);
		else
			expect_refused(&forge, "does not fit its file");
	}
	forge = forge_region();
	memset(forge.header.name, 'n', sizeof(forge.header.name));
	expect_refused(&forge, "does not fit its file");
	forge = forge_region();
	forge.header.kept_offset = forge.header.ring_offset + 8;
	expect_refused(&forge, "does not fit its file");
	forge.header.kept_offset = forge.header.ring_offset;
	forge.header.ring_offset += 8;
	expect_refused(&forge, "does not fit its file");
	forge = forge_region();
	forge.header.history_bytes = UINT64_MAX;
	forge.header.kept_used = UINT64_MAX;
	read_forged(&forge);
}

/* A publisher reserves every byte of a file in memory. */
Test(crash_forged, crash_14_sparse_files, .fini = crash_clean)
{
	struct forge forge = forge_region();
	char path[160];
	int fd;

	/* The counts are possible, so the holes alone are the reason for the refusal. */
	forge.sparse = true;
	expect_refused(&forge, "holes");
	forge.size = UINT64_C(1) << 32;
	expect_refused(&forge, "holes");
	/* A walk over all these entries would fill the machine's memory. */
	forge_counts(&forge, FORGE_RING, 1 << 27);
	expect_refused(&forge, "holes");
	/* A hole of one page is enough for a refusal. */
	forge = forge_region();
	forge_write(forged_path(crash_name("")), &forge);
	crash_path(crash_name(""), "", path);
	fd = open(path, O_RDWR | O_CLOEXEC);
	cr_assert(fd >= 0 && fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
	                               (off_t)forge.header.arena_offset, LAYOUT_PAGE) == 0);
	close(fd);
	read_all(crash_name(""));
	cr_expect_neq(strstr(stele_last_error(), "holes"), NULL, "%s", stele_last_error());
}

/* The owner makes the file sparse after it was opened. */
Test(crash_forged, crash_14_a_file_that_becomes_sparse_is_refused, .fini = crash_clean)
{
	struct forge forge = forge_region();
	const char *path = forged_path(crash_name(""));
	struct stele_subscriber *subscriber;
	struct layout_header *header;
	uint64_t blocks;
	size_t size;

	forge_write(path, &forge);
	subscriber = crash_subscriber(crash_name(""), false);
	blocks = forge_blocks(path);
	header = crash_map(crash_name(""), "", &size);
	cr_assert_eq(truncate(path, 1 << 30), 0);
	header->arena_end = (1 << 30) - LAYOUT_GUARD;
	for (uint32_t offset = 1 << 20; offset < 1 << 30; offset += 1 << 20) {
		struct layout_commit *ring = (struct layout_commit *)((char *)header + LAYOUT_PAGE);
		ring[FORGE_VERSION % FORGE_RING].catalog = offset / LAYOUT_UNIT;
		ring[FORGE_VERSION % FORGE_RING].record = offset / LAYOUT_UNIT;
		read_snapshot(subscriber, 0);
	}
	cr_expect_eq(forge_blocks(path), blocks, "reading took memory");
	munmap(header, size);
	stele_subscriber_close(subscriber);
}

/* A version that does not exist now will not exist after a thousand tries either, each of which
 * would search all kept versions. */
Test(crash_forged, crash_14_a_missing_newest_version_is_reported_at_once, .fini = crash_clean)
{
	struct stele_subscriber *subscriber;
	struct stele_snapshot *snapshot;
	struct forge forge = forge_region();
	long cpu;

	forge.newest.version = 0;
	read_forged(&forge);
	subscriber = crash_subscriber(crash_name(""), false);
	cpu = cpu_now();
	for (unsigned i = 0; i < 1000; i++)
		cr_assert_eq(stele_snapshot_open(subscriber, 0, &snapshot), -EBADMSG);
	cr_expect_lt(cpu_now() - cpu, SANITIZED ? 5000 : 200);
	stele_subscriber_close(subscriber);
}

/* The file is marked as replaced, but still has the name: a reader that looks for the new file
 * finds this one again. */
Test(crash_forged, crash_14_a_file_marked_as_replaced_delays_no_reader, .fini = crash_clean)
{
	static const enum head_state states[] = {HEAD_REPLACING, HEAD_REPLACED, 3};

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		struct forge forge = forge_region();

		forge.header.head = head_make(FORGE_VERSION, states[i]);
		read_forged(&forge);
		forge.newest.version = 0;
		read_forged(&forge);
	}
}

/* On a disk, where a hole takes no memory, the file is read in place. On a tmpfs it is copied. */
Test(crash_forged, crash_14_a_saved_file_with_holes_takes_no_memory, .fini = crash_clean)
{
	struct stele_region_use use = {.size = sizeof(use)};
	struct forge forge = forge_region();
	char name[200], path[] = "/tmp/stele-saved-XXXXXX";
	struct statfs system;
	int fd = mkstemp(path);

	cr_assert(fd >= 0 && fstatfs(fd, &system) == 0);
	close(fd);
	forge.sparse = true;
	snprintf(name, sizeof(name), "file:%s", path);
	forge_write(path, &forge);
	if (system.f_type != TMPFS_MAGIC)
		cr_expect_eq(stele_region_verify(name, NULL, &use), 1, "%s", stele_last_error());
	unlink(path);
	snprintf(name, sizeof(name), "file:%s", forged_path(crash_name("")));
	forge_write(forged_path(crash_name("")), &forge);
	cr_expect_eq(stele_region_verify(name, NULL, &use), -EBADMSG);
	cr_expect_not_null(strstr(stele_last_error(), "cp --sparse=never"), "%s",
	                   stele_last_error());
}

Test(crash_forged, crash_14_history_above_the_newest_version, .fini = crash_clean)
{
	static const uint64_t words[] = {FORGE_VERSION + 1, UINT64_C(1) << 40,
	                                 (UINT64_C(1) << 62) - 1, UINT64_MAX};

	for (size_t i = 0; i < 3 * sizeof(words) / sizeof(words[0]); i++) {
		struct forge forge = forge_region();
		uint64_t word = words[i / 3];
		if (i % 3 != 1)
			forge.header.reclaimed = word;
		if (i % 3 != 0)
			forge.header.oldest = word;
		read_forged(&forge);
	}
}

/* The head is far above all commits, and the oldest version puts every version between them into
 * history. */
Test(crash_forged, crash_14_a_history_of_2_to_the_60_versions_is_bounded, .fini = crash_clean)
{
	struct forge forge = forge_region();

	forge.header.oldest = forge.header.reclaimed = 1;
	forge.newest.version = UINT64_C(1) << 60;
	forge.header.head = FORGE_HEAD(forge.newest.version);
	read_forged(&forge);
}
