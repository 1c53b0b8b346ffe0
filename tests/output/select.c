/* SPDX-License-Identifier: MIT
 *
 * What programs ask of rows: one value, some columns, some rows, and the version of a row. */
#include "tests/support/cli.h"

TestSuite(output_select, .init = cli_begin_routes, .fini = cli_end);

Test(output_select, get_prints_the_value_of_a_column)
{
	char made[96];

	expect_done(STELE("get", "--column", "metric", target, "10.0.0.0/8"), "20\n");
	expect_done(STELE("get", "--column", "interface", target, "10.1.0.0/16", "0.0.0.0/0"),
	            "eth1\neth0\n");
	EXPECT_FAILURE(STELE("get", "--column", "metrics", target, "10.0.0.0/8"), 2,
	               "--column: the table has no column \"metrics\"; did you mean \"metric\"?");
	EXPECT_FAILURE(STELE("get", "--column", "metric,interface", target, "10.0.0.0/8"), 2,
	               "expected one column");
	EXPECT_FAILURE(STELE("get", "--column", "metric", "-f", "json", target, "10.0.0.0/8"), 2,
	               "without --format");
	EXPECT_STATUS(STELE("create", region, "--table", "flags(name: text key, value: text)"), 0);
	snprintf(made, sizeof(made), "%s/flags", region);
	EXPECT_STATUS(STELE("set", made, "greeting", "value=a \"b\", c\td"), 0);
	expect_done(STELE("get", "--column", "value", made, "greeting"), "a \"b\", c\td\n");
}

Test(output_select, get_takes_several_keys)
{
	struct cli_result result;

	expect_done(STELE("get", "-f", "csv", target, "10.1.0.0/16", "0.0.0.0/0"),
	            "prefix,next_hop,interface,metric\n"
	            "10.1.0.0/16,192.0.2.3,eth1,5\n0.0.0.0/0,192.0.2.1,eth0,100\n");
	result = STELE("get", "-f", "json", target, "10.1.0.0/16", "10.9.0.0/16", "0.0.0.0/0");
	EXPECT_STATUS(result, 1);
	EXPECT_TEXT(result.err, "stele: there is no row for \"10.9.0.0/16\" in table \"routes\"\n");
	EXPECT_HAS(result.out, "[\n{\"prefix\": \"10.1.0.0/16\"");
	EXPECT_HAS(result.out, "},\n{\"prefix\": \"0.0.0.0/0\"");
	EXPECT_HAS(result.out, "}\n]\n");
}

/* The printed version of a row is the one that set --if-version wants. */
Test(output_select, versions_of_rows_are_printed_in_every_format)
{
	static const char *const formats[] = {"table", "csv", "json", "ndjson"};
	char *token;

	EXPECT_STATUS(STELE("set", target, "10.0.0.0/8", "metric=21"), 0);
	token = cli_token(3);
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		const char *wanted = i ? token : "3@";

		EXPECT_HAS(STELE("get", "--tokens", "-f", formats[i], target, "10.0.0.0/8").out,
		           wanted);
		EXPECT_HAS(STELE("dump", "--tokens", "-f", formats[i], target).out, wanted);
		EXPECT_HAS(STELE("dump", "--tokens", "-f", formats[i], target).out, "2@");
		EXPECT_HAS(STELE("lookup", "--tokens", "-f", formats[i], target, "10.0.0.1").out,
		           wanted);
	}
	token = STELE("get", "--tokens", "-f", "csv", target, "10.0.0.0/8").out;
	token = strrchr(token, ',') + 1;
	token[strcspn(token, "\n")] = '\0';
	EXPECT_STATUS(STELE("set", "--if-version", token, target, "10.0.0.0/8", "metric=22"), 0);
	EXPECT_STATUS(STELE("set", "--if-version", token, target, "10.0.0.0/8", "metric=23"), 10);
	EXPECT_HAS(STELE("get", "--tokens", "-a", "3", target, "10.0.0.0/8").out, "3@");
}

Test(output_select, dump_prints_some_columns)
{
	expect_done(STELE("dump", "--columns", "metric,prefix", "-f", "csv", target),
	            "metric,prefix\n100,0.0.0.0/0\n20,10.0.0.0/8\n5,10.1.0.0/16\n");
	expect_done(STELE("dump", "--columns", "metric", "-f", "ndjson", target),
	            "{\"metric\": 100}\n{\"metric\": 20}\n{\"metric\": 5}\n");
	expect_done(STELE("dump", "--columns", "metric", target),
	            "metric\n   100\n    20\n     5\n");
	EXPECT_FAILURE(STELE("dump", "--columns", "metric,metric", target), 2, "named twice");
	EXPECT_FAILURE(STELE("dump", "--columns", "metric,", target), 2, "has no column \"\"");
	expect_done(STELE("lookup", "--columns", "metric", "-f", "csv", target, "10.0.0.1"),
	            "address,metric\n10.0.0.1,20\n");
}

Test(output_select, dump_prints_some_rows)
{
	expect_done(
		STELE("dump", "--where", "metric>10", "--columns", "metric", "-f", "csv", target),
		"metric\n100\n20\n");
	expect_done(STELE("dump", "--where", "metric >= 20", "--where", "interface=eth1", "-f",
	                  "csv", target),
	            "prefix,next_hop,interface,metric\n10.0.0.0/8,192.0.2.2,eth1,20\n");
	expect_done(STELE("dump", "--reverse", "--limit", "2", "--columns", "metric", "-f", "csv",
	                  target),
	            "metric\n5\n20\n");
	expect_done(STELE("dump", "--reverse", "--prefix", "10.0.0.0/8", "--columns", "metric",
	                  "-f", "csv", target),
	            "metric\n5\n20\n");
	expect_done(STELE("dump", "--limit", "1", "--where", "metric!=100", "-f", "json",
	                  "--columns", "metric", target),
	            "[\n{\"metric\": 20}\n]\n");
	expect_done(STELE("dump", "--where", "metric<5", "-f", "json", target), "[]\n");
	EXPECT_FAILURE(STELE("dump", "--where", "metric", target), 2, "such as metric>10");
	EXPECT_FAILURE(STELE("dump", "--where", "metri>1", target), 2, "did you mean \"metric\"?");
	EXPECT_FAILURE(STELE("dump", "--where", "metric>x", target), 2,
	               "--where: column \"metric\": invalid value \"x\"");
	EXPECT_FAILURE(STELE("dump", "--limit", "0", target), 2, "--limit");
}

/* Every type is compared by its value, not by its text. */
Test(output_select, conditions_compare_values_of_every_type)
{
	static const struct {
		const char *condition, *keys;
	} cases[] = {
		{"i=-10", "1\n"},        {"i<-9", "1\n"},
		{"i<=9", "1\n2\n"},      {"u>9223372036854775807", "2\n"},
		{"f>-1.5", "2\n"},       {"f!=2", "1\n"},
		{"b=true", "2\n"},       {"a<10.0.0.2", "1\n"},
		{"n>10.0.0.0/8", "2\n"}, {"t>=2026-01-01T00:00:00Z", "2\n"},
		{"w=up", "2\n"},         {"c>ab", "2\n"},
		{"c=ab", "1\n"},         {"v=1 2", "1\n"},
		{"x<b", "1\n"},
	};
	char made[96];

	EXPECT_STATUS(STELE("create", region, "--table",
	                    "all(k: u8 key, i: i16, u: u64, f: f64, b: bool, a: ipv4, n: ipv4net, "
	                    "t: time, w: u8 enum(down=0, up=1), c: char[4], v: u8[2], x: text)"),
	              0);
	snprintf(made, sizeof(made), "%s/all", region);
	EXPECT_STATUS(STELE("set", made, "1", "i=-10", "u=9223372036854775807", "f=-1.5", "b=false",
	                    "a=10.0.0.1", "n=10.0.0.0/8", "t=2025-12-31T23:59:59Z", "w=down",
	                    "c=ab", "v=1 2", "x=a"),
	              0);
	EXPECT_STATUS(STELE("set", made, "2", "i=9", "u=18446744073709551615", "f=2", "b=true",
	                    "a=10.0.0.10", "n=10.0.0.0/16", "t=2026-01-01T00:00:00Z", "w=up",
	                    "c=abc", "v=2 1", "x=b"),
	              0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cli_result result = STELE("dump", "-f", "csv", "--columns", "k", "--where",
		                                 cases[i].condition, made);

		EXPECT_STATUS(result, 0);
		cr_expect(strcmp(result.out + 2, cases[i].keys) == 0, "%s: %s", cases[i].condition,
		          result.out);
	}
	EXPECT_FAILURE(STELE("dump", "--where", "v<1 2", made), 2, "compared by = and != only");
}

Test(output_select, lookup_goes_on_past_what_it_cannot_read)
{
	struct cli_result result;

	result = STELE_WITH("10.1.2.3\nten\n10.2.2.3\n1.2.3\n", "lookup", "--keep-going",
	                    "--columns", "metric", "-f", "csv", target, "-");
	EXPECT_STATUS(result, 2);
	EXPECT_TEXT(result.out, "address,metric\n10.1.2.3,5\n10.2.2.3,20\n");
	EXPECT_HAS(result.err, "standard input:2: key \"ten\": ");
	EXPECT_HAS(result.err, "standard input:4: key \"1.2.3\": ");
	EXPECT_HAS(result.err, "stele: 2 addresses could not be read\n");
	EXPECT_STATUS(STELE_WITH("ten\n10.1.2.3\n", "lookup", target, "-"), 2);
	EXPECT_TEXT(STELE_WITH("ten\n10.1.2.3\n", "lookup", "-f", "csv", target, "-").out, "");
}

/* As servers with one socket for both families log IPv4 addresses. */
Test(output_select, lookup_takes_mapped_addresses)
{
	char vpn[96];

	expect_done(STELE("lookup", "--columns", "metric", "-f", "csv", target, "::ffff:10.1.2.3",
	                  "::FFFF:a01:203"),
	            "address,metric\n::ffff:10.1.2.3,5\n::FFFF:a01:203,5\n");
	EXPECT_STATUS(STELE("lookup", target, "::10.1.2.3"), 2);
	EXPECT_STATUS(STELE("explain", target, "::ffff:10.1.2.3"), 0);
	EXPECT_STATUS(STELE("create", region, "--table", "vpn(vrf: u16 key, prefix: ipv4net key)"),
	              0);
	snprintf(vpn, sizeof(vpn), "%s/vpn", region);
	EXPECT_STATUS(STELE("set", vpn, "7,10.0.0.0/8"), 0);
	EXPECT_STATUS(STELE("lookup", vpn, "7,::ffff:10.1.2.3"), 0);
	EXPECT_STATUS(STELE("lookup", vpn, "--table", "7", "::ffff:10.1.2.3"), 0);
}
