/* SPDX-License-Identifier: MIT
 * Prints changes, row by row. `stele watch`, `stele diff` and --check use this. */
#ifndef TOOLS_OUTPUT_DIFFERENCE_H
#define TOOLS_OUTPUT_DIFFERENCE_H

#include <stdbool.h>
#include <stdint.h>
#include <stele/stele.h>
#include "tools/base/format.h"
#include "tools/base/status.h"
#include "tools/output/output.h"
#include "tools/output/output_cell.h"
#include "tools/output/row_cells.h"

struct difference {
	struct output *output; /* opened by difference_output() */
	uint64_t printed;      /* number of changes of rows and tables printed so far */
};

/* Opens an output for changes, on `stream`. */
struct output *difference_output(FILE *stream, enum output_format format);

/* Prints the change of an event, whose row must be consistent. The change has the event's version
 * and region. */
enum status difference_print(struct difference *difference, const struct stele_event *event);

/* Prints the changes that a transaction has made in a table, as changes of the position. If its
 * version is 0, first sets it to the version that the transaction would make. */
enum status difference_print_proposed(struct difference *difference, struct stele_writable *table,
                                      const char *name, const struct stele_schema *schema,
                                      struct stele_position *position);

/* Returns true if the event says that a table was created, altered or dropped. */
bool difference_is_of_table(const struct stele_event *event);

/* Prints an event of a table: a line "created", "altered" or "dropped" with the declaration, and
 * when it was altered also the former one. */
enum status difference_print_table(struct difference *difference, const struct stele_event *event);

/* A line that is no change of a row. */
struct difference_mark {
	/* "initial" and "gap": all rows of the version follow. "initial_end" and "end": the rows or
	 * changes of the version are complete. "gone": the region was removed. */
	const char *name;
	const char *why; /* explains the mark in tables */
	uint64_t version;
	const uint8_t *region;     /* its UUID */
	const struct cell *follow; /* which rows follow, a CELL_OBJECT; NULL: none */
};

enum status difference_print_mark(struct difference *difference,
                                  const struct difference_mark *mark);

/* Returns a cell that has the row as an object. */
struct cell difference_row_object(const struct row_cells *row);

/* Marks the cells of the old row that are equal in the new row, so that tables leave them out. Both
 * rows have the same columns. */
void difference_mark_unchanged(struct row_cells *before, const struct row_cells *after);

#endif
