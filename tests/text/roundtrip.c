/* SPDX-License-Identifier: MIT
 *
 * Rows with the extremes of every type, dumped in each format, through another reader of the
 * format, and published again: nothing changes. */
#include <sys/mman.h>

#include "tests/support/cli.h"

TestSuite(text_roundtrip, .init = cli_begin, .fini = cli_end, .timeout = 120);

#define DECLARATION \
	"t(id: u16 key, u: u64, i: i64, f: f64, g: f64, b: bool, n: time, a: ipv4, s: ipv6, " \
	"p: ipv4net, q: ipv6net, m: mac, w: uuid, c: char[9], e: u8 enum(up=1, down=2), " \
	"x: u64[3], rest: text)"

/* Text with quotation marks, codes of bytes, control characters, and bytes that are not UTF-8. */
static const char rows[] =
	"id,u,i,f,g,b,n,a,s,p,q,m,w,c,e,x,rest\n"
	"0,0,-9223372036854775808,-inf,5e-324,false,0,0.0.0.0,::,0.0.0.0/0,::/0,"
	"00:00:00:00:00:00,00000000-0000-0000-0000-000000000000,,up,0 0 0,\n"
	"1,18446744073709551615,9223372036854775807,inf,1.7976931348623157e+308,true,"
	"18446744073709551615,255.255.255.255,ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff,"
	"255.255.255.255/32,2001:db8::/32,ff:ff:ff:ff:ff:ff,"
	"ffffffff-ffff-ffff-ffff-ffffffffffff,\"\\xff\\x01 \"\"\\\",down,"
	"18446744073709551615 9007199254740993 9007199254740991,\" \\x5cx41 \\x1b,\n\t\\xed \"\n"
	"2,9007199254740992,-9007199254740992,nan,-0.0,true,@0.000000001,1.2.3.4,::1,1.0.0.0/8,::/1,"
	"00:00:00:00:00:01,00000000-0000-0000-0000-000000000001,é,1,1 2 3,\\\\x41\n"
	"3,9007199254740991,-9007199254740991,0.1,9007199254740993,true,@0.000000001,1.2.3.4,::1,1.0.0.0/8,"
	"::/1,00:00:00:00:00:01,00000000-0000-0000-0000-000000000001,é,2,1 2 3,\\u0041\n"
	"4,1,1,nan(0x7ff8000000000001),-nan,true,@0.000000001,1.2.3.4,::1,1.0.0.0/8,"
	"::/1,00:00:00:00:00:01,00000000-0000-0000-0000-000000000001,\" a \",2,1 2 3,\" \t\"\n"
	"5,1,1,nan(0xfff4000000000000),1,true,@0.000000001,1.2.3.4,::1,1.0.0.0/8,"
	"::/1,00:00:00:00:00:01,00000000-0000-0000-0000-000000000001,\"  \",2,1 2 3,\"\"\n";

/* Returns what a shell command prints for this input; NULL if its program is not installed. */
static char *filter(const char *program, const char *command, const char *input)
{
	char *arguments[] = {"sh", "-c", NULL, NULL};
	int in = memfd_create("in", 0), out = memfd_create("out", 0), status;
	pid_t child;

	cr_assert(asprintf(&arguments[2], "command -v %s >/dev/null || exit 99; %s", program,
	                   command) > 0);
	cr_assert(in >= 0 && out >= 0);
	cr_assert_eq(pwrite(in, input, strlen(input), 0), (ssize_t)strlen(input));
	child = fork();
	if (child == 0) {
		dup2(in, 0);
		dup2(out, 1);
		execvp("sh", arguments);
		_exit(127);
	}
	cr_assert_eq(waitpid(child, &status, 0), child);
	close(in);
	free(arguments[2]);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 99) {
		close(out);
		return NULL;
	}
	cr_expect_eq(status, 0, "%s", command);
	return cli_read_all(out);
}

static const char *make_rows(void)
{
	static char name[sizeof(region) + 2];

	snprintf(name, sizeof(name), "%s/t", region);
	EXPECT_STATUS(STELE("create", region, "--table", DECLARATION), 0);
	expect_done(STELE_WITH(rows, "publish", name, "-"),
	            "t: version 2 (6 added, 0 changed, 0 removed, 0 unchanged)\n");
	return name;
}

Test(text_roundtrip, each_format)
{
	const char *table = make_rows();
	struct cli_result csv = STELE("dump", "-f", "csv", table);

	expect_done(STELE_WITH(csv.out, "publish", table, "-"), "t: nothing changed, version 2\n");
	expect_done(STELE_WITH(STELE("dump", "-f", "ndjson", table).out, "publish", "-f", "ndjson",
	                       table, "-"),
	            "t: nothing changed, version 2\n");
	EXPECT_HAS(csv.out, "\\x5cx41");
}

/* Publishes what another reader of JSON makes of the rows. */
static void expect_unchanged_by(const char *program, const char *command)
{
	const char *table = make_rows();
	struct cli_result json = STELE("dump", "-f", "json", table);
	char *text = filter(program, command, json.out);

	if (!text)
		cr_skip_test("there is no %s", program);
	expect_done(STELE_WITH(text, "publish", "-f", "ndjson", table, "-"),
	            "t: nothing changed, version 2\n");
}

/* The numbers of jq are doubles before release 1.7. */
Test(text_roundtrip, through_jq)
{
	expect_unchanged_by("jq", "jq -c '.[]'");
}

/* Publishes what Python makes of a file of CSV, which leaves out quotation marks around spaces. */
static void expect_python_csv_unchanged(const char *table)
{
	struct cli_result csv = STELE("dump", "-f", "csv", table);
	char *text = filter("python3",
	                    "python3 -c 'import csv,sys,io\n"
	                    "text = sys.stdin.buffer.read().decode()\n"
	                    "rows = list(csv.reader(io.StringIO(text, newline=\"\")))\n"
	                    "out = io.StringIO(newline=\"\")\n"
	                    "csv.writer(out).writerows(rows)\n"
	                    "sys.stdout.buffer.write(out.getvalue().encode())'",
	                    csv.out);

	if (!text)
		cr_skip_test("there is no python3");
	expect_done(STELE_WITH(text, "publish", table, "-"), "t: nothing changed, version 2\n");
}

Test(text_roundtrip, through_python_csv)
{
	expect_python_csv_unchanged(make_rows());
}

/* A line of spaces is a row, where the only column is text. */
Test(text_roundtrip, one_column_of_spaces_through_python_csv)
{
	char name[80];

	snprintf(name, sizeof(name), "%s/t", region);
	EXPECT_STATUS(STELE("create", region, "--table", "t(name: text key)"), 0);
	expect_done(STELE_WITH("name\n\" \"\n\"\"\n\n\"a \"\n\"\t\"\n", "publish", name, "-"),
	            "t: version 2 (4 added, 0 changed, 0 removed, 0 unchanged)\n");
	expect_python_csv_unchanged(name);
}

/* A reader that makes each integer a double. */
Test(text_roundtrip, through_a_reader_with_doubles)
{
	expect_unchanged_by("python3",
	                    "python3 -c 'import json,sys\n"
	                    "for row in json.load(sys.stdin, parse_int=lambda s: int(float(s))):\n"
	                    "    print(json.dumps(row))'");
}

Test(text_roundtrip, numbers_beyond_doubles_are_strings)
{
	struct cli_result json = STELE("dump", "-f", "json", make_rows());

	EXPECT_HAS(json.out, "\"u\": \"18446744073709551615\"");
	EXPECT_HAS(json.out, "\"u\": 9007199254740991,");
	EXPECT_HAS(json.out, "\"i\": \"-9007199254740992\"");
	EXPECT_HAS(json.out,
	           "\"x\": [\"18446744073709551615\", \"9007199254740993\", 9007199254740991]");
}
