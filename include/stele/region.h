/* SPDX-License-Identifier: MIT
 *
 * Regions as a whole. These functions take names, hold nothing after they returned, and may be
 * called from any thread.
 *
 * WHERE A REGION IS. Wherever the library takes a region, it takes its name, or DIRECTORY/NAME. A
 * region with only a name is POSIX shared memory: its files are in /dev/shm, and gone when the
 * machine starts anew. The files of one with a directory are there: on a disk they outlive the
 * machine's going down (see enum stele_durability in <stele/publisher.h>). The file system needs
 * O_TMPFILE, posix_fallocate and shared mappings, as tmpfs, ext4, XFS and Btrfs have them; a
 * network file system does not do, as a region is for one machine.
 *
 * SAVED REGIONS. Whatever only reads (a subscriber, _describe, _verify, _save) takes file:PATH as well: a
 * file that stele_region_save() wrote, or a copy of a region's data file, from this machine or
 * another of its kind, at any path, readable or writable by whomever. It has no publisher and no
 * subscribers; its newest version is the last. A copy of a data file that was made while its
 * publisher committed need not be whole: stele_region_verify() tells. On a tmpfs the file must not have
 * holes, as whoever reads them is given memory for them: cp --sparse=never makes such a copy.
 *
 * REGIONS OF OTHERS. Anyone can create files where regions are. Nothing in them is believed: reading a
 * region that somebody forged or damaged gives an error (-EBADMSG, mostly) or an answer, in bounded time
 * and memory. */
#ifndef STELE_REGION_H
#define STELE_REGION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <stele/error.h>
#include <stele/schema.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The record of one commit, and who made it. */
struct stele_commit {
	uint64_t version;
	uint64_t time;         /* nanoseconds since 1970; 0: not known any more */
	uint8_t publisher[16]; /* UUID of one attachment of a publisher */
	uint32_t pid;          /* as the publisher saw itself; for people, it proves nothing */
	char command[16];      /* likewise; NUL-terminated */
	uint64_t added, changed, removed; /* rows, over all tables */
	char message[256];
};

/* What a commit did to one table. */
struct stele_commit_table {
	char name[STELE_NAME_MAX + 1];
	uint64_t added, changed, removed; /* rows */
};

/* What the contents of a region are in. */
enum stele_memory {
	STELE_MEMORY_DEFAULT = 0, /* of a region with a directory FILE, else SHM */
	STELE_MEMORY_SHM = 1,     /* POSIX shared memory */
	STELE_MEMORY_FILE = 2,    /* a file in the region's own directory */
	STELE_MEMORY_SYSV = 3, /* a System V segment (shmget(2), ipcs -m), which readers attach with
	                             SHM_RDONLY: of a fixed size, so there is no growth past it and no
	                             compaction, and seen only in the IPC namespace that it was made in. The
	                             region's files are in POSIX shared memory all the same; who may read it
	                             is settled when it is made */
};

struct stele_region_info {
	size_t size; /* in: sizeof(struct stele_region_info) */
	char name[STELE_NAME_MAX + 1];
	char path[512]; /* of the data file */
	uint8_t uuid[16];
	uint32_t layout_version;
	mode_t mode;
	uid_t owner;
	bool owner_trusted; /* who is this user, root, or the owner of the region's directory: see OWNERS
	                               in <stele/subscriber.h> */
	uint64_t created;       /* nanoseconds since 1970 */
	uint64_t version;       /* newest; 0: none yet */
	uint64_t oldest;        /* oldest that history holds */
	uint32_t history;       /* versions to be kept at least, while there is room: down to two */
	uint64_t history_bytes; /* that they may take, down to two of them; 0: no limit */
	bool publisher_attached;
	uint32_t publisher_pid; /* of the one attached, or the last one; 0: never any */
	char publisher_command[16];
	uint64_t publisher_since; /* attached since; or, if not, gone since: its close, or, where it
	                               died, its last commit. ns since 1970; 0: not known */
	uint64_t generation; /* 1, and one more with each file that took the place of another */
	enum stele_memory memory;
	uint64_t file_size;    /* bytes of memory the data file, or the segment, takes */
	uint64_t maximum_size; /* to which this file may grow */
	uint64_t limit_size;   /* to which any may */
	bool durable_commits;  /* made with STELE_DURABLE_COMMIT */
	uint64_t arena_size;  /* bytes given out for nodes and rows until now, free ones included */
	uint32_t subscribers; /* registered */
	uint32_t subscriber_slots;
	struct stele_commit commit; /* the newest; .version 0: none, or not readable just now */
};

/* Describes a region, whoever's it is. Errors: -EINVAL (name), -ENOENT, -ENOTDIR (its directory), -EACCES, -EBADMSG,
 * -EPROTONOSUPPORT, -ESTALE (on a disk, and no publisher has opened it since the machine started),
 * -EPERM, -ENOMEM, -EMFILE, -ENFILE. */
STELE_API int stele_region_describe(const char *region, struct stele_region_info *ret);

/* One registered subscriber. Except for what is said to come from elsewhere, all of this is what
 * it says of itself, in a file that whoever may read the region may write. */
struct stele_subscriber_info {
	uint32_t slot;
	bool alive; /* somebody holds the slot's lock, which the kernel takes from the dead */
	uint8_t uuid[16];
	uint32_t pid; /* as it saw itself */
	char command[16];
	int64_t user;         /* who owns the queue that it is notified through; -1: not known */
	uint64_t since;       /* ns since 1970 */
	const char *notifier; /* as in <stele/subscriber.h>; "none" */
	bool waiting;     /* it is waiting, or about to: it asks for notices, and, unless it named
	                               tables, there is no version that it has not seen and that has been there
	                               for 1.5 s, or was given up */
	uint32_t tables;  /* that it wants to be told of; 0: of all */
	uint64_t seen;    /* the newest version that it found; 0: none yet */
	uint64_t applied; /* the version that it reported as applied; 0: none */
	uint64_t behind;  /* versions that there are after `applied`, or else after `seen` */
	uint64_t behind_since; /* when the first of those was made; 0: none is, or not known */
	bool behind_longer;    /* it is given up: made before `behind_since`, when the oldest that
	                               history holds was */
	uint64_t pinned[8];    /* versions that it asks to be kept, oldest first; 0: none */
	uint64_t pinned_bytes; /* memory that stays for them alone, not for history: other
	                               subscribers may pin the same. From the region */
	int64_t queued;        /* notices that wait to be taken; -1: not known. From its queue */
	bool counted;          /* what follows is known; from the publisher's file, which only its
	                               user and root may read */
	uint64_t sent, coalesced,
		dropped; /* notices to it: on their way; merged with one that it had not
	                               taken yet; that could not be sent, so that it looks by itself */
};
typedef void stele_subscriber_fn(void *context, const struct stele_subscriber_info *subscriber);

/* Calls `each` for all that are registered, the dead included, until a publisher reaps them.
 * Changes nothing. Memory that pins hold is found by a walk as of stele_region_verify(), if there
 * is any. Returns how many there were. Errors: those of stele_region_describe(); -ENOENT, -EPERM:
 * no subscribers' file, or one that is another user's; -ENOTSUP: a saved file. */
STELE_API int stele_region_subscribers(const char *region, stele_subscriber_fn *each,
                                       void *context);

/* The lock that a publisher has from the begin of a transaction to its end. */
enum stele_lock_state {
	STELE_LOCK_FREE = 0,
	STELE_LOCK_HELD = 1, /* a transaction is open */
	STELE_LOCK_DEAD = 2, /* who had it died; the next publisher, or transaction, gets it */
	STELE_LOCK_EARLIER =
		3, /* it is of an earlier boot of the machine; an attach makes another */
};

struct stele_region_lock {
	size_t size; /* in: sizeof(struct stele_region_lock) */
	enum stele_lock_state state;
	uint32_t owner; /* the thread that has it, as it sees itself; 0: none */
};

/* Looks at a region's lock, and takes nothing: for the user who publishes, and root. Errors:
 * -EINVAL, -ENOENT (no such region, or no publisher's file), -ENOTDIR, -EACCES, -EBADMSG,
 * -EPROTONOSUPPORT (of another layout or byte order), -EMFILE, -ENFILE. */
STELE_API int stele_region_lock(const char *region, struct stele_region_lock *ret);

/* What a region's memory is used for, in bytes but where it says otherwise. What several versions
 * share counts once: to the newest if that reaches it, else to history, else to pins. */
struct stele_region_use {
	size_t size;      /* in: sizeof(struct stele_region_use) */
	uint64_t version; /* the newest that was looked at */
	uint64_t oldest;  /* and the oldest of history that was */
	uint64_t
		versions; /* how many of history were found whole, and how many pins keep below it */
	uint64_t pinned_versions;
	uint64_t
		given_up; /* older ones, which were there when this began and were given up before it
	                             * came to their end: no figure has them */
	uint64_t tables, rows, nodes; /* how many the newest version has */
	uint64_t row_bytes;           /* of the newest version: its rows, */
	uint64_t node_bytes;          /* the nodes of its tables' tries, */
	uint64_t other_bytes;         /* and its list of tables, schemas, and record */
	uint64_t history_bytes;       /* what older versions in history reach besides */
	uint64_t pinned_bytes; /* what only versions below history reach, which somebody pins */
	uint64_t slack_bytes;  /* free, in pages that are used in part: for objects of like size */
	uint64_t free_bytes;   /* in pages that nothing is in */
	uint64_t arena_bytes;  /* the sum of these */
	uint64_t objects;      /* that were looked at */
	uint64_t damages;      /* things found wrong; 0: the region is whole */
	bool checksummed; /* a saved file: all its bytes were checked by a checksum. A region has none
	                             * over the values of its rows */
};

/* Something in a region that is not as it should be. It is described until the callback returns. */
struct stele_damage {
	uint64_t version;  /* in which it was found; 0: it is of no version */
	const char *table; /* "" where it is in none */
	uint64_t offset;   /* of the object in the file; 0: it is none */
	const char *what;  /* a sentence */
};
typedef void stele_damage_fn(void *context, const struct stele_damage *damage);

struct stele_verify_options {
	size_t size; /* sizeof(struct stele_verify_options) */
	stele_damage_fn
		*found; /* called for each thing that is wrong; may be NULL. Below a node that is
	                               wrong nothing is looked at */
	void (*progress)(void *context, uint64_t objects); /* called now and then; may be NULL */
	void *context;                                     /* for both */
};

/* Looks at everything that any version of a region reaches: header, versions, records, schemas,
 * each node and each row, with every bound, order, rank, count and checksum. Takes no lock and
 * changes nothing, works beside a live publisher, and without one; what that gives up meanwhile is
 * no damage. Takes memory of half the arena's size. Returns 1: it is whole, or 0: it is not, and
 * `*ret`, of which then only what was found whole is counted. Any bytes at all may be in the file.
 * Errors: those of stele_region_describe(); -EBADMSG: not even its header is whole, or it was
 * truncated while it was looked at; -ESTALE: the publisher outran every try. */
STELE_API int stele_region_verify(const char *region, const struct stele_verify_options *options,
                                  struct stele_region_use *ret);

/* Called with the name of a region, which lasts until it returns. 0 goes on; anything else ends the
 * listing. */
typedef int stele_region_fn(void *context, const char *name);

/* Calls `each` for the name of every region in a directory, or, with NULL, of those without one, in the
 * order of strcmp. Lists what has a region's file name, readable or not. Reads the directory once,
 * before the first call, so `each` may create and remove regions, and a region may be gone when its
 * turn comes; takes 64 bytes of heap a region (up to twice as much while the list grows) until it returns.
 * Returns 0, or what `each` returned that is not 0 (a positive number can't be taken for an error of
 * the listing). Errors: -ENOENT, -ENOTDIR, -EACCES, -ENOMEM, -EMFILE, -ENFILE, and then `each` was
 * not called. */
STELE_API int stele_region_each(const char *directory, stele_region_fn *each, void *context);

/* The next name: writes the one after `name` in the order of strcmp ("" for the first) into `name`
 * (STELE_NAME_MAX + 1 bytes). Returns 1, or 0 after the last. Takes no heap of its own, but reads the
 * whole directory at each call: of many regions stele_region_each() is the way to list all. Errors:
 * those of stele_region_each(). */
STELE_API int stele_region_next(const char *directory, char *name);

#define STELE_REPLACE 2048u /* what is there may be replaced */

/* Writes a region into a file, to be kept, carried away, or looked at: all versions of its history
 * that are still held when it comes to them, and nothing that is free, so the file is as small as
 * they are. It is consistent while the publisher goes on, and appears whole or not at all. A
 * region in a System V segment, or another saved file, can be saved too. The file is the saver's
 * own (0600), and of the same layout as a region's: file:PATH reads it. Sets the oldest and newest
 * version in it (may be NULL). Flags: STELE_REPLACE. Errors: those of stele_subscriber_open();
 * -EEXIST: there is a file, and no STELE_REPLACE; -EINVAL: something that is no regular file has that
 * name, and stays as it is; -ENOSPC, -EFBIG, -EDQUOT; -ENOTDIR, -EACCES, -ENOTSUP (the file's
 * directory, which must be on a file system with O_TMPFILE); -ESTALE: the publisher gave up each
 * version while it was copied. stele_subscriber_save() does it through a subscriber, whose options say
 * whose region it may be. */
STELE_API int stele_region_save(const char *region, const char *file, unsigned flags,
                                uint64_t *ret_oldest, uint64_t *ret_newest);

/* Makes a region of a saved file, whole or not at all. It has the versions, tables, history, sizes
 * and options of the one that was saved, and goes on from its newest version. It has a uuid of its
 * own: the other may go on as well, so that one version number would mean two things, and who
 * resumes a follow by the old uuid is told so. Nobody publishes it when this returns. Errors:
 * those of stele_publisher_open() with STELE_CREATE_NEW; -EBADMSG: the file is not whole
 * (stele_region_verify). */
STELE_API int stele_region_load(const char *file, const char *region);

/* Removes a region: its files, and the queues of its subscribers that may be removed. Subscribers
 * that wait are told (-ENOENT from wait); snapshots stay readable until they are closed. Errors:
 * -EINVAL, -ENOENT, -ENOTDIR, -EBUSY (a publisher is attached), -EACCES, -EPERM (a file of another user
 * has one of the names: the sentence says whose), -EBADMSG (something else than a file, such as a directory
 * that is not empty), -ENOMEM, -EMFILE, -ENFILE, -EIO. Where something stays, so does the publisher file,
 * and the removal can be repeated. A region that is damaged, or of another layout, is removed all the
 * same. */
STELE_API int stele_region_remove(const char *region);

/* Something that a process left when it died. It is described until the callback returns. */
struct stele_leftover {
	const char *
		kind; /* "file", "folder", "channel" (what a subscriber was notified through), "slot" */
	const char
		*name; /* its path; of a slot, the path of its file, its number, and who had it */
	int error; /* 0, or the negative errno that kept it: stele_last_error() has the sentence */
};
typedef void stele_leftover_fn(void *context, const struct stele_leftover *leftover);

#define STELE_DRY_RUN 1024u /* tell of them, and remove nothing */

/* Removes what dead processes left of a region, and calls `found` (may be NULL) for each: the
 * files and the folder of one whose data file is gone, a file that was to take another's place,
 * slots of dead subscribers with what these were notified through. Never a data file, however dead
 * its region looks: that is data, and stele_region_remove()'s to remove. And never anything alive:
 * while a publisher is attached nothing is removed, as it cleans up by itself; whether somebody
 * has a file, or a slot, is asked of locks and of the kernel, never of pids. A publisher that
 * attaches meanwhile waits, or, told not to wait, finds the region busy. Returns how many
 * leftovers there were. Errors: -EINVAL (name, flags), -ENOENT, -ENOTDIR (the directory), -EACCES,
 * -EPERM (they are another user's), -EBADMSG (what has the name of a file of the region is none),
 * -ENOTSUP, -ENOSPC, -ENOMEM, -EMFILE, -ENFILE, -EIO. */
STELE_API int stele_region_clean(const char *region, unsigned flags, stele_leftover_fn *found,
                                 void *context);

#ifdef __cplusplus
}
#endif

#endif
