/* SPDX-License-Identifier: MIT
 *
 * General behaviour of the command: help, versions, typing errors, output that can't be written.
 * Also limits of its shell (ulimit), under which it ends with an error message and an exit status,
 * and not by a signal. */
#include <signal.h>

#include "tests/support/cli.h"
#include "tests/support/sanitized.h"

static const char *const commands[] = {
	"create",   "alter",   "drop",  "rm",      "list",   "show",     "publish", "set",
	"delete",   "apply",   "get",   "log",     "lookup", "dump",     "watch",   "diff",
	"rollback", "compact", "bench", "upgrade", "schema", "generate",
};
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

Test(cli_usage, help_names_every_command_and_exit_status)
{
	struct cli_result result = STELE("--help");

	EXPECT_STATUS(result, 0);
	for (size_t i = 0; i < COUNT(commands); i++)
		EXPECT_HAS(result.out, commands[i]);
	EXPECT_HAS(result.out, "Exit status:");
	EXPECT_HAS(result.out, "\n  9  ");
	EXPECT_TEXT(STELE("help").out, result.out);
	EXPECT_TEXT(STELE("help", "help").out, result.out);
	EXPECT_TEXT(STELE("help", "--help").out, result.out);
}

Test(cli_usage, every_command_has_help_with_examples)
{
	for (size_t i = 0; i < COUNT(commands); i++) {
		struct cli_result result = STELE(commands[i], "--help");
		char usage[64];

		EXPECT_STATUS(result, 0);
		snprintf(usage, sizeof(usage), "Usage: stele %s ", commands[i]);
		EXPECT_HAS(result.out, usage);
		EXPECT_HAS(result.out, "Example");
		EXPECT_TEXT(STELE("help", commands[i]).out, result.out);
	}
}

Test(cli_usage, the_version_is_printed)
{
	struct cli_result result = STELE("--version");

	EXPECT_STATUS(result, 0);
	cr_expect(strncmp(result.out, "stele ", 6) == 0 && result.out[6] >= '0' &&
	                  result.out[6] <= '9',
	          "%s", result.out);
}

Test(cli_usage, an_unknown_command_suggests_the_nearest_name)
{
	EXPECT_FAILURE(STELE("pubish"), 2, "no command \"pubish\"; did you mean \"publish\"?");
	EXPECT_FAILURE(STELE("lst"), 2, "did you mean \"list\"?");
	EXPECT_FAILURE(STELE("teleport"), 2, "no command \"teleport\"");
	EXPECT_HAS_NOT(STELE("teleport").err, "did you mean");
	EXPECT_FAILURE(STELE("\033[2J"), 2, "\\x1b[2J");
}

Test(cli_usage, missing_and_wrong_arguments_are_refused)
{
	EXPECT_FAILURE(STELE("create"), 2, "expected one REGION", "Try 'stele create --help'");
	EXPECT_FAILURE(STELE("get", "net/routes"), 2, "expected REGION/TABLE and KEY");
	EXPECT_FAILURE(STELE("dump", "net"), 2,
	               "invalid operand \"net\" (expected REGION/TABLE, such as net/routes)");
	EXPECT_FAILURE(STELE("list", "--format", "xml"), 2, "--format",
	               "table, csv, json or ndjson", "xml");
	EXPECT_FAILURE(STELE("create", "net", "--max-size", "12Q"), 2, "--max-size", "64M or 4G",
	               "12Q");
	EXPECT_FAILURE(STELE("create", "net", "--history", "1"), 2, "--history", "2 to 65536");
	EXPECT_FAILURE(STELE("create", "net", "--mode", "8"), 2, "--mode", "octal");
	EXPECT_FAILURE(STELE("watch", "net", "--timeout", "soon"), 2, "--timeout", "seconds",
	               "soon");
	cr_expect(STELE("list", "--colour").status == 2);
	EXPECT_FAILURE(cli_stele(NULL, (char *)NULL), 2, "expected a COMMAND");
}

Test(cli_usage, output_that_cannot_be_written_is_reported)
{
	struct cli_process process = {.err = cli_file(NULL)};
	char *arguments[] = {cli_command(), "--help", NULL};
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC), in = cli_file(NULL);
	char *err;

	cli_spawn_with(&process, arguments, in, full, process.err);
	cr_expect(cli_wait(&process) == 8);
	err = cli_read_all(process.err);
	EXPECT_HAS(err, "stele: cannot write to standard output: No space left on device");
}

Test(cli_usage, a_closed_output_pipe_ends_the_command_silently)
{
	struct cli_process process = {.err = cli_file(NULL)};
	char *arguments[] = {cli_command(), "--help", NULL};
	int pipes[2], in = cli_file(NULL);

	cr_assert(pipe2(pipes, O_CLOEXEC) == 0);
	close(pipes[0]);
	cli_spawn_with(&process, arguments, in, pipes[1], process.err);
	cr_expect(cli_wait(&process) == 8);
	EXPECT_TEXT(cli_read_all(process.err), "");
}

/* ---- limits of the shell ---- */

TestSuite(cli_usage_limits, .init = cli_begin, .fini = cli_end);

/* Runs a shell command, in which $STELE is the command and $R the region. */
static struct cli_result shell(const char *line)
{
	static char sh[] = "sh", flag[] = "-c";
	char text[1024], *arguments[] = {sh, flag, text, NULL};

	snprintf(text, sizeof(text), "STELE='%s' R=%s; %s", cli_command(), region, line);
	return cli_run("", arguments);
}

/* A table of some hundred kilobytes. The limits below are in units of 512 bytes or of 1 KiB,
 * depending on the shell. */
#define ROWS "seq 4000 | awk 'BEGIN { print \"id,text\" } { printf \"%d,%060d\\n\", $1, $1 }'"

Test(cli_usage_limits, cli_12_the_file_size_limit_is_reported)
{
	struct cli_result result;

	EXPECT_STATUS(shell("$STELE create $R --table 'rows(id: u32 key, text: char[60])'"), 0);
	EXPECT_FAILURE(shell(ROWS " | (ulimit -f 200; $STELE publish $R/rows -)"), 6,
	               "RLIMIT_FSIZE", "ulimit -f");
	EXPECT_STATUS(shell("$STELE verify $R"), 0);
	EXPECT_STATUS(shell(ROWS " | $STELE publish $R/rows -"), 0);
	EXPECT_STATUS(shell("(ulimit -f 8; $STELE set $R/rows 7 text=seven)"), 0);
	/* Standard output is a file here, so the limit applies to it. */
	result = shell("ulimit -f 100; exec $STELE dump $R/rows");
	EXPECT_STATUS(result, 8);
	EXPECT_HAS(result.err, "cannot write to standard output");
	EXPECT_HAS(result.err, "ulimit -f");
	EXPECT_FAILURE(shell("ulimit -f 8; exec $STELE compact $R"), 6, "RLIMIT_FSIZE");
	EXPECT_FAILURE(shell("ulimit -f 8; exec $STELE create $R-2 --table 'rows(id: u32 key)'"), 6,
	               "RLIMIT_FSIZE");
	EXPECT_FAILURE(shell("ulimit -f 8; exec $STELE save $R /tmp/$R.saved"), 6, "RLIMIT_FSIZE");
	EXPECT_STATUS(shell("! test -e /tmp/$R.saved"), 0);
	EXPECT_STATUS(shell("$STELE verify $R"), 0);
}

Test(cli_usage_limits, cli_12_the_address_space_limit_is_reported)
{
	if (SANITIZED)
		cr_skip_test("a sanitizer needs more address space than this leaves");
	EXPECT_STATUS(shell("$STELE create $R --table 'rows(id: u32 key, text: char[60])'"), 0);
	EXPECT_FAILURE(shell("ulimit -v 500000; exec $STELE dump $R/rows"), 6, "RLIMIT_AS",
	               "512000000");
	EXPECT_FAILURE(shell("ulimit -v 500000; exec $STELE set $R/rows 7 text=seven"), 6,
	               "RLIMIT_AS");
}

/* A command that it runs gets the original signal settings. */
Test(cli_usage_limits, cli_12_commands_get_their_signals_back)
{
	EXPECT_STATUS(shell("$STELE create $R --table 'rows(id: u32 key, text: char[60])'"), 0);
	EXPECT_FAILURE(
		shell("printf 'id,text\\n1,a\\n' | $STELE publish --check 'kill -XFSZ $$' $R/rows -"),
		9, "killed by signal 25");
	EXPECT_FAILURE(
		shell("printf 'id,text\\n1,a\\n' | $STELE publish --check 'kill -PIPE $$' $R/rows -"),
		9, "killed by signal 13");
	EXPECT_STATUS(shell("trap '' XFSZ PIPE; printf 'id,text\\n1,a\\n' | "
	                    "$STELE publish --check 'kill -XFSZ $$; kill -PIPE $$' $R/rows -"),
	              0);
}
