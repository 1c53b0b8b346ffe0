/* SPDX-License-Identifier: MIT
 *
 * Older versions of a region: stele log, and get, lookup and dump at versions that it lists; stele
 * diff; stele rollback. */
#include <stele/stele.h>

#include "tests/support/cli.h"

TestSuite(cli_history, .init = cli_begin_routes, .fini = cli_end);

/* ---- log ---- */

Test(cli_history, log_lists_commits_newest_first)
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
	           "\"routes\", \"added\": 0, \"changed\": 1, \"removed\": 0, \"fate\": "
	           "\"kept\"}], \"message\": "
	           "\"a \\u001b[2J message\"}\n{\"version\": 2, ");
	second = strstr(result.out, "{\"version\": 2, ");
	cr_assert(second);
	EXPECT_HAS(second, "\"added\": 3, \"changed\": 0, \"removed\": 0, ");
	EXPECT_HAS(second, "\n{\"version\": 1, ");
	result = STELE("log", region);
	EXPECT_HAS(result.out, "version  time");
	EXPECT_HAS(result.out, "      0        1        0  routes            a \\x1b[2J message\n");
	EXPECT_HAS(STELE("log", "--format", "csv", region).out,
	           ",3,0,0,table=routes added=3 changed=0 removed=0 fate=kept,");
}

/* A commit that changes no row is listed with its table, and with what became of it. */
Test(cli_history, log_tells_what_became_of_tables)
{
	struct cli_result result;
	char table[80];

	snprintf(table, sizeof(table), "%s/empty", region);
	EXPECT_STATUS(STELE("create", region, "--table", "empty(id: u32 key, a: u32)"), 0);
	EXPECT_STATUS(STELE("alter", table, "--add", "b: u32"), 0);
	EXPECT_STATUS(STELE("rollback", region, "--to", "3"), 0);
	EXPECT_STATUS(STELE("drop", table), 0);
	result = STELE("log", region);
	EXPECT_STATUS(result, 0);
	EXPECT_HAS(result.out, "  empty (dropped)  ");
	EXPECT_HAS(result.out, "  empty (altered)  ");
	EXPECT_HAS(result.out, "  empty (created)  ");
	result = STELE("log", "-L", "3", "--format", "ndjson", region);
	EXPECT_HAS(result.out, "\"tables\": [{\"table\": \"empty\", \"added\": 0, \"changed\": 0, "
	                       "\"removed\": 0, \"fate\": \"altered\"}]");
}

Test(cli_history, log_stops_after_the_requested_lines)
{
	struct cli_result result = STELE("log", "-L", "1", "--format", "json", region);

	EXPECT_STATUS(result, 0);
	EXPECT_HAS(result.out, "[\n{\"version\": 2, ");
	EXPECT_HAS_NOT(result.out, "\"version\": 1");
	EXPECT_FAILURE(STELE("log", "--lines", "0", region), 2, "--lines");
	EXPECT_HAS(STELE("log", "-f", "csv", target).out, "\n2,");
	EXPECT_FAILURE(STELE("log", "no-such-region"), 3, "there is no region");
}

Test(cli_history, rollback_goes_back_as_far_as_history)
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
		cr_assert(stele_transaction_put(tx, "t", "a", 8, &number, sizeof(number)) == 1);
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

Test(cli_history, log_of_a_region_without_commits_is_empty)
{
	struct stele_publisher_options options = {.size = sizeof(options), .flags = STELE_CREATE};
	struct stele_publisher *publisher;

	EXPECT_STATUS(STELE("rm", region), 0);
	cr_assert(stele_publisher_open(region, &options, &publisher) == 0, "%s",
	          stele_last_error());
	expect_done(STELE("log", "--format", "json", region), "[]\n");
	stele_publisher_close(publisher);
}

Test(cli_history, older_versions_can_be_read)
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
	EXPECT_FAILURE(STELE("get", "--version", "4", target, "10.1.0.0/16"), 1,
	               "there is no row for");
}

Test(cli_history, missing_versions_are_refused)
{
	EXPECT_FAILURE(STELE("get", "--version", "9", target, "10.0.0.0/8"), 3, "no version 9 yet");
	EXPECT_FAILURE(STELE("lookup", "--version", "9", target, "10.0.0.1"), 3,
	               "no version 9 yet");
	EXPECT_FAILURE(STELE("dump", "--version", "9", target), 3, "no version 9 yet");
	EXPECT_FAILURE(STELE("dump", "--version", "0", target), 2, "--version");
	EXPECT_FAILURE(STELE("get", "--version", "4x", target, "10.0.0.0/8"), 2, "--version");
	EXPECT_FAILURE(STELE("get", "--version", "1", target, "10.0.0.0/8"), 1,
	               "there is no row for");
}

/* ---- diff ---- */

Test(cli_history, diff_prints_the_differences_of_two_versions)
{
	EXPECT_STATUS(STELE("set", target, "10.0.0.0/8", "metric=21"), 0);
	EXPECT_STATUS(STELE("delete", target, "10.1.0.0/16"), 0);
	expect_done(STELE("diff", region, "2", "4"),
	            "version  change  table   row"
	            "                                                            before\n"
	            "      4  ~       routes  prefix=10.0.0.0/8 next_hop=192.0.2.2 interface=eth1 "
	            "metric=21  metric=20\n"
	            "      4  -       routes  prefix=10.1.0.0/16 next_hop=192.0.2.3 interface=eth1 "
	            "metric=5\n");
	expect_done(STELE("diff", "--format", "ndjson", target, "2", "3"),
	            "{\"version\": 3, \"change\": \"changed\", \"table\": \"routes\", \"row\": "
	            "{\"prefix\": \"10.0.0.0/8\", \"next_hop\": \"192.0.2.2\", \"interface\": "
	            "\"eth1\", \"metric\": 21}, \"before\": {\"prefix\": \"10.0.0.0/8\", "
	            "\"next_hop\": \"192.0.2.2\", \"interface\": \"eth1\", \"metric\": 20}}\n");
	expect_done(STELE("diff", "--format", "json", region, "3", "3"), "[]\n");
}

Test(cli_history, diff_goes_back_and_starts_from_no_version)
{
	struct cli_result result;

	EXPECT_STATUS(STELE("delete", target, "10.1.0.0/16"), 0);
	result = STELE("diff", "--format", "csv", region, "3", "2");
	EXPECT_STATUS(result, 0);
	EXPECT_HAS(result.out, "\n2,added,routes,prefix=10.1.0.0/16 ");
	result = STELE("diff", "--format", "csv", region, "0", "3");
	EXPECT_STATUS(result, 0);
	EXPECT_HAS(result.out, "\n3,added,routes,prefix=0.0.0.0/0 ");
	EXPECT_HAS(result.out, "\n3,added,routes,prefix=10.0.0.0/8 ");
	EXPECT_HAS_NOT(result.out, "10.1.0.0/16");
}

Test(cli_history, diff_of_one_table_omits_the_others)
{
	struct cli_result result;
	char other[64];

	snprintf(other, sizeof(other), "%s/other", region);
	EXPECT_STATUS(STELE("create", region, "--table", "other(a: u8 key)"), 0);
	EXPECT_STATUS(STELE("set", other, "1"), 0);
	EXPECT_STATUS(STELE("set", target, "10.0.0.0/8", "metric=21"), 0);
	result = STELE("diff", "--format", "csv", other, "2", "5");
	EXPECT_STATUS(result, 0);
	cli_plain(result.out);
	EXPECT_TEXT(result.out, "version,change,table,row,before,token\n"
	                        "5,created,other,\"schema=\"\"other(a: u8 key)\"\"\",,5\n"
	                        "5,added,other,a=1,,5\n");
	/* A table that only one of the versions has is reported. */
	EXPECT_STATUS(STELE("diff", other, "5", "2"), 0);
	EXPECT_STATUS(STELE("diff", other, "2", "5"), 0);
}

Test(cli_history, diff_refuses_missing_tables_and_versions)
{
	char other[64];

	snprintf(other, sizeof(other), "%s/route", region);
	EXPECT_FAILURE(STELE("diff", other, "1", "2"), 3, "did you mean \"routes\"?");
	EXPECT_FAILURE(STELE("diff", region, "1", "3"), 3, "no version 3 yet");
	EXPECT_FAILURE(STELE("diff", region, "3", "1"), 3, "no version 3 yet");
	EXPECT_FAILURE(STELE("diff", region, "1", "0"), 2, "TO");
	EXPECT_FAILURE(STELE("diff", region, "1st", "2"), 2, "FROM");
	EXPECT_FAILURE(STELE("diff", region, "1", "2", "3"), 2, "up to two versions");
	EXPECT_FAILURE(STELE("diff", "no-such-region", "1", "2"), 3, "there is no region");
}

Test(cli_history, diff_refuses_versions_outside_history)
{
	cli_begin_short_history();
	EXPECT_FAILURE(STELE("diff", region, "2", "201"), 3, "does not hold version 2 any more");
	expect_done(STELE("diff", "--format", "csv", region, "200", "201"),
	            "version,change,table,row,before,token\n"
	            "201,changed,t,a=97 b=200,a=97 b=199,201\n");
}

/* ---- rollback ---- */

Test(cli_history, rollback_goes_back_and_forth)
{
	const char *before = cli_dump(), *after;
	char line[128];

	EXPECT_STATUS(STELE("delete", target, "10.0.0.0/8"), 0);
	EXPECT_STATUS(STELE("set", target, "10.1.0.0/16", "metric=6"), 0);
	EXPECT_STATUS(STELE("create", region, "--table", "more(id: u8 key)"), 0);
	after = cli_dump();
	snprintf(line, sizeof(line), "%s: version 6 (1 added, 1 changed, 0 removed)\n", region);
	expect_done(STELE("rollback", region, "--to", "2"), line);
	EXPECT_TEXT(cli_dump(), before);
	EXPECT_HAS(STELE("show", region).out, "rollback to version 2");
	EXPECT_HAS_NOT(STELE("show", region).out, "more");
	snprintf(line, sizeof(line), "%s: nothing changed, version 6\n", region);
	expect_done(STELE("rollback", region, "--to", "2"), line);
	EXPECT_STATUS(STELE("rollback", region, "--to", "5", "-m", "and back",
	                    cli_option("--if-head", 6)),
	              0);
	EXPECT_TEXT(cli_dump(), after);
	EXPECT_HAS(STELE("show", region).out, "and back");
	EXPECT_HAS(STELE("show", region).out, "more");
}

Test(cli_history, a_refused_rollback_changes_nothing)
{
	const char *before = cli_dump();

	EXPECT_FAILURE(STELE("rollback", region, "--to", "3"), 3, "no version 3 yet");
	EXPECT_FAILURE(STELE("rollback", region, "--to", "1", "--if-head", cli_token(1)), 10,
	               "not at version 1");
	EXPECT_FAILURE(STELE("rollback", region, "--to", "0"), 2, "--to");
	EXPECT_FAILURE(STELE("rollback", region), 2, "--to");
	EXPECT_FAILURE(STELE("rollback", "--to", "1"), 2, "expected one REGION");
	EXPECT_FAILURE(STELE("rollback", "no-such-region", "--to", "1"), 3, "there is no region");
	EXPECT_TEXT(cli_dump(), before);
}
