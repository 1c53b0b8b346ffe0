/* SPDX-License-Identifier: MIT
 *
 * stele get, lookup, dump, set, delete and apply. */
#include "tests/support/cli.h"

TestSuite(cli_rows, .init = cli_begin_routes, .fini = cli_end);

/* Creates a table and returns its REGION/TABLE. */
static const char *make_table(const char *name, const char *declaration)
{
	static char made[96];

	EXPECT_STATUS(STELE("create", region, "--table", declaration), 0);
	snprintf(made, sizeof(made), "%s/%s", region, name);
	return made;
}

Test(cli_rows, get_prints_in_every_format)
{
	expect_done(STELE("get", target, "10.0.0.0/8"),
	            "prefix      next_hop   interface  metric\n"
	            "10.0.0.0/8  192.0.2.2  eth1           20\n");
	expect_done(STELE("get", "--format", "csv", target, "10.0.0.0/8"),
	            "prefix,next_hop,interface,metric\n10.0.0.0/8,192.0.2.2,eth1,20\n");
	expect_done(
		STELE("get", "--format=json", target, "10.0.0.0/8"),
		"{\"prefix\": \"10.0.0.0/8\", \"next_hop\": \"192.0.2.2\", \"interface\": \"eth1\", "
		"\"metric\": 20}\n");
	expect_done(STELE("get", "-f", "ndjson", target, "10.0.0.0/8"),
	            STELE("get", "--format=json", target, "10.0.0.0/8").out);
}

Test(cli_rows, get_reports_a_missing_row_and_a_malformed_key)
{
	EXPECT_FAILURE(STELE("get", target, "10.0.0.0/9"), 1, "there is no row for \"10.0.0.0/9\"");
	EXPECT_FAILURE(STELE("get", target, "10.0.0.1/8"), 2,
	               "key \"10.0.0.1/8\": column \"prefix\": ");
	EXPECT_FAILURE(STELE("get", target, "ten"), 2, "key \"ten\": column \"prefix\": ");
	EXPECT_FAILURE(STELE("get", "no-such-region/t", "1"), 3, "there is no region");
}

Test(cli_rows, lookup_finds_the_longest_prefix)
{
	expect_done(STELE("lookup", "--format", "csv", target, "10.1.2.3", "10.2.2.3", "192.0.2.7",
	                  "10.0.0.0/15"),
	            "address,prefix,next_hop,interface,metric\n"
	            "10.1.2.3,10.1.0.0/16,192.0.2.3,eth1,5\n"
	            "10.2.2.3,10.0.0.0/8,192.0.2.2,eth1,20\n"
	            "192.0.2.7,0.0.0.0/0,192.0.2.1,eth0,100\n"
	            "10.0.0.0/15,10.0.0.0/8,192.0.2.2,eth1,20\n");
}

Test(cli_rows, lookup_reports_an_address_without_a_match)
{
	struct cli_result result;

	EXPECT_STATUS(STELE("delete", target, "0.0.0.0/0"), 0);
	result = STELE("lookup", "--format", "ndjson", target, "192.0.2.7", "10.0.0.1");
	EXPECT_STATUS(result, 1);
	EXPECT_TEXT(result.err, "stele: 1 of 2 addresses matched no row of table \"routes\"\n");
	EXPECT_TEXT(result.out,
	            "{\"address\": \"192.0.2.7\", \"prefix\": null, \"next_hop\": null, "
	            "\"interface\": null, \"metric\": null}\n"
	            "{\"address\": \"10.0.0.1\", \"prefix\": \"10.0.0.0/8\", \"next_hop\": "
	            "\"192.0.2.2\", \"interface\": \"eth1\", \"metric\": 20}\n");
	EXPECT_STATUS(STELE("lookup", target, "10.0.0.256"), 2);
}

Test(cli_rows, lookup_needs_prefixes)
{
	const char *made = make_table("ports", "ports(port: u16 key, name: text)");

	EXPECT_FAILURE(STELE("lookup", made, "80"), 2, "\"ports\" are not prefixes", "stele get");
}

/* Each address is answered before the next one is sent, and from the newest version. */
Test(cli_rows, lookup_answers_addresses_as_they_come)
{
	char *arguments[] = {cli_command(), "lookup", "--format=ndjson", target, "-", NULL};
	struct cli_process process = {.err = cli_file(NULL)};
	int in[2], out[2];

	cr_assert(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
	cli_spawn_with(&process, arguments, in[0], out[1], process.err);
	close(out[1]);
	process.out = out[0];
	cr_assert(write(in[1], "10.1.2.3\n", 9) == 9);
	EXPECT_HAS(cli_line(&process), "\"metric\": 5}");
	EXPECT_STATUS(STELE("set", target, "10.1.0.0/16", "metric=6"), 0);
	cr_assert(write(in[1], "10.1.2.3\r\n\n10.", 14) == 14);
	EXPECT_HAS(cli_line(&process), "\"metric\": 6}");
	cr_assert(write(in[1], "9.9.9", 5) == 5);
	close(in[1]);
	EXPECT_HAS(cli_line(&process), "\"metric\": 20}");
	EXPECT_TEXT(cli_line(&process), "");
	cr_expect(cli_wait(&process) == 0);
	close(in[0]);
}

Test(cli_rows, lookup_takes_the_columns_before_the_prefix)
{
	const char *vpn =
		make_table("vpn", "vpn(vrf: u16 key, prefix: ipv4net key, address: text)");

	EXPECT_STATUS(STELE("set", vpn, "7,10.0.0.0/8", "address=a, b"), 0);
	expect_done(STELE("lookup", "--format", "csv", vpn, "7,10.3.4.5"),
	            "_address,vrf,prefix,address\n\"7,10.3.4.5\",7,10.0.0.0/8,\"a, b\"\n");
	EXPECT_STATUS(STELE("lookup", vpn, "8,10.3.4.5"), 1);
	expect_done(STELE("lookup", "--format", "csv", vpn, "--table", "7", "10.3.4.5"),
	            "_address,vrf,prefix,address\n10.3.4.5,7,10.0.0.0/8,\"a, b\"\n");
	EXPECT_STATUS(STELE("lookup", vpn, "--table", "8", "10.3.4.5"), 1);
	EXPECT_FAILURE(STELE("lookup", vpn, "--table", "7,8", "10.3.4.5"), 2,
	               "expected 2 columns joined by commas, found 3");
	EXPECT_FAILURE(STELE("lookup", target, "--table", "7", "10.3.4.5"), 2,
	               "--table: the keys of table \"", "no column before the prefix");
	EXPECT_FAILURE(STELE("get", vpn, "7"), 2,
	               "expected 2 columns joined by commas, found 1; the key is: vrf: u16 key, "
	               "prefix: ipv4net key\n");
}

Test(cli_rows, dump_can_be_restricted_to_a_key_prefix)
{
	const char *table;

	expect_done(STELE("dump", "--prefix", "10.0.0.0/7", "--format", "csv", target),
	            "prefix,next_hop,interface,metric\n"
	            "10.0.0.0/8,192.0.2.2,eth1,20\n"
	            "10.1.0.0/16,192.0.2.3,eth1,5\n");
	EXPECT_FAILURE(STELE("dump", "--prefix", "x", target), 2, "stele: prefix \"x\": ");
	table = make_table("names", "names(site: char[4] key, name: text key, n: i8)");
	EXPECT_STATUS(STELE("set", table, "a,anna", "n=-1"), 0);
	EXPECT_STATUS(STELE("set", table, "a,\"an, x\"", "n=2"), 0);
	EXPECT_STATUS(STELE("set", table, "ab,anna", "n=3"), 0);
	expect_done(STELE("dump", "--prefix", "a,an", "--format", "csv", table),
	            "site,name,n\na,\"an, x\",2\na,anna,-1\n");
	expect_done(STELE("dump", "--prefix", "ab", "--format", "csv", table),
	            "site,name,n\nab,anna,3\n");
	expect_done(STELE("dump", "--prefix", "a", "--format", "csv", table),
	            "site,name,n\na,\"an, x\",2\na,anna,-1\nab,anna,3\n");
	/* The empty text is a prefix of every text. */
	expect_done(STELE("dump", "--prefix", "", "--format", "csv", table),
	            "site,name,n\na,\"an, x\",2\na,anna,-1\nab,anna,3\n");
	EXPECT_FAILURE(STELE("dump", "--prefix", "a,an,1", table), 2,
	               "prefix \"a,an,1\": expected at most 2 columns joined by commas, found 3");
	/* An empty prefix matches in the other key types as well. */
	table = make_table("vpn", "vpn(vrf: u16 key, prefix: ipv4net key, n: i8)");
	EXPECT_STATUS(STELE("set", table, "7,10.0.0.0/8", "n=1"), 0);
	EXPECT_STATUS(STELE("set", table, "8,10.0.0.0/8", "n=2"), 0);
	expect_done(STELE("dump", "--prefix", "", "--format", "csv", table),
	            "vrf,prefix,n\n7,10.0.0.0/8,1\n8,10.0.0.0/8,2\n");
	expect_done(STELE("dump", "--prefix", "8,", "--format", "csv", table),
	            "vrf,prefix,n\n8,10.0.0.0/8,2\n");
}

Test(cli_rows, dump_prints_an_older_version)
{
	const char *before = cli_dump();

	EXPECT_STATUS(STELE("delete", target, "10.0.0.0/8"), 0);
	EXPECT_HAS_NOT(cli_dump(), "10.0.0.0/8");
	EXPECT_TEXT(STELE("dump", "--version", "2", "--format", "ndjson", target).out, before);
	EXPECT_STATUS(STELE("dump", "--version", "99", target), 3);
}

Test(cli_rows, set_keeps_columns_that_are_not_named)
{
	expect_done(STELE("set", target, "10.0.0.0/8", "metric=7"),
	            "routes: version 3 (0 added, 1 changed, 0 removed)\n");
	EXPECT_HAS(STELE("get", "--format=csv", target, "10.0.0.0/8").out,
	           "10.0.0.0/8,192.0.2.2,eth1,7\n");
	expect_done(STELE("set", target, "10.0.0.0/8", "metric=0x7"),
	            "routes: nothing changed, version 3\n");
	expect_done(
		STELE("set", target, "10.0.0.0/9", "metric=1", "interface=", "next_hop=192.0.2.1"),
		"routes: version 4 (1 added, 0 changed, 0 removed)\n");
}

Test(cli_rows, set_refuses_and_changes_nothing)
{
	const char *before = cli_dump();

	EXPECT_FAILURE(STELE("set", target, "10.0.0.0/9", "metric=1"), 2,
	               "missing: next_hop, interface");
	EXPECT_FAILURE(STELE("set", target, "10.0.0.0/8", "metrik=1"), 2, "no column \"metrik\"",
	               "did you mean \"metric\"?");
	EXPECT_FAILURE(STELE("set", target, "10.0.0.0/8", "metric=99999999999"), 2,
	               "column \"metric\": ");
	EXPECT_FAILURE(STELE("set", target, "10.0.0.0/8", "prefix=10.0.0.0/9"), 2,
	               "part of the key");
	EXPECT_FAILURE(STELE("set", target, "10.0.0.0/8", "metric=1", "metric=2"), 2, "set twice");
	EXPECT_FAILURE(STELE("set", target, "10.0.0.0/8", "metric"), 2, "expected COLUMN=VALUE");
	EXPECT_FAILURE(STELE("set", target, "10.0.0.1/8", "metric=1"), 2, "10.0.0.0/8");
	EXPECT_TEXT(cli_dump(), before);
}

Test(cli_rows, set_keeps_the_variable_column_that_is_not_named)
{
	const char *notes = make_table("notes", "notes(id: u64 key, seen: bool, note: text)");

	EXPECT_STATUS(
		STELE("set", notes, "18446744073709551615", "seen=false", "note=some = words"), 0);
	EXPECT_STATUS(STELE("set", notes, "18446744073709551615", "seen=true"), 0);
	expect_done(
		STELE("get", "--format=json", notes, "18446744073709551615"),
		"{\"id\": \"18446744073709551615\", \"seen\": true, \"note\": \"some = words\"}\n");
	EXPECT_STATUS(STELE("set", notes, "1", "seen=true", "note="), 0);
	expect_done(STELE("get", "--format=csv", notes, "1"), "id,seen,note\n1,true,\"\"\n");
}

Test(cli_rows, delete_deletes_all_or_nothing)
{
	const char *before = cli_dump();

	EXPECT_FAILURE(STELE("delete", target, "10.0.0.0/8", "10.0.0.0/9"), 1,
	               "there is no row for \"10.0.0.0/9\"");
	EXPECT_TEXT(cli_dump(), before);
	EXPECT_FAILURE(STELE("delete", target, "10.0.0.0/8", "10.1.0.0/16", "10.0.0.0/8"), 2,
	               "the row with key \"10.0.0.0/8\" is named twice");
	EXPECT_FAILURE(STELE("delete", target, "10.9.0.0/16", "10.9.0.0/16"), 1,
	               "there is no row for \"10.9.0.0/16\"");
	EXPECT_FAILURE(
		STELE("delete", "--if-version", cli_token(2), target, "10.0.0.0/8", "10.0.0.0/8"),
		2, "is named twice");
	EXPECT_TEXT(cli_dump(), before);
	expect_done(STELE("delete", target, "10.0.0.0/8", "10.1.0.0/16"),
	            "routes: version 3 (0 added, 0 changed, 2 removed)\n");
	EXPECT_HAS_NOT(cli_dump(), "10.");
}

Test(cli_rows, apply_changes_several_tables_in_one_version)
{
	const char *names = make_table("names", "names(name: text key, n: f64)");
	char line[128];

	snprintf(line, sizeof(line), "%s: version 4 (2 added, 1 changed, 1 removed)\n", region);
	expect_done(
		STELE_WITH(
			"{\"table\": \"routes\", \"put\": {\"prefix\": \"10.0.0.0/8\", \"metric\": 1}}\n"
			"\n"
			"{\"table\": \"names\", \"put\": {\"name\": \"x\", \"n\": 1e300}}\n"
			"{\"put\": {\"name\": \"y\", \"n\": 0.1}, \"table\": \"names\"}\n"
			"{\"table\": \"routes\", \"delete\": {\"prefix\": \"0.0.0.0/0\"}}\n"
			"{\"table\": \"routes\", \"delete\": {\"prefix\": \"1.0.0.0/8\"}}\n",
			"apply", region, "-"),
		line);
	expect_done(STELE("dump", "--format=ndjson", names),
	            "{\"name\": \"x\", \"n\": 1e+300}\n{\"name\": \"y\", \"n\": 0.1}\n");
}

Test(cli_rows, apply_refuses_a_wrong_line_and_changes_nothing)
{
	static const char *const wrong[][2] = {
		{"{\"table\": \"route\", \"put\": {}}", "there is no table \"route\""},
		{"{\"table\": \"routes\", \"put\": {\"metric\": 5}}",
	         "\"prefix\" of the key is missing"},
		{"{\"table\": \"routes\", \"put\": {\"prefix\": \"10.9.0.0/16\"}}",
	         "missing: next_hop"},
		{"{\"table\": \"routes\", \"put\": {\"prefix\": \"10.0.0.0/8\", \"metric\": -1}}",
	         "\"metric\": "},
		{"{\"table\": \"routes\", \"put\": {\"prefix\": \"10.0.0.0/8\", \"m\": -1}}",
	         "no column \"m\""},
		{"{\"table\": \"routes\", \"put\": 7}", "expected an object"},
		{"{\"table\": \"routes\", \"delete\": {\"prefix\": \"10.0.0.0/8\", \"metric\": 1}}",
	         "not part of the key"},
		{"{\"table\": \"routes\", \"drop\": {}}", "expected {\"table\": NAME"},
		{"{\"table\": \"routes\"", "expected one JSON object"},
	};
	const char *before = cli_dump();

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char input[512];

		snprintf(input, sizeof(input),
		         "{\"table\": \"routes\", \"delete\": {\"prefix\": \"0.0.0.0/0\"}}\n%s\n",
		         wrong[i][0]);
		expect_failure(STELE_WITH(input, "apply", region, "-"), i == 0 ? 3 : 2,
		               "standard input:2: ", wrong[i][1], (char *)NULL);
		EXPECT_TEXT(cli_dump(), before);
	}
}

/* A name that no table can have is refused as well, even if no table was opened before. */
Test(cli_rows, apply_refuses_a_first_line_with_an_empty_table_name)
{
	EXPECT_FAILURE(STELE_WITH("{\"table\": \"\", \"put\": {\"prefix\": \"10.0.0.0/8\"}}\n",
	                          "apply", region, "-"),
	               3, "standard input:1: there is no table \"\"");
}

/* No row reaches a terminal as a control sequence, and JSON stays valid. */
Test(cli_rows, hostile_text_is_escaped)
{
	static const char hostile[] = "\033[2J\007\x9b\xff\xc2\x9b\xe2\x80\xae\tz\"\\";
	const char *notes = make_table("notes", "notes(id: u8 key, note: text)");
	const char *formats[] = {"table", "csv", "json", "ndjson"};
	char assignment[64];

	snprintf(assignment, sizeof(assignment), "note=%s", hostile);
	EXPECT_STATUS(STELE("set", notes, "1", assignment), 0);
	for (size_t i = 0; i < 4; i++) {
		struct cli_result result = STELE("get", "--format", formats[i], notes, "1");

		EXPECT_STATUS(result, 0);
		for (const char *byte = result.out; *byte; byte++)
			cr_expect((*byte >= ' ' && *byte < 0x7f) || *byte == '\n' ||
			                  (*byte == '\t' && i == 1),
			          "%s: byte %02x", formats[i], (unsigned char)*byte);
	}
	EXPECT_HAS(STELE("get", notes, "1").out,
	           "\\x1b[2J\\x07\\x9b\\xff\\xc2\\x9b\\xe2\\x80\\xae\\x09z\"\\\n");
	EXPECT_HAS(STELE("get", "--format=json", notes, "1").out,
	           "\"\\u001b[2J\\u0007\\\\x9b\\\\xff\\u009b\\u202e\\tz\\\"\\\\\"");
	EXPECT_FAILURE(STELE("get", notes, "\033[2J"), 2, "\\x1b");
}

Test(cli_rows, text_of_any_language_is_not_escaped)
{
	const char *notes = make_table("notes", "notes(note: text key)");

	EXPECT_STATUS(STELE("set", notes, "Grüße, 世界"), 0);
	expect_done(STELE("dump", "--format=ndjson", notes), "{\"note\": \"Grüße, 世界\"}\n");
	expect_done(STELE("dump", notes), "note\nGrüße, 世界\n");
}
