/* SPDX-License-Identifier: MIT
 *
 * stele_key_make(): a key from arguments of every type is the key that stele_key_append() makes.
 * stele_row_column(): the columns of a row. */
#include "tests/support/ipc/ipc.h"

TestSuite(text_key_make, .timeout = 60);

static struct stele_schema *declare(const char *declaration)
{
	char name[STELE_NAME_MAX + 1];
	struct stele_schema *schema;

	OK(stele_schema_parse(declaration, name, &schema));
	return schema;
}

static void append(struct stele_key *key, const struct stele_schema *schema, size_t column,
                   const void *value, size_t size)
{
	OK(stele_key_append(key, &schema->columns[column], value, size));
}

static void expect_key(const struct stele_key *key, const struct stele_key *expected)
{
	CHECK(key->bits == expected->bits &&
	              memcmp(key->bytes, expected->bytes, (key->bits + 7) / 8) == 0,
	      "%u bits, not %u", key->bits, expected->bits);
}

Test(text_key_make, takes_every_type)
{
	struct stele_schema *schema = declare(
		"t(a: u8 key, b: u16 key, c: u32 key, d: u64 key, e: i8 key, f: i16 key, "
		"g: i32 key, h: i64 key, i: f64 key, j: bool key, k: ipv4 key, l: ipv6 key, "
		"m: mac key, n: uuid key, o: time key, p: char[4] key, q: text key)");
	static const uint8_t bytes[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
	struct stele_key key = {0}, expected = {0};
	const int16_t f = INT16_MIN;
	const uint64_t d = UINT64_MAX, o = UINT64_C(1) << 60;
	const int64_t h = INT64_MIN;
	const uint32_t c = UINT32_MAX;
	const int32_t g = INT32_MIN;
	const uint16_t b = 0xfffe;
	const double i = -0.5;
	const uint8_t a = 200, j = 1;
	const int8_t e = -128;

	OK(stele_key_make(&key, schema, a, b, c, d, e, f, g, h, i, true, bytes, bytes, bytes, bytes,
	                  o, "ab", "text"));
	append(&expected, schema, 0, &a, 0);
	append(&expected, schema, 1, &b, 0);
	append(&expected, schema, 2, &c, 0);
	append(&expected, schema, 3, &d, 0);
	append(&expected, schema, 4, &e, 0);
	append(&expected, schema, 5, &f, 0);
	append(&expected, schema, 6, &g, 0);
	append(&expected, schema, 7, &h, 0);
	append(&expected, schema, 8, &i, 0);
	append(&expected, schema, 9, &j, 0);
	append(&expected, schema, 10, bytes, 0);
	append(&expected, schema, 11, bytes, 0);
	append(&expected, schema, 12, bytes, 0);
	append(&expected, schema, 13, bytes, 0);
	append(&expected, schema, 14, &o, 0);
	append(&expected, schema, 15, "ab\0", 0);
	append(&expected, schema, 16, "text", 4);
	expect_key(&key, &expected);
	OK(stele_key_check(schema, key.bytes, key.bits));
	stele_schema_free(schema);
}

Test(text_key_make, takes_prefixes_and_bytes)
{
	struct stele_schema *nets = declare("t(vrf: u16 key, net: ipv4net key)");
	struct stele_schema *sixes = declare("t(net: ipv6net key)");
	struct stele_schema *blobs = declare("t(blob: bytes key)");
	static const uint8_t address[16] = {10, 1};
	struct stele_key key = {0};

	OK(stele_key_make(&key, nets, 7, address, 16));
	CHECK(key.bits == 32 && memcmp(key.bytes, "\0\7\12\1", 4) == 0, "%u bits", key.bits);
	OK(stele_key_make(&key, nets, 7, "\0\0\0", 0));
	CHECK(key.bits == 16, "%u bits", key.bits);
	OK(stele_key_make(&key, sixes, address, 128));
	CHECK(key.bits == 128, "%u bits", key.bits);
	OK(stele_key_make(&key, blobs, "a\0b", (size_t)3));
	CHECK(key.bits == 24 && memcmp(key.bytes, "a\0b", 3) == 0, "%u bits", key.bits);
	/* Refused, without a change of the key. */
	RETURNS(stele_key_make(&key, nets, 65536, address, 16), -ERANGE, "\"vrf\"");
	RETURNS(stele_key_make(&key, nets, -1, address, 16), -ERANGE, "-1");
	RETURNS(stele_key_make(&key, nets, 7, address, 33), -EINVAL, "length 33");
	RETURNS(stele_key_make(&key, nets, 7, address, 8), -EINVAL, "did you mean 10.0.0.0/8?");
	RETURNS(stele_key_make(&key, sixes, address, 300), -EINVAL, "length 300");
	RETURNS(stele_key_make(&key, blobs, address, (size_t)(STELE_KEY_MAX + 1)), -EINVAL,
	        "at most");
	CHECK(key.bits == 24 && memcmp(key.bytes, "a\0b", 3) == 0, "%u bits", key.bits);
	stele_schema_free(nets);
	stele_schema_free(sixes);
	stele_schema_free(blobs);
}

Test(text_key_make, checks_numbers_and_text)
{
	struct stele_schema *schema = declare("t(a: i8 key, b: bool key, c: char[4] key)");
	struct stele_key key = {0};

	OK(stele_key_make(&key, schema, -128, 0, "four"));
	RETURNS(stele_key_make(&key, schema, 128, 0, ""), -ERANGE, "-128 to 127");
	RETURNS(stele_key_make(&key, schema, 0, 2, ""), -ERANGE, "\"b\"");
	RETURNS(stele_key_make(&key, schema, 0, 0, "fiver"), -ERANGE, "the 4 bytes");
	stele_schema_free(schema);
}

struct value {
	uint64_t number;
	char name[4];
};

static const struct stele_column columns[] = {
	STELE_KEY("id", STELE_U32),
	STELE_KEY("tag", STELE_TEXT),
	STELE_VALUE(struct value, number, STELE_U64),
	STELE_VALUE(struct value, name, STELE_CHAR),
};
static const struct stele_schema row_schema = STELE_SCHEMA(struct value, columns);

Test(text_key_make, a_row_has_its_columns)
{
	const struct value value = {.number = 5, .name = {'a', 'b'}};
	struct stele_key key = {0};
	struct stele_row row;
	const void *found;
	uint64_t buffer[4];
	size_t size;

	OK(stele_key_make(&key, &row_schema, (uint32_t)7, "xyz"));
	row = (struct stele_row){.key = key.bytes,
	                         .key_bits = key.bits,
	                         .value = &value,
	                         .value_size = sizeof(value)};
	OK(stele_row_column(&row_schema, 0, &row, buffer, sizeof(buffer), &found, &size));
	CHECK(size == 4 && *(const uint32_t *)found == 7, "%zu bytes", size);
	OK(stele_row_column(&row_schema, 1, &row, NULL, 0, &found, &size));
	CHECK(size == 3 && memcmp(found, "xyz", 3) == 0, "%zu bytes", size);
	OK(stele_row_column(&row_schema, 2, &row, NULL, 0, &found, &size));
	CHECK(size == 8 && found == &value.number, "%zu bytes", size);
	OK(stele_row_column(&row_schema, 3, &row, NULL, 0, &found, &size));
	CHECK(size == 2 && found == value.name, "%zu bytes", size);
	RETURNS(stele_row_column(&row_schema, 4, &row, NULL, 0, &found, &size), -EINVAL,
	        "no column 5");
	RETURNS(stele_row_column(&row_schema, 0, &row, buffer, 3, &found, &size), -EMSGSIZE, "");
	row.value_size = 7;
	RETURNS(stele_row_column(&row_schema, 2, &row, NULL, 0, &found, &size), -EBADMSG, "");
	row.key_bits = 8;
	RETURNS(stele_row_column(&row_schema, 0, &row, buffer, sizeof(buffer), &found, &size),
	        -EBADMSG, "");
}
