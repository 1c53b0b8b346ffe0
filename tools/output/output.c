/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tools/base/escape.h"
#include "tools/output/output.h"
#include "tools/base/stop.h"

struct output *output_open(enum output_format format, enum output_shape shape,
                           const struct output_column *columns, size_t column_count)
{
	return output_open_to(stdout, format, shape, columns, column_count);
}

struct output *output_open_to(FILE *stream, enum output_format format, enum output_shape shape,
                              const struct output_column *columns, size_t column_count)
{
	static const struct output_driver *const drivers[] = {
		[OUTPUT_TABLE] = &output_table,
		[OUTPUT_CSV] = &output_csv,
		[OUTPUT_JSON] = &output_json,
		[OUTPUT_NDJSON] = &output_json,
	};
	struct output *output = must_realloc(NULL, sizeof(*output));

	*output = (struct output){
		.driver = drivers[format],
		.stream = stream,
		.format = format,
		.shape = shape,
		.columns = columns,
		.column_count = column_count,
	};
	return output;
}

void output_hide_last(struct output *output)
{
	if (output->format == OUTPUT_TABLE)
		output->column_count--;
}

static enum status check(const struct output *output)
{
	if (output->stream == stdout)
		return output_check();
	if (fflush(output->stream) == 0 && !ferror(output->stream))
		return STATUS_DONE;
	return fail(STATUS_SYSTEM, "can't write to a temporary file: %s", strerror(errno));
}

static void begin(struct output *output)
{
	if (!output->begun)
		output->driver->begin(output);
	output->begun = true;
}

enum status output_row(struct output *output, const struct cell *cells)
{
	begin(output);
	output->driver->row(output, cells);
	output->rows++;
	return ferror(output->stream) ? check(output) : STATUS_DONE;
}

enum status output_flush(struct output *output)
{
	if (output->begun)
		output->driver->flush(output);
	return check(output);
}

enum status output_end(struct output *output, enum status status)
{
	enum status written;

	if (status == STATUS_DONE)
		begin(output);
	if (output->begun)
		output->driver->end(output, status == STATUS_DONE);
	written = check(output);
	free(output);
	return status != STATUS_DONE ? status : written;
}

enum status output_check(void)
{
	static bool said;

	if (fflush(stdout) == 0 && !ferror(stdout))
		return STATUS_DONE;
	if (!said && errno != EPIPE && !stop_came())
		fail(STATUS_SYSTEM, "can't write to standard output: %s%s", strerror(errno),
		     errno == EFBIG ? " (the limit of `ulimit -f`, or the file system's)" : "");
	said = true;
	return STATUS_SYSTEM;
}

struct cell cell_text(const char *text)
{
	return (struct cell){.kind = CELL_TEXT, .text = text, .length = strlen(text)};
}

struct cell cell_literal(const char *text)
{
	return (struct cell){.kind = CELL_LITERAL, .text = text, .length = strlen(text)};
}

/* Quotes what would not be seen to be one value. */
static void print_flat_text(struct text *text, const struct cell *cell)
{
	bool quote = cell->length == 0;

	for (size_t i = 0; i < cell->length && !quote; i++)
		quote = strchr(" \"=;", cell->text[i]) != NULL;
	if (!quote) {
		escape_for_people(text, cell->text, cell->length);
		return;
	}
	text_append(text, "\"", 1);
	for (size_t i = 0, start = 0; i <= cell->length; i++) {
		if (i < cell->length && cell->text[i] != '"')
			continue;
		escape_for_people(text, cell->text + start, i - start);
		if (i < cell->length)
			text_append(text, "\"\"", 2);
		start = i + 1;
	}
	text_append(text, "\"", 1);
}

static void print_flat_row(struct text *text, const struct cell *cell, size_t row, bool brief)
{
	const struct cell *cells = cell->cells + row * cell->column_count;
	bool first = true;

	for (size_t i = 0; i < cell->column_count; i++) {
		if ((brief && cells[i].unchanged) || cells[i].kind == CELL_NONE)
			continue;
		if (!first)
			text_append(text, " ", 1);
		first = false;
		text_append_string(text, cell->columns[i].name);
		text_append(text, "=", 1);
		cell_print_flat(text, &cells[i], brief);
	}
}

void cell_print_flat(struct text *text, const struct cell *cell, bool brief)
{
	switch (cell->kind) {
	case CELL_NONE:
		break;
	case CELL_TEXT:
		print_flat_text(text, cell);
		break;
	case CELL_LITERAL:
		text_append(text, cell->text, cell->length);
		break;
	case CELL_OBJECT:
		print_flat_row(text, cell, 0, brief);
		break;
	case CELL_LIST:
		for (size_t i = 0; i < cell->row_count; i++) {
			if (i)
				text_append_string(text, "; ");
			print_flat_row(text, cell, i, brief);
		}
		break;
	}
}
