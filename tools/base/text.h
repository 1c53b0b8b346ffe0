/* SPDX-License-Identifier: MIT
 * A growing text. Any part of the command may build its output in one. */
#ifndef TOOLS_BASE_TEXT_H
#define TOOLS_BASE_TEXT_H

#include <stddef.h>

/* A growing text, without a NUL at its end. Start one with `struct text text = {0};`. */
struct text {
	char *bytes;
	size_t length, capacity;
};

void text_append(struct text *text, const char *bytes, size_t length);
void text_append_string(struct text *text, const char *string);
void text_free(struct text *text);

#endif
