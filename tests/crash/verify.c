/* SPDX-License-Identifier: MIT
 *
 * Verifying, saving, loading, describing and explaining a file ends and harms no process, whatever
 * bytes the file holds. A file reported as undamaged is undamaged. */
#include "tests/support/crash/bank.h"
#include "tests/support/crash/crash.h"

#include "lib/region/region.h"

#define VERSIONS 40u

struct file {
	char region[STELE_NAME_MAX + 1];
	char path[64], name[80], saved[64];
	unsigned char *bytes; /* contents of the file, which is written anew before each check */
	unsigned char *pristine;
	size_t size;
	int fd;
};

static void clean_files(void)
{
	char pattern[64];
	glob_t found;

	snprintf(pattern, sizeof(pattern), "/dev/shm/crash%d.*", (int)getpid());
	if (glob(pattern, 0, NULL, &found) == 0)
		for (size_t i = 0; i < found.gl_pathc; i++)
			unlink(found.gl_pathv[i]);
	globfree(&found);
}

/* Prepares a region's own file, or a file written by save. */
static void file_start(struct file *file, bool saved)
{
	struct stele_publisher *publisher;
	uint64_t random = 1;
	struct stat status;
	void *base;
	size_t size;

	crash_clean_more = clean_files;
	memset(file, 0, sizeof(*file));
	strcpy(file->region, crash_name("verify"));
	snprintf(file->path, sizeof(file->path), "/dev/shm/crash%d.file", (int)getpid());
	snprintf(file->saved, sizeof(file->saved), "/dev/shm/crash%d.saved", (int)getpid());
	snprintf(file->name, sizeof(file->name), "file:%s", file->path);
	publisher = crash_publisher(file->region, 8, 1 << 20);
	bank_run(publisher, VERSIONS, &random);
	stele_publisher_close(publisher);
	if (saved) {
		cr_assert_eq(stele_region_save(file->region, file->path, 0, NULL, NULL), 0, "%s",
		             stele_last_error());
		file->fd = open(file->path, O_RDWR | O_CLOEXEC);
		cr_assert(file->fd >= 0 && fstat(file->fd, &status) == 0);
		file->size = (size_t)status.st_size;
		file->pristine = malloc(file->size);
		cr_assert_eq(pread(file->fd, file->pristine, file->size, 0), (ssize_t)file->size);
	} else {
		base = crash_map(file->region, "", &size);
		file->size = size;
		file->pristine = malloc(size);
		memcpy(file->pristine, base, size);
		munmap(base, size);
		file->fd = open(file->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		cr_assert(file->fd >= 0);
		cr_assert_eq(pwrite(file->fd, file->pristine, size, 0), (ssize_t)size);
	}
	file->bytes = mmap(NULL, file->size, PROT_READ | PROT_WRITE, MAP_SHARED, file->fd, 0);
	cr_assert(file->bytes != MAP_FAILED);
}

static void file_end(struct file *file)
{
	munmap(file->bytes, file->size);
	close(file->fd);
	free(file->pristine);
	cr_assert_eq(stele_region_remove(file->region), 0, "%s", stele_last_error());
	clean_files();
}

static void explain(struct stele_snapshot *snapshot)
{
	struct stele_step steps[64];
	struct stele_table table;
	size_t count;
	uint32_t key = htonl(3);

	if (stele_table_open(snapshot, "left", NULL, &table) < 0)
		return;
	stele_table_explain(&table, &key, 32, true, steps, 64, &count);
	stele_table_explain(&table, &key, 32, false, steps, 64, &count);
}

/* Runs everything that reads a file. Returns 1 (undamaged), 0 (damaged), or an error. */
static int look(struct file *file, bool load)
{
	struct stele_region_use use = {.size = sizeof(use)};
	struct stele_region_info info = {.size = sizeof(info)};
	struct stele_subscriber *subscriber;
	struct stele_snapshot *snapshot;
	const char *other = crash_name("loaded");
	int r = stele_region_verify(file->name, NULL, &use), loaded;

	cr_assert(r >= 0 || r == -EBADMSG || r == -EPROTONOSUPPORT || r == -ENOTSUP || r == -ENOMEM,
	          "error %d: %s", r, stele_last_error());
	cr_assert(r != 0 || use.damages > 0);
	stele_region_describe(file->name, &info);
	if (stele_subscriber_open(file->name, NULL, &subscriber) == 0) {
		if (stele_snapshot_open(subscriber, 0, &snapshot) == 0)
			explain(snapshot);
		stele_subscriber_close(subscriber);
	}
	stele_region_save(file->name, file->saved, STELE_REPLACE, NULL, NULL);
	if (load) {
		loaded = stele_region_load(file->path, other);
		cr_assert(r != 1 || loaded == 0, "whole, but not loaded: %s", stele_last_error());
		cr_assert(r == 1 || loaded < 0, "damaged, and loaded");
		if (loaded == 0) {
			cr_assert_eq(stele_region_verify(other, NULL, &use), 1, "%s",
			             stele_last_error());
			cr_assert_eq(stele_region_remove(other), 0);
		}
	}
	return r;
}

static void flip(bool saved, uint64_t seeds)
{
	struct file file;
	uint64_t found = 0, one = 0;

	file_start(&file, saved);
	cr_assert_eq(look(&file, true), 1, "%s", stele_last_error());
	for (uint64_t seed = 1; seed <= seeds; seed++) {
		uint64_t random = seed, count = seed % 2 ? 1 : 1 + seed % 32;
		int r;
		alarm(60);
		for (uint64_t i = 0; i < count; i++) {
			size_t at;
			/* Picks a byte that is in use. */
			do
				at = random_from(&random) % file.size;
			while (file.pristine[at] == 0);
			file.bytes[at] ^= (unsigned char)(1u << random_from(&random) % 8);
		}
		r = look(&file, seed % 16 == 0);
		found += r != 1 && count == 1;
		one += count == 1;
		memcpy(file.bytes, file.pristine, file.size);
	}
	alarm(0);
	/* The other bits are in values, in free memory, and in texts for people. */
	cr_expect_gt(found * 10, one * (saved ? 4 : 2), "%llu of %llu single bits were noticed",
	             (unsigned long long)found, (unsigned long long)one);
	cr_assert_eq(look(&file, true), 1, "%s", stele_last_error());
	file_end(&file);
}

Test(crash_verify, crash_14_flipped_bits_of_a_region_are_read_safely, .fini = crash_clean,
     .timeout = 200)
{
	flip(false, SANITIZED ? 1000 : 4000);
}

Test(crash_verify, crash_14_flipped_bits_of_a_saved_file_are_read_safely, .fini = crash_clean,
     .timeout = 200)
{
	flip(true, SANITIZED ? 1000 : 4000);
}

Test(crash_verify, crash_13_a_file_truncated_to_any_length_is_read_safely, .fini = crash_clean,
     .timeout = 100)
{
	struct file file;

	for (int saved = 0; saved < 2; saved++) {
		file_start(&file, saved);
		for (size_t size = 0; size < file.size; size += size < 8192 ? 509 : 4093) {
			int r;
			alarm(60);
			cr_assert_eq(ftruncate(file.fd, (off_t)size), 0);
			r = look(&file, size % 2);
			/* The tail of a region's own file may be free. */
			cr_assert(r < 0 || size > file.size / 2 || r == 0,
			          "cut at %zu of %zu it is whole", size, file.size);
			cr_assert(!saved || r != 1, "cut at %zu of %zu it is whole", size,
			          file.size);
			cr_assert_eq(pwrite(file.fd, file.pristine, file.size, 0),
			             (ssize_t)file.size);
		}
		alarm(0);
		cr_assert_eq(look(&file, false), 1);
		file_end(&file);
	}
}

Test(crash_verify, crash_26_objects_that_are_no_region_are_refused, .fini = crash_clean,
     .timeout = 60)
{
	struct stele_region_use use = {.size = sizeof(use)};
	struct file file;

	file_start(&file, true);
	cr_expect_eq(stele_region_verify("file:/etc/passwd", NULL, &use), -EBADMSG);
	cr_expect_eq(stele_region_verify("file:/dev/null", NULL, &use), -EBADMSG);
	cr_expect_eq(stele_region_verify("file:/tmp", NULL, &use), -EBADMSG);
	cr_expect_eq(stele_region_verify("file:/no/such", NULL, &use), -ENOENT);
	unlink(file.saved);
	cr_assert_eq(mkfifo(file.saved, 0600), 0);
	snprintf(file.name, sizeof(file.name), "file:%s", file.saved);
	cr_expect_eq(stele_region_verify(file.name, NULL, &use), -EBADMSG);
	unlink(file.saved);
	/* The calls that write do not replace such a file, either. */
	cr_expect_eq(stele_region_remove(file.name), -EINVAL);
	cr_expect_eq(stele_region_save(file.region, file.path, 0, NULL, NULL), -EEXIST);
	cr_expect_eq(stele_region_load(file.path, file.region), -EEXIST);
	file_end(&file);
}
