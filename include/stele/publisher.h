/* SPDX-License-Identifier: MIT
 *
 * Writing. A publisher is attached to a region, alone, or together with others that all ask for it
 * (STELE_SHARED). It changes tables in transactions: everything between begin and commit becomes
 * visible at once, as one new version, or, after abort, error or death of the process, not at all.
 *
 *     struct stele_publisher *publisher;
 *     struct stele_transaction *tx;
 *     uint64_t version;
 *
 *     stele_publisher_open("net", &(struct stele_publisher_options){
 *             .size = sizeof(struct stele_publisher_options), .flags = STELE_CREATE }, &publisher);
 *     stele_transaction_begin(publisher, &tx);
 *     stele_table_create(tx, "routes", &route_schema);
 *     stele_put(tx, "routes", prefix, 24, &route, sizeof(route));
 *     stele_transaction_commit(tx, "first routes", &version);
 *     publisher = stele_publisher_close(publisher);
 *
 * A subscriber costs a publisher no waiting: stopped, dead and hostile ones included.
 */
#ifndef STELE_PUBLISHER_H
#define STELE_PUBLISHER_H

#include <stdint.h>
#include <sys/types.h>
#include <stele/error.h>
#include <stele/region.h>
#include <stele/schema.h>

#ifdef __cplusplus
extern "C" {
#endif

struct stele_publisher;
struct stele_transaction;
struct stele_row;

/* ---- publishers ---- */

#define STELE_CREATE     1u  /* make the region if there is none */
#define STELE_CREATE_NEW 2u  /* make the region; fail with -EEXIST if there is one */
#define STELE_SHARED     16u /* let others that ask for it too publish the region at the same time */
#define STELE_NOTIFIER_THREAD \
	32u /* start a thread that sends the notices: a commit returns before
                                      the last subscriber is woken, whatever their number. It runs
                                      from the open to the close, with all signals blocked, and the
                                      close waits until what was committed is told */
/* and STELE_NO_SIGBUS_HANDLER, see <stele/error.h> */

/* What the machine's going down takes back of a region that is on a disk. It is the same for one in
 * memory, where it means nothing. */
enum stele_durability {
	STELE_DURABLE_CLOSE = 0, /* everything, unless the last publisher had been closed */
	STELE_DURABLE_COMMIT =
		1, /* nothing: a commit returns, and readers see the version, once the disk
	                             has it. Each costs two writes that are waited for */
};

struct stele_publisher_options {
	size_t size;      /* sizeof(struct stele_publisher_options) */
	unsigned flags;   /* STELE_CREATE... */
	uint32_t history; /* versions kept readable at least, as far as history_bytes and the room
	                            in the region allow, 2 to 65536; 0: 64. A region that would be full
	                            gives up the oldest, down to two. Looked at when the region is made */
	uint64_t maximum_size; /* bytes the region's file may grow to; 0: 4 GiB (256 MiB in a 32-bit
	                            process). Every subscriber maps this much address space (not
	                            memory). Past it the publisher writes a new file of twice that
	                            size, and subscribers move over. At least what an empty region
	                            takes, 92 KiB, and about 64 bytes more for each version of history
	                            past 64 (-EINVAL: the sentence has it). Looked at when the region is
	                            made */
	uint64_t limit_size;   /* bytes that no such file is larger than; 0: 32 GiB (1 GiB). With
	                            maximum_size, the region never has more. Looked at when the region
	                            is made */
	mode_t mode; /* permission bits of the region, its readers being those who may read
	                            it; 0: 0640. Subscribers' registration and queues follow: who may
	                            read may register. Looked at when the region is made */
	enum stele_durability durability; /* looked at when the region is made */
	int64_t attach_timeout; /* nanoseconds to wait for another publisher to go away (a process with
	                            much memory takes seconds to die); 0: 5 s; negative: don't wait */
	uint64_t
		history_bytes; /* what history may take: where what only older versions than the newest
	                            reach is more, the oldest are given up, down to two versions,
	                            until at least an eighth of it is free; 0: no limit. Looked at when
	                            the region is made */
	uint64_t
		pinned_bytes; /* what pins may keep of versions that history has let go of: where it
	                            is more, the oldest pins are revoked; 0: half of the region's maximum
	                            size. For as long as this publisher is attached */
	enum stele_memory
		memory; /* <stele/region.h>; 0: a file where the region has a directory, else
	                            POSIX shared memory. A System V segment has its maximum size from the
	                            start: limit_size is the same, 0 for both being 64 MiB. Looked at when
	                            the region is made */
};

/* Attaches to a region as its publisher, and makes it first where the flags say so. A region whose
 * publisher died is recovered here: what was committed is kept, what was not is gone. Cost: a walk
 * over the rows. With STELE_CREATE a region that can't be used, as it was made by a library with
 * another layout, or left incomplete by an earlier boot of the machine, is replaced by an empty one,
 * and stele_publisher_note() says so. The publisher belongs to the caller:
 * stele_publisher_close(). Errors: -EINVAL (name, options), -ENOENT (no such region; the sentence
 * names the path), -ENOTDIR, -EEXIST (STELE_CREATE_NEW), -EBUSY (another publisher; the sentence
 * says which process), -EACCES, -EPERM (another user's file has the name of one of the region's
 * files; the message names that user and the remedy), -EBADMSG (not a region, or damaged; or a directory
 * that is not empty has the name of a file), -EPROTONOSUPPORT
 * (another layout or byte order; or the publishers to share it with are of another kind: 32-bit and
 * 64-bit processes, or two C libraries, can't share a lock), -ESTALE (left by an earlier boot), -ENOTSUP (a file system that can't hold a
 * region), -EIO, -ENOSPC (the file system has no room; the sentence says how much is needed),
 * -EFBIG (RLIMIT_FSIZE), -EDQUOT, -ENOMEM, -EMFILE, -ENFILE. */
STELE_API int stele_publisher_open(const char *region,
                                   const struct stele_publisher_options *options,
                                   struct stele_publisher **ret);

/* SHARED PUBLISHING. Publishers that all open a region with STELE_SHARED are attached together, and one
 * that wants the region alone is refused, as they are while such a one has it. Their transactions
 * exclude each other: stele_transaction_begin() waits for the other's end. What an idle one knows is
 * what it left: stele_publisher_version() is that of its last transaction; and where another has
 * replaced the region's file since, readers don't see it attached before its next one (nor more than
 * 63 at a time). One that begins after another has committed finds out first what that did to the
 * region's memory, by the walk over the rows that an open costs too; so publishers that take turns
 * by the commit pay for it each time, and those that write now and then don't mind. */

/* Detaches. An open transaction is aborted and its handle freed. The region stays, with its last
 * version. Returns NULL. */
STELE_API struct stele_publisher *stele_publisher_close(struct stele_publisher *publisher);

/* What the open replaced, as a sentence for people; empty if nothing. Belongs to the publisher. */
STELE_API const char *stele_publisher_note(const struct stele_publisher *publisher);

/* The newest version; 0 before the first commit. */
STELE_API uint64_t stele_publisher_version(const struct stele_publisher *publisher);

/* Copies the UUID of the region, 16 bytes, to `ret_uuid`; it stays the same until the close. A
 * version that was kept from an earlier open means nothing in a region of another UUID: compare
 * it before stele_transaction_expect(), stele_put_if() and the like. */
STELE_API void stele_publisher_region_uuid(const struct stele_publisher *publisher,
                                           uint8_t *ret_uuid);

/* What a publisher's last attach and commits had to mend, and what they cost; counters since the
 * open. */
struct stele_publisher_stats {
	size_t size;
	uint64_t commits;          /* versions made */
	uint64_t recovered_deaths; /* times that the lock's holder was found dead (EOWNERDEAD) */
	uint64_t notices_sent;     /* to queues */
	uint64_t notices_skipped;  /* subscriber awake and behind: it will look by itself */
	uint64_t notices_full;     /* queue full: it has a notice waiting already */
	uint64_t notices_failed;   /* queue gone, squatted or not permitted */
	uint64_t futex_wakes;
	uint64_t reaped;       /* dead subscribers cleaned up after */
	uint64_t pins_revoked; /* versions that somebody pinned, given up for want of memory */
	uint64_t arena_size;   /* bytes of the region for nodes and rows */
	uint64_t arena_used;   /* of them in use by the newest version, history and pins */
	uint64_t history_used; /* of them, what only history reaches */
	uint64_t pinned_used;  /* of them, what only pins reach, of versions below history */
};
STELE_API int stele_publisher_stats(struct stele_publisher *publisher,
                                    struct stele_publisher_stats *ret);

/* Notifies every waiting subscriber and cleans up after dead ones. A commit does all this itself, a
 * part at a time; a publisher that commits seldom may call this every few seconds so that dead
 * subscribers' queues don't stay. Returns the number reaped, or -ECHILD. Not during a transaction:
 * -EBUSY. */
STELE_API int stele_publisher_reap(struct stele_publisher *publisher);

/* Writes what the versions and pins reach, and nothing else, into a new file, which takes the place
 * of the old one: so memory goes back to the system. Subscribers move over by themselves, keep their
 * snapshots, and find the same versions. It happens by itself when less than half of a large region
 * is used. Needs room for both files for a moment; and the old one lives until the last subscriber
 * has moved, so it is refused (-EBUSY) while somebody still has the one before that. Errors: -EBUSY
 * (also: a transaction is open), -ENOTSUP (a System V segment), -ENOSPC, -ENOMEM, -EBADMSG, -EIO,
 * -ECHILD, and those of a new file (below): the region goes on as it was. */
STELE_API int stele_publisher_compact(struct stele_publisher *publisher);

/* ---- transactions ---- */

/* Begins a transaction; there is one at a time (-EBUSY). Takes the region's lock, for which it
 * waits as long as the attach may (attach_timeout; -EBUSY); the thread that begins a transaction has
 * to end it, and is not cancelled before (pthread_setcancelstate). The handle is freed by commit or
 * abort, whatever they return. Errors also: -EBADMSG (the region's file was truncated, or replaced
 * by another of this user's), and, where its name was removed, so that it is written anew, what that
 * fails with (-ENOSPC, -ENOENT, and as below under NEW FILES); -EIO (an earlier write to the disk failed); -ECHILD. */
STELE_API int stele_transaction_begin(struct stele_publisher *publisher,
                                      struct stele_transaction **ret);

/* Makes the changes visible as one new version and notifies the subscribers. Returns 1, and sets
 * `*ret_version` (which may be NULL), or 0 when the tables are as they were: then there is no new
 * version and `*ret_version` is the last one. `message` (NULL: none; at most 255 bytes are kept)
 * goes into the history. Errors: -ENOSPC, -ENOMEM, -EBADMSG, -EINVAL (a replacement was not ended),
 * -EOVERFLOW (the last version was 2^62 - 1): nothing has changed. Frees the handle in every case. */
STELE_API int stele_transaction_commit(struct stele_transaction *tx, const char *message,
                                       uint64_t *ret_version);

/* Drops the changes, frees the handle, returns NULL. */
STELE_API struct stele_transaction *stele_transaction_abort(struct stele_transaction *tx);

/* Each function below either does the whole of what it says or, on error, leaves the transaction as
 * it was, still usable. Those that read the region can also find it damaged: -EBADMSG. That is
 * what was damaged before the publisher attached, when it looked at all of it, or a file that was cut since.
 * Somebody else's stores into what it has mapped, which only its own user may make, can crash it: readers
 * check each reference, the publisher does not. */

/* Creates a table. Errors: -EINVAL (name, schema), -EEXIST (there is one with another schema, or
 * with the same one: the sentence says which), -ENOSPC, -ENOMEM. */
STELE_API int stele_table_create(struct stele_transaction *tx, const char *table,
                                 const struct stele_schema *schema);

/* Drops a table and its rows. Errors: -ENOENT, -ENOMEM. */
STELE_API int stele_table_drop(struct stele_transaction *tx, const char *table);

/* Makes the tables those of an older version: all of them and their rows, and no others. Drops what
 * the transaction did before. The version is one that history holds, or one below it that somebody
 * pins. The cost is that of what differs. It becomes a new version at the commit, like any change:
 * rows that it changes get its number, the others keep theirs; where nothing differs there is none.
 * Tables that were opened in this transaction stay open where the older version has them; schemas
 * that were asked for do not hold any more. Errors: -ENOENT (the version is no longer, or not yet,
 * there), -EBUSY (a replacement was not ended), -ENOSPC, -ENOMEM, -EBADMSG. Making room for it may
 * cost older versions, and pins, but not the version itself. */
STELE_API int stele_transaction_rollback(struct stele_transaction *tx, uint64_t version);

/* NEW FILES. Whatever changes rows or tables may have to write a larger file for the region first (options.maximum_size).
 * Where that can't be made or named, the change fails with -EMFILE, -ENFILE, -EACCES, -ENOTSUP, -EIO; -EPERM (the
 * region's own name was removed, and what has it now is another user's: the sentence says whose), or
 * -EBADMSG (the same, and a directory that is not empty). The transaction goes on as after -ENOSPC. No name that
 * another user can tell in advance is needed. */

/* Puts a row: adds it, or replaces the value of the row with this key. A key is `key_bits` bits at
 * `key`, encoded as <stele/schema.h> says; it and the value are copied. Returns 1 if that changed
 * something, 0 if the row was there with this very value. Padding between the value's columns, and
 * bytes after the NUL in a char[N], count as zero. Errors: -EINVAL (stele_key_check() or
 * stele_value_check() refuse them), -ENOENT (no such table), -EEXIST (inside a replacement: this key
 * was put before), -ENOSPC, -ENOMEM. */
STELE_API int stele_put(struct stele_transaction *tx, const char *table, const void *key,
                        unsigned key_bits, const void *value, size_t value_size);

/* A row, for calls that take many: all that it points to stays the caller's. */
struct stele_row_ref {
	const void *key;
	unsigned key_bits;
	const void *value;
	size_t value_size;
};

/* Puts many rows at once: afterwards the table has the rows as after a stele_put of each, in their
 * order; of several with one key only the last was ever there. A table that was empty is loaded so in a
 * fraction of the time, its rows lie in memory in the order of their keys, which makes scans several
 * times as fast, and the region is smaller; so load a table with one call. One that has rows already
 * takes little less than a put for each. It needs as much memory as the rows take, and 32 bytes for
 * each, meanwhile. Returns how many rows are others than before. Errors: -EINVAL (as stele_put),
 * -ENOENT (no such table): nothing was changed; -EEXIST (inside a replacement: a key was put before),
 * -ENOSPC, -ENOMEM: some rows may have been put. */
STELE_API int64_t stele_put_many(struct stele_transaction *tx, const char *table,
                                 const struct stele_row_ref *rows, size_t count);

/* Deletes a row. Returns 1, or 0 where there is none. Errors: -EINVAL, -ENOENT (no such table),
 * -ENOSPC, -ENOMEM. */
STELE_API int stele_delete(struct stele_transaction *tx, const char *table, const void *key,
                           unsigned key_bits);

/* ---- conditions: changes made only where nobody else came first ---- */

/* Goes on only if the newest version is `version` (0: there is none yet). No other publisher can
 * commit between this call and the end of the transaction. Errors: -EAGAIN (it is another one: the
 * sentence has both), -ECHILD. */
STELE_API int stele_transaction_expect(struct stele_transaction *tx, uint64_t version);

/* As stele_put, but only if the row is at version `row_version`, as stele_row has it; 0: only if
 * there is no such row. A row that this transaction has changed itself is at the version that its
 * commit would make, the newest one + 1; put with the value that it had, it keeps its version.
 * Errors also: -EAGAIN (the row is at another version: the sentence has both); the transaction goes
 * on as it was. */
STELE_API int stele_put_if(struct stele_transaction *tx, const char *table, const void *key,
                           unsigned key_bits, const void *value, size_t value_size,
                           uint64_t row_version);

/* As stele_delete, but only if the row is at this version; returns 1. Errors also: -EAGAIN (it is
 * at another version, or not there), -EINVAL (`row_version` is 0). */
STELE_API int stele_delete_if(struct stele_transaction *tx, const char *table, const void *key,
                              unsigned key_bits, uint64_t row_version);

/* ---- reading in a transaction ---- */

/* Reads a row as the transaction would commit it. Returns 1 and fills `*ret`, whose pointers hold
 * until the next call on the transaction, or 0 where there is none. Errors: -EINVAL, -ENOENT (no
 * such table), -ENOMEM. */
STELE_API int stele_transaction_get(struct stele_transaction *tx, const char *table,
                                    const void *key, unsigned key_bits, struct stele_row *ret);

/* The schema of a table as the transaction sees it. Owned by the transaction, holds until its end
 * or until the table is dropped. Errors: -ENOENT, -ENOMEM. */
STELE_API int stele_transaction_schema(struct stele_transaction *tx, const char *table,
                                       const struct stele_schema **ret);

/* ---- one table of a transaction, without looking its name up each time ---- */

struct stele_writable; /* a table in a transaction; owned by it, ends with it */

/* Errors: -ENOENT, -ENOMEM. Opening the same table again gives the same handle. It is invalid after
 * stele_table_drop() on its table. */
STELE_API int stele_writable_open(struct stele_transaction *tx, const char *table,
                                  struct stele_writable **ret);
STELE_API int stele_writable_put(struct stele_writable *table, const void *key, unsigned key_bits,
                                 const void *value, size_t value_size);
STELE_API int64_t stele_writable_put_many(struct stele_writable *table,
                                          const struct stele_row_ref *rows, size_t count);
STELE_API int stele_writable_delete(struct stele_writable *table, const void *key,
                                    unsigned key_bits);
STELE_API int stele_writable_put_if(struct stele_writable *table, const void *key,
                                    unsigned key_bits, const void *value, size_t value_size,
                                    uint64_t row_version);
STELE_API int stele_writable_delete_if(struct stele_writable *table, const void *key,
                                       unsigned key_bits, uint64_t row_version);
STELE_API int stele_writable_get(struct stele_writable *table, const void *key, unsigned key_bits,
                                 struct stele_row *ret);

/* Replaces a table as a whole: after _replace, put every row that the table shall have, each once
 * (-EEXIST otherwise; _delete is refused with -EBUSY); _replace_end deletes the rows that were not
 * put, and returns how many those were. Rows put as they were are not touched, so replacing a table
 * by itself changes nothing, and makes no version. Where no row was put, _replace_end takes no room
 * in the region, so a full one can be emptied. Errors: -EBUSY (_replace twice), -EINVAL
 * (_replace_end without), -ENOMEM, -ENOSPC, -EBADMSG. After an error of _replace_end some of the rows
 * that were not put may be gone already, and the replacement is not ended: abort the transaction; a
 * commit would say -EINVAL. */
STELE_API int stele_writable_replace(struct stele_writable *table);
STELE_API int64_t stele_writable_replace_end(struct stele_writable *table);

/* ---- reading a table as the transaction would commit it ---- */

struct stele_cursor;
struct stele_changes;

/* Opens a cursor over the table's rows as they would be committed, or the changes that the commit
 * would make in it, from the last version; <stele/subscriber.h> has what to do with them, and how
 * they are closed. They belong to the caller. The next change to the transaction, of whatever table,
 * makes them invalid, and so does its end: then they may only be closed. What they give holds as
 * long. Errors: -EBUSY (the table is being replaced: _replace_end first), -EINVAL (only _changes_: the
 * transaction has dropped the table and made it again with another schema), -EBADMSG, -ENOMEM,
 * -ECHILD. */
STELE_API int stele_writable_cursor_open(struct stele_writable *table, struct stele_cursor **ret);
STELE_API int stele_writable_changes_open(struct stele_writable *table, struct stele_changes **ret);

#ifdef __cplusplus
}
#endif

#endif
