/* SPDX-License-Identifier: MIT
 * The columns of a table that are printed: all of them, or those that an option names, and perhaps
 * the version of the row. `stele get', `stele lookup' and `stele dump' use this. */
#ifndef TOOLS_OUTPUT_SELECTION_H
#define TOOLS_OUTPUT_SELECTION_H

#include <stdbool.h>
#include <stdint.h>
#include <stele/stele.h>
#include "tools/base/describe.h"
#include "tools/base/status.h"
#include "tools/output/output_cell.h"
#include "tools/output/row_cells.h"

struct selection {
	struct row_cells row; /* all columns of the schema */
	size_t *picked;       /* indices of the `picked_count` columns that are printed */
	size_t picked_count;
	bool whole;    /* all columns of the schema, and no others */
	bool versions; /* the last column is the version of the row, as a token */
	char *token_name;
	char token[DESCRIBED_MAX], token_short[DESCRIBED_MAX];
	/* For output_open() and output_row(): `count` each. */
	struct output_column *columns;
	const char **units; /* NULL if the column has none */
	struct cell *cells;
	size_t count;
};

/* Selects the columns of `list`, names joined by commas, or all columns if it is NULL. `what` is
 * the option with the list, for error messages. `schema` must stay valid until selection_close().
 * Returns STATUS_INPUT if the table has no such column, or if one is named twice. */
enum status selection_open(struct selection *selection, const struct stele_schema *schema,
                           const char *what, const char *list, bool versions);

/* Decodes a row into selection->cells, which are valid until the next call. `region` is the UUID of
 * its region. Returns 0, or a negative errno of the library. Prints no error message. */
int selection_fill(struct selection *selection, const struct stele_row *row,
                   const uint8_t region[16]);

/* Frees the cells. Also called after an error of selection_open(). */
void selection_close(struct selection *selection);

/* Returns a name for a column that is printed beside those of the schema: `name`, after as many
 * underscores as make it unique. The caller frees the buffer `*ret_buffer`. */
const char *selection_unique_name(const struct stele_schema *schema, const char *name,
                                  char **ret_buffer);

#endif
