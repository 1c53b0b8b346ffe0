/* SPDX-License-Identifier: MIT
 *
 * Formats columns as text and parses them: stele_value_format() and stele_value_parse(). */
#include "lib/types/text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/base/escape.h"
#include "lib/types/net.h"
#include "lib/types/refuse.h"
#include "lib/types/text_address.h"
#include "lib/types/text_number.h"
#include "lib/types/text_time.h"
#include "lib/types/type.h"

/* Copies text to a buffer like snprintf(3): truncates it if it does not fit, and returns its
 * complete length. */
static size_t text_copy(const char *text, size_t length, char *buffer, size_t buffer_size)
{
	if (buffer_size > 0) {
		size_t kept = length < buffer_size ? length : buffer_size - 1;

		if (kept > 0)
			memcpy(buffer, text, kept);
		buffer[kept] = '\0';
	}
	return length;
}

/* Formats bytes as hexadecimal text into a buffer, like snprintf(3). */
static size_t text_format_bytes(const uint8_t *bytes, size_t size, char *buffer, size_t buffer_size)
{
	size_t whole = buffer_size > 0 ? (buffer_size - 1) / 2 : 0;

	if (whole >= size) {
		text_hex_format(bytes, size, buffer);
		if (buffer_size > 0)
			buffer[2 * size] = '\0';
	} else if (buffer_size > 0) {
		char pair[2];

		/* The text may be truncated between the two digits of a byte. */
		text_hex_format(bytes, whole, buffer);
		text_hex_format(bytes + whole, 1, pair);
		if (2 * whole + 1 < buffer_size)
			buffer[2 * whole] = pair[0];
		buffer[buffer_size - 1] = '\0';
	}
	return 2 * size;
}

/* Returns true if the column is an array, of which only types of fixed size can be. */
static bool text_is_array(const struct stele_column *column)
{
	return column->count > 0 && type_find(column->type)->size > 0;
}

/* Formats an array: its elements, with a space between two. */
static size_t text_format_array(const struct stele_column *column, const char *value, char *buffer,
                                size_t buffer_size)
{
	const struct stele_column element = type_element(column);
	size_t at = 0;

	for (uint32_t i = 0; i < column->count; i++) {
		if (i > 0)
			at += text_copy(" ", 1, at < buffer_size ? buffer + at : NULL,
			                at < buffer_size ? buffer_size - at : 0);
		at += stele_value_format(&element, value + i * element.size, element.size,
		                         at < buffer_size ? buffer + at : NULL,
		                         at < buffer_size ? buffer_size - at : 0);
	}
	return at;
}

size_t stele_value_format(const struct stele_column *column, const void *value, size_t size,
                          char *buffer, size_t buffer_size)
{
	const struct stele_word *word;
	char text[TEXT_FIXED_MAX];

	if (!type_find(column->type))
		return text_copy("", 0, buffer, buffer_size);
	if (text_is_array(column))
		return text_format_array(column, value, buffer, buffer_size);
	word = column->word_count > 0 ? type_word(column, value) : NULL;
	if (word)
		return text_copy(word->name, strlen(word->name), buffer, buffer_size);
	switch (column->type) {
	case STELE_CHAR:
		size = size < column->size ? size : column->size;
		return text_copy(value, size > 0 ? strnlen(value, size) : 0, buffer, buffer_size);
	case STELE_TEXT:
		return text_copy(value, size, buffer, buffer_size);
	case STELE_BYTES:
		return text_format_bytes(value, size, buffer, buffer_size);
	case STELE_BOOL:
		strcpy(text, *(const uint8_t *)value ? "true" : "false");
		break;
	case STELE_TIME: {
		uint64_t nanoseconds;

		memcpy(&nanoseconds, value, sizeof(nanoseconds));
		text_time_format(nanoseconds, text);
		break;
	}
	case STELE_IPV4:
	case STELE_IPV6:
	case STELE_IPV4NET:
	case STELE_IPV6NET:
	case STELE_MAC:
	case STELE_UUID:
		text_address_format(column->type, value, text);
		break;
	default:
		text_number_format(column->type, value, type_column_size(column), text);
	}
	return text_copy(text, strlen(text), buffer, buffer_size);
}

/* Describes the text that a column of this type accepts, for error messages. */
static const char *text_expectation(enum stele_type type)
{
	static const char *const expectations[] = {
		[STELE_U8] = "a number from 0 to 255",
		[STELE_U16] = "a number from 0 to 65535",
		[STELE_U32] = "a number from 0 to 4294967295",
		[STELE_U64] = "a number from 0 to 18446744073709551615",
		[STELE_I8] = "a number from -128 to 127",
		[STELE_I16] = "a number from -32768 to 32767",
		[STELE_I32] = "a number from -2147483648 to 2147483647",
		[STELE_I64] = "a number from -9223372036854775808 to 9223372036854775807",
		[STELE_F64] = "a number such as 1.5 or -2e9, from 4.9e-324 to 1.8e308",
		[STELE_BOOL] = "true, false, 1 or 0",
		[STELE_IPV4] = "an IPv4 address such as 192.0.2.1",
		[STELE_IPV6] = "an IPv6 address such as 2001:db8::1",
		[STELE_IPV4NET] = "an IPv4 prefix such as 192.0.2.0/24",
		[STELE_IPV6NET] = "an IPv6 prefix such as 2001:db8::/32",
		[STELE_MAC] = "a MAC address such as 02:00:5e:10:00:ff",
		[STELE_UUID] = "a UUID such as 6b1f3c2e-0d5a-4f7e-9a86-2f4b1c9d7e30",
		[STELE_TIME] = ("a time from 1970 to 2554 such as 2026-01-31T12:00:00Z, "
	                        "2026-01-31T14:00:00+02:00, @1769860800 or now"),
		[STELE_CHAR] = "text without a NUL byte",
		[STELE_BYTES] = "pairs of hexadecimal digits",
	};

	return expectations[type];
}

/* Sets the error message for text that is no value of the column's type. Returns -errnum. */
static int text_refuse(const struct stele_column *column, int errnum, const char *text,
                       size_t length)
{
	struct escaped escaped;
	char words[400];

	escape(&escaped, text, length);
	if (column->word_count > 0)
		return error_set(errnum, "column \"%s\": invalid value %s (expected one of %s)",
		                 column->name, escaped.text,
		                 refuse_words(column, words, sizeof(words)));
	return error_set(errnum, "column \"%s\": invalid value %s (expected %s)", column->name,
	                 escaped.text, text_expectation(column->type));
}

/* Sets the error message for text that is longer than its char[N]. The message has only the length,
 * because the text may be too long to be shown. Returns -ERANGE. */
static int text_refuse_long(const struct stele_column *column, size_t length)
{
	return error_set(ERANGE,
	                 "column \"%s\": invalid text of %zu bytes (expected at most %u bytes)",
	                 column->name, length, column->size);
}

/* Sets the error message for a number that is no sensible time. Returns -EINVAL. */
static int text_refuse_early(const struct stele_column *column, const char *text, size_t length)
{
	char guess[64];

	text_time_guess(text, length, guess, sizeof(guess));
	return error_set(EINVAL,
	                 "column \"%s\": a time without a unit is in nanoseconds since 1970, so "
	                 "%.*s is in its first months; did you mean %s, which is in seconds?",
	                 column->name, (int)length, text, guess);
}

static int text_parse_bool(const char *text, size_t length, uint8_t *ret)
{
	static const struct {
		const char *text;
		uint8_t value;
	} words[] = {{"true", 1}, {"false", 0}, {"1", 1}, {"0", 0}};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (length == strlen(words[i].text) && memcmp(text, words[i].text, length) == 0) {
			*ret = words[i].value;
			return 0;
		}
	return -EINVAL;
}

static int text_parse_fixed(const struct stele_column *column, const char *text, size_t length,
                            void *ret)
{
	uint64_t nanoseconds;
	int r;

	switch (column->type) {
	case STELE_BOOL:
		return text_parse_bool(text, length, ret);
	case STELE_TIME:
		r = text_time_parse(text, length, &nanoseconds);
		if (r == 0)
			memcpy(ret, &nanoseconds, sizeof(nanoseconds));
		return r;
	case STELE_IPV4:
	case STELE_IPV6:
	case STELE_IPV4NET:
	case STELE_IPV6NET:
	case STELE_MAC:
	case STELE_UUID:
		return text_address_parse(column->type, text, length, ret);
	default:
		return text_number_parse(column->type, text, length, type_column_size(column), ret);
	}
}

static int text_parse_char(const struct stele_column *column, const char *text, size_t length,
                           void *buffer, size_t buffer_size, size_t *ret_size)
{
	if (length > column->size)
		return text_refuse_long(column, length);
	if (length > 0 && memchr(text, '\0', length))
		return text_refuse(column, EINVAL, text, length);
	if (buffer_size < column->size)
		return refuse_buffer(column, column->size, buffer_size);
	memset(buffer, 0, column->size);
	if (length > 0)
		memcpy(buffer, text, length);
	*ret_size = column->size;
	return 0;
}

static int text_parse_variable(const struct stele_column *column, const char *text, size_t length,
                               void *buffer, size_t buffer_size, size_t *ret_size)
{
	size_t size = column->type == STELE_BYTES ? length / 2 : length;
	uint8_t byte;

	if (column->type == STELE_BYTES) {
		if (length % 2 != 0)
			return text_refuse(column, EINVAL, text, length);
		for (size_t i = 0; i < size; i++)
			if (text_hex_parse(text + 2 * i, 1, &byte) < 0)
				return text_refuse(column, EINVAL, text, length);
	}
	if (buffer_size < size)
		return refuse_buffer(column, size, buffer_size);
	if (column->type == STELE_BYTES)
		text_hex_parse(text, size, buffer);
	else if (size > 0)
		memcpy(buffer, text, size);
	*ret_size = size;
	return 0;
}

/* Parses a word of an enumeration, or the number of one. */
static int text_parse_word(const struct stele_column *column, const char *text, size_t length,
                           uint8_t *ret)
{
	const struct stele_word *word = type_word_named(column, text, length);
	size_t size = type_column_size(column);
	char number[TEXT_FIXED_MAX];

	if (word) {
		snprintf(number, sizeof(number), "%lld", (long long)word->value);
		return text_number_parse(column->type, number, strlen(number), size, ret);
	}
	if (text_number_parse(column->type, text, length, size, ret) < 0 || !type_word(column, ret))
		return -EINVAL;
	return 0;
}

/* Parses a value of fixed size that is neither char[N] nor an array. Sets the error message. */
static int text_parse_scalar(const struct stele_column *column, const char *text, size_t length,
                             void *buffer, size_t buffer_size, size_t *ret_size)
{
	size_t size = type_column_size(column);
	uint8_t value[32];
	int r;

	if (column->word_count > 0)
		r = text_parse_word(column, text, length, value);
	else
		r = text_parse_fixed(column, text, length, value);
	if (r == -EDOM)
		return text_refuse_early(column, text, length);
	if (r < 0)
		return text_refuse(column, -r, text, length);
	if ((column->type == STELE_IPV4NET && !net_valid(value, 4)) ||
	    (column->type == STELE_IPV6NET && !net_valid(value, 16)))
		return refuse_prefix(column, value);
	if (buffer_size < size)
		return refuse_buffer(column, size, buffer_size);
	memcpy(buffer, value, size);
	*ret_size = size;
	return 0;
}

/* Returns the length of the next element in the text of an array, and its start in `*ret`. 0 if
 * there is none. */
static size_t text_next_element(const char *text, size_t length, const char **ret)
{
	size_t start = 0, end;

	while (start < length && text[start] == ' ')
		start++;
	end = start;
	while (end < length && text[end] != ' ')
		end++;
	*ret = text + start;
	return end - start;
}

static int text_parse_array(const struct stele_column *column, const char *text, size_t length,
                            void *buffer, size_t buffer_size, size_t *ret_size)
{
	const struct stele_column element = type_element(column);
	const char *at = text, *end = text + length, *start;
	size_t parsed, word;
	uint32_t count = 0;

	if (buffer_size < type_column_size(column))
		return refuse_buffer(column, type_column_size(column), buffer_size);
	while ((word = text_next_element(at, (size_t)(end - at), &start)) > 0) {
		int r = 0;

		at = start + word;
		if (count < column->count)
			r = text_parse_scalar(&element, start, word,
			                      (char *)buffer + count * element.size, element.size,
			                      &parsed);
		if (r < 0)
			return r;
		count++;
	}
	if (count != column->count)
		return error_set(
			EINVAL,
			"column \"%s\": an array of %u elements (expected %u, with a space "
			"between two)",
			column->name, count, column->count);
	*ret_size = type_column_size(column);
	return 0;
}

int stele_value_parse(const struct stele_column *column, const char *text, size_t length,
                      void *buffer, size_t buffer_size, size_t *ret_size)
{
	if (!type_find(column->type))
		return refuse_type(column);
	if (text_is_array(column))
		return text_parse_array(column, text, length, buffer, buffer_size, ret_size);
	if (column->type == STELE_CHAR)
		return text_parse_char(column, text, length, buffer, buffer_size, ret_size);
	if (type_variable(column->type))
		return text_parse_variable(column, text, length, buffer, buffer_size, ret_size);
	return text_parse_scalar(column, text, length, buffer, buffer_size, ret_size);
}
