/* SPDX-License-Identifier: MIT
 * stele publish --check: a command of the user's that may refuse a version before it is made. */
#include "cli.h"

static char directory[64]; /* for temporary files */

static void begin(void)
{
	cli_begin_routes();
	snprintf(directory, sizeof(directory), "/tmp/%s.d", region);
	cr_assert(mkdir(directory, 0700) == 0);
	setenv("TMPDIR", directory, 1);
}

static void end(void)
{
	rmdir(directory);
	cli_end();
}

/* Where nothing is left, the directory can be removed. */
static void expect_nothing_left(void)
{
	cr_expect(rmdir(directory) == 0, "%s: %s", directory, strerror(errno));
}

TestSuite(cli_check, .init = begin, .fini = end);

static const char rows[] = "prefix,next_hop,interface,metric\n"
			   "0.0.0.0/0,192.0.2.1,eth0,100\n"
			   "10.0.0.0/8,192.0.2.2,eth1,21\n"
			   "10.9.0.0/16,192.0.2.9,eth1,1\n";

static struct cli_result publish(const char *check)
{
	return STELE_WITH(rows, "publish", "--check", check, target, "-");
}

Test(cli_check, is_given_the_changes_and_the_new_table)
{
	static const char first[] =
		"{\"version\": 3, \"change\": \"changed\", \"table\": \"routes\", "
		"\"row\": {\"prefix\": \"10.0.0.0/8\", ";
	struct cli_result result = publish(
		"cat; echo \"$STELE_REGION $STELE_TABLE $STELE_VERSION\"; cat \"$STELE_TABLE_FILE\"");
	char line[64];

	EXPECT_STATUS(result, 0);
	EXPECT_TEXT(result.err, "");
	cr_expect(strncmp(result.out, first, strlen(first)) == 0, "%s", result.out);
	EXPECT_HAS(result.out, "\"metric\": 21}, \"before\": {\"prefix\": \"10.0.0.0/8\", ");
	EXPECT_HAS(result.out, "\n{\"version\": 3, \"change\": \"removed\", \"table\": \"routes\", "
	                       "\"row\": {\"prefix\": \"10.1.0.0/16\", ");
	EXPECT_HAS(result.out, "\n{\"version\": 3, \"change\": \"added\", \"table\": \"routes\", "
	                       "\"row\": {\"prefix\": \"10.9.0.0/16\", ");
	snprintf(line, sizeof(line), "\n%s routes 3\n", region);
	EXPECT_HAS(result.out, line);
	/* What the file had is what the table has now. */
	EXPECT_HAS(result.out, cli_dump());
	EXPECT_HAS(result.out, "routes: version 3 (1 added, 1 changed, 1 removed, 1 as before)\n");
}

Test(cli_check, refuses_before_anything_has_changed)
{
	const char *before = cli_dump();

	EXPECT_FAILURE(publish("exit 3"), 9, "the check exited with status 3; nothing was changed");
	EXPECT_FAILURE(publish("kill -9 $$"), 9, "the check was killed by signal 9; nothing");
	EXPECT_STATUS(publish("no-such-command-at-all"), 9);
	EXPECT_TEXT(cli_dump(), before);
	EXPECT_HAS(STELE("show", "--format", "json", region).out, "\"version\": 2, ");
	/* The region is as usable as before. */
	EXPECT_STATUS(publish("true"), 0);
	EXPECT_HAS(STELE("show", "--format", "json", region).out, "\"version\": 3, ");
	expect_nothing_left();
}

Test(cli_check, is_not_asked_when_nothing_would_change)
{
	EXPECT_STATUS(publish("true"), 0);
	EXPECT_HAS(publish("exit 3").out, "routes: nothing changed, version 3\n");
}

Test(cli_check, readers_see_nothing_of_what_is_proposed)
{
	char command[256];
	struct cli_result result;

	snprintf(command, sizeof(command), "%s get --format csv %s 10.0.0.0/8", cli_command(),
	         target);
	result = publish(command);
	EXPECT_STATUS(result, 0);
	EXPECT_HAS(result.out, "10.0.0.0/8,192.0.2.2,eth1,20\n");
	EXPECT_HAS(STELE("get", "--format", "csv", target, "10.0.0.0/8").out, ",21\n");
}

Test(cli_check, a_signal_ends_the_check_and_changes_nothing)
{
	struct cli_process process;
	char path[64];
	pid_t pid;

	cli_temporary(path, ".csv", rows);
	STELE_START(&process, "publish", "--check", "echo $$; exec sleep 1000", target, path);
	pid = (pid_t)atoi(cli_line(&process));
	cr_assert(pid > 1);
	kill(process.pid, SIGTERM);
	cr_expect(cli_wait(&process) == 8);
	EXPECT_HAS(cli_read_all(process.err), "told to stop during the check; nothing was changed");
	cr_expect(kill(pid, 0) < 0 && errno == ESRCH, "process %d is still there", (int)pid);
	EXPECT_HAS(STELE("show", "--format", "json", region).out, "\"version\": 2, ");
	unlink(path);
	expect_nothing_left();
}

Test(cli_check, without_room_for_its_file)
{
	setenv("TMPDIR", "/no/such/directory", 1);
	EXPECT_FAILURE(publish("true"), 8, "can't make the file /no/such/directory/stele.");
	EXPECT_HAS(STELE("show", "--format", "json", region).out, "\"version\": 2, ");
}

Test(cli_check, bad_rows_and_wrong_usage)
{
	EXPECT_FAILURE(STELE_WITH("prefix,next_hop,interface,metric\nx,y,z,0\n", "publish",
	                          "--check", "echo ran", target, "-"),
	               2, "standard input:2: ");
	EXPECT_FAILURE(STELE("publish", "--kernel-routes", "--check", "true", "k"), 2,
	               "no file or check");
}
