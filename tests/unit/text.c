/* SPDX-License-Identifier: MIT
 *
 * Columns as text: formatting and parsing. */
#include <criterion/criterion.h>
#include <errno.h>
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <stele/schema.h>
#include "tests/support/random.h"

#ifdef NDEBUG
#error "tests need their assertions"
#endif

#define SEED         UINT64_C(0x2545f4914f6cdd1d)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define CHAR_SIZE    8u

static uint64_t random_state = SEED;

static uint64_t random_next(void)
{
	return random_from(&random_state);
}

static struct stele_column column_of(enum stele_type type)
{
	return (struct stele_column){
		.name = "c", .type = type, .size = type == STELE_CHAR ? CHAR_SIZE : 0};
}

static int parse(enum stele_type type, const char *text, void *buffer, size_t *ret_size)
{
	struct stele_column column = column_of(type);
	size_t length = strlen(text);
	char *copy = malloc(length > 0 ? length : 1);
	int r;

	/* The text has no terminator, so that a sanitizer reports reads past its end. */
	cr_assert(copy);
	memcpy(copy, text, length);
	r = stele_value_parse(&column, copy, length, buffer, 64, ret_size);
	free(copy);
	return r;
}

struct pair {
	enum stele_type type;
	const char *text, *canonical; /* NULL: same as `text` */
};

/* The limits of every type, and every spelling that is accepted. */
static const struct pair pairs[] = {
	{STELE_U8, "0", NULL},
	{STELE_U8, "255", NULL},
	{STELE_U8, "0xFf", "255"},
	{STELE_U8, "007", "7"},
	{STELE_U8, "-0", "0"},
	{STELE_U16, "65535", NULL},
	{STELE_U32, "4294967295", NULL},
	{STELE_U32, "0x89ABCDEF", "2309737967"},
	{STELE_U32, "AS64496", "64496"},
	{STELE_U32, "AS4294967295", "4294967295"},
	{STELE_U64, "18446744073709551615", NULL},
	{STELE_U64, "0XFFFFFFFFFFFFFFFF", "18446744073709551615"},
	{STELE_I8, "-128", NULL},
	{STELE_I8, "127", NULL},
	{STELE_I8, "-0x80", "-128"},
	{STELE_I16, "-32768", NULL},
	{STELE_I16, "32767", NULL},
	{STELE_I32, "-2147483648", NULL},
	{STELE_I32, "2147483647", NULL},
	{STELE_I64, "-9223372036854775808", NULL},
	{STELE_I64, "9223372036854775807", NULL},
	{STELE_F64, "0", NULL},
	{STELE_F64, "-0", "-0.0"},
	{STELE_F64, "-0.0", NULL},
	{STELE_F64, "0.1", NULL},
	{STELE_F64, "0e-400", "0"},
	{STELE_F64, "0.30000000000000004", NULL},
	{STELE_F64, "5e-324", "5e-324"},
	{STELE_F64, "1.7976931348623157e+308", NULL},
	{STELE_F64, "2.2250738585072014e-308", NULL},
	{STELE_F64, "inf", NULL},
	{STELE_F64, "-inf", NULL},
	{STELE_F64, "nan", NULL},
	{STELE_F64, "1E2", "100"},
	{STELE_F64, ".5", "0.5"},
	{STELE_F64, "100000000000000000000", "1e+20"},
	{STELE_BOOL, "true", NULL},
	{STELE_BOOL, "false", NULL},
	{STELE_BOOL, "1", "true"},
	{STELE_BOOL, "0", "false"},
	{STELE_IPV4, "0.0.0.0", NULL},
	{STELE_IPV4, "255.255.255.255", NULL},
	{STELE_IPV6, "::", NULL},
	{STELE_IPV6, "2001:DB8:0::1", "2001:db8::1"},
	{STELE_IPV6, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL},
	{STELE_IPV6, "::ffff:255.255.255.255", NULL},
	{STELE_IPV4NET, "0.0.0.0/0", NULL},
	{STELE_IPV4NET, "10.0.0.0/8", NULL},
	{STELE_IPV4NET, "128.0.0.0/1", NULL},
	{STELE_IPV4NET, "10.1.2.3", "10.1.2.3/32"},
	{STELE_IPV4NET, "default", "0.0.0.0/0"},
	{STELE_IPV6NET, "default", "::/0"},
	{STELE_IPV6NET, "::/0", NULL},
	{STELE_IPV6NET, "2001:db8::/32", NULL},
	{STELE_IPV6NET, "::1", "::1/128"},
	{STELE_IPV6NET, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128", NULL},
	{STELE_MAC, "00:11:22:aa:bb:ff", NULL},
	{STELE_MAC, "AA:BB:CC:DD:EE:FF", "aa:bb:cc:dd:ee:ff"},
	{STELE_MAC, "00-11-22-AA-BB-FF", "00:11:22:aa:bb:ff"},
	{STELE_MAC, "0011.22aa.bbff", "00:11:22:aa:bb:ff"},
	{STELE_MAC, "001122AABBFF", "00:11:22:aa:bb:ff"},
	{STELE_UUID, "00112233-4455-6677-8899-aabbccddeeff", NULL},
	{STELE_UUID, "00112233-4455-6677-8899-AABBCCDDEEFF",
         "00112233-4455-6677-8899-aabbccddeeff"},
	{STELE_TIME, "1970-01-01T00:00:00Z", NULL},
	{STELE_TIME, "0", "1970-01-01T00:00:00Z"},
	{STELE_TIME, "2026-01-31T12:00:00.000000001Z", NULL},
	{STELE_TIME, "2026-01-31T12:00:00.5Z", "2026-01-31T12:00:00.500000000Z"},
	{STELE_TIME, "2026-01-31T12:00:00.0Z", "2026-01-31T12:00:00Z"},
	{STELE_TIME, "2024-02-29T23:59:59Z", NULL},
	{STELE_TIME, "1769860800000000001", "2026-01-31T12:00:00.000000001Z"},
	{STELE_TIME, "10000000000000000", "1970-04-26T17:46:40Z"},
	{STELE_TIME, "@0", "1970-01-01T00:00:00Z"},
	{STELE_TIME, "@1769860800", "2026-01-31T12:00:00Z"},
	{STELE_TIME, "@1769860800.25", "2026-01-31T12:00:00.250000000Z"},
	{STELE_TIME, "@18446744073.709551615", "2554-07-21T23:34:33.709551615Z"},
	{STELE_TIME, "2026-01-31T12:00:00+00:00", "2026-01-31T12:00:00Z"},
	{STELE_TIME, "2026-01-31T12:00:00.5+02:00", "2026-01-31T10:00:00.500000000Z"},
	{STELE_TIME, "2026-01-31T20:30:00-05:30", "2026-02-01T02:00:00Z"},
	{STELE_TIME, "1969-12-31T19:00:00-05:00", "1970-01-01T00:00:00Z"},
	{STELE_TIME, "2554-07-21T23:34:33.709551615Z", NULL},
	{STELE_TIME, "18446744073709551615", "2554-07-21T23:34:33.709551615Z"},
	{STELE_CHAR, "", NULL},
	{STELE_CHAR, "eightbyt", NULL},
	{STELE_CHAR, "\xc3\xa9\n", NULL},
	{STELE_TEXT, "", NULL},
	{STELE_TEXT, "any text at all, \"\\\n", NULL},
	{STELE_BYTES, "", NULL},
	{STELE_BYTES, "00ff7f", NULL},
	{STELE_BYTES, "ABcd", "abcd"},
};

Test(unit_text, parse_then_format)
{
	for (size_t i = 0; i < COUNT(pairs); i++) {
		struct stele_column column = column_of(pairs[i].type);
		const char *canonical = pairs[i].canonical ? pairs[i].canonical : pairs[i].text;
		char value[64], text[128];
		size_t size = 0, length;

		cr_expect(parse(pairs[i].type, pairs[i].text, value, &size) == 0, "%s",
		          stele_last_error());
		length = stele_value_format(&column, value, size, text, sizeof(text));
		cr_expect_str_eq(text, canonical);
		cr_expect(length == strlen(canonical));
	}
}

Test(unit_text, now_is_the_time_of_the_call)
{
	const uint64_t second = UINT64_C(1000000000);
	uint64_t value, before = (uint64_t)time(NULL) * second, after;
	size_t size;

	cr_expect(parse(STELE_TIME, "now", &value, &size) == 0 && size == sizeof(value));
	after = ((uint64_t)time(NULL) + 1) * second;
	/* time(2) is up to a tick of the clock behind clock_gettime(2). */
	cr_expect(before <= value + second && value <= after + second, "%" PRIu64, value);
}

Test(unit_text, parsed_values_have_their_documented_bytes)
{
	struct stele_ipv4net net;
	uint8_t bytes[64];
	uint64_t u64;
	int16_t i16;
	double f64;
	size_t size;

	cr_expect(parse(STELE_I16, "-2", &i16, &size) == 0 && i16 == -2 && size == sizeof(i16));
	cr_expect(parse(STELE_U64, "0x100000002", &u64, &size) == 0 && u64 == 0x100000002 &&
	          size == 8);
	cr_expect(parse(STELE_F64, "-2.5e3", &f64, &size) == 0 && f64 == -2500.0 && size == 8);
	cr_expect(parse(STELE_IPV4NET, "10.128.0.0/9", &net, &size) == 0 && size == sizeof(net));
	cr_expect(memcmp(net.address, "\x0a\x80\0\0", 4) == 0 && net.length == 9);
	cr_expect(parse(STELE_MAC, "01:02:03:0a:0b:0c", bytes, &size) == 0 && size == 6);
	cr_expect(memcmp(bytes, "\1\2\3\x0a\x0b\x0c", 6) == 0);
	cr_expect(parse(STELE_TIME, "1970-01-02T00:00:01.5Z", &u64, &size) == 0);
	cr_expect(u64 == UINT64_C(86401500000000), "%" PRIu64, u64);
	memset(bytes, 0xff, sizeof(bytes));
	cr_expect(parse(STELE_CHAR, "ab", bytes, &size) == 0 && size == CHAR_SIZE);
	cr_expect(memcmp(bytes, "ab\0\0\0\0\0\0\xff", 9) == 0, "not padded to exactly its size");
	cr_expect(parse(STELE_BYTES, "00fF", bytes, &size) == 0 && size == 2);
	cr_expect(memcmp(bytes, "\0\xff", 2) == 0);
}

struct fault {
	enum stele_type type;
	const char *text;
	int error;
	const char *message;
};

static const struct fault faults[] = {
	{STELE_U8, "", -EINVAL,
         "column \"c\": invalid value \"\" (expected a number from 0 to 255)"},
	{STELE_U8, "256", -ERANGE, "invalid value \"256\" (expected a number from 0 to 255)"},
	{STELE_U8, "-1", -ERANGE, "\"-1\""},
	{STELE_U8, " 1", -EINVAL, "\" 1\""},
	{STELE_U8, "1 ", -EINVAL, "\"1 \""},
	{STELE_U8, "+1", -EINVAL, ""},
	{STELE_U8, "0x", -EINVAL, ""},
	{STELE_U8, "1.0", -EINVAL, ""},
	{STELE_U8, "-", -EINVAL, ""},
	{STELE_U8, "--1", -EINVAL, ""},
	{STELE_U8, "0x100", -ERANGE, ""},
	{STELE_U8, "a\tb", -EINVAL, "\"a\\x09b\""},
	{STELE_U8, "\xc3\xa9\x7f", -EINVAL, "\"\\xc3\\xa9\\x7f\""},
	{STELE_U8, "\"\\", -EINVAL, "\"\\\"\\\\\""},
	{STELE_U16, "65536", -ERANGE, ""},
	{STELE_U32, "4294967296", -ERANGE, ""},
	{STELE_U32, "AS4294967296", -ERANGE, ""},
	{STELE_U32, "AS", -EINVAL, ""},
	{STELE_U32, "-AS1", -EINVAL, ""},
	{STELE_U32, "as1", -EINVAL, ""},
	{STELE_U64, "AS1", -EINVAL, ""},
	{STELE_U64, "18446744073709551616", -ERANGE, ""},
	{STELE_U64, "0x10000000000000000", -ERANGE, ""},
	{STELE_U64, "99999999999999999999999x", -EINVAL, ""},
	{STELE_I8, "128", -ERANGE, ""},
	{STELE_I8, "-129", -ERANGE, ""},
	{STELE_I16, "32768", -ERANGE, ""},
	{STELE_I16, "-32769", -ERANGE, ""},
	{STELE_I32, "2147483648", -ERANGE, ""},
	{STELE_I32, "-2147483649", -ERANGE, ""},
	{STELE_I64, "9223372036854775808", -ERANGE, ""},
	{STELE_I64, "-9223372036854775809", -ERANGE, ""},
	{STELE_F64, "", -EINVAL, ""},
	{STELE_F64, "1,5", -EINVAL, ""},
	{STELE_F64, "1e", -EINVAL, ""},
	{STELE_F64, " 1", -EINVAL, ""},
	{STELE_F64, "0x1p3", -EINVAL, ""},
	{STELE_F64, "1e309", -ERANGE, "\"1e309\""},
	{STELE_F64, "-1e309", -ERANGE, ""},
	{STELE_F64, "1e-400", -ERANGE, "4.9e-324"},
	{STELE_F64, "-0.1e-323", -ERANGE, ""},
	{STELE_F64, "infinite", -EINVAL, ""},
	{STELE_F64, ".", -EINVAL, ""},
	{STELE_F64, "+1", -EINVAL, ""},
	{STELE_F64, "--1", -EINVAL, ""},
	{STELE_BOOL, "yes", -EINVAL, "true, false, 1 or 0"},
	{STELE_BOOL, "True", -EINVAL, ""},
	{STELE_BOOL, "2", -EINVAL, ""},
	{STELE_BOOL, "", -EINVAL, ""},
	{STELE_IPV4, "10.0.0", -EINVAL, "an IPv4 address"},
	{STELE_IPV4, "256.0.0.1", -EINVAL, ""},
	{STELE_IPV4, "", -EINVAL, ""},
	{STELE_IPV4, "10.0.0.1/32", -EINVAL, ""},
	{STELE_IPV4, "::1", -EINVAL, ""},
	{STELE_IPV6, "1.2.3.4", -EINVAL, "an IPv6 address"},
	{STELE_IPV6, "fe80::1%lo", -EINVAL, ""},
	{STELE_IPV6, "00000000000000000000000000000000000000000000000000::", -EINVAL, ""},
	{STELE_IPV4NET, "10.0.0.1/8", -EINVAL,
         "10.0.0.1/8 has bits set past its length; did you mean 10.0.0.0/8?"},
	{STELE_IPV4NET, "10.0.0.0/33", -EINVAL, "an IPv4 prefix"},
	{STELE_IPV4NET, "10.0.0.0/", -EINVAL, ""},
	{STELE_IPV4NET, "10.0.0.0/08", -EINVAL, ""},
	{STELE_IPV4NET, "10.0.0.0/-1", -EINVAL, ""},
	{STELE_IPV4NET, "10.0.0.0/8/8", -EINVAL, ""},
	{STELE_IPV4NET, "/8", -EINVAL, ""},
	{STELE_IPV4NET, "10/8", -EINVAL, ""},
	{STELE_IPV4NET, "10.0.0.0/255.0.0.0", -EINVAL, ""},
	{STELE_IPV6NET, "2001:db8::1/32", -EINVAL, "did you mean 2001:db8::/32?"},
	{STELE_IPV6NET, "::/129", -EINVAL, ""},
	{STELE_IPV6NET, "10.0.0.0/8", -EINVAL, ""},
	{STELE_MAC, "00:11:22:aa:bb", -EINVAL, "a MAC address"},
	{STELE_MAC, "00:11:22:aa:bb:gg", -EINVAL, ""},
	{STELE_MAC, "00-11-22-aa-bb:cc", -EINVAL, ""},
	{STELE_MAC, "00.11.22.aa.bb.cc", -EINVAL, ""},
	{STELE_MAC, "0011:22aa:bbcc", -EINVAL, ""},
	{STELE_MAC, "0011.22aabb.cc", -EINVAL, ""},
	{STELE_MAC, "001122aabbcg", -EINVAL, ""},
	{STELE_MAC, "00:11:22:aa:bb:cc:", -EINVAL, ""},
	{STELE_UUID, "00112233445566778899aabbccddeeff", -EINVAL, "a UUID"},
	{STELE_UUID, "00112233-4455-6677-8899-aabbccddeefg", -EINVAL, ""},
	{STELE_UUID, "00112233-4455-6677-88990aabbccddeeff", -EINVAL, ""},
	{STELE_TIME, "", -EINVAL, "a time from 1970 to 2554"},
	{STELE_TIME, "2026-01-31", -EINVAL, ""},
	{STELE_TIME, "2026-01-31T12:00:00", -EINVAL, ""},
	{STELE_TIME, "2026-01-31 12:00:00Z", -EINVAL, ""},
	{STELE_TIME, "2026-01-31T12:00:00+00:00Z", -EINVAL, ""},
	{STELE_TIME, "2026-01-31T12:00:00.Z", -EINVAL, ""},
	{STELE_TIME, "2026-01-31T12:00:00.5z", -EINVAL, ""},
	{STELE_TIME, "2026-01-00T12:00:00Z", -EINVAL, ""},
	{STELE_TIME, "2026-01-31T12:00:00.0000000001Z", -EINVAL, ""},
	{STELE_TIME, "2026-01-31T12:00:00.5xZ", -EINVAL, ""},
	{STELE_TIME, "2026-02-29T12:00:00Z", -EINVAL, ""},
	{STELE_TIME, "2026-04-31T12:00:00Z", -EINVAL, ""},
	{STELE_TIME, "2026-13-01T12:00:00Z", -EINVAL, ""},
	{STELE_TIME, "2026-00-01T12:00:00Z", -EINVAL, ""},
	{STELE_TIME, "2026-01-31T24:00:00Z", -EINVAL, ""},
	{STELE_TIME, "2026-01-31T12:60:00Z", -EINVAL, ""},
	{STELE_TIME, "2026-01-31T23:59:60Z", -EINVAL, ""},
	{STELE_TIME, "-1", -EINVAL, ""},
	{STELE_TIME, "1", -EINVAL, "did you mean @1, which is in seconds?"},
	{STELE_TIME, "1764417600", -EINVAL, "did you mean @1764417600,"},
	{STELE_TIME, "1764417600123", -EINVAL, "did you mean @1764417600.123,"},
	{STELE_TIME, "1764417600123456", -EINVAL, "did you mean @1764417600.123456,"},
	{STELE_TIME, "9999999999999999", -EINVAL, "nanoseconds since 1970"},
	{STELE_TIME, "@", -EINVAL, ""},
	{STELE_TIME, "@-1", -EINVAL, ""},
	{STELE_TIME, "@1.", -EINVAL, ""},
	{STELE_TIME, "@.5", -EINVAL, ""},
	{STELE_TIME, "@1.0000000001", -EINVAL, ""},
	{STELE_TIME, "@18446744074", -ERANGE, ""},
	{STELE_TIME, "@99999999999999999999", -ERANGE, ""},
	{STELE_TIME, "Now", -EINVAL, ""},
	{STELE_TIME, "2026-01-31T12:00:00+02", -EINVAL, ""},
	{STELE_TIME, "2026-01-31T12:00:00+0200", -EINVAL, ""},
	{STELE_TIME, "2026-01-31T12:00:00+24:00", -EINVAL, ""},
	{STELE_TIME, "2026-01-31T12:00:00+02:60", -EINVAL, ""},
	{STELE_TIME, "2026-01-31T12:00+02:00", -EINVAL, ""},
	{STELE_TIME, "1970-01-01T00:00:00+00:01", -ERANGE, ""},
	{STELE_TIME, "1969-12-31T23:59:59Z", -ERANGE, ""},
	{STELE_TIME, "2554-07-21T23:34:33.709551616Z", -ERANGE, ""},
	{STELE_TIME, "9999-01-01T00:00:00Z", -ERANGE, ""},
	{STELE_TIME, "18446744073709551616", -ERANGE, ""},
	{STELE_CHAR, "nine byte", -ERANGE, "invalid text of 9 bytes (expected at most 8 bytes)"},
	{STELE_BYTES, "0", -EINVAL, "invalid value \"0\" (expected pairs of hexadecimal digits)"},
	{STELE_BYTES, "0g", -EINVAL, ""},
	{STELE_BYTES, "00 1", -EINVAL, ""},
	{(enum stele_type)0, "1", -EINVAL, "unknown type 0"},
};

Test(unit_text, malformed_text_is_refused)
{
	for (size_t i = 0; i < COUNT(faults); i++) {
		char value[64], kept[64];
		size_t size = 99;
		int r;

		memset(value, 0x5a, sizeof(value));
		memset(kept, 0x5a, sizeof(kept));
		r = parse(faults[i].type, faults[i].text, value, &size);
		cr_expect(r == faults[i].error, "\"%s\" as %s: %d", faults[i].text,
		          stele_type_name(faults[i].type), r);
		cr_expect(strstr(stele_last_error(), faults[i].message), "\"%s\" is not in: %s",
		          faults[i].message, stele_last_error());
		cr_expect(size == 99 && memcmp(value, kept, sizeof(kept)) == 0,
		          "written on failure");
	}
}

Test(unit_text, faults_within_the_bytes)
{
	struct stele_column column = column_of(STELE_CHAR), address = column_of(STELE_IPV4);
	struct stele_column number = column_of(STELE_F64);
	char value[64], huge[5000];
	size_t size = 99;

	cr_expect(stele_value_parse(&column, "a\0b", 3, value, 64, &size) == -EINVAL);
	cr_expect(strstr(stele_last_error(), "\"a\\x00b\""), "%s", stele_last_error());
	cr_expect(stele_value_parse(&address, "1.2.3.4\0x", 9, value, 64, &size) == -EINVAL);
	cr_expect(stele_value_parse(&number,
	                            "1\0"
	                            "2",
	                            3, value, 64, &size) == -EINVAL);
	memset(huge, '\1', sizeof(huge));
	cr_expect(stele_value_parse(&number, huge, sizeof(huge), value, 64, &size) == -EINVAL);
	cr_expect(strstr(stele_last_error(), "\\x01...\""), "%s", stele_last_error());
}

Test(unit_text, small_buffers)
{
	for (size_t i = 0; i < COUNT(pairs); i++) {
		struct stele_column column = column_of(pairs[i].type);
		char value[64], whole[128], text[128];
		size_t size, length, unwritten = 99;

		cr_assert(parse(pairs[i].type, pairs[i].text, value, &size) == 0);
		if (size > 0)
			cr_expect(stele_value_parse(&column, pairs[i].text, strlen(pairs[i].text),
			                            text, size - 1, &unwritten) == -EMSGSIZE);
		cr_expect(unwritten == 99);
		cr_expect(stele_value_parse(&column, pairs[i].text, strlen(pairs[i].text), text,
		                            size, &unwritten) == 0);
		length = stele_value_format(&column, value, size, whole, sizeof(whole));
		cr_expect(stele_value_format(&column, value, size, NULL, 0) == length);
		for (size_t room = 1; room <= length + 1; room++) {
			memset(text, '#', sizeof(text));
			cr_expect(stele_value_format(&column, value, size, text, room) == length);
			cr_expect(strlen(text) == room - 1 && memcmp(text, whole, room - 1) == 0,
			          "%s in %zu bytes: %s", whole, room, text);
			cr_expect(text[room] == '#');
		}
	}
}

static void clear_host(uint8_t *address, unsigned length, unsigned bits)
{
	for (unsigned bit = length; bit < bits; bit++)
		address[bit / 8] &= (uint8_t) ~(0x80u >> bit % 8);
}

/* Fills `value` with a random value of the type. Returns its size. */
static size_t random_value(enum stele_type type, uint8_t *value)
{
	static const size_t sizes[] = {0, 1,  2, 4,  8, 1,  2, 4, 8, 8, 1,
	                               4, 16, 5, 17, 6, 16, 8, 8, 0, 0};
	size_t size = sizes[type];
	double f64;

	for (size_t i = 0; i < 32; i++)
		value[i] = (uint8_t)(random_next() >> 20);
	switch (type) {
	case STELE_BOOL:
		value[0] &= 1;
		break;
	case STELE_F64:
		/* Numbers of all magnitudes, and numbers with few digits. */
		memcpy(&f64, value, 8);
		if (isnan(f64) || random_next() % 4 == 0)
			f64 = (double)(int32_t)random_next() / 1000;
		memcpy(value, &f64, 8);
		break;
	case STELE_IPV4NET:
		value[4] %= 33;
		clear_host(value, value[4], 32);
		break;
	case STELE_IPV6NET:
		value[16] %= 129;
		clear_host(value, value[16], 128);
		break;
	case STELE_CHAR:
		for (size_t i = strnlen((char *)value, CHAR_SIZE - random_next() % 3);
		     i < CHAR_SIZE; i++)
			value[i] = 0;
		break;
	case STELE_TEXT:
	case STELE_BYTES:
		size = random_next() % 30;
		break;
	default:
		break;
	}
	return size;
}

Test(unit_text, format_then_parse)
{
	cr_log_info("seed %llu", (unsigned long long)random_state);
	for (enum stele_type type = STELE_U8; type <= STELE_BYTES; type++) {
		struct stele_column column = column_of(type);

		for (int round = 0; round < 20000; round++) {
			uint8_t value[32], back[64];
			size_t size = random_value(type, value), length, back_size = 0;
			char text[128];

			length = stele_value_format(&column, value, size, text, sizeof(text));
			cr_assert(length < sizeof(text));
			cr_assert(stele_value_parse(&column, text, length, back, sizeof(back),
			                            &back_size) == 0,
			          "%s", stele_last_error());
			cr_assert(back_size == size && memcmp(back, value, size) == 0,
			          "%s %s, round %d of seed %" PRIu64, stele_type_name(type), text,
			          round, SEED);
		}
	}
}

/* Returns the number of significant digits: from the first to the last that is not 0. */
static int significant(const char *text)
{
	int count = 0, last = 0;

	for (; *text && *text != 'e'; text++) {
		if (*text < '0' || *text > '9' || (count == 0 && *text == '0'))
			continue;
		count++;
		if (*text != '0')
			last = count;
	}
	return last;
}

Test(unit_text, doubles_have_the_fewest_digits)
{
	struct stele_column column = column_of(STELE_F64);

	for (int round = 0; round < 20000; round++) {
		char text[64], shorter[64];
		uint8_t value[32];
		double number;
		int precision = 0;

		random_value(STELE_F64, value);
		memcpy(&number, value, sizeof(number));
		if (round % 4 == 0)
			number = ldexp((double)(random_next() % 1000), -1074);
		stele_value_format(&column, &number, sizeof(number), text, sizeof(text));
		do
			snprintf(shorter, sizeof(shorter), "%.*g", ++precision, number);
		while (strtod(shorter, NULL) != number);
		cr_assert(significant(text) == significant(shorter), "%s, where %s does", text,
		          shorter);
	}
}

Test(unit_text, type_names)
{
	cr_expect_str_eq(stele_type_name(STELE_U8), "u8");
	cr_expect_str_eq(stele_type_name(STELE_IPV6NET), "ipv6net");
	cr_expect_str_eq(stele_type_name(STELE_CHAR), "char");
	cr_expect_str_eq(stele_type_name(STELE_BYTES), "bytes");
	cr_expect(stele_type_name((enum stele_type)0) == NULL);
	cr_expect(stele_type_name((enum stele_type)21) == NULL);
}
