/* SPDX-License-Identifier: MIT
 *
 * stele apply: the JSON of its lines. What is no JSON, or what readers of JSON disagree about, is
 * refused; and no number loses digits. */
#include "tests/support/cli.h"

static void begin(void)
{
	cli_begin();
	snprintf(target, sizeof(target), "%s/t", region);
	EXPECT_STATUS(STELE("create", region, "--table",
	                    "t(k: u64 key, wide: i64, real: f64, name: text)"),
	              0);
}

TestSuite(input_apply, .init = begin, .fini = cli_end);

#define ROW(value_) \
	"{\"table\": \"t\", \"put\": {\"k\": 1, \"wide\": 1, \"real\": 1, \"name\": " value_ "}}"

Test(input_apply, refuses_what_is_no_json)
{
	static const struct {
		const char *line, *message;
	} cases[] = {
		{"{\"table\": \"t\", \"put\": {\"k\": 1, \"k\": 2}}", "duplicate name"},
		{"{\"table\": \"t\", \"t\\u0061ble\": \"t\"}", "duplicate name"},
		{"{\"table\": \"t\", \"a\\u0000\": 1}", "a name with a NUL"},
		{ROW("\"\\ud800\""), "surrogate"},
		{ROW("\"\\ud800\\u0041\""), "surrogate"},
		{ROW("\"\\udc00\\ud800\""), "surrogate"},
		{ROW("\"\\u00g0\""), "four hexadecimal digits"},
		{ROW("\"\\x\""), "invalid escape"},
		{ROW("\"\xff\""), "invalid UTF-8"},
		{ROW("\"\xc0\x80\""), "invalid UTF-8"},
		{ROW("\"\xed\xa0\x80\""), "invalid UTF-8"},
		{ROW("\"\xf4\x90\x80\x80\""), "invalid UTF-8"},
		{ROW("\"\xe2\x82\""), "invalid UTF-8"},
		{ROW("\"a\tb\""), "control character"},
		{ROW("00"), "expected a comma"},
		{ROW("-01"), "expected a comma"},
		{ROW("1."), "decimal point"},
		{ROW(".5"), "expected a value"},
		{ROW("1e"), "exponent"},
		{ROW("+1"), "expected a value"},
		{ROW("0x10"), "expected a comma"},
		{ROW("NaN"), "expected a value"},
		{ROW("Infinity"), "expected a value"},
		{ROW("nul"), "expected a value"},
		{ROW("nulls"), "expected a comma"},
		{ROW("[1,]"), "expected a value"},
		{ROW("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["), "nested too deep"},
		{ROW("'a'"), "expected a value"},
		{"{'table': \"t\"}", "expected a string"},
		{"{\"table\" \"t\"}", "expected a colon"},
		{"{\"table\": \"t\",}", "expected a string"},
		{"{\"table\": \"t\"} x", "end of the line"},
		{"{\"table\": \"t\"}{}", "end of the line"},
		{"{\"table\": /* */ \"t\"}", "expected a value"},
		{"[1]", "expected a JSON object"},
		{"7", "expected a JSON object"},
		{"{\"table\": \"t\\u0000\", \"put\": {}}", "expected {\"table\": NAME"},
	};
	char line[256];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cli_result result;

		snprintf(line, sizeof(line), "%s\n", cases[i].line);
		result = STELE_WITH(line, "apply", region, "-");
		cr_expect(result.status == 2 && strstr(result.err, cases[i].message), "%s: %d: %s",
		          line, result.status, result.err);
	}
	expect_done(STELE("dump", "-f", "json", target), "[]\n");
}

/* The greatest numbers of 64 bits, which the usual libraries clamp or refuse. */
Test(input_apply, takes_numbers_of_64_bits)
{
	EXPECT_STATUS(
		STELE_WITH("{\"table\": \"t\", \"put\": {\"k\": 18446744073709551615, \"wide\": "
	                   "-9223372036854775808, \"real\": 1.5e3, \"name\": \"\"}}\n",
	                   "apply", region, "-"),
		0);
	EXPECT_TEXT(STELE("dump", "-f", "csv", target).out,
	            "k,wide,real,name\n18446744073709551615,-9223372036854775808,1500,\"\"\n");
	EXPECT_FAILURE(STELE_WITH("{\"table\": \"t\", \"put\": {\"k\": 18446744073709551616, "
	                          "\"wide\": 1, \"real\": 1, \"name\": \"\"}}\n",
	                          "apply", region, "-"),
	               2, "18446744073709551616");
	EXPECT_FAILURE(STELE_WITH("{\"table\": \"t\", \"put\": {\"k\": 1, \"wide\": "
	                          "9223372036854775808, \"real\": 1, \"name\": \"\"}}\n",
	                          "apply", region, "-"),
	               2, "9223372036854775808");
	EXPECT_STATUS(STELE_WITH("[{\"k\": 18446744073709551614, \"wide\": 1, \"real\": 1, "
	                         "\"name\": \"\"}]\n",
	                         "publish", target, "-"),
	              0);
	EXPECT_HAS(STELE("dump", "-f", "csv", target).out, "\n18446744073709551614,");
}

Test(input_apply, takes_text_as_json_has_it)
{
	EXPECT_STATUS(STELE_WITH(" { \"table\" : \"\\u0074\" , \"put\" : { \"k\" : 1 , "
	                         "\"wide\":-0,\"real\":1E+2,\"n\\u0061me\": "
	                         "\"\\ud83d\\ude00 \\u00e9\\/\\u0041 \xe2\x82\xac\\n\"}}\t\r\n",
	                         "apply", region, "-"),
	              0);
	EXPECT_HAS(STELE("dump", "-f", "json", target).out,
	           "\"\xf0\x9f\x98\x80 \xc3\xa9/A \xe2\x82\xac\\n\"");
}

/* Each name costs time while the region is locked. */
Test(input_apply, a_mark_of_too_many_tables_is_refused)
{
	enum { NAMES = 16385 };
	static char input[NAMES * 10 + 1024];
	size_t length = (size_t)snprintf(input, sizeof(input),
	                                 "{\"change\": \"initial\", \"version\": 2, \"format\": 1, "
	                                 "\"row\": {\"tables\": [\"routes\"");

	for (int i = 1; i < NAMES; i++)
		length += (size_t)snprintf(input + length, sizeof(input) - length, ",\"t%05d\"", i);
	snprintf(input + length, sizeof(input) - length,
	         "]}}\n{\"change\": \"initial_end\", \"version\": 2, \"format\": 1}\n");
	EXPECT_FAILURE(STELE_WITH(input, "apply", region, "-"), 2, "more than 16384 tables");
}
