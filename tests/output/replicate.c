/* SPDX-License-Identifier: MIT
 *
 * What stele watch and stele diff print in NDJSON, and stele apply takes: marks, and a copy of a
 * region in another one. */
#include "tests/support/cli.h"
#include "tests/support/random.h"

static char copy[64], copied[96];

/* Creates a second region, with the tables of the first. */
static void begin_copy(void)
{
	cli_begin_routes();
	snprintf(copy, sizeof(copy), "%s-copy", region);
	snprintf(copied, sizeof(copied), "%s/routes", copy);
	EXPECT_STATUS(STELE("create", copy, "--table", ROUTES), 0);
}

static void end_copy(void)
{
	STELE("rm", copy);
	cli_end();
}

TestSuite(output_replicate, .init = begin_copy, .fini = end_copy);

/* Expects that both regions have the same rows. */
static void expect_equal(void)
{
	char *there = STELE("dump", "-f", "csv", target).out;

	EXPECT_TEXT(STELE("dump", "-f", "csv", copied).out, there);
}

static void expect_mark(struct cli_process *watch, const char *text)
{
	char line[4096];

	snprintf(line, sizeof(line), "%s", cli_any_line(watch));
	EXPECT_TEXT(cli_plain(line), text);
}

Test(output_replicate, marks_tell_where_versions_end)
{
	struct cli_process watch;

	STELE_START(&watch, "watch", "--initial", "-f", "ndjson", region);
	expect_mark(&watch, "{\"version\": 2, \"change\": \"initial\", \"table\": null, "
	                    "\"row\": {\"all\": true}, \"before\": null}");
	expect_mark(&watch, "{\"version\": 2, \"change\": \"created\", \"table\": \"routes\", "
	                    "\"row\": {\"schema\": \"" ROUTES "\"}, \"before\": null}");
	for (int i = 0; i < 3; i++)
		EXPECT_HAS(cli_any_line(&watch), "\"change\": \"added\"");
	expect_mark(&watch, "{\"version\": 2, \"change\": \"initial_end\", \"table\": null, "
	                    "\"row\": null, \"before\": null}");
	EXPECT_STATUS(STELE("delete", target, "0.0.0.0/0", "10.0.0.0/8"), 0);
	for (int i = 0; i < 2; i++)
		EXPECT_HAS(cli_any_line(&watch), "\"change\": \"removed\"");
	expect_mark(&watch, "{\"version\": 3, \"change\": \"end\", \"table\": null, \"row\": null, "
	                    "\"before\": null}");
	kill(watch.pid, SIGTERM);
	cr_expect(cli_wait(&watch) == 0);
}

Test(output_replicate, marks_are_of_ndjson_alone)
{
	EXPECT_HAS_NOT(STELE("watch", "--since", "0", "-T", "0", "-f", "csv", region).out, "end");
	EXPECT_HAS_NOT(STELE("watch", "--since", "0", "-T", "0", region).out, "!");
	EXPECT_HAS_NOT(STELE("diff", "-f", "ndjson", region, "0", "2").out, "end");
	EXPECT_HAS_NOT(STELE("watch", "--since", "0", "-T", "0", "--exec", "cat", region).out,
	               "end");
	EXPECT_HAS(STELE("watch", "--since", "0", "-T", "0", "-f", "ndjson", region).out,
	           "\"change\": \"initial_end\"");
}

Test(output_replicate, documents_have_the_number_of_their_format)
{
	static const char member[] = ", \"format\": 1}\n";

	EXPECT_HAS(STELE("show", "-f", "json", region).out, member);
	EXPECT_HAS(STELE("verify", "-f", "ndjson", region).out, member);
	EXPECT_HAS(STELE("diff", "-f", "ndjson", region, "0", "2").out, member);
	EXPECT_HAS(STELE("trace", "--since", "0", "--count", "1", region).out, member);
	EXPECT_HAS(STELE("list", "-f", "ndjson").out, member);
	EXPECT_HAS(STELE("log", "-f", "ndjson", region).out, member);
	EXPECT_HAS(STELE("log", "-f", "ndjson", target).out, member);
	EXPECT_HAS(STELE("schema", "-f", "ndjson", target).out, member);
	EXPECT_HAS(STELE("explain", "-f", "ndjson", target, "10.0.0.1").out, member);
	EXPECT_STATUS(STELE("tag", region, "kept"), 0);
	EXPECT_HAS(STELE("tag", "-f", "ndjson", region).out, member);
	EXPECT_HAS_NOT(STELE("get", "-f", "json", target, "10.0.0.0/8").out, "format");
	EXPECT_HAS_NOT(STELE("get", "-f", "json", target, "10.0.0.0/8", "0.0.0.0/0").out, "format");
	EXPECT_HAS_NOT(STELE("lookup", "-f", "ndjson", target, "10.0.0.1").out, "format");
	EXPECT_HAS_NOT(STELE("dump", "-f", "ndjson", target).out, "format");
	EXPECT_HAS_NOT(STELE("show", region).out, "format");
}

Test(output_replicate, watch_is_about_the_rows_of_a_prefix_or_a_key)
{
	char *rows;

	rows = STELE("watch", "--since", "0", "-T", "0", "-f", "ndjson", "--prefix", "10.0.0.0/8",
	             target)
	               .out;
	EXPECT_HAS(rows, "{\"tables\": [\"routes\"], \"prefix\": \"10.0.0.0/8\"}");
	EXPECT_HAS(rows, "10.1.0.0/16");
	EXPECT_HAS_NOT(rows, "0.0.0.0/0");
	rows = STELE("watch", "--since", "0", "-T", "0", "-f", "ndjson", "--key", "10.0.0.0/8",
	             target)
	               .out;
	EXPECT_HAS(rows, "{\"tables\": [\"routes\"], \"key\": \"10.0.0.0/8\"}");
	EXPECT_HAS(rows, "\"row\": {\"prefix\": \"10.0.0.0/8\"");
	EXPECT_HAS_NOT(rows, "10.1.0.0/16");
	rows = STELE("watch", "--since", "0", "-T", "0", "-f", "csv", "--key", "0.0.0.0/0", target)
	               .out;
	EXPECT_HAS(rows, "prefix=0.0.0.0/0");
	EXPECT_HAS_NOT(rows, "prefix=10");
	EXPECT_FAILURE(STELE("watch", "--key", "10.0.0.0/8", region), 2, "need a REGION/TABLE");
	EXPECT_FAILURE(STELE("watch", "--key", "ten", target), 2, "key \"ten\": ");
	EXPECT_FAILURE(STELE("watch", "--key", "1", "--prefix", "2", target), 2, "together");
}

Test(output_replicate, a_watch_of_a_key_sees_only_its_changes)
{
	struct cli_process watch;

	STELE_START(&watch, "watch", "--initial", "-f", "ndjson", "--key", "10.0.0.0/8", target);
	EXPECT_HAS(cli_line(&watch), "\"added\"");
	EXPECT_STATUS(STELE("set", target, "10.1.0.0/16", "metric=6"), 0);
	EXPECT_STATUS(STELE("set", target, "10.0.0.0/8", "metric=21"), 0);
	EXPECT_HAS(cli_line(&watch), "\"metric\": 21}");
	EXPECT_HAS(cli_any_line(&watch), "\"change\": \"end\"");
	kill(watch.pid, SIGTERM);
	cr_expect(cli_wait(&watch) == 0);
}

Test(output_replicate, apply_takes_what_diff_prints)
{
	struct cli_result result;

	result =
		STELE_WITH(STELE("diff", "-f", "ndjson", region, "0", "2").out, "apply", copy, "-");
	EXPECT_STATUS(result, 0);
	expect_equal();
	EXPECT_STATUS(STELE("set", target, "10.0.0.0/8", "metric=21"), 0);
	EXPECT_STATUS(STELE("delete", target, "0.0.0.0/0"), 0);
	result =
		STELE_WITH(STELE("diff", "-f", "ndjson", region, "2", "4").out, "apply", copy, "-");
	EXPECT_HAS(result.out, "(0 added, 1 changed, 1 removed)");
	expect_equal();
}

Test(output_replicate, apply_takes_what_watch_prints)
{
	struct cli_result result;

	EXPECT_STATUS(STELE("set", copied, "192.0.2.0/24", "next_hop=192.0.2.1", "interface=x",
	                    "metric=1"),
	              0);
	result = STELE_WITH(STELE("watch", "--since", "0", "-T", "0", "-f", "ndjson", region).out,
	                    "apply", copy, "-");
	EXPECT_STATUS(result, 0);
	EXPECT_HAS(result.out, "(3 added, 0 changed, 1 removed)");
	expect_equal();
	EXPECT_HAS(STELE("log", "-L", "1", "-f", "json", copy).out, cli_token(2));
}

/* Rows outside the prefix or the key of a watch stay. */
Test(output_replicate, apply_deletes_only_rows_that_the_watch_was_about)
{
	static const char *const others[] = {"192.0.2.0/24", "10.2.0.0/16", "10.0.0.0/9"};

	for (size_t i = 0; i < 3; i++)
		EXPECT_STATUS(STELE("set", copied, others[i], "next_hop=192.0.2.1", "interface=x",
		                    "metric=1"),
		              0);
	EXPECT_HAS(STELE_WITH(STELE("watch", "--since", "0", "-T", "0", "-f", "ndjson", "--key",
	                            "0.0.0.0/0", target)
	                              .out,
	                      "apply", copy, "-")
	                   .out,
	           "(1 added, 0 changed, 0 removed)");
	EXPECT_HAS(STELE_WITH(STELE("watch", "--since", "0", "-T", "0", "-f", "ndjson", "--prefix",
	                            "10.0.0.0/8", target)
	                              .out,
	                      "apply", copy, "-")
	                   .out,
	           "(2 added, 0 changed, 2 removed)");
	EXPECT_STATUS(STELE("get", copied, "192.0.2.0/24"), 0);
}

/* A restriction that is not understood would delete all other rows. */
Test(output_replicate, apply_refuses_a_mark_that_it_does_not_understand)
{
	static const char *const scopes[] = {
		"{\"tables\": [\"routes\"], \"key\": 7}",
		"{\"tables\": [\"routes\"], \"prefix\": null}",
		"{\"tables\": [\"routes\"], \"key\": \"0.0.0.0/0\", \"prefix\": \"10.0.0.0/8\"}",
		"{\"tables\": [\"routes\"], \"where\": \"metric>5\"}",
		"{\"tables\": [7]}",
		"{\"tables\": \"routes\"}",
		"{\"all\": false, \"tables\": [\"routes\"]}",
		"{\"all\": true, \"key\": \"0.0.0.0/0\"}",
		"{\"all\": 1}",
	};
	char line[512];

	EXPECT_STATUS(STELE("set", copied, "192.0.2.0/24", "next_hop=192.0.2.1", "interface=x",
	                    "metric=1"),
	              0);
	for (size_t i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++) {
		snprintf(line, sizeof(line),
		         "{\"version\": 2, \"change\": \"initial\", \"row\": %s, \"format\": 1}\n"
		         "{\"version\": 2, \"change\": \"initial_end\", \"format\": 1}\n",
		         scopes[i]);
		EXPECT_FAILURE(STELE_WITH(line, "apply", copy, "-"), 2, "\"tables\"");
	}
	EXPECT_STATUS(STELE("get", copied, "192.0.2.0/24"), 0);
}

Test(output_replicate, apply_refuses_a_version_without_its_end)
{
	char *lines = STELE("watch", "--since", "0", "-T", "0", "-f", "ndjson", region).out;

	strstr(lines, "{\"version\": 2, \"change\": \"initial_end\"")[0] = '\0';
	EXPECT_FAILURE(STELE_WITH(lines, "apply", copy, "-"), 2, "before the end of a version");
	EXPECT_FAILURE(STELE_WITH(lines, "apply", "--follow", copy, "-"), 2,
	               "before the end of a version");
	expect_done(STELE("dump", "-f", "json", copied), "[]\n");
	EXPECT_FAILURE(STELE_WITH("{\"change\": \"end\", \"format\": 2}\n", "apply", copy, "-"), 2,
	               "another \"format\"");
	EXPECT_FAILURE(STELE_WITH("{\"change\": \"ended\"}\n", "apply", copy, "-"), 2,
	               "the words that 'stele watch' prints");
}

/* ---- a pipe from one region to the other ---- */

struct pipe_line {
	struct cli_process watch, apply;
};

/* Starts `stele watch ... | stele apply --follow copy -`, from the token or from the beginning. */
static void start_pipe(struct pipe_line *line, const char *token)
{
	char *from[] = {cli_command(),
	                "watch",
	                "-f",
	                "ndjson",
	                token ? "--since" : "--initial",
	                token ? (char *)(uintptr_t)token : region,
	                token ? region : NULL,
	                NULL};
	char *to[] = {cli_command(), "apply", "--follow", copy, "-", NULL};
	int between[2], out[2], in = cli_file(NULL);

	cr_assert(pipe2(between, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
	line->watch.err = cli_file(NULL);
	line->apply.err = cli_file(NULL);
	line->apply.out = out[0];
	cli_spawn_with(&line->watch, from, in, between[1], line->watch.err);
	cli_spawn_with(&line->apply, to, between[0], out[1], line->apply.err);
	close(in);
	close(between[0]);
	close(between[1]);
	close(out[1]);
}

static void end_pipe(struct pipe_line *line)
{
	close(line->apply.out);
	close(line->apply.err);
	close(line->watch.err);
}

Test(output_replicate, a_pipe_keeps_a_copy)
{
	struct pipe_line line;

	start_pipe(&line, NULL);
	EXPECT_HAS(cli_line(&line.apply), "(3 added, 0 changed, 0 removed)");
	expect_equal();
	EXPECT_STATUS(STELE("set", target, "10.0.0.0/8", "metric=21"), 0);
	EXPECT_HAS(cli_line(&line.apply), "(0 added, 1 changed, 0 removed)");
	EXPECT_STATUS(STELE("delete", target, "10.0.0.0/8", "0.0.0.0/0"), 0);
	EXPECT_HAS(cli_line(&line.apply), "(0 added, 0 changed, 2 removed)");
	expect_equal();
	kill(line.watch.pid, SIGTERM);
	cr_expect(cli_wait(&line.watch) == 0);
	cr_expect(cli_wait(&line.apply) == 0);
	end_pipe(&line);
}

#define SEED 14

static uint64_t random_state = SEED;

static unsigned below(unsigned count)
{
	return (unsigned)(random_from(&random_state) % count);
}

static void change_randomly(void)
{
	char key[32], metric[32];

	snprintf(key, sizeof(key), "10.%u.0.0/16", below(8));
	snprintf(metric, sizeof(metric), "metric=%u", below(1000));
	if (below(3) == 0)
		STELE("delete", target, key);
	else
		EXPECT_STATUS(
			STELE("set", target, key, "next_hop=192.0.2.1", "interface=e", metric), 0);
}

/* Returns the message of the copy's newest version. */
static char *last_token(void)
{
	char *log = STELE("log", "-L", "1", "-f", "json", copy).out;
	char *at = strstr(log, "\"message\": \"");

	cr_assert(at);
	at += strlen("\"message\": \"");
	at[strcspn(at, "\"")] = '\0';
	return at;
}

/* Waits until both regions have the same rows. */
static void await_equal(void)
{
	for (int64_t left = CLI_PATIENCE; left > 0; left--) {
		char *there = STELE("dump", "-f", "csv", target).out;

		if (strcmp(STELE("dump", "-f", "csv", copied).out, there) == 0)
			return;
		usleep(1000);
	}
	cr_assert_fail("seed %d: the copy does not follow", SEED);
}

/* Kills one side of the pipe, and expects that the other one ends. */
static void kill_side(struct pipe_line *line, bool watch)
{
	int status;

	kill(watch ? line->watch.pid : line->apply.pid, SIGKILL);
	cr_expect(cli_wait(watch ? &line->watch : &line->apply) == 128 + SIGKILL);
	status = cli_wait(watch ? &line->apply : &line->watch);
	/* The apply may have read a part of a version. The watch cannot write. */
	cr_expect(watch ? status == 0 || status == 2 : status == 8, "exit status %d", status);
	end_pipe(line);
}

/* A side is killed at any moment. The pipe is started again from the last version that was applied,
 * or from the beginning. */
Test(output_replicate, a_copy_survives_a_kill_of_each_side)
{
	struct pipe_line line;
	char *token = NULL;

	for (int round = 0; round < 12; round++) {
		start_pipe(&line, round % 3 ? token : NULL);
		for (unsigned i = below(6); i > 0; i--)
			change_randomly();
		if (below(2))
			await_equal();
		kill_side(&line, round % 2);
		for (unsigned i = below(4); i > 0; i--)
			change_randomly();
		token = *last_token() ? cli_text(last_token()) : NULL;
	}
	start_pipe(&line, token);
	change_randomly();
	await_equal();
	kill_side(&line, true);
	expect_equal();
}

/* ---- tables that come, change and go ---- */

/* Returns the declarations of all tables, and their rows, at a version. */
static char *content(const char *name, const char *version)
{
	char *text = STELE("diff", "-f", "ndjson", (char *)(uintptr_t)name, "0",
	                   (char *)(uintptr_t)version)
	                     .out;
	char *to = text, *from = cli_plain(text);

	while (*from) {
		/* Both regions have versions of their own. */
		if (strncmp(from, "{\"version\": ", 12) == 0)
			from += strcspn(from, ",");
		*to++ = *from++;
	}
	*to = '\0';
	return text;
}

/* Waits until both regions have the same tables and rows. */
static void await_same(void)
{
	char *there = "", *here = "";

	for (int64_t left = CLI_PATIENCE; left > 0; left--) {
		there = content(region, "-0");
		here = content(copy, "-0");
		if (strcmp(there, here) == 0)
			return;
		usleep(1000);
	}
	cr_assert_fail("seed %d: the copy does not follow; there:\n%s\nhere:\n%s", SEED, there,
	               here);
}

/* Another region with other tables takes the name. */
Test(output_replicate, a_copy_loses_tables_that_are_gone)
{
	struct pipe_line line;

	start_pipe(&line, NULL);
	await_equal();
	EXPECT_STATUS(STELE("rm", region), 0);
	EXPECT_STATUS(STELE("create", region, "--table", "other(a: u8 key)"), 0);
	await_same();
	EXPECT_FAILURE(STELE("dump", copied), 3, "table");
	kill_side(&line, true);
	/* The same, of which a watch that begins now knows nothing. */
	EXPECT_STATUS(STELE("create", copy, "--table", "third(a: u8 key)"), 0);
	start_pipe(&line, NULL);
	await_same();
	kill_side(&line, true);
}

/* With a table, only this table is made equal. */
Test(output_replicate, a_copy_of_a_table_leaves_other_tables)
{
	EXPECT_STATUS(STELE("create", copy, "--table", "other(a: u8 key)"), 0);
	EXPECT_STATUS(STELE("drop", copied), 0);
	EXPECT_STATUS(
		STELE_WITH(STELE("watch", "--since", "0", "-T", "0", "-f", "ndjson", target).out,
	                   "apply", copy, "-"),
		0);
	expect_equal();
	EXPECT_HAS(STELE("schema", copy).out, "other(");
}

Test(output_replicate, apply_changes_tables_as_diff_prints_them)
{
	static const char *const steps[][3] = {
		{"alter", "--add", "zone: char[8] default \"eu\""},
		{"alter", "--rename", "metric=cost"},
		{"rollback", "--to", "2"},
		{"drop", NULL, NULL},
		{"rollback", "--to", "2"},
	};
	char from[32], to[32];

	EXPECT_STATUS(
		STELE_WITH(STELE("diff", "-f", "ndjson", region, "0", "2").out, "apply", copy, "-"),
		0);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		char *name = *steps[i][0] == 'r' ? region : target;

		EXPECT_STATUS(STELE(steps[i][0], name, steps[i][1], steps[i][2]), 0);
		snprintf(from, sizeof(from), "%zu", i + 2);
		snprintf(to, sizeof(to), "%zu", i + 3);
		EXPECT_STATUS(STELE_WITH(STELE("diff", "-f", "ndjson", region, from, to).out,
		                         "apply", copy, "-"),
		              0);
		EXPECT_TEXT(content(copy, "-0"), content(region, "-0"));
	}
}

Test(output_replicate, apply_refuses_a_declaration_that_it_does_not_understand)
{
	static const char *const lines[][2] = {
		{"\"change\": \"created\", \"table\": \"t\", \"row\": null", "\"schema\""},
		{"\"change\": \"created\", \"table\": \"t\", \"row\": {\"schema\": 7}",
	         "\"schema\""},
		{"\"change\": \"created\", \"table\": \"t\", \"row\": {\"schema\": \"t(a: u7 key)\"}",
	         "u7"},
		{"\"change\": \"altered\", \"table\": \"t\", \"row\": {\"schema\": \"u(a: u8 key)\"}",
	         "declares a table \"u\""},
		{"\"change\": \"altered\", \"table\": \"t\", \"row\": {\"schema\": \"t(a: u8 key)\", "
	         "\"owner\": 1}",
	         "\"schema\""},
		{"\"change\": \"dropped\", \"row\": null", "\"table\""},
	};
	char line[512];

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		snprintf(line, sizeof(line), "{\"version\": 2, %s, \"format\": 1}\n", lines[i][0]);
		EXPECT_FAILURE(STELE_WITH(line, "apply", copy, "-"), 2, lines[i][1]);
	}
}

/* Changes a table, or its rows, or goes back. What is not possible fails. */
static void change_tables_randomly(void)
{
	static const char *const columns[] = {
		"k: u8 key, a: u32", "k: char[4] key, a: u32", "k: u8 key, v: text",
		"k: u8 key, a: u32, w: u8 enum(one=1, two=2) default one"};
	char name[96], declaration[160], word[64], key[8];
	char *where = name + strlen(region) + 1;

	snprintf(name, sizeof(name), "%s/t%u", region, below(4));
	snprintf(declaration, sizeof(declaration), "%s(%s)", where, columns[below(4)]);
	snprintf(key, sizeof(key), "%u", below(10));
	switch (below(12)) {
	case 0:
	case 1:
		STELE("create", region, "--table", declaration);
		break;
	case 2:
		STELE("drop", name);
		break;
	case 3:
		snprintf(word, sizeof(word), "x%u: u16 default %u", below(3), below(100));
		STELE("alter", name, "--add", word);
		break;
	case 4:
		STELE("alter", name, "--rename", below(2) ? "a=b" : "b=a");
		break;
	case 5:
		STELE("alter", name, "--force", "--to", declaration);
		break;
	case 6:
		snprintf(word, sizeof(word), "-%u", 1 + below(3));
		STELE("rollback", region, "--to", word);
		break;
	case 7:
		STELE("delete", name, key);
		break;
	default:
		snprintf(word, sizeof(word), "%s=%u", below(4) ? "a" : "v", below(1000));
		STELE("set", name, key, word);
	}
}

/* Compares each version of the copy that is kept with the one that its message names. */
static void expect_equal_at_each_mark(void)
{
	char *at = STELE("log", "-L", "60", "-f", "ndjson", copy).out;
	unsigned compared = 0, version, there;
	char here[32], token[32];

	for (; *at; at += strcspn(at, "\n") + 1) {
		char *message = strstr(at, "\"message\": \"");

		if (sscanf(at, "{\"version\": %u", &version) != 1 || !message ||
		    sscanf(message, "\"message\": \"%u@", &there) != 1)
			continue;
		snprintf(here, sizeof(here), "%u", version);
		snprintf(token, sizeof(token), "%u", there);
		if (STELE("diff", region, "0", token).status != 0)
			continue; /* history does not hold it any more */
		cr_assert(strcmp(content(copy, here), content(region, token)) == 0,
		          "seed %d: version %s of the copy:\n%s\nversion %s of the source:\n%s",
		          SEED, here, content(copy, here), token, content(region, token));
		compared++;
	}
	cr_expect(compared > 5, "only %u versions were compared", compared);
}

Test(output_replicate, a_copy_has_the_tables_of_its_source_at_each_mark)
{
	struct pipe_line line;
	char *token = NULL;

	for (int round = 0; round < 8; round++) {
		start_pipe(&line, round % 3 ? token : NULL);
		for (unsigned step = 0; step < 5; step++) {
			for (unsigned i = 1 + below(3); i > 0; i--)
				change_tables_randomly();
			await_same();
		}
		kill_side(&line, round % 2);
		for (unsigned i = below(4); i > 0; i--)
			change_tables_randomly();
		token = *last_token() ? cli_text(last_token()) : NULL;
	}
	expect_equal_at_each_mark();
}

/* The region of the watch is removed and made again: all rows follow, and others go. */
Test(output_replicate, a_copy_follows_a_region_that_is_made_again)
{
	struct pipe_line line;

	start_pipe(&line, NULL);
	await_equal();
	EXPECT_STATUS(STELE("rm", region), 0);
	EXPECT_STATUS(STELE("create", region, "--table", ROUTES), 0);
	EXPECT_STATUS(STELE("set", target, "10.7.0.0/16", "next_hop=192.0.2.1", "interface=x",
	                    "metric=1"),
	              0);
	await_equal();
	kill_side(&line, true);
}
