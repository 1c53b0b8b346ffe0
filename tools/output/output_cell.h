/* SPDX-License-Identifier: MIT
 * Cells: the values that output.c prints in each format. Subcommands make them; the formats of
 * output.c print them. */
#ifndef TOOLS_OUTPUT_OUTPUT_CELL_H
#define TOOLS_OUTPUT_OUTPUT_CELL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "tools/base/text.h"

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

/* Makes cells of C values. The text must stay as long as the cell. */
struct cell cell_text(const char *text);
struct cell cell_literal(const char *text);
/* A size in bytes, which tables show in larger units. The buffers hold the texts. */
struct cell cell_size(uint64_t bytes, char *number, char *plain);
struct cell cell_number(uint64_t number, char *buffer);
/* CELL_NONE for 0: not known. */
struct cell cell_time(uint64_t nanoseconds, char *buffer);

/* An object as `name=value name=value`, a list as such objects with semicolons between: what tables
 * and CSV have in a cell. With `brief` without the cells marked unchanged. Escaped. */
void cell_print_flat(struct text *text, const struct cell *cell, bool brief);

#endif
