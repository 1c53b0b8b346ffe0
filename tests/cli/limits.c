/* SPDX-License-Identifier: MIT
 *
 * The command under limits of its shell's (ulimit): an error message and an exit status, and no signal. */
#include <signal.h>

#include "tests/support/cli.h"

TestSuite(cli_limits, .init = cli_begin, .fini = cli_end);

/* Runs a line of shell, in which $STELE is the command and $R the region. */
static struct cli_result shell(const char *line)
{
	static char sh[] = "sh", flag[] = "-c";
	char text[1024], *arguments[] = {sh, flag, text, NULL};

	snprintf(text, sizeof(text), "STELE='%s' R=%s; %s", cli_command(), region, line);
	return cli_run("", arguments);
}

/* A table of some hundred kilobytes; the limits below are in units of 512 bytes or of 1 KiB, as the shell has it. */
#define ROWS "seq 4000 | awk 'BEGIN { print \"id,text\" } { printf \"%d,%060d\\n\", $1, $1 }'"

Test(cli_limits, cli_12_a_file_of_limited_size)
{
	struct cli_result result;

	EXPECT_STATUS(shell("$STELE create $R --table 'rows(id: u32 key, text: char[60])'"), 0);
	EXPECT_FAILURE(shell(ROWS " | (ulimit -f 200; $STELE publish $R/rows -)"), 6,
	               "RLIMIT_FSIZE", "ulimit -f");
	EXPECT_STATUS(shell("$STELE verify $R"), 0);
	EXPECT_STATUS(shell(ROWS " | $STELE publish $R/rows -"), 0);
	EXPECT_STATUS(shell("(ulimit -f 8; $STELE set $R/rows 7 text=seven)"), 0);
	/* What is printed goes to a file here. */
	result = shell("ulimit -f 100; exec $STELE dump $R/rows");
	EXPECT_STATUS(result, 8);
	EXPECT_HAS(result.err, "can't write to standard output");
	EXPECT_HAS(result.err, "ulimit -f");
	EXPECT_FAILURE(shell("ulimit -f 8; exec $STELE compact $R"), 6, "RLIMIT_FSIZE");
	EXPECT_FAILURE(shell("ulimit -f 8; exec $STELE create $R-2 --table 'rows(id: u32 key)'"), 6,
	               "RLIMIT_FSIZE");
	EXPECT_FAILURE(shell("ulimit -f 8; exec $STELE save $R /tmp/$R.saved"), 6, "RLIMIT_FSIZE");
	EXPECT_STATUS(shell("! test -e /tmp/$R.saved"), 0);
	EXPECT_STATUS(shell("$STELE verify $R"), 0);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
Test(cli_limits, cli_12_address_space_is_limited)
{
	EXPECT_STATUS(shell("$STELE create $R --table 'rows(id: u32 key, text: char[60])'"), 0);
	EXPECT_FAILURE(shell("ulimit -v 500000; exec $STELE dump $R/rows"), 6, "RLIMIT_AS",
	               "512000000");
	EXPECT_FAILURE(shell("ulimit -v 500000; exec $STELE set $R/rows 7 text=seven"), 6,
	               "RLIMIT_AS");
}
#endif

/* A command that it runs has the signals as they were found. */
Test(cli_limits, cli_12_commands_get_their_signals_back)
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
