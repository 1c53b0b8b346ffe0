/* SPDX-License-Identifier: MIT
 * Decodes keys and values into cells by the table's schema. Everything that prints rows uses
 * this. */
#ifndef TOOLS_OUTPUT_ROW_CELLS_H
#define TOOLS_OUTPUT_ROW_CELLS_H

#include <stdbool.h>
#include <stele/stele.h>
#include "tools/output/output_cell.h"

struct row_cells {
	const struct stele_schema *schema;
	/* One for each column of the schema. */
	struct output_column *columns;
	struct cell *cells;
	const char **units; /* NULL if the column has none */
	char *text;         /* of all cells */
	size_t capacity;    /* of `text`, in bytes */
};

/* Allocates the cells. `schema` must stay valid until row_cells_close(). */
void row_cells_open(struct row_cells *row, const struct stele_schema *schema);
/* Frees the cells. */
void row_cells_close(struct row_cells *row);

/* Decodes a row into row->cells, which are valid until the next call. Signed 64-bit integers,
 * finite floats and bools become CELL_LITERAL, arrays CELL_ARRAY, all other values CELL_TEXT.
 * Returns 0, or a negative errno of the library. Prints no error message. */
int row_cells_fill(struct row_cells *row, const void *key, unsigned key_bits, const void *value,
                   size_t value_size);

/* Returns true if tables align this column to the right. */
bool row_column_is_number(const struct stele_column *column);

#endif
