/* SPDX-License-Identifier: MIT
 * Prints what differs between two versions, row by row, over all tables or one. */
#ifndef TOOLS_OUTPUT_DIFFERENCE_H
#define TOOLS_OUTPUT_DIFFERENCE_H

#include <stele/stele.h>
#include "tools/base/format.h"
#include "tools/base/status.h"
#include "tools/output/output.h"

struct difference {
	struct output *output;
	const char *only;                    /* this table alone; empty: all */
	const struct stele_snapshot *before; /* NULL: no tables, so that all rows are added */
	const struct stele_snapshot *after;
	uint64_t printed;   /* changes; goes on counting */
	uint64_t version;   /* of the changes being printed */
	uint8_t region[16]; /* UUID of the region that this is a version of */
};

/* Opens an output for changes. */
struct output *difference_output(enum output_format format);
struct output *difference_output_to(FILE *stream, enum output_format format);

/* Prints the changes between the two snapshots, the tables in order, in each of them the keys in
 * order. A row is printed only after both snapshots vouched for it. Returns an enum status, or a
 * negative errno of the library: -ESTALE where a snapshot was taken back; what was printed until
 * then is true but not all. */
int difference_print(struct difference *difference);

/* Prints the changes that a transaction would make in a table, as those of difference->version,
 * or, where that is 0, of the version that it would be, which is set. The snapshots are not
 * used. Returns likewise. */
int difference_print_proposed(struct difference *difference, struct stele_writable *table,
                              const char *name, const struct stele_schema *schema);

/* Prints that changes before `version` were missed, and that all its rows follow. */
enum status difference_print_gap(const struct difference *difference, uint64_t version);

#endif
