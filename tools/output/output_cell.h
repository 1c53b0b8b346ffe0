/* SPDX-License-Identifier: MIT
 * Cells: the values that output.c prints. Subcommands create cells, and the drivers of the output
 * formats print them. */
#ifndef TOOLS_OUTPUT_OUTPUT_CELL_H
#define TOOLS_OUTPUT_OUTPUT_CELL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "tools/base/text.h"
#include "tools/output/colour.h"

enum cell_kind {
	CELL_NONE,    /* a missing value: null in JSON */
	CELL_TEXT,    /* any bytes */
	CELL_LITERAL, /* a number, true or false, in the syntax of JSON */
	CELL_ARRAY,   /* elements of one type, with a space between two in `text` */
	CELL_OBJECT,  /* one row of named cells */
	CELL_LIST,    /* any number of rows of named cells, with the same columns */
};

struct output_column {
	const char *name;
	bool right; /* tables align it to the right */
};

struct cell {
	enum cell_kind kind;
	/* Members of CELL_TEXT, CELL_LITERAL and CELL_ARRAY. */
	const char *text;
	size_t length;
	unsigned type; /* enum stele_type of the elements of a CELL_ARRAY */
	/* Printed in tables instead of the value, such as "+" for "added", or "4 GiB"; above a
	 * CELL_LIST; or NULL. */
	const char *plain;
	enum colour colour; /* of the cell in a table on a terminal */
	bool unchanged;     /* tables leave this cell out of the object that contains it */
	/* Members of CELL_OBJECT and CELL_LIST: row_count rows of column_count cells each. */
	const struct output_column *columns;
	const struct cell *cells;
	size_t column_count, row_count;
};

/* Create cells from C values. The texts must stay valid as long as the cell. The buffers, of
 * DESCRIBED_MAX bytes, hold the text of the cell. */
struct cell cell_text(const char *text);
struct cell cell_literal(const char *text);
/* Creates a cell of a size in bytes, which tables show in larger units. */
struct cell cell_size(uint64_t bytes, char *number, char *plain);
struct cell cell_number(uint64_t number, char *buffer);
/* Creates a cell of a time since 1970: CELL_NONE for 0 (not known). */
struct cell cell_time(uint64_t nanoseconds, char *buffer);

/* Returns true if the text of a value of type enum stele_type can be a literal in JSON. JSON has no
 * infinities and no NaN, and many of its readers no integers beyond signed 64 bits. */
bool cell_is_literal(unsigned type, const char *text, size_t length);

/* Appends a cell as tables and CSV print it, not yet escaped: an object as `name=value name=value`,
 * and a list as objects with semicolons between them. With `brief`, leaves out cells that are
 * marked unchanged. */
void cell_print_flat(struct text *text, const struct cell *cell, bool brief);

#endif
