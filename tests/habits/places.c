/* SPDX-License-Identifier: MIT
 *
 * Regions that are named by the path of their directory, DIRECTORY/NAME, in all commands. */
#include <limits.h>

#include "tests/support/cli.h"

static char directory[64];

static void begin(void)
{
	char path[PATH_MAX];

	cli_begin();
	/* The command's path may be relative. */
	cr_assert(realpath(cli_command(), path) != NULL);
	setenv("STELE_COMMAND", path, 1);
	snprintf(directory, sizeof(directory), "/tmp/stele-habits-XXXXXX");
	cr_assert(mkdtemp(directory) != NULL);
	cr_assert(chdir(directory) == 0);
}

static void end(void)
{
	char *arguments[] = {"rm", "-r", directory, NULL};

	cr_assert(chdir("/") == 0);
	cr_expect(cli_run(NULL, arguments).status == 0);
	cli_end();
}

TestSuite(habits_places, .init = begin, .fini = end);

/* Returns the path of something in the test's directory. */
static char *at(const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return cli_text(path);
}

static void create_net(void)
{
	EXPECT_STATUS(STELE("create", at("net"), "--table", ROUTES), 0);
	EXPECT_STATUS(STELE("set", "./net/routes", "10.0.0.0/8", "next_hop=192.0.2.1",
	                    "interface=eth0", "metric=1"),
	              0);
}

Test(habits_places, commands_take_the_directory_with_the_name)
{
	char *rows;

	create_net();
	cr_expect(access(at("stele.net"), F_OK) == 0);
	rows = STELE("dump", "-f", "csv", "-D", directory, "net/routes").out;
	EXPECT_HAS(rows, "10.0.0.0/8");
	EXPECT_TEXT(STELE("dump", "-f", "csv", at("net/routes")).out, rows);
	EXPECT_TEXT(STELE("dump", "-f", "csv", "./net/routes").out, rows);
	EXPECT_HAS(STELE("get", "-f", "csv", "./net/routes", "10.0.0.0/8").out, "eth0");
	EXPECT_HAS(STELE("lookup", "-f", "csv", "./net/routes", "10.1.2.3").out, "eth0");
	EXPECT_HAS(STELE("explain", "./net/routes", "10.1.2.3").out, "10.0.0.0/8");
	EXPECT_HAS(STELE("log", "-f", "csv", "./net").out, "routes");
	EXPECT_HAS(STELE("log", "-f", "csv", "./net/routes").out, "routes");
	EXPECT_HAS(STELE("diff", "./net").out, "10.0.0.0/8");
	EXPECT_HAS(STELE("schema", "./net").out, "routes(");
	EXPECT_HAS(STELE("schema", at("net/routes")).out, "routes(");
	EXPECT_HAS(STELE("generate", "-l", "c", "./net/routes").out, "next_hop");
	EXPECT_HAS(STELE("show", "./net").out, "routes");
	EXPECT_STATUS(STELE("verify", "./net"), 0);
	EXPECT_STATUS(STELE("wait", "./net/routes"), 0);
	EXPECT_HAS(STELE("watch", "--initial", "-T", "0", "./net/routes").out, "10.0.0.0/8");
	EXPECT_STATUS(STELE("tag", "./net", "now-and-then"), 0);
	EXPECT_HAS(STELE("tag", "./net").out, "now-and-then");
	EXPECT_STATUS(STELE_WITH(rows, "publish", "./net/routes", "-"), 0);
	EXPECT_STATUS(STELE_WITH(rows, "publish", "./net", "routes=-"), 0);
	EXPECT_STATUS(STELE("delete", "./net/routes", "10.0.0.0/8"), 0);
	EXPECT_STATUS(STELE("rollback", "./net", "--to", "2"), 0);
	EXPECT_STATUS(STELE("alter", "./net/routes", "--add", "weight: u8"), 0);
	EXPECT_STATUS(STELE("drop", "./net/routes"), 0);
	EXPECT_STATUS(STELE("rm", at("net")), 0);
	cr_expect(access(at("stele.net"), F_OK) != 0);
}

/* The commands that an error message suggests look into the directory, too. */
Test(habits_places, suggested_commands_find_the_region)
{
	char list[128], show[128];

	create_net();
	snprintf(list, sizeof(list), "'stele list -D %s' shows all regions", directory);
	snprintf(show, sizeof(show), "'stele show -D %s net' lists its tables", directory);
	EXPECT_FAILURE(STELE("show", at("other")), 3, "no region \"other\"", list);
	EXPECT_FAILURE(STELE("dump", at("net/other")), 3, "no table \"other\"", show);
	EXPECT_FAILURE(STELE("show", "other"), 3, "'stele list' shows all regions");
}

Test(habits_places, a_path_without_its_dot_is_named_as_such)
{
	create_net();
	EXPECT_FAILURE(STELE("dump", "below/net/routes"), 2, "such as ./below/net/routes)");
	EXPECT_FAILURE(STELE("create", "below/net"), 2, "is not the name of a region",
	               "such as ./below/net");
	EXPECT_FAILURE(STELE("tag", "net/routes", "a"), 2, "is not the name of a region");
}

Test(habits_places, a_saved_file_comes_first)
{
	create_net();
	EXPECT_STATUS(STELE("save", "./net", at("saved")), 0);
	EXPECT_HAS(STELE("dump", "./saved/routes").out, "10.0.0.0/8");
	EXPECT_HAS(STELE("show", "./saved").out, "saved");
	EXPECT_STATUS(STELE("load", "./saved", "./copy"), 0);
	EXPECT_STATUS(STELE("delete", "./copy/routes", "10.0.0.0/8"), 0);
	EXPECT_HAS_NOT(STELE("dump", "./copy/routes").out, "10.0.0.0/8");
	/* A file of the region's name hides the region from commands that read. */
	EXPECT_STATUS(STELE("save", "./net", at("copy")), 0);
	EXPECT_HAS(STELE("dump", "./copy/routes").out, "10.0.0.0/8");
	EXPECT_HAS_NOT(STELE("dump", "-D", ".", "copy/routes").out, "10.0.0.0/8");
	EXPECT_HAS(STELE("schema", "diff", "./net", "./saved").out, "table");
	/* What is no file, and can be no region, is reported as a file. */
	EXPECT_FAILURE(STELE("dump", "./none.stele/routes"), 3, "none.stele");
	EXPECT_FAILURE(STELE("dump", "./none/none/routes"), 3, "./none/none");
}

Test(habits_places, a_table_is_told_from_a_region)
{
	create_net();
	/* A directory beside the region, of the same name. */
	cr_assert(mkdir(at("net"), 0700) == 0);
	/* With a table, and without one. */
	EXPECT_HAS(STELE("dump", "./net/routes").out, "10.0.0.0/8");
	EXPECT_STATUS(STELE("create", "./net/routes", "--table", "inner(k: u8 key)"), 0);
	EXPECT_HAS(STELE("dump", "./net/routes").out, "10.0.0.0/8");
	EXPECT_HAS(STELE("show", "./net/routes").out, "inner");
	EXPECT_HAS(STELE("schema", "./net/routes").out, "inner");
	EXPECT_HAS(STELE("schema", "./net").out, "routes(");
	EXPECT_STATUS(STELE("dump", "./net/routes/inner"), 0);
	EXPECT_STATUS(STELE("rm", "./net/routes", at("net/routes")), 2);
	EXPECT_STATUS(STELE("rm", "./net/routes"), 0);
}

Test(habits_places, regions_are_of_one_directory)
{
	create_net();
	cr_assert(mkdir(at("other"), 0700) == 0);
	EXPECT_FAILURE(STELE("rm", "./net", "./other/net"), 2, "one directory", "./other");
	EXPECT_FAILURE(STELE("rm", "./net", "net"), 2, "one directory");
	EXPECT_FAILURE(STELE("rm", "-D", "other", "./net"), 2, "one directory", "other");
	EXPECT_STATUS(STELE("show", "-D", ".", "./net"), 0);
	EXPECT_FAILURE(STELE("create", "/nowhere/at/all"), 3, "/nowhere/at");
	EXPECT_FAILURE(STELE("show", "./none"), 3, "there is no region \"none\"", "stele.none");
	/* The sides of a comparison are independent. */
	EXPECT_STATUS(STELE("create", "./other/net", "--table", ROUTES), 0);
	EXPECT_STATUS(STELE("schema", "diff", "./net", "./other/net/routes"), 0);
}
