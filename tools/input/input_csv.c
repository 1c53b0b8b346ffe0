/* SPDX-License-Identifier: MIT
 *
 * Reads CSV input with libcsv. Passes one line at a time to libcsv, so that error messages can have
 * the number of the line. Only a line feed ends a row (a carriage return before it counts as
 * space), so a line ends at most one row. A row with a quoted line feed consists of several
 * lines. */
#include <csv.h>
#include <stdio.h>
#include <stdlib.h>
#include <stele/stele.h>
#include "tools/base/heap.h"
#include "tools/base/status.h"
#include "tools/base/text.h"
#include "tools/input/input.h"
#include "tools/input/input_driver.h"
#include "tools/input/input_fail.h"
#include "tools/input/lines.h"
#include "tools/rows/column.h"
#include "tools/rows/row.h"

struct csv {
	struct csv_parser parser;
	struct text text;       /* of all fields of the current row, one after the other */
	size_t *ends;           /* offset of the end of each field in `text` */
	size_t count, capacity; /* number of fields of the current row; capacity of `ends` */
	bool row_ended;
	size_t *columns;     /* for each field of a row, the number of its column in the schema */
	size_t column_count; /* of the first line */
};

static int input_csv_is_space(unsigned char byte)
{
	return byte == ' ' || byte == '\t' || byte == '\r';
}

static int input_csv_is_end(unsigned char byte)
{
	return byte == '\n';
}

static void input_csv_field_ended(void *bytes, size_t length, void *context)
{
	struct csv *csv = context;

	text_append(&csv->text, bytes, length);
	if (csv->count == csv->capacity) {
		csv->capacity = csv->capacity * 2 + 16;
		csv->ends = heap_realloc(csv->ends, csv->capacity * sizeof(*csv->ends));
	}
	csv->ends[csv->count++] = csv->text.length;
}

static void input_csv_row_ended(int byte, void *context)
{
	struct csv *csv = context;

	(void)byte;
	csv->row_ended = true;
}

static enum status input_csv_fail_quotes(const struct input *input)
{
	return input_fail(
		input, "the quotation marks of a field do not match; quote the complete field, and "
		       "double each quotation mark inside it");
}

/* Reads lines until a row has ended. Sets `*ret_row` to false at the end of the file. */
static enum status input_csv_read_row(struct input *input, bool *ret_row)
{
	struct csv *csv = input->state;

	csv->text.length = 0;
	csv->count = 0;
	csv->row_ended = false;
	input->line = 0;
	while (!csv->row_ended) {
		enum status status;
		size_t length;
		char *line;

		status = lines_next(&input->lines, &line, &length);
		if (status != STATUS_DONE)
			return status;
		if (!line)
			break;
		if (!input->line)
			input->line = input->lines.number;
		if (csv_parse(&csv->parser, line, length, input_csv_field_ended,
		              input_csv_row_ended, csv) != length)
			return input_csv_fail_quotes(input);
		/* libcsv ignores an empty line, so the row starts on a later line. */
		if (!csv->row_ended && csv->count == 0 && csv->parser.pstate == 0)
			input->line = 0;
	}
	if (!csv->row_ended &&
	    csv_fini(&csv->parser, input_csv_field_ended, input_csv_row_ended, csv) != 0)
		return input_csv_fail_quotes(input);
	*ret_row = csv->row_ended;
	return STATUS_DONE;
}

static const char *input_csv_field_text(const struct csv *csv, size_t field, size_t *ret_length)
{
	size_t start = field ? csv->ends[field - 1] : 0;

	*ret_length = csv->ends[field] - start;
	return csv->text.bytes ? csv->text.bytes + start : "";
}

/* Assigns the fields to columns by the names in the first line. */
static enum status input_csv_read_names(struct input *input)
{
	struct csv *csv = input->state;
	char where[512], missing[512];

	csv->columns = heap_realloc(NULL, (csv->count + 1) * sizeof(*csv->columns));
	csv->column_count = csv->count;
	for (size_t i = 0; i < csv->count; i++) {
		char name[STELE_NAME_MAX + 2];
		const char *text;
		size_t length;
		int column;

		text = input_csv_field_text(csv, i, &length);
		snprintf(name, sizeof(name), "%.*s",
		         (int)(length < sizeof(name) ? length : sizeof(name)), text);
		column = stele_schema_column(input->schema, name);
		if (column < 0) {
			snprintf(where, sizeof(where), "%s:%llu: ", input->lines.name,
			         (unsigned long long)input->line);
			return column_fail_unknown(where, input->schema, text, length);
		}
		if (input->fields[column].given)
			return input_fail(input, "column \"%s\" is named twice", name);
		input->fields[column].given = true;
		csv->columns[i] = (size_t)column;
	}
	row_missing(input->schema, input->fields, true, missing, sizeof(missing));
	if (*missing)
		return input_fail(
			input, "expected the names of all columns in the first line; missing: %s",
			missing);
	return STATUS_DONE;
}

static enum status input_csv_open(struct input *input)
{
	struct csv *csv = heap_realloc(NULL, sizeof(*csv));
	enum status status;
	bool row;

	*csv = (struct csv){0};
	input->state = csv;
	csv_init(&csv->parser, CSV_STRICT | CSV_STRICT_FINI);
	csv_set_space_func(&csv->parser, input_csv_is_space);
	csv_set_term_func(&csv->parser, input_csv_is_end);
	csv_set_blk_size(&csv->parser, 4096);
	status = input_csv_read_row(input, &row);
	if (status != STATUS_DONE)
		return status;
	if (!row) {
		input->line = 1;
		return input_fail(
			input, "expected a first line with the names of the columns, but the file "
			       "is empty");
	}
	return input_csv_read_names(input);
}

static enum status input_csv_next(struct input *input, bool *ret_row)
{
	struct csv *csv = input->state;
	enum status status;

	status = input_csv_read_row(input, ret_row);
	if (status != STATUS_DONE || !*ret_row)
		return status;
	if (csv->count != csv->column_count)
		return input_fail(input, "expected %zu fields, as in the first line, but found %zu",
		                  csv->column_count, csv->count);
	for (size_t i = 0; i < csv->count; i++) {
		struct field *field = &input->fields[csv->columns[i]];

		field->text = input_csv_field_text(csv, i, &field->length);
	}
	return STATUS_DONE;
}

static void input_csv_close(struct input *input)
{
	struct csv *csv = input->state;

	csv_free(&csv->parser);
	text_free(&csv->text);
	free(csv->ends);
	free(csv->columns);
	free(csv);
}

const struct input_driver input_csv = {input_csv_open, input_csv_next, input_csv_close};
