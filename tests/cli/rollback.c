/* SPDX-License-Identifier: MIT
 * stele rollback. */
#include "tests/support/cli.h"

TestSuite(cli_rollback, .init = cli_begin_routes, .fini = cli_end);

Test(cli_rollback, goes_back_and_forth)
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
	EXPECT_STATUS(
		STELE("rollback", region, "-t", "5", "-m", "and back", cli_option("--if-head", 6)),
		0);
	EXPECT_TEXT(cli_dump(), after);
	EXPECT_HAS(STELE("show", region).out, "and back");
	EXPECT_HAS(STELE("show", region).out, "more");
}

Test(cli_rollback, refuses_and_changes_nothing)
{
	const char *before = cli_dump();

	EXPECT_FAILURE(STELE("rollback", region, "--to", "3"), 3, "no version 3 yet");
	EXPECT_FAILURE(STELE("rollback", region, "--to", "1", "--if-head", cli_token(1)), 10,
	               "not at version 1");
	EXPECT_FAILURE(STELE("rollback", region, "--to", "0"), 2, "--to");
	EXPECT_FAILURE(STELE("rollback", region), 2, "--to");
	EXPECT_FAILURE(STELE("rollback", "--to", "1"), 2, "expected one REGION");
	EXPECT_FAILURE(STELE("rollback", "no-such-region", "--to", "1"), 3, "no such region");
	EXPECT_TEXT(cli_dump(), before);
}
