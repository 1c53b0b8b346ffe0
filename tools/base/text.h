/* SPDX-License-Identifier: MIT
 * A text that grows. Any part of the command may build its output in one. */
#ifndef TOOLS_BASE_TEXT_H
#define TOOLS_BASE_TEXT_H

#include <stddef.h>

/* A text without a NUL at its end. Initialized with `struct text text = {0};`, and freed with
 * text_free(). */
struct text {
	char *bytes;
	size_t length, capacity;
};

void text_append(struct text *text, const char *bytes, size_t length);
void text_append_string(struct text *text, const char *string);
void text_free(struct text *text);

#endif
