/* SPDX-License-Identifier: MIT
 * Prints rows as JSON and newline-delimited JSON. Does not use a JSON library, because a library
 * would build a tree of all rows, of which there may be millions, before it prints the first. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tools/base/escape.h"
#include "tools/base/format.h"
#include "tools/base/heap.h"
#include "tools/base/text.h"
#include "tools/output/output.h"
#include "tools/output/output_cell.h"
#include "tools/output/output_driver.h"

static void output_json_print_cell(struct text *text, const struct cell *cell);

static void output_json_print_object(struct text *text, const struct output_column *columns,
                                     const struct cell *cells, size_t count)
{
	text_append(text, "{", 1);
	for (size_t i = 0; i < count; i++) {
		text_append_string(text, i ? ", \"" : "\"");
		text_append_string(text, columns[i].name);
		text_append(text, "\": ", 3);
		output_json_print_cell(text, &cells[i]);
	}
	text_append(text, "}", 1);
}

static void output_json_print_array(struct text *text, const struct cell *cell)
{
	const char *at = cell->text, *end = cell->text + cell->length;

	text_append(text, "[", 1);
	while (at < end) {
		const char *space = memchr(at, ' ', (size_t)(end - at));
		size_t length = (size_t)((space ? space : end) - at);

		if (at > cell->text)
			text_append(text, ", ", 2);
		if (cell_is_literal(cell->type, at, length))
			text_append(text, at, length);
		else
			escape_for_json(text, at, length);
		at += length + 1;
	}
	text_append(text, "]", 1);
}

static void output_json_print_cell(struct text *text, const struct cell *cell)
{
	switch (cell->kind) {
	case CELL_NONE:
		text_append_string(text, "null");
		break;
	case CELL_TEXT:
		escape_for_json(text, cell->text, cell->length);
		break;
	case CELL_ARRAY:
		output_json_print_array(text, cell);
		break;
	case CELL_LITERAL:
		text_append(text, cell->text, cell->length);
		break;
	case CELL_OBJECT:
		output_json_print_object(text, cell->columns, cell->cells, cell->column_count);
		break;
	case CELL_LIST:
		text_append(text, "[", 1);
		for (size_t i = 0; i < cell->row_count; i++) {
			if (i)
				text_append(text, ", ", 2);
			output_json_print_object(text, cell->columns,
			                         cell->cells + i * cell->column_count,
			                         cell->column_count);
		}
		text_append(text, "]", 1);
		break;
	}
}

static bool output_json_is_array(const struct output *output)
{
	return output->format == OUTPUT_JSON && output->shape == SHAPE_ROWS;
}

static void output_json_begin(struct output *output)
{
	struct text *text = heap_realloc(NULL, sizeof(*text));

	*text = (struct text){0};
	output->state = text;
	if (output_json_is_array(output))
		putc('[', output->stream);
}

static void output_json_line(struct output *output, const char *text, size_t length)
{
	if (output_json_is_array(output))
		fputs(output->rows ? ",\n" : "\n", output->stream);
	fwrite(text, 1, length, output->stream);
	if (!output_json_is_array(output))
		putc('\n', output->stream);
}

static void output_json_row(struct output *output, const struct cell *cells)
{
	struct text *text = output->state;

	text->length = 0;
	output_json_print_object(text, output->columns, cells, output->column_count);
	if (output->numbered) {
		text->length--; /* the brace */
		text_append_string(text, OUTPUT_FORMAT_MEMBER "}");
	}
	output_json_line(output, text->bytes, text->length);
}

static void output_json_flush(struct output *output)
{
	(void)output;
}

static void output_json_end(struct output *output, bool complete)
{
	if (complete && output_json_is_array(output))
		fputs(output->rows ? "\n]\n" : "]\n", output->stream);
	text_free(output->state);
	free(output->state);
}

const struct output_driver output_json = {output_json_begin, output_json_row, output_json_line,
                                          output_json_flush, output_json_end};
