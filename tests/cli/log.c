/* SPDX-License-Identifier: MIT
 * stele log, and reading what it lists: get, lookup, dump of older versions. */
#include <stele/stele.h>
#include "tests/support/cli.h"

TestSuite(cli_log, .init = cli_begin_routes, .fini = cli_end);

Test(cli_log, lists_commits_newest_first)
{
	struct cli_result result;
	const char *second;

	EXPECT_STATUS(STELE("set", "-m", "a \033[2J message", target, "10.0.0.0/8", "metric=21"),
	              0);
	result = STELE("log", "--format", "ndjson", region);
	EXPECT_STATUS(result, 0);
	cr_expect(strncmp(result.out, "{\"version\": 3, \"time\": \"20", 25) == 0, "%s",
	          result.out);
	cli_plain(result.out);
	EXPECT_HAS(result.out, "\"by\": \"stele (");
	EXPECT_HAS(result.out,
	           "\"added\": 0, \"changed\": 1, \"removed\": 0, \"tables\": [{\"table\": "
	           "\"routes\", \"added\": 0, \"changed\": 1, \"removed\": 0}], \"message\": "
	           "\"a \\u001b[2J message\"}\n{\"version\": 2, ");
	second = strstr(result.out, "{\"version\": 2, ");
	cr_assert(second);
	EXPECT_HAS(second, "\"added\": 3, \"changed\": 0, \"removed\": 0, ");
	EXPECT_HAS(second, "\n{\"version\": 1, ");
	result = STELE("log", region);
	EXPECT_HAS(result.out, "version  time");
	EXPECT_HAS(result.out, "      0        1        0  routes  a \\x1b[2J message\n");
	EXPECT_HAS(STELE("log", "--format", "csv", region).out,
	           ",3,0,0,table=routes added=3 changed=0 removed=0,");
}

Test(cli_log, stops_after_the_lines_that_were_asked_for)
{
	struct cli_result result = STELE("log", "-n", "1", "--format", "json", region);

	EXPECT_STATUS(result, 0);
	EXPECT_HAS(result.out, "[\n{\"version\": 2, ");
	EXPECT_HAS_NOT(result.out, "\"version\": 1");
	EXPECT_FAILURE(STELE("log", "--lines", "0", region), 2, "--lines");
	EXPECT_FAILURE(STELE("log", target), 2, "name");
	EXPECT_FAILURE(STELE("log", "no-such-region"), 3, "no such region");
}

Test(cli_log, goes_back_as_far_as_history)
{
	struct stele_publisher_options options = {.size = sizeof(options)};
	struct stele_publisher *publisher;
	struct stele_transaction *tx;
	struct cli_result result;
	uint32_t lines = 0, number;
	char newest[64];

	EXPECT_STATUS(STELE("rm", region), 0);
	EXPECT_STATUS(STELE("create", region, "--history", "4", "--table", "t(a: u8 key, b: u32)"),
	              0);
	cr_assert(stele_publisher_open(region, &options, &publisher) == 0, "%s",
	          stele_last_error());
	for (number = 1; number <= 200; number++) {
		cr_assert(stele_transaction_begin(publisher, &tx) == 0);
		cr_assert(stele_put(tx, "t", "a", 8, &number, sizeof(number)) == 1);
		cr_assert(stele_transaction_commit(tx, NULL, NULL) == 1);
	}
	stele_publisher_close(publisher);
	result = STELE("log", "--format", "ndjson", region);
	EXPECT_STATUS(result, 0);
	snprintf(newest, sizeof(newest), "{\"version\": 201, ");
	cr_expect(strncmp(result.out, newest, strlen(newest)) == 0, "%s", result.out);
	for (const char *at = result.out; *at; at++)
		lines += *at == '\n';
	cr_expect(lines >= 4 && lines < 100, "%u lines", lines);
}

Test(cli_log, of_a_region_without_commits_is_empty)
{
	struct stele_publisher_options options = {.size = sizeof(options), .flags = STELE_CREATE};
	struct stele_publisher *publisher;

	EXPECT_STATUS(STELE("rm", region), 0);
	cr_assert(stele_publisher_open(region, &options, &publisher) == 0, "%s",
	          stele_last_error());
	expect_done(STELE("log", "--format", "json", region), "[]\n");
	stele_publisher_close(publisher);
}

Test(cli_log, older_versions_can_be_read)
{
	const char *before = cli_dump();

	EXPECT_STATUS(STELE("set", target, "10.0.0.0/8", "metric=21"), 0);
	EXPECT_STATUS(STELE("delete", target, "10.1.0.0/16"), 0);
	expect_done(STELE("dump", "--version", "2", "--format", "ndjson", target), before);
	expect_done(STELE("get", "--version", "2", "--format", "csv", target, "10.0.0.0/8"),
	            "prefix,next_hop,interface,metric\n10.0.0.0/8,192.0.2.2,eth1,20\n");
	expect_done(STELE("get", "-a", "3", "--format", "csv", target, "10.0.0.0/8"),
	            "prefix,next_hop,interface,metric\n10.0.0.0/8,192.0.2.2,eth1,21\n");
	expect_done(STELE("lookup", "--version", "3", "--format", "csv", target, "10.1.2.3"),
	            "address,prefix,next_hop,interface,metric\n"
	            "10.1.2.3,10.1.0.0/16,192.0.2.3,eth1,5\n");
	expect_done(STELE("lookup", "--format", "csv", target, "10.1.2.3"),
	            "address,prefix,next_hop,interface,metric\n"
	            "10.1.2.3,10.0.0.0/8,192.0.2.2,eth1,21\n");
	EXPECT_FAILURE(STELE("get", "--version", "4", target, "10.1.0.0/16"), 1, "no row with key");
}

Test(cli_log, versions_that_are_not_there)
{
	EXPECT_FAILURE(STELE("get", "--version", "9", target, "10.0.0.0/8"), 3, "no version 9 yet");
	EXPECT_FAILURE(STELE("lookup", "--version", "9", target, "10.0.0.1"), 3,
	               "no version 9 yet");
	EXPECT_FAILURE(STELE("dump", "--version", "9", target), 3, "no version 9 yet");
	EXPECT_FAILURE(STELE("dump", "--version", "0", target), 2, "--version");
	EXPECT_FAILURE(STELE("get", "--version", "new", target, "10.0.0.0/8"), 2, "--version");
	EXPECT_FAILURE(STELE("get", "--version", "1", target, "10.0.0.0/8"), 1, "no row");
}
