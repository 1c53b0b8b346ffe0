/* SPDX-License-Identifier: MIT
 * Rows as cells: decodes keys and values by the table's schema. Subcommands that print rows use
 * it. */
#ifndef TOOLS_OUTPUT_ROW_CELLS_H
#define TOOLS_OUTPUT_ROW_CELLS_H

#include <stdbool.h>
#include <stele/stele.h>
#include "tools/base/text.h"
#include "tools/output/output_cell.h"

struct row_cells {
	const struct stele_schema *schema;
	struct output_column *columns; /* schema->column_count of both */
	struct cell *cells;
	char *text; /* of the cells */
	size_t capacity;
};

/* `schema` must stay until row_cells_close(). */
void row_cells_open(struct row_cells *row, const struct stele_schema *schema);
void row_cells_close(struct row_cells *row);

/* Fills row->cells, which hold until the next call. Integers that fit 64 bits with a sign, finite
 * floats and bools become literals, everything else text. Returns 0, or a negative errno (no
 * sentence printed). */
int row_cells_fill(struct row_cells *row, const void *key, unsigned key_bits, const void *value,
                   size_t value_size);

/* True when a table puts the type to the right side. */
bool row_type_is_number(enum stele_type type);

/* The key's columns joined by commas, as the command takes them. */
void row_print_key(struct text *text, const struct row_cells *row);

#endif
