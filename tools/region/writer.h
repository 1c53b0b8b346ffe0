/* SPDX-License-Identifier: MIT
 * Attaches to a region to write it, and reports the errors. Subcommands that write tables use it. */
#ifndef TOOLS_REGION_WRITER_H
#define TOOLS_REGION_WRITER_H

#include <stele/stele.h>
#include "tools/base/status.h"
#include "tools/region/options.h"
#include "tools/region/token.h"

struct place;

struct writer {
	const struct place *place;
	const char *region;
	struct stele_publisher *publisher;
	struct stele_transaction *tx;
};

/* Attaches, and begins a transaction, in which --if-head holds. The region must exist. Until the
 * writer is closed others may be waiting, so no input is read and nothing is printed: messages are
 * kept until then. */
enum status writer_open(struct writer *writer, const struct place *place, const char *region,
                        const struct options_writing *options);
/* Finds out the schema of a table, without a transaction where that is possible, and how many bytes
 * the region may grow to. The schema is freed with stele_schema_free(). */
enum status writer_schema(const struct place *place, const char *region, const char *table,
                          const struct options_writing *options, struct stele_schema **ret_schema,
                          uint64_t *ret_limit);
/* `status`, with a message, where a token is of another region than the one that was opened. */
enum status writer_check_token(const struct writer *writer, enum status status, const char *what,
                               const struct token *token);
/* `where` goes before a sentence: "FILE:LINE: ", or "". */
enum status writer_open_table(struct writer *writer, const char *where, const char *table,
                              struct stele_writable **ret_table,
                              const struct stele_schema **ret_schema);
/* Commits, closes the writer, and prints what became of it: `WHAT: version 7@3f2a9c1e (1 added,
 * 2 changed, 0 removed)`, and, where `rows` is not negative but the number of rows that were
 * put, how many of them were as before. After an error the writer is still to be closed. */
enum status writer_commit(struct writer *writer, const char *what, const char *message,
                          int64_t rows);
/* Detaches, if that was not done yet: what was not committed is gone. Then prints the messages. */
void writer_close(struct writer *writer);

#endif
