/* SPDX-License-Identifier: MIT
 *
 * Picks the columns of a table from the rows of files that have others: rewrites a line or an
 * object to one that the library reads, by a mapping. The strict reading is left to the library:
 * what cannot be understood here is passed on unchanged, and is refused there. The drivers of the
 * input formats call this. */
#ifndef TOOLS_INPUT_SELECT_H
#define TOOLS_INPUT_SELECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stele/stele.h>
#include "tools/base/status.h"
#include "tools/base/text.h"

struct input;

/* What a row became. */
enum selected {
	SELECTED_ROW,  /* input->text has the row */
	SELECTED_SKIP, /* the row belongs to another table */
};

struct select {
	/* CSV: for each field of a line the column of the table, or a negative number. */
	int *fields;
	size_t field_count;
	bool rewrites;          /* lines must be rewritten */
	struct stele_csv file;  /* the columns that are in the file */
	struct stele_csv row;   /* the columns of the current row */
	struct text text, name; /* the rewritten row; the name of a column */
};

/* Reads the first line of a CSV file. With --no-header `line` is NULL, and the fields are those of
 * --columns, or the columns of the table. */
enum status select_csv_header(struct select *select, struct input *input, const char *line,
                              size_t length);

/* Reads a row of CSV. */
enum status select_csv(struct select *select, struct input *input, const char *line, size_t length,
                       enum selected *ret);

/* Reads a JSON object. */
enum status select_json(struct select *select, struct input *input, const char *object,
                        size_t length, enum selected *ret);

/* Frees the memory. */
void select_free(struct select *select);

#endif
