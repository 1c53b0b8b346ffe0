/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <stele/stele.h>
#include "tools/base/status.h"
#include "tools/input/input.h"
#include "tools/input/input_driver.h"
#include "tools/input/lines.h"

static bool input_ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), end_length = strlen(end);

	return length >= end_length && strcasecmp(text + length - end_length, end) == 0;
}

enum status input_open(struct input *input, const char *path, enum input_format format)
{
	*input = (struct input){.driver = &input_csv};
	if (format == INPUT_NDJSON ||
	    (format == INPUT_BY_NAME &&
	     (input_ends_with(path, ".ndjson") || input_ends_with(path, ".jsonl") ||
	      input_ends_with(path, ".json"))))
		input->driver = &input_ndjson;
	return lines_open(&input->lines, path);
}

enum status input_start(struct input *input, const struct stele_schema *schema)
{
	input->schema = schema;
	return input->driver->open(input);
}

enum status input_next(struct input *input, bool *ret_row)
{
	input->wrong_row = false;
	return input->driver->next(input, ret_row);
}

void input_close(struct input *input)
{
	if (input->state)
		input->driver->close(input);
	lines_close(&input->lines);
}
