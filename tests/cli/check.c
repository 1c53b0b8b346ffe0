/* SPDX-License-Identifier: MIT
 *
 * stele publish --check: a user's command that may refuse a version before it is committed. */
#include "tests/support/cli.h"

static char directory[64]; /* directory for temporary files */

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

/* The directory can be removed only if it is empty. */
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

Test(cli_check, gets_the_changes_and_the_new_table)
{
	static const char first[] =
		"{\"version\": 3, \"change\": \"changed\", \"table\": \"routes\", "
		"\"row\": {\"prefix\": \"10.0.0.0/8\", ";
	struct cli_result result = publish(
		"cat; echo \"$STELE_REGION $STELE_TABLE $STELE_VERSION\"; cat \"$STELE_TABLE_FILE\"");
	char line[64];

	EXPECT_STATUS(result, 0);
	EXPECT_TEXT(result.err, "");
	cli_plain(result.out);
	cr_expect(strncmp(result.out, first, strlen(first)) == 0, "%s", result.out);
	EXPECT_HAS(result.out, "\"metric\": 21}, \"before\": {\"prefix\": \"10.0.0.0/8\", ");
	EXPECT_HAS(result.out, "\n{\"version\": 3, \"change\": \"removed\", \"table\": \"routes\", "
	                       "\"row\": {\"prefix\": \"10.1.0.0/16\", ");
	EXPECT_HAS(result.out, "\n{\"version\": 3, \"change\": \"added\", \"table\": \"routes\", "
	                       "\"row\": {\"prefix\": \"10.9.0.0/16\", ");
	snprintf(line, sizeof(line), "\n%s routes 3\n", region);
	EXPECT_HAS(result.out, line);
	/* The table now has the file's rows. */
	EXPECT_HAS(result.out, cli_dump());
	EXPECT_HAS(result.out, "routes: version 3 (1 added, 1 changed, 1 removed, 1 unchanged)\n");
}

Test(cli_check, refuses_before_anything_has_changed)
{
	const char *before = cli_dump();

	EXPECT_FAILURE(publish("exit 3"), 9, "the check exited with status 3; nothing was changed");
	EXPECT_FAILURE(publish("kill -9 $$"), 9, "the check was killed by signal 9; nothing");
	EXPECT_STATUS(publish("no-such-command-at-all"), 9);
	EXPECT_TEXT(cli_dump(), before);
	EXPECT_HAS(STELE("show", "--format", "json", region).out, "\"version\": 2, ");
	/* The region can still be published to. */
	EXPECT_STATUS(publish("true"), 0);
	EXPECT_HAS(STELE("show", "--format", "json", region).out, "\"version\": 3, ");
	expect_nothing_left();
}

Test(cli_check, does_not_run_when_nothing_would_change)
{
	EXPECT_STATUS(publish("true"), 0);
	EXPECT_HAS(cli_plain(publish("exit 3").out), "routes: nothing changed, version 3\n");
}

Test(cli_check, readers_do_not_see_the_proposed_version)
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
	EXPECT_HAS(cli_read_all(process.err),
	           "stopped by a signal during the check; nothing was changed");
	cr_expect(kill(pid, 0) < 0 && errno == ESRCH, "process %d is still there", (int)pid);
	EXPECT_HAS(STELE("show", "--format", "json", region).out, "\"version\": 2, ");
	unlink(path);
	expect_nothing_left();
}

/* ---- fault 33 of docs/design/faults.md: a slow check ---- */

static char fifo[64];

/* Starts a check that prints "ready" and then waits for a line from the FIFO. The returned
 * descriptor keeps the FIFO open, so that opening it never blocks. */
static int start_slow_check(struct cli_process *process, char *last)
{
	static char command[256], path[64];
	int end;

	cli_temporary(path, ".csv", rows);
	snprintf(fifo, sizeof(fifo), "/tmp/%s.fifo", region);
	cr_assert(mkfifo(fifo, 0600) == 0);
	end = open(fifo, O_RDWR | O_CLOEXEC);
	cr_assert(end >= 0);
	snprintf(command, sizeof(command), "echo ready $STELE_VERSION; read -r line <%s; %s", fifo,
	         last);
	STELE_START(process, "publish", "--shared", "--wait", "0", "--check", command, target,
	            path);
	return end;
}

static void end_slow_check(int end)
{
	char path[64];

	close(end);
	unlink(fifo);
	snprintf(path, sizeof(path), "/tmp/%s.csv", region);
	unlink(path);
}

static void expect_line(struct cli_process *process, const char *line)
{
	const char *got = cli_line(process);

	EXPECT_TEXT(got, line);
}

static void let_go_on(int end)
{
	cr_assert(write(end, "\n", 1) == 1);
}

Test(cli_check, fault_33_other_publishers_commit_while_it_runs)
{
	struct cli_process process;
	int end = start_slow_check(&process, "true");

	expect_line(&process, "ready 3");
	/* A publisher that does not wait for the region also gets it. */
	EXPECT_STATUS(STELE("set", "--wait", "0", target, "10.0.0.0/8", "metric=77"), 0);
	let_go_on(end);
	/* The rows to commit have changed meanwhile, so the check runs again. */
	expect_line(&process, "ready 4");
	let_go_on(end);
	EXPECT_HAS(cli_line(&process), "routes: version 4");
	cr_expect(cli_wait(&process) == 0);
	EXPECT_TEXT(STELE("dump", "--format", "csv", target).out, rows);
	end_slow_check(end);
	expect_nothing_left();
}

Test(cli_check, fault_33_other_tables_do_not_matter)
{
	struct cli_process process;
	char other[64];
	int end;

	snprintf(other, sizeof(other), "%s/other", region);
	EXPECT_STATUS(STELE("create", region, "--table", "other(a: u8 key)"), 0);
	end = start_slow_check(&process, "true");
	expect_line(&process, "ready 4");
	EXPECT_STATUS(STELE("set", "--wait", "0", other, "1"), 0);
	let_go_on(end);
	EXPECT_HAS(cli_line(&process), "routes: version 5");
	cr_expect(cli_wait(&process) == 0);
	end_slow_check(end);
}

/* Meanwhile another process makes the changes that the check was asked about, so nothing is left to
 * commit. */
Test(cli_check, fault_33_another_publisher_commits_the_same_rows)
{
	struct cli_process process;
	int end = start_slow_check(&process, "true");

	expect_line(&process, "ready 3");
	EXPECT_STATUS(STELE_WITH(rows, "publish", target, "-"), 0);
	let_go_on(end);
	EXPECT_HAS(cli_line(&process), "routes: nothing changed, version 3");
	cr_expect(cli_wait(&process) == 0);
	end_slow_check(end);
}

Test(cli_check, fault_33_a_table_that_changes_during_each_check)
{
	struct cli_process process;
	char metric[32], line[32];
	const char *before = NULL;
	int end = start_slow_check(&process, "true");

	for (int i = 0; i < 5; i++) {
		snprintf(line, sizeof(line), "ready %d", i + 3);
		expect_line(&process, line);
		snprintf(metric, sizeof(metric), "metric=%d", 70 + i);
		EXPECT_STATUS(STELE("set", "--wait", "0", target, "10.0.0.0/8", metric), 0);
		before = cli_dump();
		let_go_on(end);
	}
	cr_expect(cli_wait(&process) == 4);
	expect_line(&process, "");
	EXPECT_HAS(cli_read_all(process.err), "changed during each of 5 checks");
	EXPECT_TEXT(cli_dump(), before);
	end_slow_check(end);
	expect_nothing_left();
}

/* A late refusal refuses the version, whatever other processes committed meanwhile. */
Test(cli_check, fault_33_a_slow_refusal_still_refuses)
{
	struct cli_process process;
	int end = start_slow_check(&process, "exit 3");

	expect_line(&process, "ready 3");
	EXPECT_STATUS(STELE("set", "--wait", "0", target, "10.0.0.0/8", "metric=77"), 0);
	let_go_on(end);
	cr_expect(cli_wait(&process) == 9);
	EXPECT_HAS(STELE("get", "--format", "csv", target, "10.0.0.0/8").out, ",77\n");
	end_slow_check(end);
}

Test(cli_check, fails_without_space_for_its_file)
{
	setenv("TMPDIR", "/no/such/directory", 1);
	EXPECT_FAILURE(publish("true"), 8, "cannot create the file /no/such/directory/stele.");
	EXPECT_HAS(STELE("show", "--format", "json", region).out, "\"version\": 2, ");
}

Test(cli_check, bad_rows_and_wrong_usage_are_refused)
{
	EXPECT_FAILURE(STELE_WITH("prefix,next_hop,interface,metric\nx,y,z,0\n", "publish",
	                          "--check", "echo ran", target, "-"),
	               2, "standard input:2: ");
	EXPECT_FAILURE(STELE("publish", "--kernel-routes", "--check", "true", "k"), 2,
	               "no file, file option or --check");
}
