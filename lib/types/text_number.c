/* SPDX-License-Identifier: MIT
 *
 * The decimal point is always '.', whatever the locale of the program. */
#include "lib/types/text_number.h"

#include <errno.h>
#include <float.h>
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char digits[] = "0123456789abcdef";

/* Returns the value of a hexadecimal digit, or 16 if the character is no digit. */
static unsigned number_digit(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (unsigned)(c - 'a') + 10;
	if (c >= 'A' && c <= 'F')
		return (unsigned)(c - 'A') + 10;
	return 16;
}

void text_hex_format(const uint8_t *bytes, size_t count, char *ret)
{
	for (size_t i = 0; i < count; i++) {
		ret[2 * i] = digits[bytes[i] >> 4];
		ret[2 * i + 1] = digits[bytes[i] & 15];
	}
}

int text_hex_parse(const char *text, size_t count, uint8_t *ret)
{
	for (size_t i = 0; i < count; i++) {
		unsigned high = number_digit(text[2 * i]), low = number_digit(text[2 * i + 1]);

		if (high > 15 || low > 15)
			return -EINVAL;
		ret[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

static int number_parse_digits(const char *text, size_t length, unsigned base, uint64_t *ret)
{
	uint64_t number = 0;
	bool overflow = false;

	if (length == 0)
		return -EINVAL;
	for (size_t i = 0; i < length; i++) {
		unsigned digit = number_digit(text[i]);

		if (digit >= base)
			return -EINVAL;
		overflow |= __builtin_mul_overflow(number, base, &number);
		overflow |= __builtin_add_overflow(number, digit, &number);
	}
	if (overflow)
		return -ERANGE;
	*ret = number;
	return 0;
}

int text_decimal_parse(const char *text, size_t length, uint64_t *ret)
{
	return number_parse_digits(text, length, 10, ret);
}

static bool number_is_signed(enum stele_type type)
{
	return type == STELE_I8 || type == STELE_I16 || type == STELE_I32 || type == STELE_I64;
}

static void number_store_integer(uint64_t number, size_t size, void *ret)
{
	uint8_t u8 = (uint8_t)number;
	uint16_t u16 = (uint16_t)number;
	uint32_t u32 = (uint32_t)number;

	memcpy(ret,
	       size == 1   ? (void *)&u8
	       : size == 2 ? (void *)&u16
	       : size == 4 ? (void *)&u32
	                   : (void *)&number,
	       size);
}

static int number_parse_integer(enum stele_type type, const char *text, size_t length, size_t size,
                                void *ret)
{
	uint64_t max = UINT64_MAX >> (64 - 8 * size), number;
	bool negative = length > 0 && text[0] == '-';
	int r;

	if (negative) {
		text++;
		length--;
	}
	/* AS64496: the number of an autonomous system (RFC 5396), which has 32 bits. */
	if (type == STELE_U32 && !negative && length > 2 && text[0] == 'A' && text[1] == 'S')
		r = number_parse_digits(text + 2, length - 2, 10, &number);
	else if (length > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
		r = number_parse_digits(text + 2, length - 2, 16, &number);
	else
		r = number_parse_digits(text, length, 10, &number);
	if (r < 0)
		return r;
	if (number_is_signed(type))
		max = (max >> 1) + (negative ? 1 : 0);
	else if (negative)
		max = 0;
	if (number > max)
		return -ERANGE;
	number_store_integer(negative ? 0 - number : number, size, ret);
	return 0;
}

/* The NaN of "nan"; that of "-nan" has the sign too. All others are written with their bits. */
#define NUMBER_NAN  ((uint64_t)0x7ff8 << 48)
#define NUMBER_SIGN ((uint64_t)1 << 63)

/* Works on bits: an x87 register would change a signalling NaN. */
static bool number_is_nan(uint64_t bits)
{
	return (bits & ~NUMBER_SIGN) > (uint64_t)0x7ff << 52;
}

static void number_format_nan(uint64_t bits, char *ret)
{
	if ((bits & ~NUMBER_SIGN) == NUMBER_NAN)
		snprintf(ret, TEXT_FIXED_MAX, "%snan", bits & NUMBER_SIGN ? "-" : "");
	else
		snprintf(ret, TEXT_FIXED_MAX, "nan(0x%016" PRIx64 ")", bits);
}

/* Parses "nan", "-nan", or a NaN with its bits, as number_format_nan() writes it. Returns false if
 * the text is none of these. */
static bool number_parse_nan(const char *text, uint64_t *ret)
{
	char again[TEXT_FIXED_MAX];

	if (strcmp(text, "nan") == 0)
		*ret = NUMBER_NAN;
	else if (strcmp(text, "-nan") == 0)
		*ret = NUMBER_NAN | NUMBER_SIGN;
	else if (strncmp(text, "nan(0x", 6) == 0)
		*ret = strtoull(text + 6, NULL, 16);
	else
		return false;
	number_format_nan(*ret, again);
	return number_is_nan(*ret) && strcmp(text, again) == 0;
}

/* Returns true if the text has only characters of a decimal number, or is "inf". Called
 * before strtod(3), which accepts more, such as hexadecimal numbers and leading white space. */
static bool number_is_decimal(const char *text)
{
	if (*text == '-')
		text++;
	if (strcmp(text, "inf") == 0)
		return true;
	return strspn(text, "0123456789.eE+-") == strlen(text) && text[0] != '+' && text[0] != '-';
}

static double number_read_f64(const char *text, char **ret_end)
{
	locale_t own = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	locale_t before = uselocale(own);
	double number = strtod(text, ret_end);

	uselocale(before);
	freelocale(own);
	return number;
}

static int number_parse_f64(const char *text, size_t length, void *ret)
{
	char copy[512], *end;
	uint64_t bits;
	double number;

	/* Large enough for the greatest double in full, without an exponent: 309 digits before the
	 * point, then the decimals. */
	if (length == 0 || length >= sizeof(copy) || memchr(text, '\0', length))
		return -EINVAL;
	memcpy(copy, text, length);
	copy[length] = '\0';
	if (number_parse_nan(copy, &bits)) {
		memcpy(ret, &bits, sizeof(bits));
		return 0;
	}
	if (!number_is_decimal(copy))
		return -EINVAL;
	number = number_read_f64(copy, &end);
	if (*end != '\0')
		return -EINVAL;
	if (isinf(number) && !strchr(copy, 'i'))
		return -ERANGE;
	/* The text has a digit other than 0 before the exponent, but was rounded to zero. */
	if (number == 0 && strcspn(copy, "123456789") < strcspn(copy, "eE"))
		return -ERANGE;
	memcpy(ret, &number, sizeof(number));
	return 0;
}

static void number_format_f64(double number, char *ret)
{
	/* Find the fewest digits that read back as the same number. If DBL_DIG (15) digits or fewer
	 * suffice, %.15g prints these digits, without trailing zeros, so the search starts there.
	 * Subnormal numbers (below DBL_MIN) are less precise: for them it starts at one digit. */
	int precision = fabs(number) < DBL_MIN ? 1 : DBL_DIG;
	locale_t own = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	locale_t before = uselocale(own);

	do
		snprintf(ret, TEXT_FIXED_MAX, "%.*g", precision, number);
	while (strtod(ret, NULL) != number && ++precision <= DBL_DECIMAL_DIG);
	/* JSON parsers read -0 as an integer, which loses the sign. */
	if (number == 0 && signbit(number))
		snprintf(ret, TEXT_FIXED_MAX, "-0.0");
	uselocale(before);
	freelocale(own);
}

int text_number_parse(enum stele_type type, const char *text, size_t length, size_t size, void *ret)
{
	if (type == STELE_F64)
		return number_parse_f64(text, length, ret);
	return number_parse_integer(type, text, length, size, ret);
}

void text_number_format(enum stele_type type, const void *value, size_t size, char *ret)
{
	uint64_t number = 0;
	uint8_t u8;
	uint16_t u16;
	uint32_t u32;
	double f64;

	switch (size) {
	case 1:
		memcpy(&u8, value, size);
		number = number_is_signed(type) ? (uint64_t)(int8_t)u8 : u8;
		break;
	case 2:
		memcpy(&u16, value, size);
		number = number_is_signed(type) ? (uint64_t)(int16_t)u16 : u16;
		break;
	case 4:
		memcpy(&u32, value, size);
		number = number_is_signed(type) ? (uint64_t)(int32_t)u32 : u32;
		break;
	default:
		memcpy(&number, value, sizeof(number));
	}
	if (type == STELE_F64 && number_is_nan(number)) {
		number_format_nan(number, ret);
	} else if (type == STELE_F64) {
		memcpy(&f64, value, sizeof(f64));
		number_format_f64(f64, ret);
	} else if (number_is_signed(type)) {
		snprintf(ret, TEXT_FIXED_MAX, "%" PRId64, (int64_t)number);
	} else {
		snprintf(ret, TEXT_FIXED_MAX, "%" PRIu64, number);
	}
}
