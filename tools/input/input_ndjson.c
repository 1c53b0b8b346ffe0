/* SPDX-License-Identifier: MIT
 * Reads newline-delimited JSON input: one object on each line. */
#include <stdio.h>
#include <stdlib.h>
#include "tools/base/heap.h"
#include "tools/base/status.h"
#include "tools/input/input.h"
#include "tools/input/input_driver.h"
#include "tools/input/input_fail.h"
#include "tools/input/lines.h"
#include "tools/rows/json_row.h"
#include "tools/rows/row.h"

struct ndjson {
	/* The current row, which input->fields point into. */
	json_t *object;
	struct json_numbers numbers;
};

static enum status ndjson_open(struct input *input)
{
	struct ndjson *ndjson = heap_realloc(NULL, sizeof(*ndjson));

	ndjson->object = NULL;
	input->state = ndjson;
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

static enum status ndjson_parse_row(struct input *input, const char *line, size_t length)
{
	struct ndjson *ndjson = input->state;
	char error[256], where[512], missing[512];
	enum status status;

	if (ndjson_is_array(line, length))
		return input_fail(input,
		                  "expected one JSON object on each line, as 'stele dump --format "
		                  "ndjson' prints them, but an array begins here");
	ndjson->object = json_parse_object(line, length, error, sizeof(error));
	if (!ndjson->object)
		return input_fail(input, "%s", error);
	snprintf(where, sizeof(where), "%s:%llu: ", input->lines.name,
	         (unsigned long long)input->line);
	status = json_fields(where, ndjson->object, input->schema, input->fields, &ndjson->numbers);
	if (status != STATUS_DONE)
		return status;
	row_missing(input->schema, input->fields, true, missing, sizeof(missing));
	if (*missing)
		return input_fail(input, "expected all columns; missing: %s", missing);
	return STATUS_DONE;
}

static enum status ndjson_next(struct input *input, bool *ret_row)
{
	struct ndjson *ndjson = input->state;
	enum status status;
	size_t length;
	char *line;

	json_decref(ndjson->object);
	ndjson->object = NULL;
	do {
		status = lines_next(&input->lines, &line, &length);
		if (status != STATUS_DONE)
			return status;
	} while (line && line_is_blank(line, length));
	*ret_row = line != NULL;
	if (!line)
		return STATUS_DONE;
	input->line = input->lines.number;
	return ndjson_parse_row(input, line, length);
}

static void ndjson_close(struct input *input)
{
	struct ndjson *ndjson = input->state;

	json_decref(ndjson->object);
	free(ndjson);
}

const struct input_driver input_ndjson = {ndjson_open, ndjson_next, ndjson_close};
