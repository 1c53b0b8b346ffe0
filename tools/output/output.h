/* SPDX-License-Identifier: MIT
 *
 * Prints rows in one of the output formats. A subcommand defines the columns and passes rows of
 * cells; it need not know the format.
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
	SHAPE_RECORD, /* exactly one row, printed in a table as one line for each column */
};

struct output;

/* Opens an output to standard output. `columns` must stay valid until output_end(). Never returns
 * NULL. */
struct output *output_open(enum output_format format, enum output_shape shape,
                           const struct output_column *columns, size_t column_count);

/* Opens an output to `stream`, which the caller closes after output_end(). */
struct output *output_open_to(FILE *stream, enum output_format format, enum output_shape shape,
                              const struct output_column *columns, size_t column_count);

/* Leaves the last column, which is for programs, out of the format table. Called before the first
 * row. */
void output_hide_last(struct output *output);

/* The version of the JSON that all objects have, except rows of tables. It changes if a member
 * goes, or means something else. */
#define OUTPUT_FORMAT_MEMBER ", \"format\": 1"

/* Leaves the member "format" out of the objects of json and ndjson: they are rows of a table, whose
 * members are its columns. Called before the first row. */
void output_print_table_rows(struct output *output);

/* Shows units in the headings of the format table: one for each column, or NULL. `units` must stay
 * valid until output_end(). Called before the first row. */
void output_set_units(struct output *output, const char *const *units);

/* Prints a row. The cells need not stay valid. If the status is not STATUS_DONE, writing failed,
 * and the caller should end the output. */
enum status output_row(struct output *output, const struct cell *cells);

/* Prints a row of all columns that is in the format of the output already (row_line.h), which is
 * not OUTPUT_TABLE. Otherwise as output_row(). */
enum status output_line(struct output *output, const char *text, size_t length);

/* Writes all rows that were printed so far. */
enum status output_flush(struct output *output);

/* Ends and frees the output. `status` is that of the work that produced the rows.
 *
 * With STATUS_DONE, completes the output, and returns whether it was written. With another status,
 * returns that status, and writes only the rows printed so far: nothing if there were none, and no
 * end of a JSON array, so that a reader does not take it for complete. */
enum status output_end(struct output *output, enum status status);

/* Flushes standard output. Returns STATUS_SYSTEM after an error message if something could not be
 * written to it. Prints no message if the reader has closed the pipe, if a signal has come, or for
 * a second time. */
enum status output_check(void);

#endif
