/* SPDX-License-Identifier: MIT
 *
 * Prints rows as a table for people. The width of a column is that of its widest cell. Rows are
 * printed in batches, so that a table of millions of rows streams; a column may become wider from
 * one batch to the next, but not narrower. The last column is not padded. On a terminal, the line
 * of column names is bold, and cells have their colours. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tools/base/escape.h"
#include "tools/base/format.h"
#include "tools/base/heap.h"
#include "tools/base/text.h"
#include "tools/output/colour.h"
#include "tools/output/output.h"
#include "tools/output/output_cell.h"
#include "tools/output/output_driver.h"

enum {
	BATCH = 1000, /* rows */
	WIDEST =
		80, /* a wider cell does not make its column wider, but moves the rest of its row */
};

/* The text of a cell: its place in table->text in bytes, and its width in characters. */
struct piece {
	size_t start, length, width;
	enum colour colour;
};

struct table {
	size_t *widths;       /* of the columns, in characters */
	struct text text;     /* of all cells in the batch */
	struct piece *pieces; /* the cells of up to BATCH rows */
	size_t rows;          /* number of rows in the batch */
	bool begun;           /* the headings are printed */
	bool coloured;        /* for a terminal */
};

/* Appends the text of a cell. */
static void table_render(struct text *text, const struct cell *cell)
{
	struct text flat = {0};

	if (cell->plain) {
		text_append_string(text, cell->plain);
	} else if (cell->kind == CELL_NONE) {
		text_append(text, "-", 1);
	} else if (cell->kind == CELL_TEXT || cell->kind == CELL_ARRAY) {
		escape_for_people(text, cell->text, cell->length);
	} else {
		cell_print_flat(&flat, cell, true);
		escape_for_people(text, flat.bytes, flat.length);
		text_free(&flat);
	}
}

static void table_print_padding(FILE *stream, size_t count)
{
	fprintf(stream, "%*s", (int)count, "");
}

static void table_print_piece(const struct output *output, size_t column, const char *bytes,
                              const struct piece *piece, bool last)
{
	const struct table *table = output->state;
	size_t width = piece->width;
	size_t padding = table->widths[column] > width ? table->widths[column] - width : 0;
	enum colour colour = table->coloured ? piece->colour : COLOUR_NONE;
	bool right = output->columns[column].right;

	if (column)
		table_print_padding(output->stream, 2);
	if (right)
		table_print_padding(output->stream, padding);
	fputs(colour_start(colour), output->stream);
	fwrite(bytes + piece->start, 1, piece->length, output->stream);
	fputs(colour_end(colour), output->stream);
	if (!right && !last)
		table_print_padding(output->stream, padding);
}

/* Writes the heading of a column, its name and its unit, to `text`. */
static void table_render_heading(struct text *text, const struct output *output, size_t column)
{
	const char *unit = output->units ? output->units[column] : NULL;

	text->length = 0;
	text_append_string(text, output->columns[column].name);
	if (unit) {
		text_append(text, " [", 2);
		escape_for_people(text, unit, strlen(unit));
		text_append(text, "]", 1);
	}
}

static void table_print_headings(const struct output *output)
{
	const struct table *table = output->state;
	enum colour colour = table->coloured ? COLOUR_HEADING : COLOUR_NONE;
	struct piece piece = {0};
	struct text heading = {0};

	fputs(colour_start(colour), output->stream);
	for (size_t i = 0; i < output->column_count; i++) {
		table_render_heading(&heading, output, i);
		piece.length = heading.length;
		piece.width = escape_width(heading.bytes, heading.length);
		table_print_piece(output, i, heading.bytes, &piece, i + 1 == output->column_count);
	}
	text_free(&heading);
	fputs(colour_end(colour), output->stream);
	putc('\n', output->stream);
}

/* Prints a row without the empty cells at its end and without the space before them. */
static void table_print_row(const struct output *output, const struct piece *pieces)
{
	const struct table *table = output->state;
	size_t count = output->column_count;

	while (count > 1 && pieces[count - 1].length == 0)
		count--;
	for (size_t i = 0; i < count; i++)
		table_print_piece(output, i, table->text.bytes, &pieces[i], i + 1 == count);
	putc('\n', output->stream);
}

/* Makes the columns as wide as the rows of the batch need, and prints the batch. */
static void table_print_batch(struct output *output)
{
	struct table *table = output->state;
	size_t count = output->column_count;

	for (size_t i = 0; i < table->rows * count; i++)
		if (table->pieces[i].width > table->widths[i % count] &&
		    table->pieces[i].width <= WIDEST)
			table->widths[i % count] = table->pieces[i].width;
	if (!table->begun)
		table_print_headings(output);
	table->begun = true;
	for (size_t i = 0; i < table->rows; i++)
		table_print_row(output, table->pieces + i * count);
	table->rows = 0;
	table->text.length = 0;
}

/* Returns true if the stream is standard output, or in memory, from where it is printed there.
 * stdout may be a stream without a descriptor, too: see stop_guard_output(). */
static bool table_is_printed(FILE *stream)
{
	return stream == stdout || fileno(stream) < 0;
}

static void table_begin(struct output *output)
{
	struct table *table = heap_realloc(NULL, sizeof(*table));
	struct text heading = {0};

	*table = (struct table){.coloured = table_is_printed(output->stream) && colour_is_wanted()};
	table->widths = heap_realloc(NULL, output->column_count * sizeof(*table->widths));
	for (size_t i = 0; i < output->column_count; i++) {
		table_render_heading(&heading, output, i);
		table->widths[i] = escape_width(heading.bytes, heading.length);
	}
	text_free(&heading);
	table->pieces = heap_realloc(NULL, BATCH * output->column_count * sizeof(*table->pieces));
	/* Allocates memory, so that text.bytes is not NULL even if all cells are empty. */
	text_append(&table->text, " ", 1);
	table->text.length = 0;
	output->state = table;
}

static void table_add_row(struct output *output, const struct cell *cells)
{
	struct table *table = output->state;
	struct piece *pieces = table->pieces + table->rows * output->column_count;

	for (size_t i = 0; i < output->column_count; i++) {
		struct text *text = &table->text;
		size_t start = text->length;

		table_render(text, &cells[i]);
		pieces[i].colour = cells[i].colour;
		pieces[i].start = start;
		pieces[i].length = text->length - start;
		pieces[i].width = escape_width(text->bytes + start, text->length - start);
	}
	if (++table->rows == BATCH)
		table_print_batch(output);
}

static void table_end(struct output *output, bool complete)
{
	struct table *table = output->state;

	if (output->shape != SHAPE_RECORD && (table->rows || (complete && !table->begun)))
		table_print_batch(output);
	free(table->widths);
	free(table->pieces);
	text_free(&table->text);
	free(table);
}

/* Prints a cell of kind CELL_LIST as a table. */
static void table_print_list(FILE *stream, const struct cell *list)
{
	struct output inner = {
		.stream = stream,
		.format = OUTPUT_TABLE,
		.shape = SHAPE_ROWS,
		.columns = list->columns,
		.column_count = list->column_count,
	};

	table_begin(&inner);
	for (size_t i = 0; i < list->row_count; i++)
		table_add_row(&inner, list->cells + i * list->column_count);
	table_end(&inner, true);
}

/* Prints the row of a SHAPE_RECORD: a line for each column, and then each list as a table. */
static void table_print_record(struct output *output, const struct cell *cells)
{
	struct text text = {0};
	size_t width = 0;

	for (size_t i = 0; i < output->column_count; i++)
		if (cells[i].kind != CELL_LIST && strlen(output->columns[i].name) > width)
			width = strlen(output->columns[i].name);
	for (size_t i = 0; i < output->column_count; i++) {
		if (cells[i].kind == CELL_LIST)
			continue;
		text.length = 0;
		table_render(&text, &cells[i]);
		fprintf(output->stream, "%-*s  %.*s\n", (int)width, output->columns[i].name,
		        (int)text.length, text.length ? text.bytes : "");
	}
	text_free(&text);
	for (size_t i = 0; i < output->column_count; i++)
		if (cells[i].kind == CELL_LIST && cells[i].row_count) {
			putc('\n', output->stream);
			if (cells[i].plain)
				fprintf(output->stream, "%s\n", cells[i].plain);
			table_print_list(output->stream, &cells[i]);
		}
}

static void table_row(struct output *output, const struct cell *cells)
{
	if (output->shape == SHAPE_RECORD)
		table_print_record(output, cells);
	else
		table_add_row(output, cells);
}

static void table_flush(struct output *output)
{
	struct table *table = output->state;

	if (table->rows)
		table_print_batch(output);
}

const struct output_driver output_table = {table_begin, table_row, NULL, table_flush, table_end};
