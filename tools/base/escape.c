/* SPDX-License-Identifier: MIT */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include "tools/base/escape.h"
#include "tools/base/text.h"

/* Decodes the UTF-8 character at `bytes` into `*ret` and returns its length in bytes, or 0 if it is
 * not valid. Overlong forms, surrogates and characters above U+10FFFF are not valid. */
static size_t escape_character_at(const char *bytes, size_t length, uint32_t *ret)
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

/* Returns true for control characters: C0, DEL and C1. */
static bool escape_is_control(uint32_t character)
{
	return character < 0x20 || (character >= 0x7f && character < 0xa0);
}

/* Returns true for bidirectional formatting characters, which could display text in an order that
 * deceives the reader. */
static bool escape_turns_direction(uint32_t character)
{
	return (character >= 0x202a && character <= 0x202e) ||
	       (character >= 0x2066 && character <= 0x2069);
}

static void escape_append_hex(struct text *text, const char *bytes, size_t length,
                              const char *prefix)
{
	char hex[8];

	for (size_t i = 0; i < length; i++) {
		snprintf(hex, sizeof(hex), "%sx%02x", prefix, (unsigned char)bytes[i]);
		text_append_string(text, hex);
	}
}

static bool escape_is_digit(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/* Returns true if the bytes start with \xHH, which <stele/text.h> reads as a byte. Then the
 * backslash must be written as such a byte itself. */
static bool escape_is_code(const char *bytes, size_t length)
{
	return length >= 4 && bytes[0] == '\\' && bytes[1] == 'x' && escape_is_digit(bytes[2]) &&
	       escape_is_digit(bytes[3]);
}

/* Fast path: returns the number of bytes at the start that need no escape in any format. These are
 * printable ASCII except quotation mark and backslash. */
static size_t escape_plain_span(const char *bytes, size_t length)
{
	size_t i = 0;

	while (i < length && bytes[i] >= ' ' && bytes[i] < 0x7f && bytes[i] != '"' &&
	       bytes[i] != '\\')
		i++;
	return i;
}

static void escape_json_character(struct text *text, const char *bytes, size_t size,
                                  uint32_t character)
{
	char code[8];

	if (character == '"' || character == '\\') {
		text_append(text, "\\", 1);
		text_append(text, bytes, size);
	} else if (character == '\n') {
		text_append_string(text, "\\n");
	} else if (character == '\t') {
		text_append_string(text, "\\t");
	} else if (escape_is_control(character) || escape_turns_direction(character)) {
		snprintf(code, sizeof(code), "\\u%04x", (unsigned)(character & 0xffff));
		text_append_string(text, code);
	} else {
		text_append(text, bytes, size);
	}
}

void escape_for_json(struct text *text, const char *bytes, size_t length)
{
	uint32_t character = 0;
	size_t size;

	for (size_t i = 0; i < length; i += size) {
		size = escape_plain_span(bytes + i, length - i);
		if (size) {
			text_append(text, bytes + i, size);
			continue;
		}
		size = escape_is_code(bytes + i, length - i)
		               ? 0
		               : escape_character_at(bytes + i, length - i, &character);
		if (size) {
			escape_json_character(text, bytes + i, size, character);
		} else {
			size = 1;
			escape_append_hex(text, bytes + i, 1, "\\\\");
		}
	}
}

void escape_for_people(struct text *text, const char *bytes, size_t length)
{
	uint32_t character = 0;
	size_t size;

	for (size_t i = 0; i < length; i += size) {
		size = escape_plain_span(bytes + i, length - i);
		if (size) {
			text_append(text, bytes + i, size);
			continue;
		}
		size = escape_character_at(bytes + i, length - i, &character);
		if (size && !escape_is_control(character) && !escape_turns_direction(character)) {
			text_append(text, bytes + i, size);
		} else {
			size = size ? size : 1;
			escape_append_hex(text, bytes + i, size, "\\");
		}
	}
}

void escape_for_csv(struct text *text, const char *bytes, size_t length)
{
	size_t start = 0;

	for (size_t i = 0; i <= length; i++) {
		bool code = i < length && escape_is_code(bytes + i, length - i);

		if (i < length && bytes[i] != '\n' && bytes[i] != '\t' && !code)
			continue;
		escape_for_people(text, bytes + start, i - start);
		if (code)
			escape_append_hex(text, bytes + i, 1, "\\");
		else if (i < length)
			text_append(text, bytes + i, 1);
		start = i + 1;
	}
}

size_t escape_width(const char *bytes, size_t length)
{
	size_t width = 0;

	for (size_t i = 0; i < length; i++)
		width += ((unsigned char)bytes[i] & 0xc0) != 0x80;
	return width;
}
