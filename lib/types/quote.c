/* SPDX-License-Identifier: MIT */
#include "lib/types/quote.h"

#include <stdio.h>
#include <stele/text.h>
#include <string.h>

size_t quote_character(const char *bytes, size_t length, uint32_t *ret)
{
	static const uint32_t min[] = {0, 0, 0x80, 0x800, 0x10000};
	const unsigned char *byte = (const unsigned char *)bytes;
	uint32_t character;
	size_t size;

	if (byte[0] < 0x80) {
		*ret = byte[0];
		return 1;
	}
	size = byte[0] >= 0xf0 ? 4 : byte[0] >= 0xe0 ? 3 : 2;
	if (byte[0] < 0xc2 || byte[0] > 0xf4 || size > length)
		return 0;
	character = byte[0] & (0x7fu >> size);
	for (size_t i = 1; i < size; i++) {
		if ((byte[i] & 0xc0) != 0x80)
			return 0;
		character = character << 6 | (byte[i] & 0x3fu);
	}
	if (character < min[size] || character > 0x10ffff ||
	    (character >= 0xd800 && character <= 0xdfff))
		return 0;
	*ret = character;
	return size;
}

size_t quote_encode(uint32_t character, char *ret)
{
	size_t size = character < 0x80 ? 1 : character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;

	if (size == 1) {
		ret[0] = (char)character;
		return 1;
	}
	for (size_t i = size - 1; i > 0; i--) {
		ret[i] = (char)(0x80 | (character & 0x3f));
		character >>= 6;
	}
	ret[0] = (char)(0xf00u >> size | character);
	return size;
}

/* Returns true for control characters: C0, DEL and C1. */
static bool quote_is_control(uint32_t character)
{
	return character < 0x20 || (character >= 0x7f && character < 0xa0);
}

/* Returns true for bidirectional formatting characters, which could display text in an order that
 * deceives the reader. */
static bool quote_turns_direction(uint32_t character)
{
	return (character >= 0x202a && character <= 0x202e) ||
	       (character >= 0x2066 && character <= 0x2069);
}

static int quote_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Returns true if the text starts with \xHH. */
static bool quote_is_code(const char *bytes, size_t length)
{
	return length >= 4 && bytes[0] == '\\' && bytes[1] == 'x' && quote_digit(bytes[2]) >= 0 &&
	       quote_digit(bytes[3]) >= 0;
}

/* Writes bytes as \xHH each. `prefix` is what the format writes for a backslash. */
static void quote_code(struct sink *sink, const char *bytes, size_t length, const char *prefix)
{
	char code[8];

	for (size_t i = 0; i < length; i++) {
		snprintf(code, sizeof(code), "%sx%02x", prefix, (unsigned char)bytes[i]);
		sink_put_string(sink, code);
	}
}

/* Fast path: returns the number of bytes at the start that need no escape in any format. These are
 * printable ASCII except quotation mark and backslash. */
static size_t quote_plain_span(const char *bytes, size_t length)
{
	size_t i = 0;

	while (i < length && bytes[i] >= ' ' && bytes[i] < 0x7f && bytes[i] != '"' &&
	       bytes[i] != '\\')
		i++;
	return i;
}

static void quote_json_character(struct sink *sink, const char *bytes, size_t size,
                                 uint32_t character)
{
	char code[8];

	if (character == '"' || character == '\\') {
		sink_put(sink, "\\", 1);
		sink_put(sink, bytes, size);
	} else if (character == '\n') {
		sink_put(sink, "\\n", 2);
	} else if (character == '\t') {
		sink_put(sink, "\\t", 2);
	} else if (quote_is_control(character) || quote_turns_direction(character)) {
		snprintf(code, sizeof(code), "\\u%04x", (unsigned)(character & 0xffff));
		sink_put_string(sink, code);
	} else {
		sink_put(sink, bytes, size);
	}
}

/* Writes a character as its format has it. */
typedef void quote_character_fn(struct sink *sink, const char *bytes, size_t size,
                                uint32_t character);

/* Writes text with the escapes of a format. `backslash` is what the format writes for a backslash,
 * before the code of a byte that is no text. */
static void quote_text(struct sink *sink, const char *bytes, size_t length, quote_character_fn *put,
                       const char *backslash)
{
	uint32_t character = 0;
	size_t size;

	for (size_t i = 0; i < length; i += size) {
		size = quote_plain_span(bytes + i, length - i);
		if (size > 0) {
			sink_put(sink, bytes + i, size);
			continue;
		}
		size = quote_is_code(bytes + i, length - i)
		               ? 0
		               : quote_character(bytes + i, length - i, &character);
		if (size > 0) {
			put(sink, bytes + i, size, character);
		} else {
			size = 1;
			quote_code(sink, bytes + i, size, backslash);
		}
	}
}

void quote_json(struct sink *sink, const char *bytes, size_t length)
{
	sink_put(sink, "\"", 1);
	quote_text(sink, bytes, length, quote_json_character, "\\\\");
	sink_put(sink, "\"", 1);
}

size_t stele_text_escape(const char *text, size_t length, char *buffer, size_t size)
{
	struct sink sink = sink_start(buffer, size);
	uint32_t character = 0;
	size_t step;

	for (size_t i = 0; i < length; i += step) {
		step = quote_plain_span(text + i, length - i);
		if (step > 0) {
			sink_put(&sink, text + i, step);
			continue;
		}
		step = quote_character(text + i, length - i, &character);
		if (step > 0 && !quote_is_control(character) && !quote_turns_direction(character)) {
			sink_put(&sink, text + i, step);
		} else {
			step = step > 0 ? step : 1;
			quote_code(&sink, text + i, step, "\\");
		}
	}
	return sink.length;
}

/* Returns true if a field must be quoted. Spaces at its start or end count, because some readers
 * of CSV remove them from unquoted fields. */
static bool quote_csv_needs_marks(const char *bytes, size_t length)
{
	if (length == 0 || bytes[0] == ' ' || bytes[length - 1] == ' ')
		return true;
	for (size_t i = 0; i < length; i++)
		if (bytes[i] == ',' || bytes[i] == '"' || bytes[i] == '\n' || bytes[i] == '\t')
			return true;
	return false;
}

static void quote_csv_character(struct sink *sink, const char *bytes, size_t size,
                                uint32_t character)
{
	if (character == '"')
		sink_put(sink, "\"\"", 2);
	else if (character != '\n' && character != '\t' &&
	         (quote_is_control(character) || quote_turns_direction(character)))
		quote_code(sink, bytes, size, "\\");
	else
		sink_put(sink, bytes, size);
}

void quote_csv(struct sink *sink, const char *bytes, size_t length)
{
	bool marks = quote_csv_needs_marks(bytes, length);
	const char *end;

	if (marks)
		sink_put(sink, "\"", 1);
	/* CR LF, the line end of other systems, is written as it is, so that every reader of CSV
	 * gets it back. A CR alone is written as a code, because on a terminal the rest of the row
	 * would overwrite its start. */
	while (length > 0 && (end = memmem(bytes, length, "\r\n", 2)) != NULL) {
		quote_text(sink, bytes, (size_t)(end - bytes), quote_csv_character, "\\");
		sink_put(sink, end, 2);
		length -= (size_t)(end + 2 - bytes);
		bytes = end + 2;
	}
	quote_text(sink, bytes, length, quote_csv_character, "\\");
	if (marks)
		sink_put(sink, "\"", 1);
}

static void quote_declared_character(struct sink *sink, const char *bytes, size_t size,
                                     uint32_t character)
{
	if (quote_is_control(character))
		quote_code(sink, bytes, size, "\\");
	else
		quote_csv_character(sink, bytes, size, character);
}

void quote_declared(struct sink *sink, const char *bytes, size_t length)
{
	quote_text(sink, bytes, length, quote_declared_character, "\\");
}

bool quote_has_codes(const char *bytes, size_t length)
{
	for (size_t i = 0; i + 4 <= length; i++)
		if (quote_is_code(bytes + i, length - i))
			return true;
	return false;
}

size_t quote_decode(char *bytes, size_t length)
{
	size_t to = 0;

	for (size_t i = 0; i < length;) {
		if (quote_is_code(bytes + i, length - i)) {
			bytes[to++] =
				(char)(quote_digit(bytes[i + 2]) << 4 | quote_digit(bytes[i + 3]));
			i += 4;
		} else {
			bytes[to++] = bytes[i++];
		}
	}
	return to;
}
