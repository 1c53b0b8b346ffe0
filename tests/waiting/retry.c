/* SPDX-License-Identifier: MIT
 *
 * stele watch --exec --retry: a command that fails is run again with the same changes. */
#include "tests/support/cli.h"

TestSuite(waiting_retry, .init = cli_begin_routes, .fini = cli_end, .timeout = 120);

static struct cli_process watch;

/* Starts a watch whose command prints its version and the number of its lines, and fails until a
 * file exists. */
static void start(const char *path, char *retry)
{
	char command[256];

	snprintf(command, sizeof(command), "echo $STELE_VERSION $(wc -l); test -e %s", path);
	STELE_START(&watch, "watch", "--initial", "--exec", cli_text(command), "--retry", retry,
	            region);
}

Test(waiting_retry, a_failed_command_is_run_again_with_the_same_changes)
{
	char path[64];

	cli_temporary(path, "", "");
	cr_assert(unlink(path) == 0);
	start(path, "0.01");
	for (int i = 0; i < 3; i++)
		EXPECT_TEXT(cli_line(&watch), "2 3");
	/* Versions that come meanwhile are one run, after the first one has succeeded. */
	EXPECT_STATUS(STELE("set", target, "10.0.0.0/8", "metric=21"), 0);
	EXPECT_STATUS(STELE("delete", target, "0.0.0.0/0"), 0);
	EXPECT_TEXT(cli_line(&watch), "2 3");
	close(open(path, O_CREAT | O_CLOEXEC, 0600));
	for (const char *line = cli_line(&watch); strcmp(line, "4 2") != 0; line = cli_line(&watch))
		EXPECT_TEXT(line, "2 3");
	kill(watch.pid, SIGTERM);
	cr_expect(cli_wait(&watch) == 0);
	EXPECT_HAS(cli_read_all(watch.err), "the command for version 2 exited with status 1\n");
	unlink(path);
}

/* A signal need not wait for the next try. */
Test(waiting_retry, a_signal_ends_the_pause)
{
	start("/nowhere/file", "100000");
	EXPECT_TEXT(cli_line(&watch), "2 3");
	kill(watch.pid, SIGTERM);
	cr_expect(cli_wait(&watch) == 0);
	EXPECT_TEXT(cli_line(&watch), "");
	EXPECT_FAILURE(STELE("watch", "--retry", "1", region), 2, "--retry needs --exec");
	EXPECT_FAILURE(STELE("watch", "--retry", "0", region), 2, "--retry needs --exec");
}

/* 0 is a time as others are. */
Test(waiting_retry, a_failed_command_is_run_again_at_once)
{
	start("/nowhere/file", "0");
	for (int i = 0; i < 3; i++)
		EXPECT_TEXT(cli_line(&watch), "2 3");
	kill(watch.pid, SIGTERM);
	cr_expect(cli_wait(&watch) == 0);
}
