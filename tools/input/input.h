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

enum input_format { INPUT_BY_CONTENT, INPUT_CSV, INPUT_NDJSON, INPUT_JSON };

struct input_driver;
struct mapping;

struct input {
	const struct input_driver *driver;
	struct lines lines;
	const struct stele_schema *schema;
	/* Set by the caller between input_open() and input_start(). NULL: the columns of the file
	 * are those of the table. */
	const struct mapping *mapping;
	struct row_text text; /* the current row, valid until the next call */
	uint64_t line;        /* number of the line on which the current row starts; of the object,
	                         if `unit' is "object" */
	const char *unit;     /* "line", or "object" in JSON, which may be one long line */
	bool wrong_row;       /* the last error was about one row; the next ones can be read */
	void *state;          /* of the driver; may be NULL */
};

/* Opens a file without reading it, so that a missing file is reported before the region is opened.
 *
 * INPUT_BY_CONTENT is JSON if the first character is '[', and NDJSON if it is '{'. An empty file is
 * NDJSON if its name ends in .ndjson, .jsonl or .json. All else is CSV. */
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
