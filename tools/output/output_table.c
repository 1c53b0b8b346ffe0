/* SPDX-License-Identifier: MIT
 *
 * Tables for people. Columns are as wide as the widest cell of the rows at hand: rows are gathered
 * in batches, so that a table of millions streams, and a column only ever grows from batch to
 * batch. The last column is not padded. On a terminal the first line is bold. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "tools/base/escape.h"
#include "tools/base/format.h"
#include "tools/base/heap.h"
#include "tools/base/text.h"
#include "tools/output/output.h"
#include "tools/output/output_cell.h"
#include "tools/output/output_driver.h"

enum {
	BATCH = 1000,
	WIDEST = 80, /* a wider cell sticks out, rather than make all others as wide */
};

struct piece {
	size_t start, length, width;
};

struct table {
	size_t *widths;
	struct text text;     /* of all cells of the batch */
	struct piece *pieces; /* a batch of rows, and room for one */
	size_t rows;          /* in the batch */
	bool begun;
	bool bold;
};

static void render(struct text *text, const struct cell *cell)
{
	if (cell->plain)
		text_append_string(text, cell->plain);
	else if (cell->kind == CELL_NONE)
		text_append(text, "-", 1);
	else if (cell->kind == CELL_TEXT)
		escape_for_people(text, cell->text, cell->length);
	else
		cell_print_flat(text, cell, true);
}

static void print_padding(FILE *stream, size_t count)
{
	fprintf(stream, "%*s", (int)count, "");
}

static void print_piece(const struct output *output, size_t column, const char *bytes,
                        size_t length, size_t width, bool last)
{
	const struct table *table = output->state;
	size_t padding = table->widths[column] > width ? table->widths[column] - width : 0;
	bool right = output->columns[column].right;

	if (column)
		print_padding(output->stream, 2);
	if (right)
		print_padding(output->stream, padding);
	fwrite(bytes, 1, length, output->stream);
	if (!right && !last)
		print_padding(output->stream, padding);
}

static void print_names(const struct output *output)
{
	const struct table *table = output->state;

	if (table->bold)
		fputs("\033[1m", output->stream);
	for (size_t i = 0; i < output->column_count; i++) {
		const char *name = output->columns[i].name;

		print_piece(output, i, name, strlen(name), strlen(name),
		            i + 1 == output->column_count);
	}
	fputs(table->bold ? "\033[0m\n" : "\n", output->stream);
}

/* Empty cells at its end are left out, and so is the space before them. */
static void print_row(const struct output *output, const struct piece *pieces)
{
	const struct table *table = output->state;
	size_t count = output->column_count;

	while (count > 1 && pieces[count - 1].length == 0)
		count--;
	for (size_t i = 0; i < count; i++)
		print_piece(output, i, table->text.bytes + pieces[i].start, pieces[i].length,
		            pieces[i].width, i + 1 == count);
	putc('\n', output->stream);
}

static void print_batch(struct output *output)
{
	struct table *table = output->state;
	size_t count = output->column_count;

	for (size_t i = 0; i < table->rows * count; i++)
		if (table->pieces[i].width > table->widths[i % count] &&
		    table->pieces[i].width <= WIDEST)
			table->widths[i % count] = table->pieces[i].width;
	if (!table->begun)
		print_names(output);
	table->begun = true;
	for (size_t i = 0; i < table->rows; i++)
		print_row(output, table->pieces + i * count);
	table->rows = 0;
	table->text.length = 0;
}

/* Standard output may be a stream without a descriptor of its own (stop.h). */
static bool is_terminal(FILE *stream)
{
	return isatty(stream == stdout ? STDOUT_FILENO : fileno(stream));
}

static void begin(struct output *output)
{
	struct table *table = must_realloc(NULL, sizeof(*table));

	*table = (struct table){.bold = is_terminal(output->stream) && !getenv("NO_COLOR")};
	table->widths = must_realloc(NULL, output->column_count * sizeof(*table->widths));
	for (size_t i = 0; i < output->column_count; i++)
		table->widths[i] = strlen(output->columns[i].name);
	table->pieces = must_realloc(NULL, BATCH * output->column_count * sizeof(*table->pieces));
	text_append(&table->text, " ", 1); /* so that it has memory, also for cells without text */
	table->text.length = 0;
	output->state = table;
}

static void add_row(struct output *output, const struct cell *cells)
{
	struct table *table = output->state;
	struct piece *pieces = table->pieces + table->rows * output->column_count;

	for (size_t i = 0; i < output->column_count; i++) {
		struct text *text = &table->text;
		size_t start = text->length;

		render(text, &cells[i]);
		pieces[i].start = start;
		pieces[i].length = text->length - start;
		pieces[i].width = text_width(text->bytes + start, text->length - start);
	}
	if (++table->rows == BATCH)
		print_batch(output);
}

static void end(struct output *output, bool whole)
{
	struct table *table = output->state;

	if (output->shape != SHAPE_RECORD && (table->rows || (whole && !table->begun)))
		print_batch(output);
	free(table->widths);
	free(table->pieces);
	text_free(&table->text);
	free(table);
}

static void print_list(FILE *stream, const struct cell *list)
{
	struct output inner = {
		.stream = stream,
		.format = OUTPUT_TABLE,
		.shape = SHAPE_ROWS,
		.columns = list->columns,
		.column_count = list->column_count,
	};

	begin(&inner);
	for (size_t i = 0; i < list->row_count; i++)
		add_row(&inner, list->cells + i * list->column_count);
	end(&inner, true);
}

/* A line for each column, and then each list as a table of its own. */
static void print_record(struct output *output, const struct cell *cells)
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
		render(&text, &cells[i]);
		fprintf(output->stream, "%-*s  %.*s\n", (int)width, output->columns[i].name,
		        (int)text.length, text.length ? text.bytes : "");
	}
	text_free(&text);
	for (size_t i = 0; i < output->column_count; i++)
		if (cells[i].kind == CELL_LIST && cells[i].row_count) {
			putc('\n', output->stream);
			print_list(output->stream, &cells[i]);
		}
}

static void row(struct output *output, const struct cell *cells)
{
	if (output->shape == SHAPE_RECORD)
		print_record(output, cells);
	else
		add_row(output, cells);
}

static void flush(struct output *output)
{
	struct table *table = output->state;

	if (table->rows)
		print_batch(output);
}

const struct output_driver output_table = {begin, row, flush, end};
