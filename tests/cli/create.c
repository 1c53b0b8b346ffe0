/* SPDX-License-Identifier: MIT
 *
 * stele create, list, show and rm; and regions in either kind of memory (--memory). */
#include <stdlib.h>
#include <unistd.h>

#include <stele/stele.h>

#include "tests/support/cli.h"

TestSuite(cli_create, .init = cli_begin, .fini = cli_end);

static void expect_no_region(void)
{
	EXPECT_FAILURE(STELE("show", region), 3, "there is no region", "/dev/shm/stele.cli",
	               "'stele list'");
}

Test(cli_create, makes_a_region_and_its_tables)
{
	struct cli_result result;
	char line[128];

	snprintf(line, sizeof(line), "%s: created, version 1, 2 tables created\n", region);
	expect_done(STELE("create", region, "--history", "10", "--history-bytes", "2M",
	                  "--max-size", "64M", "--mode", "604", "--table", ROUTES, "--table",
	                  "seen(when: time key, what: text)"),
	            line);
	result = STELE("show", region);
	EXPECT_STATUS(result, 0);
	EXPECT_HAS(result.out, "history             10\n");
	EXPECT_HAS(result.out, "history_bytes       2.0 MiB");
	EXPECT_HAS(result.out, "maximum_size        64 MiB\n");
	EXPECT_HAS(result.out, "mode                0604\n");
	EXPECT_HAS(result.out, "publisher_attached  no");
	EXPECT_HAS(result.out, "message=\"tables created\"");
	EXPECT_HAS(result.out, "routes     0           1  prefix: ipv4net key, next_hop: ipv4, "
	                       "interface: char[16], metric: u32\n");
	EXPECT_HAS(result.out, "seen       0           1  when: time key, what: text\n");
}

Test(cli_create, adds_missing_tables_and_accepts_equal_ones)
{
	char line[128];

	EXPECT_STATUS(STELE("create", region, "--table", ROUTES), 0);
	snprintf(line, sizeof(line), "%s: exists, version 2, 1 table created, 1 already there\n",
	         region);
	expect_done(STELE("create", region, "--table", ROUTES, "--table", "more(a: u8 key)"), line);
	EXPECT_HAS(STELE("create", region, "--history", "9").err, "they were not applied");
}

Test(cli_create, refuses_a_table_with_other_columns_and_changes_nothing)
{
	const char *before;

	EXPECT_STATUS(STELE("create", region, "--table", ROUTES), 0);
	before = STELE("show", "--format", "json", region).out;
	EXPECT_FAILURE(STELE("create", region, "--table", "new(a: u8 key)", "--table",
	                     "routes(prefix: ipv4net key, metric: u32)"),
	               2, "\"routes\"", "another schema",
	               "(prefix: ipv4net key, next_hop: ipv4, interface: char[16], metric: u32)",
	               "(prefix: ipv4net key, metric: u32)", "'stele alter ");
	EXPECT_HAS_NOT(STELE("show", region).out, "new ");
	EXPECT_HAS(before, "\"version\": 1");
	EXPECT_HAS(STELE("show", "--format", "json", region).out, "\"version\": 1");
}

Test(cli_create, accepts_a_table_that_programs_for_the_declaration_can_use)
{
	struct cli_result result;

	EXPECT_STATUS(STELE("create", region, "--table", "t(a: u8 key, state: u8 enum(up=1))"), 0);
	result = STELE("create", region, "--table", "t(a: u8 key, state: u8 enum(up=1) doc 'x')");
	EXPECT_STATUS(result, 0);
	EXPECT_HAS(result.out, "0 tables created, 1 already there\n");
	EXPECT_HAS(result.err, "note: table \"t\" is not as declared");
	EXPECT_HAS(STELE("show", region).out, "version             1");
}

Test(cli_create, a_malformed_declaration_leaves_no_region)
{
	EXPECT_FAILURE(STELE("create", region, "--table", ROUTES, "--table", "bad(a: u9 key)"), 2,
	               "--table", "u9");
	expect_no_region();
	EXPECT_FAILURE(STELE("create", region, "--table", "bad(a: u8)"), 2, "key");
	expect_no_region();
	EXPECT_FAILURE(STELE("create", region, "--table", ROUTES, "--table", ROUTES), 2,
	               "declared twice");
	expect_no_region();
}

Test(cli_create, refuses_forbidden_names)
{
	EXPECT_FAILURE(STELE("create", "a.b", "--table", ROUTES), 2, "region name \"a.b\"");
	EXPECT_FAILURE(STELE("create", "-", "--table", ROUTES), 2, "region name \"-\"");
	EXPECT_FAILURE(STELE("create", "x/y"), 2, "\"x/y\" is not the name of a region");
	EXPECT_FAILURE(STELE("create", ""), 2, "region name");
	EXPECT_FAILURE(STELE("create", region, "--table", "no way(a: u8 key)"), 2, "--table");
	EXPECT_FAILURE(STELE("dump", "net/../routes"), 2, "expected REGION/TABLE; a path starts");
	expect_no_region();
}

Test(cli_create, refuses_more_memory_than_a_region_can_have)
{
	cr_expect(STELE("create", region, "--max-size", "4096T").status != 0);
	expect_no_region();
}

/* The region is created, then its tables do not fit: the region is removed again. */
Test(cli_create, tables_that_do_not_fit_leave_no_region)
{
	char *arguments[CLI_ARGUMENTS] = {cli_command(), "create", region, "--limit", "128K"};
	static char declarations[40][STELE_COLUMNS_MAX * (STELE_NAME_MAX + 8)];
	struct cli_result result;

	for (int i = 0; i < 40; i++) {
		int length = sprintf(declarations[i], "t%d(a: u8 key", i);

		for (unsigned column = 1; column < STELE_COLUMNS_MAX; column++)
			length += sprintf(declarations[i] + length, ", a%055u: u8", column);
		strcpy(declarations[i] + length, ")");
		arguments[5 + 2 * i] = "--table";
		arguments[6 + 2 * i] = declarations[i];
	}
	result = cli_run(NULL, arguments);
	EXPECT_FAILURE(result, 6, region);
	expect_no_region();
}

Test(cli_create, rm_removes_and_reports_a_missing_region)
{
	EXPECT_STATUS(STELE("create", region), 0);
	expect_done(STELE("rm", region), "");
	expect_no_region();
	EXPECT_FAILURE(STELE("rm", region), 3, "there is no region");
}

Test(cli_create, an_unknown_region_suggests_the_nearest_name)
{
	char wrong[64], suggestion[64];

	EXPECT_STATUS(STELE("create", region), 0);
	snprintf(wrong, sizeof(wrong), "%sx", region);
	snprintf(suggestion, sizeof(suggestion), "did you mean \"%s\"?", region);
	EXPECT_FAILURE(STELE("show", wrong), 3, "there is no region", wrong, suggestion,
	               "'stele list'");
}

Test(cli_create, list_has_every_region)
{
	char line[256];

	EXPECT_STATUS(STELE("create", region, "--table", ROUTES), 0);
	EXPECT_STATUS(
		STELE("set", target, "10.0.0.0/8", "next_hop=192.0.2.1", "interface=", "metric=1"),
		0);
	snprintf(
		line, sizeof(line),
		"{\"name\": \"%s\", \"version\": 2, \"tables\": 1, \"rows\": 1, \"publisher\": null, "
		"\"subscribers\": 0, \"size\": ",
		region);
	EXPECT_HAS(cli_listed("ndjson"), line);
	EXPECT_HAS(cli_listed("table"), region);
}

Test(cli_create, show_prints_the_requested_settings)
{
	struct cli_result result;

	EXPECT_STATUS(STELE("create", region, "--limit", "8M", "--max-size", "1M", "--durability",
	                    "commit", "--table", "t(a: u32 key, b: text)"),
	              0);
	result = STELE("show", region);
	EXPECT_HAS(result.out, "limit_size          8.0 MiB\n");
	EXPECT_HAS(result.out, "maximum_size        1.0 MiB\n");
	EXPECT_HAS(result.out, "generation          1\n");
	EXPECT_HAS(result.out, "durability          commit\n");
	result = STELE("compact", region);
	EXPECT_STATUS(result, 0);
	EXPECT_HAS(result.out, " bytes, from ");
	EXPECT_HAS(STELE("show", region).out, "generation          2\n");
	EXPECT_FAILURE(STELE("create", region, "--durability", "always"), 2,
	               "expected none or commit");
	EXPECT_FAILURE(STELE("create", region, "--limit", "1M", "--max-size", "2M"), 2,
	               "the limit of 1048576");
	EXPECT_FAILURE(STELE("compact", "no-such-region"), 3, "there is no region");
}

Test(cli_create, filters_of_a_mirror_are_checked)
{
	EXPECT_FAILURE(
		STELE("publish", "--kernel-routes", "--table", "no-such", region), 2,
		"--table: invalid value \"no-such\" (expected the number of a routing table");
	EXPECT_FAILURE(STELE("publish", "--kernel-routes", "--protocol", "256", region), 2,
	               "--protocol: invalid value \"256\"");
	EXPECT_FAILURE(STELE("publish", "--kernel-routes", "--family", "ipx", region), 2,
	               "--family: invalid value \"ipx\" (expected inet or inet6)");
	EXPECT_FAILURE(STELE("publish", "--family", "inet", target, "-"), 2,
	               "only for --kernel-routes");
}

/* A publisher that shares the region admits others that share it, too. */
Test(cli_create, shares_a_region)
{
	struct cli_process process;

	snprintf(target, sizeof(target), "%s/t", region);
	EXPECT_STATUS(STELE("create", region, "--table", "t(a: u32 key, b: text)"), 0);
	STELE_START(&process, "publish", "--shared", "--kernel-routes", region);
	EXPECT_HAS(cli_line(&process), region);
	EXPECT_FAILURE(STELE("set", "--wait", "0", target, "1", "b=x"), 4,
	               "another publisher is attached");
	EXPECT_STATUS(STELE("set", "--shared", target, "1", "b=x"), 0);
	EXPECT_STATUS(STELE("set", "--shared", target, "2", "b=y"), 0);
	EXPECT_TEXT(STELE("dump", "-fcsv", target).out, "a,b\n1,x\n2,y\n");
	kill(process.pid, SIGTERM);
	cr_expect(cli_wait(&process) == 0);
}

/* A directory for the region's files; removed at the end. */
Test(cli_create, puts_a_region_into_a_directory)
{
	char directory[] = "/tmp/stele-test-XXXXXX", file[96], table[96];

	cr_assert(mkdtemp(directory) != NULL);
	EXPECT_STATUS(STELE("create", "-D", directory, region, "--table", "t(a: u32 key, b: text)"),
	              0);
	snprintf(file, sizeof(file), "%s/stele.%s", directory, region);
	cr_expect(access(file, F_OK) == 0);
	snprintf(file, sizeof(file), "/dev/shm/stele.%s", region);
	cr_expect(access(file, F_OK) < 0, "it is in /dev/shm too");
	snprintf(table, sizeof(table), "%s/t", region);
	EXPECT_STATUS(STELE("set", "-D", directory, table, "1", "b=x"), 0);
	EXPECT_TEXT(STELE("get", "--directory", directory, "-fcsv", table, "1").out, "a,b\n1,x\n");
	EXPECT_HAS(STELE("list", "-D", directory).out, region);
	EXPECT_FAILURE(STELE("get", table, "1"), 3, "there is no region", "/dev/shm/stele.");
	EXPECT_FAILURE(STELE("get", "-D", "/nonexistent", table, "1"), 3,
	               "cannot use the directory /nonexistent");
	EXPECT_FAILURE(STELE("get", "-D", "/etc/passwd", table, "1"), 2,
	               "cannot use the directory /etc/passwd/");
	EXPECT_FAILURE(STELE("get", "-D", directory, "nosuch/t", "1"), 3, "there is no region",
	               directory);
	EXPECT_STATUS(STELE("rm", "-D", directory, region), 0);
	cr_expect(rmdir(directory) == 0, "rm left something: %s", strerror(errno));
}

/* ---- --memory ---- */

static void expect_memory(const char *name)
{
	char json[64], line[64];

	snprintf(json, sizeof(json), "\"memory\": \"%s\"", name);
	snprintf(line, sizeof(line), "memory              %s\n", name);
	EXPECT_HAS(STELE("show", "--format", "json", region).out, json);
	EXPECT_HAS(STELE("show", region).out, line);
}

Test(cli_create, a_region_in_a_segment_is_used_like_any_other)
{
	EXPECT_STATUS(
		STELE("create", region, "--memory", "sysv", "--max-size", "2M", "--table", ROUTES),
		0);
	expect_memory("sysv");
	EXPECT_HAS(STELE("show", region).out, "limit_size          2.0 MiB\n");
	EXPECT_STATUS(STELE("set", target, "10.0.0.0/8", "next_hop=10.0.0.1", "interface=eth0",
	                    "metric=1"),
	              0);
	EXPECT_HAS(STELE("lookup", target, "10.9.9.9").out, "eth0");
	EXPECT_HAS(cli_listed("table"), "2.0 MiB");
	EXPECT_HAS(cli_listed("table"), "  ok");
	EXPECT_FAILURE(STELE("compact", region), 8, "System V segment", "fixed size");
	EXPECT_HAS(STELE("create", region, "--memory", "shm").err, "they were not applied");
	expect_memory("sysv");
	EXPECT_STATUS(STELE("rm", region), 0);
	EXPECT_STATUS(STELE("create", region), 0);
	expect_memory("shm");
}

Test(cli_create, refuses_impossible_kinds_of_memory)
{
	EXPECT_FAILURE(STELE("create", region, "--memory", "sysvv"), 2, "did you mean \"sysv\"?");
	EXPECT_FAILURE(STELE("create", region, "--memory", "elsewhere"), 2,
	               "expected shm, file or sysv");
	EXPECT_FAILURE(STELE("create", region, "--memory", "file"), 2, "DIRECTORY/NAME");
	EXPECT_FAILURE(STELE("create", region, "-D", "/tmp", "-M", "sysv"), 2, "no directories");
	EXPECT_FAILURE(STELE("create", region, "-D", "/tmp", "-M", "shm"), 2, "no directories");
	EXPECT_FAILURE(STELE("create", region, "-M", "sysv", "--max-size", "2M", "--limit", "4M"),
	               2, "cannot grow");
	EXPECT_FAILURE(STELE("create", region, "-M", "sysv", "-d", "commit"), 2, "no disk",
	               "--durability=none");
	EXPECT_FAILURE(STELE("publish", "--memory", "sysv", target, "-"), 2, "--kernel-routes");
	EXPECT_FAILURE(STELE("show", region), 3, "there is no region");
}

Test(cli_create, a_region_is_given_to_a_group)
{
	struct stele_region_info info = {.size = sizeof(info)};
	char group[32];

	snprintf(group, sizeof(group), "%u", geteuid() == 0 ? 65530 : (unsigned)getegid());
	EXPECT_FAILURE(STELE("create", region, "--group", "no such group"), 2,
	               "there is no group \"no such group\"");
	EXPECT_FAILURE(STELE("create", region, "--group", "4294967295"), 2, "there is no group");
	EXPECT_STATUS(STELE("create", region, "--group", group), 0);
	cr_assert_eq(stele_region_describe(region, &info), 0, "%s", stele_last_error());
	cr_expect_eq(info.group, strtoul(group, NULL, 10));
	EXPECT_HAS(STELE("show", "--format", "json", region).out, "\"group\": ");
	EXPECT_HAS(STELE("create", region, "--group", group).err,
	           "--group and --shared apply only to a new region");
	EXPECT_FAILURE(STELE("publish", "--group", group, "x/y", "z"), 2,
	               "only for --kernel-routes");
	EXPECT_STATUS(STELE("rm", region), 0);
}
