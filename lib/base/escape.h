/* SPDX-License-Identifier: MIT
 * Text of unknown content, made fit to stand in an error message. */
#ifndef LIB_BASE_ESCAPE_H
#define LIB_BASE_ESCAPE_H

#include <stddef.h>

#define ESCAPED_MAX 160u

struct escaped {
	char text[ESCAPED_MAX];
};

/* Writes `length` bytes in quotation marks, unprintable ones as \xNN, cut short with "..." where
 * they are too many. Returns ret->text. */
const char *escape(struct escaped *ret, const char *text, size_t length);

#endif
