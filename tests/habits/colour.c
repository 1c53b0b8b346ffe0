/* SPDX-License-Identifier: MIT
 *
 * Colours of +, ~ and -: on a terminal only, and only for users who want them. */
#include "tests/support/cli.h"
#include "tests/support/terminal.h"

TestSuite(habits_colour, .init = cli_begin_routes, .fini = cli_end);

#define GREEN  "\033[32m"
#define YELLOW "\033[33m"
#define RED    "\033[31m"
#define END    "\033[0m"

/* The rows of the test's table, one of them changed, one removed and one added. */
#define CHANGED \
	"prefix,next_hop,interface,metric\n0.0.0.0/0,192.0.2.1,eth0,7\n" \
	"10.0.0.0/8,192.0.2.2,eth1,20\n10.9.0.0/16,192.0.2.3,eth1,5\n"

/* Runs a shell command on a terminal, and returns what it writes there. */
static char *on_terminal(const char *script)
{
	char line[512], *arguments[] = {"sh", "-c", line, NULL};
	struct terminal terminal;
	char *written;

	setenv("stele", cli_command(), 1);
	setenv("region", region, 1);
	/* The terminal may drop output that nobody has read when its last program ends. */
	snprintf(line, sizeof(line), "%s; echo all of it; read wait", script);
	cr_assert(terminal_start(&terminal, 25, 200, arguments));
	cr_assert(terminal_await(&terminal, 0, "all of it"));
	written = cli_text(terminal.written);
	terminal_close(&terminal);
	return written;
}

static void change(void)
{
	EXPECT_STATUS(STELE_WITH(CHANGED, "publish", target, "-"), 0);
	setenv("TERM", "xterm", 1);
	unsetenv("NO_COLOR");
}

Test(habits_colour, signs_and_rows_are_coloured)
{
	static const char *const scripts[] = {
		"$stele diff $region 2 3",
		"$stele watch --since -1 --timeout 0 $region",
		"$stele rollback $region --to 2 >/dev/null; printf '" CHANGED
		"' | $stele publish --dry-run $region/routes -",
	};

	change();
	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		char *written = on_terminal(scripts[i]);

		EXPECT_HAS(written, GREEN "+" END);
		EXPECT_HAS(written, GREEN "prefix=10.9.0.0/16 next_hop");
		EXPECT_HAS(written, YELLOW "~" END);
		EXPECT_HAS(written, RED "-" END);
		EXPECT_HAS(written, RED "prefix=10.1.0.0/16 next_hop");
	}
}

Test(habits_colour, only_people_at_a_terminal_get_colours)
{
	char *plain;

	change();
	plain = STELE("diff", region, "2", "3").out;
	EXPECT_HAS_NOT(plain, "\033");
	EXPECT_HAS_NOT(on_terminal("$stele diff $region 2 3 | cat"), "\033");
	EXPECT_HAS_NOT(on_terminal("$stele diff -f csv $region 2 3"), "\033");
	EXPECT_HAS_NOT(on_terminal("$stele diff -f ndjson $region 2 3"), "\033");
	EXPECT_HAS_NOT(on_terminal("NO_COLOR=1 $stele diff $region 2 3"), "\033");
	EXPECT_HAS_NOT(on_terminal("NO_COLOR=1 $stele list"), "\033");
	EXPECT_HAS_NOT(on_terminal("NO_COLOR=1 $stele doctor $region"), "\033");
	EXPECT_HAS_NOT(on_terminal("TERM=dumb $stele diff $region 2 3"), "\033");
	EXPECT_HAS(on_terminal("NO_COLOR= $stele diff $region 2 3"), RED "-" END);
	/* The columns are as wide as without colours. */
	EXPECT_HAS(on_terminal("$stele diff $region 2 3 | sed 's/\\r//'"),
	           "version  change  table");
	EXPECT_HAS(plain, "      3  +       routes  prefix=10.9.0.0/16");
	EXPECT_HAS(on_terminal("$stele diff $region 2 3"),
	           "      3  " GREEN "+" END "       routes  " GREEN "prefix=10.9.0.0/16");
}
