/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tools/input/input.h"
#include "tools/base/suggest.h"

static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), end_length = strlen(end);

	return length >= end_length && strcasecmp(text + length - end_length, end) == 0;
}

enum status input_open(struct input *input, const char *path, enum input_format format)
{
	*input = (struct input){.driver = &input_csv};
	if (format == INPUT_NDJSON ||
	    (format == INPUT_BY_NAME &&
	     (ends_with(path, ".ndjson") || ends_with(path, ".jsonl") || ends_with(path, ".json"))))
		input->driver = &input_ndjson;
	return lines_open(&input->lines, path);
}

enum status input_start(struct input *input, const struct stele_schema *schema)
{
	input->schema = schema;
	input->fields = must_realloc(NULL, schema->column_count * sizeof(*input->fields));
	memset(input->fields, 0, schema->column_count * sizeof(*input->fields));
	return input->driver->open(input);
}

enum status input_next(struct input *input, bool *ret_row)
{
	return input->driver->next(input, ret_row);
}

void input_close(struct input *input)
{
	if (input->state)
		input->driver->close(input);
	free(input->fields);
	lines_close(&input->lines);
}

enum status input_fail(const struct input *input, const char *format, ...)
{
	va_list arguments;
	char *sentence;
	int length;

	va_start(arguments, format);
	length = vasprintf(&sentence, format, arguments);
	va_end(arguments);
	if (length < 0)
		return STATUS_NO_ROOM;
	fail(STATUS_INPUT, "%s:%llu: %s", input->lines.name, (unsigned long long)input->line,
	     sentence);
	free(sentence);
	return STATUS_INPUT;
}

enum status fail_no_column(const char *place, const struct stele_schema *schema, const char *name,
                           size_t length)
{
	char unknown[SUGGESTION_MAX], text[1024];
	struct suggestion suggestion;

	snprintf(unknown, sizeof(unknown), "%.*s", (int)(length < 63 ? length : 63), name);
	suggestion_start(&suggestion, unknown);
	for (size_t i = 0; i < schema->column_count; i++)
		suggestion_offer(&suggestion, schema->columns[i].name);
	if (*suggestion.best)
		return fail(STATUS_INPUT, "%sthe table has no column \"%s\"; did you mean \"%s\"?",
		            place, unknown, suggestion.best);
	stele_schema_format(schema, text, sizeof(text));
	return fail(STATUS_INPUT, "%sthe table has no column \"%s\"; its columns are: %s", place,
	            unknown, text);
}
