/* SPDX-License-Identifier: MIT
 *
 * Attributes of columns: which are allowed, their text and stored forms, enumerations and arrays as
 * text and at put, and which schemas are compatible. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/schema/key.h"
#include "lib/schema/schema_store.h"
#include "lib/schema/schema_value.h"
#include "tests/support/message.h"
#include "tests/support/random.h"

#ifdef NDEBUG
#error "tests need their assertions"
#endif

#define SEED         UINT64_C(0x5deece66d)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static uint64_t random_state = SEED;

static unsigned random_below(unsigned limit)
{
	return (unsigned)(random_from(&random_state) % limit);
}

/* Parses the columns of a declaration, which must be valid. */
static struct stele_schema *parse(const char *columns)
{
	char text[8192], table[STELE_NAME_MAX + 1];
	struct stele_schema *schema = NULL;

	snprintf(text, sizeof(text), "t(%s)", columns);
	cr_assert(stele_schema_parse(text, table, &schema) == 0, "%s: %s", text,
	          stele_last_error());
	return schema;
}

struct link {
	uint32_t load[3];
	uint8_t state;
	uint8_t macs[2][6];
};

static const struct stele_word states[] = {{"up", 1}, {"down", 2}, {"testing", 9}};
static const struct stele_word sides[] = {{"left", -1}, {"right", 1}};
static const struct stele_column link_columns[] = {
	STELE_KEY_ENUM("side", STELE_I16, sides),
	STELE_VALUE_ARRAY(struct link, load, STELE_U32),
	STELE_VALUE_ENUM(struct link, state, STELE_U8, states),
	STELE_VALUE_ARRAY(struct link, macs, STELE_MAC),
};
static const struct stele_schema link_schema = STELE_SCHEMA(struct link, link_columns);

Test(unit_schema_attributes, macros_make_what_a_declaration_makes)
{
	struct stele_schema *schema =
		parse("side: i16 key enum(left=-1, right=1), load: u32[3],\n# the state\n"
	              "state: u8 enum(up=1, down=2, testing=9), macs: mac[2]");

	cr_assert(stele_schema_check(&link_schema) == 0, "%s", stele_last_error());
	cr_expect(stele_schema_equal(schema, &link_schema));
	cr_expect(schema->columns[1].count == 3 && schema->columns[1].size == 12);
	cr_expect(schema->columns[3].offset == 13 && schema->value_size == 28);
	stele_schema_free(schema);
}

Test(unit_schema_attributes, with_designated_members)
{
	static const struct stele_column columns[] = {
		STELE_KEY("k", STELE_U8),
		STELE_VALUE_WITH(struct link, state, STELE_U8, .unit = "s", .description = "d",
	                         .flags = STELE_COLUMN_DEPRECATED, .former_names = "a b"),
	};
	static const struct stele_schema with = {
		.columns = columns, .column_count = 2, .value_size = sizeof(struct link)};
	struct stele_schema *schema =
		parse("k: u8 key, state: u8 @12 was 'a b' unit s doc \"d\" deprecated, @28");

	cr_assert(stele_schema_check(&with) == 0, "%s", stele_last_error());
	cr_expect(stele_schema_equal(schema, &with));
	cr_expect(stele_schema_column(schema, "b") == 1 && stele_schema_column(schema, "c") < 0);
	stele_schema_free(schema);
}

Test(unit_schema_attributes, errors_in_declarations)
{
	static const struct {
		const char *text, *message;
	} bad[] = {
		{"t(k: u8 key, v: u8 dok \"x\")", "character 20: expected \"key\", an attribute"},
		{"t(k: u8 key, v: u8 doc \"x)", "character 24: the text has no closing \""},
		{"t(k: u8 key, v: u8 doc)", "character 23: expected a text"},
		{"t(k: u8 key, v: u8 doc a doc b)", "character 26: \"doc\" is given twice"},
		{"t(k: u8 key, v: u8 enum(a=1, b=1))", "a=1 and b=1 are not distinct"},
		{"t(k: u8 key, v: u8 enum(a=1, a=2))", "a=1 and a=2 are not distinct"},
		{"t(k: u8 key, v: u8 enum(a=256))", "a=256 is outside type u8 (0 to 255)"},
		{"t(k: u8 key, v: i8 enum(a=-129))", "outside type i8 (-128 to 127)"},
		{"t(k: u8 key, v: u8 enum(1=1))", "word \"1\" does not start with"},
		{"t(k: u8 key, v: u8 enum())", "character 25: expected a word"},
		{"t(k: u8 key, v: u8 enum(a))", "character 26: expected '='"},
		{"t(k: u8 key, v: u8 enum(a=b))", "character 27: expected the number"},
		{"t(k: u8 key, v: u8 enum(a=1)",
	         "expected \"key\", an attribute, ',' or ')', but the"},
		{"t(k: u8 key, v: f64 enum(a=1))", "only an integer can be an enumeration"},
		{"t(k: u8 key, v: u8 enum(a=1) default 2)",
	         "character 38: column \"v\": invalid value \"2\" (expected one of a=1)"},
		{"t(k: u8 key, v: f64 default nan)", "the default cannot be NaN"},
		{"t(k: u8 key, v: char[600] default x)", "only value columns of 1 to 512 bytes"},
		{"t(k: u8 key, v: text default x)", "only value columns of 1 to 512 bytes"},
		{"t(k: u8 key default 1)", "only value columns of 1 to 512 bytes"},
		{"t(k: u8 key deprecated)", "every key needs its key columns"},
		{"t(k: u8 key, v: char[4] default '\t')", "the default has the control character"},
		{"t(k: u8 key, v: u8 doc '\n')", "the description has the control character 0x0a"},
		{"t(k: u8 key, v: u8 unit '\033')", "the unit has the control character 0x1b"},
		{"t(k: u8 key, v: u8 was k)", "\"k\" is also a name of column \"k\""},
		{"t(k: u8 key, v: u8 was v)", "\"v\" is also a name of column \"v\""},
		{"t(k: u8 key, v: u8 was a, w: u8 was a)", "\"a\" is also a name of column \"v\""},
		{"t(k: u8 key, v: u8 was a, a: u8)", "column 3 is called \"a\", a former name"},
		{"t(k: u8 key, v: u8 was 'a  b')", "one space between two former names"},
		{"t(k: u8 key, v: u8 was '1')", "\"1\" is no former name of a column"},
		{"t(k: u8 key, v: text[2])", "only value columns of fixed types"},
		{"t(k: u8 key, v: text[2] default 1)", "only value columns of fixed types"},
		{"t(k: u8 key, v: u64[131073])", "the schema has values of 1048584 bytes"},
		{"t(k: u8 key, v: u8[0])", "expected a number of elements from 1 to 1048576"},
		{"t(k: u8 key, v: u32 @2)", "needs a multiple of 4"},
		{"t(k: u8 key, v: u8 @1048577)", "character 21: expected a number of bytes"},
		{"t(k: u8 key, v: u8, w: u8 @0)", "columns \"v\" and \"w\" overlap"},
		{"t(k: u8 key, v: u32, @3)", "character 22: column \"v\" of 4 bytes"},
		{"t(k: u8 key, v: u32, @8, w: u8)", "character 24: expected ')'"},
	};
	char table[STELE_NAME_MAX + 1];
	struct stele_schema *schema = NULL;

	for (size_t i = 0; i < COUNT(bad); i++) {
		cr_expect(stele_schema_parse(bad[i].text, table, &schema) == -EINVAL, "%s passed",
		          bad[i].text);
		EXPECT_MESSAGE(bad[i].message);
	}
	cr_expect(schema == NULL);
}

Test(unit_schema_attributes, members_that_only_c_can_set)
{
	struct stele_column columns[2] = {STELE_KEY("k", STELE_U8),
	                                  {.name = "v", .type = STELE_U8, .size = 1}};
	struct stele_schema schema = {.columns = columns, .column_count = 2, .value_size = 1};
	char longer[STELE_DESCRIPTION_MAX + 2];

	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	columns[1].description = longer;
	cr_expect(stele_schema_check(&schema) == -EINVAL);
	EXPECT_MESSAGE("description is longer than 1023 bytes");
	longer[STELE_DESCRIPTION_MAX] = '\0';
	cr_expect(stele_schema_check(&schema) == 0, "%s", stele_last_error());
	columns[1].flags = 2;
	cr_expect(stele_schema_check(&schema) == -EINVAL);
	EXPECT_MESSAGE("unknown flags 0x2");
	columns[1].flags = 0;
	columns[1].reserved_[3] = 1;
	cr_expect(stele_schema_check(&schema) == -EINVAL);
	EXPECT_MESSAGE("reserved");
	columns[1].reserved_[3] = 0;
	schema.reserved_[0] = 1;
	cr_expect(stele_schema_check(&schema) == -EINVAL);
	EXPECT_MESSAGE("reserved");
	schema.reserved_[0] = 0;
	columns[1].word_count = 1;
	cr_expect(stele_schema_check(&schema) == -EINVAL);
	EXPECT_MESSAGE("has 0 words");
}

Test(unit_schema_attributes, all_attributes_together_are_bounded)
{
	static char stored[SCHEMA_STORED_MAX + 1];
	char names[STELE_COLUMNS_MAX][8], description[STELE_DESCRIPTION_MAX + 1];
	struct stele_column columns[STELE_COLUMNS_MAX];
	struct stele_schema *loaded,
		schema = {.columns = columns, .column_count = STELE_COLUMNS_MAX};
	size_t size;

	memset(description, '"', sizeof(description) - 1);
	description[sizeof(description) - 1] = '\0';
	for (unsigned i = 0; i < STELE_COLUMNS_MAX; i++) {
		snprintf(names[i], sizeof(names[i]), "c%u", i);
		columns[i] = (struct stele_column){.name = names[i], .type = STELE_U8, .key = true};
		columns[i].description = i < 23 ? description : NULL;
	}
	cr_assert(stele_schema_check(&schema) == 0, "%s", stele_last_error());
	stored[SCHEMA_STORED_MAX] = 0x5a;
	size = schema_store(&schema, stored);
	cr_assert(size == schema_stored_size(&schema) && size <= SCHEMA_STORED_MAX);
	cr_assert(stored[SCHEMA_STORED_MAX] == 0x5a);
	cr_assert(schema_load(stored, size, &loaded) == 0, "%s", stele_last_error());
	cr_expect(stele_schema_equal(loaded, &schema));
	stele_schema_free(loaded);
	columns[23].description = columns[24].description = description;
	cr_expect(stele_schema_check(&schema) == -EINVAL);
	EXPECT_MESSAGE("the maximum is 49152");
}

/* ---- round trips ---- */

static const char *random_text(void)
{
	static const char *const texts[] = {
		"", "ms", "it's", "say \"no\"", "a, b) # c", "\xc3\xa9t\xc3\xa9", "'"};

	return texts[random_below(COUNT(texts))];
}

/* Appends a value column with random attributes to a declaration. */
static size_t random_column(char *text, size_t at, unsigned index)
{
	static const char *const types[] = {
		"u8 default 7",
		"i64 enum(a=-9, b=0, c-d=77) default b",
		"f64 default -0.5",
		"u16[5] default '1 2 3 4 5'",
		"bool default true",
		"char[9] default 'it''s'",
		"ipv6net[2] default '::/0 fe80::/10'",
		"uuid",
		"mac[3]",
		"time default 2026-01-31T12:00:00.5Z",
		"u32 enum(x=4294967295)",
		"ipv4",
		"char[3] default \"\"",
		"u8[2] enum(on=1, off=0) default 'on off'",
	};
	const char *texts[2] = {random_text(), random_text()};

	at += (size_t)sprintf(text + at, ", c%u: %s", index, types[random_below(COUNT(types))]);
	if (random_below(3) == 0)
		at += (size_t)sprintf(text + at, " was old%u", index);
	if (random_below(3) == 0)
		at += (size_t)sprintf(text + at, " deprecated");
	for (unsigned i = 0; i < 2; i++) {
		at += (size_t)sprintf(text + at, i ? " doc \"" : " unit \"");
		for (const char *c = texts[i]; *c; c++)
			at += (size_t)sprintf(text + at, *c == '"' ? "\"\"" : "%c", *c);
		at += (size_t)sprintf(text + at, "\"");
	}
	return at;
}

static void expect_equal_after_trips(const struct stele_schema *schema)
{
	static char text[32768], stored[SCHEMA_STORED_MAX];
	struct stele_schema *other;
	size_t size;

	cr_assert(stele_schema_format(schema, text, sizeof(text)) < sizeof(text));
	other = parse(text);
	cr_assert(stele_schema_equal(schema, other), "%s", text);
	cr_assert(stele_schema_compatible(schema, other) == STELE_SCHEMA_SAME);
	stele_schema_free(other);
	size = schema_store(schema, stored);
	cr_assert(size == schema_stored_size(schema) && size % 8 == 0);
	cr_assert(schema_load(stored, size, &other) == 0, "%s: %s", text, stele_last_error());
	cr_assert(stele_schema_equal(schema, other), "%s", text);
	stele_schema_free(other);
	other = stele_schema_copy(schema);
	cr_assert(stele_schema_equal(schema, other), "%s", text);
	stele_schema_free(other);
}

Test(unit_schema_attributes, random_schemas_survive_round_trips)
{
	static char text[16384];

	cr_log_info("seed %llu", (unsigned long long)SEED);
	for (unsigned round = 0; round < 2000; round++) {
		size_t at = (size_t)sprintf(text, "k: u8 key doc 'the key'");
		unsigned columns = random_below(8);
		struct stele_schema *schema;
		struct stele_column moved[16];
		struct stele_schema other;

		for (unsigned i = 0; i < columns; i++)
			at = random_column(text, at, i);
		if (random_below(4) == 0)
			sprintf(text + at, ", rest: %s", random_below(2) ? "text" : "bytes");
		schema = parse(text);
		expect_equal_after_trips(schema);
		/* Other offsets than those of a C struct. */
		other = *schema;
		other.columns = moved;
		memcpy(moved, schema->columns, schema->column_count * sizeof(moved[0]));
		for (size_t i = 1 + random_below(4); i < schema->column_count; i++)
			moved[i].offset += 8;
		other.value_size += 8 + (schema_value_variable(schema) ? 0 : random_below(3));
		if (schema->column_count > 1 && stele_schema_check(&other) == 0)
			expect_equal_after_trips(&other);
		stele_schema_free(schema);
	}
}

Test(unit_schema_attributes, unknown_stored_attributes_are_skipped)
{
	static char stored[512];
	struct stele_schema *schema = parse("k: u8 key, v: u8 doc \"check=1\" unit \"ms\"");
	size_t size = schema_store(schema, stored);
	char *at = memmem(stored, size, " doc ", 5);

	cr_assert(at);
	memcpy(at, " new ", 5);
	stele_schema_free(schema);
	cr_assert(schema_load(stored, size, &schema) == 0, "%s", stele_last_error());
	cr_expect_str_eq(schema->columns[1].unit, "ms");
	cr_expect(schema->columns[1].description == NULL);
	stele_schema_free(schema);
}

Test(unit_schema_attributes, damaged_stored_attributes)
{
	static char stored[1024];
	struct stele_schema *loaded,
		*schema = parse(
			"k: u8 key enum(a=1), v: u16[3] was w default '1 2 3' unit \"ms\" doc \"d\" deprecated");
	size_t size = schema_store(schema, stored);

	stele_schema_free(schema);
	for (size_t bit = 0; bit < size * 8; bit++) {
		char *copy = malloc(size);

		cr_assert(copy);
		memcpy(copy, stored, size);
		copy[bit / 8] ^= (char)(1 << bit % 8);
		if (schema_load(copy, size, &loaded) == 0) {
			cr_assert(stele_schema_check(loaded) == 0, "%s", stele_last_error());
			stele_schema_free(loaded);
		}
		free(copy);
	}
}

/* ---- values ---- */

static void expect_text(const struct stele_column *column, const void *value, const char *text)
{
	char formatted[128];
	uint8_t parsed[64];
	size_t size;

	cr_expect(stele_value_format(column, value, column->size, formatted, sizeof(formatted)) ==
	          strlen(text));
	cr_expect_str_eq(formatted, text);
	cr_expect(stele_value_parse(column, text, strlen(text), parsed, sizeof(parsed), &size) == 0,
	          "%s", stele_last_error());
	cr_expect(memcmp(parsed, value, size) == 0);
	cr_expect(stele_value_format(column, value, column->size, formatted, 4) == strlen(text));
	cr_expect(strncmp(formatted, text, 3) == 0 && strlen(formatted) <= 3);
}

static void expect_refused(const struct stele_column *column, const char *text, const char *message)
{
	uint8_t parsed[64];
	size_t size = 77;

	cr_expect(stele_value_parse(column, text, strlen(text), parsed, sizeof(parsed), &size) ==
	                  -EINVAL,
	          "%s passed", text);
	EXPECT_MESSAGE(message);
	cr_expect(size == 77);
}

Test(unit_schema_attributes, enumerations_and_arrays_as_text)
{
	static const struct link link = {
		.load = {1, 20, 4000000000u}, .state = 9, .macs = {{1, 2, 3, 4, 5, 6}, {255}}};
	struct stele_column named = link_columns[1];
	struct stele_word numbers[] = {{"some", 20}, {"one", 1}, {"many", 4000000000}};
	uint8_t other = 3, parsed[4];
	char text[16];
	size_t size;

	expect_text(&link_columns[1], link.load, "1 20 4000000000");
	expect_text(&link_columns[2], &link.state, "testing");
	expect_text(&link_columns[3], link.macs, "01:02:03:04:05:06 ff:00:00:00:00:00");
	named.words = numbers;
	named.word_count = 3;
	expect_text(&named, link.load, "one some many");
	stele_value_format(&link_columns[2], &other, 1, text, sizeof(text));
	cr_expect_str_eq(text, "3", "a number without a word");
	cr_expect(stele_value_parse(&link_columns[2], "0x2", 3, parsed, 4, &size) == 0 &&
	          parsed[0] == 2);
	expect_refused(&link_columns[2], "3",
	               "\"state\": invalid value \"3\" (expected one of up=1, down=2, testing=9)");
	expect_refused(&link_columns[2], "u", "invalid value \"u\"");
	expect_refused(&link_columns[1], "1 2", "\"load\": an array of 2 elements (expected 3");
	expect_refused(&link_columns[1], "1 2 3 4", "an array of 4 elements (expected 3");
	expect_refused(&link_columns[1], "1 x 3", "invalid value \"x\" (expected a number");
	expect_refused(&link_columns[1], "", "an array of 0 elements");
}

Test(unit_schema_attributes, numbers_without_a_word_are_refused_at_put)
{
	struct link link = {.state = 2};
	struct stele_key key = {0};
	int16_t side = -1;
	struct stele_schema *flags = parse("k: u8 key, v: bool[3], w: u8[2] enum(a=7)");
	uint8_t value[5] = {1, 0, 1, 7, 7};

	cr_expect_not(schema_value_any(&link_schema));
	cr_expect_not(schema_key_plain(&link_schema));
	cr_expect(stele_value_check(&link_schema, &link, sizeof(link)) == 0);
	link.state = 0;
	cr_expect(stele_value_check(&link_schema, &link, sizeof(link)) == -EINVAL);
	EXPECT_MESSAGE(
		"column \"state\": 0 has no word in its enumeration (expected up=1, down=2, testing=9)");
	cr_expect(stele_key_append(&key, &link_columns[0], &side, 2) == 0);
	cr_expect(stele_key_check(&link_schema, key.bytes, key.bits) == 0, "%s",
	          stele_last_error());
	key.bytes[1] = 0xfe;
	cr_expect(stele_key_check(&link_schema, key.bytes, key.bits) == -EINVAL);
	EXPECT_MESSAGE("column \"side\": -2 has no word");
	side = 0;
	cr_expect(stele_key_append(&key, &link_columns[0], &side, 2) == -EINVAL);
	EXPECT_MESSAGE("column \"side\": 0 has no word");
	cr_expect(stele_value_check(flags, value, 5) == 0, "%s", stele_last_error());
	value[2] = 2;
	cr_expect(stele_value_check(flags, value, 5) == -EINVAL);
	EXPECT_MESSAGE("column \"v\": invalid bool 2");
	value[2] = 0;
	value[4] = 8;
	cr_expect(stele_value_check(flags, value, 5) == -EINVAL);
	EXPECT_MESSAGE("column \"w\": 8 has no word");
	stele_schema_free(flags);
}

/* ---- compatible schemas ---- */

Test(unit_schema_attributes, compatible_schemas)
{
	static const struct {
		const char *expected, *present, *message; /* NULL: in place */
	} pairs[] = {
		{"k: u8 key, v: u32", "k: u8 key, v: u32, w: u8", NULL},
		{"k: u8 key, v: u32", "k: u8 key, v: u32, w: text @5", NULL},
		{"k: u8 key, v: u32", "k: u8 key, v: u32, w: text",
	         "column \"w\" was appended at offset 4, where older values end"},
		{"k: u8 key", "k: u8 key, w: bytes", "place it one byte further (@1)"},
		{"k: u8 key", "k: u8 key, v: u32", NULL},
		{"k: u8 key, v: u32", "k: u8 key, v: u32 doc 'x' unit y default 3 deprecated",
	         NULL},
		{"k: u8 key, v: u32", "k: u8 key, w: u32 was v", NULL},
		{"k: u8 key, w: u32 was v", "k: u8 key, v: u32", NULL},
		{"k: u8 key, v: u32", "j: u8 key was k, v: u32", NULL},
		{"k: u8 key, v: u8 enum(a=1)", "k: u8 key, v: u8 enum(b=2, a=1)", NULL},
		{"k: u8 key, v: u8", "k: u8 key, v: u8 enum(a=1)", NULL},
		{"k: u8 key, v: u64, w: u32", "k: u8 key, v: u64, w: u32, x: u32 @16", NULL},
		{"k: u8 key, v: u8", "k: u8 key, v: u8, @4", NULL},
		{"k: u8 key, v: u64, w: u32", "k: u8 key, v: u64, w: u32, x: u32",
	         "column \"x\" was added at offset 12, inside the older value of 16 bytes"},
		{"k: u8 key, v: u32", "k: u8 key, v: i32",
	         "column \"v\" was changed from u32 to i32: the schema is (k: u8 key, v: i32), not "
	         "(k: u8 key, v: u32)"},
		{"k: u8 key, v: u32", "k: u8 key, v: u32[1]", "changed from u32 to u32[1]"},
		{"k: u8 key, v: char[4]", "k: u8 key, v: char[5]", "from char[4] to char[5]"},
		{"k: u8 key, v: u32, w: u8", "k: u8 key, v: u32", "column \"w\" was removed"},
		{"k: u8 key, v: u32", "k: u8 key, w: u32", "\"v\" was replaced by column \"w\""},
		{"k: u8 key, v: u32", "k: u8 key, v: u32 @4", "moved from offset 0 to 4"},
		{"k: u8 key, v: u8 enum(a=1)", "k: u8 key, v: u8", "word a=1 was removed"},
		{"k: u8 key, v: u8 enum(a=1)", "k: u8 key, v: u8 enum(a=2)", "changed to a=2"},
		{"k: u8 key, v: u8 enum(a=1)", "k: u8 key, v: u8 enum(b=1)", "a=1 was removed"},
		{"k: u8 key, v: u8", "k: u8 key, l: u8 key, v: u8", "key column \"l\" was added"},
		{"k: u8 key, l: u8 key", "k: u8 key", "column \"l\" was removed"},
		{"k: u8 key", "k: u16 key", "column \"k\" was changed from u8 to u16"},
		{"k: u8 key, v: text", "k: u8 key, w: u8, v: text", "\"v\" was replaced"},
		{"k: u8 key, v: u8, @4", "k: u8 key, v: u8", "1 bytes instead of 4"},
	};

	for (size_t i = 0; i < COUNT(pairs); i++) {
		struct stele_schema *expected = parse(pairs[i].expected);
		struct stele_schema *present = parse(pairs[i].present);
		int r = stele_schema_compatible(expected, present);

		if (pairs[i].message) {
			cr_expect(r == -EMEDIUMTYPE, "%s: %d", pairs[i].present, r);
			EXPECT_MESSAGE(pairs[i].message);
		} else {
			cr_expect(r == STELE_SCHEMA_IN_PLACE, "%s: %d %s", pairs[i].present, r,
			          stele_last_error());
		}
		cr_expect(stele_schema_compatible(expected, expected) == STELE_SCHEMA_SAME);
		stele_schema_free(expected);
		stele_schema_free(present);
	}
}

static int count_differences(bool compatible, const char *what, void *context)
{
	unsigned *counts = context;

	cr_log_info("%s", what);
	counts[compatible]++;
	return counts[0] + counts[1] == counts[2] ? -7 : 0;
}

Test(unit_schema_attributes, all_differences_are_reported)
{
	unsigned counts[3] = {0}, stopped[3] = {0, 0, 2};
	struct stele_schema *older =
		parse("k: u8 key, a: u8 enum(x=1) unit s, b: u32, c: u8 was old");
	struct stele_schema *newer = parse("k: u8 key doc d, a: u8 enum(y=1), b: u64 default 1, c: "
	                                   "u8 deprecated, d: u8");

	cr_expect(stele_schema_compare(older, newer, count_differences, counts) == 0);
	/* word x removed, b's type, c moved; doc added, word y added, unit removed, former names of
	 * c, c deprecated, d appended */
	cr_expect(counts[0] == 3 && counts[1] == 6, "%u and %u", counts[0], counts[1]);
	cr_expect(stele_schema_compare(older, newer, count_differences, stopped) == -7);
	cr_expect(stopped[0] + stopped[1] == 2);
	stele_schema_free(older);
	stele_schema_free(newer);
}

Test(unit_schema_attributes, many_declarations_in_one_text)
{
	static const char text[] = "# two tables\n a(k: u8 key)\n\nb(k: u8 key, v: u8, @4) # end";
	char table[STELE_NAME_MAX + 1];
	struct stele_schema *schema;
	const char *at = text;

	cr_assert(stele_schema_parse_next(&at, table, &schema) == 1);
	cr_expect_str_eq(table, "a");
	stele_schema_free(schema);
	cr_assert(stele_schema_parse_next(&at, table, &schema) == 1);
	cr_expect_str_eq(table, "b");
	cr_expect(schema->value_size == 4);
	stele_schema_free(schema);
	cr_expect(stele_schema_parse_next(&at, table, &schema) == 0);
	cr_expect(*at == '\0');
	at = " \nc(k: u9 key)";
	cr_expect(stele_schema_parse_next(&at, table, &schema) == -EINVAL);
	EXPECT_MESSAGE("character 6: unknown type");
	cr_expect(*at == 'c');
}
