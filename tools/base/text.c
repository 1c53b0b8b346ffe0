/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include "tools/base/heap.h"
#include "tools/base/text.h"

void text_reserve(struct text *text, size_t length)
{
	if (text->capacity - text->length >= length)
		return;
	text->capacity = (text->length + length) * 2 + 64;
	text->bytes = heap_realloc(text->bytes, text->capacity);
}

void text_append(struct text *text, const char *bytes, size_t length)
{
	text_reserve(text, length);
	if (length)
		memcpy(text->bytes + text->length, bytes, length);
	text->length += length;
}

void text_append_string(struct text *text, const char *string)
{
	text_append(text, string, strlen(string));
}

void text_free(struct text *text)
{
	free(text->bytes);
	*text = (struct text){0};
}
