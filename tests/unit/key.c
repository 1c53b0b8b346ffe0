/* SPDX-License-Identifier: MIT
 *
 * Keys: they sort in the order of the values that they encode, and decode to these values. */
#include <criterion/criterion.h>
#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/schema/key.h"
#include "tests/support/message.h"
#include "tests/support/random.h"

#ifdef NDEBUG
#error "tests need their assertions"
#endif

#define SEED         UINT64_C(0x9e3779b97f4a7c15)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define PAIRS        100000

static uint64_t random_state = SEED;

static uint64_t random_next(void)
{
	return random_from(&random_state);
}

/* A value of any type in its C representation; text has its length in `size`. */
struct value {
	union {
		uint8_t bytes[32];
		uint8_t u8;
		uint16_t u16;
		uint32_t u32;
		uint64_t u64;
		int8_t i8;
		int16_t i16;
		int32_t i32;
		int64_t i64;
		double f64;
		struct stele_ipv4net net4;
		struct stele_ipv6net net6;
	};
	size_t size;
};

/* One type: the size of a random value, and the order of two values, compared without encoding
 * them. */
struct order {
	enum stele_type type;
	size_t size;
	int (*compare)(const struct value *a, const struct value *b);
};

#define COMPARE(member) \
	static int compare_##member(const struct value *a, const struct value *b) \
	{ \
		return (a->member > b->member) - (a->member < b->member); \
	}
COMPARE(u8)
COMPARE(u16)
COMPARE(u32)
COMPARE(u64)
COMPARE(i8)
COMPARE(i16)
COMPARE(i32)
COMPARE(i64)
COMPARE(f64)

#define COMPARE_BYTES(name, count) \
	static int compare_##name(const struct value *a, const struct value *b) \
	{ \
		return memcmp(a->bytes, b->bytes, count); \
	}
COMPARE_BYTES(4, 4)
/* an address, then its length: of two equal addresses the shorter prefix is first */
COMPARE_BYTES(5, 5)
COMPARE_BYTES(6, 6)
COMPARE_BYTES(16, 16)
COMPARE_BYTES(17, 17)

static int compare_char(const struct value *a, const struct value *b)
{
	return strncmp((const char *)a->bytes, (const char *)b->bytes, 8);
}

static int compare_text(const struct value *a, const struct value *b)
{
	int order = memcmp(a->bytes, b->bytes, a->size < b->size ? a->size : b->size);

	return order != 0 ? order : (a->size > b->size) - (a->size < b->size);
}

static const struct order orders[] = {
	{STELE_U8, 1, compare_u8},      {STELE_U16, 2, compare_u16},
	{STELE_U32, 4, compare_u32},    {STELE_U64, 8, compare_u64},
	{STELE_I8, 1, compare_i8},      {STELE_I16, 2, compare_i16},
	{STELE_I32, 4, compare_i32},    {STELE_I64, 8, compare_i64},
	{STELE_F64, 8, compare_f64},    {STELE_BOOL, 1, compare_u8},
	{STELE_IPV4, 4, compare_4},     {STELE_IPV6, 16, compare_16},
	{STELE_IPV4NET, 5, compare_5},  {STELE_IPV6NET, 17, compare_17},
	{STELE_MAC, 6, compare_6},      {STELE_UUID, 16, compare_16},
	{STELE_TIME, 8, compare_u64},   {STELE_CHAR, 8, compare_char},
	{STELE_TEXT, 12, compare_text}, {STELE_BYTES, 12, compare_text},
};

static void clear_host(uint8_t *address, unsigned length, unsigned bits)
{
	for (unsigned bit = length; bit < bits; bit++)
		address[bit / 8] &= (uint8_t) ~(0x80u >> bit % 8);
}

/* Turns random bytes into a valid value of the type. */
static void make_valid(const struct order *order, struct value *value)
{
	value->size = order->size;
	switch (order->type) {
	case STELE_BOOL:
		value->u8 &= 1;
		break;
	case STELE_F64:
		if (isnan(value->f64))
			value->f64 = (value->u64 & 1) != 0 ? INFINITY : -0.0;
		break;
	case STELE_IPV4NET:
		value->net4.length %= 33;
		clear_host(value->net4.address, value->net4.length, 32);
		break;
	case STELE_IPV6NET:
		value->net6.length %= 129;
		clear_host(value->net6.address, value->net6.length, 128);
		break;
	case STELE_TEXT:
	case STELE_BYTES:
		value->size = value->bytes[31] % 13;
		break;
	default:
		break;
	}
}

/* Makes two values. Half of the pairs are close, so that the last bytes of a value are compared
 * too. */
static void random_pair(const struct order *order, struct value *a, struct value *b)
{
	for (size_t i = 0; i < sizeof(a->bytes); i++) {
		a->bytes[i] = (uint8_t)(random_next() >> 20);
		b->bytes[i] = (uint8_t)(random_next() >> 20);
	}
	if (order->type == STELE_CHAR)
		a->bytes[random_next() % 8] = 0;
	if (random_next() % 2) {
		memcpy(b->bytes, a->bytes, sizeof(b->bytes));
		b->bytes[random_next() % order->size] ^= (uint8_t)(1u << random_next() % 8);
		b->bytes[31] = (uint8_t)(random_next() >> 20);
	}
	make_valid(order, a);
	make_valid(order, b);
}

static int bit(const struct stele_key *key, unsigned at)
{
	return key->bytes[at / 8] >> (7 - at % 8) & 1;
}

/* Compares two keys by the definition: bit by bit from the first, and a key before those that it is
 * a prefix of. */
static int compare_keys(const struct stele_key *a, const struct stele_key *b)
{
	for (unsigned at = 0; at < a->bits && at < b->bits; at++)
		if (bit(a, at) != bit(b, at))
			return bit(a, at) - bit(b, at);
	return (a->bits > b->bits) - (a->bits < b->bits);
}

static struct stele_column column_of(const struct order *order)
{
	return (struct stele_column){.name = "k",
	                             .type = order->type,
	                             .key = true,
	                             .size = order->type == STELE_CHAR ? 8 : 0};
}

static int sign(int number)
{
	return (number > 0) - (number < 0);
}

Test(unit_key, keys_sort_like_their_values)
{
	cr_log_info("seed %llu", (unsigned long long)random_state);
	for (size_t i = 0; i < COUNT(orders); i++) {
		struct stele_column column = column_of(&orders[i]);

		for (int pair = 0; pair < PAIRS; pair++) {
			struct stele_key key_a = {0}, key_b = {0};
			struct value a, b;
			int expected;

			random_pair(&orders[i], &a, &b);
			expected = sign(orders[i].compare(&a, &b));
			cr_assert(stele_key_append(&key_a, &column, a.bytes, a.size) == 0, "%s",
			          stele_last_error());
			cr_assert(stele_key_append(&key_b, &column, b.bytes, b.size) == 0, "%s",
			          stele_last_error());
			cr_assert(sign(compare_keys(&key_a, &key_b)) == expected,
			          "%s, pair %d of seed %llu", stele_type_name(orders[i].type), pair,
			          (unsigned long long)SEED);
		}
	}
}

Test(unit_key, columns_are_decoded)
{
	static const struct stele_column first = {.name = "first", .type = STELE_I16, .key = true};

	for (size_t i = 0; i < COUNT(orders); i++) {
		struct stele_column columns[] = {first, column_of(&orders[i])};
		struct stele_schema schema = {
			.columns = columns, .column_count = 2, .value_size = 0};

		for (int round = 0; round < 2000; round++) {
			struct stele_key key = {0};
			struct value a, b, buffer;
			const void *found;
			int16_t number = (int16_t)random_next();
			size_t size;

			random_pair(&orders[i], &a, &b);
			cr_assert(stele_key_append(&key, &columns[0], &number, 0) == 0);
			cr_assert(stele_key_append(&key, &columns[1], a.bytes, a.size) == 0);
			cr_assert(stele_key_check(&schema, key.bytes, key.bits) == 0, "%s",
			          stele_last_error());
			cr_assert(stele_key_column(&schema, 0, key.bytes, key.bits, &buffer, 32,
			                           &found, &size) == 0);
			cr_assert(size == 2 && memcmp(found, &number, 2) == 0);
			cr_assert(stele_key_column(&schema, 1, key.bytes, key.bits, &buffer, 32,
			                           &found, &size) == 0,
			          "%s", stele_last_error());
			if (orders[i].type == STELE_CHAR)
				memset(a.bytes + strnlen((char *)a.bytes, 8), 0, 8);
			if (orders[i].type == STELE_F64 && a.f64 == 0)
				a.f64 = 0.0;
			cr_assert(size == a.size && memcmp(found, a.bytes, size) == 0,
			          "%s, round %d", stele_type_name(orders[i].type), round);
		}
	}
}

static void expect_key(enum stele_type type, const void *value, size_t size, unsigned bits,
                       const char *bytes)
{
	struct stele_column column = {.name = "k", .type = type, .key = true, .size = 0};
	struct stele_key key = {0};

	if (type == STELE_CHAR)
		column.size = (uint32_t)size;
	cr_expect(stele_key_append(&key, &column, value, size) == 0, "%s", stele_last_error());
	cr_expect(key.bits == bits && memcmp(key.bytes, bytes, (bits + 7) / 8) == 0, "%s: %u bits",
	          stele_type_name(type), key.bits);
}

Test(unit_key, values_have_their_documented_encodings)
{
	expect_key(STELE_U8, &(uint8_t){255}, 0, 8, "\xff");
	expect_key(STELE_U16, &(uint16_t){0x1234}, 0, 16, "\x12\x34");
	expect_key(STELE_U32, &(uint32_t){0x12345678}, 0, 32, "\x12\x34\x56\x78");
	expect_key(STELE_U64, &(uint64_t){1}, 0, 64, "\0\0\0\0\0\0\0\1");
	expect_key(STELE_TIME, &(uint64_t){UINT64_MAX - 1}, 0, 64,
	           "\xff\xff\xff\xff\xff\xff\xff\xfe");
	expect_key(STELE_I8, &(int8_t){INT8_MIN}, 0, 8, "\0");
	expect_key(STELE_I8, &(int8_t){-1}, 0, 8, "\x7f");
	expect_key(STELE_I16, &(int16_t){0}, 0, 16, "\x80\0");
	expect_key(STELE_I32, &(int32_t){INT32_MAX}, 0, 32, "\xff\xff\xff\xff");
	expect_key(STELE_I64, &(int64_t){INT64_MIN}, 0, 64, "\0\0\0\0\0\0\0\0");
	expect_key(STELE_F64, &(double){1.0}, 0, 64, "\xbf\xf0\0\0\0\0\0\0");
	expect_key(STELE_F64, &(double){-1.0}, 0, 64, "\x40\x0f\xff\xff\xff\xff\xff\xff");
	expect_key(STELE_F64, &(double){0.0}, 0, 64, "\x80\0\0\0\0\0\0\0");
	expect_key(STELE_F64, &(double){-0.0}, 0, 64, "\x80\0\0\0\0\0\0\0");
	expect_key(STELE_F64, &(double){INFINITY}, 0, 64, "\xff\xf0\0\0\0\0\0\0");
	expect_key(STELE_F64, &(double){-INFINITY}, 0, 64, "\x00\x0f\xff\xff\xff\xff\xff\xff");
	expect_key(STELE_BOOL, &(uint8_t){1}, 0, 8, "\1");
	expect_key(STELE_IPV4, "\x0a\1\2\3", 0, 32, "\x0a\1\2\3");
	expect_key(STELE_IPV4NET, "\0\0\0\0\0", 0, 0, "");
	expect_key(STELE_IPV4NET, "\x0a\x80\0\0\x09", 0, 9, "\x0a\x80");
	expect_key(STELE_IPV4NET, "\x0a\1\2\3\x20", 0, 32, "\x0a\1\2\3");
	expect_key(STELE_IPV6NET, "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\0\x20", 0, 32,
	           "\x20\1\x0d\xb8");
	expect_key(STELE_CHAR, "ab\0xyz", 6, 48, "ab\0\0\0\0");
	expect_key(STELE_CHAR, "abcdef", 6, 48, "abcdef");
	expect_key(STELE_TEXT, "a\0b", 3, 24, "a\0b");
	expect_key(STELE_TEXT, NULL, 0, 0, "");
}

Test(unit_key, refused_values_change_nothing)
{
	static const struct {
		enum stele_type type;
		const char *value, *message;
	} bad[] = {
		{STELE_BOOL, "\2", "column \"k\": invalid bool 2 (expected 0 or 1)"},
		{STELE_F64, "\0\0\0\0\0\0\xf8\x7f", "column \"k\": NaN"},
		{STELE_F64, "\1\0\0\0\0\0\xf0\xff", "column \"k\": NaN"},
		{STELE_IPV4NET, "\x0a\0\0\1\x08", "did you mean 10.0.0.0/8?"},
		{STELE_IPV4NET, "\x0a\0\0\1\x1f", "did you mean 10.0.0.0/31?"},
		{STELE_IPV4NET, "\x80\0\0\0\0", "did you mean 0.0.0.0/0?"},
		{STELE_IPV4NET, "\x0a\0\0\1\x21", "over 32"},
		{STELE_IPV6NET, "\x20\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x0f",
	         "did you mean 2000::/15?"},
		{STELE_IPV6NET, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x81", "over 128"},
		{(enum stele_type)0, "", "unknown type 0"},
		{(enum stele_type)99, "", "unknown type 99"},
	};

	for (size_t i = 0; i < COUNT(bad); i++) {
		struct stele_column column = {.name = "k", .type = bad[i].type, .key = true};
		struct stele_key key = {.bits = 8, .bytes = {7}}, before = key;

		cr_expect(stele_key_append(&key, &column, bad[i].value, 0) == -EINVAL, "%zu", i);
		cr_expect(memcmp(&key, &before, sizeof(key)) == 0);
		EXPECT_MESSAGE(bad[i].message);
	}
}

Test(unit_key, the_longest_key_is_accepted)
{
	static const struct stele_column text = {.name = "t", .type = STELE_TEXT, .key = true};
	static const struct stele_column number = {.name = "n", .type = STELE_U32, .key = true};
	static const struct stele_column net = {.name = "p", .type = STELE_IPV4NET, .key = true};
	char bytes[STELE_KEY_MAX + 1] = {0};
	struct stele_key key = {0};

	cr_expect(stele_key_append(&key, &text, bytes, STELE_KEY_MAX + 1) == -EINVAL);
	EXPECT_MESSAGE("column \"t\"");
	cr_expect(stele_key_append(&key, &text, bytes, SIZE_MAX) == -EINVAL);
	cr_expect(stele_key_append(&key, &text, bytes, STELE_KEY_MAX - 3) == 0);
	cr_expect(stele_key_append(&key, &number, bytes, 0) == -EINVAL);
	cr_expect(key.bits == (STELE_KEY_MAX - 3) * 8);
	cr_expect(stele_key_append(&key, &text, bytes, 3) == 0);
	cr_expect(key.bits == STELE_KEY_MAX * 8);
	key.bits = 0;
	cr_expect(stele_key_append(&key, &net, "\x80\0\0\0\1", 0) == 0 && key.bits == 1);
	cr_expect(stele_key_append(&key, &number, bytes, 0) == -EINVAL);
	EXPECT_MESSAGE("ends with a prefix");
}

static void expect_bits(const struct stele_schema *schema, unsigned least, unsigned most,
                        bool prefix)
{
	unsigned found_least, found_most;

	schema_key_bits(schema, &found_least, &found_most);
	cr_expect(found_least == least && found_most == most, "%u to %u", found_least, found_most);
	cr_expect(schema_key_is_prefix(schema) == prefix);
}

static const struct stele_column net_columns[] = {STELE_KEY("vrf", STELE_U16),
                                                  STELE_KEY("prefix", STELE_IPV4NET),
                                                  {.name = "v", .type = STELE_TEXT}};
static const struct stele_column text_columns[] = {STELE_KEY("name", STELE_TEXT)};
static const struct stele_column pair_columns[] = {STELE_KEY("flag", STELE_BOOL),
                                                   STELE_KEY_CHAR("name", 5),
                                                   {.name = "net", .type = STELE_IPV4NET}};
static const struct stele_schema net_schema = {
	.columns = net_columns, .column_count = 3, .value_size = 0};
static const struct stele_schema text_schema = {
	.columns = text_columns, .column_count = 1, .value_size = 0};
static const struct stele_schema pair_schema = {
	.columns = pair_columns, .column_count = 3, .value_size = 5};

Test(unit_key, the_columns_give_the_lengths_that_a_key_may_have)
{
	expect_bits(&net_schema, 16, 48, true);
	expect_bits(&text_schema, 0, STELE_KEY_MAX * 8, false);
	expect_bits(&pair_schema, 48, 48, false);
}

Test(unit_key, malformed_keys_are_refused)
{
	static const uint8_t key[STELE_KEY_MAX] = {0, 1, 10, 1};

	cr_expect(stele_key_check(&net_schema, key, 15) == -EINVAL);
	EXPECT_MESSAGE("the key has 15 bits; a key of this table has from 16 to 48 bits");
	cr_expect(stele_key_check(&net_schema, key, 16) == 0);
	cr_expect(stele_key_check(&net_schema, key, 23) == 0);
	cr_expect(stele_key_check(&net_schema, key, 22) == -EINVAL);
	EXPECT_MESSAGE("bits set past its length of 22 bits, in its last byte 0x0a");
	cr_expect(stele_key_check(&net_schema, key, 31) == -EINVAL);
	cr_expect(stele_key_check(&net_schema, key, 32) == 0);
	cr_expect(stele_key_check(&net_schema, key, 48) == 0);
	cr_expect(stele_key_check(&net_schema, key, 49) == -EINVAL);
	cr_expect(stele_key_check(&text_schema, NULL, 0) == 0);
	cr_expect(stele_key_check(&text_schema, key, 12) == -EINVAL);
	EXPECT_MESSAGE("whole bytes");
	cr_expect(stele_key_check(&text_schema, key, STELE_KEY_MAX * 8) == 0);
	cr_expect(stele_key_check(&text_schema, key, STELE_KEY_MAX * 8 + 8) == -EINVAL);
	cr_expect(stele_key_check(&pair_schema, key, 40) == -EINVAL);
	EXPECT_MESSAGE("the key has 40 bits; a key of this table has 48");
	cr_expect(stele_key_check(&pair_schema, key, 48) == 0);
}

static const struct stele_column picky_columns[] = {
	STELE_KEY("flag", STELE_BOOL), STELE_KEY("load", STELE_F64), STELE_KEY_CHAR("name", 4),
	STELE_KEY("net", STELE_IPV4NET)};
static const struct stele_schema picky_schema = {
	.columns = picky_columns, .column_count = 4, .value_size = 0};

/* Encodes a key of these values, sets one byte of it, and checks the key. */
static int check_picky(double load, const char *name, unsigned at, uint8_t byte)
{
	static const struct stele_ipv4net net = {{10, 0, 0, 0}, 8};
	static const bool flag = true;
	struct stele_key key = {0};

	cr_assert(stele_key_append(&key, &picky_columns[0], &flag, 0) == 0);
	cr_assert(stele_key_append(&key, &picky_columns[1], &load, 0) == 0);
	cr_assert(stele_key_append(&key, &picky_columns[2], name, 0) == 0);
	cr_assert(stele_key_append(&key, &picky_columns[3], &net, 0) == 0);
	key.bytes[at] = byte;
	return stele_key_check(&picky_schema, key.bytes, key.bits);
}

Test(unit_key, invalid_values_in_keys_are_refused)
{
	static const uint8_t minus_zero[] = {0, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	static const double loads[] = {0.0,     -0.0,     1.5,      -1.5,      DBL_MAX,  -DBL_MAX,
	                               DBL_MIN, -DBL_MIN, INFINITY, -INFINITY, -4.9e-324};
	static const struct stele_schema load_schema = {
		.columns = picky_columns, .column_count = 2, .value_size = 0};

	for (size_t i = 0; i < COUNT(loads); i++)
		cr_expect(check_picky(loads[i], "abc", 0, 0) == 0, "%g: %s", loads[i],
		          stele_last_error());
	cr_expect(check_picky(1, "", 0, 1) == 0);
	cr_expect(check_picky(1, "abcd", 0, 1) == 0);
	cr_expect(check_picky(1, "abc", 0, 2) == -EINVAL);
	EXPECT_MESSAGE("column \"flag\": invalid bool 2 in the key (expected 0 or 1)");
	/* Infinity and one more bit: a quiet NaN of either sign. */
	cr_expect(check_picky(INFINITY, "abc", 8, 1) == -EINVAL);
	EXPECT_MESSAGE("column \"load\": the key has NaN");
	cr_expect(check_picky(-INFINITY, "abc", 8, 0) == -EINVAL);
	EXPECT_MESSAGE("column \"load\": the key has NaN");
	cr_expect(stele_key_check(&load_schema, minus_zero, 72) == -EINVAL);
	EXPECT_MESSAGE("column \"load\": the key has -0.0");
	cr_expect(check_picky(1, "a", 11, 'c') == -EINVAL);
	EXPECT_MESSAGE("column \"name\": the key has bytes after the NUL at byte 1 of a char[4]");
	cr_expect(check_picky(1, "", 12, 'd') == -EINVAL);
	EXPECT_MESSAGE("after the NUL at byte 0");
	cr_expect(schema_key_plain(&net_schema) && schema_key_plain(&text_schema));
	cr_expect(!schema_key_plain(&pair_schema) && !schema_key_plain(&picky_schema));
}

Test(unit_key, column_validates_the_key)
{
	static const uint8_t key[] = {2, 'a', 0, 0, 0, 0, 0};
	const void *found = NULL;
	uint8_t buffer[32];
	size_t size = 99;

	cr_expect(stele_key_column(&pair_schema, 0, key, 48, buffer, 32, &found, &size) ==
	          -EBADMSG);
	EXPECT_MESSAGE("column \"flag\"");
	cr_expect(stele_key_column(&pair_schema, 1, key, 40, buffer, 32, &found, &size) ==
	          -EBADMSG);
	cr_expect(stele_key_column(&pair_schema, 1, key, 56, buffer, 32, &found, &size) ==
	          -EBADMSG);
	cr_expect(stele_key_column(&text_schema, 0, key, 12, NULL, 0, &found, &size) == -EBADMSG);
	cr_expect(stele_key_column(&net_schema, 1, key, 49, buffer, 32, &found, &size) == -EBADMSG);
	cr_expect(stele_key_column(&pair_schema, 2, key, 48, buffer, 32, &found, &size) == -EINVAL);
	cr_expect(stele_key_column(&pair_schema, 3, key, 48, buffer, 32, &found, &size) == -EINVAL);
	cr_expect(stele_key_column(&pair_schema, 1, key, 48, buffer, 4, &found, &size) ==
	          -EMSGSIZE);
	cr_expect(found == NULL && size == 99, "written on failure");
	cr_expect(stele_key_column(&pair_schema, 1, key, 48, buffer, 5, &found, &size) == 0);
	cr_expect(found == buffer && size == 5);
	cr_expect(stele_key_column(&text_schema, 0, key + 1, 8, NULL, 0, &found, &size) == 0);
	cr_expect(found == key + 1 && size == 1);
	cr_expect(stele_key_column(&text_schema, 0, NULL, 0, NULL, 0, &found, &size) == 0 &&
	          size == 0);
	/* Bits behind a prefix are not part of it. */
	cr_expect(stele_key_column(&net_schema, 1, "\0\1\xff", 17, buffer, 32, &found, &size) == 0);
	cr_expect(size == 5 && memcmp(found, "\x80\0\0\0\1", 5) == 0);
}
