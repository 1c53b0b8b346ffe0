/* SPDX-License-Identifier: MIT
 *
 * Escapes text of unknown origin, which may contain any bytes, for an error message. Any part of
 * the library may call this function. */
#ifndef LIB_BASE_ESCAPE_H
#define LIB_BASE_ESCAPE_H

#include <stddef.h>

#define ESCAPED_MAX 160u /* bytes, NUL included */

struct escaped {
	char text[ESCAPED_MAX];
};

/* Writes `length` bytes of `text` to `ret`, in quotation marks, with unprintable bytes as \xNN. A
 * text that is too long is cut and ends in "...". Returns ret->text. */
const char *escape(struct escaped *ret, const char *text, size_t length);

#endif
