/* SPDX-License-Identifier: MIT
 * A commit as history has it, and the tables that it changed, for `stele log` and `stele trace`. */
#ifndef TOOLS_OUTPUT_COMMIT_RECORD_H
#define TOOLS_OUTPUT_COMMIT_RECORD_H

#include <stddef.h>
#include <stele/stele.h>
#include "tools/base/describe.h"
#include "tools/output/output_cell.h"

/* All zeros before the first read. */
struct commit_record {
	struct stele_commit commit;
	struct stele_commit_table *tables;
	size_t table_count;
	/* Of commit_record_tables(). */
	struct cell *cells;
	char (*numbers)[3][DESCRIBED_MAX];
};

/* Returns the name of what the commit did to a table, apart from its rows. */
const char *commit_record_fate(const struct stele_commit_table *table);

/* Reads the record of a version, in place of an earlier one. Returns 0; -ESTALE if history has
 * dropped the version, before or during the read; or another error of the library. */
int commit_record_read(struct commit_record *record, struct stele_subscriber *subscriber,
                       uint64_t version);

/* Returns a cell with the tables and the numbers of their rows. It is valid until the next call. */
struct cell commit_record_tables(struct commit_record *record);

void commit_record_free(struct commit_record *record);

#endif
