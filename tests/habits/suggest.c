/* SPDX-License-Identifier: MIT
 *
 * Misspelt options and words: the error message names the one that was meant. */
#include "tests/support/cli.h"

TestSuite(habits_suggest, .init = cli_begin_routes, .fini = cli_end);

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

Test(habits_suggest, options)
{
	EXPECT_FAILURE(STELE("get", "--colunm", "metric", target, "10.0.0.0/8"), 2,
	               "no option \"--colunm\"; did you mean \"--column\"?",
	               "Try 'stele get --help'");
	EXPECT_FAILURE(STELE("publish", "--dryrun", target, "-"), 2, "did you mean \"--dry-run\"?");
	EXPECT_FAILURE(STELE("list", "--formt=csv"), 2,
	               "no option \"--formt\"; did you mean \"--format\"?");
	/* Options that other parsers of the command have. */
	EXPECT_FAILURE(STELE("set", "--mesage", "x", target, "10.0.0.0/8"), 2, "--message");
	EXPECT_FAILURE(STELE("get", "--ower", "any", target, "10.0.0.0/8"), 2, "--owner");
	EXPECT_FAILURE(STELE("rm", "--directry", "/tmp", region), 2, "--directory");
	EXPECT_FAILURE(STELE("rm", "--hlep", region), 2, "--help");
	EXPECT_HAS_NOT(STELE("list", "--colour").err, "did you mean");
	EXPECT_FAILURE(STELE("list", "--colour"), 2, "no option \"--colour\"");
	EXPECT_FAILURE(STELE("list", "-q"), 2, "no option \"-q\"", "Try 'stele list --help'");
	EXPECT_FAILURE(STELE("list", "--\033[2J"), 2, "no option \"--\\x1b[2J\"");
	/* A hidden option is not suggested. */
	EXPECT_FAILURE(STELE("publish", "--inputformat", "csv", target, "-"), 2, "no option");
	EXPECT_HAS_NOT(STELE("publish", "--inputformat", "csv", target, "-").err, "--input-format");
}

/* Another case is no mistake in a letter, and one wrong letter is no word that was meant. */
Test(habits_suggest, case_and_short_names)
{
	EXPECT_FAILURE(STELE("Get", target, "10.0.0.0/8"), 2, "did you mean \"get\"?");
	EXPECT_FAILURE(STELE("dump", "--FORMAT", "csv", target), 2, "did you mean \"--format\"?");
	EXPECT_STATUS(STELE("create", region, "--table", "x(a: u8 key, b: u8)"), 0);
	snprintf(target, sizeof(target), "%s/y", region);
	EXPECT_FAILURE(STELE("dump", target), 3, "no table \"y\"", "lists its tables");
	snprintf(target, sizeof(target), "%s/x", region);
	EXPECT_FAILURE(STELE("dump", "--columns", "y", target), 2,
	               "no column \"y\"; its columns are: a: u8 key, b: u8");
	EXPECT_FAILURE(STELE("dump", "--columns", "", target), 2, "its columns are");
	EXPECT_FAILURE(STELE("set", target, "1", "c=2"), 2, "its columns are");
}

/* The words of getopt_long() for the other faults of options. */
Test(habits_suggest, abbreviations_and_values)
{
	EXPECT_FAILURE(STELE("dump", target, "--co"), 2, "\"--co\" needs a value (COLUMN,...)");
	EXPECT_FAILURE(STELE("publish", "--fpm-", target), 2,
	               "option \"--fpm-\" is ambiguous: \"--fpm-quiet\" or \"--fpm-hold\"");
	EXPECT_FAILURE(STELE("dump", "--reverse=yes", target), 2, "takes no value");
	EXPECT_FAILURE(STELE("rollback", region, "--to"), 2, "\"--to\" needs a value (VERSION)");
	EXPECT_FAILURE(STELE("dump", target, "-f"), 2, "\"-f\" needs a value");
	EXPECT_STATUS(STELE("dump", target, "--", "--format"), 2);
	EXPECT_TEXT(STELE("dump", "--form=csv", target).out, STELE("dump", "-fcsv", target).out);
}

Test(habits_suggest, words_of_a_list)
{
	static const struct {
		char *command, *option, *value, *meant;
	} words[] = {
		{"list", "--format", "jsn", "json"},
		{"watch", "--notifier", "sockt", "socket"},
		{"bench", "--notifier", "mq,futx", "futex"},
		{"create", "--memory", "shn", "shm"},
		{"create", "--durability", "commi", "commit"},
		{"generate", "--language", "pytho", "python"},
		{"publish", "--format", "ndjsn", "ndjson"},
		{"publish", "--family", "inet4", "inet"},
	};

	for (size_t i = 0; i < COUNT(words); i++) {
		char meant[64];

		snprintf(meant, sizeof(meant), "; did you mean \"%s\"?", words[i].meant);
		EXPECT_FAILURE(STELE(words[i].command, words[i].option, words[i].value, region), 2,
		               words[i].option, "(expected ", meant);
	}
	EXPECT_HAS_NOT(STELE("list", "--format", "xml").err, "did you mean");
}

/* Only an operand after the region may be -1 or -5m: these are options elsewhere, or values of
 * options. */
Test(habits_suggest, versions_with_a_hyphen_are_operands)
{
	EXPECT_STATUS(STELE("set", target, "10.0.0.0/8", "metric=1", "--message", "-1"), 0);
	EXPECT_HAS(STELE("log", "-L", "1", region).out, "  -1\n");
	EXPECT_STATUS(STELE("diff", region, "-1"), 0);
	EXPECT_TEXT(STELE("diff", region, "-1").out, STELE("diff", region, "2").out);
	EXPECT_TEXT(STELE("diff", "-f", "csv", region, "-01", "3").out,
	            STELE("diff", "-f", "csv", region, "2", "3").out);
	EXPECT_TEXT(STELE("diff", region, "-1", "-0s").out, STELE("diff", region, "2", "3").out);
	EXPECT_FAILURE(STELE("diff", region, "-1.5d"), 3, "history begins after -1.5d");
	EXPECT_FAILURE(STELE("diff", region, "-5x"), 2, "invalid value \"-5x\"");
	EXPECT_FAILURE(STELE("diff", "-5m"), 2, "expected the operands before the version \"-5m\"");
	EXPECT_FAILURE(STELE("diff", "-1"), 2, "expected the operands before the version \"-1\"");
	EXPECT_FAILURE(STELE("tag", region, "-1"), 2, "before the version \"-1\"");
	EXPECT_STATUS(STELE("tag", region, "before", "-1"), 0);
	EXPECT_FAILURE(STELE("diff", "-D", "-1", region), 3, "-1");
	EXPECT_HAS_NOT(STELE("diff", "-D", "-1", region).err, "~");
	EXPECT_FAILURE(STELE("set", target, "-1", "metric=1"), 2, "no option \"-1\"");
	EXPECT_STATUS(STELE("diff", region, "-1", "-x"), 2);
}
