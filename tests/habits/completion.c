/* SPDX-License-Identifier: MIT
 *
 * Completes command lines in real shells, on a terminal: each line is typed with tabs, and what it
 * prints tells whether the shell completed it. Also what `stele completion words` offers. */
#include <limits.h>

#include "tests/support/cli.h"
#include "tests/support/terminal.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static char directory[64];

static void run(const char *script)
{
	char *arguments[] = {"sh", "-ec", (char *)script, NULL};
	struct cli_result result = cli_run(NULL, arguments);

	cr_assert(result.status == 0, "%s: %s", script, result.err);
}

/* Makes a directory with a region and a file, and a command `stele` that the shells find. */
static void begin(void)
{
	char path[PATH_MAX], search[PATH_MAX + 4096];

	cli_begin();
	cr_assert(realpath(cli_command(), path) != NULL);
	setenv("STELE_COMMAND", path, 1);
	snprintf(directory, sizeof(directory), "/tmp/stele-habits-XXXXXX");
	cr_assert(mkdtemp(directory) != NULL && chdir(directory) == 0);
	snprintf(search, sizeof(search), "%s/bin:%s", directory, getenv("PATH"));
	setenv("PATH", search, 1);
	setenv("HOME", directory, 1);
	setenv("XDG_CONFIG_HOME", directory, 1);
	setenv("XDG_DATA_HOME", directory, 1);
	setenv("TERM", "dumb", 1);
	run("mkdir bin; ln -s \"$STELE_COMMAND\" bin/stele\n"
	    "stele create -D . net --table 'routes(prefix: ipv4net key, metric: u32)'"
	    "	--table 'macs(mac: mac key, port: u32)'\n"
	    "stele set -D . net/routes 10.0.0.0/8 metric=1111\n"
	    "stele set -D . net/routes 10.1.0.0/16 metric=2222\n"
	    "stele tag -D . net before-upgrade\n"
	    "stele set -D . net/routes 10.1.0.0/16 metric=3333\n"
	    "stele set -D . net/macs 00:00:5e:00:53:01 port=4444\n"
	    "stele dump -D . -f csv net/routes >routes.csv\n");
}

static void end(void)
{
	char *arguments[] = {"rm", "-r", directory, NULL};

	cr_assert(chdir("/") == 0);
	cr_expect(cli_run(NULL, arguments).status == 0);
	cli_end();
}

TestSuite(habits_completion, .init = begin, .fini = end);

/* Lines as they are typed, and what the complete line prints. */
static const struct {
	const char *typed, *printed;
} lines[] = {
	/* A command, a word of a list, a region and a table. */
	{"stele dump\t-D . -f cs\tnet\tro\t", "10.1.0.0/16,3333"},
	/* A key, an option and a column. */
	{"stele get -D . net/rou\t10.1\t--colu\tmet\t", "3333"},
	/* The name of a version, after an equals sign, at which bash splits words. */
	{"stele get -D . net/routes 10.1.0.0/16 --column metric --version=bef\t", "2222"},
	/* The second of several columns; and a key with colons, at which bash splits words. */
	{"stele get -D . net/macs 00:00:5e:\t --col\tpo\t", "4444"},
	{"stele dump -D . -f csv net/routes --limit 1 --columns=metric,pre\t", "1111,10.0.0.0/8"},
	/* A path to a directory, and a file. */
	{"stele dump ./ne\trou\t--where metric=2222 -a bef\t-f csv", "10.1.0.0/16,2222"},
	{"stele publish -D . --dry-run net/routes rou\t&& echo same $HOME", "same /"},
	{"stele publish -D . net routes=rou\t", "nothing changed"},
	{"stele set -D . net/routes 10.0.0.0/8 met\t5555", "routes: version"},
};

/* Types a line into a shell that is ready. */
static void type_line(struct terminal *terminal, size_t number)
{
	size_t from = terminal->length;

	terminal_type(terminal, lines[number].typed);
	terminal_type(terminal, "\n");
	cr_assert(terminal_await(terminal, from, lines[number].printed), "%s\ngave\n%s",
	          lines[number].typed, terminal->written + from);
}

/* Types what makes the shell show both keys that begin with "10.". */
static void list_keys(struct terminal *terminal, const char *typed)
{
	size_t from = terminal->length;

	terminal_type(terminal, typed);
	cr_assert(terminal_await(terminal, from, "10.0.0.0/8") &&
	                  terminal_await(terminal, from, "10.1.0.0/16"),
	          "%s", terminal->written + from);
}

#define DELETE "stele delete -D . net/routes 10."

/* Runs a shell, and types `start` first, which makes it print "ready 2". */
static void complete_in(char **arguments, const char *start, const char *list)
{
	char check[128], *shell[] = {"sh", "-c", check, NULL};
	struct terminal terminal;

	snprintf(check, sizeof(check), "command -v %s", arguments[0]);
	if (cli_run(NULL, shell).status != 0)
		cr_skip_test("needs %s", arguments[0]);
	cr_assert(terminal_start(&terminal, 50, 200, arguments));
	terminal_type(&terminal, start);
	cr_assert(terminal_await(&terminal, 0, "ready 2"), "%s", terminal.written);
	for (size_t i = 0; i < COUNT(lines); i++)
		type_line(&terminal, i);
	list_keys(&terminal, list);
	terminal_close(&terminal);
}

/* Bash puts what a completion function returns into the line as it is. */
Test(habits_completion, a_key_in_quotation_marks_is_no_command_of_bash)
{
	static const char key[] = "ab'\"\\$(touch made)`touch made`\n";
	static char script[] = "source <(stele completion bash); compopt() { :; }\n"
			       "for quote in '' \\\" \\'; do\n"
			       "\tCOMP_LINE=\"stele get -D . net/texts ${quote}ab\"\n"
			       "\tCOMP_POINT=${#COMP_LINE} COMP_CWORD=5\n"
			       "\tCOMP_WORDS=(stele get -D . net/texts \"${quote}ab\")\n"
			       "\t_stele stele\n"
			       "\teval \"printf '%s\\n' $quote${COMPREPLY[0]}$quote\"\n"
			       "done\n";
	char *arguments[] = {"bash", "-c", script, NULL}, expected[3 * sizeof(key)];

	if (cli_run(NULL, (char *[]){"sh", "-c", "command -v bash", NULL}).status != 0)
		cr_skip_test("no bash");
	run("stele create -D . net --table 'texts(line: text key)'\n"
	    "printf '%s\\n' '[{\"line\": \"ab'\\''\\\"\\\\$(touch made)`touch made`\"}]' |\n"
	    "	stele publish -D . net/texts --input-format json -\n");
	snprintf(expected, sizeof(expected), "%s%s%s", key, key, key);
	EXPECT_TEXT(cli_run(NULL, arguments).out, expected);
	cr_expect(access("made", F_OK) < 0);
}

Test(habits_completion, bash)
{
	char *arguments[] = {"bash", "--norc", "--noprofile", "-i", NULL};

	complete_in(arguments, "source <(stele completion bash); echo ready $((1 + 1))\n",
	            DELETE "\t\t");
}

Test(habits_completion, zsh)
{
	char *arguments[] = {"zsh", "-f", "-i", NULL};

	complete_in(arguments,
	            "autoload -U compinit; compinit -u -D; "
	            "source <(stele completion zsh); echo ready $((1 + 1))\n",
	            DELETE "\t\t");
}

Test(habits_completion, zsh_loads_the_installed_script)
{
	char *arguments[] = {"zsh", "-f", "-i", NULL};

	run("mkdir functions; stele completion zsh >functions/_stele");
	complete_in(arguments,
	            "fpath=($HOME/functions $fpath); autoload -U compinit; compinit -u -D; "
	            "echo ready $((1 + 1))\n",
	            DELETE "\t\t");
}

Test(habits_completion, fish)
{
	char *arguments[] = {"fish", "--no-config", "-i", NULL};

	complete_in(arguments, "stele completion fish | source; echo ready (math 1 + 1)\n",
	            /* Fish draws no list on a dumb terminal. */
	            "complete -C'" DELETE "'\n");
}

/* Runs `stele completion words`, and returns what it offers. */
#define WORDS(...) STELE("completion", "words", "--", __VA_ARGS__).out

Test(habits_completion, offers_follow_the_tables_of_options)
{
	EXPECT_TEXT(WORDS("lo"), "lookup\tprint the rows with the longest matching prefixes\n"
	                         "log\tprint the commits that history holds\n"
	                         "load\tcreate a region from a saved file\n");
	EXPECT_TEXT(WORDS("dump", "--format=c"), "--format=csv\n");
	EXPECT_TEXT(WORDS("create", "--durability", ""), "none\ncommit\n");
	EXPECT_TEXT(WORDS("bench", "notify", "-N", "mq,f"), "mq,futex\nmq,fifo\n");
	EXPECT_HAS(WORDS("publish", "--fpm-"), "--fpm-quiet=\t");
	EXPECT_HAS_NOT(WORDS("publish", "--"), "input-format");
	EXPECT_TEXT(WORDS("schema", "-D", ".", "di"), ":files\ndiff\n");
	EXPECT_TEXT(WORDS("no-such-command", ""), "");
	EXPECT_TEXT(WORDS("list", ""), "");
	EXPECT_TEXT(WORDS("top", "--", "--"), "");
}

Test(habits_completion, offers_what_regions_hold)
{
	EXPECT_TEXT(WORDS("set", "-D", ".", ""), "net/\n");
	EXPECT_TEXT(WORDS("set", "-D.", "net/"), "net/macs\nnet/routes\n");
	EXPECT_TEXT(WORDS("set", "./net/routes", "10.1"), "10.1.0.0/16\n");
	EXPECT_TEXT(WORDS("set", "./net/routes", "10.1.0.0/16", "m"), "metric=\n");
	EXPECT_TEXT(WORDS("drop", "./net/routes", "./net/ma"), "./net/macs\n:directories\n");
	EXPECT_HAS(WORDS("rollback", "--directory=.", "net", "--to", ""), "before-upgrade\t3@");
	EXPECT_HAS(WORDS("rollback", "-D", ".", "net", "--to", ""), "\n3\t");
	EXPECT_HAS(WORDS("wait", "./net", "--since=3"), "--since=3@");
	EXPECT_HAS(WORDS("generate", "./net", "--table=r"), "--table=routes\n");
	/* What cannot be read has no candidates, and no message. */
	EXPECT_TEXT(WORDS("set", "-D", ".", "none/"), "");
	EXPECT_TEXT(WORDS("set", "-D", ".", "none/routes", ""), "");
	EXPECT_TEXT(STELE("completion", "words", "--", "set", "-D", "none", "").err, "");
}

/* Candidates are printed on a terminal, which obeys control characters. */
Test(habits_completion, control_characters_are_not_offered)
{
	EXPECT_STATUS(STELE("create", "./bad", "--table", "t(k: text key)"), 0);
	EXPECT_STATUS(STELE("set", "./bad/t", "a\033[2J"), 0);
	EXPECT_STATUS(STELE("set", "./bad/t", "a b"), 0);
	EXPECT_TEXT(WORDS("delete", "./bad/t", "a"), "a b\n");
}

Test(habits_completion, scripts_are_printed)
{
	EXPECT_HAS(STELE("completion", "bash").out, "complete -F _stele stele\n");
	EXPECT_HAS(STELE("completion", "zsh").out, "#compdef stele\n");
	EXPECT_HAS(STELE("completion", "fish").out, "complete -c stele ");
	EXPECT_FAILURE(STELE("completion", "fich"), 2, "did you mean \"fish\"?");
	EXPECT_FAILURE(STELE("completion"), 2, "expected the name of a shell");
}
