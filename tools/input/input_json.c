/* SPDX-License-Identifier: MIT
 *
 * Reads JSON input: an array of objects, as `stele dump --format json', `ip -json' and others print
 * it, or several arrays one after the other. Finds where each object ends; the library reads the
 * object. The array may be one line of any length, so objects are counted instead of lines. */
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
#include "tools/input/select.h"
#include "tools/rows/row.h"

/* Maximum bytes of an object; no row needs more. */
#define OBJECT_MAX ((size_t)16 << 20)

struct json {
	struct select select;
	struct text object;
	const char *piece; /* of the file, not read yet */
	size_t left;
	bool inside;    /* inside an array */
	bool separated; /* a comma, or the start of the array, was read last */
	bool first;     /* the start of the array was read last */
};

/* Makes the next byte of the file available. Sets json->left to 0 at its end. */
static enum status json_fill(struct input *input)
{
	struct json *json = input->state;
	enum status status;
	size_t length;
	char *line;

	if (json->left > 0)
		return STATUS_DONE;
	status = lines_next(&input->lines, &line, &length);
	if (status != STATUS_DONE)
		return status;
	json->piece = line;
	json->left = line ? length : 0;
	return STATUS_DONE;
}

static void json_take(struct json *json, size_t count)
{
	json->piece += count;
	json->left -= count;
}

enum json_state { OUTSIDE, STRING, ESCAPE };

/* Returns how many bytes belong to the object, up to its end or that of the piece. `*depth` is the
 * number of open brackets. */
static size_t json_scan(const char *text, size_t length, size_t *depth, enum json_state *state)
{
	for (size_t i = 0; i < length; i++) {
		char c = text[i];

		if (*state == ESCAPE)
			*state = STRING;
		else if (*state == STRING)
			*state = c == '"' ? OUTSIDE : c == '\\' ? ESCAPE : STRING;
		else if (c == '"')
			*state = STRING;
		else if (c == '{' || c == '[')
			++*depth;
		else if ((c == '}' || c == ']') && --*depth == 0)
			return i + 1;
	}
	return length;
}

/* Fails for the file, not for a row: what follows cannot be read. */
static enum status json_refuse(struct input *input, const char *what)
{
	enum status status = input_fail(input, "%s", what);

	input->wrong_row = false;
	return status;
}

/* Reads an object, whose first character is there, into json->object. */
static enum status json_read_object(struct input *input)
{
	struct json *json = input->state;
	enum json_state state = OUTSIDE;
	size_t depth = 0;

	json->object.length = 0;
	do {
		enum status status = json_fill(input);
		size_t length;

		if (status != STATUS_DONE)
			return status;
		if (json->left == 0)
			return json_refuse(input, "the file ends inside an object");
		length = json_scan(json->piece, json->left, &depth, &state);
		if (length > OBJECT_MAX - json->object.length)
			return json_refuse(input, "the object is longer than 16 MiB");
		text_append(&json->object, json->piece, length);
		json_take(json, length);
	} while (depth > 0);
	return STATUS_DONE;
}

/* Reads up to the next object. Sets `*ret_object` to false at the end of the file. */
static enum status json_find_object(struct input *input, bool *ret_object)
{
	struct json *json = input->state;

	for (;;) {
		enum status status = json_fill(input);

		if (status != STATUS_DONE)
			return status;
		*ret_object = json->left > 0;
		if (json->left == 0 && json->inside)
			return json_refuse(input, "the file ends inside an array; it may have "
			                          "been cut short");
		if (json->left == 0)
			return STATUS_DONE;
		if (line_is_space(*json->piece)) {
			json_take(json, 1);
			continue;
		}
		if (*json->piece == '{' && json->inside && json->separated)
			return STATUS_DONE;
		if (*json->piece == '[' && !json->inside)
			json->inside = json->separated = true;
		else if (*json->piece == ',' && json->inside && !json->separated)
			json->separated = true;
		else if (*json->piece == ']' && json->inside && (!json->separated || json->first))
			json->inside = false;
		else
			return json_refuse(input, "expected an array of objects, such as "
			                          "[{...}, {...}]");
		json->first = *json->piece == '[';
		json_take(json, 1);
	}
}

/* Returns true if the object has no members. Commands of iproute2 print such objects for what
 * their filters left out. */
static bool json_is_empty(const struct text *object)
{
	size_t at = 1;

	while (at < object->length && line_is_space(object->bytes[at]))
		at++;
	return at < object->length && object->bytes[at] == '}';
}

static enum status json_next(struct input *input, bool *ret_row)
{
	struct json *json = input->state;
	enum selected selected = SELECTED_SKIP;
	enum status status = STATUS_DONE;

	while (status == STATUS_DONE && selected == SELECTED_SKIP) {
		input->line++;
		status = json_find_object(input, ret_row);
		if (status != STATUS_DONE || !*ret_row)
			return status;
		json->separated = json->first = false;
		status = json_read_object(input);
		if (status != STATUS_DONE || json_is_empty(&json->object))
			continue;
		status = select_json(&json->select, input, json->object.bytes, json->object.length,
		                     &selected);
	}
	return status;
}

static enum status json_open(struct input *input)
{
	struct json *json = heap_realloc(NULL, sizeof(*json));

	*json = (struct json){0};
	input->state = json;
	input->unit = "object";
	input->lines.pieces = true;
	return STATUS_DONE;
}

static void json_close(struct input *input)
{
	struct json *json = input->state;

	select_free(&json->select);
	text_free(&json->object);
	free(json);
}

const struct input_driver input_json = {json_open, json_next, json_close};
