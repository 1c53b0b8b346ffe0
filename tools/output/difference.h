/* SPDX-License-Identifier: MIT
 * Prints the changes between two versions, row by row, in all tables or in one. `stele watch`,
 * `stele diff` and --check use this. */
#ifndef TOOLS_OUTPUT_DIFFERENCE_H
#define TOOLS_OUTPUT_DIFFERENCE_H

#include <stele/stele.h>
#include "tools/base/format.h"
#include "tools/base/status.h"
#include "tools/output/output.h"

struct difference {
	struct output *output;               /* opened by difference_output() */
	const char *only;                    /* the table to compare; "": all tables */
	const struct stele_snapshot *before; /* NULL: no tables, so all rows are added */
	const struct stele_snapshot *after;
	uint64_t printed;   /* number of changes printed so far, by all calls */
	uint64_t version;   /* printed with each change */
	uint8_t region[16]; /* UUID of the region, for the token of `version` */
};

/* Opens an output for changes, on standard output. */
struct output *difference_output(enum output_format format);
/* Opens an output for changes, on `stream`. */
struct output *difference_output_to(FILE *stream, enum output_format format);

/* Prints the changes between the two snapshots, by table and key. Sets `version` to that of
 * `after`. Validates each row before it is printed.
 *
 * Returns an enum status, or a negative errno of the library. -ESTALE: a snapshot was revoked; the
 * changes printed so far are correct but incomplete. */
int difference_print(struct difference *difference);

/* Prints the changes that a transaction has made in a table, as changes of difference->version. If
 * the version is 0, first sets it to the version that the transaction would make. Does not use the
 * snapshots. Return values are those of difference_print(). */
int difference_print_proposed(struct difference *difference, struct stele_writable *table,
                              const char *name, const struct stele_schema *schema);

/* Prints that changes before `version` were missed, and that all rows of `version` follow. */
enum status difference_print_gap(const struct difference *difference, uint64_t version);

#endif
