/* SPDX-License-Identifier: MIT
 *
 * Version numbers that were kept while the region was created anew. Both regions reach the same
 * versions, with different rows, so a number alone can't tell them apart. It is refused in options
 * for kept versions, and a token of the first region is distinguished from the second region's
 * versions. Also conditions, whose operands are tokens: --if-head, --if-version, --if-absent, and
 * the members of apply. */
#include "tests/support/cli.h"

static char *kept; /* token of version 2 of the first region */

/* Creates the first region, keeps its token, and creates the second one. The second region is at
 * version 4, and has one row only. */
static void begin(void)
{
	cli_begin_routes();
	kept = cli_token(2);
	EXPECT_STATUS(STELE("rm", region), 0);
	EXPECT_STATUS(STELE("create", region, "--table", ROUTES), 0);
	EXPECT_STATUS(STELE("set", target, "10.7.0.0/16", "next_hop=192.0.2.7", "interface=a",
	                    "metric=1"),
	              0);
	EXPECT_STATUS(STELE("set", target, "10.7.0.0/16", "metric=2"), 0);
	EXPECT_STATUS(STELE("set", target, "10.7.0.0/16", "metric=3"), 0);
}

TestSuite(cli_token, .init = begin, .fini = cli_end);

/* Checks that a bare number is refused, with the token to write if it means a version of the
 * present region. */
#define EXPECT_REFUSED(result, option) \
	EXPECT_FAILURE(result, 2, \
	               option ": version 2 is ambiguous without the UUID of its region", \
	               cli_written())

static char *cli_written(void)
{
	char text[64];

	snprintf(text, sizeof(text), "write 2@%.8s\n", cli_uuid());
	return cli_text(text);
}

Test(cli_token, fault_34_watch_since)
{
	struct cli_result result;

	result = STELE("watch", "--since", kept, "--timeout", "0", "--format", "ndjson", region);
	EXPECT_STATUS(result, 0);
	cli_plain(result.out);
	EXPECT_TEXT(
		result.out,
		"{\"version\": 4, \"change\": \"gap\", \"table\": null, \"row\": "
		"{\"all\": true}, \"before\": null}\n"
		"{\"version\": 4, \"change\": \"created\", \"table\": \"routes\", \"row\": "
		"{\"schema\": \"" ROUTES "\"}, \"before\": null}\n"
		"{\"version\": 4, \"change\": \"added\", \"table\": \"routes\", \"row\": "
		"{\"prefix\": \"10.7.0.0/16\", \"next_hop\": \"192.0.2.7\", \"interface\": \"a\", "
		"\"metric\": 3}, \"before\": null}\n"
		"{\"version\": 4, \"change\": \"initial_end\", \"table\": null, \"row\": null, "
		"\"before\": null}\n");
	EXPECT_REFUSED(STELE("watch", "--since", "2", "--timeout", "0", region), "--since");
	result = STELE("watch", "--since", cli_token(2), "--timeout", "0", "-f", "ndjson", region);
	EXPECT_STATUS(result, 0);
	EXPECT_HAS(result.out, "\"change\": \"changed\"");
	/* The time before the first version is the same in all regions. */
	EXPECT_STATUS(STELE("watch", "--since", "0", "--timeout", "0", region), 0);
}

Test(cli_token, fault_34_trace_since)
{
	char line[128];
	struct cli_result result = STELE("trace", "--since", kept, "--count", "4", region);

	EXPECT_STATUS(result, 0);
	snprintf(
		line, sizeof(line),
		"{\"event\": \"replaced\", \"region\": \"%s\", \"format\": 1}\n{\"event\": \"commit\", \"version\": 1, ",
		cli_uuid());
	cr_expect(strncmp(result.out, line, strlen(line)) == 0, "%s", result.out);
	EXPECT_REFUSED(STELE("trace", "--since", "2", region), "--since");
	EXPECT_HAS(STELE("trace", "--since", cli_token(2), "--count", "1", region).out,
	           "{\"event\": \"commit\", \"version\": 3, ");
}

Test(cli_token, fault_34_conditions)
{
	static const char csv[] = "prefix,next_hop,interface,metric\n";
	const char *before;
	char line[256];

	before = cli_dump();
	EXPECT_FAILURE(STELE("set", "--if-version", kept, target, "10.7.0.0/16", "metric=9"), 10,
	               "belongs to another region", cli_uuid());
	EXPECT_FAILURE(STELE("delete", "--if-version", kept, target, "10.7.0.0/16"), 10,
	               "belongs to another region");
	EXPECT_FAILURE(STELE("set", "--if-head", kept, target, "10.7.0.0/16", "metric=9"), 10,
	               "--if-head: ", "belongs to another region");
	EXPECT_FAILURE(STELE_WITH(csv, "publish", "--if-head", kept, target, "-"), 10,
	               "belongs to another region");
	EXPECT_FAILURE(STELE("rollback", "--to", "2", "--if-head", kept, region), 10,
	               "belongs to another region");
	snprintf(
		line, sizeof(line),
		"{\"table\": \"routes\", \"delete\": {\"prefix\": \"10.7.0.0/16\"}, \"if_version\": "
		"\"%s\"}\n",
		kept);
	EXPECT_FAILURE(STELE_WITH(line, "apply", region, "-"), 10,
	               "standard input:1: \"if_version\": ", "belongs to another region");
	EXPECT_REFUSED(STELE("set", "--if-version", "2", target, "10.7.0.0/16", "metric=9"),
	               "--if-version");
	EXPECT_REFUSED(STELE("set", "--if-head", "2", target, "10.7.0.0/16", "metric=9"),
	               "--if-head");
	EXPECT_REFUSED(STELE_WITH("{\"table\": \"routes\", \"delete\": {\"prefix\": "
	                          "\"10.7.0.0/16\"}, \"if_version\": 2}\n",
	                          "apply", region, "-"),
	               "standard input:1: \"if_version\"");
	EXPECT_TEXT(cli_dump(), before);
	EXPECT_FAILURE(STELE("set", "--if-head", "0", target, "10.7.0.0/16", "metric=9"), 10,
	               "not at version 0");
	EXPECT_STATUS(STELE("set", "--if-head", cli_token(4), "--if-version", cli_token(4), target,
	                    "10.7.0.0/16", "metric=9"),
	              0);
}

/* These commands accept a bare number, which is a version of the present region. */
Test(cli_token, fault_34_reading_and_rollback)
{
	const char *before = cli_dump();

	EXPECT_FAILURE(STELE("diff", region, kept, "3"), 3, "FROM: ", "belongs to another region");
	EXPECT_FAILURE(STELE("diff", region, "2", kept), 3, "TO: ", "belongs to another region");
	EXPECT_FAILURE(STELE("get", "--version", kept, target, "10.7.0.0/16"), 3,
	               "--version: ", "belongs to another region");
	EXPECT_FAILURE(STELE("lookup", "--version", kept, target, "10.7.0.1"), 3,
	               "belongs to another region");
	EXPECT_FAILURE(STELE("dump", "--version", kept, target), 3, "belongs to another region");
	EXPECT_FAILURE(STELE("explain", "--version", kept, target, "10.7.0.0/16"), 3,
	               "belongs to another region");
	EXPECT_FAILURE(STELE("rollback", "--to", kept, region), 3,
	               "--to: ", "belongs to another region");
	EXPECT_TEXT(cli_dump(), before);
	EXPECT_TEXT(STELE("diff", region, cli_token(2), cli_token(3)).out,
	            STELE("diff", region, "2", "3").out);
	EXPECT_HAS(STELE("get", "-f", "csv", "--version", cli_token(2), target, "10.7.0.0/16").out,
	           ",1\n");
	EXPECT_HAS(STELE("get", "-f", "csv", "--version", "2", target, "10.7.0.0/16").out, ",1\n");
	EXPECT_STATUS(STELE("rollback", "--to", cli_token(2), region), 0);
	EXPECT_STATUS(STELE("rollback", "--to", "3", region), 0);
}

/* A loaded region continues from the same version, but it is another region. */
Test(cli_token, fault_34_a_loaded_region)
{
	char *token = cli_token(4), file[64];
	struct cli_result result;

	snprintf(file, sizeof(file), "/tmp/%s.stele", region);
	EXPECT_STATUS(STELE("save", region, file), 0);
	EXPECT_STATUS(STELE("set", target, "10.7.0.0/16", "metric=5"), 0);
	EXPECT_STATUS(STELE("rm", region), 0);
	/* The file counts as the region from which it was saved. */
	EXPECT_STATUS(STELE("diff", file, "2", token), 0);
	EXPECT_STATUS(STELE("load", file, region), 0);
	result = STELE("watch", "--since", token, "--timeout", "0", "-f", "ndjson", region);
	EXPECT_STATUS(result, 0);
	EXPECT_HAS(result.out, "\"change\": \"gap\"");
	EXPECT_FAILURE(STELE("set", "--if-head", token, target, "10.7.0.0/16", "metric=6"), 10,
	               "belongs to another region");
	unlink(file);
}

/* A running watch also distinguishes the new region, although it reaches the same version
 * numbers. */
Test(cli_token, fault_34_a_region_made_anew_during_a_watch)
{
	struct cli_process watch;

	STELE_START(&watch, "watch", "--initial", "-f", "ndjson", region);
	EXPECT_HAS(cli_line(&watch), "\"metric\": 3}");
	kill(watch.pid, SIGSTOP);
	EXPECT_STATUS(STELE("rm", region), 0);
	EXPECT_STATUS(STELE("create", region, "--table", ROUTES), 0);
	for (int i = 2; i < 7; i++) {
		char metric[32];

		snprintf(metric, sizeof(metric), "metric=%d", 10 + i);
		EXPECT_STATUS(STELE("set", target, "10.8.0.0/16", "next_hop=192.0.2.7",
		                    "interface=b", metric),
		              0);
	}
	kill(watch.pid, SIGCONT);
	EXPECT_HAS(cli_line(&watch), "{\"version\": 6, \"change\": \"gap\"");
	EXPECT_HAS(cli_line(&watch), cli_token(6));
	kill(watch.pid, SIGTERM);
	cr_expect(cli_wait(&watch) == 0);
}

/* Returns the text that follows the last `mark` in the output, up to the next `end`. */
static char *printed(const char *text, const char *mark, const char *end)
{
	const char *at = strstr(text, mark), *next;
	char *token;

	cr_assert(at, "no %s in: %s", mark, text);
	while ((next = strstr(at + 1, mark)) != NULL)
		at = next;
	at += strlen(mark);
	token = strndup(at, strcspn(at, end));
	at = cli_text(token);
	free(token);
	return (char *)(uintptr_t)at;
}

Test(cli_token, printed_tokens_are_accepted)
{
	char *json[] = {
		STELE("show", "-f", "json", region).out,
		STELE("log", "-L", "1", "-f", "json", region).out,
		STELE("watch", "--since", "0", "--timeout", "0", "-f", "ndjson", region).out,
		STELE("trace", "--since", "0", "--count", "4", region).out,
		STELE("diff", "-f", "ndjson", region, "3", "4").out,
	};
	char *token = printed(STELE("show", region).out, "token               ", "\n");

	EXPECT_TEXT(token, cli_token(4));
	for (size_t i = 0; i < sizeof(json) / sizeof(json[0]); i++)
		EXPECT_TEXT(printed(json[i], "\"token\": \"", "\""), token);
	token = printed(STELE("watch", "--since", "0", "--timeout", "0", "--exec",
	                      "echo \"token $STELE_TOKEN\"", region)
	                        .out,
	                "token ", "\n");
	EXPECT_TEXT(token, cli_token(4));
	for (int i = 0; i < 3; i++) {
		struct cli_result result;

		snprintf(json[0] = malloc(32), 32, "metric=%d", 20 + i);
		result = STELE("set", "--if-head", token, target, "10.7.0.0/16", json[0]);
		free(json[0]);
		EXPECT_STATUS(result, 0);
		token = printed(result.out, "version ", " ");
	}
	/* The table format is for people, and omits the token. */
	EXPECT_HAS_NOT(STELE("log", region).out, "token");
	EXPECT_HAS_NOT(STELE("diff", region, "3", "4").out, "token");
}

Test(cli_token, malformed_tokens_are_refused)
{
	static const char *const wrong[] = {
		"4@",
		"@3f2a9c1e",
		"4@3f2a9c1",
		"4@3f2a9c1g",
		"4@-3f2a9c1",
		"-4@3f2a9c1e",
		"4 @3f2a9c1e",
		"4@3f2a9c1e ",
		"4x",
		"",
		"18446744073709551616@3f2a9c1e",
		"4@00000000-0000-0000-0000-0000000000000",
	};
	char text[64];

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		snprintf(text, sizeof(text), "--if-head=%s", wrong[i]);
		EXPECT_FAILURE(STELE("set", text, target, "10.7.0.0/16", "metric=9"), 2,
		               "--if-head: invalid value",
		               "expected a version number of at least 0", "such as 7@3f2a9c1e");
	}
	for (int digits = 8; digits <= 36; digits++) {
		snprintf(text, sizeof(text), "4@%.*s", digits, cli_uuid());
		for (char *at = text; digits % 2 && *at; at++)
			*at = (char)(*at >= 'a' ? *at - 'a' + 'A' : *at);
		EXPECT_STATUS(STELE("diff", region, "3", text), 0);
	}
}

/* The publisher file stays if the data file was removed by hand, or if a removal was
 * interrupted. */
Test(cli_token, fault_34_a_publisher_file_that_was_left)
{
	char path[512], uuid[64];

	snprintf(path, sizeof(path), "/dev/shm/stele.%s", region);
	snprintf(uuid, sizeof(uuid), "%s", cli_uuid());
	cr_assert_eq(unlink(path), 0, "%s", path);
	EXPECT_STATUS(STELE("create", region, "--table", ROUTES), 0);
	cr_expect_str_neq(cli_uuid(), uuid);
}

/* ---- conditions ---- */

TestSuite(cli_condition, .init = cli_begin_routes, .fini = cli_end);

Test(cli_condition, set_and_delete_honour_conditions)
{
	const char *before = cli_dump();

	EXPECT_FAILURE(STELE("set", "--if-absent", target, "10.0.0.0/8", "metric=1"), 10,
	               "at version 2, but expected to be absent");
	EXPECT_FAILURE(
		STELE("set", cli_option("--if-version", 1), target, "10.0.0.0/8", "metric=1"), 10,
		"is at version 2, not at version 1");
	EXPECT_FAILURE(
		STELE("set", cli_option("--if-version", 1), target, "10.9.0.0/16", "metric=1"), 10,
		"is not there, but expected at version 1");
	EXPECT_FAILURE(STELE("delete", "--if-version", cli_token(1), target, "10.0.0.0/8"), 10,
	               "is at version 2, not at version 1");
	EXPECT_FAILURE(STELE("set", "--if-version=0", target, "10.0.0.0/8", "metric=1"), 2,
	               "--if-version");
	EXPECT_FAILURE(STELE("set", cli_option("--if-version", 2), "--if-absent", target,
	                     "10.0.0.0/8", "metric=1"),
	               2, "expected one of them, once");
	EXPECT_STATUS(STELE("delete", "--if-absent", target, "10.0.0.0/8"), 2);
	EXPECT_TEXT(cli_dump(), before);
	expect_done(STELE("set", cli_option("--if-version", 2), target, "10.0.0.0/8", "metric=1"),
	            "routes: version 3 (0 added, 1 changed, 0 removed)\n");
	expect_done(STELE("set", "--if-absent", target, "10.9.0.0/16", "metric=1",
	                  "next_hop=192.0.2.1", "interface=eth0"),
	            "routes: version 4 (1 added, 0 changed, 0 removed)\n");
	EXPECT_FAILURE(
		STELE("delete", cli_option("--if-version", 3), target, "10.0.0.0/8", "10.9.0.0/16"),
		10, "is at version 4, not at version 3");
	expect_done(STELE("delete", cli_option("--if-version", 3), target, "10.0.0.0/8"),
	            "routes: version 5 (0 added, 0 changed, 1 removed)\n");
}

Test(cli_condition, if_head_compares_the_newest_version)
{
	static const char line[] =
		"{\"table\": \"routes\", \"delete\": {\"prefix\": \"10.0.0.0/8\"}}\n";
	static const char csv[] = "prefix,next_hop,interface,metric\n";
	const char *before = cli_dump();

	EXPECT_FAILURE(STELE("set", cli_option("--if-head", 1), target, "10.0.0.0/8", "metric=1"),
	               10, "is at version 2, not at version 1");
	EXPECT_FAILURE(STELE("delete", cli_option("--if-head", 3), target, "10.0.0.0/8"), 10,
	               "not at version 3");
	EXPECT_FAILURE(STELE_WITH(line, "apply", "--if-head=0", region, "-"), 10,
	               "not at version 0");
	EXPECT_FAILURE(STELE_WITH(csv, "publish", cli_option("--if-head", 1), target, "-"), 10,
	               "not at version 1");
	EXPECT_FAILURE(STELE("publish", "--kernel-routes", cli_option("--if-head", 1), region), 2,
	               "--if-head");
	EXPECT_FAILURE(STELE("set", "--if-head=4x", target, "10.0.0.0/8", "metric=1"), 2,
	               "--if-head");
	EXPECT_TEXT(cli_dump(), before);
	EXPECT_STATUS(STELE("set", cli_option("--if-head", 2), target, "10.0.0.0/8", "metric=1"),
	              0);
	EXPECT_STATUS(STELE("delete", cli_option("--if-head", 3), target, "0.0.0.0/0"), 0);
	EXPECT_STATUS(STELE_WITH(line, "apply", cli_option("--if-head", 4), region, "-"), 0);
	EXPECT_STATUS(STELE_WITH(csv, "publish", "--allow-empty", cli_option("--if-head", 5),
	                         target, "-"),
	              0);
}

#define PUT(condition) \
	"{\"table\": \"routes\", \"put\": {\"prefix\": \"10.0.0.0/8\", \"metric\": 1}, " condition \
	"}\n"
#define DELETE(condition) \
	"{\"table\": \"routes\", \"delete\": {\"prefix\": \"10.0.0.0/8\"}, " condition "}\n"

Test(cli_condition, apply_honours_conditions)
{
	static const struct {
		const char *line;
		int status;
		const char *part;
	} wrong[] = {
		{PUT("\"if_version\": \"1@%s\""), 10, "is at version 2, not at version 1"},
		{PUT("\"if_absent\": true"), 10, "expected to be absent"},
		{DELETE("\"if_version\": \"3@%s\""), 10, "is at version 2, not at version 3"},
		{PUT("\"if_version\": 0"), 2, "if_version"},
		{PUT("\"if_version\": \"2\""), 2, "if_version"},
		{PUT("\"if_absent\": false"), 2, "if_absent"},
		{PUT("\"if_absent\": true, \"if_version\": \"2@%s\""), 2, "if_absent"},
		{DELETE("\"if_absent\": true"), 2, "if_absent"},
		{PUT("\"if\": 2"), 2, "expected no other members"},
	};
	const char *before = cli_dump();
	char changes[512];

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char line[256], input[512];

		snprintf(line, sizeof(line), wrong[i].line, cli_uuid());
		snprintf(input, sizeof(input),
		         "{\"table\": \"routes\", \"delete\": {\"prefix\": \"0.0.0.0/0\"}}\n%s",
		         line);
		EXPECT_FAILURE(STELE_WITH(input, "apply", region, "-"), wrong[i].status,
		               "standard input:2: ", wrong[i].part);
		EXPECT_TEXT(cli_dump(), before);
	}
	/* A row that an earlier line has changed has the version that is being made. */
	snprintf(changes, sizeof(changes),
	         PUT("\"if_version\": \"2@%s\"") DELETE("\"if_version\": \"3@%s\""), cli_uuid(),
	         cli_uuid());
	EXPECT_STATUS(STELE_WITH(changes, "apply", region, "-"), 0);
	EXPECT_HAS_NOT(cli_dump(), "10.0.0.0/8");
}
