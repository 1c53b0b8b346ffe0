/* SPDX-License-Identifier: MIT
 *
 * Rows of text from a file, for one table: CSV, or JSON objects a line. Which format it is matters
 * to nobody who reads rows here. */
#ifndef TOOLS_INPUT_INPUT_H
#define TOOLS_INPUT_INPUT_H

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

struct input_driver {
	enum status (*open)(struct input *input);
	enum status (*next)(struct input *input, bool *ret_row);
	void (*close)(struct input *input);
};

/* Opens the file alone: a file that isn't there is known before anything else is touched. Format
 * _BY_NAME is NDJSON where the name ends in .ndjson, .jsonl or .json, and CSV otherwise. */
enum status input_open(struct input *input, const char *path, enum input_format format);

/* Gives it the schema, which must stay until the close; reads what stands before the first row. */
enum status input_start(struct input *input, const struct stele_schema *schema);

/* The next row, in input->fields, all of them given; `*ret_row` is false after the last. */
enum status input_next(struct input *input, bool *ret_row);
void input_close(struct input *input);

/* Prints `FILE:LINE: SENTENCE` for the current row. */
enum status input_fail(const struct input *input, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Prints that a name is none of the schema's columns, and which was probably meant. `place` goes
 * before the sentence: "FILE:LINE: ", or "". */
enum status fail_no_column(const char *place, const struct stele_schema *schema, const char *name,
                           size_t length);

extern const struct input_driver input_csv, input_ndjson;

#endif
