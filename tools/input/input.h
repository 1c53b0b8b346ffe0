/* SPDX-License-Identifier: MIT
 *
 * Rows of text from a file, for one table: CSV, or JSON objects a line. Which format it is matters
 * to nobody who reads rows here. */
#ifndef TOOLS_INPUT_INPUT_H
#define TOOLS_INPUT_INPUT_H

#include <stele/stele.h>
#include "tools/base/status.h"
#include "tools/input/lines.h"
#include "tools/rows/row.h"

enum input_format { INPUT_BY_NAME, INPUT_CSV, INPUT_NDJSON };

struct input_driver;

struct input {
	const struct input_driver *driver;
	struct lines lines;
	const struct stele_schema *schema;
	struct field *fields; /* one for each column of the schema */
	uint64_t line;        /* on which the current row starts */
	void *state;          /* the format's own */
};

/* Opens the file alone: a file that isn't there is known before anything else is touched. Format
 * _BY_NAME is NDJSON where the name ends in .ndjson, .jsonl or .json, and CSV otherwise. */
enum status input_open(struct input *input, const char *path, enum input_format format);

/* Gives it the schema, which must stay until the close; reads what stands before the first row. */
enum status input_start(struct input *input, const struct stele_schema *schema);

/* The next row, in input->fields, all of them given; `*ret_row` is false after the last. */
enum status input_next(struct input *input, bool *ret_row);
void input_close(struct input *input);

#endif
