/* SPDX-License-Identifier: MIT
 * Reads newline-delimited JSON input: one object on each line. */
#include <stele/stele.h>
#include "tools/base/fail.h"
#include "tools/base/status.h"
#include "tools/input/input.h"
#include "tools/input/input_driver.h"
#include "tools/input/lines.h"
#include "tools/rows/row.h"

static enum status ndjson_open(struct input *input)
{
	(void)input;
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
	enum status status;
	size_t length;
	char *line;

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
		            "%s:%llu: expected one JSON object on each line, as 'stele dump "
		            "--format ndjson' prints them, but an array begins here",
		            input->lines.name, (unsigned long long)input->line);
	input->text = (struct row_text){.form = ROW_JSON, .text = line, .length = length};
	return STATUS_DONE;
}

static void ndjson_close(struct input *input)
{
	(void)input;
}

const struct input_driver input_ndjson = {ndjson_open, ndjson_next, ndjson_close};
