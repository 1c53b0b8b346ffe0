/* SPDX-License-Identifier: MIT
 *
 * Regions as a whole: describe, list subscribers, verify, save, load, remove, clean up.
 *
 * THREADS. These functions take the name of a region, and keep no resource after they have
 * returned. Any thread may call them.
 *
 * NAMES. Wherever the library takes a region, it takes NAME or DIRECTORY/NAME.
 *
 * - NAME: the region is in POSIX shared memory. Its files are in /dev/shm, and are gone when the
 *   machine restarts.
 * - DIRECTORY/NAME: the files are in that directory. On a disk they survive a restart of the
 *   machine (see enum stele_durability in <stele/publisher.h>). The file system must support
 *   O_TMPFILE, posix_fallocate() and shared mappings: tmpfs, ext4, XFS and Btrfs do. Network file
 *   systems are not suitable, because a region belongs to one machine.
 *
 * SAVED REGIONS. Everything that only reads (subscribers, describe, verify, save) also takes
 * file:PATH. PATH is a file that stele_region_save() wrote, or a copy of a region's data file, at
 * any place, with any owner and mode, from this machine or another one of the same kind. A saved
 * region has no publisher and no subscribers, and its newest version stays the last.
 *
 * A copy of a data file may be inconsistent if its publisher committed meanwhile;
 * stele_region_verify() detects this. On a tmpfs the copy must have no holes, because reading a
 * hole through a mapping allocates memory: make the copy with cp --sparse=never.
 *
 * UNTRUSTED REGIONS. Any user can create files where regions are, so the library trusts nothing
 * in them. Reading a forged or damaged region returns an error (mostly -EBADMSG) or an answer, in
 * bounded time and memory.
 *
 * CONTENTS. Versions and time, descriptions, subscribers, the lock, memory use and verification,
 * listing, saving and loading, removing, cleaning up.
 */
#ifndef STELE_REGION_H
#define STELE_REGION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <stele/error.h>
#include <stele/flags.h>
#include <stele/schema.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- versions and time ---- */

/* A version of one region. A version number by itself means nothing in another region of the same
 * name: a region that was created again, or loaded from a file, reaches the same numbers with other
 * rows. So a program that keeps a version for later, in a file, in another process, or from one
 * transaction to the next, keeps the position.
 *
 * Every call whose version may have been kept takes a position: to resume
 * (stele_changes_since(), stele_follow_open()), to compare (stele_transaction_expect(),
 * stele_transaction_put_if(), stele_transaction_delete_if()), and to go back
 * (stele_transaction_rollback()). These calls know a position in another region.
 * stele_publisher_position(), stele_subscriber_position(), stele_snapshot_position(),
 * stele_changes_position() and stele_follow_position() return positions. The position of a row is
 * that of its snapshot, with the version of the row.
 *
 * A plain number is a version of the region that the handle has open: in stele_snapshot_open(),
 * stele_subscriber_wait() and stele_subscriber_applied(). To open a snapshot of a kept position,
 * open its version and compare stele_snapshot_position(). */
struct stele_position {
	uint8_t region[16]; /* UUID of the region */
	uint64_t version;   /* 0: before the first commit, in whichever region */
	uint64_t reserved_[1];
};

/* A position as text is VERSION@UUID, such as 7@3f2a9c1e-51d0-4c0b-9d5e-6a8a4f3f1b20: a decimal
 * number without leading zeros, and a UUID of 36 characters. A version 0 without a region is 0. The
 * command `stele` prints and takes this text, which its manual calls a token. */

/* Bytes of the longest position as text, with its NUL. */
#define STELE_POSITION_TEXT_MAX 58u

/* Formats a position as text. Writes at most `size` bytes to `buffer`, including the terminating
 * NUL. Returns the length of the complete text, as snprintf(3) does. */
STELE_API size_t stele_position_format(const struct stele_position *position, char *buffer,
                                       size_t size);

/* Parses a position, the inverse of stele_position_format(). Digits of the UUID may be upper case.
 * People may shorten the UUID to its first 8 characters or more, as in 7@3f2a9c1e. Such a text
 * means a position in the region with the UUID `region`, if the characters fit; NULL: in no region.
 * Returns 0. Errors: -EINVAL (the text is not a position), -EIDRM (the UUID is shortened, and
 * `region` does not begin with it). On error `*ret` is unchanged. */
STELE_API int stele_position_parse(const char *text, const uint8_t *region,
                                   struct stele_position *ret);

/* TIME LIMITS are in nanoseconds, and have one rule in every call:
 *
 *   deadline_ns   (an argument) a time of CLOCK_MONOTONIC. 0, or any time in the past: look once,
 *                 and return. STELE_FOREVER: no limit.
 *   a duration    (a member of options) counts from the call. 0: the default that the member's
 *                 comment names. Negative: look once, and return. STELE_FOREVER: no limit. */
#define STELE_FOREVER INT64_MAX

/* ---- commits ---- */

/* The record of one commit. */
struct stele_commit {
	uint64_t version;
	uint64_t time;                    /* nanoseconds since 1970; 0: no longer known */
	uint8_t publisher[16];            /* UUID of one attachment of a publisher */
	uint32_t pid;                     /* in the publisher's PID namespace; for display only */
	char command[16];                 /* of the publisher, NUL-terminated; for display only */
	uint64_t added, changed, removed; /* rows, over all tables */
	char message[256];
	/* The user whose process committed: its effective user; or if that is root, the user who
	 * logged in, as known to the kernel (/proc/self/loginuid). For display only. */
	uint32_t user;
	uint32_t user_known; /* 0: a library before 0.3 committed, and `user` is 0 */
	uint64_t reserved_[7];
};

/* What a commit did to a table, apart from its rows. Records that libraries before 0.2 wrote say
 * STELE_TABLE_KEPT of all tables. */
enum stele_table_fate {
	STELE_TABLE_KEPT,     /* the table was there before, with the same schema */
	STELE_TABLE_CREATED,  /* it was not there before */
	STELE_TABLE_DROPPED,  /* it is not there any more */
	STELE_TABLE_ALTERED,  /* it has another schema, with which its rows can be read on */
	STELE_TABLE_REPLACED, /* it was created again with an incompatible schema */
};

/* What a commit did to one table. */
struct stele_commit_table {
	char name[STELE_NAME_MAX + 1];
	uint64_t added, changed, removed; /* rows */
	uint32_t fate;                    /* enum stele_table_fate */
	uint64_t reserved_[3];
};

/* ---- describing a region ---- */

/* What holds the contents of a region. */
enum stele_memory {
	/* STELE_MEMORY_FILE for a region with a directory, else STELE_MEMORY_SHM. */
	STELE_MEMORY_DEFAULT = 0,

	/* POSIX shared memory. */
	STELE_MEMORY_SHM = 1,

	/* A file in the region's own directory. */
	STELE_MEMORY_FILE = 2,

	/* A System V segment (shmget(2), ipcs -m), which readers attach with SHM_RDONLY. Its size
	 * is fixed, so the region cannot grow past it or be compacted. It is visible only in the
	 * IPC namespace that it was created in. Who may read it is fixed at creation. The
	 * region's other files are in POSIX shared memory. */
	STELE_MEMORY_SYSV = 3,
};

struct stele_region_info {
	size_t size; /* in: sizeof(struct stele_region_info) */

	/* Identity. */
	char name[STELE_NAME_MAX + 1];
	char path[512]; /* of the data file */
	uint8_t uuid[16];
	uint32_t layout_version;
	mode_t mode;
	uid_t owner;
	bool owner_trusted; /* see OWNERS in <stele/subscriber.h> */
	gid_t group;        /* may read the region if the mode says so */
	uint64_t created;   /* nanoseconds since 1970 */

	/* Versions. */
	uint64_t version; /* newest; 0: none yet */
	uint64_t oldest;  /* oldest that history holds */

	/* Minimum number of versions kept. History drops its oldest versions, down to two, if it
	 * exceeds history_bytes or if the region would be full. */
	uint32_t history;

	/* Maximum bytes for history, which keeps at least two versions. 0: no limit. */
	uint64_t history_bytes;

	/* Publisher: the one attached, or else the last one. */
	bool publisher_attached;
	uint32_t publisher_pid; /* 0: there was none yet */
	char publisher_command[16];

	/* Time since which a publisher is attached, or since which none is. The latter is the
	 * time of the last publisher's close, or of its last commit if it died. In nanoseconds
	 * since 1970. 0: unknown. */
	uint64_t publisher_since;

	/* Memory. */
	uint64_t generation; /* number of the region's file: 1, and one more for each replacement */
	uint32_t memory;     /* enum stele_memory */
	uint64_t file_size;  /* bytes of memory that the data file, or the segment, uses */
	uint64_t maximum_size; /* bytes that this file may grow to */
	uint64_t limit_size;   /* bytes that any file of the region may grow to */
	bool durable_commits;  /* created with STELE_DURABLE_COMMIT */
	uint64_t arena_size; /* bytes allocated to nodes and rows until now, including free ones */

	/* Subscribers. */
	uint32_t subscribers; /* registered */
	uint32_t subscriber_slots;

	/* The newest commit. .version is 0 if there is none, or if it cannot be read at the
	 * moment. */
	struct stele_commit commit;

	/* The features of the region's layout, and those that stele_publisher_upgrade() would add.
	 * Words separated by blanks, such as "terminated-values crc32c"; "" if there are none. */
	char features[256];
	char features_missing[256];
};

/* Fills `*ret` with a description of a region of any owner. The caller sets ret->size. Returns 0.
 * Errors: -EINVAL (name or size), -ENOENT, -ENOTDIR (its directory), -EACCES, -EBADMSG,
 * -EPROTONOSUPPORT, -EUCLEAN (on a disk, and no publisher has opened it since the machine
 * started), -EPERM, -ENOMEM, -EMFILE, -ENFILE. */
STELE_API int stele_region_describe(const char *region, struct stele_region_info *ret);

/* ---- subscribers of a region ---- */

/* One registered subscriber. The subscriber itself stores these members, in a file that all
 * readers of the region may write, unless the comment names another source. */
struct stele_subscriber_info {
	uint32_t slot;

	/* A process holds the lock of the slot. The kernel drops the lock when the process dies. */
	bool alive;

	uint8_t uuid[16];
	uint32_t pid; /* in the subscriber's own PID namespace */
	char command[16];

	/* options.label of the subscriber, up to STELE_LABEL_MAX bytes of any kind; "": none. */
	char label[32];

	int64_t user;         /* owner of the queue of the subscriber; -1: unknown */
	uint64_t since;       /* nanoseconds since 1970 */
	const char *notifier; /* a name of the list in <stele/subscriber.h>, or "none" */

	/* The subscriber waits or is about to wait: it asks for notices. Unless it named tables,
	 * it has also seen every version that is older than 1.5 s or has left history. */
	bool waiting;

	uint32_t tables;  /* number of tables that the subscriber waits for; 0: all */
	uint64_t seen;    /* newest version that the subscriber found; 0: none yet */
	uint64_t applied; /* version that the subscriber reported as applied; 0: none */

	/* Number of versions after `applied`, or after `seen` if `applied` is 0. */
	uint64_t behind;

	/* Time of the first version that `behind` counts. 0: `behind` is 0, or the time is
	 * unknown. If that version has left history, behind_longer is set, and behind_since is
	 * the time of the oldest version in history, which is later. */
	uint64_t behind_since;
	bool behind_longer;

	uint64_t pinned[8]; /* versions that the subscriber pins, oldest first; 0: none */

	/* Bytes kept by the subscriber's pins and not by history. Other subscribers may pin the
	 * same bytes. Source: the region. */
	uint64_t pinned_bytes;

	/* Notices in the subscriber's queue; -1: unknown. Source: the queue. */
	int64_t queued;

	/* Notices to this subscriber: sent; merged with an earlier one that the subscriber had
	 * not received yet; and not sent because of an error, so that the subscriber finds the
	 * version by its own check. Valid if `counted` is set. Source: the publisher file, which
	 * only the region's owner and root may read. */
	bool counted;
	uint64_t sent, coalesced, dropped;

	uint64_t reserved_[8];
};
typedef void stele_subscriber_fn(const struct stele_subscriber_info *subscriber, void *context);

/* Calls `each` for every registered subscriber. Dead subscribers are included until a publisher
 * cleans them up. Changes nothing. If there are pins, a walk over the region as in
 * stele_region_verify() finds the memory that they hold. Returns the number of subscribers.
 * Errors: those of stele_region_describe(); -ENOENT (no subscribers file); -EPERM (the
 * subscribers file belongs to another user); -ENOTSUP (a saved region). */
STELE_API int stele_region_subscribers(const char *region, stele_subscriber_fn *each,
                                       void *context);

/* ---- the lock of a region ---- */

/* State of the lock that a publisher holds from the start of a transaction to its end. */
enum stele_lock_state {
	STELE_LOCK_FREE = 0,
	STELE_LOCK_HELD = 1,    /* a transaction is open */
	STELE_LOCK_DEAD = 2,    /* its owner died; the next publisher or transaction recovers it */
	STELE_LOCK_EARLIER = 3, /* left by an earlier boot; the next attach creates a new lock */
};

struct stele_region_lock {
	size_t size;    /* in: sizeof(struct stele_region_lock) */
	uint32_t state; /* enum stele_lock_state */
	uint32_t owner; /* thread that holds the lock, in its own PID namespace; 0: none */
};

/* Reads the state of a region's lock, without taking it. For the user who publishes, and for
 * root. The caller sets ret->size. Returns 0. Errors: -EINVAL (name or size), -ENOENT (no such
 * region, or no publisher file), -ENOTDIR, -EACCES, -EBADMSG, -EPROTONOSUPPORT (another layout
 * version or byte order), -EMFILE, -ENFILE. */
STELE_API int stele_region_describe_lock(const char *region, struct stele_region_lock *ret);

/* ---- memory use and verification ---- */

/* What the memory of a region is used for, in bytes unless the comment says otherwise. Memory
 * that several versions share is counted once: for the newest version if that one uses it, else
 * for history, else for pins. */
struct stele_region_use {
	size_t size; /* in: sizeof(struct stele_region_use) */

	/* Newest version walked, and oldest version of history walked. */
	uint64_t version;
	uint64_t oldest;

	/* Number of versions found intact: in history, and pinned below history. */
	uint64_t versions;
	uint64_t pinned_versions;

	/* Number of versions that were in history when the walk began, and were reclaimed before
	 * they had been walked. No figure includes them. */
	uint64_t given_up;

	/* The newest version: number of tables, rows and nodes. */
	uint64_t tables, rows, nodes;

	/* The sum of these seven is arena_bytes. */
	uint64_t row_bytes;     /* newest version: rows */
	uint64_t node_bytes;    /* newest version: nodes of the tables' tries */
	uint64_t other_bytes;   /* newest version: list of tables, schemas, record of the commit */
	uint64_t history_bytes; /* only older versions in history */
	uint64_t pinned_bytes;  /* only pinned versions below history */
	uint64_t slack_bytes;   /* free, in pages in use: only for objects of similar size */
	uint64_t free_bytes;    /* in free pages */
	uint64_t arena_bytes;

	/* All bytes were checked against a checksum. Only saved regions have one; a region that
	 * is published has no checksum over the values of its rows. */
	bool checksummed;

	uint64_t objects; /* number of objects checked */
	uint64_t damages; /* number of faults found; 0: the region is intact */
};

/* A fault in a region. Valid until the callback returns. */
struct stele_damage {
	uint64_t version;  /* version that has the fault; 0: none */
	const char *table; /* table that has the fault; "": none */
	uint64_t offset;   /* of the object in the file; 0: not an object */
	const char *what;  /* description of the fault, for display */
};
typedef void stele_damage_fn(const struct stele_damage *damage, void *context);

struct stele_verify_options {
	size_t size; /* sizeof(struct stele_verify_options) */

	/* STELE_ANY_OWNER or STELE_ONE_OWNER: which regions to read, as for a subscriber (OWNERS
	 * in <stele/subscriber.h>). */
	unsigned flags;

	/* With STELE_ONE_OWNER: the user who must own the region. Otherwise 0. */
	uid_t owner;

	/* Called for each fault. Nothing below a faulty node is checked. May be NULL. */
	stele_damage_fn *found;

	/* Called periodically with the number of objects checked so far. May be NULL. */
	void (*progress)(uint64_t objects, void *context);

	void *context; /* for both callbacks */
};

/* Checks everything that any version of a region reaches: header, versions, records, schemas,
 * every node and every row, with all bounds, orders, ranks, counts and checksums. The file may
 * contain arbitrary bytes. Takes no lock and changes nothing. Works with or without a live
 * publisher; versions that the publisher reclaims meanwhile do not count as damage. Needs memory
 * of half the arena's size. `options` may be NULL. The caller sets ret->size.
 *
 * Returns 1 if the region is intact, or 0 if it is damaged. Fills `*ret` in both cases; for a
 * damaged region, `*ret` counts only intact objects. Errors: those of stele_region_describe();
 * -EPERM (the owner is not accepted: see OWNERS in <stele/subscriber.h>), -E2BIG, -EBADMSG (the
 * header is damaged, or the file was truncated meanwhile), -ETIME (the publisher was faster than
 * every retry). */
STELE_API int stele_region_verify(const char *region, const struct stele_verify_options *options,
                                  struct stele_region_use *ret);

/* ---- listing regions ---- */

/* Called with the name of a region, which is valid until the callback returns. Returns 0 to
 * continue; any other value ends the listing. */
typedef int stele_region_fn(const char *name, void *context);

/* Calls `each` with the name of every region in a directory, in the order of strcmp(). If
 * `directory` is NULL, the directory is /dev/shm. Lists every file that has the name of a data
 * file, readable or not. Reads the directory once, before the first call, so `each` may create
 * and remove regions; a region may be gone before `each` is called for it. Needs 64 bytes of heap
 * for each region (up to twice as much while the list grows).
 *
 * Returns 0, or the value of `each` that ended the listing; use a positive value, which cannot be
 * mistaken for an error. Errors, without any call of `each`: -ENOENT, -ENOTDIR, -EACCES, -ENOMEM,
 * -EMFILE, -ENFILE. */
STELE_API int stele_region_each(const char *directory, stele_region_fn *each, void *context);

/* Lists one region for each call: replaces `name` (a buffer of STELE_NAME_MAX + 1 bytes) by the
 * name that follows it in the order of strcmp(). Start with "". Returns 1, or 0 after the last
 * name. Needs no heap, but reads the whole directory in each call; to list many regions, use
 * stele_region_each(). Errors are those of stele_region_each(). */
STELE_API int stele_region_next(const char *directory, char *name);

/* ---- saving and loading ---- */

/* Saves a region to a file: all versions of history that the publisher does not reclaim before
 * they are copied, and no free memory. The file is consistent although the publisher continues,
 * and appears complete or not at all. It belongs to the caller, has mode 0600, and has the layout
 * of a region's data file: file:PATH reads it. A region in a System V segment can be saved, and
 * so can a saved region. Sets `*ret_oldest` and `*ret_newest` (may be NULL) to the range of
 * versions in the file. `flags` is 0 or STELE_REPLACE. Returns 0.
 *
 * Errors: those of stele_subscriber_open(); -EEXIST (the file exists, without STELE_REPLACE);
 * -EINVAL (something that is not a regular file has that name; it is left alone); -ENOSPC,
 * -EFBIG, -EDQUOT; -ENOTDIR, -EACCES, -ENOTSUP (the directory of the file, whose file system must
 * support O_TMPFILE); -ETIME (the publisher reclaimed each version while it was copied).
 *
 * stele_subscriber_save() does the same through a subscriber, whose options restrict the region's
 * owner. */
STELE_API int stele_region_save(const char *region, const char *file, unsigned flags,
                                uint64_t *ret_oldest, uint64_t *ret_newest);

/* Creates a region from a saved file, completely or not at all. The region has the versions,
 * tables, history, sizes and options of the one that was saved, and continues from its newest
 * version. No publisher is attached when the call returns.
 *
 * The region has a new UUID. The saved region may continue too, and one version number would then
 * mean two things. A subscriber that resumes a follow with the old UUID receives
 * STELE_EVENT_RESYNC.
 *
 * Returns 0. Errors: those of stele_publisher_open() with STELE_CREATE_NEW; -EBADMSG (the file is
 * damaged: see stele_region_verify()). */
STELE_API int stele_region_load(const char *file, const char *region);

/* ---- removing and cleaning up ---- */

/* Removes a region: its files, and those queues of its subscribers that may be removed. Also
 * removes a region that is damaged or of another layout version. Subscribers that wait are woken
 * (stele_subscriber_wait() returns -ENOENT); snapshots stay readable until they are closed.
 *
 * Returns 0. Errors: -EINVAL, -ENOENT, -ENOTDIR, -EBUSY (a publisher is attached), -EACCES,
 * -EPERM (a file of another user has one of the region's file names; the error message names the
 * user), -EBADMSG (one of the names is not a file, but for example a directory that is not
 * empty), -ENOMEM, -EMFILE, -ENFILE, -EIO. If something could not be removed, the publisher's
 * file stays too, and the call can be repeated. */
STELE_API int stele_region_remove(const char *region);

/* Something that a dead process left behind. Valid until the callback returns. */
struct stele_leftover {
	/* "file", "folder", "channel" (through which a subscriber was notified) or "slot". */
	const char *kind;

	/* Path of the leftover. For a slot: the path of the subscribers file, the number of the
	 * slot, and the process that owned it. */
	const char *name;

	/* 0, or a negative errno if it could not be removed; stele_last_error() then has the
	 * message. */
	int error;
};
typedef void stele_leftover_fn(const struct stele_leftover *leftover, void *context);

/* Removes what dead processes left of a region, and calls `found` (may be NULL) for each
 * leftover. With STELE_DRY_RUN, only reports them:
 *
 * - files and the folder of a region whose data file is gone
 * - a file that was to replace another one
 * - slots of dead subscribers, and the channels through which they were notified
 *
 * A data file is never removed, even if the region seems dead, because it contains data. Only
 * stele_region_remove() removes it. Nothing that is in use is removed. Locks and the kernel
 * decide what is in use, never process numbers. While a publisher is attached nothing is removed,
 * because the publisher cleans up by itself. A publisher that attaches meanwhile waits; with a
 * negative attach_timeout_ns it finds the region busy.
 *
 * Returns the number of leftovers. Errors: -EINVAL (name, flags), -ENOENT, -ENOTDIR (the
 * directory), -EACCES, -EPERM (the leftovers belong to another user), -EBADMSG (something that is
 * not a file has the name of one of the region's files), -ENOTSUP, -ENOSPC, -ENOMEM, -EMFILE,
 * -ENFILE, -EIO. */
STELE_API int stele_region_clean(const char *region, unsigned flags, stele_leftover_fn *found,
                                 void *context);

#ifdef __cplusplus
}
#endif

#endif
