/* SPDX-License-Identifier: MIT
 *
 * Following: all rows of tables once, and then every change of them. For programs that keep a copy
 * of tables in a form of their own, or that act on each change.
 *
 *     struct stele_follow *follow;
 *     struct stele_event event;
 *
 *     stele_subscriber_open("net", NULL, &subscriber);
 *     stele_follow_open(subscriber, NULL, &follow);
 *     for (;;) {
 *             while ((r = stele_follow_next(follow, &event)) == 1)
 *                     apply(&event);
 *             if (r < 0 || stele_follow_wait(follow, STELE_FOREVER) < 0)
 *                     break;
 *     }
 *
 * stele_changes_since() in <stele/subscriber.h> is the part below it: the changes of one table, for
 * programs that keep their own position.
 *
 * THREADS, ERRORS. As in <stele/subscriber.h>.
 *
 * CONTENTS. Events, options, a follow, a follow with a callback, the difference between two
 * snapshots.
 */
#ifndef STELE_FOLLOW_H
#define STELE_FOLLOW_H

#include <stddef.h>
#include <stdint.h>
#include <stele/error.h>
#include <stele/flags.h>
#include <stele/region.h>
#include <stele/row.h>
#include <stele/schema.h>
#include <stele/subscriber.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- events ---- */

enum stele_event_kind {
	STELE_EVENT_INITIAL = 1, /* a row that exists at the start: .change is STELE_ADDED */
	STELE_EVENT_INITIAL_END, /* all rows of .version have been delivered */
	STELE_EVENT_CHANGE,      /* one row was added, changed or removed */
	STELE_EVENT_APPLIED,     /* all changes up to .version have been delivered */
	STELE_EVENT_RESYNC,      /* discard all rows; the present rows follow as at the start */
	STELE_EVENT_GONE,        /* the region was removed; .version is the last one delivered */
	STELE_EVENT_ALTERED,     /* a table has another schema, by which its rows can be read on */
	STELE_EVENT_CREATED,     /* only with STELE_TABLE_EVENTS: a table, before its rows */
	STELE_EVENT_DROPPED,     /* likewise: a table, after its rows were removed */
};

/* An event. It is valid, with everything that it points to, until the next call of
 * stele_follow_next() or stele_follow_close(), or until the callback returns. */
struct stele_event {
	uint32_t kind;         /* enum stele_event_kind */
	uint64_t version;      /* version of the batch that has the event; 0 for _RESYNC */
	const uint8_t *region; /* UUID of the region that .version belongs to, 16 bytes */

	/* For _INITIAL, _CHANGE and the events of tables. Otherwise .table and .schema are NULL.
	 * The schema is that of the table at .version, and both rows have its columns (see
	 * stele_changes_open()). Rows that are removed because their table was dropped, or created
	 * again with other columns, have the schema of the former table, as a _DROPPED has. */
	const char *table;
	const struct stele_schema *schema;        /* of the rows, or of the table */
	const struct stele_schema *former_schema; /* for _ALTERED; otherwise NULL */
	struct stele_change change; /* for _INITIAL and _CHANGE; its rows are consistent copies */

	uint64_t count; /* rows or changes delivered in this batch until now */
	uint64_t reserved_[4];
};

/* ---- options ---- */

/* A table to follow. */
struct stele_follow_table {
	const char *name; /* the table need not exist yet */

	/* Schema that the caller was compiled with, as for stele_table_open(). NULL: any. */
	const struct stele_schema *schema;

	/* Only keys that start with these bits. 0 bits: all keys. */
	const void *prefix;
	unsigned prefix_bits;

	uint64_t reserved_[2];
};

struct stele_follow_options {
	size_t size; /* sizeof(struct stele_follow_options) */

	/* STELE_ONE_REGION: end when the region is removed or replaced, instead of going on with
	 * the next one. STELE_APPLIED_BY_CALLER: report no version as applied.
	 * STELE_TABLE_EVENTS: return _CREATED and _DROPPED, too. See <stele/flags.h>. */
	unsigned flags;

	/* Follow only these tables, each named once. NULL and 0: all tables. */
	const struct stele_follow_table *tables;
	size_t table_count;

	/* Resume from this position, up to which the caller has all rows. Version 0: start from
	 * nothing. */
	struct stele_position since;
};

/* ---- a follow ---- */

/* A follow in progress. One thread at a time may use it, together with its subscriber. */
struct stele_follow;

/* Starts to follow. Copies what the options point to; `options` may be NULL. Does not block. The
 * caller owns the follow and closes it before the subscriber. The follow pins one version while it
 * is open, and two during a batch.
 *
 * A program with an event loop:
 *
 *     stele_follow_open(subscriber, &options, &follow);
 *     fd = stele_subscriber_fd(subscriber);        (watch it with epoll, libuv, sd-event...)
 *
 *     at the start, and whenever the descriptor is readable:
 *             while ((r = stele_follow_next(follow, &event)) == 1)
 *                     apply(&event);
 *             if (r < 0)
 *                     give up: stele_last_error() says why
 *
 * The events. Every caller can rely on this:
 *
 * - First comes an _INITIAL for each row and an _INITIAL_END. With .since neither comes. Then
 *   come batches: a _CHANGE for each row that differs from what was delivered last, and an
 *   _APPLIED.
 * - Each batch is the difference between two versions, in all tables that are followed. The second
 *   version is the newest one when the batch begins. Versions that follow each other faster than
 *   they are taken are merged into one batch, in which each row comes once. A batch may be empty,
 *   if a version changed other tables. A batch is ordered by table name, and within a table by key.
 * - After _INITIAL_END and _APPLIED, the caller has all of .version and nothing else. The next call
 *   reports the version as applied (stele_subscriber_applied()), since the caller has then handled
 *   it; not with STELE_APPLIED_BY_CALLER. stele_follow_position() returns the position from which
 *   this or another process can resume.
 * - A _RESYNC can come at any point in between. It means that the publisher has reclaimed a
 *   version during a batch; or that the region was removed and created again, or replaced by
 *   another of its name: .region is its UUID. As the very first event it means that history no
 *   longer holds the version of .since, or does not have it yet, or that .since is a position in
 *   another region. Everything delivered before is void. The part of a batch that was delivered was
 *   true but incomplete; a caller that must never expose half a batch buffers it until the batch
 *   ends.
 * - No change is left out and none comes twice, except for what a _RESYNC makes void.
 * - Dropping a table delivers a removal for each row. Creating a table delivers additions.
 *   Creating a table again with other columns delivers both, each with its own schema. A table
 *   without rows delivers nothing.
 * - With STELE_TABLE_EVENTS, a _CREATED comes before the additions, also for the tables that exist
 *   at the start, and a _DROPPED after the removals; both come for tables without rows, too. A
 *   copy that follows these events and _ALTERED has the tables of the region.
 * - Altering a table delivers an _ALTERED, before the changes of the table in this batch. It has
 *   the schema that the table has in .version, and the former one: stele_schema_compare() names the
 *   differences. No row changes by it. Changes that come after it have the schema that the table
 *   has then, also in the row before the change. A row that does not come has the defaults of
 *   appended columns. A rollback to a version before the alter delivers an _ALTERED too: a row that
 *   does not come no longer has the columns that were taken back. The same holds for a table that
 *   was created again with a schema by which its rows can be read on.
 *
 * When the region is removed, a _GONE comes. Until there is a region of the name again, no other
 * event does, and the rows that were delivered are those of the region that is gone. Then comes the
 * _RESYNC. If another region has the name before the follow looks, only the _RESYNC comes. The
 * follow goes on with a region of the same owner only, unless the subscriber has STELE_ANY_OWNER.
 *
 * A subscriber with options.tables is woken for those tables. Changes of other tables that it
 * follows are delivered with them, or a second later if there is a call by then. If there is
 * nothing to deliver then, an _APPLIED with a count of 0 comes.
 *
 * Returns 0. Errors: -EINVAL (an option is wrong), -E2BIG, -EMFILE, -EBADMSG, -ENOMEM, -ECHILD. */
STELE_API int stele_follow_open(struct stele_subscriber *subscriber,
                                const struct stele_follow_options *options,
                                struct stele_follow **ret);

/* Returns 1 and fills `*ret` with the next event, or returns 0 if there is none now. Does not
 * block. After 0, wait until the descriptor of stele_subscriber_fd() is readable, or call
 * stele_follow_wait(). Between two calls the caller may read through the subscriber and open
 * snapshots.
 *
 * After an error, the call may be repeated: the follow begins again with a _RESYNC if it has
 * delivered a part of a batch, otherwise from the same position. Errors: -EMEDIUMTYPE (a table has
 * another schema than the one that the options name), -EPERM (the name now belongs to a region of
 * another user), -ETIME (the publisher was faster than every retry), -EMFILE, -EBADMSG,
 * -EPROTONOSUPPORT, -ENOMEM, -ECHILD; with STELE_ONE_REGION also -ENOENT and -EIDRM. */
STELE_API int stele_follow_next(struct stele_follow *follow, struct stele_event *ret);

/* Blocks until there may be an event. `deadline_ns` is as for stele_subscriber_wait(). Returns 1,
 * or 0 at the deadline. Errors are those of stele_subscriber_wait(), without -ENOENT and -EIDRM. */
STELE_API int stele_follow_wait(struct stele_follow *follow, int64_t deadline_ns);

/* Sets `*ret` to the position up to which everything has been delivered: that of the last
 * _INITIAL_END or _APPLIED. Its version is 0 before the first, and after a _RESYNC. */
STELE_API void stele_follow_position(const struct stele_follow *follow, struct stele_position *ret);

/* Closes the follow. Returns NULL. */
STELE_API struct stele_follow *stele_follow_close(struct stele_follow *follow);

/* ---- a follow with a callback ---- */

/* Gets one event of a follow, in the thread that follows. Returns 0 to continue; any other value
 * ends the follow. */
typedef int stele_event_fn(const struct stele_event *event, void *context);

/* Follows with a callback, which gets each event in the calling thread, until the callback or an
 * error ends it. The callback returns 0 to continue; any other value ends the call, which returns
 * that value. It may read through the subscriber and open snapshots. It must not close the
 * subscriber.
 *
 * The call returns 0 after the first batch that ends at `deadline_ns` or later, or at the deadline
 * if there is nothing to deliver. So a deadline of 0 delivers what has changed until now. Errors
 * are those of stele_follow_open() and stele_follow_next(). -ETIME also means that the publisher
 * was faster than this reader until the deadline; the last event was then a _RESYNC. */
STELE_API int stele_subscriber_follow(struct stele_subscriber *subscriber,
                                      const struct stele_follow_options *options,
                                      int64_t deadline_ns, stele_event_fn *on_event, void *context);

/* ---- the difference between two snapshots, in several tables ---- */

struct stele_difference;

/* Opens the difference between two snapshots of one subscriber, which either may be the newer of
 * the two. They may be of two regions, if stele_subscriber_reopen() lies between them: all rows of
 * both are compared then. `before` NULL: all rows of `after` count as added. `tables` as in struct
 * stele_follow_options; NULL and 0: all tables. They are copied. The caller owns the difference and
 * closes it before the snapshots.
 *
 *     stele_difference_open(before, after, NULL, 0, &difference);
 *     while ((r = stele_difference_next(difference, &event)) == 1)
 *             print(event.table, event.schema, &event.change);
 *     difference = stele_difference_close(difference);
 *
 * Errors: -EINVAL (the snapshots are of two subscribers; the arguments), -ESTALE, -EBADMSG,
 * -ENOMEM, -ECHILD. */
STELE_API int stele_difference_open(const struct stele_snapshot *before,
                                    const struct stele_snapshot *after,
                                    const struct stele_follow_table *tables, size_t table_count,
                                    struct stele_difference **ret);

/* Sets the flags of a difference, before the first stele_difference_next(). With STELE_TABLE_EVENTS
 * it returns the events of tables as a follow does: STELE_EVENT_CREATED, _ALTERED and _DROPPED.
 * Without, which is the default, only rows. Returns 0, or -EINVAL for another flag. */
STELE_API int stele_difference_set_flags(struct stele_difference *difference, unsigned flags);

/* Returns 1 and fills `*ret` with the next row that differs, in the order of the tables' names and
 * of the keys; or returns 0 after the last one. The event is that of a batch of a follow from
 * `before` to `after`: .kind is STELE_EVENT_CHANGE, .version that of `after`, and rows are
 * consistent copies, valid until the next call. A table that was created again with other columns
 * has a removal for each former row, and then its additions. If the table was altered in between,
 * both rows have the columns that it has in `after`.
 *
 * Errors: -ESTALE (the publisher has reclaimed one of the two versions: what was returned before is
 * right, but not all), -EMEDIUMTYPE (a table has another schema than `tables` names), -EBADMSG,
 * -ENOMEM, -ECHILD. */
STELE_API int stele_difference_next(struct stele_difference *difference, struct stele_event *ret);

/* Closes the difference. Accepts NULL. Returns NULL. */
STELE_API struct stele_difference *stele_difference_close(struct stele_difference *difference);

#ifdef __cplusplus
}
#endif

#endif
