/* SPDX-License-Identifier: MIT */
#include "lib/text/value_text.h"

int value_text_find(const struct stele_schema *schema, size_t column, const struct stele_row *row,
                    struct value_text *ret)
{
	int r = stele_row_column(schema, column, row, ret->decoded, sizeof(ret->decoded), &ret->at,
	                         &ret->size);

	/* stele_key_column() returns all bytes of a char[N]. */
	if (r == 0 && schema->columns[column].type == STELE_CHAR)
		ret->size = strnlen(ret->at, ret->size);
	return r;
}

struct stele_column value_text_element(const struct stele_column *column, size_t size)
{
	struct stele_column element = *column;

	element.count = 0;
	element.size = (uint32_t)(size / column->count);
	return element;
}

void value_text_put_hex(struct sink *sink, const struct stele_column *column, const void *value,
                        size_t size)
{
	const char *bytes = value;
	char text[2 * 64 + 1];

	for (size_t i = 0; i < size; i += 64) {
		size_t piece = size - i < 64 ? size - i : 64;

		sink_put(sink, text,
		         stele_value_format(column, bytes + i, piece, text, sizeof(text)));
	}
}
