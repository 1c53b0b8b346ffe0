/* SPDX-License-Identifier: MIT
 *
 * Printing rows. A subcommand says which columns there are and hands over rows of cells; which of
 * the formats they come out in is nothing it knows. Rows go to standard output, or to a file.
 *
 *     output = output_open(format, SHAPE_ROWS, columns, column_count);
 *     output_row(output, cells);
 *     output_end(output, STATUS_DONE); */
#ifndef TOOLS_OUTPUT_OUTPUT_H
#define TOOLS_OUTPUT_OUTPUT_H

#include <stddef.h>
#include <stdio.h>
#include "tools/base/format.h"
#include "tools/base/status.h"
#include "tools/output/output_cell.h"

enum output_shape {
	SHAPE_ROWS,   /* any number of rows; in JSON an array of objects */
	SHAPE_ROW,    /* exactly one row; in JSON an object */
	SHAPE_RECORD, /* exactly one row, which a table shows as a line for each column */
};

struct output;

/* `columns` must stay until output_end(). Never NULL. */
struct output *output_open(enum output_format format, enum output_shape shape,
                           const struct output_column *columns, size_t column_count);
/* The same, but rows go to `stream`, which stays the caller's. */
struct output *output_open_to(FILE *stream, enum output_format format, enum output_shape shape,
                              const struct output_column *columns, size_t column_count);
/* Leaves the last column out of tables: it is for programs. Called before the first row. */
void output_hide_last(struct output *output);
/* Cells are copied as far as needed. Fails when the stream does: the caller stops. */
enum status output_row(struct output *output, const struct cell *cells);
/* Gives out all rows until now. */
enum status output_flush(struct output *output);
/* Frees the output. With STATUS_DONE writes what is still to be written, and returns that or what
 * prevented it. With another status, which it returns, nothing is written but the rows given until
 * then: a JSON array stays open, so that nobody takes it for the whole, and where there was no row,
 * there is no output. */
enum status output_end(struct output *output, enum status status);

/* Whether all written to standard output got there; STATUS_SYSTEM and a sentence where not. A
 * reader that went away is no news to anybody, so then there is no sentence. */
enum status output_check(void);

#endif
