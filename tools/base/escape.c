/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stele/stele.h>
#include "tools/base/escape.h"
#include "tools/base/text.h"

/* A table of text, for its JSON and CSV. */
static const struct stele_column column = {.name = "text", .type = STELE_TEXT};
static const struct stele_schema schema = {.columns = &column, .column_count = 1};

/* Writes a text as stele_row_format_csv() does. */
typedef int64_t escape_fn(const struct stele_schema *schema, const struct stele_row *row,
                          char *buffer, size_t size);

static void escape_append(struct text *text, escape_fn *format, const char *bytes, size_t length)
{
	const struct stele_row row = {.value = bytes, .value_size = length};
	size_t needed = length + 3, written;

	for (;;) {
		text_reserve(text, needed);
		written = (size_t)format(&schema, &row, text->bytes + text->length,
		                         text->capacity - text->length);
		if (written < text->capacity - text->length)
			break;
		needed = written + 1;
	}
	text->length += written;
}

static int64_t escape_format_people(const struct stele_schema *unused, const struct stele_row *row,
                                    char *buffer, size_t size)
{
	(void)unused;
	return (int64_t)stele_text_escape(row->value, row->value_size, buffer, size);
}

static int64_t escape_format_json(const struct stele_schema *texts, const struct stele_row *row,
                                  char *buffer, size_t size)
{
	return stele_row_format_json_column(texts, 0, row, buffer, size);
}

void escape_for_people(struct text *text, const char *bytes, size_t length)
{
	escape_append(text, escape_format_people, bytes, length);
}

void escape_for_json(struct text *text, const char *bytes, size_t length)
{
	escape_append(text, escape_format_json, bytes, length);
}

void escape_for_csv(struct text *text, const char *bytes, size_t length)
{
	escape_append(text, stele_row_format_csv, bytes, length);
}

size_t escape_width(const char *bytes, size_t length)
{
	size_t width = 0;

	for (size_t i = 0; i < length; i++)
		width += ((unsigned char)bytes[i] & 0xc0) != 0x80;
	return width;
}
