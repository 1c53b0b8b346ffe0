/* SPDX-License-Identifier: MIT
 *
 * Versions by number, time and name; what a version changed; and going back to it. */
#include <fcntl.h>
#include <stele/stele.h>
#include <string.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "tests/support/cli.h"

/* Versions 2 to 4: metric 20, 21 and 22 of 10.0.0.0/8. */
static void begin_versions(void)
{
	cli_begin_routes();
	EXPECT_STATUS(STELE("set", target, "10.0.0.0/8", "metric=21"), 0);
	EXPECT_STATUS(STELE("set", target, "10.0.0.0/8", "metric=22"), 0);
}

TestSuite(output_versions, .init = begin_versions, .fini = cli_end);

/* Returns the time of a version, as stele log prints it. */
static char *time_of(unsigned version)
{
	char *log = STELE("log", "-f", "ndjson", region).out, mark[64], *at;

	snprintf(mark, sizeof(mark), "{\"version\": %u, \"time\": \"", version);
	at = strstr(log, mark);
	cr_assert(at);
	at += strlen(mark);
	at[strcspn(at, "\"")] = '\0';
	return cli_text(at);
}

static void expect_metric(const char *option, const char *value, const char *metric)
{
	struct cli_result result = STELE("get", "--column", "metric", (char *)(uintptr_t)option,
	                                 (char *)(uintptr_t)value, target, "10.0.0.0/8");

	EXPECT_STATUS(result, 0);
	EXPECT_TEXT(result.out, metric);
}

Test(output_versions, a_version_is_given_by_its_distance)
{
	expect_metric("--version", "-0", "22\n");
	expect_metric("--version", "-1", "21\n");
	expect_metric("--version", "-2", "20\n");
	EXPECT_FAILURE(STELE("get", "--version", "-4", target, "10.0.0.0/8"), 3,
	               "history holds no version 4 before the newest");
	EXPECT_HAS(STELE("dump", "-f", "csv", "-a", "-1", target).out, "eth1,21\n");
	EXPECT_HAS(STELE("lookup", "-f", "csv", "-a", "-1", target, "10.0.0.1").out, "eth1,21\n");
	EXPECT_HAS(STELE("watch", "--since", "-1", "-T", "0", "-f", "csv", region).out,
	           "4,changed,routes");
	EXPECT_HAS(STELE("trace", "--since", "-1", "--count", "1", region).out, "\"version\": 4,");
	expect_metric("--at", "-1", "21\n");
	EXPECT_FAILURE(STELE("get", "--at", "-4", target, "10.0.0.0/8"), 3,
	               "--at: history holds no");
	EXPECT_FAILURE(STELE("get", "--at", "-1", "--version", "4", target, "10.0.0.0/8"), 2,
	               "--version and --at cannot be used together");
}

/* A version that is found only now would hold whatever was changed before. */
Test(output_versions, a_condition_needs_a_version_that_was_kept)
{
	static const char *const found_now[] = {"-0", "-1", "12:03", "-5m", "now", "@1764417600"};
	char line[256];

	EXPECT_STATUS(STELE("tag", region, "kept"), 0);
	for (size_t i = 0; i < sizeof(found_now) / sizeof(found_now[0]); i++) {
		EXPECT_FAILURE(STELE("set", "--if-head", (char *)(uintptr_t)found_now[i], target,
		                     "10.0.0.0/8", "metric=1"),
		               2, "--if-head: invalid value", "stored before");
		EXPECT_FAILURE(STELE("set", "--if-version", (char *)(uintptr_t)found_now[i], target,
		                     "10.0.0.0/8", "metric=1"),
		               2, "--if-version: invalid value", "stored before");
		snprintf(line, sizeof(line),
		         "{\"table\": \"routes\", \"delete\": {\"prefix\": \"10.0.0.0/8\"}, "
		         "\"if_version\": \"%s\"}\n",
		         found_now[i]);
		EXPECT_FAILURE(STELE_WITH(line, "apply", region, "-"), 2,
		               "\"if_version\": invalid value", "stored before");
	}
	EXPECT_STATUS(STELE("set", "--if-head", "kept", target, "10.0.0.0/8", "metric=23"), 0);
	EXPECT_STATUS(STELE("set", "--if-head", "kept", target, "10.0.0.0/8", "metric=24"), 10);
}

Test(output_versions, a_time_may_be_before_now)
{
	expect_metric("--at", "now", "22\n");
	expect_metric("--version", "now", "22\n");
	expect_metric("--at", "-0s", "22\n");
	EXPECT_FAILURE(STELE("get", "--at", "-2d", target, "10.0.0.0/8"), 3,
	               "--at: history begins after -2d");
	EXPECT_FAILURE(STELE("get", "--version", "-1.5h", target, "10.0.0.0/8"), 3,
	               "--version: history begins after -1.5h");
	EXPECT_FAILURE(STELE("rollback", region, "--to", "-2d"), 3, "history begins after -2d");
	EXPECT_FAILURE(STELE("watch", "--since", "-2d", "-T", "0", region), 3, "--since: history");
	EXPECT_HAS(STELE("watch", "--since", "now", "-T", "0", "-f", "csv", region).out,
	           "version,");
	EXPECT_FAILURE(STELE("get", "--at", "-5x", target, "10.0.0.0/8"), 2, "invalid value");
}

Test(output_versions, a_version_is_given_by_a_time)
{
	char *third = time_of(3), offset[64];

	/* Somebody has set the clock back. */
	if (strcmp(time_of(2), third) >= 0 || strcmp(third, time_of(4)) >= 0)
		cr_skip_test("the times of the versions do not rise");
	expect_metric("--at", third, "21\n");
	expect_metric("--version", third, "21\n");
	expect_metric("--at", time_of(2), "20\n");
	snprintf(offset, sizeof(offset), "%.*s+00:00", (int)strlen(third) - 1, third);
	expect_metric("--at", offset, "21\n");
	EXPECT_FAILURE(STELE("get", "--at", "@1764417600.5", target, "10.0.0.0/8"), 3,
	               "history begins after @1764417600.5");
	expect_metric("--at", "2500-01-01", "22\n");
	EXPECT_FAILURE(STELE("get", "--at", "2020-01-01 12:03", target, "10.0.0.0/8"), 3,
	               "--at: history begins after 2020-01-01 12:03", "version, 1, was made at");
	EXPECT_FAILURE(STELE("get", "--at", "noon", target, "10.0.0.0/8"), 3, "--at: ", "\"noon\"");
	EXPECT_FAILURE(STELE("get", "--at", "25:00", target, "10.0.0.0/8"), 2, "invalid value");
	EXPECT_HAS(STELE("diff", "-f", "csv", region, third, time_of(4)).out, "4,changed,routes");
	EXPECT_STATUS(STELE("rollback", region, "--to", third), 0);
	expect_metric("--version", "5", "21\n");
}

Test(output_versions, a_region_without_a_version_has_none_to_find)
{
	static const char *const found[] = {"-0", "-1", "now", "12:03"};

	EXPECT_STATUS(STELE("rm", region), 0);
	EXPECT_STATUS(STELE("create", region), 0);
	for (size_t i = 0; i < sizeof(found) / sizeof(found[0]); i++)
		EXPECT_FAILURE(STELE("rollback", region, "--to", (char *)(uintptr_t)found[i]), 3,
		               "--to: region ", "has no version yet");
}

Test(output_versions, diff_is_of_one_version)
{
	EXPECT_TEXT(STELE("diff", "-f", "csv", region).out,
	            STELE("diff", "-f", "csv", region, "3", "4").out);
	EXPECT_HAS(STELE("diff", region).out, "metric=22");
	EXPECT_HAS(STELE("diff", region, "3").out, "metric=21");
	EXPECT_HAS(STELE("diff", region, "-1").out, "metric=21");
	EXPECT_HAS(STELE("diff", region, "-2", "-0").out, "metric=20");
	EXPECT_HAS(STELE("diff", target, "2").out, "10.1.0.0/16");
	EXPECT_STATUS(STELE("diff", target, "1"), 0);
	EXPECT_FAILURE(STELE("diff", region, "9"), 3, "version 9");
}

Test(output_versions, diff_tells_by_its_status_whether_rows_differ)
{
	EXPECT_STATUS(STELE("diff", "--exit-code", region), 1);
	EXPECT_STATUS(STELE("diff", "--exit-code", region, "3", "3"), 0);
	EXPECT_STATUS(STELE("diff", region), 0);
	EXPECT_STATUS(STELE("diff", "--exit-code", "no-such-region"), 3);
}

Test(output_versions, rollback_goes_back_one_version)
{
	struct cli_result result = STELE("rollback", region, "--to", "-1");

	EXPECT_STATUS(result, 0);
	EXPECT_HAS(result.out, "(0 added, 1 changed, 0 removed)");
	expect_metric("--version", "-0", "21\n");
	EXPECT_HAS(STELE("log", "-L", "1", region).out, "rollback to version 3");
}

/* The other table keeps what was changed since. */
Test(output_versions, rollback_of_one_table)
{
	char other[96];
	struct cli_result result;

	EXPECT_STATUS(STELE("create", region, "--table", "other(a: u8 key, b: u8)"), 0);
	snprintf(other, sizeof(other), "%s/other", region);
	EXPECT_STATUS(STELE("set", other, "1", "b=1"), 0);
	EXPECT_STATUS(STELE("delete", target, "0.0.0.0/0"), 0);
	EXPECT_STATUS(
		STELE("set", target, "10.9.0.0/16", "next_hop=192.0.2.9", "interface=", "metric=1"),
		0);
	EXPECT_STATUS(STELE("set", other, "1", "b=2"), 0);
	result = STELE("rollback", target, "--to", "2");
	EXPECT_STATUS(result, 0);
	EXPECT_HAS(cli_plain(result.out), "routes: version 10 (1 added, 1 changed, 1 removed)");
	expect_done(STELE("diff", "-f", "json", target, "2", "-0"), "[]\n");
	expect_done(STELE("get", "--column", "b", other, "1"), "2\n");
	EXPECT_HAS(STELE("log", "-L", "1", region).out, "rollback of routes to version 2");
	EXPECT_FAILURE(STELE("rollback", other, "--to", "3"), 3, "there was no table \"other\"");
	EXPECT_FAILURE(STELE("rollback", other, "--to", "99"), 3, "version 99");
	EXPECT_HAS(STELE("rollback", target, "--to", "2").out, "nothing changed");
}

Test(output_versions, rollback_brings_a_dropped_table_back)
{
	EXPECT_STATUS(STELE("drop", target), 0);
	EXPECT_STATUS(STELE("rollback", target, "--to", "-1"), 0);
	expect_metric("--version", "-0", "22\n");
	EXPECT_STATUS(STELE("alter", target, "--add", "zone: char[8]"), 0);
	EXPECT_FAILURE(STELE("rollback", target, "--to", "-1"), 2, "had other columns");
	EXPECT_STATUS(STELE("rollback", region, "--to", "-1"), 0);
}

Test(output_versions, a_version_of_another_region_is_refused)
{
	char *kept = cli_text(cli_token(3));

	EXPECT_STATUS(STELE("rm", region), 0);
	EXPECT_STATUS(STELE("create", region, "--table", ROUTES), 0);
	EXPECT_FAILURE(STELE("rollback", target, "--to", kept), 3, "belongs to another region");
}

Test(output_versions, a_version_is_given_by_its_name)
{
	char file[96];

	EXPECT_HAS(STELE("tag", region, "before-upgrade").out, ": before-upgrade is version 4@");
	EXPECT_STATUS(STELE("tag", region, "first", "2"), 0);
	EXPECT_STATUS(STELE("tag", region, "second", "-1"), 0);
	expect_metric("--version", "first", "20\n");
	expect_metric("--version", "second", "21\n");
	EXPECT_HAS(STELE("diff", "-f", "csv", region, "first", "second").out, "3,changed");
	EXPECT_STATUS(STELE("set", "--if-head", "before-upgrade", target, "10.0.0.0/8", "metric=9"),
	              0);
	EXPECT_STATUS(STELE("set", "--if-head", "before-upgrade", target, "10.0.0.0/8", "metric=8"),
	              10);
	EXPECT_HAS(STELE("watch", "--since", "before-upgrade", "-T", "0", "-f", "csv", region).out,
	           "5,changed");
	EXPECT_STATUS(STELE("rollback", region, "--to", "before-upgrade"), 0);
	expect_metric("--version", "-0", "22\n");
	EXPECT_FAILURE(STELE("get", "-a", "before-upgrad", target, "10.0.0.0/8"), 3,
	               "did you mean \"before-upgrade\"?");
	snprintf(file, sizeof(file), "/dev/shm/stele.%s.tags", region);
	cr_expect(access(file, F_OK) == 0);
	EXPECT_STATUS(STELE("rm", region), 0);
	cr_expect(access(file, F_OK) < 0);
}

Test(output_versions, names_are_listed_moved_and_removed)
{
	EXPECT_STATUS(STELE("tag", region, "b", "3"), 0);
	EXPECT_STATUS(STELE("tag", region, "a", "2"), 0);
	EXPECT_FAILURE(STELE("tag", region, "a"), 2, "\"a\" is the name of version 2@", "--force");
	EXPECT_STATUS(STELE("tag", "--force", region, "a"), 0);
	EXPECT_FAILURE(STELE("tag", region, "c", "99"), 3, "version 99");
	EXPECT_FAILURE(STELE("tag", region, "7"), 2, "invalid name \"7\"");
	EXPECT_FAILURE(STELE("tag", region, "a b"), 2, "invalid name");
	EXPECT_HAS(STELE("tag", "-f", "csv", region).out, "\na,4,");
	EXPECT_HAS(STELE("tag", "-f", "csv", region).out, "\nb,3,");
	EXPECT_HAS(STELE("tag", "-f", "json", region).out, "\"held\": true");
	EXPECT_STATUS(STELE("tag", "--delete", region, "a"), 0);
	EXPECT_FAILURE(STELE("tag", "--delete", region, "a"), 3, "is named \"a\"");
	EXPECT_HAS_NOT(STELE("tag", "-f", "csv", region).out, "\na,");
}

/* ---- the file of the names ---- */

/* Finds the path of the file that a process makes before it replaces the names. */
static void next_path(char ret[96])
{
	snprintf(ret, 96, "/dev/shm/stele.%s.tags.new", region);
}

Test(output_versions, a_refused_tag_leaves_nothing)
{
	char next[96];

	next_path(next);
	EXPECT_STATUS(STELE("tag", region, "a", "2"), 0);
	EXPECT_STATUS(STELE("tag", region, "a", "3"), 2);
	cr_expect(access(next, F_OK) < 0);
	EXPECT_STATUS(STELE("tag", "--delete", region, "b"), 3);
	cr_expect(access(next, F_OK) < 0);
}

/* Anybody can create files in /dev/shm. */
Test(output_versions, fault_26_files_in_the_way_are_not_written_to)
{
	char next[96], other[96], text[8] = "";
	FILE *file;

	next_path(next);
	snprintf(other, sizeof(other), "/dev/shm/stele-test-%d", (int)getpid());
	file = fopen(other, "w");
	cr_assert(file);
	fputs("kept", file);
	fclose(file);
	cr_assert_eq(link(other, next), 0);
	EXPECT_STATUS(STELE("tag", region, "a", "2"), 0);
	file = fopen(other, "r");
	cr_assert(file);
	cr_expect(fgets(text, sizeof(text), file) && strcmp(text, "kept") == 0, "%s", text);
	fclose(file);
	unlink(other);
	cr_assert_eq(mkfifo(next, 0600), 0);
	EXPECT_FAILURE(STELE("tag", region, "b", "2"), 5, ".tags.new is in the way");
	unlink(next);
}

Test(output_versions, fault_26_a_held_lock_is_waited_for_at_most_five_seconds)
{
	char next[96];
	int fd;

	next_path(next);
	fd = open(next, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	cr_assert_geq(fd, 0);
	cr_assert_eq(flock(fd, LOCK_EX), 0);
	EXPECT_FAILURE(STELE("tag", region, "a", "2"), 4, "another process has held the file");
	close(fd);
	EXPECT_STATUS(STELE("tag", region, "a", "2"), 0);
	cr_expect(access(next, F_OK) < 0);
}

/* Returns once the process sleeps, which it does while it waits for the lock of the names. */
static void until_it_waits(const struct cli_process *process)
{
	char path[64], line[256], state = 0;
	FILE *status;

	snprintf(path, sizeof(path), "/proc/%d/status", process->pid);
	while (state != 'S' && state != 'Z') {
		status = fopen(path, "re");
		cr_assert(status);
		while (fgets(line, sizeof(line), status))
			sscanf(line, "State: %c", &state);
		fclose(status);
		sched_yield();
	}
}

Test(output_versions, a_region_that_is_removed_meanwhile_leaves_no_names)
{
	char next[96], file[96];
	struct cli_process tag;
	int fd;

	next_path(next);
	snprintf(file, sizeof(file), "/dev/shm/stele.%s.tags", region);
	fd = open(next, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	cr_assert_geq(fd, 0);
	cr_assert_eq(flock(fd, LOCK_EX), 0);
	STELE_START(&tag, "tag", region, "a", "2");
	until_it_waits(&tag);
	EXPECT_STATUS(STELE("rm", region), 0);
	unlink(next);
	close(fd);
	cli_wait(&tag);
	cr_expect(access(file, F_OK) < 0);
	cr_expect(access(next, F_OK) < 0);
}

/* A region that is created again has the same file of names, if the old one was lost without rm. */
Test(output_versions, a_name_of_another_region_is_refused)
{
	char *tags, file[96];
	FILE *again;

	EXPECT_STATUS(STELE("tag", region, "kept", "3"), 0);
	tags = STELE("tag", "-f", "csv", region).out;
	EXPECT_STATUS(STELE("rm", region), 0);
	EXPECT_STATUS(STELE("create", region, "--table", ROUTES), 0);
	snprintf(file, sizeof(file), "/dev/shm/stele.%s.tags", region);
	again = fopen(file, "we");
	cr_assert(again);
	fprintf(again, "kept %s", strrchr(tags, ',') + 1);
	fclose(again);
	EXPECT_FAILURE(STELE("get", "-a", "kept", target, "10.0.0.0/8"), 3,
	               "belongs to another region");
	EXPECT_HAS(STELE("tag", "-f", "csv", region).out, "false");
	if (geteuid() == 0) {
		cr_assert(chown(file, 65534, 65534) == 0);
		EXPECT_FAILURE(STELE("get", "-a", "kept", target, "10.0.0.0/8"), 5,
		               "is not a file of the region's owner");
	}
}

/* Names in a damaged file can be read as far as they are whole, and are not overwritten. */
Test(output_versions, a_damaged_file_of_names_is_not_changed)
{
	static const char damage[] = "\1\2\n";
	char file[96], *before;
	FILE *append;

	EXPECT_STATUS(STELE("tag", region, "kept", "3"), 0);
	snprintf(file, sizeof(file), "/dev/shm/stele.%s.tags", region);
	append = fopen(file, "ae");
	cr_assert(append);
	fputs(damage, append);
	fclose(append);
	before = cli_read_all(open(file, O_RDONLY | O_CLOEXEC));
	EXPECT_HAS(STELE("tag", "-f", "csv", region).out, "kept");
	EXPECT_FAILURE(STELE("tag", region, "more", "2"), 7, "lines that are no names");
	EXPECT_FAILURE(STELE("tag", "--delete", region, "kept"), 7, "is not changed");
	EXPECT_TEXT(cli_read_all(open(file, O_RDONLY | O_CLOEXEC)), before);
}

/* A publisher that is attached holds no lock that the names need. */
Test(output_versions, versions_are_named_while_a_publisher_is_attached)
{
	struct stele_publisher_options options = {.size = sizeof(options)};
	struct stele_publisher *publisher;

	cr_assert(stele_publisher_open(region, &options, &publisher) == 0);
	EXPECT_STATUS(STELE("tag", region, "present"), 0);
	expect_metric("--version", "present", "22\n");
	EXPECT_FAILURE(STELE("tag", region, "now"), 2, "invalid name \"now\"");
	stele_publisher_close(publisher);
}
