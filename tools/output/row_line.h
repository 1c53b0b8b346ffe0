/* SPDX-License-Identifier: MIT
 * Rows as the library formats them in CSV and JSON, for output_line(). Everything that prints only
 * rows of one table, and not as a table, uses this. */
#ifndef TOOLS_OUTPUT_ROW_LINE_H
#define TOOLS_OUTPUT_ROW_LINE_H

#include <stele/stele.h>
#include "tools/base/format.h"

/* Initialized with zeroes, reused from row to row, and closed at the end. */
struct row_line {
	char *text; /* of the last row */
	size_t length, capacity;
};

/* Formats a row in any format but OUTPUT_TABLE. Returns 0, or a negative errno of the library.
 * Prints no error message. */
int row_line_fill(struct row_line *line, enum output_format format,
                  const struct stele_schema *schema, const struct stele_row *row);

/* Frees the text. */
void row_line_close(struct row_line *line);

#endif
