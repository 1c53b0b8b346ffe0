/* SPDX-License-Identifier: MIT
 *
 * Reads CSV input: passes each row to the library, as one line, or as several if it has line feeds
 * in quotation marks. Only a line feed outside of quotation marks ends a row. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stele/stele.h>
#include "tools/base/fail.h"
#include "tools/base/heap.h"
#include "tools/base/status.h"
#include "tools/base/text.h"
#include "tools/input/input.h"
#include "tools/input/input_driver.h"
#include "tools/input/input_fail.h"
#include "tools/input/lines.h"
#include "tools/input/mapping.h"
#include "tools/input/select.h"
#include "tools/rows/row.h"

/* Maximum bytes of a row of several lines; no row needs more. */
#define ROW_MAX ((size_t)16 << 20)

struct csv {
	struct select select;
	struct text text; /* a row of several lines */
};

/* Returns true if the text has an odd number of quotation marks, so that a row does
 * not end with it. */
static bool input_csv_is_open(const char *text, size_t length)
{
	bool open = false;
	const char *mark;

	while (length > 0 && (mark = memchr(text, '"', length))) {
		open = !open;
		length -= (size_t)(mark + 1 - text);
		text = mark + 1;
	}
	return open;
}

/* Returns true for a line without fields. One of spaces is a row: of a table with one column, which
 * is text. */
static bool input_csv_is_empty(const char *line, size_t length)
{
	while (length > 0 && (line[length - 1] == '\r' || line[length - 1] == '\n'))
		length--;
	return length == 0;
}

/* Reads further lines of a row whose first line has an open quotation mark. */
static enum status input_csv_read_rest(struct input *input, char **line, size_t *length)
{
	struct csv *csv = input->state;
	bool open = true;

	csv->text.length = 0;
	text_append(&csv->text, *line, *length);
	while (open) {
		enum status status = lines_next(&input->lines, line, length);

		if (status != STATUS_DONE)
			return status;
		if (!*line)
			break;
		if (*length > ROW_MAX - csv->text.length)
			return fail(STATUS_INPUT,
			            "%s:%llu: the row is longer than %zu bytes; a quotation mark "
			            "at its end may be missing",
			            input->lines.name, (unsigned long long)input->line, ROW_MAX);
		open = !input_csv_is_open(*line, *length);
		text_append(&csv->text, *line, *length);
	}
	*line = csv->text.bytes;
	*length = csv->text.length;
	return STATUS_DONE;
}

/* Reads a line with all of its row. Sets `*ret_line` to NULL at the end of the file. */
static enum status input_csv_read_line(struct input *input, char **ret_line, size_t *ret_length)
{
	enum status status;

	do {
		status = lines_next(&input->lines, ret_line, ret_length);
		if (status != STATUS_DONE)
			return status;
	} while (*ret_line && input_csv_is_empty(*ret_line, *ret_length));
	if (!*ret_line)
		return STATUS_DONE;
	input->line = input->lines.number;
	return input_csv_is_open(*ret_line, *ret_length)
	               ? input_csv_read_rest(input, ret_line, ret_length)
	               : STATUS_DONE;
}

static enum status input_csv_read_row(struct input *input, bool *ret_row)
{
	struct csv *csv = input->state;
	enum selected selected = SELECTED_SKIP;
	enum status status = STATUS_DONE;
	size_t length;
	char *line;

	while (status == STATUS_DONE && selected == SELECTED_SKIP) {
		status = input_csv_read_line(input, &line, &length);
		if (status != STATUS_DONE)
			return status;
		*ret_row = line != NULL;
		if (!line)
			return STATUS_DONE;
		status = select_csv(&csv->select, input, line, length, &selected);
	}
	return status;
}

static enum status input_csv_open(struct input *input)
{
	struct csv *csv = heap_realloc(NULL, sizeof(*csv));
	enum status status;
	size_t length = 0;
	char *line = NULL;

	*csv = (struct csv){0};
	input->state = csv;
	input->line = 1;
	if (input->mapping && input->mapping->no_header)
		return select_csv_header(&csv->select, input, NULL, 0);
	status = input_csv_read_line(input, &line, &length);
	if (status != STATUS_DONE)
		return status;
	if (!line)
		return input_fail(
			input, "expected a first line with the names of the columns, but the file "
			       "is empty");
	return select_csv_header(&csv->select, input, line, length);
}

static void input_csv_close(struct input *input)
{
	struct csv *csv = input->state;

	select_free(&csv->select);
	text_free(&csv->text);
	free(csv);
}

const struct input_driver input_csv = {input_csv_open, input_csv_read_row, input_csv_close};
