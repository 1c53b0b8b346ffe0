/* SPDX-License-Identifier: MIT
 *
 * Reading a region. A subscriber maps the region read-only. Reading takes no lock and never waits
 * for the publisher or for another reader.
 *
 *     struct stele_subscriber *subscriber;
 *     struct stele_snapshot *snapshot;
 *     struct stele_table routes;
 *     struct stele_row row;
 *     uint64_t version = 0;
 *
 *     stele_subscriber_open("net", NULL, &subscriber);
 *     while (stele_subscriber_wait(subscriber, version, STELE_FOREVER, &version) == 1) {
 *             stele_snapshot_open(subscriber, 0, &snapshot);
 *             if (stele_table_open(snapshot, "routes", &route_schema, &routes) == 0 &&
 *                 stele_table_match(&routes, address, 32, &row) == 1)
 *                     use((const struct route *)row.value);
 *             version = stele_snapshot_version(snapshot);
 *             snapshot = stele_snapshot_close(snapshot);
 *     }
 *
 * MODEL. There are three ways to read:
 *
 * - stele_live_get_copy() copies one row of the newest version into the caller's buffer. It
 *   validates the copy after reading, and writes nothing to shared memory.
 *   stele_subscriber_get_copy() does the same for a table that is named in each call.
 * - A snapshot shows all tables at one version (snapshot isolation by MVCC). It pins that
 *   version, so that rows can be read in place for as long as the caller likes. The publisher
 *   keeps pinned versions unless it runs out of memory. Then it revokes a pin, and calls on the
 *   snapshot return -ESTALE.
 * - stele_changes_*() returns the rows that differ between two versions. The cost depends on the
 *   number of changes, not on the size of the table. stele_follow_*() keeps a copy of tables up to
 *   date with them, also in an event loop.
 *
 * POINTERS. Pointers into the region (row.key, row.value) are valid until their snapshot is
 * closed. If a pin is revoked while the caller uses a row, the row may be torn. A caller that
 * must exclude this uses the row first and calls stele_snapshot_check() afterwards. Data that the
 * library itself copied or compared has been validated already.
 *
 * THREADS. One thread at a time may use a subscriber. Once a snapshot is open, many threads may
 * read it at the same time: every function here that takes a snapshot or one of its tables, and a
 * cursor, changes or an index for each thread. Opening and closing a snapshot counts as use of its
 * subscriber. Threads that may outlive that close hold references: see stele_snapshot_ref().
 *
 * GUARANTEES.
 *
 * - Versions only rise.
 * - All tables of a commit become visible at once.
 * - After stele_subscriber_wait() returned version v, a new snapshot is at version v or newer.
 * - A subscriber that cannot register (no write access, no free slot) still reads and waits. Its
 *   snapshots are not pinned, so they may become -ESTALE as soon as the publisher's history has
 *   moved on. stele_subscriber_describe() returns whether it is registered, and why not.
 *
 * ERRORS. <stele/error.h> explains the error values. Each function lists the ones that it
 * returns.
 *
 * CONTENTS. Subscribers, snapshots, tables of a snapshot, the newest version of one table, cursors,
 * changes. <stele/follow.h> has following.
 */
#ifndef STELE_SUBSCRIBER_H
#define STELE_SUBSCRIBER_H

#include <stdbool.h>
#include <stddef.h>
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

struct stele_subscriber;
struct stele_snapshot;

/* Maximum bytes in the label of a subscriber. */
#define STELE_LABEL_MAX 31u

/* ---- subscribers ---- */

/* OWNERS. Any user can create a region of any name in /dev/shm, so the name does not say who
 * wrote the rows. The owner of the region's file does. Three owners are trusted: root, this user,
 * and the owner of the directory that holds the region (for /dev/shm that is root).
 *
 *   by default        Root reads only regions of a trusted owner. Otherwise the open fails with
 *                     -EPERM, and the error message names the owner. Every other user reads
 *                     whatever the region's mode allows, because services seldom run as the user
 *                     who publishes for them. stele_subscriber_describe() returns the owner, and
 *                     whether that owner is trusted.
 *   STELE_ONE_OWNER   Reads only a region that options.owner owns, trusted or not (else -EPERM).
 *                     For a service that knows who publishes for it.
 *   STELE_ANY_OWNER   Reads a region of any owner.
 *
 * The library checks the owner of the open file before it reads the file's contents. It checks
 * again whenever the subscriber moves to the region's next file: a next file of another user
 * belongs to another region (-EIDRM from stele_subscriber_wait()). A saved file (file:PATH) may
 * belong to any user, except with STELE_ONE_OWNER. */

struct stele_subscriber_options {
	size_t size; /* sizeof(struct stele_subscriber_options) */

	/* STELE_UNREGISTERED, STELE_DESCRIPTOR, STELE_ANY_OWNER, STELE_ONE_OWNER,
	 * STELE_NO_SIGBUS_HANDLER: <stele/flags.h>. */
	unsigned flags;

	/* With STELE_ONE_OWNER: the user who must own the region. Otherwise 0. */
	uid_t owner;

	/* How long the open waits for the region (TIME LIMITS in <stele/region.h>) if there is none
	 * yet, if its directory does not exist yet, or if it was left by an earlier boot and no
	 * publisher has opened it since. 0: not at all. For services that may start before the
	 * publisher. */
	int64_t wait_ns;

	/* How to be woken: a name of the list below. NULL: "auto". */
	const char *notifier;

	/* How long stele_subscriber_wait() polls for a newer version before it blocks. 0: not at
	 * all. Polling keeps a core busy. A version that arrives meanwhile costs the publisher no
	 * system call, and is seen as fast as memory allows. */
	int64_t spin_ns;

	/* Wait only for versions that changed one of these tables: names, ended by NULL. NULL or
	 * an empty list: wait for every version. The names are copied. Up to eight names are
	 * passed to the publisher, which does not wake this subscriber for a commit that changes
	 * none of them. With more names, every commit wakes the subscriber, which then checks
	 * whether its tables changed. */
	const char *const *tables;

	/* What the subscriber is called in lists of subscribers, to tell several subscribers of one
	 * program apart: up to STELE_LABEL_MAX bytes, which are copied. NULL: no label. */
	const char *label;
};

/* NOTIFIERS. How a subscriber is woken when there is a new version. A notice is only a hint. A
 * notice that is lost, delayed or forged costs time, and never a version: a waiting subscriber also
 * looks by itself. It looks as soon as it has waited twice as long as at its last look, first after
 * a second. So a lost notice at most doubles the time that the subscriber waits for a version, and
 * the delay is never longer than 8 seconds. "Descriptor" says whether stele_subscriber_fd() works
 * with the notifier.
 *
 * Notices are lost if the publisher dies between a commit and its notices, and no publisher
 * attaches after it (the next one notifies every subscriber), if the publisher has no descriptor or
 * memory left, or if it comes back in a namespace from which it does not reach the subscriber. A
 * hostile reader of the region can hold them up.
 *
 * If the publisher comes back in another IPC namespace, a subscriber with mq or sysv gets another
 * notifier, at its next look: the futex, or the socket if it has a descriptor. When a publisher of
 * its own namespace is back, it gets its former notifier again.
 *
 *   auto       mq. If no queue is available, futex; stele_subscriber_describe() says why. With
 *              STELE_DESCRIPTOR, and after stele_subscriber_fd(): mq, socket, or fifo, whichever
 *              is available first.
 *   mq         A POSIX message queue for each subscriber. Descriptor: yes. Counts against the
 *              system's limit (fs.mqueue.queues_max, 256 by default) and the user's limit
 *              (ulimit -q). Requires the publisher's IPC namespace.
 *   socket     A Unix datagram socket in the region's folder. Descriptor: yes.
 *   fifo       A named pipe in the region's folder. Descriptor: yes. Only for the user who owns the
 *              region (else -EPERM), because the reader of a pipe can hold up its writer.
 *   signal     A queued real-time signal. Descriptor: yes. Each subscriber of the process takes one
 *              number, from SIGRTMAX down to SIGRTMAX-7, that has its default action. The open
 *              fails with -EBUSY if none is left. The region's owner must be root or this user
 *              (else -EPERM). The publisher must see this process in its PID namespace and in
 *              /proc, or else it does not notify the subscriber.
 *              The library installs no handler for the signal. The application must keep the
 *              number blocked in every thread, for the whole life of the process: block SIGRTMAX-7
 *              to SIGRTMAX in main() before creating threads. If the number is not blocked at the
 *              open, the open fails with -EBUSY. If it is unblocked later, the signal ends the
 *              process. The number stays blocked after the close.
 *   semaphore  A binary semaphore in the subscriber's slot. Descriptor: no. No requirements.
 *   sysv       One System V message queue for the region. The publisher creates the queue when the
 *              first such subscriber waits; until then, that subscriber waits as with semaphore.
 *              Descriptor: no. Naming this notifier allows the library to start a thread, which
 *              ends waits that last too long, and which has all signals blocked. Requires the
 *              publisher's IPC namespace.
 *   futex      The head of the region itself. Descriptor: no. No requirements. A commit wakes all
 *              subscribers that wait in this way. */

/* Opens a region as a subscriber. Registers in a slot of the subscribers file and creates a
 * message queue where possible, and works without them otherwise. Their lack is not an error,
 * unless the options name a notifier. `options` may be NULL. The caller owns the subscriber and
 * closes it with stele_subscriber_close().
 *
 * Errors:
 *   -EINVAL           the name or an option is wrong
 *   -E2BIG            an option that this library does not know (STRUCTS THAT GROW)
 *   -ENOENT           no such region; the error message names the path
 *   -ENOTDIR          the region's directory is not a directory
 *   -EACCES           no permission, or the System V segment is in another IPC namespace
 *   -EPERM            the owner is not accepted (see OWNERS); other users than the owner may write
 *                     the region; or its System V segment does not admit this user
 *   -EBADMSG          not a region, or damaged
 *   -EPROTONOSUPPORT  another layout version; or a feature that this library does not know, which
 *                     the error message names (docs/upgrading.md)
 *   -EUCLEAN          the region is on a disk and left by an earlier boot; it can be read again
 *                     once a publisher has opened it
 *   -ENOMEM, -EMFILE, -ENFILE
 * If options.notifier names a notifier that is not available, also -EPERM, -EBUSY, -ENOSPC, or
 * -ENOTSUP (the publisher is in another IPC namespace, and would not see the queue). With
 * STELE_DESCRIPTOR, also -ENOTSUP (no notifier with a descriptor is available; the error message
 * says why for each), and the errors that would otherwise leave the subscriber unregistered. */
STELE_API int stele_subscriber_open(const char *region,
                                    const struct stele_subscriber_options *options,
                                    struct stele_subscriber **ret);

/* Moves the subscriber to the region that has its name now, after stele_subscriber_wait() has
 * returned -ENOENT or -EIDRM. Waits for a region until `deadline_ns` (TIME LIMITS in
 * <stele/region.h>). The subscriber keeps its options and its descriptor. Snapshots that are open
 * stay readable; versions that were read from the old region mean nothing in the new one. The owner
 * must be that of the old region, unless the subscriber has STELE_ANY_OWNER. A stele_follow does
 * this by itself.
 *
 * Returns 0, also if the subscriber's region still has the name. Errors: -EPERM (another owner),
 * and those of stele_subscriber_open() that concern the region. */
STELE_API int stele_subscriber_reopen(struct stele_subscriber *subscriber, int64_t deadline_ns);

/* Closes the subscriber: closes its snapshots that are still open, removes the queue, frees the
 * slot. If threads hold references to snapshots, the rest happens when the last one is released
 * (see stele_snapshot_ref()). Returns NULL. */
STELE_API struct stele_subscriber *stele_subscriber_close(struct stele_subscriber *subscriber);

/* Sets `*ret` to the newest version and the UUID of the region: what to keep instead of the version
 * alone. Returns 0. Errors: -EBADMSG, -ECHILD. */
STELE_API int stele_subscriber_position(struct stele_subscriber *subscriber,
                                        struct stele_position *ret);

/* Copies the UUID of the region that this subscriber opened, 16 bytes, to `ret_uuid`. The UUID
 * stays the same until stele_subscriber_reopen(), or a stele_follow, moves the subscriber to
 * another region of the name. (stele_region_describe(), by contrast, describes the region that has
 * the name at the moment of the call.) */
STELE_API void stele_subscriber_region_uuid(const struct stele_subscriber *subscriber,
                                            uint8_t *ret_uuid);

/* Sets `*ret_version` to the newest version, or to 0 before the first commit. Returns 0. Errors:
 * -EBADMSG, -ECHILD. */
STELE_API int stele_subscriber_version(struct stele_subscriber *subscriber, uint64_t *ret_version);

/* Sets `*ret_oldest` and `*ret_newest` to the range of versions that history holds, which can be
 * opened by number. Both are 0 before the first commit. The oldest may be gone by the time it is
 * opened. Returns 0. Errors: -EBADMSG, -ECHILD. */
STELE_API int stele_subscriber_history(struct stele_subscriber *subscriber, uint64_t *ret_oldest,
                                       uint64_t *ret_newest);

/* Blocks until there is a version newer than `since`. With options.tables, blocks until one of
 * those tables was changed, created or dropped after `since`.
 *
 * `since` is a version that this subscriber has seen; to resume from one that was kept elsewhere,
 * use stele_changes_since() or stele_follow_open(). `deadline_ns` is as in TIME LIMITS
 * (<stele/region.h>): 0 checks once and returns. A signal that interrupts the call does not end
 * it; the call continues with the time that is left. The call looks for itself now and then, so a
 * lost notice delays it no longer than NOTIFIERS says.
 *
 * Returns 1 and sets `*ret_version` to the newest version, or returns 0 at the deadline. Errors:
 * -ENOENT (the region was removed), -EIDRM (another region, or a region of another user, has
 * taken the name: call stele_subscriber_reopen(), or open it again), -EPROTONOSUPPORT (the region
 * was upgraded, and has a feature that this library does not know), -EBADMSG, -ECHILD; and, if the
 * region's next file cannot be opened, -EACCES, -EPERM, -ENOMEM, -EMFILE, -ENFILE. */
STELE_API int stele_subscriber_wait(struct stele_subscriber *subscriber, uint64_t since,
                                    int64_t deadline_ns, uint64_t *ret_version);

/* Returns a descriptor for poll(2) and epoll(7). The descriptor becomes readable when there may be
 * a newer version, and for the looks that NOTIFIERS describes: a second after the last version, and
 * ever more seldom while nothing changes. Then call stele_subscriber_wait(subscriber, since, 0,
 * &version), which also makes the descriptor unreadable again. The subscriber owns the descriptor:
 * do not read or close it.
 *
 * The first call gives the subscriber a notifier that has a descriptor, if it has none and its
 * options name none: "mq", or else "socket", or else "fifo". The descriptor stays the same for the
 * life of the subscriber, also when the notifier has to be chosen again.
 *
 * Errors: -ENOTSUP (options.notifier has no descriptor, the subscriber is not registered, or no
 * notifier with a descriptor is available; it can wait all the same), -EMFILE, -ENFILE, -ENOMEM,
 * -ECHILD. */
STELE_API int stele_subscriber_fd(struct stele_subscriber *subscriber);

/* Reports that the service has applied `version`, for other processes to see
 * (stele_region_subscribers()). Returns 0. Errors: -ENOTSUP (not registered), -ECHILD. */
STELE_API int stele_subscriber_applied(struct stele_subscriber *subscriber, uint64_t version);

/* Saves the subscriber's region to a file, as stele_region_save() does (<stele/region.h>).
 * Errors: those of stele_region_save() that do not concern opening the region; -ECHILD. */
STELE_API int stele_subscriber_save(struct stele_subscriber *subscriber, const char *file,
                                    unsigned flags, uint64_t *ret_oldest, uint64_t *ret_newest);

/* The state of a subscriber. */
struct stele_subscriber_state {
	size_t size; /* in: sizeof(struct stele_subscriber_state) */

	/* The subscriber has a slot, so it can pin versions. */
	bool registered;

	/* A publisher is attached at the moment of the call. */
	bool publisher_attached;

	/* The owner of the region is root, this user, or the owner of the region's directory. */
	bool owner_trusted;

	/* The library's SIGBUS handler is installed at the moment of the call: see THE SIGBUS
	 * HANDLER in <stele/error.h>. */
	bool truncation_handled;
	uid_t owner;

	/* The notifier in use: a name of the list above, or "poll" if the subscriber has none. It
	 * then looks for a new version every few milliseconds as long as there are new ones, and is
	 * woken by the first one after a pause, as the futex waiters are. A static string. */
	const char *notifier;

	/* Why the subscriber is not registered, or is not notified through a queue; "" if neither
	 * applies. The subscriber owns the string. */
	const char *reason;

	/* Time since which a publisher is attached, or since which none is. The latter is the
	 * time of the last publisher's close, or of its last commit if it died. In nanoseconds
	 * since 1970. 0: unknown. */
	uint64_t publisher_since;
};

/* Fills `*ret` with the state of this subscriber. The caller sets ret->size. Returns 0. Errors:
 * -EINVAL (impossible size), -ECHILD. */
STELE_API int stele_subscriber_describe(struct stele_subscriber *subscriber,
                                        struct stele_subscriber_state *ret);

/* Copies the value of one row of the newest version into `buffer`, which has a capacity of `*size`
 * bytes. A NUL follows a value that ends in text or bytes, if the buffer is larger than the value.
 * `expected` is the schema that the caller was compiled with (see stele_table_open()), or NULL if
 * the caller does not depend on the columns. With `expected`, copies the columns of `expected`
 * alone, unless the last one is variable. Sets `*size` to the number of bytes copied, and
 * `*ret_version` (may be NULL) to the version that was read. Returns 1, or 0 if there is no such
 * row. Errors: -EINVAL (the key does not fit the schema; `expected` is no valid schema),
 * -EMEDIUMTYPE (the table has another schema than `expected`), -ENXIO (no such table), -EMSGSIZE
 * (the buffer is too small; `*size` is set to the size needed), -EBADMSG, -ETIME (the publisher was
 * faster than every retry), -ENOMEM, -ECHILD. */
STELE_API int stele_subscriber_get_copy(struct stele_subscriber *subscriber, const char *table,
                                        const struct stele_schema *expected, const void *key,
                                        unsigned key_bits, void *buffer, size_t *size,
                                        uint64_t *ret_version);

/* Copies the row with the longest prefix that matches `key`, as stele_subscriber_get_copy() does.
 * Sets `*ret_key_bits` (may be NULL) to the length of that prefix. */
STELE_API int stele_subscriber_match_copy(struct stele_subscriber *subscriber, const char *table,
                                          const struct stele_schema *expected, const void *key,
                                          unsigned key_bits, void *buffer, size_t *size,
                                          unsigned *ret_key_bits, uint64_t *ret_version);

/* ---- snapshots ---- */

/* Opens a snapshot of `version`, or of the newest version if `version` is 0. `version` is a number
 * of the subscriber's region, as from stele_subscriber_history(). Before the first commit the
 * newest snapshot is at version 0 and has no tables. The caller owns the snapshot and closes it
 * with stele_snapshot_close(). A subscriber pins at most eight different versions at a time.
 * Errors: -ESTALE (the version is no longer held), -ENODATA (no commit has made it yet), -EMFILE (a
 * ninth version), -ETIME (the publisher was faster than every attempt to pin the newest version),
 * -EBADMSG, -ENOMEM, -ECHILD. */
STELE_API int stele_snapshot_open(struct stele_subscriber *subscriber, uint64_t version,
                                  struct stele_snapshot **ret);

/* Closes the snapshot and releases its pin. All pointers read from it become invalid. If threads
 * hold references to it, both happens when the last one is released. Returns NULL. */
STELE_API struct stele_snapshot *stele_snapshot_close(struct stele_snapshot *snapshot);

/* SHARED SNAPSHOTS. Threads that read one snapshot each hold a reference to it, so that none needs
 * to know when the others have finished:
 *
 *     stele_snapshot_open(subscriber, 0, &snapshot);
 *     for (i = 0; i < workers; i++)
 *             start(worker, stele_snapshot_ref(snapshot));
 *     snapshot = stele_snapshot_close(snapshot);
 *
 * and each worker ends with stele_snapshot_unref(). The snapshot stays readable, with its pin,
 * until it is closed and the last reference is released. It keeps its subscriber too: if the
 * subscriber was closed meanwhile, other processes see it until then, and the last
 * stele_snapshot_unref() releases the subscriber's slot, queue and mapping. */

/* Adds a reference to the snapshot, which must be open, or referenced by the calling thread. Any
 * thread may call it, while another one uses the subscriber. Returns the snapshot. */
STELE_API struct stele_snapshot *stele_snapshot_ref(struct stele_snapshot *snapshot);

/* Releases a reference of stele_snapshot_ref(). Any thread may call it. The thread's pointers into
 * the snapshot become invalid; its cursors, changes and indexes must be closed before. Accepts
 * NULL. Returns NULL. In a child of fork(), frees memory only: the parent's pin stays. */
STELE_API struct stele_snapshot *stele_snapshot_unref(struct stele_snapshot *snapshot);

/* Returns the version of the snapshot. */
STELE_API uint64_t stele_snapshot_version(const struct stele_snapshot *snapshot);

/* Sets `*ret` to the snapshot's version and the UUID of its region. */
STELE_API void stele_snapshot_position(const struct stele_snapshot *snapshot,
                                       struct stele_position *ret);

/* Returns 0 if everything read from the snapshot until now was consistent. Errors: -ESTALE (the
 * publisher has reclaimed the version), -EBADMSG (the region's file was truncated), -ECHILD. */
STELE_API int stele_snapshot_check(const struct stele_snapshot *snapshot);

/* Fills `*ret` with the record of the commit that made the snapshot's version. The time is 0 if
 * it is no longer known, as for a pinned version that history has dropped. Returns 0. Errors:
 * -ENODATA (the snapshot is at version 0, which no commit made), -ESTALE, -EBADMSG, -ECHILD. */
STELE_API int stele_snapshot_commit(const struct stele_snapshot *snapshot,
                                    struct stele_commit *ret);

/* Fills `*ret` with what the commit of the snapshot's version did to one of the tables that it
 * changed. `index` counts these tables from 0. Tables of the same rows and schema are not listed.
 * Returns 1, or 0 after the last table. Errors are those of stele_snapshot_commit(). */
STELE_API int stele_snapshot_commit_table(const struct stele_snapshot *snapshot, unsigned index,
                                          struct stele_commit_table *ret);

/* Looks up a row by the name of its table and by its key. `expected` is the schema that the caller
 * was compiled with (see stele_table_open()), or NULL if the caller does not depend on the columns.
 * Returns 1 and fills `*ret`, or returns 0 if there is no such row. Errors: -EINVAL (the key does
 * not fit the schema; `expected` is no valid schema), -EMEDIUMTYPE (the table has another schema
 * than `expected`), -ENXIO (no such table), -ESTALE, -EBADMSG, -ENOMEM, -ECHILD. */
STELE_API int stele_snapshot_get(const struct stele_snapshot *snapshot, const char *table,
                                 const struct stele_schema *expected, const void *key,
                                 unsigned key_bits, struct stele_row *ret);

/* Looks up `count` rows in one call. Their cache misses overlap: in a table that is larger than
 * the processor's caches, a batch costs a fraction of the same number of stele_snapshot_get()
 * calls. Sets ret[i] to the row with keys[i], or to all zeros (.key is NULL) if there is none.
 * Returns the number of rows found. Errors are those of stele_snapshot_get(); then the contents
 * of `ret` are undefined. */
STELE_API int64_t stele_snapshot_get_many(const struct stele_snapshot *snapshot, const char *table,
                                          const struct stele_schema *expected,
                                          const struct stele_key_ref *keys, size_t count,
                                          struct stele_row *ret);

/* Finds the row with the longest key that is a prefix of `key` (longest-prefix match). An address
 * is given with all its bits. Works on every table; if a table's keys are not prefixes, the match
 * finds keys of whole bytes. `key` may have any number of bits up to the table's longest key.
 * Return values and other errors are those of stele_snapshot_get(). */
STELE_API int stele_snapshot_match(const struct stele_snapshot *snapshot, const char *table,
                                   const struct stele_schema *expected, const void *key,
                                   unsigned key_bits, struct stele_row *ret);

/* Matches `count` keys in one call. Results are returned as by stele_snapshot_get_many(). For a
 * lookup per packet, an index is faster: <stele/lpm.h>. */
STELE_API int64_t stele_snapshot_match_many(const struct stele_snapshot *snapshot,
                                            const char *table, const struct stele_schema *expected,
                                            const struct stele_key_ref *keys, size_t count,
                                            struct stele_row *ret);

/* ---- tables of a snapshot: lookups without finding the table by name each time ---- */

/* NAMES. A snapshot remembers the tables that it was asked for, up to 128, so that it costs little
 * to open one again or to name it in a lookup. It remembers an expected schema by its address only
 * if the schema is a constant of the program (static const), or was returned by
 * stele_schema_parse() or stele_schema_copy(). A schema in other memory is compared at each
 * call. */

/* A table of a snapshot. The caller keeps it by value, no longer than the snapshot is open, and
 * has nothing to free. Many threads may use it at once. The members are private. */
struct stele_table {
	const struct stele_snapshot *snapshot;
	uint64_t words_[15];
};

/* Opens a table by its name. `expected` (may be NULL) is the schema that the caller was compiled
 * with. The table may have been altered since (stele_transaction_alter_table()): then values have
 * more bytes than the caller's struct, which their first bytes are. stele_schema_compatible() has
 * the rule. Errors: -ENXIO (no such table), -EMEDIUMTYPE (the table has another schema, or lacks
 * columns of `expected`; the error message shows both schemas), -EINVAL (`expected` fails
 * stele_schema_check()), -ESTALE, -EBADMSG, -ENOMEM, -ECHILD. */
STELE_API int stele_table_open(const struct stele_snapshot *snapshot, const char *name,
                               const struct stele_schema *expected, struct stele_table *ret);

/* Look up rows, as the stele_snapshot_*() functions of the same names do. Errors: -EINVAL,
 * -ESTALE, -EBADMSG, -ECHILD. */
STELE_API int stele_table_get(const struct stele_table *table, const void *key, unsigned key_bits,
                              struct stele_row *ret);
STELE_API int stele_table_match(const struct stele_table *table, const void *key, unsigned key_bits,
                                struct stele_row *ret);
STELE_API int64_t stele_table_get_many(const struct stele_table *table,
                                       const struct stele_key_ref *keys, size_t count,
                                       struct stele_row *ret);
STELE_API int64_t stele_table_match_many(const struct stele_table *table,
                                         const struct stele_key_ref *keys, size_t count,
                                         struct stele_row *ret);

/* Returns the number of rows in the table. */
STELE_API uint64_t stele_table_rows(const struct stele_table *table);

/* Returns the version that last wrote a row of the table, in the sense of stele_row.version. */
STELE_API uint64_t stele_table_version(const struct stele_table *table);

/* What a step of a lookup visits. */
enum stele_step_kind { STELE_STEP_NODE, STELE_STEP_ROW };

/* One step of a lookup: an object that the lookup visits in the table's trie. */
struct stele_step {
	uint32_t kind;    /* enum stele_step_kind */
	uint64_t offset;  /* in the region's file, or in its segment */
	size_t bytes;     /* size of the object */
	uint64_t version; /* version that created the object */
	unsigned depth;   /* bytes of the key that lead to the object */

	/* Of a node: */
	unsigned skipped;  /* key bytes that all keys below share here (path compression) */
	unsigned children; /* number of children */
	unsigned prefixes; /* number of keys that end in the node */
	const char *form;  /* encoding of the children: "bitmap", "list", "direct"; static */
	bool on_way;       /* the key has the skipped bytes */
	int next;          /* key byte that selects the child; -1: the key ends in this node */

	/* Of a row: */
	struct stele_row row; /* as stele_table_get() returns it */
	bool answer;          /* this row is the result of the lookup */

	uint64_t reserved_[4];
};

/* Explains a lookup, for development and debugging of this library: lists the nodes from the root
 * down, and each row that the lookup visits, in this order. `longest` selects the lookup of
 * stele_table_match(), otherwise that of stele_table_get(). Fills at most `capacity` steps, and
 * sets `*ret_count` to the number of steps that there are (at most STELE_KEY_MAX * 9 + 2). Returns
 * 1, or 0 if the lookup finds no row. Errors are those of stele_table_get(). */
STELE_API int stele_table_explain(const struct stele_table *table, const void *key,
                                  unsigned key_bits, bool longest, struct stele_step *steps,
                                  size_t capacity, size_t *ret_count);

/* Copies the table's schema out of the region. The caller frees it with stele_schema_free().
 * Errors: -ESTALE, -EBADMSG, -ENOMEM, -ECHILD. */
STELE_API int stele_table_schema(const struct stele_table *table, struct stele_schema **ret);

/* Lists the names of a snapshot's tables in order, one for each call: replaces `name` (a buffer
 * of STELE_NAME_MAX + 1 bytes) by the name that follows it. Start with "". Returns 1, or 0 after
 * the last name. Errors: -ESTALE, -EBADMSG, -ECHILD. */
STELE_API int stele_snapshot_next_table(const struct stele_snapshot *snapshot, char *name);

/* ---- the newest version of one table: repeated lookups that copy ---- */

/* A table of a subscriber, always at the newest version. The caller keeps it by value, no longer
 * than the subscriber is open. One thread at a time may use it. The members are private. */
struct stele_live {
	struct stele_subscriber *subscriber;
	char name[STELE_NAME_MAX + 1];
	uint64_t words_[23];
};

/* Opens a table for repeated lookups. `expected` is as for stele_table_open(). NULL: the schema
 * that the table has now; lookups then copy whole values, which grow if columns are appended. The
 * handle stays open whatever happens to the table, also after stele_subscriber_reopen(): it answers
 * as long as the table of its name has a schema that can be read as the expected one. The
 * subscriber keeps a copy of the schema until it is closed. Returns 0. Errors are those of
 * stele_table_open(), with -ETIME (the publisher was faster than every retry) in place of
 * -ESTALE. */
STELE_API int stele_live_open(struct stele_subscriber *subscriber, const char *name,
                              const struct stele_schema *expected, struct stele_live *ret);

/* Look up a row of the newest version, as stele_subscriber_get_copy() and
 * stele_subscriber_match_copy() do, without finding the table by name each time. Errors are those
 * of these functions. */
STELE_API int stele_live_get_copy(struct stele_live *table, const void *key, unsigned key_bits,
                                  void *buffer, size_t *size, uint64_t *ret_version);
STELE_API int stele_live_match_copy(struct stele_live *table, const void *key, unsigned key_bits,
                                    void *buffer, size_t *size, unsigned *ret_key_bits,
                                    uint64_t *ret_version);

/* ---- cursors: ordered scans ---- */

struct stele_cursor;

/* A cursor stands before, between or after the rows of its range, in the order of their keys. A
 * step forward or backward returns the row that it passes: stele_cursor_previous() after
 * stele_cursor_next() returns the same row again. The range is the whole table, unless
 * stele_cursor_under() restricts it.
 *
 * All rows in order, many in one call:
 *
 *     stele_cursor_open(&routes, &cursor);
 *     while ((count = stele_cursor_next_many(cursor, rows, 32)) > 0)
 *             for (int64_t i = 0; i < count; i++)
 *                     use((const struct route *)rows[i].value);
 *
 * The rows from the last to the first:
 *
 *     stele_cursor_last(cursor);
 *     while ((r = stele_cursor_previous(cursor, &row)) == 1)
 *             use((const struct route *)row.value);
 *
 * The row with the greatest key below `key`:
 *
 *     stele_cursor_seek(cursor, key, key_bits);
 *     r = stele_cursor_previous(cursor, &row); */

/* Opens a cursor before the first row of a table. The caller owns the cursor and closes it before
 * its snapshot. Errors: -ENOMEM, -ECHILD. */
STELE_API int stele_cursor_open(const struct stele_table *table, struct stele_cursor **ret);

/* Closes the cursor. Returns NULL. */
STELE_API struct stele_cursor *stele_cursor_close(struct stele_cursor *cursor);

/* Places the cursor before the first row of its range whose key is `key` or greater; after the
 * last row of the range if there is none. Returns 0. Errors: -EINVAL (more bits than a key can
 * have), and those of stele_cursor_next(). */
STELE_API int stele_cursor_seek(struct stele_cursor *cursor, const void *key, unsigned key_bits);

/* Restricts the cursor to keys that start with these bits, and places it before the first of
 * them. With 0 bits the cursor covers the whole table again. Return values and errors are those
 * of stele_cursor_seek(). */
STELE_API int stele_cursor_under(struct stele_cursor *cursor, const void *key, unsigned key_bits);

/* Places the cursor after the last row of its range. Returns 0. Errors: those of
 * stele_cursor_next(). */
STELE_API int stele_cursor_last(struct stele_cursor *cursor);

/* Moves over the next row. Returns 1 and fills `*ret`, or returns 0 after the last row. Errors:
 * -ESTALE, -EBADMSG, -ECHILD. */
STELE_API int stele_cursor_next(struct stele_cursor *cursor, struct stele_row *ret);

/* Moves over the next rows, as many as there are up to `capacity`, and fills `ret` with them, in
 * order. Takes less time a row than stele_cursor_next(), because the version is re-checked only
 * once; 32 rows a call are enough for that. The two may be mixed. Returns the number of rows, which
 * is less than `capacity` only at the end of the range or before damage, and 0 after the last row.
 * Errors are those of stele_cursor_next(); the contents of `ret` are undefined then. */
STELE_API int64_t stele_cursor_next_many(struct stele_cursor *cursor, struct stele_row *ret,
                                         size_t capacity);

/* Moves over the row before the cursor. Returns 1 and fills `*ret`, or returns 0 before the first
 * row. A step backward takes longer than one forward, and a change of direction as long as a seek.
 * Errors are those of stele_cursor_next(). */
STELE_API int stele_cursor_previous(struct stele_cursor *cursor, struct stele_row *ret);

/* ---- changes: the difference between two versions ---- */

struct stele_changes;

enum stele_change_kind { STELE_ADDED = 1, STELE_CHANGED, STELE_REMOVED };

/* One row that differs. */
struct stele_change {
	uint32_t kind;           /* enum stele_change_kind */
	struct stele_row before; /* not for STELE_ADDED */
	struct stele_row after;  /* not for STELE_REMOVED */
	uint64_t reserved_[2];
};

/* Opens the changes of a table between two snapshots of one subscriber, in the order of the keys.
 * Either table may be NULL, for a table that does not exist on that side: all rows count as added
 * or removed. The schema of one table must extend that of the other (stele_schema_compatible()).
 * The caller owns the changes and closes them before the snapshots.
 *
 * If the table was altered in between, or an alter was rolled back, rows are compared and returned
 * with the columns of the table after: `before` is given the defaults of columns that were
 * appended, and loses columns that were taken back. So an alter alone changes no row, and neither
 * does its rollback. `after` is always a value of the later schema. (`before` may hold a word of an
 * enumeration that a rollback took back.) Such changes cost as much as a scan of both tables. A
 * value to which columns were appended is a copy, valid until the next call on the changes.
 *
 * Errors: -EINVAL (no table is given, or the snapshots belong to two subscribers), -EMEDIUMTYPE
 * (rows of the two schemas can't be compared), -EBADMSG, -ESTALE, -ENOMEM, -ECHILD. */
STELE_API int stele_changes_open(const struct stele_table *before, const struct stele_table *after,
                                 struct stele_changes **ret);

/* Closes the changes. Returns NULL. */
STELE_API struct stele_changes *stele_changes_close(struct stele_changes *changes);

/* Restricts the changes to keys that start with these bits, and starts again with the first of
 * them. With 0 bits, all changes are returned again. Costs one descent of the trie, however much
 * else has changed. Returns 0. Errors: -EINVAL (more bits than a key can have), -ESTALE,
 * -EBADMSG, -ECHILD. */
STELE_API int stele_changes_under(struct stele_changes *changes, const void *key,
                                  unsigned key_bits);

/* Moves to the next change. A row counts as changed if its value differs. Returns 1 and fills
 * `*ret`, or returns 0 after the last change. Either return value also confirms that all changes
 * returned before were consistent. Errors: -ESTALE (the publisher has reclaimed one of the two
 * versions: the changes returned before are incomplete, and the last of them may be wrong),
 * -EBADMSG, -ECHILD. */
STELE_API int stele_changes_next(struct stele_changes *changes, struct stele_change *ret);

/* Returns 0 if all changes returned until now were consistent. For a caller that must know this
 * after it used a row and before the next call of stele_changes_next(). Errors are those of
 * stele_changes_next(). */
STELE_API int stele_changes_check(const struct stele_changes *changes);

/* Sets `*ret_from` and `*ret_to` (either may be NULL) to the two versions that are compared. A
 * version is 0 where there was none. */
STELE_API void stele_changes_versions(const struct stele_changes *changes, uint64_t *ret_from,
                                      uint64_t *ret_to);

/* Sets `*ret` to the version after the changes and the UUID of its region: a position from which
 * stele_changes_since() continues, once all changes were applied. */
STELE_API void stele_changes_position(const struct stele_changes *changes,
                                      struct stele_position *ret);

/* Returned by stele_changes_since(). Not an error: the changes since that version can no longer
 * be found. */
#define STELE_GAP 2

/* Opens the changes of a table from position `since` to the newest version. `since` NULL, and a
 * version of 0, are the time before the first commit: all rows count as added. A table that does
 * not exist at one of the two versions counts as empty there. `expected` (may be NULL) is the
 * schema that the caller was compiled with, as for stele_table_open(): every row of the changes has
 * its columns. The caller owns the changes and closes them before the subscriber; until then, they
 * pin both versions.
 *
 * Returns 0, or STELE_GAP without opening anything. STELE_GAP means that history no longer holds
 * `since`, that it is a position in another region, or that the table had another schema then.
 * Discard all rows and continue from NULL.
 *
 * Errors: -EINVAL (name, position, `expected`), -EMEDIUMTYPE (the table has another schema than
 * `expected` now: the error message shows both), -EMFILE (fewer than two pins are free), -ETIME
 * (the publisher was faster than every retry), -EBADMSG, -ENOMEM, -ECHILD.
 *
 * This loop keeps a copy of a table up to date (docs/examples/changes.c is a complete program):
 *
 *     struct stele_position position = {0};
 *
 *     for (;;) {
 *             r = stele_changes_since(subscriber, "routes", &route_schema, &position, &changes);
 *             if (r == 0) {
 *                     while ((r = stele_changes_next(changes, &change)) == 1)
 *                             apply(&change);
 *                     if (r == 0)
 *                             stele_changes_position(changes, &position);
 *                     changes = stele_changes_close(changes);
 *             }
 *             if (r == STELE_GAP || r == -ESTALE) {
 *                     forget_all();
 *                     position = (struct stele_position){0};
 *                     continue;
 *             }
 *             if (r < 0)
 *                     break;
 *             stele_subscriber_applied(subscriber, position.version);
 *             r = stele_subscriber_wait(subscriber, position.version, STELE_FOREVER, &newest);
 *             if (r < 0)
 *                     break;
 *     }
 *
 * The loop loses no change and applies none twice. Between two rounds, `position` is that of the
 * copy; a process that stores both can resume from it after a restart, also if the region was
 * created again meanwhile. */
STELE_API int stele_changes_since(struct stele_subscriber *subscriber, const char *table,
                                  const struct stele_schema *expected,
                                  const struct stele_position *since, struct stele_changes **ret);

#ifdef __cplusplus
}
#endif

#endif
