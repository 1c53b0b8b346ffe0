/* SPDX-License-Identifier: MIT
 *
 * A publisher stopped at every instruction. It runs under ptrace, one instruction at a time.
 * Whenever an instruction changed a file of the region, the test copies the files: the state that a
 * death at this point would leave. A reader and the recovery open each copy, and must find the
 * version before or the version after, undamaged. */
#include "tests/support/crash/bank.h"
#include "tests/support/crash/trace.h"

#define FILES 3
static const char *const file_names[FILES] = {"", ".publisher", ".subscribers"};

/* ---- the files while the publisher steps ---- */

struct watched {
	int fd; /* -1: absent */
	unsigned char *map, *last;
	size_t size;
};

struct watch {
	char region[STELE_NAME_MAX + 1];
	struct watched files[FILES];
	off_t directory;
	size_t names; /* number of names that begin with the region's */
};

#define WATCH_MAX (UINT64_C(1) << 22)

static void watch_start(struct watch *watch, const char *region)
{
	memset(watch, 0, sizeof(*watch));
	strcpy(watch->region, region);
	for (unsigned i = 0; i < FILES; i++)
		watch->files[i].fd = -1;
}

static void watched_close(struct watched *file)
{
	if (file->fd < 0)
		return;
	munmap(file->map, WATCH_MAX);
	free(file->last);
	close(file->fd);
	*file = (struct watched){.fd = -1};
}

static void watch_end(struct watch *watch)
{
	for (unsigned i = 0; i < FILES; i++)
		watched_close(&watch->files[i]);
}

static bool watched_changed(struct watch *watch, unsigned which)
{
	struct watched *file = &watch->files[which];
	struct stat status;
	size_t size;

	if (file->fd >= 0 && (fstat(file->fd, &status) < 0 || status.st_nlink == 0))
		watched_close(file);
	if (file->fd < 0) {
		file->fd = crash_open(watch->region, file_names[which], O_RDONLY);
		if (file->fd < 0)
			return false;
		cr_assert_eq(fstat(file->fd, &status), 0);
		file->map = mmap(NULL, WATCH_MAX, PROT_READ, MAP_SHARED, file->fd, 0);
		file->last = malloc(WATCH_MAX);
		cr_assert(file->map != MAP_FAILED && file->last);
	}
	size = (size_t)status.st_size;
	cr_assert_leq(size, WATCH_MAX);
	if (size == file->size && memcmp(file->map, file->last, size) == 0)
		return false;
	memcpy(file->last, file->map, size);
	file->size = size;
	return true;
}

/* Returns whether the last instruction changed the data file or, with `all`, any file or name. */
static bool watch_changed(struct watch *watch, bool all)
{
	bool changed = watched_changed(watch, 0);
	struct stat status;
	size_t names;

	if (!all)
		return changed;
	changed |= watched_changed(watch, 1);
	changed |= watched_changed(watch, 2);
	/* A tmpfs directory's size counts its names, also those that other processes create and
	 * remove. */
	if (stat("/dev/shm", &status) == 0 && status.st_size != watch->directory) {
		watch->directory = status.st_size;
		names = crash_files(watch->region, false);
		changed |= names != watch->names;
		watch->names = names;
	}
	return changed;
}

static void write_file(const char *path, const void *bytes, size_t size)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	cr_assert(fd >= 0, "%s: %s", path, strerror(errno));
	cr_assert_eq(ftruncate(fd, (off_t)size), 0);
	cr_assert_eq(pwrite(fd, bytes, size, 0), (ssize_t)size);
	close(fd);
}

/* Copies all files of region `from` to region `to`. The stopped process may hold the robust mutex.
 * If it died now, the kernel would mark the mutex, so the copy is marked in the same way. */
static void copy_all(const char *from, const char *to)
{
	char pattern[160], path[256], *bytes = malloc(WATCH_MAX);
	glob_t found;

	cr_assert_not_null(bytes);
	crash_files(to, true);
	crash_path(from, "*", pattern);
	if (glob(pattern, 0, NULL, &found) == 0) {
		for (size_t i = 0; i < found.gl_pathc; i++) {
			const char *rest = found.gl_pathv[i] + strlen(pattern) - 1;
			int fd = open(found.gl_pathv[i], O_RDONLY | O_CLOEXEC);
			ssize_t size = read(fd, bytes, WATCH_MAX);
			close(fd);
			snprintf(path, sizeof(path), "/dev/shm/stele.%s%s", to, rest);
			/* The channels folder is empty: there are no subscribers. */
			if (size < 0) {
				cr_assert_eq(mkdir(path, 0700), 0, "%s: %s", path, strerror(errno));
				continue;
			}
			if (strcmp(rest, ".publisher") == 0) {
				struct layout_publisher_file *file = (void *)bytes;
				if (file->mutex.__data.__lock != 0)
					file->mutex.__data.__lock =
						0x40000000; /* FUTEX_OWNER_DIED */
			}
			write_file(path, bytes, (size_t)size);
		}
		globfree(&found);
	}
	free(bytes);
}

/* ---- checks of a state ---- */

struct expected {
	const char *copy;       /* the name under which states are opened */
	uint64_t before, after; /* the versions that it may have */
	uint64_t pinned;        /* a version that is pinned, 0: none */
	uint64_t last;          /* the version seen last: it never goes back */
	uint64_t states, random;
};

static uint64_t reclaimed_of(const char *region)
{
	int fd = crash_open(region, "", O_RDONLY);
	struct layout_header header;

	cr_assert_eq(pread(fd, &header, sizeof(header), 0), (ssize_t)sizeof(header));
	close(fd);
	return header.reclaimed;
}

/* Opens the state with a reader, then recovers it, commits on top of it, and reads again. */
static void assert_sound(struct expected *expected)
{
	struct stele_publisher *publisher;
	uint64_t version = bank_assert_whole(expected->copy, 0, "a reader"), used,
		 reclaimed = reclaimed_of(expected->copy);
	int64_t committed;

	cr_assert(version >= expected->before && version <= expected->after &&
	                  version >= expected->last,
	          "version %llu after %llu, in state %llu", (unsigned long long)version,
	          (unsigned long long)expected->last, (unsigned long long)expected->states);
	expected->last = version;
	if (expected->pinned)
		bank_assert_whole(expected->copy, expected->pinned,
		                  "a reader of the pinned version");
	publisher = crash_publisher(expected->copy, 2, 1 << 22);
	cr_assert_eq(stele_publisher_version(publisher), version,
	             "recovery finds version %llu instead of %llu",
	             (unsigned long long)stele_publisher_version(publisher),
	             (unsigned long long)version);
	if (expected->states % 16 == 0) {
		used = crash_used(publisher, NULL);
		stele_publisher_close(publisher);
		publisher = crash_publisher(expected->copy, 2, 1 << 22);
		cr_assert_eq(crash_used(publisher, NULL), used);
	}
	if (expected->pinned)
		bank_assert_whole(expected->copy, expected->pinned,
		                  "the pinned version after recovery");
	committed = bank_commit(publisher, &expected->random);
	cr_assert_eq(committed, (int64_t)version + 1, "a commit after recovery: %s",
	             stele_last_error());
	stele_publisher_close(publisher);
	bank_assert_whole(expected->copy, version + 1, "after recovery and a commit");
	/* A commit that reclaims finds no pin in the copy's own subscribers file. */
	if (expected->pinned && reclaimed == reclaimed_of(expected->copy))
		bank_assert_whole(expected->copy, expected->pinned,
		                  "the pinned version after recovery and a commit");
	expected->states++;
}

/* Steps through a job on an existing region, and checks each state of its data file. Optionally
 * keeps some states. */
static void step_through(struct job *job, struct expected *expected, const char *keep[],
                         unsigned keeps)
{
	struct tracee tracee = trace_start(job);
	struct watch watch;
	unsigned kept = 0;
	char path[160];

	crash_path(expected->copy, "", path);
	watch_start(&watch, job->region);
	watch_changed(&watch, false);
	expected->last = expected->before;
	while (trace_step(&tracee)) {
		if (!watch_changed(&watch, false))
			continue;
		write_file(path, watch.files[0].last, watch.files[0].size);
		assert_sound(expected);
		if (kept < keeps && expected->states % 60 == 30)
			copy_all(job->region, keep[kept++]);
	}
	cr_assert_eq(expected->last, expected->after);
	trace_end(&tracee);
	watch_end(&watch);
	cr_assert_eq(kept, keeps, "only %u states were kept", kept);
}

/* ---- commits ---- */

Test(crash_step, crash_01_every_instruction_of_a_commit, .fini = crash_clean, .timeout = 500)
{
	/* The first version, which creates tables; one that creates a table; one that drops a
	 * table. */
	static const uint64_t versions[] = {1, 8, 16};

	for (unsigned i = 0; i < 3; i++) {
		struct expected expected = {.copy = crash_name("copy"),
		                            .before = versions[i] - 1,
		                            .after = versions[i]};
		struct job job = {.region = crash_name("step"),
		                  .prepare = trace_prepare_open,
		                  .act = trace_act_commit};
		crash_clean();
		bank_create(job.region, versions[i] - 1);
		step_through(&job, &expected, NULL, 0);
		cr_assert_gt(expected.states, 100);
	}
}

static int act_alter(struct job *job)
{
	uint64_t version = stele_publisher_version(job->publisher);
	struct stele_transaction *tx;
	int r = stele_transaction_begin(job->publisher, &tx);

	if (r == 0)
		r = bank_change(tx, version + 1, &job->random);
	if (r == 0)
		r = bank_alter(tx, "left");
	return r < 0 ? r : stele_transaction_commit(tx, NULL, NULL);
}

/* Readers of the old columns read every state; the states after the alter can be altered again. */
Test(crash_step, crash_01_every_instruction_of_an_alter, .fini = crash_clean, .timeout = 500)
{
	struct expected expected = {.copy = crash_name("copy")};
	struct job job = {
		.region = crash_name("step"), .prepare = trace_prepare_open, .act = act_alter};

	bank_create(job.region, 3);
	for (unsigned i = 0; i < 2; i++) {
		expected.before = 3 + i;
		expected.after = 4 + i;
		expected.states = 0;
		step_through(&job, &expected, NULL, 0);
		cr_assert_gt(expected.states, 100);
	}
	cr_assert_eq(stele_region_verify(
			     job.region, NULL,
			     &(struct stele_region_use){.size = sizeof(struct stele_region_use)}),
	             1);
}

Test(crash_step, crash_01_every_instruction_of_a_reclaim, .fini = crash_clean, .timeout = 500)
{
	/* With a history of two, the commit of version 18 reclaims the versions below 17 except
	 * pinned ones, and that of 35 those below 34. */
	struct expected expected = {.copy = crash_name("copy"), .pinned = 10};
	struct job job = {.region = crash_name("step"),
	                  .prepare = trace_prepare_change,
	                  .act = trace_act_commit_only};
	struct stele_subscriber *subscriber;
	struct stele_snapshot *snapshot;
	struct layout_header *header;

	bank_create(job.region, 12);
	subscriber = crash_subscriber(job.region, true);
	cr_assert_eq(stele_snapshot_open(subscriber, 10, &snapshot), 0, "%s", stele_last_error());
	header = crash_map(job.region, "", NULL);
	for (unsigned i = 0; i < 2; i++) {
		uint64_t at = i == 0 ? 18 : 35, reclaimed = header->reclaimed;
		bank_create(job.region, at - 1);
		cr_assert_eq(header->reclaimed, reclaimed);
		expected.before = at - 1;
		expected.after = at;
		step_through(&job, &expected, NULL, 0);
		cr_assert_eq(header->reclaimed, at - 1,
		             "the commit of version %llu did not reclaim", (unsigned long long)at);
		cr_assert_eq(stele_snapshot_check(snapshot), 0, "%s", stele_last_error());
	}
	munmap(header, sizeof(*header));
	stele_subscriber_close(subscriber);
}

/* ---- growth ---- */

static const struct stele_column blob_columns[] = {
	STELE_KEY("id", STELE_U32),
	{.name = "bytes", .type = STELE_BYTES},
};
static const struct stele_schema blob_schema = {.columns = blob_columns, .column_count = 2};

/* A commit that needs memory. */
static int act_blob(struct job *job)
{
	unsigned char value[400] = {1};
	struct stele_transaction *tx;
	uint64_t version = stele_publisher_version(job->publisher) + 1;
	uint32_t key = htonl((uint32_t)version);
	int r = stele_transaction_begin(job->publisher, &tx);

	if (r == 0)
		r = bank_change(tx, version, &job->random);
	if (r == 0 && version == 1)
		r = stele_transaction_create_table(tx, "odd_blobs", &blob_schema);
	for (unsigned i = 0; i < 4 && r >= 0; i++, key += htonl(1u << 16))
		r = stele_transaction_put(tx, "odd_blobs", &key, 32, value, sizeof(value));
	return r < 0 ? r : stele_transaction_commit(tx, NULL, NULL);
}

/* Commits until the file grows. Returns the version that made it grow. */
static uint64_t blobs_until(const char *region, uint64_t until)
{
	struct job job = {.region = region, .random = 5};
	struct stele_publisher *publisher = crash_publisher(region, 2, 1 << 22);
	uint64_t first, size;

	job.publisher = publisher;
	crash_used(publisher, &first);
	for (size = first; size == first && stele_publisher_version(publisher) < until;) {
		cr_assert_eq(act_blob(&job), 1, "%s", stele_last_error());
		crash_used(publisher, &size);
	}
	until = stele_publisher_version(publisher);
	stele_publisher_close(publisher);
	return until;
}

Test(crash_step, crash_03_every_instruction_of_growth, .fini = crash_clean, .timeout = 500)
{
	struct expected expected = {.copy = crash_name("copy")};
	struct job job = {
		.region = crash_name("step"), .prepare = trace_prepare_open, .act = act_blob};
	struct layout_header *header;
	uint64_t end;

	/* A second region, with the same commits, shows where the file grows. */
	expected.after = blobs_until(crash_name("scout"), 100);
	expected.before = expected.after - 1;
	cr_assert_geq(expected.before, 1);
	cr_assert_eq(blobs_until(job.region, expected.before), expected.before);
	header = crash_map(job.region, "", NULL);
	end = header->arena_end;
	step_through(&job, &expected, NULL, 0);
	cr_assert_gt(header->arena_end, end, "the commit did not let the file grow");
	munmap(header, sizeof(*header));
}

/* ---- new generations ---- */

static uint64_t step_through_all_files(struct job *job, struct expected *expected);

static uint64_t generation_of(const char *region)
{
	struct stele_region_info info = {.size = sizeof(info)};

	cr_assert_eq(stele_region_describe(region, &info), 0, "%s", stele_last_error());
	return info.generation;
}

/* Commits, in a region whose file may hardly grow, until there is another file, or up to version
 * `until`. */
static uint64_t blobs_until_generation(const char *region, uint64_t until)
{
	struct stele_publisher_options options = {
		.size = sizeof(options),
		.flags = STELE_CREATE,
		.history = 2,
		.maximum_size = 1 << 17,
		.limit_size = 1 << 22,
	};
	struct job job = {.region = region};
	uint64_t version = 0;

	/* Attach a new publisher for each commit, because the one that is stepped through is new,
	 * too. */
	do {
		cr_assert_eq(stele_publisher_open(region, &options, &job.publisher), 0, "%s",
		             stele_last_error());
		cr_assert_eq(act_blob(&job), 1, "%s", stele_last_error());
		version = stele_publisher_version(job.publisher);
		stele_publisher_close(job.publisher);
		job.random = 0;
	} while (generation_of(region) == 1 && version < until);
	return version;
}

Test(crash_step, crash_03_every_instruction_of_growth_past_the_maximum, .fini = crash_clean,
     .timeout = 500)
{
	struct expected expected = {.copy = crash_name("-copy")};
	struct job job = {
		.region = crash_name("step"), .prepare = trace_prepare_open, .act = act_blob};

	expected.after = blobs_until_generation(crash_name("scout"), 1000);
	expected.before = expected.after - 1;
	cr_assert_eq(blobs_until_generation(job.region, expected.before), expected.before);
	cr_assert_eq(generation_of(job.region), 1);
	cr_assert_gt(step_through_all_files(&job, &expected), 20);
	cr_assert_eq(expected.last, expected.after);
	cr_assert_eq(generation_of(job.region), 2);
}

static int act_compact(struct job *job)
{
	return stele_publisher_compact(job->publisher);
}

/* A pinned version is copied, too. */
Test(crash_step, crash_03_every_instruction_of_a_compaction, .fini = crash_clean, .timeout = 500)
{
	struct expected expected = {
		.copy = crash_name("-copy"), .before = 40, .after = 40, .pinned = 10};
	struct job job = {
		.region = crash_name("step"), .prepare = trace_prepare_open, .act = act_compact};
	struct stele_subscriber *subscriber;
	struct stele_snapshot *snapshot;

	bank_create(job.region, 12);
	subscriber = crash_subscriber(job.region, true);
	cr_assert_eq(stele_snapshot_open(subscriber, 10, &snapshot), 0, "%s", stele_last_error());
	bank_create(job.region, 40);
	cr_assert_gt(step_through_all_files(&job, &expected), 5);
	cr_assert_eq(generation_of(job.region), 2);
	cr_assert_eq(stele_snapshot_check(snapshot), 0, "%s", stele_last_error());
	stele_subscriber_close(subscriber);
}

/* ---- creation and recovery ---- */

static int act_create(struct job *job)
{
	struct stele_publisher_options options = {
		.size = sizeof(options),
		.flags = STELE_CREATE,
		.history = 2,
		.maximum_size = 1 << 22,
	};

	return stele_publisher_open(job->region, &options, &job->publisher);
}

/* Checks the state of all files: the region is complete or absent, and removing it leaves
 * nothing. */
static void check_all_files(const char *region, struct expected *expected)
{
	struct stele_subscriber_options options = {.size = sizeof(options),
	                                           .flags = STELE_UNREGISTERED};
	struct stele_subscriber *subscriber;
	struct stele_publisher *publisher;
	int r;

	copy_all(region, expected->copy);
	r = stele_subscriber_open(expected->copy, &options, &subscriber);
	if (r == -ENOENT) {
		cr_assert_eq(expected->before, 0, "the region was there, and is gone");
		publisher = crash_publisher(expected->copy, 2, 1 << 22);
		cr_assert_eq(bank_commit(publisher, &expected->random), 1, "%s",
		             stele_last_error());
		stele_publisher_close(publisher);
		bank_assert_whole(expected->copy, 1, "after another creation");
		expected->states++;
	} else {
		cr_assert_eq(r, 0, "%s", stele_last_error());
		stele_subscriber_close(subscriber);
		assert_sound(expected);
	}
	cr_assert_eq(stele_region_remove(expected->copy), 0, "%s", stele_last_error());
	cr_assert_eq(crash_files(expected->copy, false), 0, "a file stays after state %llu",
	             (unsigned long long)expected->states);
}

static uint64_t step_through_all_files(struct job *job, struct expected *expected)
{
	struct tracee tracee = trace_start(job);
	uint64_t before = expected->states;
	struct watch watch;

	watch_start(&watch, job->region);
	watch_changed(&watch, true);
	while (trace_step(&tracee))
		if (watch_changed(&watch, true))
			check_all_files(job->region, expected);
	trace_end(&tracee);
	watch_end(&watch);
	return expected->states - before;
}

Test(crash_step, crash_02_every_instruction_of_creation, .fini = crash_clean, .timeout = 500)
{
	struct expected expected = {.copy = crash_name("-copy")};
	struct job job = {.region = crash_name("new"), .act = act_create};

	cr_assert_geq(step_through_all_files(&job, &expected), 6);
	cr_assert_eq(bank_assert_whole(job.region, 0, "after its creator died"), 0);
}

/* A publisher dies in a commit, and the next one in the recovery from that death. */
Test(crash_step, crash_03_every_instruction_of_recovery, .fini = crash_clean, .timeout = 500)
{
	char names[2][STELE_NAME_MAX + 1];
	const char *keep[2];
	struct expected expected = {.copy = crash_name("-copy"), .before = 18, .after = 19};
	struct job job = {.region = crash_name("step"),
	                  .prepare = trace_prepare_open,
	                  .act = trace_act_commit};

	for (unsigned i = 0; i < 2; i++) {
		snprintf(names[i], sizeof(names[i]), "crash%d-kept%u", (int)getpid(), i);
		keep[i] = names[i];
	}
	bank_create(job.region, 18);
	step_through(&job, &expected, keep, 2);
	for (unsigned i = 0; i < 2; i++) {
		struct job recovery = {.region = keep[i], .act = trace_prepare_open};
		struct expected after = {.copy = expected.copy};
		after.before = after.after = after.last =
			bank_assert_whole(keep[i], 0, "a kept state");
		cr_assert_gt(step_through_all_files(&recovery, &after), 3);
	}
}
