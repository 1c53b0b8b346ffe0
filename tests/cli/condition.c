/* SPDX-License-Identifier: MIT
 *
 * Conditions on the command line: --if-head, --if-version, --if-absent, and the members of
 * apply. */
#include "tests/support/cli.h"

TestSuite(cli_condition, .init = cli_begin_routes, .fini = cli_end);

Test(cli_condition, set_and_delete_honour_conditions)
{
	const char *before = cli_dump();

	EXPECT_FAILURE(STELE("set", "--if-absent", target, "10.0.0.0/8", "metric=1"), 10,
	               "at version 2, but expected to be absent");
	EXPECT_FAILURE(
		STELE("set", cli_option("--if-version", 1), target, "10.0.0.0/8", "metric=1"), 10,
		"is at version 2, not at version 1");
	EXPECT_FAILURE(
		STELE("set", cli_option("--if-version", 1), target, "10.9.0.0/16", "metric=1"), 10,
		"is not there, but expected at version 1");
	EXPECT_FAILURE(STELE("delete", "--if-version", cli_token(1), target, "10.0.0.0/8"), 10,
	               "is at version 2, not at version 1");
	EXPECT_FAILURE(STELE("set", "--if-version=0", target, "10.0.0.0/8", "metric=1"), 2,
	               "--if-version");
	EXPECT_FAILURE(STELE("set", cli_option("--if-version", 2), "--if-absent", target,
	                     "10.0.0.0/8", "metric=1"),
	               2, "expected one of them, once");
	EXPECT_STATUS(STELE("delete", "--if-absent", target, "10.0.0.0/8"), 2);
	EXPECT_TEXT(cli_dump(), before);
	expect_done(STELE("set", cli_option("--if-version", 2), target, "10.0.0.0/8", "metric=1"),
	            "routes: version 3 (0 added, 1 changed, 0 removed)\n");
	expect_done(STELE("set", "--if-absent", target, "10.9.0.0/16", "metric=1",
	                  "next_hop=192.0.2.1", "interface=eth0"),
	            "routes: version 4 (1 added, 0 changed, 0 removed)\n");
	EXPECT_FAILURE(
		STELE("delete", cli_option("--if-version", 3), target, "10.0.0.0/8", "10.9.0.0/16"),
		10, "is at version 4, not at version 3");
	expect_done(STELE("delete", cli_option("--if-version", 3), target, "10.0.0.0/8"),
	            "routes: version 5 (0 added, 0 changed, 1 removed)\n");
}

Test(cli_condition, if_head_compares_the_newest_version)
{
	static const char line[] =
		"{\"table\": \"routes\", \"delete\": {\"prefix\": \"10.0.0.0/8\"}}\n";
	static const char csv[] = "prefix,next_hop,interface,metric\n";
	const char *before = cli_dump();

	EXPECT_FAILURE(STELE("set", cli_option("--if-head", 1), target, "10.0.0.0/8", "metric=1"),
	               10, "is at version 2, not at version 1");
	EXPECT_FAILURE(STELE("delete", cli_option("--if-head", 3), target, "10.0.0.0/8"), 10,
	               "not at version 3");
	EXPECT_FAILURE(STELE_WITH(line, "apply", "--if-head=0", region, "-"), 10,
	               "not at version 0");
	EXPECT_FAILURE(STELE_WITH(csv, "publish", cli_option("--if-head", 1), target, "-"), 10,
	               "not at version 1");
	EXPECT_FAILURE(STELE("publish", "--kernel-routes", cli_option("--if-head", 1), region), 2,
	               "--if-head");
	EXPECT_FAILURE(STELE("set", "--if-head=x", target, "10.0.0.0/8", "metric=1"), 2,
	               "--if-head");
	EXPECT_TEXT(cli_dump(), before);
	EXPECT_STATUS(STELE("set", cli_option("--if-head", 2), target, "10.0.0.0/8", "metric=1"),
	              0);
	EXPECT_STATUS(STELE("delete", cli_option("--if-head", 3), target, "0.0.0.0/0"), 0);
	EXPECT_STATUS(STELE_WITH(line, "apply", cli_option("--if-head", 4), region, "-"), 0);
	EXPECT_STATUS(STELE_WITH(csv, "publish", cli_option("--if-head", 5), target, "-"), 0);
}

#define PUT(condition) \
	"{\"table\": \"routes\", \"put\": {\"prefix\": \"10.0.0.0/8\", \"metric\": 1}, " condition \
	"}\n"
#define DELETE(condition) \
	"{\"table\": \"routes\", \"delete\": {\"prefix\": \"10.0.0.0/8\"}, " condition "}\n"

Test(cli_condition, apply_honours_conditions)
{
	static const struct {
		const char *line;
		int status;
		const char *part;
	} wrong[] = {
		{PUT("\"if_version\": \"1@%s\""), 10, "is at version 2, not at version 1"},
		{PUT("\"if_absent\": true"), 10, "expected to be absent"},
		{DELETE("\"if_version\": \"3@%s\""), 10, "is at version 2, not at version 3"},
		{PUT("\"if_version\": 0"), 2, "if_version"},
		{PUT("\"if_version\": \"2\""), 2, "if_version"},
		{PUT("\"if_absent\": false"), 2, "if_absent"},
		{PUT("\"if_absent\": true, \"if_version\": \"2@%s\""), 2, "if_absent"},
		{DELETE("\"if_absent\": true"), 2, "if_absent"},
		{PUT("\"if\": 2"), 2, "expected no other members"},
	};
	const char *before = cli_dump();
	char changes[512];

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char line[256], input[512];

		snprintf(line, sizeof(line), wrong[i].line, cli_uuid());
		snprintf(input, sizeof(input),
		         "{\"table\": \"routes\", \"delete\": {\"prefix\": \"0.0.0.0/0\"}}\n%s",
		         line);
		EXPECT_FAILURE(STELE_WITH(input, "apply", region, "-"), wrong[i].status,
		               "standard input:2: ", wrong[i].part);
		EXPECT_TEXT(cli_dump(), before);
	}
	/* A row that an earlier line has changed has the version that is being made. */
	snprintf(changes, sizeof(changes),
	         PUT("\"if_version\": \"2@%s\"") DELETE("\"if_version\": \"3@%s\""), cli_uuid(),
	         cli_uuid());
	EXPECT_STATUS(STELE_WITH(changes, "apply", region, "-"), 0);
	EXPECT_HAS_NOT(cli_dump(), "10.0.0.0/8");
}
