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

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include "tools/base/command.h"

enum output_format { OUTPUT_TABLE, OUTPUT_CSV, OUTPUT_JSON, OUTPUT_NDJSON };

enum output_shape {
	SHAPE_ROWS,   /* any number of rows; in JSON an array of objects */
	SHAPE_ROW,    /* exactly one row; in JSON an object */
	SHAPE_RECORD, /* exactly one row, which a table shows as a line for each column */
};

enum cell_kind {
	CELL_NONE,    /* nothing: null */
	CELL_TEXT,    /* any bytes */
	CELL_LITERAL, /* a number, true or false, spelt as JSON spells it */
	CELL_OBJECT,  /* named cells: a row inside a row */
	CELL_LIST,    /* rows with the same columns */
};

struct output_column {
	const char *name;
	bool right; /* tables put it to the right side */
};

struct cell {
	enum cell_kind kind;
	const char *text; /* CELL_TEXT, CELL_LITERAL */
	size_t length;
	const char *plain; /* what tables show instead of it, or NULL: "+" for "added", "4 GiB" */
	bool unchanged;    /* tables leave it out of the object that it is in */
	/* CELL_OBJECT and CELL_LIST: column_count cells in each row */
	const struct output_column *columns;
	const struct cell *cells;
	size_t column_count, row_count;
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

/* Makes cells of C values. The text must stay as long as the cell. */
struct cell cell_text(const char *text);
struct cell cell_literal(const char *text);

/* ---- for the formats ---- */

struct output_driver {
	void (*begin)(struct output *output); /* before the first row, or the end */
	void (*row)(struct output *output, const struct cell *cells);
	void (*flush)(struct output *output);
	void (*end)(struct output *output, bool whole); /* frees the state, too */
};

struct output {
	const struct output_driver *driver;
	FILE *stream;
	enum output_format format;
	enum output_shape shape;
	const struct output_column *columns;
	size_t column_count;
	bool begun;
	size_t rows; /* given until now */
	void *state; /* the format's own */
};

extern const struct output_driver output_table, output_csv, output_json;

struct text;
/* An object as `name=value name=value`, a list as such objects with semicolons between: what tables
 * and CSV have in a cell. With `brief` without the cells marked unchanged. Escaped. */
void cell_print_flat(struct text *text, const struct cell *cell, bool brief);

#endif
