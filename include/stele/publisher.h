/* SPDX-License-Identifier: MIT
 *
 * Writing a region. A publisher changes tables in transactions. Everything between begin and
 * commit becomes visible at once, as one new version. After an abort, an error or the death of
 * the process, none of it becomes visible.
 *
 *     struct stele_publisher *publisher;
 *     struct stele_transaction *tx;
 *     uint64_t version;
 *
 *     stele_publisher_open("net", &(struct stele_publisher_options){
 *             .size = sizeof(struct stele_publisher_options), .flags = STELE_CREATE }, &publisher);
 *     stele_transaction_begin(publisher, &tx);
 *     stele_transaction_ensure_table(tx, "routes", &route_schema);
 *     stele_transaction_put(tx, "routes", prefix, 24, &route, sizeof(route));
 *     stele_transaction_commit(tx, "first routes", &version);
 *     publisher = stele_publisher_close(publisher);
 *
 * MODEL. A publisher is attached to a region, either alone or together with other publishers that
 * all share it (SHARED PUBLISHING). It never waits for a subscriber, not even for one that is
 * stopped, dead or hostile.
 *
 * THREADS. One thread at a time may use a publisher and its transaction. The thread that begins a
 * transaction must also end it, because the transaction holds the region's lock.
 *
 * ERRORS. <stele/error.h> explains the error values. Each function lists the ones that it
 * returns. In a child of fork(), every function here that can fail returns -ECHILD; the lists
 * leave it out.
 *
 * CONTENTS. Publishers, transactions, conditions, reading in a transaction, tables of a
 * transaction, cursors and changes of a transaction.
 */
#ifndef STELE_PUBLISHER_H
#define STELE_PUBLISHER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <stele/error.h>
#include <stele/flags.h>
#include <stele/region.h>
#include <stele/row.h>
#include <stele/schema.h>

#ifdef __cplusplus
extern "C" {
#endif

struct stele_publisher;
struct stele_transaction;

/* ---- publishers ---- */

/* What a region on a disk loses when the machine goes down. Has no effect on a region in POSIX
 * shared memory. A System V segment accepts only STELE_DURABLE_CLOSE (else -EINVAL). */
enum stele_durability {
	/* Loses everything, unless the last publisher was closed before. */
	STELE_DURABLE_CLOSE = 0,
	/* Loses nothing. A commit returns, and readers see its version, once the version is on
	 * the disk. Each commit waits for two writes. */
	STELE_DURABLE_COMMIT = 1,
};

/* attach_timeout_ns, pinned_bytes and waiting apply to this publisher. All other members after
 * `flags` apply when the region is created, and have no effect on a region that exists. */
struct stele_publisher_options {
	size_t size;    /* sizeof(struct stele_publisher_options) */
	unsigned flags; /* STELE_CREATE, STELE_CREATE_NEW, STELE_GROUP, STELE_SHARED,
	                 * STELE_SHARED_REGION, STELE_NOTIFIER_THREAD, STELE_NO_SIGBUS_HANDLER:
	                 * <stele/flags.h> */

	/* Minimum number of versions to keep readable, 2 to 65536. 0: 64. History drops its
	 * oldest versions, down to two, if it exceeds history_bytes or if the region would be
	 * full. */
	uint32_t history;

	/* Maximum size of the region's file in bytes. 0: 4 GiB (256 MiB in a 32-bit process), or
	 * limit_size if that is less. Every subscriber maps this much address space (not memory).
	 * When the region needs more, the publisher writes a new file of twice this size, and the
	 * subscribers move to that file. The minimum is the size of an empty region: 92 KiB, and
	 * about 64 bytes more for each version of history past 64. Less is -EINVAL; the error
	 * message says how much is needed. */
	uint64_t maximum_size;

	/* Maximum size of any later file of the region in bytes. 0: 32 GiB (1 GiB in a 32-bit
	 * process). If equal to maximum_size, the region never gets a larger file. */
	uint64_t limit_size;

	/* Permission bits of the region: 0600, with 0040 and 0004 for readers. 0: 0640. All users
	 * who may read the region may also register as subscribers: the permissions of slots and
	 * queues follow. */
	mode_t mode;

	/* What a region on a disk loses when the machine goes down: enum stele_durability. */
	uint32_t durability;

	/* What holds the region's contents: enum stele_memory in <stele/region.h>. 0: a file if
	 * the region has a directory, else POSIX shared memory. A System V segment has its maximum
	 * size from the start: limit_size must be equal to maximum_size. If one of them is 0, it
	 * takes the value of the other; 0 for both is 64 MiB. */
	uint32_t memory;

	/* With STELE_GROUP: the group whose members may read the region, as `mode` says. All files
	 * of the region get it, and so do those that replace them later. This user must be root or
	 * a member of the group (else -EPERM, and nothing is changed). Without the flag: 0, and
	 * the files get the group of this process. */
	gid_t group;

	/* How long to wait until another publisher has detached or died (TIME LIMITS in
	 * <stele/region.h>). 0: 5 s. A process with much memory takes seconds to die. */
	int64_t attach_timeout_ns;

	/* Maximum bytes for history, without the memory that the newest version uses. When
	 * history exceeds the maximum, the oldest versions are dropped, down to two, until at
	 * least an eighth of the maximum is free again. 0: no limit. */
	uint64_t history_bytes;

	/* Maximum bytes for pinned versions that history has dropped. When they use more, the
	 * oldest pins are revoked. 0: half of the region's maximum size. */
	uint64_t pinned_bytes;

	/* Called when the open, or later the begin of a transaction, has waited for another
	 * publisher for a fifth of a second and goes on waiting. `message` names that publisher,
	 * as far as it is known, and is valid during the call. The callback must not call the
	 * library. NULL: none. */
	void (*waiting)(const char *message, void *context);
	void *waiting_context;
};

/* Attaches to a region as its publisher. With STELE_CREATE or STELE_CREATE_NEW, creates the
 * region first. If the last publisher died, this call recovers the region: committed versions are
 * kept, uncommitted changes are discarded. The cost is a walk over all rows.
 *
 * With STELE_CREATE, an unusable region is replaced by an empty one: a region of an earlier layout
 * version, or one that an earlier boot of the machine left incomplete. stele_publisher_note()
 * reports this. A region of a later layout version, or with a feature that this library does not
 * know, is never replaced. The caller owns the publisher and closes it with
 * stele_publisher_close().
 *
 * Errors:
 *   -EINVAL           the name or an option is wrong
 *   -E2BIG            an option that this library does not know (STRUCTS THAT GROW)
 *   -ENOENT           no such region; the error message names the path
 *   -ENOTDIR          the region's directory is not a directory
 *   -EEXIST           the region exists (STELE_CREATE_NEW)
 *   -EBUSY            another publisher is attached; the error message names its process
 *   -EACCES           no permission
 *   -EPERM            a file of another user has the name of one of the region's files; the error
 *                     message names that user, and says what to do;
 *                     or this user may not give files to options.group
 *   -EBADMSG          not a region, or damaged; or a directory that is not empty has the name of
 *                     one of its files
 *   -EPROTONOSUPPORT  another layout version or byte order; or a feature that this library does not
 *                     know, which the error message names; or the attached publishers and this
 *                     process cannot share a lock: one is a 32-bit and the other a 64-bit
 *                     process, or they use different C libraries
 *   -EUCLEAN          left by an earlier boot
 *   -ENOTSUP          the file system cannot hold a region
 *   -ENOSPC           the file system is full; the error message says how much is needed
 *   -EFBIG            RLIMIT_FSIZE
 *   -EIO, -EDQUOT, -ENOMEM, -EMFILE, -ENFILE */
STELE_API int stele_publisher_open(const char *region,
                                   const struct stele_publisher_options *options,
                                   struct stele_publisher **ret);

/* SHARED PUBLISHING. Publishers that all open a region with STELE_SHARED are attached at the same
 * time. While they are attached, a publisher without STELE_SHARED is refused, and the other way
 * round. A region that was created with STELE_SHARED_REGION is shared by all its publishers, as if
 * each had STELE_SHARED: so an operator can step in beside a daemon that never asked to share.
 * Publishers with a library that does not know this property attach alone.
 *
 * The transactions of shared publishers exclude each other: stele_transaction_begin()
 * waits for the other transaction to end.
 *
 * A publisher that is idle knows only the state of its own last transaction:
 * stele_publisher_version() returns the version of that transaction. If another publisher has
 * replaced the region's file since, readers see the idle publisher as detached until its next
 * transaction. Readers see at most 63 shared publishers at a time.
 *
 * A transaction that follows a commit of another publisher first walks over all rows, as an open
 * does, to learn how the region's memory is used. Publishers that alternate for every commit pay
 * for this each time. Publishers that commit seldom hardly notice the cost. */

/* Detaches and frees the publisher. Aborts an open transaction and frees its handle. The region
 * stays, with its newest version. Returns NULL. */
STELE_API struct stele_publisher *stele_publisher_close(struct stele_publisher *publisher);

/* Returns a message for display that says what the open replaced, or "" if it replaced nothing.
 * The publisher owns the string. */
STELE_API const char *stele_publisher_note(const struct stele_publisher *publisher);

/* Returns the newest version, or 0 before the first commit. */
STELE_API uint64_t stele_publisher_version(const struct stele_publisher *publisher);

/* Sets `*ret` to the newest version and the UUID of the region: what to keep instead of the version
 * alone. */
STELE_API void stele_publisher_position(const struct stele_publisher *publisher,
                                        struct stele_position *ret);

/* Copies the UUID of the region, 16 bytes, to `ret_uuid`. The UUID stays the same until the
 * close. */
STELE_API void stele_publisher_region_uuid(const struct stele_publisher *publisher,
                                           uint8_t *ret_uuid);

/* Statistics of a publisher. The counters start at the open. */
struct stele_publisher_stats {
	size_t size; /* in: sizeof(struct stele_publisher_stats) */

	/* The library's SIGBUS handler is installed at the moment of the call: see THE SIGBUS
	 * HANDLER in <stele/error.h>. */
	bool truncation_handled;

	uint64_t commits;          /* versions committed */
	uint64_t recovered_deaths; /* times the owner of the lock was found dead (EOWNERDEAD) */
	uint64_t notices_sent;     /* to queues */
	uint64_t notices_skipped;  /* subscriber awake and behind: it will check by itself */
	uint64_t notices_full;     /* queue full: it already holds a notice */
	uint64_t notices_failed;   /* queue gone, not permitted, or no descriptor for it */
	uint64_t futex_wakes;      /* calls that woke the waiters on the futex */
	uint64_t reaped;           /* dead subscribers that were cleaned up */
	uint64_t pins_revoked;     /* pinned versions reclaimed for lack of memory */
	uint64_t arena_size;       /* bytes of the region for nodes and rows */
	uint64_t arena_used;       /* of these, in use by the newest version, history and pins */
	uint64_t history_used;     /* of these, used only by history */
	uint64_t pinned_used; /* of these, used only by pinned versions that history has dropped */
};

/* Fills `*ret` with the statistics. The caller sets ret->size. Returns 0. Errors: -EINVAL
 * (impossible size). */
STELE_API int stele_publisher_describe(struct stele_publisher *publisher,
                                       struct stele_publisher_stats *ret);

/* Notifies every waiting subscriber and cleans up dead ones. Each commit does a part of this
 * work. A publisher that seldom commits may call this function every few seconds, so that the
 * queues of dead subscribers are removed. Returns the number of dead subscribers that it cleaned
 * up. Errors: -EBUSY (a transaction is open). */
STELE_API int stele_publisher_reap(struct stele_publisher *publisher);

/* Compacts the region: writes what versions and pins reach, and nothing else, to a new file,
 * which replaces the old one. This returns memory to the system. Subscribers move to the new file
 * by themselves; they keep their snapshots and find the same versions. The library compacts a
 * large region by itself when less than half of the region is in use.
 *
 * Both files exist for a moment, so there must be space for both. The old file stays until the
 * last subscriber has moved. While a subscriber still maps the file that the present one
 * replaced, the call is refused with -EBUSY.
 *
 * Returns 0. Errors: -EBUSY (see above, or a transaction is open), -ENOTSUP (a System V segment),
 * -ENOSPC, -ENOMEM, -EBADMSG, -EIO, and those of NEW FILES below. On error the region is
 * unchanged. */
STELE_API int stele_publisher_compact(struct stele_publisher *publisher);

/* Upgrades the region to the layout that this library gives to new regions: adds the features that
 * the region lacks (struct stele_region_info, in <stele/region.h>). A region that an older library
 * made keeps its layout until then, and older libraries can read and publish it. After the upgrade
 * they can't: their subscribers keep the last version that they have opened, and then get
 * -EPROTONOSUPPORT. So upgrade the library of all subscribers first (docs/upgrading.md).
 *
 * The upgrade writes the region to a new file, as stele_publisher_compact() does: subscribers move
 * by themselves, and keep their snapshots; versions, history and pins stay.
 *
 * Returns 1, or 0 if the region has all features already. Errors are those of
 * stele_publisher_compact(). On error the region is unchanged. */
STELE_API int stele_publisher_upgrade(struct stele_publisher *publisher);

/* Makes the region one that all publishers share from now on, as STELE_SHARED_REGION does when a
 * region is created, or with `shared` false, no longer. Publishers that are attached, this one too,
 * go on as they attached: a publisher that does not share excludes others until it is closed.
 *
 * The region moves to a new file, as by stele_publisher_upgrade(). Returns 1, or 0 if the region is
 * so already. Errors are those of stele_publisher_compact(). On error the region is unchanged. */
STELE_API int stele_publisher_set_shared(struct stele_publisher *publisher, bool shared);

/* ---- transactions ---- */

/* Begins a transaction. A publisher has at most one at a time. Takes the region's lock, and waits
 * for it up to attach_timeout_ns. The calling thread must end the transaction, and is not cancelled
 * until then (pthread_setcancelstate()). stele_transaction_commit() and stele_transaction_abort()
 * free the handle.
 *
 * Returns 0. Errors: -EBUSY (a transaction is open, or the lock was not free in time), -EBADMSG
 * (the region's file was truncated, or replaced by another file of this user), -EIO (an earlier
 * write to the disk failed; or a move to a new file failed, and the old file could not be mapped
 * again), -ENOMEM. If the name of the region's file was removed, the file is written again; if that
 * fails: -ENOSPC, -ENOENT, and those of NEW FILES below. */
STELE_API int stele_transaction_begin(struct stele_publisher *publisher,
                                      struct stele_transaction **ret);

/* Commits: makes the changes visible as one new version, and notifies the subscribers. `message`
 * is stored in the record of the commit, at most 255 bytes of it. NULL: none.
 *
 * Returns 1 and sets `*ret_version` (may be NULL) to the new version. Returns 0 if the tables are
 * unchanged: there is no new version, and `*ret_version` is the last one. Frees the handle, also
 * on error (except -ECHILD). Errors: -ENOSPC, -ENOMEM, -EBADMSG, -EBUSY (a replacement was not
 * ended), -EOVERFLOW (the last version was 2^62 - 1), those of NEW FILES below, and, with
 * STELE_DURABLE_COMMIT, -EIO, -ENOSPC or -EDQUOT of the write to the disk, after which every
 * begin fails. On error nothing has changed. */
STELE_API int stele_transaction_commit(struct stele_transaction *tx, const char *message,
                                       uint64_t *ret_version);

/* Discards the changes and frees the handle. Returns NULL. */
STELE_API struct stele_transaction *stele_transaction_abort(struct stele_transaction *tx);

/* The changes of a transaction, for stele_publisher_update(). Returns 0 or more, or an error. */
typedef int stele_transaction_fn(struct stele_transaction *tx, void *context);

/* Runs a transaction: begins it, calls `body`, and commits if the body returns 0 or more. If the
 * body returns an error, aborts and returns this error. -EAGAIN means that a condition did not hold
 * (see below): the update begins again and calls the body again, at most 16 times. So a body reads
 * again what it depends on, and may run several times; it must not end the transaction.
 *
 *     static int body(struct stele_transaction *tx, void *context)
 *     {
 *             return stele_transaction_put(tx, "routes", context, 24, &route, sizeof(route));
 *     }
 *     r = stele_publisher_update(publisher, body, prefix, "a route", &version);
 *
 * Return values and errors are those of stele_transaction_commit(), stele_transaction_begin() and
 * the body. On error nothing has changed. */
STELE_API int stele_publisher_update(struct stele_publisher *publisher, stele_transaction_fn *body,
                                     void *context, const char *message, uint64_t *ret_version);

/* ALL OR NOTHING. Each function below either does all that it says, or returns an error and
 * leaves the transaction unchanged and usable. The exceptions say so.
 *
 * DAMAGE. Functions that read the region can also return -EBADMSG. This means damage from before
 * the open that the walk of the open did not detect, or a file that was truncated since. Only the
 * publisher's own user can store into the memory that it has mapped. Such a store can crash the
 * publisher, which does not check each reference, as readers do.
 *
 * NEW FILES. A function that changes rows or tables may have to write a larger file for the
 * region first (options.maximum_size). If that fails, it returns -EMFILE, -ENFILE, -EACCES,
 * -ENOTSUP, -EIO, -EPERM (the region's own name was removed, and a file of another user has it
 * now: the error message names the user), or -EBADMSG (the name was removed, and a directory that
 * is not empty has it now). The transaction can continue, as after -ENOSPC. The new file gets a
 * random name first, so no other user can block it by taking the name. */

/* Creates a table. Returns 0. Errors: -EINVAL (name, schema), -EEXIST (the table exists; the
 * error message says whether the schema is the same), -ENOTSUP (the schema has arrays or
 * attributes, which the region's layout lacks until stele_publisher_upgrade()), -ENOSPC,
 * -ENOMEM. */
STELE_API int stele_transaction_create_table(struct stele_transaction *tx, const char *table,
                                             const struct stele_schema *schema);

/* Creates a table if it does not exist, and tells the publisher that its values for this table have
 * the schema `schema`. Returns 1, or 0 if there is a table with this name whose rows can be read as
 * this schema, in place (stele_schema_compatible()). Errors: -EMEDIUMTYPE (the table has another
 * schema; the error message shows both), and those of stele_transaction_create_table() without
 * -EEXIST.
 *
 * FEWER COLUMNS. The table may have columns that this program was built without, now or once it is
 * altered. A put of a value of schema->value_size bytes then sets the columns of `schema`. The
 * other columns of the row keep their values; a new row gets their defaults. This holds for all
 * puts of this publisher, in later transactions too, until the publisher is closed or commits a
 * drop of the table. It ends with that drop also if the same transaction creates the table again,
 * unless it calls this function after the drop. It does not end with an abort, not even of the
 * transaction of the call, nor with a rollback, nor when another publisher drops the table. The
 * last call for a table counts. -EMEDIUMTYPE also if the table has a column without a default that
 * may be put. */
STELE_API int stele_transaction_ensure_table(struct stele_transaction *tx, const char *table,
                                             const struct stele_schema *schema);

/* Drops a table and its rows. Returns 0. Errors: -ENXIO (no such table), -ENOMEM. */
STELE_API int stele_transaction_drop_table(struct stele_transaction *tx, const char *table);

/* Alters a table: gives it the schema `schema`, and keeps its rows. Programs that were built with
 * the present schema read on, in place. So the new schema has the columns of the present one; it
 * may append columns, rename columns (stele_column.former_names) and change attributes, by the rule
 * of stele_schema_compatible(). Rows get the defaults of the appended columns.
 *
 * An alter that appends columns writes all rows again: it needs space for them, beside the old ones
 * until history forgets those, and the rows are at the version of the commit afterwards. Any other
 * alter writes only the schema. To changes and follows an alter changes no row; a follow tells of
 * it (STELE_EVENT_ALTERED). Publishers that were built with the present schema put rows as before,
 * if they declared it by stele_transaction_ensure_table(). From other publishers a value without
 * the appended columns is -EINVAL, as one of any other wrong size is.
 *
 * Handles of the table in this transaction stay valid; schemas that the transaction returned for
 * the table become invalid. Returns 1, or 0 if the table has this schema already. Errors: -ENXIO
 * (no such table), -EINVAL (`schema` is not well formed, or an appended enumeration has neither a
 * default nor a word for 0), -EMEDIUMTYPE (programs could not read on: the error message says why,
 * and shows both schemas), -EBUSY (the table is being replaced), -ENOTSUP (as for
 * stele_transaction_create_table()), -ENOSPC, -ENOMEM. */
STELE_API int stele_transaction_alter_table(struct stele_transaction *tx, const char *table,
                                            const struct stele_schema *schema);

/* Rolls back to an older version: restores exactly the tables and rows of the version `to`.
 * Discards the earlier changes of the transaction. History must hold the version, or a subscriber
 * pin it. The cost depends on the number of rows that differ.
 *
 * The commit makes a new version with the tables and rows of the older one. Rows that the
 * rollback changes get the number of the new version; other rows keep theirs. If nothing differs,
 * there is no new version. A table opened in this transaction stays open if the older version has
 * that table. Schemas returned in this transaction become invalid.
 *
 * Returns 0. Errors: -EIDRM (`to` is a position in another region), -EINVAL (the position is not
 * well formed), -ESTALE (the version is no longer held), -ENODATA (it does not exist yet; or `to`
 * is NULL, or its version is 0), -EBUSY (a replacement was not ended), -ENOSPC, -ENOMEM, -EBADMSG.
 * Making space may drop older versions and revoke pins, but never `to` itself. */
STELE_API int stele_transaction_rollback(struct stele_transaction *tx,
                                         const struct stele_position *to);

/* Puts a row: adds it, or replaces the value of the row with this key. The key is `key_bits` bits
 * at `key`, encoded as described in <stele/schema.h>. Key and value are copied. Padding between the
 * columns of the value, and bytes after the NUL in a char[N], count as zero. Returns 1, or 0 if the
 * row exists with this value. Errors: -EINVAL (refused by stele_key_check() or stele_value_check();
 * but see FEWER COLUMNS above), -EMEDIUMTYPE (values of the schema that this publisher declared by
 * stele_transaction_ensure_table() do not fit the table any more), -ENXIO (no such table), -EEXIST
 * (during a replacement: this key was put before), -ENOSPC, -ENOMEM. */
STELE_API int stele_transaction_put(struct stele_transaction *tx, const char *table,
                                    const void *key, unsigned key_bits, const void *value,
                                    size_t value_size);

/* Puts `count` rows in one call. The result is that of a stele_transaction_put() for each row in
 * order, except that of several rows with the same key only the last one counts.
 *
 * Load an empty table with one such call. The call takes a fraction of the time of single puts,
 * stores the rows in the order of their keys, which makes scans several times as fast, and needs
 * less of the region. In a table with rows, it is only a little faster than a put for each row.
 * During the call it needs as much memory as the rows, plus 32 bytes for each row.
 *
 * Returns the number of rows that were added or changed. Errors without any change: -EINVAL (as
 * stele_transaction_put()), -ENXIO (no such table). Errors after which some rows may have been
 * put: -EEXIST (during a replacement: a key was put before), -ENOSPC, -ENOMEM. */
STELE_API int64_t stele_transaction_put_many(struct stele_transaction *tx, const char *table,
                                             const struct stele_row_ref *rows, size_t count);

/* Deletes a row. Returns 1, or 0 if there is no such row. Errors: -EINVAL, -ENXIO (no such
 * table), -EBUSY (the table is being replaced), -ENOSPC, -ENOMEM. */
STELE_API int stele_transaction_delete(struct stele_transaction *tx, const char *table,
                                       const void *key, unsigned key_bits);

/* ---- conditions: compare-and-set of the region or of a row ----
 *
 * What is compared was read before the transaction began, since a transaction excludes all others.
 * The region may have been created again since, and may have reached the same version numbers with
 * other rows. So conditions are positions, those of rows too. */

/* Checks that the newest version is that of `position`. NULL, or a version of 0: there is none yet.
 * Until the transaction ends, no other publisher can commit. Returns 0. Errors: -EAGAIN (the newest
 * version is another one; the error message names both), -EIDRM (the position is in another
 * region), -EINVAL (the position is not well formed). */
STELE_API int stele_transaction_expect(struct stele_transaction *tx,
                                       const struct stele_position *position);

/* Puts a row as stele_transaction_put() does, but only if the row is at the position `at`: the
 * region that it was read from, and stele_row.version. NULL, or a version of 0: only if there is no
 * such row.
 *
 *     stele_snapshot_get(snapshot, "routes", &route_schema, key, 24, &row);
 *     stele_snapshot_position(snapshot, &at);
 *     at.version = row.version;
 *     ...
 *     stele_transaction_put_if(tx, "routes", key, 24, &route, sizeof(route), &at);
 *
 * A row that this transaction has changed is at the version that its commit would make, the newest
 * version + 1. A row that it put with its present value keeps its version. Errors are those of
 * stele_transaction_put(); -EAGAIN (the row is at another version; the error message names both);
 * -EIDRM (`at` is a position in another region); -EINVAL (`at` is not well formed). */
STELE_API int stele_transaction_put_if(struct stele_transaction *tx, const char *table,
                                       const void *key, unsigned key_bits, const void *value,
                                       size_t value_size, const struct stele_position *at);

/* Deletes a row as stele_transaction_delete() does, but only if the row is at the position `at`.
 * Returns 1. Errors are those of stele_transaction_delete(); -EAGAIN (the row is at another
 * version, or does not exist); -EIDRM (`at` is a position in another region); -EINVAL (`at` is
 * NULL or not well formed, or its version is 0). */
STELE_API int stele_transaction_delete_if(struct stele_transaction *tx, const char *table,
                                          const void *key, unsigned key_bits,
                                          const struct stele_position *at);

/* ---- reading in a transaction ---- */

/* Looks up a row as the transaction would commit it. `expected` is the schema that the caller was
 * compiled with (see stele_table_open() in <stele/subscriber.h>), or NULL if the caller does not
 * depend on the columns. Returns 1 and fills `*ret`, whose pointers are valid until the next call
 * on the transaction. Returns 0 if there is no such row. Errors: -EINVAL (the key does not fit the
 * schema), -ENXIO (no such table), -EMEDIUMTYPE (the table has another schema than `expected`),
 * -ENOMEM. */
STELE_API int stele_transaction_get(struct stele_transaction *tx, const char *table,
                                    const struct stele_schema *expected, const void *key,
                                    unsigned key_bits, struct stele_row *ret);

/* Finds the schema of a table as the transaction would commit it. The transaction owns the
 * schema. It is valid until the transaction ends, is rolled back, or drops or alters the table.
 * Returns 0.
 * Errors: -ENXIO, -ENOMEM. */
STELE_API int stele_transaction_schema(struct stele_transaction *tx, const char *table,
                                       const struct stele_schema **ret);

/* ---- tables of a transaction: changes without finding the table by name each time ---- */

/* A table of a transaction. The transaction owns it and frees it at its end. */
struct stele_writable;

/* Opens a table. `expected` is as for stele_transaction_get(), and is compared at each call.
 * Opening the same table again returns the same handle. stele_transaction_drop_table() on the table
 * makes the handle invalid. Returns 0. Errors: -ENXIO, -EMEDIUMTYPE, -ENOMEM. */
STELE_API int stele_writable_open(struct stele_transaction *tx, const char *table,
                                  const struct stele_schema *expected, struct stele_writable **ret);

/* Change and look up rows, as the functions above do whose names begin with stele_transaction_. */
STELE_API int stele_writable_put(struct stele_writable *table, const void *key, unsigned key_bits,
                                 const void *value, size_t value_size);
STELE_API int64_t stele_writable_put_many(struct stele_writable *table,
                                          const struct stele_row_ref *rows, size_t count);
STELE_API int stele_writable_delete(struct stele_writable *table, const void *key,
                                    unsigned key_bits);
STELE_API int stele_writable_put_if(struct stele_writable *table, const void *key,
                                    unsigned key_bits, const void *value, size_t value_size,
                                    const struct stele_position *at);
STELE_API int stele_writable_delete_if(struct stele_writable *table, const void *key,
                                       unsigned key_bits, const struct stele_position *at);
STELE_API int stele_writable_get(struct stele_writable *table, const void *key, unsigned key_bits,
                                 struct stele_row *ret);

/* Replace all rows of a table. After stele_writable_replace(), put every row that the table shall
 * have, each once; stele_writable_replace_end() then deletes the rows that were not put. In
 * between, putting a key twice is -EEXIST, and deleting a row is -EBUSY. Rows put with their
 * present value are not touched, so replacing a table by itself changes nothing and makes no
 * version. If no row was put, stele_writable_replace_end() needs no space in the region, so a
 * full region can be emptied.
 *
 * stele_writable_replace() returns 0; stele_writable_replace_end() returns the number of rows
 * deleted. Errors: -EBUSY (a replacement has begun already), -EINVAL (no replacement has begun),
 * -ENOMEM, -ENOSPC, -EBADMSG. After an error of stele_writable_replace_end(), some of the rows
 * may be deleted already, and the replacement has not ended: abort the transaction. A commit
 * would return -EBUSY. */
STELE_API int stele_writable_replace(struct stele_writable *table);
STELE_API int64_t stele_writable_replace_end(struct stele_writable *table);

/* ---- cursors and changes of a transaction ---- */

struct stele_cursor;
struct stele_changes;

/* Open a cursor over the rows of a table as the transaction would commit them, or the changes of
 * the table from the last version to that commit. <stele/subscriber.h> has the functions that
 * read and close them. The caller owns them. They become invalid with the next change of the
 * transaction, in any table, and with its end; then they can only be closed. The rows that they
 * returned become invalid at the same time. Errors: -EBUSY (the table is being replaced: call
 * stele_writable_replace_end() first), -EMEDIUMTYPE (changes only: the transaction has dropped the
 * table and created it again with a schema whose rows can't be compared), -EBADMSG, -ENOMEM. */
STELE_API int stele_writable_cursor_open(struct stele_writable *table, struct stele_cursor **ret);
STELE_API int stele_writable_changes_open(struct stele_writable *table, struct stele_changes **ret);

#ifdef __cplusplus
}
#endif

#endif
