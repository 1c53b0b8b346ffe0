/* SPDX-License-Identifier: MIT
 * Prints rows as CSV by RFC 4180, but with lines that end with a line feed alone. The first line
 * has the names of the columns. Fields are quoted only if necessary. Empty text is "", and a
 * missing value is an empty field. */
#include <stdio.h>
#include <stdlib.h>
#include "tools/base/escape.h"
#include "tools/base/heap.h"
#include "tools/base/text.h"
#include "tools/output/output.h"
#include "tools/output/output_cell.h"
#include "tools/output/output_driver.h"

/* The text of a row, and of a cell that consists of others. */
struct csv_texts {
	struct text line, cell;
};

static void output_csv_begin(struct output *output)
{
	struct csv_texts *texts = heap_realloc(NULL, sizeof(*texts));

	*texts = (struct csv_texts){0};
	output->state = texts;
	for (size_t i = 0; i < output->column_count; i++)
		fprintf(output->stream, "%s%s", i ? "," : "", output->columns[i].name);
	putc('\n', output->stream);
}

static void output_csv_row(struct output *output, const struct cell *cells)
{
	struct csv_texts *texts = output->state;

	texts->line.length = 0;
	for (size_t i = 0; i < output->column_count; i++) {
		if (i)
			text_append(&texts->line, ",", 1);
		if (cells[i].kind == CELL_NONE)
			continue;
		texts->cell.length = 0;
		if (cells[i].kind == CELL_TEXT || cells[i].kind == CELL_ARRAY)
			text_append(&texts->cell, cells[i].text, cells[i].length);
		else
			cell_print_flat(&texts->cell, &cells[i], false);
		escape_for_csv(&texts->line, texts->cell.bytes, texts->cell.length);
	}
	text_append(&texts->line, "\n", 1);
	fwrite(texts->line.bytes, 1, texts->line.length, output->stream);
}

static void output_csv_line(struct output *output, const char *text, size_t length)
{
	fwrite(text, 1, length, output->stream);
	putc('\n', output->stream);
}

static void output_csv_flush(struct output *output)
{
	(void)output;
}

static void output_csv_end(struct output *output, bool complete)
{
	struct csv_texts *texts = output->state;

	(void)complete;
	text_free(&texts->line);
	text_free(&texts->cell);
	free(texts);
}

const struct output_driver output_csv = {output_csv_begin, output_csv_row, output_csv_line,
                                         output_csv_flush, output_csv_end};
