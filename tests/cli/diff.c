/* SPDX-License-Identifier: MIT
 * stele diff. */
#include <stele/stele.h>
#include "tests/support/cli.h"

TestSuite(cli_diff, .init = cli_begin_routes, .fini = cli_end);

Test(cli_diff, prints_what_two_versions_differ_in)
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

Test(cli_diff, goes_back_and_from_nothing)
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

Test(cli_diff, of_one_table_leaves_the_others_out)
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
	EXPECT_TEXT(result.out, "version,change,table,row,before,token\n5,added,other,a=1,,5\n");
	/* A table that only one of them has is there. */
	EXPECT_STATUS(STELE("diff", other, "5", "2"), 0);
	EXPECT_STATUS(STELE("diff", other, "2", "5"), 0);
}

Test(cli_diff, of_what_is_not_there)
{
	char other[64];

	snprintf(other, sizeof(other), "%s/route", region);
	EXPECT_FAILURE(STELE("diff", other, "1", "2"), 3, "did you mean \"routes\"?");
	EXPECT_FAILURE(STELE("diff", region, "1", "3"), 3, "no version 3 yet");
	EXPECT_FAILURE(STELE("diff", region, "3", "1"), 3, "no version 3 yet");
	EXPECT_FAILURE(STELE("diff", region, "1", "0"), 2, "TO");
	EXPECT_FAILURE(STELE("diff", region, "one", "2"), 2, "FROM");
	EXPECT_FAILURE(STELE("diff", region, "1"), 2, "two versions");
	EXPECT_FAILURE(STELE("diff", "no-such-region", "1", "2"), 3, "no such region");
}

Test(cli_diff, of_versions_that_history_let_go_of)
{
	struct stele_publisher_options options = {.size = sizeof(options)};
	struct stele_publisher *publisher;
	struct stele_transaction *tx;

	EXPECT_STATUS(STELE("rm", region), 0);
	EXPECT_STATUS(STELE("create", region, "--history", "2", "--table", "t(a: u8 key, b: u32)"),
	              0);
	cr_assert(stele_publisher_open(region, &options, &publisher) == 0, "%s",
	          stele_last_error());
	for (uint32_t number = 1; number <= 200; number++) {
		cr_assert(stele_transaction_begin(publisher, &tx) == 0);
		cr_assert(stele_put(tx, "t", "a", 8, &number, sizeof(number)) == 1);
		cr_assert(stele_transaction_commit(tx, NULL, NULL) == 1);
	}
	stele_publisher_close(publisher);
	EXPECT_FAILURE(STELE("diff", region, "2", "201"), 3, "does not hold version 2 any more");
	expect_done(STELE("diff", "--format", "csv", region, "200", "201"),
	            "version,change,table,row,before,token\n"
	            "201,changed,t,a=97 b=200,a=97 b=199,201\n");
}
