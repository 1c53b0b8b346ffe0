/* SPDX-License-Identifier: MIT
 * A growing buffer of text. May be used in any folder of tools. */
#ifndef TOOLS_BASE_TEXT_H
#define TOOLS_BASE_TEXT_H

#include <stddef.h>

/* A text without a NUL at its end. Initialized with `struct text text = {0};`, and freed with
 * text_free(). */
struct text {
	char *bytes;
	size_t length, capacity;
};

/* Makes space for so many bytes more, which the caller may write at bytes + length. */
void text_reserve(struct text *text, size_t length);
void text_append(struct text *text, const char *bytes, size_t length);
void text_append_string(struct text *text, const char *string);
void text_free(struct text *text);

#endif
