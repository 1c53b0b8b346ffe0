/* SPDX-License-Identifier: MIT
 *
 * Reads the golden files of tests/golden, which libraries of all layouts have made: each saved
 * file, and each data file as a region: as it is, after a commit by this library, and after an
 * upgrade. The declarations and rows of all versions are those of tests/golden/steps, from which
 * tests/golden/make.sh makes the files. */
#include <stele/stele.h>

#include "tests/support/cli.h"

#define FOLDER "tests/golden"

TestSuite(layout_golden, .init = cli_begin, .fini = cli_end);

/* ---- the steps ---- */

/* A file NN-TABLE.SUFFIX of the steps. */
struct step {
	unsigned version;
	char table[STELE_NAME_MAX + 1];
	const char *path; /* in `files` */
};

/* All files of the steps with one suffix, by version. */
struct steps {
	glob_t files;
	struct step step[64];
	size_t count;
};

static void steps_init(struct steps *steps, const char *suffix)
{
	char pattern[64];

	snprintf(pattern, sizeof(pattern), FOLDER "/steps/*.%s", suffix);
	cr_assert(glob(pattern, 0, NULL, &steps->files) == 0,
	          "run the test from the top of the tree");
	steps->count = steps->files.gl_pathc;
	cr_assert(steps->count <= sizeof(steps->step) / sizeof(steps->step[0]));
	for (size_t i = 0; i < steps->count; i++) {
		struct step *step = &steps->step[i];

		step->path = steps->files.gl_pathv[i];
		cr_assert(sscanf(step->path, FOLDER "/steps/%u-%63[^.]", &step->version,
		                 step->table) == 2);
	}
}

static void steps_fini(struct steps *steps)
{
	globfree(&steps->files);
}

/* Returns the newest step up to a version that is of this table, or NULL. */
static const struct step *steps_find(const struct steps *steps, unsigned version, const char *table)
{
	const struct step *found = NULL;

	for (size_t i = 0; i < steps->count && steps->step[i].version <= version; i++)
		if (strcmp(steps->step[i].table, table) == 0)
			found = &steps->step[i];
	return found;
}

/* Returns true if no later step up to the version is of this step's table. */
static bool steps_newest(const struct steps *steps, unsigned version, const struct step *step)
{
	return steps_find(steps, version, step->table) == step;
}

static const char *step_text(const struct step *step)
{
	int fd = open(step->path, O_RDONLY | O_CLOEXEC);

	cr_assert(fd >= 0);
	return cli_read_all(fd);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Returns the declarations that a region has in a version, in the order of the tables' names. */
static const char *expected_schemas(const struct steps *schemas, unsigned version)
{
	static char text[1 << 14];
	const char *texts[64];
	size_t count = 0, length = 0;

	for (size_t i = 0; i < schemas->count; i++)
		if (steps_newest(schemas, version, &schemas->step[i]))
			texts[count++] = step_text(&schemas->step[i]);
	qsort(texts, count, sizeof(texts[0]), compare_names);
	for (size_t i = 0; i < count; i++)
		length += (size_t)snprintf(text + length, sizeof(text) - length, "%s", texts[i]);
	cr_assert(length < sizeof(text));
	return text;
}

/* ---- regions and saved files ---- */

static void expect_version(const char *source, const struct steps *schemas,
                           const struct steps *rows, unsigned version)
{
	for (size_t i = 0; i < schemas->count; i++) {
		const struct step *schema = &schemas->step[i], *step;
		char name[256], number[16];
		struct cli_result result;

		if (!steps_newest(schemas, version, schema))
			continue;
		snprintf(name, sizeof(name), "%s/%s", source, schema->table);
		snprintf(number, sizeof(number), "%u", version);
		result = STELE("dump", "--format", "ndjson", "--version", number, name);
		EXPECT_STATUS(result, 0);
		step = steps_find(rows, version, schema->table);
		EXPECT_TEXT(result.out, step ? step_text(step) : "");
	}
}

/* Expects the rows of the steps in the versions from `oldest` to `newest`, and the declarations of
 * the newest, after which the region has `more` versions. */
static void expect_steps(const char *source, unsigned oldest, unsigned newest, unsigned more)
{
	struct steps schemas, rows;
	struct cli_result shown = STELE("show", "--format", "json", source);
	char newest_version[80];

	snprintf(newest_version, sizeof(newest_version), "\"version\": %u, ", newest + more);
	EXPECT_HAS(shown.out, newest_version);
	steps_init(&schemas, "schema");
	steps_init(&rows, "ndjson");
	for (unsigned version = oldest; version <= newest; version++)
		expect_version(source, &schemas, &rows, version);
	EXPECT_TEXT(STELE("schema", source).out, expected_schemas(&schemas, newest));
	EXPECT_STATUS(STELE("verify", source), 0);
	steps_fini(&rows);
	steps_fini(&schemas);
}

/* A golden file has the eight versions that end with the step that was the last one when the file
 * was made. */
enum { GOLDEN_VERSIONS = 8 };

static unsigned golden_newest(const char *path)
{
	static const struct {
		const char *name;
		unsigned newest;
	} goldens[] = {{FOLDER "/3-0.", 10}, {FOLDER "/3-f.", 17}};

	for (size_t i = 0; i < sizeof(goldens) / sizeof(goldens[0]); i++)
		if (strncmp(path, goldens[i].name, strlen(goldens[i].name)) == 0)
			return goldens[i].newest;
	cr_assert(false, "say above which step was the newest in %s", path);
	return 0;
}

static void expect_golden(const char *source, const char *path)
{
	unsigned newest = golden_newest(path);

	expect_steps(source, newest - GOLDEN_VERSIONS + 1, newest, 0);
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
	for (size_t i = 0; i < files.gl_pathc; i++) {
		const char *source = golden_source(files.gl_pathv[i]);
		expect_golden(source, files.gl_pathv[i]);
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
		expect_golden(region, files.gl_pathv[i]);
		EXPECT_HAS(STELE("upgrade", "--dry-run", region).out, "nothing to do");
		EXPECT_STATUS(STELE("rm", region), 0);
	}
	globfree(&files);
}

/* Changes a table that is the same in all versions of all files. The oldest version goes, because
 * the region keeps eight. */
static void expect_after_commit(unsigned newest)
{
	char blobs[80];

	snprintf(blobs, sizeof(blobs), "%s/blobs", region);
	EXPECT_STATUS(STELE("set", blobs, "0a", "data=ff"), 0);
	EXPECT_HAS(STELE("get", "--format", "json", blobs, "0a").out, "\"data\": \"ff\"");
	expect_steps(region, newest - GOLDEN_VERSIONS + 2, newest, 1);
}

Test(layout_golden, regions_of_every_layout_are_read_published_and_upgraded)
{
	glob_t files;

	find(".region", &files);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		struct stele_region_info before = {.size = sizeof(before)}, after = before;
		unsigned newest = golden_newest(files.gl_pathv[i]);

		copy_region(files.gl_pathv[i]);
		expect_golden(region, files.gl_pathv[i]);
		cr_assert(stele_region_describe(region, &before) == 0, "%s", stele_last_error());
		expect_after_commit(newest);
		cr_assert(stele_region_describe(region, &after) == 0);
		EXPECT_TEXT(after.features, before.features);
		EXPECT_STATUS(STELE("upgrade", region), 0);
		expect_steps(region, newest - GOLDEN_VERSIONS + 2, newest, 1);
		cr_assert(stele_region_describe(region, &after) == 0);
		EXPECT_TEXT(after.features_missing, "");
		EXPECT_STATUS(STELE("rm", region), 0);
	}
	globfree(&files);
}
