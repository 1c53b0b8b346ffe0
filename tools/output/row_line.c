/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <stele/stele.h>
#include "tools/base/heap.h"
#include "tools/output/row_line.h"

int row_line_fill(struct row_line *line, enum output_format format,
                  const struct stele_schema *schema, const struct stele_row *row)
{
	for (;;) {
		int64_t length =
			(format == OUTPUT_CSV ? stele_row_format_csv : stele_row_format_json)(
				schema, row, line->text, line->capacity);

		if (length < 0)
			return (int)length;
		line->length = (size_t)length;
		if (line->length < line->capacity)
			return 0;
		line->capacity = line->length * 2 + 256;
		line->text = heap_realloc(line->text, line->capacity);
	}
}

void row_line_close(struct row_line *line)
{
	free(line->text);
	*line = (struct row_line){0};
}
