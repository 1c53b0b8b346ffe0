/* SPDX-License-Identifier: MIT
 * Attaching to a region, to read or to write one table of it or more, with the errors said. */
#ifndef TOOLS_BASE_ATTACH_H
#define TOOLS_BASE_ATTACH_H

#include <stdarg.h>
#include <stele/stele.h>
#include "tools/base/options.h"

/* ---- reading ---- */

enum reader_kind {
	READER_ONCE,   /* reads little, and may try again: takes no slot, and pins nothing */
	READER_PINNED, /* keeps snapshots for long: registers, but needs no queue */
};

struct reader {
	const char *region;
	struct stele_subscriber *subscriber;
	struct stele_snapshot *snapshot;
	struct stele_table table;
	struct stele_schema *schema; /* of the table */
};

enum status reader_open(struct reader *reader, const char *region, enum reader_kind kind);
/* For one that waits, with the notifier of this name (NULL: any), for a table ("": for all). */
enum status reader_open_notified(struct reader *reader, const char *region, const char *notifier,
                                 const char *table);
/* Opens a snapshot of the newest version, or of a given one (NULL, or version 0: the newest),
 * and the table in it. Where the publisher takes the version back meanwhile, does it again. */
enum status reader_open_table(struct reader *reader, const char *table,
                              const struct token *version);
/* STATUS_NO_TABLE, with a message, where a token is of another region than the one that was
 * opened. */
enum status reader_check_token(const struct reader *reader, const char *what,
                               const struct token *token);
/* Frees all that is open. */
void reader_close(struct reader *reader);

/* Calls `each` for each table of the newest version, in the order of names. 0, an error of the library, or
 * what `each` returned that was not 0. Sets `*ret_version` (may be NULL) before the first. */
typedef int each_table_fn(void *context, const char *name, const struct stele_table *table);
int each_table(struct stele_subscriber *subscriber, each_table_fn *each, void *context,
               uint64_t *ret_version);

/* How often something is read again that the publisher took back meanwhile. */
enum { READ_TRIES = 100 };

/* ---- writing ---- */

struct writer {
	const char *region;
	struct stele_publisher *publisher;
	struct stele_transaction *tx;
};

/* Attaches, and begins a transaction, in which --if-head holds. The region must exist. Until the
 * writer is closed others may be waiting, so no input is read and nothing is printed: messages are
 * kept until then. */
enum status writer_open(struct writer *writer, const char *region,
                        const struct options_writing *options);
/* Finds out the schema of a table, without a transaction where that is possible, and how many bytes
 * the region may grow to. The schema is freed with stele_schema_free(). */
enum status table_schema(const char *region, const char *table,
                         const struct options_writing *options, struct stele_schema **ret_schema,
                         uint64_t *ret_limit);
/* `status`, with a message, where a token is of another region than the one that was opened. */
enum status writer_check_token(const struct writer *writer, enum status status, const char *what,
                               const struct token *token);
/* `place` goes before a sentence: "FILE:LINE: ", or "". */
enum status writer_open_table(struct writer *writer, const char *place, const char *table,
                              struct stele_writable **ret_table,
                              const struct stele_schema **ret_schema);
/* Commits, closes the writer, and prints what became of it: `WHAT: version 7@3f2a9c1e (1 added,
 * 2 changed, 0 removed)`, and, where `rows` is not negative but the number of rows that were
 * put, how many of them were as before. After an error the writer is still to be closed. */
enum status writer_commit(struct writer *writer, const char *what, const char *message,
                          int64_t rows);
/* Detaches, if that was not done yet: what was not committed is gone. Then prints the messages. */
void writer_close(struct writer *writer);

/* The number with commas between thousands, in a buffer of GROUPED_SIZE bytes; returns it. */
#define GROUPED_SIZE 32
const char *grouped(uint64_t number, char *buffer);

#endif
