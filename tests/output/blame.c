/* SPDX-License-Identifier: MIT
 *
 * stele log of a table and of a row: which version changed it, and who made that version. */
#include "tests/support/cli.h"
#include <pwd.h>

static char other[96];

/* Versions: 1 creates routes, 2 has three rows, 3 changes one, 4 and 5 are of another table, 6
 * removes it. */
static void begin_history(void)
{
	cli_begin_routes();
	snprintf(other, sizeof(other), "%s/other", region);
	EXPECT_STATUS(STELE("set", "-m", "drain", target, "10.0.0.0/8", "metric=21"), 0);
	EXPECT_STATUS(STELE("create", region, "--table", "other(a: u8 key, b: u8)"), 0);
	EXPECT_STATUS(STELE("set", other, "1", "b=1"), 0);
	EXPECT_STATUS(STELE("delete", target, "10.0.0.0/8"), 0);
}

TestSuite(output_blame, .init = begin_history, .fini = cli_end);

/* Returns the name or the number of the user who runs this test, as the command prints it. */
static const char *my_name(void)
{
	static char text[64];
	unsigned user = geteuid(), login = user;
	const struct passwd *found;
	FILE *file = fopen("/proc/self/loginuid", "re");

	if (file && user == 0 && fscanf(file, "%u", &login) == 1 && login != UINT32_MAX)
		user = login;
	if (file)
		fclose(file);
	found = getpwuid(user);
	if (found)
		snprintf(text, sizeof(text), "%s", found->pw_name);
	else
		snprintf(text, sizeof(text), "%u", user);
	return text;
}

static int lines_of(const char *text)
{
	int count = 0;

	for (; (text = strchr(text, '\n')) != NULL; text++)
		count++;
	return count;
}

Test(output_blame, log_names_the_user)
{
	char member[96];

	snprintf(member, sizeof(member), "\"user\": \"%s\"", my_name());
	EXPECT_HAS(STELE("log", "-L", "1", "-f", "json", region).out, member);
	EXPECT_HAS(STELE("log", target, "10.0.0.0/8", "-f", "json").out, member);
	EXPECT_HAS(STELE("trace", "--since", "0", "--count", "1", region).out, member);
	EXPECT_HAS(STELE("log", region).out, my_name());
}

/* A process of another user, which is not root. */
Test(output_blame, log_names_the_effective_user)
{
	char shell[512], sh[] = "sh", flag[] = "-c", *arguments[] = {sh, flag, shell, NULL};
	struct cli_result result;

	if (geteuid() != 0)
		cr_skip_test("only root can become another user");
	snprintf(shell, sizeof(shell),
	         "D=$(mktemp -d) && chmod 777 $D && S=$(realpath %s) && "
	         "cp $S $D/stele && cd $D && "
	         "setpriv --reuid 65534 --regid 65534 --clear-groups "
	         "./stele create -D $D r --table 't(a: u8 key)' && "
	         "./stele log -D $D --owner any -f csv r; rm -rf $D",
	         cli_command());
	result = cli_run("", arguments);
	EXPECT_STATUS(result, 0);
	EXPECT_HAS(result.out, ",nobody,stele (");
}

Test(output_blame, log_of_a_table_has_its_commits)
{
	char *log = STELE("log", "-f", "csv", target).out;

	cr_expect(lines_of(log) == 5, "%s", log);
	EXPECT_HAS(log, "\n6,");
	EXPECT_HAS(log, "\n3,");
	EXPECT_HAS_NOT(log, "\n4,");
	EXPECT_HAS_NOT(log, "\n5,");
	EXPECT_HAS(STELE("log", "-f", "ndjson", "-L", "1", other).out, "{\"version\": 5,");
	EXPECT_FAILURE(STELE("log", "-f", "ndjson", "-L", "1", "no-such-region/t"), 3,
	               "there is no region");
	EXPECT_HAS(STELE("log", "x", "y", "z").err, "expected one REGION");
}

Test(output_blame, log_of_a_row_has_what_changed_it)
{
	char *log = cli_plain(STELE("log", "-f", "ndjson", target, "10.0.0.0/8").out);

	cr_expect(lines_of(log) == 3, "%s", log);
	EXPECT_HAS(log, "\"change\": \"removed\", \"row\": {\"prefix\": \"10.0.0.0/8\"");
	EXPECT_HAS(log, "\"change\": \"changed\", \"row\": {\"prefix\": \"10.0.0.0/8\"");
	EXPECT_HAS(log, "\"metric\": 20}, \"message\": \"drain\"");
	EXPECT_HAS(log, "\"change\": \"added\", \"row\": {\"prefix\": \"10.0.0.0/8\"");
	cr_expect(lines_of(STELE("log", "-f", "csv", target, "10.1.0.0/16").out) == 2);
	cr_expect(lines_of(STELE("log", "-f", "csv", "-L", "1", target, "10.0.0.0/8").out) == 2);
	EXPECT_HAS(STELE("log", target, "10.0.0.0/8").out, "metric=20");
	expect_done(STELE("log", "-f", "json", target, "10.9.0.0/16"), "[]\n");
}

Test(output_blame, log_refuses_a_wrong_table_and_a_wrong_key)
{
	struct cli_result result;
	char wrong[96];

	snprintf(wrong, sizeof(wrong), "%s/route", region);
	result = STELE("log", "-f", "ndjson", wrong);
	EXPECT_STATUS(result, 3);
	EXPECT_HAS(result.err, "did you mean \"routes\"?");
	result = STELE("log", "-f", "ndjson", target, "ten");
	EXPECT_STATUS(result, 2);
	EXPECT_HAS(result.err, "key \"ten\": ");
	EXPECT_FAILURE(STELE("log", region, "10.0.0.0/8"), 2, "expected REGION/TABLE");
}

/* What the oldest version did to a row is not known. */
Test(output_blame, log_of_a_row_ends_with_history)
{
	char table[96], key[] = "97";

	cli_begin_short_history();
	snprintf(table, sizeof(table), "%s/t", region);
	EXPECT_STATUS(STELE("set", table, key, "b=7"), 0);
	EXPECT_HAS(STELE("log", "-f", "csv", table, key).out, ",changed,");
	EXPECT_HAS(STELE("log", "-f", "csv", table, key).out, ",written,");
}
