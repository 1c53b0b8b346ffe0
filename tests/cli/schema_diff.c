/* SPDX-License-Identifier: MIT
 *
 * stele schema: what it prints is what stele create takes, with everything that a declaration can
 * say; and the verdicts and exit statuses of stele schema diff. */
#include <stele/schema.h>

#include "tests/support/cli.h"

TestSuite(cli_schema_diff, .init = cli_begin, .fini = cli_end);

#define TABLES(array) (sizeof(array) / sizeof((array)[0]))

/* Declarations of a table `t`. */
static const char *const declared[] = {
	/* every type, as key and as value */
	"t(a: u8 key, b: u16 key, c: u32 key, d: u64 key, e: i8 key, f: i16 key, g: i32 key, "
	"h: i64 key, i: f64 key, j: bool key, k: ipv4 key, l: ipv6 key, m: mac key, n: uuid key, "
	"o: time key, p: char[3] key, q: ipv4net key)",
	"t(a: ipv6net key, b: bytes)",
	"t(a: bytes key, b: text)",
	"t(a: text key, b: ipv4net, c: ipv6net)",
	/* a default of every type */
	"t(z: u8 key, a: u8 default 255, b: u16 default 65535, c: u32 default 4294967295, "
	"d: u64 default 18446744073709551615, e: i8 default -128, f: i16 default -32768, "
	"g: i32 default -2147483648, h: i64 default -9223372036854775808, i: f64 default -1e-300, "
	"j: bool default true, k: ipv4 default 192.0.2.1, l: ipv6 default 2001:db8::1, "
	"m: ipv4net default 10.0.0.0/8, n: ipv6net default ::/0, o: mac default 02:00:00:00:00:01, "
	"p: uuid default 123e4567-e89b-12d3-a456-426614174000, "
	"q: time default 2026-01-31T12:00:00.000000001Z, r: char[20] default \"a \"\"b\"\", (c)#'\")",
	"t(z: u8 key, a: f64 default inf, b: f64 default -inf, c: f64 default 0.1, "
	"d: char[4] default \"\", e: char[4] default \"key\", f: u16[3] default \"1 2 3\", "
	"g: ipv4[2] default \"0.0.0.0 192.0.2.1\", h: bool[2] default \"true false\")",
	/* words */
	"t(z: i8 key enum(low=-128, high=127), a: u64 enum(none=0, most=9223372036854775807) "
	"default most, b: i16[2] enum(key=1, default=-2, unit=3) default \"key default\")",
	/* texts */
	"t(z: u8 key doc \"'single' and \"\"double\"\"\" unit \"%\", a: u8 unit \"\xc2\xb5s, per (row)\" "
	"doc \"\\n # no comment, \\\\ \xf0\x9f\x92\xa1 \xe2\x80\x8bx\")",
	"t(z: u8 key doc \"\"\"\" unit \"\"\"\"\"\"\"\", a: u8 doc ' leading' unit 'a''b')",
	/* names that are words of the grammar, former names, deprecation */
	"t(key: u8 key, enum: u8 enum(enum=1), default: u8 default 1, unit: u8 unit unit, "
	"doc: u8 doc doc, was: u8 was \"were been\" deprecated, deprecated: u8, u8: u16, _: u8, "
	"a-b: u8, x0: u8)",
	"t(z: u8 key was \"y x\", a: u8 was b deprecated unit s doc d default 3 enum(three=3))",
	/* places */
	"t(z: u8 key, a: u8 @3, b: u32 @8, c: u8 @1, d: u16 @16, @24)",
	"t(z: u8 key, a: u64, b: u8, @9)",
	"t(z: u8 key, a: u8, b: bytes @7)",
};

Test(cli_schema_diff, every_declaration_is_printed_as_create_takes_it)
{
	char other[64], table[80], file[64];

	snprintf(other, sizeof(other), "%s-2", region);
	snprintf(table, sizeof(table), "%s/t", region);
	for (size_t i = 0; i < TABLES(declared); i++) {
		struct cli_result printed;

		EXPECT_STATUS(STELE("create", region, "--table", declared[i]), 0);
		printed = STELE("schema", table);
		EXPECT_STATUS(printed, 0);
		expect_done(STELE("schema", "diff", table, declared[i]),
		            "verdict  table  change\n");
		cli_temporary(file, ".schema", printed.out);
		EXPECT_STATUS(STELE("create", other, "--schema", file), 0);
		EXPECT_TEXT(STELE("schema", other).out, printed.out);
		expect_done(STELE("schema", "diff", other, region), "verdict  table  change\n");
		/* As one line, and for an alter of the same table. */
		EXPECT_HAS(STELE("alter", table, "--to", printed.out).out, "nothing changed");
		EXPECT_STATUS(STELE("verify", other), 0);
		EXPECT_STATUS(STELE("rm", other), 0);
		EXPECT_STATUS(STELE("rm", region), 0);
		unlink(file);
	}
}

/* Two declarations of a table, and what diff says about them: the exit status is 1 if and only if a
 * line says "incompatible". NULL: it says nothing. */
static const struct {
	const char *older, *newer, *verdict, *change;
} pairs[] = {
	{"t(k: u8 key, a: u32)", "t(k: u8 key, a: u32)", NULL, NULL},
	{"t(k: u8 key, a: u32)", "u(k: u8 key, a: u32)", NULL, NULL},
	/* appended columns */
	{"t(k: u8 key, a: u32)", "t(k: u8 key, a: u32, b: u32)", "compatible",
         "column \"b\" was appended"},
	{"t(k: u8 key)", "t(k: u8 key, a: u32)", "compatible", "column \"a\" was appended"},
	{"t(k: u8 key, a: u32, b: u8)", "t(k: u8 key, a: u32, b: u8, c: u8)", "incompatible",
         "column \"c\" was added at offset 5, inside the older value of 8 bytes"},
	{"t(k: u8 key, a: u32, b: u8)", "t(k: u8 key, a: u32, b: u8, c: u8 @8)", "compatible",
         "column \"c\" was appended"},
	{"t(k: u8 key, a: text)", "t(k: u8 key, b: u32, a: text)", "incompatible",
         "column \"a\" was replaced by column \"b\""},
	{"t(k: u8 key, a: u32, b: u16)", "t(k: u8 key, c: u32, a: u32, b: u16)", "incompatible",
         "column \"a\" was replaced by column \"c\""},
	{"t(k: u8 key, a: u32)", "t(k: u8 key, a: u32, @8)", "compatible",
         "the value has 8 bytes instead of 4"},
	{"t(k: u8 key, a: u32, @8)", "t(k: u8 key, a: u32)", "incompatible",
         "the value has 4 bytes instead of 8"},
	/* removed and renamed columns */
	{"t(k: u8 key, a: u32, b: u32)", "t(k: u8 key, a: u32)", "incompatible",
         "column \"b\" was removed"},
	{"t(k: u8 key, a: u32)", "t(k: u8 key, b: u32)", "incompatible",
         "column \"a\" was replaced by column \"b\""},
	{"t(k: u8 key, a: u32)", "t(k: u8 key, b: u32 was a)", "compatible",
         "column \"a\" was renamed to \"b\""},
	{"t(k: u8 key, b: u32 was a)", "t(k: u8 key, a: u32)", "compatible",
         "column \"b\" was renamed to \"a\""},
	{"t(k: u8 key, a: u32)", "t(k: u8 key, a: u32 was b)", "compatible",
         "list of former names was added"},
	/* keys */
	{"t(k: u8 key, a: u32)", "t(k: u8 key, l: u8 key, a: u32)", "incompatible",
         "key column \"l\" was added"},
	{"t(k: u8 key, l: u8 key, a: u32)", "t(k: u8 key, a: u32)", "incompatible",
         "column \"l\" was removed"},
	{"t(k: u8 key, a: u32)", "t(k: u16 key, a: u32)", "incompatible",
         "column \"k\" was changed from u8 to u16"},
	{"t(k: u8 key, l: u16 key)", "t(l: u16 key, k: u8 key)", "incompatible",
         "column \"k\" was replaced by column \"l\""},
	{"t(k: char[8] key)", "t(k: char[9] key)", "incompatible",
         "column \"k\" was changed from char[8] to char[9]"},
	{"t(k: u8 key)", "t(l: u8 key was k)", "compatible", "column \"k\" was renamed to \"l\""},
	/* types, sizes, elements, places */
	{"t(k: u8 key, a: u32)", "t(k: u8 key, a: i32)", "incompatible",
         "column \"a\" was changed from u32 to i32"},
	{"t(k: u8 key, a: u32)", "t(k: u8 key, a: u32[2])", "incompatible",
         "column \"a\" was changed from u32 to u32[2]"},
	{"t(k: u8 key, a: u32[3])", "t(k: u8 key, a: u32[2])", "incompatible",
         "column \"a\" was changed from u32[3] to u32[2]"},
	{"t(k: u8 key, a: char[8])", "t(k: u8 key, a: char[16])", "incompatible",
         "column \"a\" was changed from char[8] to char[16]"},
	{"t(k: u8 key, a: text)", "t(k: u8 key, a: bytes)", "incompatible",
         "column \"a\" was changed from text to bytes"},
	{"t(k: u8 key, a: u32, @8)", "t(k: u8 key, a: u32 @4)", "incompatible",
         "column \"a\" was moved from offset 0 to 4"},
	/* enumerations */
	{"t(k: u8 key, a: u8 enum(x=1))", "t(k: u8 key, a: u8 enum(x=1, y=2))", "compatible",
         "word y=2 was added"},
	{"t(k: u8 key, a: u8 enum(x=1, y=2))", "t(k: u8 key, a: u8 enum(x=1))", "incompatible",
         "word y=2 was removed"},
	{"t(k: u8 key, a: u8 enum(x=1))", "t(k: u8 key, a: u8 enum(x=2))", "incompatible",
         "word x=1 was changed to x=2"},
	{"t(k: u8 key, a: u8)", "t(k: u8 key, a: u8 enum(x=1))", "compatible",
         "word x=1 was added"},
	{"t(k: u8 key, a: u8 enum(x=1))", "t(k: u8 key, a: u8)", "incompatible",
         "word x=1 was removed"},
	/* what is not in the value */
	{"t(k: u8 key, a: u8 default 1)", "t(k: u8 key, a: u8 default 2)", "compatible",
         "the default was changed"},
	{"t(k: u8 key, a: u8 default 1)", "t(k: u8 key, a: u8)", "compatible",
         "the default was removed"},
	{"t(k: u8 key, a: u8)", "t(k: u8 key, a: u8 unit s)", "compatible", "the unit was added"},
	{"t(k: u8 key, a: u8 doc a)", "t(k: u8 key, a: u8 doc b)", "compatible",
         "the description was changed"},
	{"t(k: u8 key, a: u8)", "t(k: u8 key, a: u8 deprecated)", "compatible",
         "column \"a\" is now deprecated"},
	{"t(k: u8 key, a: u8 deprecated)", "t(k: u8 key, a: u8)", "compatible",
         "column \"a\" is no longer deprecated"},
};

/* The verdict is that of the library for a program and a table, too. */
static void expect_verdict(const char *older, const char *newer, bool compatible)
{
	struct stele_schema *a, *b;
	char name[STELE_NAME_MAX + 1];

	cr_assert(stele_schema_parse(older, name, &a) == 0, "%s", stele_last_error());
	cr_assert(stele_schema_parse(newer, name, &b) == 0, "%s", stele_last_error());
	cr_expect((stele_schema_compatible(a, b) >= 0) == compatible, "%s, %s", older, newer);
	stele_schema_free(a);
	stele_schema_free(b);
}

Test(cli_schema_diff, each_class_of_change_has_its_status)
{
	for (size_t i = 0; i < TABLES(pairs); i++) {
		bool incompatible = pairs[i].verdict && pairs[i].verdict[0] == 'i';
		struct cli_result result =
			STELE("schema", "diff", "-f", "ndjson", pairs[i].older, pairs[i].newer);
		char *quotes = strdup(pairs[i].change ? pairs[i].change : ""), verdict[64];

		cr_expect(result.status == incompatible, "status %d: %s, %s", result.status,
		          pairs[i].older, pairs[i].newer);
		EXPECT_TEXT(result.err, "");
		expect_verdict(pairs[i].older, pairs[i].newer, !incompatible);
		if (!pairs[i].verdict) {
			EXPECT_TEXT(result.out, "");
			free(quotes);
			continue;
		}
		snprintf(verdict, sizeof(verdict), "\"verdict\": \"%s\"", pairs[i].verdict);
		EXPECT_HAS(result.out, verdict);
		/* The parts before and after quotation marks, which JSON escapes. */
		if (strrchr(quotes, '"'))
			EXPECT_HAS(result.out, strrchr(quotes, '"') + 1);
		*strchrnul(quotes, '"') = '\0';
		EXPECT_HAS(result.out, quotes);
		free(quotes);
	}
}

Test(cli_schema_diff, what_cannot_be_compared_has_a_status_of_its_own)
{
	char table[80];

	EXPECT_STATUS(STELE("create", region, "--table", "t(k: u8 key)"), 0);
	snprintf(table, sizeof(table), "%s/u", region);
	EXPECT_FAILURE(STELE("schema", "diff", "t(k: u8 key)", "t(k: u9 key)"), 2, "u9");
	EXPECT_FAILURE(STELE("schema", "diff", "t(k: u8 key)", "t(k: u8)"), 2, "key column");
	EXPECT_FAILURE(STELE("schema", "diff", "t(k: u8 key)", "./no-such-file"), 3,
	               "no-such-file");
	EXPECT_FAILURE(STELE("schema", "diff", "t(k: u8 key)", table), 3, "there is no table");
	EXPECT_FAILURE(STELE("schema", "diff", "t(k: u8 key)", "no-such-region"), 3,
	               "no-such-region");
	EXPECT_FAILURE(STELE("create", region, "--table", "u(k: u8 key doc \"a\nb\")"), 2,
	               "column \"k\": the description has the control character 0x0a");
	EXPECT_FAILURE(STELE("create", region, "--table", "u(k: u8 key unit \"a\tb\")"), 2,
	               "column \"k\": the unit has the control character 0x09");
}
