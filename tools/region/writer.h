/* SPDX-License-Identifier: MIT
 * Opens a region for writing, and reports errors. Subcommands that write tables use this. */
#ifndef TOOLS_REGION_WRITER_H
#define TOOLS_REGION_WRITER_H

#include <stele/stele.h>
#include "tools/base/status.h"
#include "tools/region/options.h"
#include "tools/region/given.h"

struct place;

struct writer {
	const struct place *place;
	const char *region;
	struct stele_publisher *publisher;
	struct stele_transaction *tx;
};

/* Attaches to an existing region as a publisher, and begins a transaction. Fails if --if-head is
 * given and does not hold. After an error the writer need not be closed.
 *
 * Other publishers may wait until the writer is closed. So the caller must not read input or print
 * meanwhile, and error messages are held until writer_close(). */
enum status writer_open(struct writer *writer, const struct place *place, const char *region,
                        const struct options_writing *options);

/* Returns the schema of a table, which the caller frees with stele_schema_free(), and the number of
 * bytes that the region may grow to. Locks the region only if it cannot be read otherwise. */
enum status writer_schema(const struct place *place, const char *region, const char *table,
                          const struct options_writing *options, struct stele_schema **ret_schema,
                          uint64_t *ret_limit);

/* Finds the position that an option gives, as given_position() does for the open region. */
enum status writer_position(const struct writer *writer, enum status status, const char *what,
                            const struct given *given, struct stele_position *ret);

/* Opens a table in the transaction. `where` is put before error messages: "FILE:LINE: ", or "". */
enum status writer_open_table(struct writer *writer, const char *where, const char *table,
                              struct stele_writable **ret_table,
                              const struct stele_schema **ret_schema);

/* Commits, closes the writer, and prints `WHAT: version 7@3f2a9c1e (1 added, 2 changed, 0
 * removed)`. If `rows`, the number of rows that were put, is not -1, the line also has the number
 * of rows that were unchanged. After an error the caller must close the writer. */
enum status writer_commit(struct writer *writer, const char *what, const char *message,
                          int64_t rows);

/* Detaches from the region, if that was not done yet, and prints the error messages that were held.
 * Discards a transaction that was not committed. */
void writer_close(struct writer *writer);

#endif
