/* SPDX-License-Identifier: MIT
 *
 * stele upgrade, and the command of an older release (build/stele-before, which knows no feature of
 * the layout) beside the present one on the same regions. */
#include <stele/stele.h>

#include "tests/support/cli.h"

static char notes[80];

/* Returns the path of the older command. */
static char *before_command(void)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s-before", cli_command());
	return path;
}

/* Runs the older command. */
#define BEFORE(...) cli_run(NULL, (char *[]){before_command(), __VA_ARGS__, NULL})

static void begin(void)
{
	cli_begin();
	snprintf(notes, sizeof(notes), "%s/notes", region);
}

/* Creates the test's region with the older command. */
static void create_before(void)
{
	EXPECT_STATUS(BEFORE("create", region, "--table", "notes(name: text key, note: text)"), 0);
	EXPECT_STATUS(BEFORE("set", notes, "first", "note=by the older"), 0);
}

static void expect_features(const char *features, const char *missing)
{
	struct stele_region_info info = {.size = sizeof(info)};

	cr_assert(stele_region_describe(region, &info) == 0, "%s", stele_last_error());
	EXPECT_TEXT(info.features, features);
	EXPECT_TEXT(info.features_missing, missing);
}

#define ALL "terminated-values wide-tables schema-attributes crc32c"

TestSuite(layout_upgrade, .init = begin, .fini = cli_end);

Test(layout_upgrade, a_publisher_goes_on_with_the_layout_that_it_finds)
{
	create_before();
	expect_features("", ALL);
	EXPECT_STATUS(STELE("set", notes, "second", "note=by the newer"), 0);
	EXPECT_STATUS(STELE("compact", region), 0);
	expect_features("", ALL);
	EXPECT_HAS(STELE("show", region).out, "features_missing    " ALL "\n");
	EXPECT_HAS(STELE("list").out, "older");
	/* The older release reads and publishes what the newer one wrote, and the reverse. */
	EXPECT_HAS(BEFORE("dump", notes).out, "second  by the newer");
	EXPECT_STATUS(BEFORE("set", notes, "third", "note=by the older"), 0);
	EXPECT_HAS(STELE("dump", notes).out, "third   by the older");
	/* An older release cannot load a schema with former names. */
	EXPECT_HAS(STELE("alter", notes, "--rename", "note=text").err, "stele upgrade");
	EXPECT_STATUS(BEFORE("verify", region), 0);
	EXPECT_STATUS(STELE("verify", region), 0);
}

Test(layout_upgrade, an_upgrade_says_what_it_adds)
{
	char expected[256], other[64];

	create_before();
	snprintf(other, sizeof(other), "%sb", region);
	snprintf(expected, sizeof(expected), "%s: would add " ALL "\n", region);
	expect_done(STELE("upgrade", "--dry-run", region), expected);
	expect_features("", ALL);
	/* One region that can't be upgraded does not stop the others. */
	snprintf(expected, sizeof(expected), "%s: added " ALL "\n", region);
	EXPECT_STATUS(STELE("upgrade", other, region), 3);
	expect_features(ALL, "");
	snprintf(expected, sizeof(expected), "%s: nothing to do\n", region);
	expect_done(STELE("upgrade", region), expected);
	expect_done(STELE("upgrade", "--dry-run", region), expected);
	EXPECT_STATUS(STELE("verify", region), 0);
	EXPECT_HAS(STELE("dump", notes).out, "first  by the older");
	EXPECT_HAS(STELE("list").out, "present");
	EXPECT_FAILURE(STELE("upgrade"), 2, "expected at least one REGION");
}

/* The older release leaves an upgraded region as it is, whatever it is asked to do. */
Test(layout_upgrade, an_older_release_refuses_an_upgraded_region)
{
	const char *feature = "has the feature \"terminated-values\", which this library does not "
			      "know";

	create_before();
	EXPECT_STATUS(STELE("upgrade", region), 0);
	EXPECT_FAILURE(BEFORE("dump", notes), 7, feature, "be read; upgrade the library");
	EXPECT_FAILURE(BEFORE("show", region), 7, feature);
	EXPECT_FAILURE(BEFORE("set", notes, "a", "note=b"), 7, feature,
	               "be published; upgrade the library");
	EXPECT_FAILURE(BEFORE("create", region, "--table", "other(key: u8 key)"), 7, feature);
	EXPECT_HAS(STELE("dump", notes).out, "first  by the older");
	EXPECT_HAS(BEFORE("list").out, feature);
}

Test(layout_upgrade, watchers_of_both_releases_live_through_an_upgrade)
{
	struct cli_process older, newer;

	create_before();
	setenv("STELE_COMMAND", before_command(), 1);
	STELE_START(&older, "watch", "--initial", "--format", "ndjson", notes);
	unsetenv("STELE_COMMAND");
	STELE_START(&newer, "watch", "--initial", "--format", "ndjson", notes);
	cr_expect(strstr(cli_line(&older), "first"));
	cr_expect(strstr(cli_line(&newer), "first"));
	EXPECT_STATUS(STELE("set", notes, "second", "note=x"), 0);
	cr_expect(strstr(cli_line(&older), "second"));
	cr_expect(strstr(cli_line(&newer), "second"));
	EXPECT_STATUS(STELE("upgrade", region), 0);
	cr_expect_eq(cli_wait(&older), 7);
	EXPECT_HAS(cli_read_all(older.err), "\"terminated-values\"");
	EXPECT_STATUS(STELE("set", notes, "third", "note=y"), 0);
	cr_expect(strstr(cli_line(&newer), "third"));
	kill(newer.pid, SIGTERM);
	cli_wait(&newer);
}

Test(layout_upgrade, saved_files_have_the_layout_of_their_region)
{
	char file[64], saved[80];

	create_before();
	cli_temporary(file, ".stele", "");
	snprintf(saved, sizeof(saved), "%s/notes", file);
	EXPECT_STATUS(STELE("save", "--replace", region, file), 0);
	EXPECT_HAS(BEFORE("dump", saved).out, "first  by the older");
	EXPECT_STATUS(BEFORE("verify", file), 0);
	EXPECT_STATUS(STELE("upgrade", region), 0);
	EXPECT_STATUS(STELE("save", "--replace", region, file), 0);
	EXPECT_STATUS(STELE("verify", file), 0);
	EXPECT_FAILURE(BEFORE("dump", saved), 7, file, "\"terminated-values\"");
	EXPECT_FAILURE(BEFORE("load", file, "b"), 7, file, "\"terminated-values\"");
	unlink(file);
}

Test(layout_upgrade, a_region_of_fixed_size_is_refused_with_the_remedy)
{
	EXPECT_STATUS(BEFORE("create", region, "--memory", "sysv", "--max-size", "1M", "--table",
	                     "notes(name: text key, note: text)"),
	              0);
	EXPECT_FAILURE(STELE("upgrade", region), 8, "cannot be upgraded", "System V segment",
	               "save it, remove it, and load the saved file");
	EXPECT_STATUS(STELE("set", notes, "a", "note=b"), 0);
}

/* The older release could not read the schema. */
Test(layout_upgrade, attributes_need_an_upgrade)
{
	const char *declaration = "probes(id: u8 key, delay: u32 unit \"ms\")";
	const char *array = "loads(id: u8 key, load: u32[3])";

	create_before();
	EXPECT_FAILURE(STELE("create", region, "--table", declaration), 8, "\"probes\"",
	               "stele upgrade");
	EXPECT_FAILURE(STELE("create", region, "--table", array), 8, "\"loads\"", "stele upgrade");
	EXPECT_STATUS(BEFORE("verify", region), 0);
	EXPECT_STATUS(STELE("upgrade", region), 0);
	EXPECT_STATUS(STELE("create", region, "--table", declaration, "--table", array), 0);
	EXPECT_HAS(STELE("show", region).out, "unit \"ms\"");
}
