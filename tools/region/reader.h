/* SPDX-License-Identifier: MIT
 * Attaches to a region to read it, and reports the errors. Subcommands that read tables use it. */
#ifndef TOOLS_REGION_READER_H
#define TOOLS_REGION_READER_H

#include <stele/stele.h>
#include "tools/base/status.h"
#include "tools/region/place.h"
#include "tools/region/token.h"

enum reader_kind {
	READER_ONCE,   /* reads little, and may try again: takes no slot, and pins nothing */
	READER_PINNED, /* keeps snapshots for long: registers, but needs no queue */
};

struct reader {
	const struct place *place;
	const char *region;
	struct stele_subscriber *subscriber;
	struct stele_snapshot *snapshot;
	struct stele_table table;
	struct stele_schema *schema; /* of the table */
};

/* Both keep `place` and `region`, which must stay until reader_close(). */
enum status reader_open(struct reader *reader, const struct place *place, const char *region,
                        enum reader_kind kind);
/* For one that waits, with the notifier of this name (NULL: any), for a table ("": for all). */
enum status reader_open_notified(struct reader *reader, const struct place *place,
                                 const char *region, const char *notifier, const char *table);
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

/* Calls `each` for each table of the newest version, in the order of names. 0, an error of the
 * library, or what `each` returned that was not 0. Sets `*ret_version` (may be NULL) before the
 * first. */
typedef int each_table_fn(void *context, const char *name, const struct stele_table *table);
int reader_each_table(struct stele_subscriber *subscriber, each_table_fn *each, void *context,
                      uint64_t *ret_version);

/* How often something is read again that the publisher took back meanwhile. */
enum { READ_TRIES = 100 };

#endif
