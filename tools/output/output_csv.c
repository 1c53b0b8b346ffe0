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

/* Returns true if a field must be quoted. Spaces at its start or end count, because readers of CSV
 * remove them from unquoted fields. */
static bool output_csv_needs_quotes(const struct text *text)
{
	if (text->length == 0)
		return true;
	if (text->bytes[0] == ' ' || text->bytes[text->length - 1] == ' ')
		return true;
	for (size_t i = 0; i < text->length; i++)
		if (text->bytes[i] == ',' || text->bytes[i] == '"' || text->bytes[i] == '\n' ||
		    text->bytes[i] == '\t')
			return true;
	return false;
}

static void output_csv_write_field(FILE *stream, const struct text *text)
{
	if (!output_csv_needs_quotes(text)) {
		fwrite(text->bytes, 1, text->length, stream);
		return;
	}
	putc('"', stream);
	for (size_t i = 0; i < text->length; i++) {
		if (text->bytes[i] == '"')
			putc('"', stream);
		putc(text->bytes[i], stream);
	}
	putc('"', stream);
}

static void output_csv_begin(struct output *output)
{
	struct text *text = heap_realloc(NULL, sizeof(*text));

	*text = (struct text){0};
	output->state = text;
	for (size_t i = 0; i < output->column_count; i++)
		fprintf(output->stream, "%s%s", i ? "," : "", output->columns[i].name);
	putc('\n', output->stream);
}

static void output_csv_row(struct output *output, const struct cell *cells)
{
	struct text *text = output->state;

	for (size_t i = 0; i < output->column_count; i++) {
		if (i)
			putc(',', output->stream);
		if (cells[i].kind == CELL_NONE)
			continue;
		text->length = 0;
		if (cells[i].kind == CELL_TEXT || cells[i].kind == CELL_ARRAY)
			escape_for_csv(text, cells[i].text, cells[i].length);
		else
			cell_print_flat(text, &cells[i], false);
		output_csv_write_field(output->stream, text);
	}
	putc('\n', output->stream);
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
	(void)complete;
	text_free(output->state);
	free(output->state);
}

const struct output_driver output_csv = {output_csv_begin, output_csv_row, output_csv_line,
                                         output_csv_flush, output_csv_end};
