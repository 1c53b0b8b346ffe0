/* SPDX-License-Identifier: MIT
 * Reads newline-delimited JSON input: one object on each line. */
#include <stdlib.h>
#include <stele/stele.h>
#include "tools/base/fail.h"
#include "tools/base/heap.h"
#include "tools/base/status.h"
#include "tools/input/input.h"
#include "tools/input/input_driver.h"
#include "tools/input/lines.h"
#include "tools/input/select.h"
#include "tools/rows/row.h"

static enum status ndjson_open(struct input *input)
{
	struct select *select = heap_realloc(NULL, sizeof(*select));

	*select = (struct select){0};
	input->state = select;
	return STATUS_DONE;
}

static bool ndjson_is_array(const char *line, size_t length)
{
	while (length > 0 && (*line == ' ' || *line == '\t')) {
		line++;
		length--;
	}
	return length > 0 && *line == '[';
}

static enum status ndjson_next(struct input *input, bool *ret_row)
{
	enum selected selected = SELECTED_SKIP;
	enum status status = STATUS_DONE;
	size_t length;
	char *line;

	while (status == STATUS_DONE && selected == SELECTED_SKIP) {
		do {
			status = lines_next(&input->lines, &line, &length);
			if (status != STATUS_DONE)
				return status;
		} while (line && line_is_blank(line, length));
		*ret_row = line != NULL;
		if (!line)
			return STATUS_DONE;
		input->line = input->lines.number;
		if (ndjson_is_array(line, length))
			return fail(STATUS_INPUT,
			            "%s:%llu: expected one JSON object on each line, but an array "
			            "begins here; arrays are read with --format json",
			            input->lines.name, (unsigned long long)input->line);
		status = select_json(input->state, input, line, length, &selected);
	}
	return status;
}

static void ndjson_close(struct input *input)
{
	select_free(input->state);
	free(input->state);
}

const struct input_driver input_ndjson = {ndjson_open, ndjson_next, ndjson_close};
