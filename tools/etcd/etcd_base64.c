/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <string.h>
#include "tools/etcd/etcd_base64.h"

static const char etcd_base64_digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void etcd_base64_encode(struct text *text, const char *bytes, size_t length)
{
	const unsigned char *in = (const unsigned char *)bytes;
	char *out;

	text_reserve(text, (length + 2) / 3 * 4);
	out = text->bytes + text->length;
	for (size_t i = 0; i < length; i += 3) {
		size_t left = length - i;
		uint32_t word = (uint32_t)in[i] << 16 | (left > 1 ? (uint32_t)in[i + 1] << 8 : 0) |
		                (left > 2 ? in[i + 2] : 0);

		*out++ = etcd_base64_digits[word >> 18];
		*out++ = etcd_base64_digits[word >> 12 & 63];
		*out++ = left > 1 ? etcd_base64_digits[word >> 6 & 63] : '=';
		*out++ = left > 2 ? etcd_base64_digits[word & 63] : '=';
	}
	text->length += (length + 2) / 3 * 4;
}

/* Returns the value of a digit, or 64 for any other character. */
static uint32_t etcd_base64_digit(char digit)
{
	static uint8_t values[256];

	if (values['/'] == 0) {
		memset(values, 64, sizeof(values));
		for (uint8_t i = 0; i < 64; i++)
			values[(unsigned char)etcd_base64_digits[i]] = i;
	}
	return values[(unsigned char)digit];
}

bool etcd_base64_decode(struct text *text, const char *bytes, size_t length)
{
	size_t padding = 0;
	char *out;

	if (length % 4)
		return false;
	while (padding < 2 && padding < length && bytes[length - 1 - padding] == '=')
		padding++;
	text_reserve(text, length / 4 * 3 + 1);
	out = text->bytes + text->length;
	for (size_t i = 0; i < length; i += 4) {
		uint32_t word = 0;

		for (size_t j = i; j < i + 4; j++) {
			uint32_t digit = j < length - padding ? etcd_base64_digit(bytes[j]) : 0;

			if (digit == 64)
				return false;
			word = word << 6 | digit;
		}
		*out++ = (char)(word >> 16);
		*out++ = (char)(word >> 8);
		*out++ = (char)word;
	}
	text->length += length / 4 * 3 - padding;
	return true;
}
