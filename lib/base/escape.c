/* SPDX-License-Identifier: MIT */
#include "lib/base/escape.h"

#include <stdio.h>

const char *escape(struct escaped *ret, const char *text, size_t length)
{
	/* Leaves space for one more escaped byte, "...", the closing quotation mark and NUL. */
	const size_t limit = sizeof(ret->text) - 10;
	size_t at = 0, i;

	ret->text[at++] = '"';
	for (i = 0; i < length && at < limit; i++) {
		unsigned char byte = (unsigned char)text[i];

		if (byte == '"' || byte == '\\') {
			ret->text[at++] = '\\';
			ret->text[at++] = (char)byte;
		} else if (byte >= 0x20 && byte < 0x7f) {
			ret->text[at++] = (char)byte;
		} else {
			at += (size_t)snprintf(ret->text + at, 5, "\\x%02x", byte);
		}
	}
	snprintf(ret->text + at, sizeof(ret->text) - at, "%s\"", i < length ? "..." : "");
	return ret->text;
}
