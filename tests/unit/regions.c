/* SPDX-License-Identifier: MIT
 *
 * Listing regions: in order, each region once, in one pass over the directory. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <stele/stele.h>

#ifdef NDEBUG
#error "tests need their assertions"
#endif

static char directory[64];

static void make_file(const char *name)
{
	char path[160];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	fd = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
	cr_assert(fd >= 0, "%s: %s", path, strerror(errno));
	close(fd);
}

static void remove_file(const char *name)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	unlink(path);
}

static const char *const regions[] = {"a", "a-b", "ab", "b", "z"};
static const char *const others[] = {
	"stele.a.publisher", "stele.a.subscribers", "stele.", "stele", "stele..x", "a",
	"b.stele.c",         ".stele-0123"};
enum { REGIONS = 5, OTHERS = 8 };

static void begin(void)
{
	char name[80];

	snprintf(directory, sizeof(directory), "/tmp/stele-regions-XXXXXX");
	cr_assert_not_null(mkdtemp(directory));
	for (int i = REGIONS; i-- > 0;) {
		snprintf(name, sizeof(name), "stele.%s", regions[i]);
		make_file(name);
	}
	for (int i = 0; i < OTHERS; i++)
		make_file(others[i]);
}

static void end(void)
{
	char name[80];

	for (int i = 0; i < REGIONS; i++) {
		snprintf(name, sizeof(name), "stele.%s", regions[i]);
		remove_file(name);
	}
	for (int i = 0; i < OTHERS; i++)
		remove_file(others[i]);
	remove_file("stele.new");
	cr_expect_eq(rmdir(directory), 0, "%s", strerror(errno));
}

TestSuite(unit_regions, .init = begin, .fini = end);

struct seen {
	int count, stop;
	bool changes;
};

static int see(const char *name, void *context)
{
	struct seen *seen = context;

	cr_assert_lt(seen->count, REGIONS);
	cr_expect_str_eq(name, regions[seen->count++]);
	if (seen->changes && seen->count == 1) {
		make_file("stele.new");
		remove_file("stele.z");
	}
	return seen->count == seen->stop ? 7 : 0;
}

Test(unit_regions, are_listed_in_order_each_once)
{
	struct seen seen = {0};
	char name[STELE_NAME_MAX + 1] = "";

	cr_expect_eq(stele_region_each(directory, see, &seen), 0);
	cr_expect_eq(seen.count, REGIONS);
	for (int i = 0; i < REGIONS; i++) {
		cr_assert_eq(stele_region_next(directory, name), 1);
		cr_expect_str_eq(name, regions[i]);
	}
	cr_expect_eq(stele_region_next(directory, name), 0);
	cr_expect_str_eq(name, regions[REGIONS - 1]);
}

Test(unit_regions, stop_when_the_callback_returns_nonzero)
{
	struct seen seen = {.stop = 3};

	cr_expect_eq(stele_region_each(directory, see, &seen), 7);
	cr_expect_eq(seen.count, 3);
}

/* Changes to the directory during the callbacks have no effect: it has been read before the first
 * one. */
Test(unit_regions, are_read_in_one_pass)
{
	struct seen seen = {.changes = true};

	cr_expect_eq(stele_region_each(directory, see, &seen), 0);
	cr_expect_eq(seen.count, REGIONS);
}

Test(unit_regions, a_missing_directory_is_an_error)
{
	char name[STELE_NAME_MAX + 1] = "";
	struct seen seen = {0};

	cr_expect_eq(stele_region_each("/nonexistent", see, &seen), -ENOENT);
	cr_expect_not_null(strstr(stele_last_error(), "/nonexistent"));
	cr_expect_eq(stele_region_each("/etc/passwd", see, &seen), -ENOTDIR);
	cr_expect_eq(stele_region_next("/nonexistent", name), -ENOENT);
	cr_expect_eq(seen.count, 0);
}
