/* SPDX-License-Identifier: MIT
 *
 * Power cuts. A publisher runs one instruction at a time on a region that is a file on a disk. The
 * test remembers, for each 512 bytes of the file, every state since the last sync. A power cut
 * leaves each sector in any one of these states. The test puts such files together at random, gives
 * them the mark of another boot, and opens them: every version that readers have seen must exist,
 * and be consistent. */
#include <linux/magic.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/vfs.h>

#include "tests/support/crash/bank.h"
#include "tests/support/crash/trace.h"
#include "lib/storage/paths.h"
#include "tests/support/random.h"

#define SECTOR  512u
#define SECTORS ((1u << 20) / SECTOR)
/* commits before those that are stepped through, so that one of these reclaims */
#define VERSIONS 16u
#define COMMITS  5u
#define CUTS     6u /* power cuts that are tried before each sync */

/* ---- the region and its files ---- */

static char directory[64], region[128], copy[128];

static void cut_clean(void)
{
	char pattern[256];
	glob_t found;

	snprintf(pattern, sizeof(pattern), "%s/stele.*", directory);
	if (glob(pattern, 0, NULL, &found) == 0)
		for (size_t i = 0; i < found.gl_pathc; i++)
			if (unlink(found.gl_pathv[i]) < 0)
				rmdir(found.gl_pathv[i]);
	globfree(&found);
	rmdir(directory);
}

static void cut_begin(void)
{
	struct statfs status;

	strcpy(directory, "/var/tmp/stele-test-XXXXXX");
	cr_assert(mkdtemp(directory) != NULL, "%s", strerror(errno));
	crash_clean_more = cut_clean;
	snprintf(region, sizeof(region), "%s/cut", directory);
	snprintf(copy, sizeof(copy), "%s/copy", directory);
	cr_assert_eq(statfs(directory, &status), 0);
	if (status.f_type == TMPFS_MAGIC)
		crash_skip("/var/tmp is in memory, where there are no power cuts to outlive");
}

/* Set-up for the tests that step through a publisher. */
static void cut_begin_stepping(void)
{
	cut_begin();
#ifndef __x86_64__
	crash_skip("the instructions of this machine are not known to the test");
#endif
}

static struct stele_publisher *cut_open(const char *name, unsigned flags,
                                        enum stele_durability durability)
{
	struct stele_publisher_options options = {
		.size = sizeof(options),
		.flags = flags,
		.history = 2,
		.durability = durability,
		.maximum_size = SECTORS * SECTOR,
		.limit_size = SECTORS * SECTOR,
	};
	struct stele_publisher *publisher = NULL;

	cr_assert_eq(stele_publisher_open(name, &options, &publisher), 0, "%s", stele_last_error());
	return publisher;
}

/* ---- states that the disk may have ---- */

struct disk {
	int fd;
	unsigned char *map;
	size_t size, synced_size;
	unsigned char last[SECTORS * SECTOR];
	struct states {
		unsigned count; /* state 0 is the state that was synced last */
		unsigned char (*states)[SECTOR];
	} sectors[SECTORS];
	uint64_t random;
	uint64_t cuts, most_states;
};

static void disk_add(struct disk *disk, unsigned sector)
{
	struct states *states = &disk->sectors[sector];

	states->states = realloc(states->states, (states->count + 1) * SECTOR);
	cr_assert_not_null(states->states);
	memcpy(states->states[states->count++], disk->last + sector * SECTOR, SECTOR);
	if (states->count > disk->most_states)
		disk->most_states = states->count;
}

/* Remembers what the last instruction changed. Returns true if it changed something. */
static bool disk_look(struct disk *disk)
{
	struct stat status;
	bool changed = false;

	if (memcmp(disk->map, disk->last, disk->size) == 0 && fstat(disk->fd, &status) == 0 &&
	    (size_t)status.st_size == disk->size)
		return false;
	cr_assert_eq(fstat(disk->fd, &status), 0);
	disk->size = (size_t)status.st_size;
	cr_assert_leq(disk->size, sizeof(disk->last));
	for (unsigned i = 0; i < disk->size / SECTOR; i++) {
		if (memcmp(disk->map + i * SECTOR, disk->last + i * SECTOR, SECTOR) == 0)
			continue;
		memcpy(disk->last + i * SECTOR, disk->map + i * SECTOR, SECTOR);
		disk_add(disk, i);
		changed = true;
	}
	return changed;
}

static void disk_synced(struct disk *disk)
{
	for (unsigned i = 0; i < SECTORS; i++) {
		disk->sectors[i].count = 0;
		disk_add(disk, i);
	}
	disk->synced_size = disk->size;
}

static struct disk *disk_start(const char *name)
{
	struct disk *disk = calloc(1, sizeof(*disk));
	char path[256];

	cr_assert_not_null(disk);
	snprintf(path, sizeof(path), "%s/stele.%s", directory, strrchr(name, '/') + 1);
	disk->fd = open(path, O_RDONLY | O_CLOEXEC);
	cr_assert(disk->fd >= 0, "%s: %s", path, strerror(errno));
	disk->map = mmap(NULL, SECTORS * SECTOR, PROT_READ, MAP_SHARED, disk->fd, 0);
	cr_assert(disk->map != MAP_FAILED);
	disk->random = 20261121;
	disk_look(disk);
	disk_synced(disk);
	return disk;
}

static void disk_end(struct disk *disk)
{
	for (unsigned i = 0; i < SECTORS; i++)
		free(disk->sectors[i].states);
	munmap(disk->map, SECTORS * SECTOR);
	close(disk->fd);
	free(disk);
}

static uint64_t head_of(const struct disk *disk)
{
	return head_version(((const struct layout_header *)(const void *)disk->last)->head);
}

/* Puts together a file that a power cut may leave now. */
static void disk_cut(struct disk *disk)
{
	static unsigned char image[SECTORS * SECTOR];
	size_t size = random_from(&disk->random) % 2 ? disk->size : disk->synced_size;
	struct layout_header *header = (void *)image;
	unsigned way = (unsigned)(random_from(&disk->random) % 4);
	char path[256];
	int fd;

	for (unsigned i = 0; i < size / SECTOR; i++) {
		const struct states *states = &disk->sectors[i];
		unsigned which = (unsigned)(random_from(&disk->random) % states->count);
		/* Some files have mostly old sectors, some mostly new ones. */
		if (way == 0 && random_from(&disk->random) % 8 != 0)
			which = 0;
		if (way == 1 && random_from(&disk->random) % 8 != 0)
			which = states->count - 1;
		memcpy(image + i * SECTOR, states->states[which], SECTOR);
	}
	memset(header->boot_id, 7, sizeof(header->boot_id));
	snprintf(path, sizeof(path), "%s/stele.copy", directory);
	unlink(path);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	cr_assert(fd >= 0 && write(fd, image, size) == (ssize_t)size, "%s", strerror(errno));
	close(fd);
	disk->cuts++;
}

/* Cuts the power, and checks what is left. */
static void disk_check(struct disk *disk)
{
	struct stele_publisher *publisher;
	uint64_t seen = head_of(disk), version, before;

	disk_cut(disk);
	publisher = cut_open(copy, 0, STELE_DURABLE_CLOSE);
	version = stele_publisher_version(publisher);
	cr_assert(version == seen || version == seen + 1,
	          "after cut %llu there is version %llu, and readers saw %llu",
	          (unsigned long long)disk->cuts, (unsigned long long)version,
	          (unsigned long long)seen);
	bank_assert_whole(copy, 0, "after a cut");
	before = version - 1;
	bank_assert_whole(copy, before, "history after a cut");
	cr_assert_eq(bank_commit(publisher, &disk->random), (int64_t)version + 1, "%s",
	             stele_last_error());
	stele_publisher_close(publisher);
	bank_assert_whole(copy, 0, "after a cut and a commit");
}

/* ---- the tests ---- */

#ifdef __x86_64__
/* Returns whether the next instruction calls fdatasync(2). */
static bool at_sync(const struct tracee *tracee)
{
	struct user_regs_struct registers;
	long code;

	cr_assert_eq(ptrace(PTRACE_GETREGS, tracee->pid, NULL, &registers), 0);
	if (registers.rax != SYS_fdatasync)
		return false;
	code = ptrace(PTRACE_PEEKTEXT, tracee->pid, (void *)(uintptr_t)registers.rip, NULL);
	return (code & 0xffff) == 0x050f;
}
#endif

static int act_commits(struct job *job)
{
	for (unsigned i = 0; i < COMMITS; i++)
		if (bank_commit(job->publisher, &job->random) < 0)
			return -1;
	return 0;
}

#ifdef __x86_64__
/* Steps through a job, and cuts the power now and then. Returns the number of syncs. */
static uint64_t step_and_cut(struct job *job, struct disk *disk)
{
	struct tracee tracee = trace_start(job);
	uint64_t syncs = 0, changes = 0;
	bool more = true;

	disk_look(disk);
	disk_synced(disk); /* earlier changes don't matter: they ended with a sync */
	while (more) {
		bool sync = at_sync(&tracee);
		for (unsigned i = 0; sync && i < CUTS; i++)
			disk_check(disk);
		more = trace_step(&tracee);
		if (sync) {
			disk_synced(disk);
			syncs++;
		} else if (disk_look(disk) && changes++ % 199 == 0) {
			disk_check(disk);
		}
	}
	trace_end(&tracee);
	return syncs;
}

/* Dies between the sync of the record and the store of head: at the second sync of a commit. */
static void die_with_a_record(struct job *job)
{
	struct tracee tracee = trace_start(job);

	for (unsigned syncs = 0; syncs < 2;) {
		bool sync = at_sync(&tracee);
		cr_assert(trace_step(&tracee), "it ended without two syncs");
		syncs += sync;
	}
	trace_end(&tracee);
}
#endif

Test(crash_cut, crash_durable_commits_survive_a_power_cut, .init = cut_begin_stepping,
     .fini = crash_clean, .timeout = 300)
{
#ifdef __x86_64__
	struct job job = {
		.region = region, .prepare = trace_prepare_open, .act = act_commits, .random = 3};
	struct stele_publisher *publisher = cut_open(region, STELE_CREATE, STELE_DURABLE_COMMIT);
	uint64_t random = 99, syncs;
	struct disk *disk;

	bank_run(publisher, VERSIONS, &random);
	stele_publisher_close(publisher);
	disk = disk_start(region);
	printf("seed %llu\n", (unsigned long long)disk->random);
	syncs = step_and_cut(&job, disk);
	cr_assert_eq(head_of(disk), VERSIONS + COMMITS);
	cr_assert_geq(syncs, 2 * COMMITS + 1, "%llu syncs", (unsigned long long)syncs);
	cr_assert_gt(disk->cuts, CUTS * syncs);
	cr_assert_gt(disk->most_states, 20);
	disk_end(disk);
#endif
}

static int act_open_and_commit(struct job *job)
{
	return trace_prepare_open(job) < 0 || bank_commit(job->publisher, &job->random) < 0 ||
	                       bank_commit(job->publisher, &job->random) < 0
	               ? -1
	               : 0;
}

/* The disk has the record of a version that no reader saw, and the next publisher reuses that
 * version's memory for another one. */
Test(crash_cut, crash_durable_commits_after_a_death_survive_a_power_cut, .init = cut_begin_stepping,
     .fini = crash_clean, .timeout = 300)
{
#ifdef __x86_64__
	struct job dying = {
		.region = region, .prepare = trace_prepare_open, .act = act_commits, .random = 3};
	struct job job = {.region = region, .act = act_open_and_commit, .random = 4};
	struct stele_publisher *publisher = cut_open(region, STELE_CREATE, STELE_DURABLE_COMMIT);
	uint64_t random = 99;
	struct disk *disk;

	bank_run(publisher, VERSIONS, &random);
	stele_publisher_close(publisher);
	die_with_a_record(&dying);
	disk = disk_start(region);
	cr_assert_eq(head_of(disk), VERSIONS);
	printf("seed %llu\n", (unsigned long long)disk->random);
	step_and_cut(&job, disk);
	cr_assert_eq(head_of(disk), VERSIONS + 2);
	disk_end(disk);
#endif
}

static void mark_other_boot(const char *name)
{
	static const uint8_t other[16] = "another boot";
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/stele.%s", directory, name);
	fd = open(path, O_RDWR | O_CLOEXEC);
	cr_assert(fd >= 0 && pwrite(fd, other, sizeof(other),
	                            offsetof(struct layout_header, boot_id)) == sizeof(other));
	close(fd);
}

Test(crash_cut, crash_without_durability_only_a_closed_region_comes_back, .init = cut_begin,
     .fini = crash_clean, .timeout = 60)
{
	struct stele_publisher_options options = {.size = sizeof(options)};
	struct stele_subscriber *subscriber;
	struct stele_publisher *publisher = cut_open(region, STELE_CREATE, STELE_DURABLE_CLOSE);
	uint64_t random = 5;
	pid_t child;
	int status;

	bank_run(publisher, 40, &random);
	stele_publisher_close(publisher);
	mark_other_boot("cut");
	/* Before a publisher has opened the file, a reader can't know which part of it is
	 * consistent. */
	cr_assert_eq(stele_subscriber_open(region, NULL, &subscriber), -EUCLEAN);
	cr_assert(strstr(stele_last_error(), "as soon as a publisher has opened it"), "%s",
	          stele_last_error());
	publisher = cut_open(region, 0, STELE_DURABLE_CLOSE);
	cr_assert_eq(stele_publisher_version(publisher), 40);
	bank_assert_whole(region, 0, "after a boot");
	bank_assert_whole(region, 39, "history after a boot");
	bank_run(publisher, 60, &random);
	stele_publisher_close(publisher);
	/* If a publisher dies, the same boot finds all versions, and another boot must not rely on
	 * the file. */
	child = crash_fork();
	if (child == 0) {
		publisher = cut_open(region, 0, STELE_DURABLE_CLOSE);
		bank_run(publisher, 70, &random);
		_exit(0);
	}
	cr_assert(waitpid(child, &status, 0) == child && status == 0);
	bank_assert_whole(region, 70, "after a death");
	mark_other_boot("cut");
	cr_assert_eq(stele_publisher_open(region, &options, &publisher), -EUCLEAN);
	cr_assert(strstr(stele_last_error(), "without having been closed"), "%s",
	          stele_last_error());
	publisher = cut_open(region, STELE_CREATE, STELE_DURABLE_CLOSE);
	cr_assert(strstr(stele_publisher_note(publisher), "replaced by an empty one"), "%s",
	          stele_publisher_note(publisher));
	cr_assert_eq(stele_publisher_version(publisher), 0);
	bank_run(publisher, 3, &random);
	stele_publisher_close(publisher);
	bank_assert_whole(region, 3, "the new one");
}

/* Pins end with the boot: the memory that they kept is free again. */
Test(crash_cut, crash_pins_do_not_outlive_a_boot, .init = cut_begin, .fini = crash_clean,
     .timeout = 60)
{
	struct stele_publisher *publisher = cut_open(region, STELE_CREATE, STELE_DURABLE_COMMIT);
	struct stele_subscriber *subscriber;
	struct stele_snapshot *snapshot;
	uint64_t random = 5, used;

	bank_run(publisher, 10, &random);
	subscriber = crash_subscriber(region, true);
	cr_assert_eq(stele_snapshot_open(subscriber, 10, &snapshot), 0, "%s", stele_last_error());
	bank_run(publisher, 60, &random);
	cr_assert_eq(stele_snapshot_check(snapshot), 0, "%s", stele_last_error());
	used = crash_used(publisher, NULL);
	stele_publisher_close(publisher);
	stele_subscriber_close(subscriber);
	mark_other_boot("cut");
	publisher = cut_open(region, 0, STELE_DURABLE_CLOSE);
	cr_assert_lt(crash_used(publisher, NULL), used);
	stele_publisher_close(publisher);
	cr_assert_eq(stele_region_remove(region), 0, "%s", stele_last_error());
}
