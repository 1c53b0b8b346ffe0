/* SPDX-License-Identifier: MIT
 *
 * Options as users type them from habit: a letter means one thing in every command, -h is help
 * everywhere, and -f is a format, of output and of input. Reads the options of all commands from
 * their --help. */
#include <ctype.h>

#include "tests/support/cli.h"

TestSuite(habits_letters, .init = cli_begin_routes, .fini = cli_end);

#define COMMANDS_MAX 64

/* Stores the names of all commands, from `stele --help`. Returns their number. */
static size_t list_commands(char names[COMMANDS_MAX][32])
{
	char *line = strstr(STELE("--help").out, "\nCommands:\n");
	size_t count = 0;

	cr_assert(line != NULL);
	line += strlen("\nCommands:\n");
	while (sscanf(line, "  %31[a-z] ", names[count]) == 1) {
		/* `stele help` has no options. */
		if (strcmp(names[count], "help") != 0)
			count++;
		cr_assert(count < COMMANDS_MAX);
		line = strchr(line, '\n') + 1;
	}
	cr_assert(count > 30, "%zu commands", count);
	return count;
}

/* Compares the letters of a command with those of the commands before it. `names` has the long
 * name of each letter, and `commands` the command that has it. */
static void compare_letters(const char *command, char names[128][32], char commands[128][32])
{
	char letter, name[32];

	for (const char *line = STELE(command, "--help").out; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (sscanf(line, "  -%c, --%31[a-z-]", &letter, name) != 2)
			continue;
		cr_assert(isalnum((unsigned char)letter), "%s: -%c", command, letter);
		cr_expect(!*names[(int)letter] || strcmp(names[(int)letter], name) == 0,
		          "-%c is --%s in %s, and --%s in %s", letter, name, command,
		          names[(int)letter], commands[(int)letter]);
		snprintf(names[(int)letter], sizeof(names[0]), "%s", name);
		snprintf(commands[(int)letter], sizeof(commands[0]), "%s", command);
	}
}

Test(habits_letters, a_letter_means_one_thing)
{
	char commands[COMMANDS_MAX][32], names[128][32] = {""}, seen[128][32] = {""};
	size_t count = list_commands(commands);

	for (size_t i = 0; i < count; i++)
		compare_letters(commands[i], names, seen);
	EXPECT_TEXT(names['h'], "help");
	EXPECT_TEXT(names['f'], "format");
	EXPECT_TEXT(names['n'], "dry-run");
}

Test(habits_letters, h_is_help_everywhere)
{
	char commands[COMMANDS_MAX][32];
	size_t count = list_commands(commands);

	EXPECT_TEXT(STELE("-h").out, STELE("--help").out);
	for (size_t i = 0; i < count; i++) {
		struct cli_result result = STELE(commands[i], "-h");

		EXPECT_STATUS(result, 0);
		EXPECT_HAS(result.out, "Usage: stele ");
		EXPECT_TEXT(result.err, "");
		EXPECT_TEXT(STELE(commands[i], "--help").out, result.out);
		EXPECT_TEXT(STELE(commands[i], "-?").out, result.out);
		EXPECT_HAS(STELE(commands[i], "--usage").out, "Usage: stele ");
	}
}

Test(habits_letters, f_is_the_format_in_and_out)
{
	char *rows;

	EXPECT_STATUS(STELE_WITH("prefix,next_hop,interface,metric\n10.0.0.0/8,192.0.2.1,eth0,1\n",
	                         "publish", "-f", "csv", target, "-"),
	              0);
	rows = STELE("dump", "-f", "ndjson", target).out;
	EXPECT_STATUS(STELE_WITH(rows, "publish", "-f", "ndjson", target, "-"), 0);
	EXPECT_TEXT(STELE("dump", "-f", "ndjson", target).out, rows);
	EXPECT_FAILURE(STELE_WITH(rows, "publish", "-f", "csv", target, "-"), 2, ":1: ");
	/* The name of the option in 0.2.0. */
	EXPECT_STATUS(STELE_WITH(rows, "publish", "--input-format", "ndjson", target, "-"), 0);
	EXPECT_HAS_NOT(STELE("publish", "--help").out, "input-format");
}
