/* SPDX-License-Identifier: MIT
 *
 * Reading. A subscriber maps a region read-only and never waits for anybody when it reads.
 *
 *     struct stele_subscriber *subscriber;
 *     struct stele_snapshot *snapshot;
 *     struct stele_row row;
 *     uint64_t version = 0;
 *
 *     stele_subscriber_open("net", NULL, &subscriber);
 *     while (stele_subscriber_wait(subscriber, version, STELE_FOREVER, &version) == 1) {
 *             stele_snapshot_open(subscriber, 0, &snapshot);
 *             if (stele_snapshot_match(snapshot, "routes", address, 32, &row) == 1)
 *                     use((const struct route *)row.value);
 *             version = stele_snapshot_version(snapshot);
 *             snapshot = stele_snapshot_close(snapshot);
 *     }
 *
 * Three ways to read:
 *
 * - stele_subscriber_get() copies one row of the newest version out, and judges afterwards that the
 *   copy is whole. It writes nothing anywhere.
 * - A snapshot is all tables at one version, pinned: read it in place, for as long as wanted. The
 *   publisher honours a pin unless it runs out of memory; then the snapshot says -ESTALE.
 * - stele_changes_*() gives what differs between two versions, at the cost of what differs, and
 *   stele_subscriber_follow() does that for ever.
 *
 * Pointers into the region (row.key, row.value) hold until their snapshot is closed. A service that
 * must know that a row was still whole when it had used it asks stele_snapshot_check() after the
 * use; what the library copies or compares itself, it has checked.
 *
 * THREADS. A subscriber is used by one thread at a time. A snapshot, once open, may be read by many
 * threads at the same time (get, match, tables, cursors of their own); opening and closing it
 * counts as use of its subscriber.
 *
 * PROMISES. Versions only rise. All tables of a commit appear at once. After wait returned v, a
 * snapshot is v or newer. A subscriber that can't register itself (no write access, no room) still
 * reads and waits; its snapshots are then not pinned, and may become -ESTALE at any time after
 * the publisher's history has moved on: stele_subscriber_describe() says so, and why.
 */
#ifndef STELE_SUBSCRIBER_H
#define STELE_SUBSCRIBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <stele/error.h>
#include <stele/region.h>
#include <stele/schema.h>

#ifdef __cplusplus
extern "C" {
#endif

struct stele_subscriber;
struct stele_snapshot;

#define STELE_FOREVER INT64_MAX /* as a deadline */

/* A row, read in place. */
struct stele_row {
	const void *key; /* as encoded; key_bits of it count */
	unsigned key_bits;
	const void *value; /* aligned for the value's struct (8 bytes) */
	size_t value_size;
	uint64_t version; /* that last wrote this row: also one that wrote what was there before, by
	                       changing it and back, or by deleting and putting it, in one transaction.
	                       Putting a row as it is writes nothing */
};

/* ---- subscribers ---- */

#define STELE_UNREGISTERED \
	8u /* don't register: no slot, no queue, no pins; nobody sees this reader */
#define STELE_ANY_OWNER 4096u /* read the region whoever its owner is */
#define STELE_ONE_OWNER 8192u /* read it only if its owner is options.owner */

/* OWNERS. Any user can make a region of any name in /dev/shm, so the name does not say who wrote the
 * rows; the owner of the region's file does. Three owners are trusted: root, this user, and the owner of
 * the directory that the region is in (that of /dev/shm is root).
 *
 *   by default        root reads only what a trusted owner made (-EPERM; the sentence names the owner);
 *                     every other user reads what the region's mode lets it read, as services seldom
 *                     run as the user who publishes for them. stele_subscriber_describe() says
 *                     whose region it is, and whether that owner is trusted
 *   STELE_ONE_OWNER   only what options.owner made (-EPERM), trusted or not: for a service that knows
 *                     who publishes for it
 *   STELE_ANY_OWNER   what anybody made
 *
 * The owner is asked of the open file, before anything in it is read, and again whenever the
 * subscriber opens the region's next file: where that is another user's, the region is another one (-ESTALE
 * from stele_subscriber_wait()). A saved file (file:PATH) is read whoever's it is, but for
 * STELE_ONE_OWNER. */

struct stele_subscriber_options {
	size_t size; /* sizeof(struct stele_subscriber_options) */
	unsigned
		flags; /* STELE_UNREGISTERED, STELE_ANY_OWNER, STELE_ONE_OWNER, STELE_NO_SIGBUS_HANDLER (see
	                   <stele/error.h>) */
	const char *notifier; /* one of those below; NULL: "auto" */
	int64_t spin; /* nanoseconds that stele_subscriber_wait() looks at the newest version, keeping
	                   a core busy, before it blocks; 0: none. Who is found spinning costs the
	                   publisher no system call and sees the version as fast as memory tells */
	const char *const
		*tables; /* names, ended by NULL: wait only for versions that changed one of
	                   them; NULL, or none: for every version. Copied. The publisher is told of up to
	                   eight, and leaves this subscriber alone when it changes none of them; who
	                   names more is woken by every version, and may look in vain */
	uid_t owner;     /* with STELE_ONE_OWNER: the user whose region it must be; else 0 */
};

/* NOTIFIERS. By what a subscriber is woken when there is a new version. Whatever it is, a notice is a
 * hint, and a subscriber that waits looks by itself once a second: one that is lost, held back or
 * forged costs a look or that second, and never a version. "Descriptor" says whether
 * stele_subscriber_fd() has one.
 *
 *   auto       mq, or futex where no queue can be had: then stele_subscriber_describe() says why
 *   mq         a POSIX message queue of the subscriber's. Descriptor: yes. Needs one of the system's
 *              (fs.mqueue.queues_max, 256 if nobody raised it) and of the user's (ulimit -q), and the
 *              publisher's IPC namespace
 *   socket     a Unix datagram socket in the region's folder. Descriptor: yes
 *   fifo       a named pipe there. Descriptor: yes. Only for the user whose region it is (-EPERM):
 *              the reader of a pipe can hold up who writes to it
 *   signal     a queued real-time signal. Descriptor: yes. Takes a number from SIGRTMAX down to
 *              SIGRTMAX-7 for each subscriber of the process; -EBUSY where none is left that has its
 *              default action. The library installs no handler, so the application must see to it that
 *              the number is blocked in every thread of the process, for as long as that lives: block
 *              SIGRTMAX-7 to SIGRTMAX in main() before threads are made. One that is found unblocked
 *              at the open is -EBUSY, one that is unblocked later ends the process. At the close the
 *              number stays blocked. Only where the region's owner is root or this user (-EPERM),
 *              and for a publisher that sees this process in its PID namespace and /proc: others do
 *              not notify it
 *   semaphore  a binary semaphore in the subscriber's slot. Descriptor: no. Needs nothing
 *   sysv       a System V message queue, one for the region, which the publisher makes when the first
 *              such subscriber waits; until then that waits as with semaphore. Descriptor: no. Starts a
 *              thread, which ends waits that last too long, and has all signals blocked: naming this
 *              notifier is asking for it. Needs the publisher's IPC namespace
 *   futex      the head of the region itself. Descriptor: no. Needs nothing; a commit wakes all
 *              that wait in this way */

/* Attaches to a region as a subscriber. Makes a slot in the subscribers' file and a message queue
 * where it can, and falls back where it can't: never an error for that alone, unless the options
 * name a notifier. Errors: -EINVAL (name, options), -ENOENT (no such region; the sentence names the
 * path), -ENOTDIR, -EACCES (also: its System V segment is in another IPC namespace), -EPERM (its owner is not
 * one that is read, see OWNERS; others than its owner may write it; or its segment does not let this
 * user in), -EBADMSG (not a region, or
 * damaged), -EPROTONOSUPPORT (another layout), -ESTALE (on a disk, and of an earlier boot: to be read
 * as soon as a publisher has opened it), -ENOMEM, -EMFILE, -ENFILE, and, with a notifier named, what
 * kept it from being had: also -EPERM, -EBUSY, -ENOSPC, and -ENOTSUP (a queue made here is not seen
 * by the publisher, which is in another IPC namespace). */
STELE_API int stele_subscriber_open(const char *region,
                                    const struct stele_subscriber_options *options,
                                    struct stele_subscriber **ret);

/* Detaches: closes snapshots that are still open, removes the queue, frees the slot. Returns
 * NULL. */
STELE_API struct stele_subscriber *stele_subscriber_close(struct stele_subscriber *subscriber);

/* Copies the UUID of the region that this subscriber opened, 16 bytes, to `ret_uuid`. It stays
 * the same for the subscriber's life: a region that takes the name of this one has another. Keep
 * it beside every version that is to outlive the subscriber, because a region that was made
 * anew, or was loaded, counts from a version that the other one had, too.
 * (stele_region_describe() finds the region that has the name at the moment of the call.) */
STELE_API void stele_subscriber_region_uuid(const struct stele_subscriber *subscriber,
                                            uint8_t *ret_uuid);

/* The newest version now; 0 before the first commit. Errors: -EBADMSG, -ECHILD. */
STELE_API int stele_subscriber_version(struct stele_subscriber *subscriber, uint64_t *ret_version);

/* The versions that can be opened by number now: the oldest that history holds, and the newest. Both
 * are 0 before the first commit. The oldest may have gone by the time it is opened. Errors:
 * -EBADMSG, -ECHILD. */
STELE_API int stele_subscriber_history(struct stele_subscriber *subscriber, uint64_t *ret_oldest,
                                       uint64_t *ret_newest);

/* Blocks until there is a version newer than `since` (with options.tables: in which one of them was
 * changed, made or dropped after `since`), or until `deadline_ns` on CLOCK_MONOTONIC, in
 * nanoseconds (0, or any time that has passed: look and return; STELE_FOREVER). Returns 1 and sets
 * `*ret_version` to the newest version, or 0 at the deadline. Interrupted by a signal, it goes on
 * with the time left. It looks by itself at least once a second, so a publisher that died between a
 * commit and its notice delays nobody for longer. Errors: -ENOENT (the region was removed), -ESTALE
 * (it was replaced by another of its name, or another user's: open it again), -EBADMSG, -ECHILD. */
STELE_API int stele_subscriber_wait(struct stele_subscriber *subscriber, uint64_t since,
                                    int64_t deadline_ns, uint64_t *ret_version);

/* A descriptor for poll(2) and epoll(7): readable when there may be a newer version, and at least
 * once a second. When it is, call stele_subscriber_wait(subscriber, since, 0, &version), which also
 * makes it unreadable again. It belongs to the subscriber: don't read or close it. Errors:
 * -ENOTSUP: the notifier in use has none; -EMFILE, -ENFILE, -ENOMEM. */
STELE_API int stele_subscriber_fd(const struct stele_subscriber *subscriber);

/* Reports that the service has applied a version, for others to see. -ENOTSUP when not
 * registered. */
STELE_API int stele_subscriber_applied(struct stele_subscriber *subscriber, uint64_t version);

/* Writes the subscriber's region into a file, as stele_region_save() does (<stele/region.h>). Errors: those
 * of stele_region_save() that are not of opening the region; -ECHILD. */
STELE_API int stele_subscriber_save(struct stele_subscriber *subscriber, const char *file,
                                    unsigned flags, uint64_t *ret_oldest, uint64_t *ret_newest);

/* How this subscriber is attached. */
struct stele_subscriber_state {
	size_t size;
	bool registered;      /* it has a slot: it can pin */
	const char *notifier; /* one of those above, or "poll": gets no notice of its own; it looks
	                           every few milliseconds, or, while nothing changes, ten times a second
	                           and when a commit wakes all who read. Static */
	const char *reason;   /* why it is not registered or not on its queue; "" if it is. The
	                           subscriber's */
	bool publisher_attached; /* at the moment of the call */
	uint64_t
		publisher_since; /* attached since, or, if not, gone since (its close, or where it died its
	                            last commit), in nanoseconds since 1970; 0: not known */
	uid_t owner;             /* of the region */
	bool owner_trusted; /* who is this user, root, or the owner of the region's directory */
};
STELE_API int stele_subscriber_describe(struct stele_subscriber *subscriber,
                                        struct stele_subscriber_state *ret);

/* Copies a row of the newest version into `buffer`, which has room for `*size` bytes; sets `*size`
 * to the value's size, and `*ret_version` (may be NULL) to the version that was read. Returns 1, or
 * 0 where there is no such row. Errors: -EINVAL (the key doesn't fit), -ENOENT (no such table),
 * -EMSGSIZE (`*size` says what is needed), -EBADMSG, -ESTALE (the publisher outran every try),
 * -ECHILD. */
STELE_API int stele_subscriber_get(struct stele_subscriber *subscriber, const char *table,
                                   const void *key, unsigned key_bits, void *buffer, size_t *size,
                                   uint64_t *ret_version);
/* The same, with the longest prefix that matches; `*ret_key_bits` (may be NULL) is its length. */
STELE_API int stele_subscriber_match(struct stele_subscriber *subscriber, const char *table,
                                     const void *key, unsigned key_bits, void *buffer, size_t *size,
                                     unsigned *ret_key_bits, uint64_t *ret_version);

/* ---- snapshots ---- */

/* Opens the newest version (0) or a given one. A snapshot at version 0 (before the first commit)
 * has no tables. It belongs to the caller: stele_snapshot_close(). A subscriber pins at most eight
 * different versions at a time. Errors: -ENOENT (that version is no longer, or not yet, there),
 * -EMFILE (a ninth version), -ESTALE (the publisher outran every try to take the newest), -EBADMSG,
 * -ENOMEM, -ECHILD. */
STELE_API int stele_snapshot_open(struct stele_subscriber *subscriber, uint64_t version,
                                  struct stele_snapshot **ret);
STELE_API struct stele_snapshot *stele_snapshot_close(struct stele_snapshot *snapshot);

STELE_API uint64_t stele_snapshot_version(const struct stele_snapshot *snapshot);

/* 0 while everything read from the snapshot until now was whole; -ESTALE when the publisher has
 * taken the version back; -EBADMSG when the region's file was truncated. */
STELE_API int stele_snapshot_check(const struct stele_snapshot *snapshot);

/* The record of the commit that made the snapshot's version. Of a version that history has let go
 * of while it was pinned, the time may not be known any more: then it is 0. Errors: -ENOENT (a
 * snapshot at version 0: nobody made it), -ESTALE, -EBADMSG, -ECHILD. */
STELE_API int stele_snapshot_commit(const struct stele_snapshot *snapshot,
                                    struct stele_commit *ret);

/* What that commit did to its tables, one by one: 1 and `*ret` for `index` from 0 on, 0 after the
 * last. A table in which no row is another is not among them. Errors: as _commit. */
STELE_API int stele_snapshot_commit_table(const struct stele_snapshot *snapshot, unsigned index,
                                          struct stele_commit_table *ret);

/* Finds a row by its key: 1 and `*ret`, or 0 where there is none. Errors: -EINVAL (the key doesn't
 * fit the schema), -ENOENT (no such table), -ESTALE, -EBADMSG, -ECHILD. */
STELE_API int stele_snapshot_get(const struct stele_snapshot *snapshot, const char *table,
                                 const void *key, unsigned key_bits, struct stele_row *ret);

/* A key, for calls that take many: `bits` bits at `data`, which stays the caller's. */
struct stele_key_ref {
	const void *data;
	unsigned bits;
};

/* Finds many rows in one call, which costs a fraction of as many calls of _get once the table is larger
 * than the processor's caches: they wait for memory together. ret[i] is the row with keys[i], or all
 * zeros (.key is NULL) where there is none. Returns how many were found; or an error as _get, and then `ret`
 * holds nothing. */
STELE_API int64_t stele_snapshot_get_many(const struct stele_snapshot *snapshot, const char *table,
                                          const struct stele_key_ref *keys, size_t count,
                                          struct stele_row *ret);

/* Finds the longest prefix in the table that `key` starts with: an address has all its bits. Works
 * on every table; on one whose keys aren't prefixes it finds keys that are whole bytes. Returns and
 * errors as _get, but any number of key bits up to the table's longest key fits. */
STELE_API int stele_snapshot_match(const struct stele_snapshot *snapshot, const char *table,
                                   const void *key, unsigned key_bits, struct stele_row *ret);

/* The same for many keys in one call, as _get_many is for _get. Who looks up addresses at the rate of packets
 * makes an index: <stele/index.h>. */
STELE_API int64_t stele_snapshot_match_many(const struct stele_snapshot *snapshot,
                                            const char *table, const struct stele_key_ref *keys,
                                            size_t count, struct stele_row *ret);

/* ---- one table of a snapshot, without looking its name up each time ---- */

/* A table in a snapshot: a value, to be kept by the caller (nothing to free) no longer than the
 * snapshot. Many threads may use it at once. The members are the library's. */
struct stele_table {
	const struct stele_snapshot *snapshot;
	uint64_t words_[5];
};

/* Opens a table by its name. `expected` (may be NULL) is the schema that the service was built
 * with. Errors: -ENOENT, -EINVAL (the table's schema is another one: the sentence shows both),
 * -ESTALE, -EBADMSG, -ENOMEM, -ECHILD. */
STELE_API int stele_table_open(const struct stele_snapshot *snapshot, const char *name,
                               const struct stele_schema *expected, struct stele_table *ret);
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
STELE_API uint64_t stele_table_rows(const struct stele_table *table); /* how many there are */
STELE_API uint64_t
stele_table_version(const struct stele_table *table); /* that last wrote it: one of
                                                                          its rows, as stele_row has it */

/* One object on the way of a lookup down the table's trie. */
struct stele_step {
	enum { STELE_STEP_NODE, STELE_STEP_ROW } kind;
	uint64_t offset;  /* in the region's file, or its segment */
	size_t bytes;     /* that it takes */
	uint64_t version; /* that made it */
	unsigned depth;   /* bytes of the key that lead to it */
	/* Of a node: */
	unsigned skipped;  /* bytes that all keys below it have next */
	unsigned children; /* how many there are */
	unsigned prefixes; /* how many keys end in it */
	const char *
		form; /* "bitmap", "list", "direct": how it says which children there are. Static */
	bool on_way;  /* the key has these bytes */
	int next;     /* the byte by which the key goes on; -1: it ends in this node */
	/* Of a row: */
	struct stele_row row; /* as stele_table_get() gives one */
	bool answer;          /* it is what the lookup gives */
};

/* Tells the way of a lookup, for who develops or doubts this library: its nodes from the root, and each
 * row that it comes by, in this order. `longest`: that of stele_table_match(), else that of _get(). Fills up
 * to `room` steps; `*ret_count` is how many there are (STELE_KEY_MAX * 9 + 2 at most). Returns 1, or 0 where
 * there is no row. Errors as of stele_table_get(). */
STELE_API int stele_table_explain(const struct stele_table *table, const void *key,
                                  unsigned key_bits, bool longest, struct stele_step *steps,
                                  size_t room, size_t *ret_count);

/* The table's schema, as stored in the region, to be freed with stele_schema_free(). Errors:
 * -ESTALE, -EBADMSG, -ENOMEM. */
STELE_API int stele_table_schema(const struct stele_table *table, struct stele_schema **ret);

/* The names of a snapshot's tables, in order: writes the name after `name` ("" for the first) into
 * `name` (STELE_NAME_MAX + 1 bytes). Returns 1, or 0 after the last. Errors: -ESTALE, -EBADMSG,
 * -ECHILD. */
STELE_API int stele_snapshot_next_table(const struct stele_snapshot *snapshot, char *name);

/* ---- the newest version of one table, read by copying, again and again ---- */

/* A table of a subscriber that follows the versions: a value, to be kept by the caller no longer
 * than the subscriber, used by one thread at a time. The members are the library's. */
struct stele_live {
	struct stele_subscriber *subscriber;
	char name[STELE_NAME_MAX + 1];
	uint64_t words_[8];
};

/* Errors as stele_table_open. Get and match as stele_subscriber_get and _match, and -EINVAL after
 * the table was dropped and made again with another schema. */
STELE_API int stele_live_open(struct stele_subscriber *subscriber, const char *name,
                              const struct stele_schema *expected, struct stele_live *ret);
STELE_API int stele_live_get(struct stele_live *table, const void *key, unsigned key_bits,
                             void *buffer, size_t *size, uint64_t *ret_version);
STELE_API int stele_live_match(struct stele_live *table, const void *key, unsigned key_bits,
                               void *buffer, size_t *size, unsigned *ret_key_bits,
                               uint64_t *ret_version);

/* ---- cursors: rows in the order of their keys ---- */

struct stele_cursor;

/* Opens a cursor before the first row. It belongs to the caller and must be closed before its
 * snapshot. Errors: -ENOMEM, -ECHILD. */
STELE_API int stele_cursor_open(const struct stele_table *table, struct stele_cursor **ret);
STELE_API struct stele_cursor *stele_cursor_close(struct stele_cursor *cursor);

/* Places the cursor before the first row, of those that it is restricted to (_under), whose key is not
 * less than `key`. 0, or as _next; -EINVAL: more bits than a key can have. */
STELE_API int stele_cursor_seek(struct stele_cursor *cursor, const void *key, unsigned key_bits);

/* Restricts the cursor to keys that start with these bits, and places it before the first of them;
 * with 0 bits it sees all rows again. Returns as _seek. */
STELE_API int stele_cursor_under(struct stele_cursor *cursor, const void *key, unsigned key_bits);

/* The next row: 1 and `*ret`, or 0 after the last. Errors: -ESTALE, -EBADMSG, -ECHILD. */
STELE_API int stele_cursor_next(struct stele_cursor *cursor, struct stele_row *ret);

/* ---- changes between two snapshots ---- */

struct stele_changes;

enum stele_change_kind { STELE_ADDED = 1, STELE_CHANGED, STELE_REMOVED };

struct stele_change {
	enum stele_change_kind kind;
	struct stele_row before; /* not for STELE_ADDED */
	struct stele_row after;  /* not for STELE_REMOVED */
};

/* Opens the difference of a table between two snapshots of one subscriber, in the order of keys.
 * Either may be NULL: no such table on that side, so all rows were added, or removed. The tables
 * must have equal schemas (-EINVAL). It belongs to the caller and must be closed before the
 * snapshots. Errors: -EINVAL, -ENOMEM, -ECHILD. */
STELE_API int stele_changes_open(const struct stele_table *before, const struct stele_table *after,
                                 struct stele_changes **ret);
STELE_API struct stele_changes *stele_changes_close(struct stele_changes *changes);

/* Restricts the changes to keys that start with these bits, and starts with the first of them; with
 * 0 bits it gives all again. Costs a walk down to them, whatever else has changed. 0, or errors:
 * -EINVAL (more bits than a key can have), -ESTALE, -EBADMSG, -ECHILD. */
STELE_API int stele_changes_under(struct stele_changes *changes, const void *key,
                                  unsigned key_bits);

/* The next change: 1 and `*ret`, or 0 after the last. A row is changed when its value is another. A
 * call that returns 1 or 0 vouches for all that the calls before it gave. Errors: -ESTALE (one of the
 * versions was taken back: what was given before is not all, and the last of it may be wrong),
 * -EBADMSG, -ECHILD. */
STELE_API int stele_changes_next(struct stele_changes *changes, struct stele_change *ret);

/* 0 while everything that the changes gave until now was whole, or errors as _next: to be asked after
 * the use of a row by who must know before the next call. */
STELE_API int stele_changes_check(const struct stele_changes *changes);

/* The versions between which the changes are; 0 where there was none. Either may be NULL. */
STELE_API void stele_changes_versions(const struct stele_changes *changes, uint64_t *ret_from,
                                      uint64_t *ret_to);

#define STELE_GAP 2 /* no error: the changes since then can't be told any more */

/* Opens the changes of a table from version `since` to the newest. `since` 0 is the time before the
 * first commit: all rows are added. Where the table did not exist at one of the two versions, it had
 * no rows there. It belongs to the caller, who closes it before the subscriber; until then it pins
 * both versions. Returns 0, or STELE_GAP, and opens nothing, when history does not hold `since` any
 * more, or never got that far (the region was made anew), or when the table was made again with
 * another schema: then forget all rows, and go on from 0. Errors: -EINVAL (name), -EMFILE (no two
 * pins left), -ESTALE (the publisher outran every try), -EBADMSG, -ENOMEM, -ECHILD.
 *
 * A subscriber that keeps a copy of a table up to date, and nothing else, is this loop
 * (docs/examples/changes.c is one as a whole):
 *
 *     for (;;) {
 *             r = stele_changes_since(subscriber, "routes", version, &changes);
 *             if (r == 0) {
 *                     while ((r = stele_changes_next(changes, &change)) == 1)
 *                             apply(&change);
 *                     stele_changes_versions(changes, NULL, &newest);
 *                     changes = stele_changes_close(changes);
 *             }
 *             if (r == STELE_GAP || r == -ESTALE) {
 *                     forget_all();
 *                     version = 0;
 *                     continue;
 *             }
 *             if (r < 0)
 *                     break;
 *             version = newest;
 *             stele_subscriber_applied(subscriber, version);
 *             r = stele_subscriber_wait(subscriber, version, STELE_FOREVER, &newest);
 *             if (r < 0)
 *                     break;
 *     }
 *
 * Nothing is lost in it and nothing comes twice: between two rounds `version` says what the copy is.
 * To go on after a restart of the process, keep the region's UUID (stele_subscriber_region_uuid)
 * with the version. Where the subscriber's region has another UUID, treat it as a STELE_GAP: versions
 * of another region say nothing. */
STELE_API int stele_changes_since(struct stele_subscriber *subscriber, const char *table,
                                  uint64_t since, struct stele_changes **ret);

/* ---- following: the loop above as one call ---- */

enum stele_event_kind {
	STELE_EVENT_INITIAL = 1, /* a row that is there at the start: .change is STELE_ADDED */
	STELE_EVENT_INITIAL_END, /* those were all rows, at .version */
	STELE_EVENT_CHANGE,      /* one row is another */
	STELE_EVENT_APPLIED,     /* those were all changes up to .version */
	STELE_EVENT_RESYNC,      /* forget all rows; all that there are follow as at the start */
};

/* Holds, with all that it points to, until the callback returns. */
struct stele_event {
	enum stele_event_kind kind;
	uint64_t version;      /* of the batch that this belongs to; _RESYNC: 0 */
	const uint8_t *region; /* UUID of the region, 16 bytes: what .version is a version of */
	const char *table;     /* _INITIAL, _CHANGE: which; else NULL */
	const struct stele_schema *schema; /* ... its schema */
	struct stele_change change;        /* ... what; a copy, whole */
	uint64_t count;                    /* rows or changes given in this batch until now */
};

struct stele_follow_options {
	size_t size;       /* sizeof(struct stele_follow_options) */
	const char *table; /* only this one, which need not be there yet; NULL: all */
	const struct stele_schema *schema; /* that the table must have (-EINVAL); NULL: any */
	const void *prefix;                /* with a table: only keys that start with these bits */
	unsigned prefix_bits;
	uint64_t since; /* go on from this version, which the caller has whole; 0: from nothing */
	const uint8_t *region; /* with .since: the UUID of the region that it is a version of */
	int64_t deadline_ns;   /* on CLOCK_MONOTONIC, as of stele_subscriber_wait(); 0: for ever */
};

/* Tells a callback all rows, and from then on what changes, for ever. It is called in this thread,
 * and may rely on this:
 *
 * - At first come an _INITIAL for each row and an _INITIAL_END; with .since neither. After that come
 *   batches: a _CHANGE for each row that is another than it was told last, and an _APPLIED.
 * - Each batch is the difference of two versions, the second of which is the newest when the batch
 *   begins: versions that follow each other faster than the callback returns come as one batch, in
 *   which each row stands once. A batch may be empty, when a version changed other tables. Tables
 *   are in order of their names, in each the rows in order of their keys.
 * - After _INITIAL_END and _APPLIED the caller has all of .version and nothing else. Once the callback
 *   has returned from it, the version is reported as applied (stele_subscriber_applied), and it and
 *   the region's UUID are what .since and .region take to go on from there, in another process too.
 * - Between these two a _RESYNC may come at any place: the publisher has taken back a version that
 *   was being told, or, first of all, the version of .since is not held any more or is of
 *   another region. All that was told before is void then. What was told of the batch was true, but
 *   not all; so a caller that must never show half a batch keeps it aside until the batch's end.
 * - No change is left out and none comes twice, but for what a _RESYNC makes void.
 * - A table that is dropped gives a removal for each row; one that is made gives additions; one that
 *   is made again with other columns gives both, each with its own schema. A table without rows
 *   is not told of.
 *
 * A subscriber that named tables (options.tables) is woken for those. What else it follows is given to it
 * within a second, and where there is nothing to give, an _APPLIED with a count of 0.
 *
 * The callback may read through the subscriber and open snapshots, but not close it. It returns 0 to
 * go on; anything else ends the call, which returns it. So does what happens at the deadline, with 0.
 * A call that ended before _INITIAL_END or _APPLIED leaves the caller with a part of a batch. While it
 * runs it pins one version, in a batch two. Errors: -EINVAL (options; the table has another schema),
 * -ENOENT (the region was removed), -ESTALE (it was replaced by another of its name; or the publisher
 * outran this reader until the deadline), -EMFILE, -EBADMSG, -ENOMEM, -ECHILD. */
STELE_API int stele_subscriber_follow(
	struct stele_subscriber *subscriber, const struct stele_follow_options *options,
	int (*on_event)(const struct stele_event *event, void *userdata), void *userdata);

#ifdef __cplusplus
}
#endif

#endif
