/* SPDX-License-Identifier: MIT
 *
 * Reads rows of one table, as text, from a file in CSV or NDJSON. Callers need not know
 * the format. cmd_publish.c opens and closes the input, and batch.c reads it. */
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
	struct row_text text; /* the current row, valid until the next call */
	uint64_t line;        /* number of the line on which the current row starts */
	bool wrong_row;       /* the last error was about one row; the next ones can be read */
	void *state;          /* of the driver; may be NULL */
};

/* Opens a file without reading it, so that a missing file is reported before the region is opened.
 * INPUT_BY_NAME is NDJSON if the name ends in .ndjson, .jsonl or .json, and CSV otherwise. */
enum status input_open(struct input *input, const char *path, enum input_format format);

/* Sets the schema, which must stay valid until input_close(), and reads the input up to the first
 * row. Called once, after input_open(). */
enum status input_start(struct input *input, const struct stele_schema *schema);

/* Reads the next row into input->text. Sets `*ret_row` to false after the
 * last row. */
enum status input_next(struct input *input, bool *ret_row);

/* Closes the file. Also called after an error of the functions above. */
void input_close(struct input *input);

#endif
