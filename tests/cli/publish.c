/* SPDX-License-Identifier: MIT
 *
 * stele publish: the input that it accepts, what it reports, and that it changes nothing if a row
 * is wrong. */
#include "tests/support/cli.h"

TestSuite(cli_publish, .init = cli_begin_routes, .fini = cli_end);

#define NAMES        "prefix,next_hop,interface,metric\n"
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

Test(cli_publish, reports_the_numbers_of_changes)
{
	expect_done(STELE_WITH(NAMES "0.0.0.0/0,192.0.2.1,eth0,100\n"
	                             "10.0.0.0/8,192.0.2.2,eth1,21\n"
	                             "10.2.0.0/16,192.0.2.3,eth1,5\n",
	                       "publish", target, "-"),
	            "routes: version 3 (1 added, 1 changed, 1 removed, 1 unchanged)\n");
	EXPECT_TEXT(STELE("dump", "--format", "csv", target).out,
	            NAMES "0.0.0.0/0,192.0.2.1,eth0,100\n"
	                  "10.0.0.0/8,192.0.2.2,eth1,21\n"
	                  "10.2.0.0/16,192.0.2.3,eth1,5\n");
}

/* The table has three rows. This file adds one, changes one, and removes two. */
#define HALF NAMES "0.0.0.0/0,192.0.2.9,eth0,100\n10.2.0.0/16,192.0.2.3,eth1,5\n"

Test(cli_publish, max_removed_refuses_a_file_that_removes_more)
{
	static const char *const refused[] = {"0", "1", "0%", "66%"};
	const char *before = cli_dump();

	for (size_t i = 0; i < COUNT(refused); i++) {
		EXPECT_FAILURE(STELE_WITH(HALF, "publish", "--max-removed", (char *)refused[i],
		                          target, "-"),
		               9, "standard input would remove 2 of the 3 rows of table \"routes\"",
		               refused[i], "nothing was changed");
		EXPECT_TEXT(cli_dump(), before);
	}
	EXPECT_FAILURE(STELE_WITH(HALF, "publish", "--max-removed", "101%", target, "-"), 2,
	               "--max-removed: ", "101");
	EXPECT_FAILURE(STELE_WITH(HALF, "publish", "--max-removed", "%", target, "-"), 2,
	               "--max-removed: ");
	/* The check is not asked. */
	EXPECT_FAILURE(
		STELE_WITH(HALF, "publish", "--max-removed", "1", "--check", "exit 1", target, "-"),
		9, "would remove 2");
	EXPECT_STATUS(STELE_WITH(HALF, "publish", "--max-removed", "67%", target, "-"), 0);
	EXPECT_STATUS(STELE("rollback", region, "--to", "2"), 0);
	EXPECT_STATUS(STELE_WITH(HALF, "publish", "--max-removed", "2", target, "-"), 0);
	/* A part of an empty table is no row, which a file that only adds does not exceed. */
	EXPECT_STATUS(STELE_WITH(NAMES, "publish", "--allow-empty", target, "-"), 0);
	EXPECT_STATUS(STELE_WITH(HALF, "publish", "--max-removed", "0%", target, "-"), 0);
}

Test(cli_publish, dry_run_prints_what_diff_prints_afterwards)
{
	const char *before = cli_dump();
	struct cli_result dry = STELE_WITH(HALF, "publish", "--dry-run", target, "-");

	EXPECT_STATUS(dry, 0);
	EXPECT_TEXT(dry.err, "");
	EXPECT_HAS(dry.out, "+");
	EXPECT_TEXT(cli_dump(), before);
	EXPECT_HAS(STELE("show", region).out, "version=2 ");
	EXPECT_STATUS(STELE_WITH(HALF, "publish", target, "-"), 0);
	EXPECT_TEXT(STELE("diff", target, "2", "3").out, dry.out);
	/* A refusal is reported after the changes. */
	dry = STELE_WITH(NAMES, "publish", "-n", target, "-");
	EXPECT_STATUS(dry, 2);
	EXPECT_HAS(dry.err, "--allow-empty");
	EXPECT_HAS(dry.out, "10.2.0.0/16");
	dry = STELE_WITH(HALF, "publish", "-n", "--kernel-routes", region);
	EXPECT_STATUS(dry, 2);
}

/* A dry run merges sorted rows with those of the table: the orders and the values are the same for
 * keys and values of all kinds. */
Test(cli_publish, dry_run_knows_the_order_of_keys)
{
	static const char *const cases[][3] = {
		{"t(a: i32 key, b: text)", "a,b\n-5,x\n-1,y\n0,\n7,z\n2147483647,q\n",
	         "a,b\n7,z\n-2147483648,n\n-1,other\n0,\n300,w\n"},
		{"t(a: u8 key, b: char[4] key, c: f64)", "a,b,c\n1,x,1.5\n1,xy,2\n2,,-3\n",
	         "a,b,c\n2,,-3\n1,xyz,4\n1,xy,2.5\n0,abcd,0\n"},
		{"t(a: text key, b: char[8], c: u16)", "a,b,c\na,x,1\naa,x,2\nab,x,3\nb,x,4\n",
	         "a,b,c\nb,x,5\nab,x,3\nabc,y,6\naa,longer,2\n"},
		{"t(a: ipv6net key, b: bool)",
	         "a,b\n::/0,true\n2001:db8::/32,true\n2001:db8::/33,true\n",
	         "a,b\n2001:db8::/33,true\n2001:db8:8000::/33,true\n2001:db8::/31,true\n::/0,false\n"},
		{"t(a: f64 key)", "a\n-1.5\n2\n1e300\n", "a\n1e300\n-2\n-1.5\n0\n"},
	};

	snprintf(target, sizeof(target), "%s/t", region);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cli_result dry;

		EXPECT_STATUS(STELE("rm", region), 0);
		EXPECT_STATUS(STELE("create", region, "--table", (char *)(uintptr_t)cases[i][0]),
		              0);
		for (int side = 1; side <= 2; side++) {
			dry = STELE_WITH(cases[i][side], "publish", "--dry-run", target, "-");
			EXPECT_STATUS(dry, 0);
			EXPECT_STATUS(STELE_WITH(cases[i][side], "publish", target, "-"), 0);
			EXPECT_TEXT(dry.out, STELE("diff", target).out);
		}
	}
}

Test(cli_publish, publishing_a_dump_changes_nothing)
{
	struct cli_result csv = STELE("dump", "--format", "csv", target);
	struct cli_result ndjson = STELE("dump", "--format", "ndjson", target);

	expect_done(STELE_WITH(csv.out, "publish", target, "-"),
	            "routes: nothing changed, version 2\n");
	expect_done(STELE_WITH(ndjson.out, "publish", "--format", "ndjson", target, "-"),
	            "routes: nothing changed, version 2\n");
}

Test(cli_publish, accepts_columns_in_any_order_quotes_marks_and_carriage_returns)
{
	expect_done(STELE_WITH("\xef\xbb\xbf"
	                       "metric, interface ,prefix,next_hop\r\n"
	                       "100,\"eth0\",0.0.0.0/0,192.0.2.1\r\n"
	                       "\r\n"
	                       "20,eth1, \"10.0.0.0/8\" ,192.0.2.2\r\n"
	                       "5,\"a \"\"b\"\",\nc\",10.1.0.0/16,192.0.2.3\r\n",
	                       "publish", target, "-"),
	            "routes: version 3 (0 added, 1 changed, 0 removed, 2 unchanged)\n");
	EXPECT_HAS(STELE("get", "--format", "json", target, "10.1.0.0/16").out,
	           "\"interface\": \"a \\\"b\\\",\\nc\"");
}

Test(cli_publish, chooses_the_format_by_the_file_name)
{
	char name[64];

	cli_temporary(
		name, ".ndjson",
		"{\"prefix\": \"10.9.0.0/16\", \"next_hop\": \"192.0.2.9\", \"interface\": \"x\", "
		"\"metric\": 7}\n\n"
		"{\"metric\": \"8\", \"prefix\": \"10.8.0.0/16\", \"next_hop\": \"192.0.2.8\", "
		"\"interface\": \"\"}\n");
	expect_done(STELE("publish", "--message", "from a file", target, name),
	            "routes: version 3 (2 added, 0 changed, 3 removed, 0 unchanged)\n");
	EXPECT_HAS(STELE("show", region).out, "message=\"from a file\"");
	EXPECT_HAS(STELE("publish", "--format", "csv", target, name).err, ":1: ");
	unlink(name);
}

/* Each error is one line with the place, the column, the expected form and the text found. */
Test(cli_publish, refuses_wrong_rows_and_changes_nothing)
{
	static const struct {
		const char *input, *place, *what, *also;
	} wrong[] = {
		{NAMES "10.0.0.0/8,192.0.2.1,eth0,5\n10.2.0.0/16,nowhere,eth0,5\n",
	         "standard input:3: ", "column \"next_hop\": ", "nowhere"},
		{NAMES "10.0.0.0/8,192.0.2.1,eth0,4294967296\n",
	         "standard input:2: ", "column \"metric\": ", "4294967296"},
		{NAMES "10.0.0.0/8,192.0.2.1,eth0,-1\n",
	         "standard input:2: ", "column \"metric\": ", "-1"},
		{NAMES "10.0.0.0/8,192.0.2.1,eth0,\n",
	         "standard input:2: ", "column \"metric\": ", ""},
		{NAMES "10.0.0.0/8,192.0.2.1,seventeen letters,5\n",
	         "standard input:2: ", "column \"interface\": ", "at most 16 bytes"},
		{NAMES "10.0.0.1/8,192.0.2.1,eth0,5\n",
	         "standard input:2: ", "column \"prefix\": ", "10.0.0.0/8"},
		{NAMES "10.0.0.0/33,192.0.2.1,eth0,5\n",
	         "standard input:2: ", "column \"prefix\": ", "33"},
		{NAMES "10.0.0.0/8,192.0.2.1,eth0\n", "standard input:2: ", "expected 4 fields",
	         "found 3"},
		{NAMES "10.0.0.0/8,192.0.2.1,eth0,5,6\n", "standard input:2: ", "expected 4 fields",
	         "found 5"},
		{NAMES "\"a\n\nb\",192.0.2.1,eth0,5\n",
	         "standard input:2: ", "column \"prefix\": ", ""},
		{NAMES "10.0.0.0/8,192.0.2.1,\"eth\n0\",5\n10.2.0.0/16,x,eth0,5\n",
	         "standard input:4: ", "column \"next_hop\": ", "\"x\""},
		{NAMES "10.0.0.0/8,192.0.2.1,\"eth0,5\n", "standard input:2: ", "quotation marks",
	         ""},
		{NAMES "10.0.0.0/8,192.0.2.1,e\"th0,5\n", "standard input:2: ", "quotation marks",
	         ""},
		{"prefix,next_hop,interface,metrics\n",
	         "standard input:1: ", "no column \"metrics\"", "did you mean \"metric\"?"},
		{"prefix,next_hop\n", "standard input:1: ", "missing: interface, metric", ""},
		{"prefix,metric,prefix\n", "standard input:1: ", "\"prefix\" is named twice", ""},
		{"", "standard input:1: ", "the file is empty", ""},
	};
	const char *before = cli_dump();

	for (size_t i = 0; i < COUNT(wrong); i++)
		EXPECT_FAILURE(STELE_WITH(wrong[i].input, "publish", target, "-"), 2,
		               wrong[i].place, wrong[i].what, wrong[i].also);
	EXPECT_TEXT(cli_dump(), before);
	EXPECT_HAS(STELE("show", region).out, "version             2\n");
}

Test(cli_publish, refuses_wrong_objects_and_changes_nothing)
{
	static const struct {
		const char *input, *what, *also;
	} wrong[] = {
		{"{\"prefix\": \"10.0.0.0/8\"}\n", "missing: next_hop, interface, metric", ""},
		{"{\"prefix\": \"10.0.0.0/8\", \"hop\": 1}\n", "no column \"hop\"", ""},
		{"{\"prefix\": [], \"next_hop\": 1}\n",
	         "column \"prefix\": expected a string, a number", ""},
		{"{\"prefix\": \"10.0.0.0/8\", \"prefix\": 1}\n", "duplicate", ""},
		{"[]\n", "expected one JSON object on each line", "an array begins here"},
		{"  [\n{}\n]\n", "--format json", "an array begins here"},
		{"{\"prefix\": \n", "expected one JSON object", ""},
		{"{\"prefix\": \"10.0.0.0/8\", \"next_hop\": \"192.0.2.1\", \"interface\": \"\", "
	         "\"metric\": 5.5}\n",
	         "column \"metric\": ", "5.5"},
		{"{\"prefix\": \"10.0.0.0/8\", \"next_hop\": \"192.0.2.1\", \"interface\": \"\", "
	         "\"metric\": 5.5}\n",
	         "write an integer without point and exponent", ""},
		{"{\"prefix\": \"10.0.0.0/8\", \"next_hop\": \"192.0.2.1\", \"interface\": \"\", "
	         "\"metric\": 18446744073709551616}\n",
	         "\"18446744073709551616\" (expected a number from 0 to 4294967295)", ""},
	};
	const char *before = cli_dump();

	for (size_t i = 0; i < COUNT(wrong); i++)
		EXPECT_FAILURE(
			STELE_WITH(wrong[i].input, "publish", "--format", "ndjson", target, "-"), 2,
			"standard input:1: ", wrong[i].what, wrong[i].also);
	EXPECT_TEXT(cli_dump(), before);
}

Test(cli_publish, accepts_an_exact_integer_with_a_decimal_point)
{
	static const char *const exact[] = {"1.0", "-2e3", "9007199254740991.0",
	                                    "-9007199254740991.0"};
	static const char *const wrong[] = {"9007199254740993.0", "9007199254740992.0", "1e16",
	                                    "-9007199254740993.0", "0.5"};
	char numbers[64], line[128];

	snprintf(numbers, sizeof(numbers), "%s/numbers", region);
	EXPECT_STATUS(STELE("create", region, "--table", "numbers(n: i64 key, t: time, f: f64)"),
	              0);
	for (size_t i = 0; i < COUNT(exact); i++) {
		snprintf(line, sizeof(line), "{\"n\": %s, \"t\": 0.0, \"f\": %s}\n", exact[i],
		         exact[i]);
		EXPECT_STATUS(STELE_WITH(line, "publish", "-f", "ndjson", numbers, "-"), 0);
	}
	EXPECT_HAS(STELE("dump", "-f", "csv", numbers).out, "-9007199254740991,");
	for (size_t i = 0; i < COUNT(wrong); i++) {
		snprintf(line, sizeof(line), "{\"n\": %s, \"t\": 0, \"f\": 1}\n", wrong[i]);
		EXPECT_FAILURE(STELE_WITH(line, "publish", "-f", "ndjson", numbers, "-"), 2,
		               "column \"n\": ", "write an integer without point and exponent");
		snprintf(line, sizeof(line), "{\"n\": 1, \"t\": %s, \"f\": 1}\n", wrong[i]);
		EXPECT_FAILURE(STELE_WITH(line, "publish", "-f", "ndjson", numbers, "-"), 2,
		               "column \"t\": ");
	}
	/* A column that is not of an integer type takes any number. */
	EXPECT_STATUS(STELE_WITH("{\"n\": 1, \"t\": 0, \"f\": 9007199254740993.0}\n", "publish",
	                         "-f", "ndjson", numbers, "-"),
	              0);
}

/* Other programs read the text from CSV that was published; Stele reads what it printed. */
Test(cli_publish, line_ends_of_other_systems_in_text_survive_a_round_trip)
{
	static const char rows[] = NAMES "0.0.0.0/0,192.0.2.1,\"a\r\n\"\"b\"\"\r\n\",1\n"
					 "10.0.0.0/8,192.0.2.1,a\\x0db,2\n";
	struct cli_result dump;

	EXPECT_STATUS(STELE_WITH(rows, "publish", target, "-"), 0);
	dump = STELE("dump", "-f", "csv", target);
	EXPECT_TEXT(dump.out, rows);
	EXPECT_HAS(STELE("get", "-f", "json", target, "default").out,
	           "\"a\\u000d\\n\\\"b\\\"\\u000d\\n\"");
	expect_done(STELE_WITH(dump.out, "publish", target, "-"),
	            "routes: nothing changed, version 3\n");
}

Test(cli_publish, times_without_a_unit_are_refused_if_they_are_in_seconds)
{
	char seen[64];

	snprintf(seen, sizeof(seen), "%s/seen", region);
	EXPECT_STATUS(STELE("create", region, "--table", "seen(mac: mac key, at: time)"), 0);
	EXPECT_FAILURE(STELE_WITH("mac,at\n0200.5e10.0001,1764417600\n", "publish", seen, "-"), 2,
	               "standard input:2: column \"at\": ", "did you mean @1764417600,");
	EXPECT_FAILURE(STELE("set", seen, "02:00:5e:10:00:01", "at=1764417600"), 2,
	               "did you mean @1764417600,");
	EXPECT_STATUS(STELE_WITH("mac,at\n0200.5e10.0001,@1764417600\n"
	                         "02-00-5E-10-00-02,2025-11-29T13:00:00+01:00\n",
	                         "publish", seen, "-"),
	              0);
	EXPECT_TEXT(STELE("dump", "-f", "csv", seen).out,
	            "mac,at\n02:00:5e:10:00:01,2025-11-29T12:00:00Z\n"
	            "02:00:5e:10:00:02,2025-11-29T12:00:00Z\n");
	EXPECT_STATUS(STELE("set", seen, "02005e100001", "at=now"), 0);
	EXPECT_HAS_NOT(STELE("get", "-f", "csv", seen, "02:00:5e:10:00:01").out, ",2025-11-29");
	EXPECT_FAILURE(STELE("create", region, "--table", "u(k: u8 key, at: time default now)"), 2,
	               "a default is a fixed time, not \"now\"");
}

/* Returns how often a part is in a text. */
static size_t count(const char *text, const char *part)
{
	size_t found = 0;

	for (; (text = strstr(text, part)) != NULL; text += strlen(part))
		found++;
	return found;
}

Test(cli_publish, reports_all_wrong_rows_up_to_20)
{
	static const char row[] = "10.2.0.0/16,192.0.2.1,eth0,-1\n";
	const char *before = cli_dump();
	char many[64 + 40 * sizeof(row)];
	struct cli_result result;

	result = STELE_WITH(NAMES "10.2.0.0/16,nowhere,eth0,5\n"
	                          "10.3.0.0/16,192.0.2.1,\"eth\n0\",5\n"
	                          "10.4.0.0/16,192.0.2.1,eth0\n"
	                          "10.5.0.0/16,192.0.2.1,eth0,x",
	                    "publish", target, "-");
	EXPECT_STATUS(result, 2);
	EXPECT_HAS(result.err, "standard input:2: column \"next_hop\": ");
	EXPECT_HAS(result.err, "standard input:5: expected 4 fields");
	EXPECT_HAS(result.err, "standard input:6: the last line has no line feed");
	cr_expect(count(result.err, "\n") == 3, "%s", result.err);
	strcpy(many, NAMES);
	for (size_t i = 0; i < 19; i++)
		strcat(many, row);
	result = STELE_WITH(many, "publish", target, "-");
	cr_expect(count(result.err, "column \"metric\"") == 19, "%s", result.err);
	EXPECT_HAS_NOT(result.err, "only the first");
	for (size_t i = 0; i < 19; i++)
		strcat(many, row);
	result = STELE_WITH(many, "publish", target, "-");
	EXPECT_STATUS(result, 2);
	cr_expect(count(result.err, "column \"metric\"") == 20, "%s", result.err);
	EXPECT_HAS(result.err, "standard input: only the first 20 wrong rows are reported\n");
	result = STELE_WITH("{\"prefix\": 7}\n{\"prefix\"\n[1]\n", "publish", "-f", "ndjson",
	                    target, "-");
	EXPECT_HAS(result.err, "standard input:1: ");
	EXPECT_HAS(result.err, "standard input:2: ");
	EXPECT_HAS(result.err, "standard input:3: ");
	EXPECT_TEXT(cli_dump(), before);
}

Test(cli_publish, reports_all_duplicate_keys)
{
	const char *before = cli_dump();
	struct cli_result result =
		STELE_WITH(NAMES "10.0.0.0/8,192.0.2.1,eth0,5\n10.0.0.0/8,192.0.2.1,eth0,6\n"
	                         "10.2.0.0/16,192.0.2.1,eth0,5\n10.2.0.0/16,192.0.2.1,eth0,5\n",
	                   "publish", target, "-");

	EXPECT_STATUS(result, 2);
	EXPECT_HAS(result.err, "standard input:3: the key \"10.0.0.0/8\" is already in line 2\n");
	EXPECT_HAS(result.err, "standard input:5: the key \"10.2.0.0/16\" is already in line 4\n");
	EXPECT_TEXT(cli_dump(), before);
}

Test(cli_publish, refuses_a_duplicate_key)
{
	static const char twice[] = NAMES "10.0.0.0/8,192.0.2.1,eth0,5\n"
					  "10.2.0.0/16,192.0.2.1,\"eth\n0\",5\n"
					  "10.0.0.0/8,192.0.2.2,eth0,6\n";
	const char *before = cli_dump();
	char name[64], place[128];

	EXPECT_FAILURE(STELE_WITH(twice, "publish", target, "-"), 2,
	               "standard input:5: ", "the key \"10.0.0.0/8\" is already in line 2");
	cli_temporary(name, ".csv", twice);
	snprintf(place, sizeof(place), "%s:5: the key \"10.0.0.0/8\" is already in line 2\n", name);
	EXPECT_FAILURE(STELE("publish", target, name), 2, place);
	EXPECT_TEXT(cli_dump(), before);
	unlink(name);
}

Test(cli_publish, refuses_unknown_regions_tables_and_files)
{
	const char *before = cli_dump();
	char other[96];

	EXPECT_FAILURE(STELE_WITH(NAMES, "publish", "no-such-region/routes", "-"), 3,
	               "there is no region", "/dev/shm/stele.no-such-region", "'stele list'");
	snprintf(other, sizeof(other), "%s/route", region);
	EXPECT_FAILURE(STELE_WITH(NAMES, "publish", other, "-"), 3,
	               "there is no table \"route\" in region", "did you mean \"routes\"?");
	snprintf(other, sizeof(other), "%s/neighbours", region);
	EXPECT_FAILURE(STELE_WITH(NAMES, "publish", other, "-"), 3,
	               "there is no table \"neighbours\"", "'stele show");
	EXPECT_FAILURE(STELE("publish", target, "/nonexistent.csv"), 2,
	               "cannot read /nonexistent.csv: No such file or directory");
	EXPECT_FAILURE(STELE("publish", target, "/tmp"), 2, "cannot read /tmp: Is a directory");
	EXPECT_TEXT(cli_dump(), before);
}

/* A CSV file of only its first line, or NDJSON without objects, is what a command that failed
 * leaves. */
Test(cli_publish, input_without_rows_does_not_empty_a_table_unless_allowed)
{
	const char *before = cli_dump();

	EXPECT_FAILURE(STELE_WITH(NAMES, "publish", target, "-"), 2, "standard input has no rows",
	               "remove all 3 rows of table \"routes\"", "--allow-empty");
	EXPECT_FAILURE(STELE_WITH("", "publish", "-f", "ndjson", target, "-"), 2,
	               "standard input has no rows");
	EXPECT_FAILURE(STELE_WITH("\n \n", "publish", "-f", "ndjson", target, "-"), 2,
	               "standard input has no rows");
	EXPECT_TEXT(cli_dump(), before);
	expect_done(STELE_WITH(NAMES, "publish", "--allow-empty", target, "-"),
	            "routes: version 3 (0 added, 0 changed, 3 removed, 0 unchanged)\n");
	EXPECT_TEXT(STELE("dump", "--format", "json", target).out, "[]\n");
	EXPECT_TEXT(STELE("dump", "--format", "csv", target).out, NAMES);
	/* Nothing is removed from an empty table. */
	expect_done(STELE_WITH(NAMES, "publish", target, "-"),
	            "routes: nothing changed, version 3\n");
	expect_done(STELE_WITH("", "publish", "-f", "ndjson", target, "-"),
	            "routes: nothing changed, version 3\n");
}

Test(cli_publish, groups_large_numbers_and_streams_large_tables)
{
	enum { ROWS = 50000, LINE = 64 };
	char *input = malloc(ROWS * LINE + 64);
	size_t length = (size_t)sprintf(input, "%s", NAMES);

	for (unsigned i = 0; i < ROWS; i++)
		length += (size_t)sprintf(input + length, "10.%u.%u.%u/32,192.0.2.1,eth0,%u\n",
		                          i >> 16, i >> 8 & 255, i & 255, i);
	expect_done(STELE_WITH(input, "publish", target, "-"),
	            "routes: version 3 (50,000 added, 0 changed, 3 removed, 0 unchanged)\n");
	EXPECT_TEXT(STELE("dump", "--format", "csv", target).out, input);
	free(input);
}
