/* SPDX-License-Identifier: MIT
 *
 * Schemas: which are well formed, as declared and as stored. unit/schema_value.c tests values. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/schema/schema_format.h"
#include "lib/schema/schema_store.h"
#include "lib/schema/schema_value.h"
#include "tests/support/message.h"
#include "tests/support/every_schema.h"
#include "tests/support/random.h"

#ifdef NDEBUG
#error "tests need their assertions"
#endif

#define SEED         UINT64_C(0x5deece66d)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static uint64_t random_state = SEED;

static uint64_t random_next(void)
{
	return random_from(&random_state);
}

static const char every_text[] =
	"id: u32 key, zone: char[7] key, prefix: ipv6net key, u8: u8, u16: u16, u32: u32, u64: u64, "
	"i8: i8, i16: i16, i32: i32, i64: i64, f64: f64, flag: bool, ipv4: ipv4, ipv6: ipv6, "
	"ipv4net: ipv4net, ipv6net: ipv6net, mac: mac, uuid: uuid, time: time, name: char[13], text: text";

static struct stele_schema schema_of(const struct stele_column *columns, size_t count,
                                     size_t value_size)
{
	return (struct stele_schema){
		.columns = columns, .column_count = count, .value_size = value_size};
}

Test(unit_schema, every_type_is_well_formed)
{
	cr_assert(stele_schema_check(&every_schema) == 0, "%s", stele_last_error());
}

Test(unit_schema, names_are_validated)
{
	static const char *const good[] = {"a", "_", "9", "net-1", "A_b-C", "0-"};
	static const char *const bad[] = {"", "-a", "a b", "a/b", "a.b", "\xc3\xa9", "a\n"};
	char name[STELE_NAME_MAX + 2];

	for (size_t i = 0; i < COUNT(good); i++)
		cr_expect(stele_name_check("region", good[i]) == 0, "%s", stele_last_error());
	for (size_t i = 0; i < COUNT(bad); i++) {
		cr_expect(stele_name_check("region", bad[i]) == -EINVAL, "\"%s\" passed", bad[i]);
		cr_expect(strncmp(stele_last_error(), "region", 6) == 0, "%s", stele_last_error());
	}
	cr_expect(stele_name_check("region", NULL) == -EINVAL);
	stele_name_check("region", "a\n");
	EXPECT_MESSAGE("\"a\\x0a\"");
	memset(name, 'x', sizeof(name));
	name[STELE_NAME_MAX + 1] = '\0';
	cr_expect(stele_name_check("table", name) == -EINVAL);
	name[STELE_NAME_MAX] = '\0';
	cr_expect(stele_name_check("table", name) == 0);
}

#define KEY_COLUMN \
	{ \
		.name = "k", .type = STELE_U8, .key = true \
	}

struct malformed {
	struct stele_column columns[3];
	size_t count, value_size;
	const char *message;
};

Test(unit_schema, malformed_schemas_are_refused)
{
	static const struct malformed bad[] = {
		{{KEY_COLUMN}, 0, 0, "no columns"},
		{{KEY_COLUMN}, 1, 4, "describes it"},
		{{{.name = "v", .type = STELE_U8}},
	         1,
	         1,
	         "\"v\" is the first column, but not a key"},
		{{{.name = "v", .type = STELE_U8}, KEY_COLUMN}, 2, 1, "\"k\" comes after"},
		{{KEY_COLUMN, KEY_COLUMN}, 2, 0, "both called \"k\""},
		{{{.name = "1", .type = STELE_U8, .key = true}}, 1, 0, "column 1"},
		{{{.name = NULL, .type = STELE_U8, .key = true}}, 1, 0, "no name"},
		{{{.name = "k", .type = 0, .key = true}}, 1, 0, "unknown type 0"},
		{{{.name = "k", .type = 21, .key = true}}, 1, 0, "unknown type 21"},
		{{{.name = "k", .type = STELE_U8, .key = true, .size = 2}}, 1, 0, "size 2"},
		{{{.name = "k", .type = STELE_TEXT, .key = true, .size = 2}}, 1, 0, "size 2"},
		{{{.name = "k", .type = STELE_CHAR, .key = true}}, 1, 0, "size 0"},
		{{{.name = "k", .type = STELE_U8, .key = true, .offset = 1}}, 1, 0, "offset 1"},
		{{{.name = "k", .type = STELE_CHAR, .key = true, .size = 513}}, 1, 0, "513"},
		{{{.name = "n", .type = STELE_IPV4NET, .key = true}, KEY_COLUMN}, 2, 0, "\"n\""},
		{{{.name = "t", .type = STELE_TEXT, .key = true}, KEY_COLUMN}, 2, 0, "\"t\""},
		{{KEY_COLUMN, {.name = "v", .type = STELE_U32, .offset = 2}},
	         2,
	         8,
	         "needs a multiple of 4"},
		{{KEY_COLUMN, {.name = "v", .type = STELE_U32, .offset = 4}}, 2, 7, "does not fit"},
		{{KEY_COLUMN, {.name = "v", .type = STELE_U32, .offset = UINT32_MAX - 3}},
	         2,
	         7,
	         "does not fit"},
		{{KEY_COLUMN,
	          {.name = "v", .type = STELE_U16, .offset = 2},
	          {.name = "w", .type = STELE_MAC, .offset = 3}},
	         3,
	         10,
	         "overlap"},
		{{KEY_COLUMN,
	          {.name = "v", .type = STELE_TEXT, .offset = 0},
	          {.name = "w", .type = STELE_U8, .offset = 0}},
	         3,
	         0,
	         "\"v\""},
		{{KEY_COLUMN, {.name = "v", .type = STELE_TEXT, .offset = 4}},
	         2,
	         8,
	         "must be the same"},
		{{KEY_COLUMN, {.name = "v", .type = STELE_U8}}, 2, STELE_VALUE_MAX + 1, "1048577"},
	};

	for (size_t i = 0; i < COUNT(bad); i++) {
		struct stele_schema schema =
			schema_of(bad[i].columns, bad[i].count, bad[i].value_size);

		cr_expect(stele_schema_check(&schema) == -EINVAL, "number %zu passed", i);
		EXPECT_MESSAGE(bad[i].message);
	}
	cr_expect(stele_schema_check(NULL) == -EINVAL);
}

Test(unit_schema, limits_just_reached)
{
	static const struct stele_column longest_key[] = {STELE_KEY_CHAR("k", 496),
	                                                  STELE_KEY("n", STELE_IPV6NET)};
	static const struct stele_column largest[] = {
		KEY_COLUMN, {.name = "v", .type = STELE_CHAR, .size = STELE_VALUE_MAX}};
	static const struct stele_column empty[] = {STELE_KEY("t", STELE_TEXT),
	                                            {.name = "v", .type = STELE_BYTES}};
	static const struct stele_column address[] = {
		KEY_COLUMN, {.name = "a", .type = STELE_IPV4, .offset = 1, .size = 4}};
	struct stele_column many[STELE_COLUMNS_MAX + 1];
	char names[STELE_COLUMNS_MAX + 1][4];
	struct stele_schema schema;

	schema = schema_of(longest_key, 2, 0);
	cr_expect(stele_schema_check(&schema) == 0, "%s", stele_last_error());
	schema = schema_of(largest, 2, STELE_VALUE_MAX);
	cr_expect(stele_schema_check(&schema) == 0, "%s", stele_last_error());
	schema = schema_of(empty, 2, 0);
	cr_expect(stele_schema_check(&schema) == 0, "%s", stele_last_error());
	schema = schema_of(address, 2, 5);
	cr_expect(stele_schema_check(&schema) == 0, "%s", stele_last_error());
	for (size_t i = 0; i <= STELE_COLUMNS_MAX; i++) {
		snprintf(names[i], sizeof(names[i]), "c%zu", i);
		many[i] = (struct stele_column){.name = names[i], .type = STELE_U8, .key = true};
	}
	schema = schema_of(many, STELE_COLUMNS_MAX, 0);
	cr_expect(stele_schema_check(&schema) == 0, "%s", stele_last_error());
	schema.column_count++;
	cr_expect(stele_schema_check(&schema) == -EINVAL);
}

Test(unit_schema, a_copy_is_equal_and_each_difference_is_found)
{
	struct stele_column changed[COUNT(every_columns)];
	struct stele_schema other = schema_of(changed, COUNT(changed), every_schema.value_size);
	struct stele_schema *copy = stele_schema_copy(&every_schema);

	cr_assert(copy);
	cr_expect(stele_schema_equal(copy, &every_schema));
	cr_expect(copy->columns != every_columns && copy->columns[3].name != every_columns[3].name);
	cr_expect(stele_schema_free(copy) == NULL);
	cr_expect(stele_schema_free(NULL) == NULL);

	memcpy(changed, every_columns, sizeof(changed));
	changed[0].size = 4; /* 0 in every_schema, which means the size of the type: 4 */
	cr_expect(stele_schema_equal(&other, &every_schema));
	changed[0].type = STELE_I32;
	cr_expect_not(stele_schema_equal(&other, &every_schema), "another type");
	changed[0] = every_columns[0];
	changed[0].name = "ID";
	cr_expect_not(stele_schema_equal(&other, &every_schema), "another name");
	changed[0] = every_columns[0];
	changed[1].size++;
	cr_expect_not(stele_schema_equal(&other, &every_schema), "another size");
	changed[1] = every_columns[1];
	changed[3].offset = 1;
	cr_expect_not(stele_schema_equal(&other, &every_schema), "another offset");
	changed[3] = every_columns[3];
	other.value_size++;
	cr_expect_not(stele_schema_equal(&other, &every_schema), "another value size");
	other.value_size--;
	other.column_count--;
	cr_expect_not(stele_schema_equal(&other, &every_schema), "one column fewer");
	other.column_count++;
	cr_expect(stele_schema_equal(&other, &every_schema));
	cr_expect(stele_schema_column(&every_schema, "mac") == 17);
	cr_expect(stele_schema_column(&every_schema, "nix") == -ENXIO);
	cr_expect_str_eq(stele_last_error(), "the schema has no column \"nix\"");
}

Test(unit_schema, key_and_value_differ)
{
	static const struct stele_column key[] = {KEY_COLUMN, STELE_KEY("t", STELE_TEXT)};
	static const struct stele_column value[] = {KEY_COLUMN, {.name = "t", .type = STELE_TEXT}};
	struct stele_schema a = schema_of(key, 2, 0), b = schema_of(value, 2, 0);

	cr_expect_not(stele_schema_equal(&a, &b));
}

Test(unit_schema, format_cuts_text_at_the_buffer)
{
	char text[1024];

	cr_expect(stele_schema_format(&every_schema, text, sizeof(text)) == strlen(every_text));
	cr_expect_str_eq(text, every_text);
	memset(text, 'x', sizeof(text));
	cr_expect(stele_schema_format(&every_schema, text, 10) == strlen(every_text));
	cr_expect_str_eq(text, "id: u32 k");
	cr_expect(text[10] == 'x');
	cr_expect(stele_schema_format(&every_schema, NULL, 0) == strlen(every_text));
}

Test(unit_schema, parse_lays_out_as_the_compiler_does)
{
	char text[1024], table[STELE_NAME_MAX + 1];
	struct padded {
		uint8_t a;
		uint32_t b;
		uint8_t c;
	};
	struct stele_schema *schema;

	snprintf(text, sizeof(text), "every(%s)", every_text);
	cr_assert(stele_schema_parse(text, table, &schema) == 0, "%s", stele_last_error());
	cr_expect_str_eq(table, "every");
	cr_expect(stele_schema_equal(schema, &every_schema));
	stele_schema_free(schema);

	cr_assert(stele_schema_parse("\n t\t( k :u8 key,a: u8,b:ipv4 , c:u8 )\r\n", table,
	                             &schema) == 0,
	          "%s", stele_last_error());
	cr_expect_str_eq(table, "t");
	cr_expect(schema->value_size == sizeof(struct padded));
	cr_expect(schema->columns[2].offset == offsetof(struct padded, b));
	cr_expect(schema->columns[3].offset == offsetof(struct padded, c));
	stele_schema_free(schema);

	cr_assert(stele_schema_parse("t(k: u8 key, a: u32, b: u8, c: bytes)", table, &schema) == 0);
	cr_expect(schema->value_size == 5, "%zu", schema->value_size);
	stele_schema_free(schema);
	cr_assert(stele_schema_parse("t(key: u64 key)", table, &schema) == 0, "%s",
	          stele_last_error());
	cr_expect(schema->value_size == 0 && schema->column_count == 1);
	stele_schema_free(schema);
}

Test(unit_schema, parse_errors)
{
	static const struct {
		const char *text, *message;
	} bad[] = {
		{"", "character 1: expected a table name, but the text ends"},
		{"(k: u8 key)", "character 1: expected a table name"},
		{"-t(k: u8 key)", "character 1: table name \"-t\""},
		{"t", "character 2: expected '('"},
		{"t(", "character 3: expected a column name, but the text ends"},
		{"t()", "character 3: expected a column name, but found \")\""},
		{"t(k u8 key)",
	         "character 5: expected ':' and the type of the column, but found \"u8\""},
		{"t(k: )", "character 6: expected a type, but found \")\""},
		{"t(k: ip4 key)", "character 6: unknown type \"ip4\"; did you mean \"ipv4\"?"},
		{"t(k: U32 key)", "did you mean \"u32\"?"},
		{"t(k: string key)", "did you mean \"text\"?"},
		{"t(k: ipv4nett key)", "did you mean \"ipv4net\"?"},
		{"t(k: whatsoever key)", "unknown type \"whatsoever\" (expected one of u8"},
		{"t(k: char key)", "character 11: expected the size of char"},
		{"t(k: char[] key)", "character 11: expected a number of bytes"},
		{"t(k: char[0] key)", "character 11: expected a number of bytes"},
		{"t(k: char[1x] key)", "character 11: expected a number of bytes"},
		{"t(k: char[1048577] key)", "character 11: expected a number of bytes"},
		{"t(k: char[4294967297] key)", "character 11: expected a number of bytes"},
		{"t(k: char[99999999999999999999] key)",
	         "character 11: expected a number of bytes"},
		{"t(k: char[4 key)", "character 13: expected ']'"},
		{"t(k: u8[4] key)", "character 3: column \"k\" of type u8 is an array; only value"},
		{"t(k: u8 keys)",
	         "character 9: expected \"key\", an attribute, ',' or ')', but found \"keys\""},
		{"t(k: u8)", "character 3: column \"k\" is the first column, but not a key"},
		{"t(k: u8 key key)",
	         "character 13: expected an attribute, ',' or ')', but found \"key\""},
		{"t(k: u8 key",
	         "character 12: expected an attribute, ',' or ')', but the text ends"},
		{"t(k: u8 key,)", "character 13: expected a column name"},
		{"t(k: u8 key) x", "character 14: expected the end of the text, but found \"x\""},
		{"t(k: u8 key, k: u8)", "character 14: columns 1 and 2 are both called \"k\""},
		{"t(k: u8 key, v: u8, l: u8 key)", "character 21: key column \"l\" comes after"},
		{"t(k: u8 key, 1: u8)", "character 14: column 2"},
		{"t(k: text key, l: u8 key)", "character 16: key column \"k\""},
		{"t(k: u8 key, v: text, w: u8)", "character 23: column \"v\""},
		{"t(k: char[513] key)", "character 3: with column \"k\" the key is 513 bytes"},
		{"t(k: u8 key, a: char[1000000], b: char[1000000])", "character 32: "},
		{"t(k: u8 \x1b key)", "but found \"\\x1b\""},
	};
	char table[STELE_NAME_MAX + 1] = "kept";
	struct stele_schema *schema = NULL;

	for (size_t i = 0; i < COUNT(bad); i++) {
		cr_expect(stele_schema_parse(bad[i].text, table, &schema) == -EINVAL, "%s passed",
		          bad[i].text);
		EXPECT_MESSAGE(bad[i].message);
	}
	cr_expect_str_eq(table, "kept");
	cr_expect(schema == NULL);
}

Test(unit_schema, parse_beyond_limits)
{
	char table[STELE_NAME_MAX + 1] = "kept", text[1024];
	struct stele_schema *schema = NULL;
	size_t at;

	memset(text, 'n', 100);
	strcpy(text + 100, "(k: u8 key)");
	cr_expect(stele_schema_parse(text, table, &schema) == -EINVAL);
	EXPECT_MESSAGE("at most 63 bytes, but this one has 100");
	at = (size_t)sprintf(text, "t(c0: u8 key");
	for (int i = 1; i < 65; i++)
		at += (size_t)sprintf(text + at, ",c%d: u8", i);
	strcpy(text + at, ")");
	cr_expect(stele_schema_parse(text, table, &schema) == -EINVAL);
	EXPECT_MESSAGE("at most 64 columns");
	cr_expect_str_eq(table, "kept");
	cr_expect(schema == NULL);
}

/* Loads a copy of exactly `size` bytes, so that a sanitizer reports reads past its end. A schema
 * that loads must be stored as the same bytes again, unless it has attributes: their text may have
 * other spaces, or attributes that this library does not know. */
static int load_exactly(const uint8_t *stored, size_t size)
{
	static uint8_t again[SCHEMA_STORED_MAX];
	uint8_t *copy = malloc(size > 0 ? size : 1);
	struct stele_schema *schema = NULL;
	int r;

	cr_assert(copy);
	memcpy(copy, stored, size);
	r = schema_load(copy, size, &schema);
	free(copy);
	if (r < 0) {
		cr_assert(r == -EBADMSG && schema == NULL, "%d: %s", r, stele_last_error());
		return r;
	}
	cr_assert(stele_schema_check(schema) == 0, "%s", stele_last_error());
	if (schema_format_attributes(schema, NULL, 0) == 0)
		cr_assert(schema_store(schema, again) == size && memcmp(again, stored, size) == 0);
	else
		cr_assert(schema_store(schema, again) <= SCHEMA_STORED_MAX);
	stele_schema_free(schema);
	return 0;
}

Test(unit_schema, store_and_load)
{
	static uint8_t stored[SCHEMA_STORED_MAX + 1];
	struct stele_schema *schema;
	size_t size;

	memset(stored, 0xa5, sizeof(stored));
	size = schema_store(&every_schema, stored);
	cr_assert(size % 8 == 0 && size <= SCHEMA_STORED_MAX && stored[size] == 0xa5);
	cr_assert(schema_load(stored, size, &schema) == 0, "%s", stele_last_error());
	cr_expect(stele_schema_equal(schema, &every_schema));
	stele_schema_free(schema);
	cr_expect(load_exactly(stored, size) == 0);
}

Test(unit_schema, longest_stored_form)
{
	static uint8_t stored[SCHEMA_STORED_MAX + 1];
	char names[STELE_COLUMNS_MAX][STELE_NAME_MAX + 1];
	struct stele_column columns[STELE_COLUMNS_MAX];
	struct stele_schema schema = schema_of(columns, STELE_COLUMNS_MAX, 0);
	size_t size;

	for (int i = 0; i < (int)STELE_COLUMNS_MAX; i++) {
		sprintf(names[i], "n%062d", i);
		columns[i] = (struct stele_column){.name = names[i], .type = STELE_U8, .key = true};
	}
	stored[SCHEMA_STORED_MAX] = 0xa5;
	size = schema_store(&schema, stored);
	cr_assert(size <= SCHEMA_STORED_MAX && stored[SCHEMA_STORED_MAX] == 0xa5);
	cr_assert(load_exactly(stored, size) == 0);
}

Test(unit_schema, damaged_stored_forms)
{
	static uint8_t stored[SCHEMA_STORED_MAX], longer[SCHEMA_STORED_MAX + 8];
	size_t size = schema_store(&every_schema, stored);
	unsigned refused = 0;

	for (size_t bit = 0; bit < size * 8; bit++) {
		stored[bit / 8] ^= (uint8_t)(1u << bit % 8);
		refused += load_exactly(stored, size) < 0;
		stored[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	cr_expect(refused > size * 8 / 2, "only %u of %zu flipped bits were refused", refused,
	          size * 8);
	for (size_t shorter = 0; shorter < size; shorter++)
		cr_expect(load_exactly(stored, shorter) == -EBADMSG, "%zu bytes of %zu", shorter,
		          size);
	memcpy(longer, stored, size);
	cr_expect(load_exactly(longer, size + 8) == -EBADMSG);
	longer[size - 1] ^= 1;
	cr_expect(load_exactly(longer, size) == -EBADMSG, "the padding is not zero");
	/* A name with a NUL in it does not pass for the shorter name. */
	memcpy(longer, stored, size);
	longer[16 + COUNT(every_columns) * 12 + 1] = '\0';
	cr_expect(load_exactly(longer, size) == -EBADMSG);
}

/* Writes a 32-bit word into a stored schema, and expects the error message that names the fault. */
static void expect_damage(size_t offset, uint32_t word, size_t size, const char *message)
{
	static uint8_t stored[SCHEMA_STORED_MAX + 8];

	schema_store(&every_schema, stored);
	memcpy(stored + offset, &word, sizeof(word));
	cr_expect(load_exactly(stored, size) == -EBADMSG, "%s", message);
	EXPECT_MESSAGE(message);
}

Test(unit_schema, damaged_stored_words)
{
	static uint8_t stored[SCHEMA_STORED_MAX];
	size_t size = schema_store(&every_schema, stored);

	expect_damage(0, (uint32_t)size + 8, size, "its size does not fit");
	expect_damage(4, COUNT(every_columns) + 1, size, "its size does not fit");
	expect_damage(4, STELE_COLUMNS_MAX + 1, size, "too many columns");
	expect_damage(4, 0, size, "its names are longer than its columns say");
	expect_damage(8, STELE_VALUE_MAX + 1, size, "the schema has values of 1048577 bytes");
	expect_damage(12, 0, size, "name is too long");
	expect_damage(12, STELE_COLUMNS_MAX * STELE_NAME_MAX + 1, size, "names are too long");
	expect_damage(16, STELE_U32 | 4 << 8 | 2 << 16, size, "neither key nor value");
	expect_damage(16, 21 | 1 << 8 | 2 << 16, size, "type is unknown");
	expect_damage(16, STELE_U32 | 1 << 8 | 64 << 16, size, "name is too long");
	expect_damage(16, STELE_U32 | 1 << 8 | 1 << 16, size, "longer than its columns say");
	expect_damage(16, STELE_U32 | 3 << 8 | 2 << 16, size, "is an array; only value");
	expect_damage(20, 8, size, "size does not fit its type");
	/* The last column's name would end past the names. */
	expect_damage(16 + (COUNT(every_columns) - 1) * 12, STELE_TEXT | 5 << 16, size,
	              "name is too long");
}

Test(unit_schema, random_stored_forms)
{
	static uint8_t stored[SCHEMA_STORED_MAX], random[SCHEMA_STORED_MAX];
	size_t size = schema_store(&every_schema, stored);

	cr_log_info("seed %llu", (unsigned long long)random_state);
	for (int round = 0; round < 20000; round++) {
		size_t length = random_next() % (round % 2 ? 200 : size + 1);

		for (size_t i = 0; i < length; i++)
			random[i] = (uint8_t)random_next();
		load_exactly(random, length);
		/* A plausible head makes the loader read further. */
		memcpy(random, stored, size);
		for (int i = 0; i < 3; i++)
			random[16 + random_next() % (size - 16)] = (uint8_t)random_next();
		load_exactly(random, size);
	}
}
