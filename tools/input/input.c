/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <stele/stele.h>
#include "tools/base/fail.h"
#include "tools/base/status.h"
#include "tools/input/input.h"
#include "tools/input/input_driver.h"
#include "tools/input/lines.h"

static bool input_ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), end_length = strlen(end);

	return length >= end_length && strcasecmp(text + length - end_length, end) == 0;
}

static bool input_is_json_name(const char *name)
{
	return input_ends_with(name, ".ndjson") || input_ends_with(name, ".jsonl") ||
	       input_ends_with(name, ".json");
}

enum status input_open(struct input *input, const char *path, enum input_format format)
{
	static const struct input_driver *const drivers[] = {
		[INPUT_CSV] = &input_csv,
		[INPUT_NDJSON] = &input_ndjson,
		[INPUT_JSON] = &input_json,
	};

	*input = (struct input){.driver = drivers[format], .unit = "line"};
	return lines_open(&input->lines, path);
}

/* ---- what the start of a file says ---- */

/* Chooses the driver by the first character that is not white space. */
static const struct input_driver *input_choose(const struct input *input, const char *text,
                                               size_t length)
{
	if (length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3;
		length -= 3;
	}
	while (length > 0 && line_is_space(*text)) {
		text++;
		length--;
	}
	if (length > 0 && *text == '[')
		return &input_json;
	if (length > 0 && *text == '{')
		return &input_ndjson;
	return input_is_json_name(input->lines.name) ? &input_ndjson : &input_csv;
}

/* Returns the name of a Unicode encoding with more than one byte for each character, or NULL. */
static const char *input_encoding(const char *text, size_t length)
{
	if (length >= 4 && memcmp(text, "\xff\xfe\0\0", 4) == 0)
		return "UTF-32";
	if (length >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0))
		return "UTF-16";
	/* Without a byte order mark: two characters of ASCII. */
	if (length >= 4 && text[0] && !text[1] && text[2] && !text[3])
		return "UTF-16LE";
	if (length >= 4 && !text[0] && text[1] && !text[2] && text[3])
		return "UTF-16BE";
	return NULL;
}

/* Returns true if the first line of a CSV file ends in a carriage return without a line feed, as in
 * files of old Macs. A file with a NUL byte there is no text at all. */
static bool input_is_old_mac(const char *text, size_t length)
{
	bool quoted = false;

	for (size_t i = 0; i + 1 < length; i++) {
		quoted ^= text[i] == '"';
		if (text[i] == '\0' || (!quoted && text[i] == '\n'))
			return false;
		if (!quoted && text[i] == '\r')
			return text[i + 1] != '\n';
	}
	return false;
}

/* Refuses files that are no text in the encoding that is read. */
static enum status input_check_start(const struct input *input, const char *text, size_t length)
{
	const char *encoding = input_encoding(text, length);

	if (encoding)
		return fail(STATUS_INPUT,
		            "%s is in %s; convert it to UTF-8: iconv -f %s -t UTF-8 <FILE",
		            input->lines.name, encoding, encoding);
	if (input->driver == &input_csv && input_is_old_mac(text, length))
		return fail(STATUS_INPUT,
		            "%s has lines that end in a carriage return alone, as on old Macs; "
		            "convert them: tr '\\r' '\\n' <FILE",
		            input->lines.name);
	return STATUS_DONE;
}

enum status input_start(struct input *input, const struct stele_schema *schema)
{
	enum status status;
	const char *text;
	size_t length;

	input->schema = schema;
	status = lines_peek(&input->lines, &text, &length);
	if (status != STATUS_DONE)
		return status;
	if (!input->driver)
		input->driver = input_choose(input, text, length);
	status = input_check_start(input, text, length);
	return status == STATUS_DONE ? input->driver->open(input) : status;
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
