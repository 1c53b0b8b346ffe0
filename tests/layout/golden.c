/* SPDX-License-Identifier: MIT
 *
 * Every golden file of tests/golden, which libraries of all layouts have made, has the same rows in
 * all of its versions. The test reads each saved file, and each region's data file as a region: as
 * it is, after a commit by this library, and after an upgrade. The expected rows are those of
 * tests/golden/expected; after a change of how rows are printed, write the file anew with
 *
 *     STELE_GOLDEN_WRITE=1 build/tests/layout/golden */
#include <stele/stele.h>

#include "tests/support/cli.h"

#define FOLDER "tests/golden"

static const char *const tables[] = {"blobs", "keys", "notes", "routes", "routes6", "types"};
#define TABLES (sizeof(tables) / sizeof(tables[0]))

/* The versions of a golden file. */
enum { GOLDEN_OLDEST = 3, GOLDEN_NEWEST = 10 };

TestSuite(layout_golden, .init = cli_begin, .fini = cli_end);

/* Returns all rows of all tables in all versions of a region or saved file. */
static char *all_rows(const char *source, unsigned oldest)
{
	static char text[1 << 18];
	size_t length = 0;

	for (unsigned version = oldest; version <= GOLDEN_NEWEST; version++)
		for (size_t i = 0; i < TABLES; i++) {
			struct cli_result result;
			char name[256], number[16];

			snprintf(name, sizeof(name), "%s/%s", source, tables[i]);
			snprintf(number, sizeof(number), "%u", version);
			result = STELE("dump", "--format", "ndjson", "--version", number, name);
			EXPECT_STATUS(result, 0);
			length += (size_t)snprintf(text + length, sizeof(text) - length,
			                           "# version %u, table %s\n%s", version, tables[i],
			                           result.out);
			cr_assert(length < sizeof(text));
		}
	return text;
}

/* Returns the expected rows of the versions from `oldest` on. */
static const char *expected_rows(unsigned oldest)
{
	int fd = open(FOLDER "/expected", O_RDONLY | O_CLOEXEC);
	char start[32];
	const char *found;

	cr_assert(fd >= 0, "run the test from the top of the tree");
	snprintf(start, sizeof(start), "# version %u,", oldest);
	found = strstr(cli_read_all(fd), start);
	cr_assert(found);
	return found;
}

static void expect_rows(const char *source, unsigned oldest)
{
	EXPECT_TEXT(all_rows(source, oldest), expected_rows(oldest));
	EXPECT_STATUS(STELE("verify", source), 0);
}

/* Finds the golden files with this suffix. */
static void find(const char *suffix, glob_t *ret)
{
	char pattern[64];

	snprintf(pattern, sizeof(pattern), FOLDER "/*%s", suffix);
	cr_assert(glob(pattern, 0, NULL, ret) == 0 && ret->gl_pathc >= 2);
}

/* Copies a golden file to the data file of the test's region. */
static void copy_region(const char *from)
{
	char path[128], buffer[4096];
	int in = open(from, O_RDONLY | O_CLOEXEC), out;
	ssize_t got;

	snprintf(path, sizeof(path), "/dev/shm/stele.%s", region);
	out = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	cr_assert(in >= 0 && out >= 0);
	while ((got = read(in, buffer, sizeof(buffer))) > 0)
		cr_assert(write(out, buffer, (size_t)got) == got);
	close(in);
	close(out);
}

static const char *golden_source(const char *path)
{
	static char source[128];

	snprintf(source, sizeof(source), "./%s", path);
	return source;
}

Test(layout_golden, saved_files_of_every_layout_have_the_expected_rows)
{
	glob_t files;

	find(".stele", &files);
	if (getenv("STELE_GOLDEN_WRITE")) {
		FILE *expected = fopen(FOLDER "/expected", "w");
		cr_assert(expected);
		fputs(all_rows(golden_source(files.gl_pathv[0]), GOLDEN_OLDEST), expected);
		fclose(expected);
	}
	for (size_t i = 0; i < files.gl_pathc; i++) {
		const char *source = golden_source(files.gl_pathv[i]);
		expect_rows(source, GOLDEN_OLDEST);
		EXPECT_HAS(STELE("verify", source).out, "checksum         yes");
	}
	globfree(&files);
}

/* A loaded region has the features of this library. */
Test(layout_golden, saved_files_of_every_layout_are_loaded)
{
	glob_t files;

	find(".stele", &files);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		EXPECT_STATUS(STELE("load", golden_source(files.gl_pathv[i]), region), 0);
		expect_rows(region, GOLDEN_OLDEST);
		EXPECT_HAS(STELE("upgrade", "--dry-run", region).out, "nothing to do");
		EXPECT_STATUS(STELE("rm", region), 0);
	}
	globfree(&files);
}

/* A commit moves the oldest version, because the region keeps eight. */
static void expect_after_commit(void)
{
	char notes[80];

	snprintf(notes, sizeof(notes), "%s/notes", region);
	EXPECT_STATUS(STELE("set", notes, "new", "size=5", "note=added"), 0);
	EXPECT_HAS(STELE("get", "--format", "json", notes, "new").out, "added");
	expect_rows(region, GOLDEN_OLDEST + 1);
}

Test(layout_golden, regions_of_every_layout_are_read_published_and_upgraded)
{
	glob_t files;

	find(".region", &files);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		struct stele_region_info before = {.size = sizeof(before)}, after = before;

		copy_region(files.gl_pathv[i]);
		expect_rows(region, GOLDEN_OLDEST);
		cr_assert(stele_region_describe(region, &before) == 0, "%s", stele_last_error());
		expect_after_commit();
		cr_assert(stele_region_describe(region, &after) == 0);
		EXPECT_TEXT(after.features, before.features);
		EXPECT_STATUS(STELE("upgrade", region), 0);
		expect_rows(region, GOLDEN_OLDEST + 1);
		cr_assert(stele_region_describe(region, &after) == 0);
		EXPECT_TEXT(after.features_missing, "");
		EXPECT_STATUS(STELE("rm", region), 0);
	}
	globfree(&files);
}
