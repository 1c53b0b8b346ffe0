/* SPDX-License-Identifier: MIT
 *
 * Runs the shell commands of pages of docs word for word, in the order of the page, and expects
 * the output that the page shows. */
#include "tests/support/cli.h"

#define NOTES "notes(name: text key, note: text)"

static char folder[128];

static void pages_begin(void)
{
	cli_begin();
	snprintf(folder, sizeof(folder), "/tmp/%s-pages", region);
}

static void pages_end(void)
{
	char command[160];

	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	cr_expect(system(command) == 0);
	cli_end();
}

TestSuite(layout_pages, .init = pages_begin, .fini = pages_end);

/* The pages name their region "net"; the test has another one. */
static const char script[] =
	"set -eu\n"
	"page=$(sed \"s/\\bnet\\b/$region/g\" \"$here/$page\")\n"
	"mkdir -p \"$folder\"; cd \"$folder\"; PATH=$(dirname \"$stele\"):$PATH\n"
	"echo \"$page\" | sed -n 's/^    [$>] //p' >commands\n"
	"echo \"$page\" | awk '/^    [$] /{shown=1; next} !/^    /{shown=0}\n"
	"	shown && !/^    >/{print substr($0, 5)}' >shown\n"
	"sh -eu commands >output 2>&1 || { cat output; exit 1; }\n"
	"cat output\n"
	"while read -r line; do grep -qxF -e \"$line\" output ||\n"
	"	{ echo \"not printed: $line\"; exit 1; }; done <shown\n";

/* Runs the commands of a page. Returns what they printed. */
static char *run_page(const char *page)
{
	char *here = realpath(".", NULL), *stele = realpath(cli_command(), NULL);
	char text[4096], *arguments[] = {"sh", "-c", text, NULL};
	struct cli_result result;

	snprintf(text, sizeof(text), "page=%s here='%s' stele='%s' region=%s folder='%s'\n%s", page,
	         here, stele, region, folder, script);
	result = cli_run(NULL, arguments);
	EXPECT_STATUS(result, 0);
	free(here);
	free(stele);
	return result.out;
}

static struct cli_result dump(const char *table)
{
	char name[80];

	snprintf(name, sizeof(name), "%s/%s", region, table);
	return STELE("dump", "-f", "csv", name);
}

Test(layout_pages, upgrading)
{
	char before[512], routes[80], notes[80];
	struct cli_result had_routes, had_notes;

	if (system("command -v jq >/dev/null") != 0)
		cr_skip_test("there is no jq");
	snprintf(before, sizeof(before), "%s-before", cli_command());
	snprintf(routes, sizeof(routes), "%s/routes", region);
	snprintf(notes, sizeof(notes), "%s/notes", region);
	EXPECT_STATUS(cli_run(NULL, (char *[]){before, "create", region, "--table", ROUTES,
	                                       "--table", NOTES, NULL}),
	              0);
	EXPECT_STATUS(STELE("set", routes, "10.0.0.0/8", "next_hop=192.0.2.1", "interface=eth0",
	                    "metric=1"),
	              0);
	EXPECT_STATUS(STELE("set", notes, "first", "note= a note "), 0);
	had_routes = dump("routes");
	had_notes = dump("notes");
	EXPECT_HAS_NOT(run_page("docs/upgrading.md"), "failed");
	EXPECT_TEXT(dump("routes").out, had_routes.out);
	EXPECT_TEXT(dump("notes").out, had_notes.out);
	EXPECT_STATUS(STELE("verify", region), 0);
}

Test(layout_pages, schemas)
{
	EXPECT_STATUS(STELE("create", region, "--table", ROUTES), 0);
	EXPECT_HAS(run_page("docs/schemas.md"), "compatible");
	EXPECT_HAS(dump("routes").out, "zone");
}
