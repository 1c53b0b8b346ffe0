/* SPDX-License-Identifier: MIT
 *
 * stele publish: which format a file has, and the options that say how its columns become those of
 * the table. */
#include <sys/ioctl.h>
#include "tests/support/cli.h"

TestSuite(input_formats, .init = cli_begin_routes, .fini = cli_end);

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Creates a table of the test's region, and returns its name. */
static char *create(const char *declaration)
{
	static char name[96];

	EXPECT_STATUS(STELE("create", region, "--table", (char *)declaration), 0);
	snprintf(name, sizeof(name), "%s/%.*s", region, (int)strcspn(declaration, "("),
	         declaration);
	return name;
}

static const char *dump_of(char *table)
{
	return STELE("dump", "--format", "csv", table).out;
}

/* ---- the format ---- */

Test(input_formats, what_dump_prints_publish_reads_without_an_option)
{
	static char *const formats[] = {"csv", "json", "ndjson"};
	const char *before = cli_dump();

	for (size_t i = 0; i < COUNT(formats); i++) {
		struct cli_result dump = STELE("dump", "--format", formats[i], target);

		expect_done(STELE_WITH(dump.out, "publish", target, "-"),
		            "routes: nothing changed, version 2\n");
		expect_done(STELE_WITH(dump.out, "publish", "-f", formats[i], target, "-"),
		            "routes: nothing changed, version 2\n");
	}
	EXPECT_TEXT(cli_dump(), before);
	EXPECT_FAILURE(STELE_WITH("", "publish", "-f", "yaml", target, "-"), 2,
	               "--format: invalid value \"yaml\" (expected csv, ndjson or json)");
}

/* Each prefix of a JSON array is refused, as it has not its end. */
Test(input_formats, fault_30_each_prefix_of_an_array)
{
	static const char array[] =
		"[ {\"k\": 1, \"t\": \"}]\\\"[{\"},\n{\"t\": \"\",\"k\": 2}, {} ]";
	char *table = create("t(k: u8 key, t: char[8])");

	for (size_t length = 1; length < strlen(array); length++) {
		char *prefix = strndup(array, length);

		EXPECT_FAILURE(STELE_WITH(prefix, "publish", table, "-"), 2,
		               "standard input: object ");
		free(prefix);
	}
	EXPECT_TEXT(dump_of(table), "k,t\n");
	EXPECT_STATUS(STELE_WITH(array, "publish", table, "-"), 0);
	EXPECT_TEXT(dump_of(table), "k,t\n1,\"}]\"\"[{\"\n2,\"\"\n");
}

Test(input_formats, wrong_arrays_are_refused_with_the_number_of_the_object)
{
	static const struct {
		const char *input, *message;
	} wrong[] = {
		{"[{\"k\": 1} {\"k\": 2}]", "object 2: expected an array of objects"},
		{"[{\"k\": 1},]", "object 2: expected an array of objects"},
		{"[,{\"k\": 1}]", "object 1: expected an array of objects"},
		{"[1]", "object 1: expected an array of objects"},
		{"[[{\"k\": 1}]]", "object 1: expected an array of objects"},
		{"[{\"k\": 1}]x", "object 2: expected an array of objects"},
		{"[{\"k\": 1}]]", "object 2: expected an array of objects"},
		{"[{\"k\": 1}, {\"k\": 1}]", "object 2: the key \"1\" is already in object 1"},
		{"[{\"k\": 1}, {\"k\": 256}]", "object 2: column \"k\": "},
		{"[{\"k\": 1]]", "object 1: expected one JSON object; byte 8: "},
	};
	char *table = create("t(k: u8 key)");

	for (size_t i = 0; i < COUNT(wrong); i++)
		EXPECT_FAILURE(STELE_WITH(wrong[i].input, "publish", table, "-"), 2,
		               wrong[i].message);
	EXPECT_TEXT(dump_of(table), "k\n");
	/* Commands print an array each. */
	EXPECT_STATUS(STELE_WITH("[{\"k\": 1}]\n\n[]\n[{\"k\": 2}]", "publish", table, "-"), 0);
	EXPECT_TEXT(dump_of(table), "k\n1\n2\n");
}

/* An array on one line may be longer than any line. */
Test(input_formats, an_array_may_be_one_long_line)
{
	enum { ROWS = 300000, LINE = 64 };
	char *table = create("t(k: u32 key, t: char[40])");
	static char input[ROWS * LINE + 8];
	size_t length = 0;

	input[length++] = '[';
	for (unsigned i = 0; i < ROWS; i++)
		length += (size_t)snprintf(input + length, sizeof(input) - length,
		                           "{\"k\":%u,\"t\":\"%032u\"}%s", i, i,
		                           i + 1 < ROWS ? "," : "]");
	cr_assert(length > (16 << 20) - ROWS * 20);
	expect_done(STELE_WITH(input, "publish", table, "-"),
	            "t: version 4 (300,000 added, 0 changed, 0 removed, 0 unchanged)\n");
}

/* Publishes a file that has NUL bytes, and expects that its encoding is named. */
static void expect_encoding(const char *bytes, size_t size, const char *message)
{
	char path[64];
	int fd;

	cli_temporary(path, ".csv", "");
	fd = open(path, O_WRONLY | O_CLOEXEC);
	cr_assert(write(fd, bytes, size) == (ssize_t)size);
	close(fd);
	EXPECT_FAILURE(STELE("publish", target, path), 2, path, message);
	unlink(path);
}

Test(input_formats, other_encodings_and_line_ends_are_named)
{
	expect_encoding("\xff\xfep\0r\0\n\0", 8, "UTF-16; convert it to UTF-8: iconv -f UTF-16 ");
	expect_encoding("\xfe\xff\0p\0r\0\n", 8, " is in UTF-16; ");
	expect_encoding("p\0r\0\n\0", 6, " is in UTF-16LE; ");
	expect_encoding("\0p\0r\0\n", 6, " is in UTF-16BE; ");
	expect_encoding("\xff\xfe\0\0p\0\0\0", 8, " is in UTF-32; ");
	EXPECT_FAILURE(
		STELE_WITH("prefix,next_hop\r10.0.0.0/8,192.0.2.1\r", "publish", target, "-"), 2,
		"standard input has lines that end in a carriage return alone", "tr '\\r' '\\n'");
	/* A program is no text of an old Mac. */
	expect_encoding("\177ELF\2\1\0\0\ra\n", 11, ":1: the table has no column");
	/* Such a carriage return is text in quotation marks. */
	EXPECT_STATUS(STELE_WITH("prefix,next_hop,metric,\"interface\"\n"
	                         "10.0.0.0/8,192.0.2.1,7,\"a\rb\"\n",
	                         "publish", target, "-"),
	              0);
}

/* ---- the columns ---- */

Test(input_formats, delimiters)
{
	char *table = create("t(k: u8 key, a: char[8], b: char[8])");

	EXPECT_STATUS(STELE_WITH("k;b;a\n1; x,y ;\"p;\"\"q\"\n2;;\"\"\r\n", "publish",
	                         "--delimiter", ";", table, "-"),
	              0);
	EXPECT_TEXT(dump_of(table), "k,a,b\n1,\"p;\"\"q\",\" x,y \"\n2,\"\",\"\"\n");
	EXPECT_STATUS(
		STELE_WITH("k\ta\tb\n1\t,\t\"\t\"\n", "publish", "--delimiter", "tab", table, "-"),
		0);
	EXPECT_TEXT(dump_of(table), "k,a,b\n1,\",\",\"\t\"\n");
	EXPECT_FAILURE(STELE_WITH("k;a;b\n", "publish", table, "-"), 2,
	               "standard input:1: ", "\"k;a;b\"", "--delimiter ';'");
	EXPECT_FAILURE(STELE_WITH("k\ta\tb\n", "publish", table, "-"), 2, "--delimiter 'tab'");
	EXPECT_FAILURE(STELE_WITH("k;a;b\n1;2\n", "publish", "--delimiter", ";", table, "-"), 2,
	               "standard input:2: expected 3 fields, as in the first line, but found 2");
	EXPECT_FAILURE(STELE_WITH("k;a;b\n1;2;3\"\"\n", "publish", "--delimiter", ";", table, "-"),
	               2, "standard input:2: ", "quotation marks");
	EXPECT_FAILURE(STELE_WITH("", "publish", "--delimiter", "ab", table, "-"), 2,
	               "--delimiter: invalid value \"ab\"");
	EXPECT_FAILURE(STELE_WITH("", "publish", "--delimiter", "\"", table, "-"), 2,
	               "--delimiter: ");
}

Test(input_formats, columns_of_other_names_and_unknown_ones)
{
	static const char csv[] = "The Key,x,\"a \"\"b\"\"\",b\n1,any \"\"thing,A,B\n";
	char *table = create("t(k: u8 key, a: char[8], b: char[8])");

	EXPECT_FAILURE(STELE_WITH(csv, "publish", table, "-"), 2,
	               "standard input:1: ", "no column \"The Key\"");
	EXPECT_FAILURE(STELE_WITH("The Key,x,a,b\n1,2,A,B\n", "publish", "--columns", "The Key=k",
	                          table, "-"),
	               2, "standard input:1: ", "no column \"x\"");
	EXPECT_STATUS(STELE_WITH("The Key,x,\"a \"\"b\"\"\",b\n1,\"any, thing\",A,B\n", "publish",
	                         "--columns", "The Key=k,a \"b\"=a", "--ignore-unknown", table,
	                         "-"),
	              0);
	EXPECT_TEXT(dump_of(table), "k,a,b\n1,A,B\n");
	EXPECT_STATUS(STELE_WITH("k,x,a,b\n2,,A,B\n", "publish", "--columns", "x=", table, "-"), 0);
	EXPECT_TEXT(dump_of(table), "k,a,b\n2,A,B\n");
	/* The columns change places. */
	EXPECT_STATUS(
		STELE_WITH("{\"k\": 3, \"a\": \"A\", \"b\": \"B\", \"c\": [{\"d\": \"]}\"}]}\n",
	                   "publish", "--columns", "a=b,b=a", "--ignore-unknown", table, "-"),
		0);
	EXPECT_TEXT(dump_of(table), "k,a,b\n3,B,A\n");
	EXPECT_FAILURE(STELE_WITH("{\"k\": 3, \"a\": \"A\", \"b\": \"B\", \"c\": 1}\n", "publish",
	                          "--columns", "a=b,b=a", table, "-"),
	               2, "standard input:1: ", "no column \"c\"");
	EXPECT_FAILURE(STELE_WITH(csv, "publish", "--columns", "x=y", table, "-"), 2,
	               "--columns: the table has no column \"y\"");
	EXPECT_FAILURE(STELE_WITH(csv, "publish", "--columns", "k", table, "-"), 2,
	               "--columns: expected NAME=COLUMN, not \"k\"");
	EXPECT_FAILURE(STELE_WITH("k,x,a,b\n", "publish", "--columns", "x=a", table, "-"), 2,
	               "column \"a\" is named twice");
	EXPECT_FAILURE(STELE_WITH("x,y\n", "publish", "--ignore-unknown", table, "-"), 2,
	               "none of the names in the first line");
}

Test(input_formats, empty_lines_are_ignored)
{
	char *table = create("t(k: text key)");

	EXPECT_STATUS(STELE_WITH("\n\n\nk\n\n\na\n\n\n\nb\n\r\n\r\n\n\n", "publish", table, "-"),
	              0);
	EXPECT_TEXT(dump_of(table), "k\na\nb\n");
	table = create("u(k: u8 key, a: u8)");
	EXPECT_STATUS(
		STELE_WITH("\n\n\nk,a\n\n\n1,2\n\n\n\n3,4\n\r\n\r\n\n\n", "publish", table, "-"),
		0);
	EXPECT_TEXT(dump_of(table), "k,a\n1,2\n3,4\n");
}

/* The column has a default, which would be taken instead. */
Test(input_formats, a_misspelt_column_is_refused)
{
	char *table = create("t(k: u8 key, a: u8 default 7)");

	EXPECT_FAILURE(STELE_WITH("k,cost\n1,2\n", "publish", "--columns", "coast=a",
	                          "--ignore-unknown", table, "-"),
	               2, "standard input:1: there is no column \"coast\"", "reads as \"a\"");
	EXPECT_TEXT(dump_of(table), "k,a\n");
	/* One of several names is enough, also that of the table itself. */
	EXPECT_STATUS(
		STELE_WITH("k,cost\n1,2\n", "publish", "--columns", "coast=a,cost=a", table, "-"),
		0);
	EXPECT_TEXT(dump_of(table), "k,a\n1,2\n");
	EXPECT_STATUS(STELE_WITH("k,a\n1,3\n", "publish", "--columns", "coast=a", table, "-"), 0);
	EXPECT_TEXT(dump_of(table), "k,a\n1,3\n");
	/* A row of JSON need not have each member. */
	EXPECT_STATUS(STELE_WITH("{\"k\": 1}\n", "publish", "--columns", "cost=a", table, "-"), 0);
	EXPECT_TEXT(dump_of(table), "k,a\n1,7\n");
}

Test(input_formats, files_without_names)
{
	char *table = create("t(k: u8 key, a: char[8], b: char[8])");

	EXPECT_STATUS(STELE_WITH("1,x,y\n2,\"\",z\n", "publish", "--no-header", table, "-"), 0);
	EXPECT_TEXT(dump_of(table), "k,a,b\n1,x,y\n2,\"\",z\n");
	EXPECT_STATUS(STELE_WITH("B,-,3,A,-\n", "publish", "--no-header", "--columns", "b,,k,a,",
	                         table, "-"),
	              0);
	EXPECT_TEXT(dump_of(table), "k,a,b\n3,A,B\n");
	EXPECT_FAILURE(STELE_WITH("1,x\n", "publish", "--no-header", table, "-"), 2,
	               "standard input:1: expected 3 fields, one for each column, but found 2");
	EXPECT_FAILURE(
		STELE_WITH("1,x\n", "publish", "--no-header", "--columns", "k,a,b", table, "-"), 2,
		"standard input:1: expected 3 fields, as in --columns, but found 2");
	EXPECT_FAILURE(
		STELE_WITH("1,x\n", "publish", "--no-header", "--columns", "k,a", table, "-"), 2,
		"missing: b");
	EXPECT_FAILURE(STELE_WITH("", "publish", "--no-header", "--columns", "x=k", table, "-"), 2,
	               "a file without header has no column \"x\"");
	EXPECT_FAILURE(STELE_WITH("", "publish", "--no-header", table, "-"), 2, "has no rows");
}

/* ---- missing values ---- */

#define OPTIONAL "t(k: u8 key, n: u16 default 7, a: char[8] default \"-\", i: ipv4)"

Test(input_formats, empty_fields_get_a_text_or_the_default)
{
	char *table = create(OPTIONAL);

	EXPECT_FAILURE(STELE_WITH("k,i\n1,\n", "publish", table, "-"), 2,
	               "standard input:2: column \"i\": invalid value \"\"");
	EXPECT_STATUS(STELE_WITH("k,n,a,i\n1,,,192.0.2.1\n2,\"3\",,\n", "publish", "--empty-as",
	                         "i=0.0.0.0", table, "-"),
	              0);
	EXPECT_TEXT(dump_of(table), "k,n,a,i\n1,7,\"\",192.0.2.1\n2,3,\"\",0.0.0.0\n");
	EXPECT_STATUS(STELE_WITH("k,n,a,i\n1,NULL,NULL,\"192.0.2.1\"\n2,,\"NULL\",NULL\n",
	                         "publish", "--null", "NULL", "--empty-as", "i=0.0.0.1", table,
	                         "-"),
	              0);
	EXPECT_TEXT(dump_of(table), "k,n,a,i\n1,7,-,192.0.2.1\n2,7,NULL,0.0.0.1\n");
	EXPECT_STATUS(
		STELE_WITH("k,n,a,i\n1,,,1.2.3.4\n", "publish", "--empty-as", "0", table, "-"), 0);
	EXPECT_TEXT(dump_of(table), "k,n,a,i\n1,0,0,1.2.3.4\n");
	EXPECT_FAILURE(STELE_WITH("k,n,a,i\n1,,,\n", "publish", "--empty-as", "0", table, "-"), 2,
	               "column \"i\": invalid value \"0\"");
	EXPECT_FAILURE(STELE_WITH("k\n", "publish", "--empty-as", "j=0", table, "-"), 2,
	               "--empty-as: the table has no column \"j\"");
}

Test(input_formats, null_is_a_missing_value)
{
	char *table = create(OPTIONAL);

	EXPECT_STATUS(STELE_WITH("{\"k\": 1, \"n\": null, \"a\": \"null\", \"i\": \"192.0.2.1\"}\n",
	                         "publish", table, "-"),
	              0);
	EXPECT_TEXT(dump_of(table), "k,n,a,i\n1,7,null,192.0.2.1\n");
	EXPECT_FAILURE(STELE_WITH("{\"k\": 1, \"i\": null}\n", "publish", table, "-"), 2,
	               "standard input:1: ", "missing: i");
	EXPECT_STATUS(STELE_WITH("[{\"k\": 1, \"i\": null, \"a\": null}, {\"k\": 2}]", "publish",
	                         "--empty-as", "i=0.0.0.0", "--empty-as", "a=\"\\", table, "-"),
	              0);
	EXPECT_TEXT(dump_of(table), "k,n,a,i\n1,7,\"\"\"\\\",0.0.0.0\n2,7,\"\"\"\\\",0.0.0.0\n");
}

/* The format is that of the first line with something on it, also if a blank one comes alone. */
Test(input_formats, a_blank_line_does_not_tell_the_format)
{
	static const char rest[] = "[{\"prefix\": \"192.0.2.0/24\", \"next_hop\": \"192.0.2.1\", "
				   "\"interface\": \"e\", \"metric\": 1}]\n";
	char *arguments[] = {cli_command(), "publish", target, "-", NULL};
	struct cli_process process = {.out = cli_file(NULL), .err = cli_file(NULL)};
	int ends[2], left = 1;

	cr_assert(pipe2(ends, O_CLOEXEC) == 0);
	cr_assert(write(ends[1], " \n", 2) == 2);
	cli_spawn_with(&process, arguments, ends[0], process.out, process.err);
	for (int64_t tries = CLI_PATIENCE; left > 0; tries--) {
		cr_assert(tries > 0, "the blank line was not read");
		cr_assert(ioctl(ends[0], FIONREAD, &left) == 0);
		usleep(1000);
	}
	cr_assert(write(ends[1], rest, strlen(rest)) == (ssize_t)strlen(rest));
	close(ends[0]);
	close(ends[1]);
	cr_expect(cli_wait(&process) == 0, "%s", cli_read_all(process.err));
	EXPECT_HAS(STELE("dump", "-f", "csv", target).out, "192.0.2.0/24,192.0.2.1,e,1");
}
