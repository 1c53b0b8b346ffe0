/* SPDX-License-Identifier: MIT
 * Opens a region for reading, and reports errors. Subcommands that read tables, writer.h and `stele
 * top` use this. */
#ifndef TOOLS_REGION_READER_H
#define TOOLS_REGION_READER_H

#include <stele/stele.h>
#include "tools/base/status.h"
#include "tools/region/place.h"
#include "tools/region/given.h"

enum reader_kind {
	READER_ONCE,   /* reads little, and can read again: not registered, pins nothing */
	READER_PINNED, /* keeps snapshots for long: registered, but never waits for a notice */
};

struct reader {
	const struct place *place;
	const char *region;
	struct stele_subscriber *subscriber;
	struct stele_snapshot *snapshot; /* NULL: none */
	struct stele_table table;        /* in the snapshot */
	struct stele_schema *schema;     /* of the table; NULL: none */
};

/* Opens a region, without an error message. Returns 0 or a negative errno of the library. */
int reader_subscribe(const struct place *place, const char *region, enum reader_kind kind,
                     struct stele_subscriber **ret);

/* Opens a region. `place` and `region` must stay valid until reader_close(). After an error,
 * reader_close() is allowed but not needed. */
enum status reader_open(struct reader *reader, const struct place *place, const char *region,
                        enum reader_kind kind);

/* Opens a region with these options, of which the function sets the owner and the wait. Waits for a
 * region that does not exist yet, until the deadline, in nanoseconds on CLOCK_MONOTONIC, or 0. If a
 * signal comes first, returns STATUS_DONE without a subscriber. */
enum status reader_open_waiting(struct reader *reader, const struct place *place,
                                const char *region, struct stele_subscriber_options *options,
                                int64_t deadline);

/* Opens a snapshot and the table in it. The snapshot is of the given version, or of the newest if
 * `version` is NULL or its version is 0. Tries again if the publisher reclaims the version
 * meanwhile. */
enum status reader_open_table(struct reader *reader, const char *table, struct given *version);

/* Opens a snapshot of the newest version and the table in it, in place of those of
 * reader_open_table(), whose schema stays. Returns 0, or a negative errno of the library:
 * -EMEDIUMTYPE if the table has another schema now. Prints no error message. */
int reader_renew(struct reader *reader, const char *table);

/* Closes the table and the snapshot, if they are open. */
void reader_close_table(struct reader *reader);

/* Sets `*ret` to the position of --since. It is one of another region if the token is. Fails if the
 * open region has no such version yet. */
enum status reader_since(struct reader *reader, const struct given *since,
                         struct stele_position *ret);

/* Finds the version that was given (given_find()). Returns STATUS_NO_TABLE, after an error message,
 * if a version of another region than the open one was given. `what` is the option or operand that
 * it is from. */
enum status reader_check_given(const struct reader *reader, const char *what, struct given *given);

/* Closes the table, the snapshot and the region, if they are open. */
void reader_close(struct reader *reader);

/* Calls `each` for each table of the newest version, in the order of their names, until it returns
 * a value other than 0. Returns that value, a negative errno of the library (-ESTALE: the version
 * was reclaimed meanwhile), or 0. Sets `*ret_version` (may be NULL) before the first call. */
typedef int each_table_fn(void *context, const char *name, const struct stele_table *table);
int reader_each_table(struct stele_subscriber *subscriber, each_table_fn *each, void *context,
                      uint64_t *ret_version);

/* How many times to read something that the publisher reclaims while it is read. */
enum { READ_TRIES = 100 };

#endif
