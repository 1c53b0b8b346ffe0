/* SPDX-License-Identifier: MIT
 *
 * Rows as JSON and CSV, and keys as text: each comes back as it was, whatever bytes it has, and
 * text that is wrong is refused. */
#include "tests/support/ipc/ipc.h"
#include "tests/support/random.h"

#include <float.h>
#include <math.h>

TestSuite(text_row_text, .timeout = 120);

#define SEED   UINT64_C(20261130)
#define ROUNDS 20000

static const char *const declarations[] = {
	"t(a: u8 key, b: i64 key, v: u8, w: u16, x: u32, y: u64)",
	"t(k: i8 key, a: i8, b: i16, c: i32, d: i64, f: f64, g: bool)",
	"t(k: time key, p: ipv4, q: ipv6, r: ipv4net, s: ipv6net, m: mac, u: uuid, t: time)",
	"t(tag: char[5] key, name: text key, c: char[7], rest: text)",
	"t(blob: bytes key, rest: bytes)",
	"t(vrf: u32 key, net: ipv4net key)",
	"t(net: ipv6net key, state: u8 enum(up=1, down=2, odd=200), n: u32[3], a: ipv4[2])",
	"t(x: f64 key, s: i16 key enum(low=-5, high=7), f: f64[2], e: u8[2] enum(no=0, yes=1))",
};
#define DECLARATIONS (sizeof(declarations) / sizeof(declarations[0]))

static uint64_t state = SEED;

static uint64_t random_next(void)
{
	return random_from(&state);
}

/* Fills a value with random bytes; half of the time with text, and with backslash codes. */
static void random_bytes(uint8_t *bytes, size_t size)
{
	static const char *const parts[] = {
		"\\x41",        "\\x", "\\",    "\"",           ",",    " ",
		"\n",           "\t",  "\r",    "\xc3\xa9",     "\xff", "\x9b",
		"\xe2\x80\xae", "a",   "\\xfG", "\xed\xa0\x80", "\1",   "\x7f",
		"''",           "0"};
	bool text = random_next() % 4 != 0;

	for (size_t i = 0; i < size;) {
		const char *part = parts[random_next() % (sizeof(parts) / sizeof(parts[0]))];

		if (!text)
			bytes[i++] = (uint8_t)random_next();
		for (size_t j = 0; text && part[j] && i < size; j++)
			bytes[i++] = (uint8_t)part[j];
	}
}

static double random_f64(void)
{
	static const double special[] = {0.0,    -0.0, DBL_MAX, -DBL_MAX,          DBL_MIN,
	                                 5e-324, 0.1,  1e300,   9007199254740993.0};
	double number;
	uint64_t bits = random_next();

	if (random_next() % 2)
		return special[random_next() % (sizeof(special) / sizeof(special[0]))];
	memcpy(&number, &bits, sizeof(number));
	return number;
}

/* Makes a random value of a column in its C type; returns its size. */
static size_t random_scalar(const struct stele_column *column, size_t size, uint8_t *ret, bool key)
{
	static const uint64_t extremes[] = {0,
	                                    1,
	                                    UINT64_MAX,
	                                    (UINT64_C(1) << 53) - 1,
	                                    UINT64_C(1) << 53,
	                                    (UINT64_C(1) << 53) + 1,
	                                    UINT64_C(1) << 63,
	                                    (UINT64_C(1) << 63) - 1,
	                                    0 - (UINT64_C(1) << 53),
	                                    1 - (UINT64_C(1) << 53)};
	uint64_t number = random_next() % 2 ? extremes[random_next() % 10] : random_next();
	double f64;

	if (column->word_count > 0)
		number = (uint64_t)column->words[random_next() % column->word_count].value;
	switch (column->type) {
	case STELE_BOOL:
		ret[0] = (uint8_t)(number % 2);
		return 1;
	case STELE_F64:
		do
			f64 = random_f64();
		while (key && isnan(f64));
		/* A NaN has no sign and no payload in text, and a key no negative zero. */
		f64 = isnan(f64) ? (double)NAN : key && f64 == 0 ? 0 : f64;
		memcpy(ret, &f64, 8);
		return 8;
	case STELE_IPV4NET:
	case STELE_IPV6NET:
		memset(ret, 0, size);
		ret[0] = (uint8_t)number;
		ret[size - 1] = (uint8_t)(8 + number % (8 * size - 15));
		return size;
	case STELE_CHAR:
		memset(ret, 0, size);
		random_bytes(ret, number % (size + 1));
		for (size_t i = 0; i < size; i++)
			if (ret[i] == 0)
				memset(ret + i, 0, size - i);
		return size;
	case STELE_TEXT:
	case STELE_BYTES:
		size = number % 40;
		random_bytes(ret, size);
		return size;
	default:
		if (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ && size <= 8)
			memcpy(ret, &number, size);
		else
			random_bytes(ret, size);
		return size;
	}
}

static void random_row(const struct stele_schema *schema, struct stele_key *key, uint8_t *value,
                       size_t *value_size)
{
	key->bits = 0;
	*value_size = schema->value_size;
	memset(value, 0, schema->value_size);
	for (size_t i = 0; i < schema->column_count; i++) {
		const struct stele_column *column = &schema->columns[i];
		struct stele_column element = *column;
		_Alignas(8) uint8_t own[64];
		const void *at;
		size_t size = sizeof(own), count = column->count ? column->count : 1;

		if (column->key) {
			size = column->type == STELE_CHAR                             ? column->size
			       : column->type == STELE_IPV4NET                        ? 5
			       : column->type == STELE_IPV6NET                        ? 17
			       : column->type == STELE_U32                            ? 4
			       : column->type == STELE_I16                            ? 2
			       : column->type == STELE_U8 || column->type == STELE_I8 ? 1
			                                                              : 8;
			size = random_scalar(column, size, own, true);
			OK(stele_key_append(key, column, own, size));
			continue;
		}
		if (column->type != STELE_TEXT && column->type != STELE_BYTES &&
		    column->type != STELE_CHAR)
			OK(stele_value_column(schema, i, value, schema->value_size, &at, &size));
		if (column->type == STELE_CHAR)
			size = column->size;
		element.count = 0;
		for (size_t j = 0; j < count; j++)
			size = random_scalar(
				&element, size / (j == 0 ? count : 1),
				value + column->offset + j * (size / (j == 0 ? count : 1)), false);
		if (column->type == STELE_TEXT || column->type == STELE_BYTES)
			*value_size = column->offset + size;
	}
	OK(stele_key_check(schema, key->bytes, key->bits));
	OK(stele_value_check(schema, value, *value_size));
}

/* Formats a row and parses the text: in memory of just its size, for sanitizers. */
static void come_back(const struct stele_schema *schema, const struct stele_row *row, bool json)
{
	int64_t length = json ? stele_row_format_json(schema, row, NULL, 0)
	                      : stele_row_format_csv(schema, row, NULL, 0);
	char *text = malloc((size_t)length + 1), *exact = malloc((size_t)length);
	_Alignas(8) uint8_t value[512];
	size_t size = sizeof(value);
	struct stele_key key;

	OK(length);
	OK(json ? stele_row_format_json(schema, row, text, (size_t)length + 1)
	        : stele_row_format_csv(schema, row, text, (size_t)length + 1));
	CHECK(strlen(text) == (size_t)length, "%zu, not %lld", strlen(text), (long long)length);
	memcpy(exact, text, (size_t)length);
	OK(json ? stele_row_parse_json(schema, exact, (size_t)length, NULL, &key, value, &size)
	        : stele_row_parse_csv(schema, NULL, exact, (size_t)length, NULL, &key, value,
	                              &size));
	CHECK(key.bits == row->key_bits && memcmp(key.bytes, row->key, (key.bits + 7) / 8) == 0,
	      "the key of %s", text);
	CHECK(size == row->value_size && memcmp(value, row->value, size) == 0, "the value of %s",
	      text);
	free(text);
	free(exact);
}

static void key_comes_back(const struct stele_schema *schema, const struct stele_row *row)
{
	struct stele_key key;
	char text[4096];
	int64_t length = stele_key_format(schema, row->key, row->key_bits, text, sizeof(text));

	CHECK(length >= 0 && length < (int64_t)sizeof(text), "%lld", (long long)length);
	OK(stele_key_parse(schema, text, (size_t)length, &key));
	CHECK(key.bits == row->key_bits && memcmp(key.bytes, row->key, (key.bits + 7) / 8) == 0,
	      "the key %s", text);
}

static struct stele_schema *declare(const char *declaration)
{
	char name[STELE_NAME_MAX + 1];
	struct stele_schema *schema;

	OK(stele_schema_parse(declaration, name, &schema));
	return schema;
}

Test(text_row_text, random_rows_come_back)
{
	for (size_t i = 0; i < DECLARATIONS; i++) {
		struct stele_schema *schema = declare(declarations[i]);

		for (int round = 0; round < ROUNDS; round++) {
			_Alignas(8) uint8_t value[512];
			struct stele_key key;
			struct stele_row row;
			size_t size;

			random_row(schema, &key, value, &size);
			row = (struct stele_row){.key = key.bytes,
			                         .key_bits = key.bits,
			                         .value = value,
			                         .value_size = size};
			come_back(schema, &row, true);
			come_back(schema, &row, false);
			key_comes_back(schema, &row);
		}
		stele_schema_free(schema);
	}
}

static void expect_json(const struct stele_schema *schema, const char *text, const char *expected)
{
	_Alignas(8) uint8_t value[512];
	size_t size = sizeof(value);
	struct stele_key key;
	struct stele_row row;
	char again[1024];

	OK(stele_row_parse_json(schema, text, strlen(text), NULL, &key, value, &size));
	row = (struct stele_row){
		.key = key.bytes, .key_bits = key.bits, .value = value, .value_size = size};
	OK(stele_row_format_json(schema, &row, again, sizeof(again)));
	CHECK(strcmp(again, expected) == 0, "%s, not %s", again, expected);
}

/* Numbers that a reader with doubles would change are strings, and both forms are read. */
Test(text_row_text, numbers_in_json)
{
	struct stele_schema *u = declare("t(k: u64 key, v: u64)");
	struct stele_schema *i = declare("t(k: i64 key, v: i64)");
	struct stele_schema *f = declare("t(k: u8 key, v: f64)");

	expect_json(u, "{\"k\":9007199254740991,\"v\":9007199254740992}",
	            "{\"k\": 9007199254740991, \"v\": \"9007199254740992\"}");
	expect_json(u, "{\"v\":18446744073709551615, \"k\":\"9223372036854775808\"}",
	            "{\"k\": \"9223372036854775808\", \"v\": \"18446744073709551615\"}");
	expect_json(i, "{\"k\":-9007199254740991,\"v\":-9007199254740992}",
	            "{\"k\": -9007199254740991, \"v\": \"-9007199254740992\"}");
	expect_json(i, "{\"k\":-9223372036854775808,\"v\":1e3}",
	            "{\"k\": \"-9223372036854775808\", \"v\": 1000}");
	expect_json(i, "{\"k\":9e15,\"v\":-0}", "{\"k\": 9000000000000000, \"v\": 0}");
	expect_json(f, "{\"k\":0,\"v\":\"inf\"}", "{\"k\": 0, \"v\": \"inf\"}");
	expect_json(f, "{\"k\":0,\"v\":\"-inf\"}", "{\"k\": 0, \"v\": \"-inf\"}");
	expect_json(f, "{\"k\":0,\"v\":\"nan\"}", "{\"k\": 0, \"v\": \"nan\"}");
	expect_json(f, "{\"k\":0,\"v\":9007199254740993}", "{\"k\": 0, \"v\": 9007199254740992}");
	expect_json(f, "{\"k\":0,\"v\":-0.0}", "{\"k\": 0, \"v\": -0.0}");
	stele_schema_free(u);
	stele_schema_free(i);
	stele_schema_free(f);
}

Test(text_row_text, words_and_arrays_in_json)
{
	struct stele_schema *schema =
		declare("t(k: u8 key enum(up=1, down=2), n: u32[3], s: i16[2] enum(a=-1, b=9))");

	expect_json(schema, "{\"k\":2,\"n\":[1, 2e3 ,\"0x10\"],\"s\":[\"b\",-1]}",
	            "{\"k\": \"down\", \"n\": [1, 2000, 16], \"s\": [\"b\", \"a\"]}");
	expect_json(schema, "{\"k\":\"up\",\"n\":\"1 2 3\",\"s\":[\"\\u0062\",\"\\u0061\"]}",
	            "{\"k\": \"up\", \"n\": [1, 2, 3], \"s\": [\"b\", \"a\"]}");
	stele_schema_free(schema);
}

Test(text_row_text, refuses_wrong_json)
{
	static const struct {
		const char *text, *message;
	} wrong[] = {
		{"", "the text ends"},
		{"{", "the name of a column"},
		{"[]", "'{'"},
		{"{}", "missing: k, v, t"},
		{"{\"k\":1,\"v\":1}", "missing: t"},
		{"{\"k\":1,\"v\":1,\"t\":\"\",\"k\":1}", "\"k\" is there twice"},
		{"{\"k\":1,\"vv\":1}", "did you mean \"v\"?"},
		{"{\"k\":1,\"unknown\":1}", "no column \"unknown\"; its columns are: k: u8 key"},
		{"{\"k\":{}}", "column \"k\": expected a string, a number, true or false"},
		{"{\"k\":null}", "column \"k\": expected a string"},
		{"{\"k\":[1]}", "column \"k\": expected a string"},
		{"{\"k\":01}", "',' or '}'"},
		{"{\"k\":-}", "a value"},
		{"{\"k\":1.}", "digits after the point"},
		{"{\"k\":1e}", "digits in the exponent"},
		{"{\"k\":1,}", "the name of a column"},
		{"{\"k\":1} x", "nothing after the object"},
		{"{\"k\":1.5,\"v\":1,\"t\":\"\"}", "must be an integer below 2^53"},
		{"{\"k\":256,\"v\":1,\"t\":\"\"}", "column \"k\": invalid value \"256\""},
		{"{\"k\":1,\"v\":1e309,\"t\":\"\"}", "column \"v\""},
		{"{\"k\":\"\\ud800\"}", "surrogate"},
		{"{\"k\":\"\\udc00\"}", "surrogate"},
		{"{\"k\":\"\\u12g4\"}", "four hexadecimal digits"},
		{"{\"k\":\"\\q\"}", "after a backslash"},
		{"{\"k\":\"a\n\"}", "control characters"},
		{"{\"k\":\"\xff\"}", "UTF-8"},
		{"{\"k\":\"a", "the end of the string"},
		{"{\"k\":\"a\\", "after a backslash"},
	};
	struct stele_schema *schema = declare("t(k: u8 key, v: f64, t: text)");
	_Alignas(8) uint8_t value[64];
	struct stele_key key;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		size_t size = sizeof(value);
		int r = stele_row_parse_json(schema, wrong[i].text, strlen(wrong[i].text), NULL,
		                             &key, value, &size);

		CHECK((r == -EINVAL || r == -ERANGE) &&
		              strstr(stele_last_error(), wrong[i].message),
		      "%s: %d: %s", wrong[i].text, r, stele_last_error());
		CHECK(size == sizeof(value), "the size of %s", wrong[i].text);
	}
	stele_schema_free(schema);
}

Test(text_row_text, csv_lines)
{
	struct stele_schema *schema = declare("t(k: u8 key, n: i16, t: text)");
	static const char header[] = " t ,k,\"n\"\r\n";
	_Alignas(8) uint8_t value[64];
	size_t size = sizeof(value);
	struct stele_csv csv;
	struct stele_key key;
	char text[64];

	OK(stele_csv_format(schema, text, sizeof(text)));
	CHECK(strcmp(text, "k,n,t") == 0, "%s", text);
	OK(stele_csv_parse(schema, header, strlen(header), &csv));
	CHECK(csv.count == 3 && csv.columns[0] == 2 && csv.columns[2] == 1, "the columns");
	OK(stele_row_parse_csv(schema, &csv, " \" a\"\"\" , 7 ,-5\r\n", 17, NULL, &key, value,
	                       &size));
	CHECK(size == 5 && memcmp(value + 2, " a\"", 3) == 0 && key.bytes[0] == 7, "%zu", size);
	/* Spaces belong to a text, and not to a number. A line end belongs to nothing. */
	size = sizeof(value);
	OK(stele_row_parse_csv(schema, NULL, " 7 ,\t-5, a \r\n", 13, NULL, &key, value, &size));
	CHECK(size == 5 && memcmp(value + 2, " a ", 3) == 0 && key.bytes[0] == 7, "%zu", size);
	RETURNS(stele_row_parse_csv(schema, &csv, "a,1", 3, NULL, &key, value, &size), -EINVAL,
	        "expected 3 fields, as in the first line, but found 2");
	RETURNS(stele_row_parse_csv(schema, &csv, "a\"b,1,2", 7, NULL, &key, value, &size), -EINVAL,
	        "quotation marks");
	RETURNS(stele_row_parse_csv(schema, &csv, "\"a,1,2", 6, NULL, &key, value, &size), -EINVAL,
	        "quotation marks");
	RETURNS(stele_csv_parse(schema, "k,n", 3, &csv), -EINVAL, "missing: t");
	RETURNS(stele_csv_parse(schema, "k,k,n,t", 7, &csv), -EINVAL, "\"k\" is named twice");
	RETURNS(stele_csv_parse(schema, "k,n,tt", 6, &csv), -EINVAL, "did you mean \"t\"?");
	stele_schema_free(schema);
}

/* Columns that the text lacks come from the row that is there, or are defaults; a part of a row can
 * be parsed alone; a small buffer says how large it must be. */
Test(text_row_text, parts_of_a_row)
{
	struct stele_schema *schema = declare("t(k: u8 key, n: u32, d: u32 default 7, t: text)");
	_Alignas(8) uint8_t value[64], there[64] = {0};
	struct stele_row present = {.value = there, .value_size = 10};
	size_t size = sizeof(value);
	struct stele_key key = {0};
	uint32_t number;

	RETURNS(stele_row_parse_json(schema, "{\"k\":3}", 7, NULL, &key, NULL, NULL), 0, "");
	CHECK(key.bits == 8 && key.bytes[0] == 3, "%u bits", key.bits);
	OK(stele_row_parse_json(schema, "{\"n\":5,\"t\":\"\"}", 14, NULL, NULL, value, &size));
	memcpy(&number, value + 4, 4);
	CHECK(number == 7 && size == 8, "the default: %u", number);
	memcpy(there, "\1\0\0\0\2\0\0\0xy", 10);
	size = sizeof(value);
	OK(stele_row_parse_json(schema, "{\"d\":5}", 7, &present, NULL, value, &size));
	memcpy(&number, value + 4, 4);
	CHECK(number == 5 && size == 10 && memcmp(value + 8, "xy", 2) == 0, "%zu bytes", size);
	RETURNS(stele_row_parse_json(schema, "{\"d\":5}", 7, NULL, NULL, value, &size), -EINVAL,
	        "missing: n, t");
	size = 9;
	RETURNS(stele_row_parse_json(schema, "{\"n\":5,\"t\":\"abc\"}", 17, NULL, NULL, value,
	                             &size),
	        -EMSGSIZE, "11 bytes");
	CHECK(size == 11, "%zu", size);
	stele_schema_free(schema);
}

Test(text_row_text, keys)
{
	struct stele_schema *one = declare("t(name: text key)");
	struct stele_schema *two = declare("t(id: u16 key, name: text key)");
	struct stele_schema *net = declare("t(vrf: u16 key, net: ipv4net key)");
	struct stele_key key = {0};
	char text[64];

	OK(stele_key_parse(one, "a,\"b", 4, &key));
	CHECK(key.bits == 32, "%u bits", key.bits);
	OK(stele_key_parse(two, "7,\"Smith, J.\"", 13, &key));
	CHECK(key.bits == 16 + 9 * 8, "%u bits", key.bits);
	OK(stele_key_format(two, key.bytes, key.bits, text, sizeof(text)));
	CHECK(strcmp(text, "7,\"Smith, J.\"") == 0, "%s", text);
	RETURNS(stele_key_parse(two, "7", 1, &key), -EINVAL, "expected 2 columns");
	RETURNS(stele_key_parse(two, "7,a,b", 5, &key), -EINVAL, "found 3");
	RETURNS(stele_key_parse(two, "7,a\"b", 5, &key), -EINVAL, "quotation marks");
	RETURNS(stele_key_parse(two, "x,a", 3, &key), -EINVAL, "key \"x,a\": column \"id\"");
	OK(stele_key_parse_address(net, "7,10.1.2.3", 10, &key));
	CHECK(key.bits == 48, "%u bits", key.bits);
	OK(stele_key_parse_start(net, "7,10.0.0.0/8", 12, &key));
	CHECK(key.bits == 24, "%u bits", key.bits);
	OK(stele_key_parse_start(net, "7", 1, &key));
	CHECK(key.bits == 16, "%u bits", key.bits);
	OK(stele_key_parse_start(net, "", 0, &key));
	CHECK(key.bits == 0, "%u bits", key.bits);
	RETURNS(stele_key_format(net, "\0", 8, text, sizeof(text)), -EBADMSG, "");
	stele_schema_free(one);
	stele_schema_free(two);
	stele_schema_free(net);
}

Test(text_row_text, escapes_text_for_people)
{
	static const char text[] =
		"a\\\"\xc3\xa9\t\0\x1b[2J\x7f\xff\xc2\x9b\xe2\x80\xae\xed\xa0\x80";
	static const char escaped[] = "a\\\"\xc3\xa9\\x09\\x00\\x1b[2J\\x7f\\xff\\xc2\\x9b"
				      "\\xe2\\x80\\xae\\xed\\xa0\\x80";
	char buffer[128], few[4];

	cr_expect_eq(stele_text_escape(text, sizeof(text) - 1, buffer, sizeof(buffer)),
	             sizeof(escaped) - 1);
	cr_expect_str_eq(buffer, escaped);
	cr_expect_eq(stele_text_escape(text, sizeof(text) - 1, few, sizeof(few)),
	             sizeof(escaped) - 1);
	cr_expect_str_eq(few, "a\\\"");
	cr_expect_eq(stele_text_escape("", 0, buffer, sizeof(buffer)), 0);
	cr_expect_str_eq(buffer, "");
}
