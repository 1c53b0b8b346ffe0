/* SPDX-License-Identifier: MIT
 *
 * Regions as a whole. These functions take names, hold nothing after they returned, and may be
 * called from any thread.
 *
 * WHERE A REGION IS. Wherever the library takes a region, it takes its name, or DIRECTORY/NAME. A
 * region with only a name is POSIX shared memory: its files are in /dev/shm, and gone when the
 * machine starts anew. The files of one with a directory are there: on a disk they outlive the
 * machine's (see STELE_DURABLE in <stele/publisher.h>). The file system needs O_TMPFILE,
 * posix_fallocate and shared mappings, as tmpfs, ext4, XFS and Btrfs have them; a network file
 * system does not do, as a region is for one machine.
 */
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
	uint64_t time;           /* nanoseconds since 1970; 0: not known any more */
	uint8_t publisher[16];   /* UUID of one attachment of a publisher */
	uint32_t pid;            /* as the publisher saw itself; for people, it proves nothing */
	char command[16];        /* likewise; NUL-terminated */
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
	STELE_MEMORY_SYSV = 3,    /* a System V segment (shmget(2), ipcs -m), which readers attach with
	                             SHM_RDONLY: of a fixed size, so there is no growth past it and no
	                             compaction, and seen only in the IPC namespace that it was made in. The
	                             region's files are in POSIX shared memory all the same; who may read it
	                             is settled when it is made */
};

struct stele_region_info {
	size_t size;                /* in: sizeof(struct stele_region_info) */
	char name[STELE_NAME_MAX + 1];
	char path[512];             /* of the data file */
	uint8_t uuid[16];
	uint32_t layout_version;
	mode_t mode;
	uid_t owner;
	uint64_t created;           /* nanoseconds since 1970 */
	uint64_t version;           /* newest; 0: none yet */
	uint64_t oldest;            /* oldest that history holds */
	uint32_t history;           /* versions to be kept at least, while there is room: down to two */
	uint64_t history_bytes;     /* that they may take, down to two of them; 0: no limit */
	bool publisher_attached;
	uint32_t publisher_pid;     /* of the one attached, or the last one; 0: never any */
	char publisher_command[16];
	uint64_t publisher_since;   /* attached, or else detached or last seen, since; ns since 1970; 0: not known */
	uint64_t generation;        /* 1, and one more with each file that took the place of another */
	enum stele_memory memory;
	uint64_t file_size;         /* bytes of memory the data file, or the segment, takes */
	uint64_t maximum_size;      /* to which this file may grow */
	uint64_t limit_size;        /* to which any may */
	bool durable_commits;       /* made with STELE_DURABLE_COMMIT */
	uint64_t arena_size;        /* bytes given out for nodes and rows until now, free ones included */
	uint32_t subscribers;       /* registered */
	uint32_t subscriber_slots;
	struct stele_commit commit; /* the newest; .version 0: none, or not readable just now */
};

/* Describes a region. Errors: -EINVAL (name), -ENOENT, -EACCES, -EBADMSG, -EPROTONOSUPPORT,
 * -ESTALE (on a disk, and no publisher has opened it since the machine started), -EPERM, -ENOMEM, -EMFILE, -ENFILE. */
STELE_API int stele_region_describe(const char *region, struct stele_region_info *ret);

/* The names of the regions in a directory, or, with NULL, of those without one: writes the one after
 * `name` in the order of strcmp ("" for the first) into `name` (STELE_NAME_MAX + 1 bytes). Returns
 * 1, or 0 after the last. Lists what has a region's file name, readable or not. Errors: -ENOENT,
 * -ENOTDIR, -EACCES, -ENOMEM, -EMFILE, -ENFILE. */
STELE_API int stele_region_next(const char *directory, char *name);

/* Removes a region: its files, and the queues of its subscribers that may be removed. Subscribers
 * that wait are told (-ENOENT from wait); snapshots stay readable until they are closed. Errors:
 * -EINVAL, -ENOENT, -EBUSY (a publisher is attached), -EACCES, -EPERM. A region that is damaged, or
 * of another layout, is removed all the same. */
STELE_API int stele_region_remove(const char *region);

/* Something that a process left when it died. It is described until the callback returns. */
struct stele_leftover {
	const char *kind; /* "file", "folder", "channel" (what a subscriber was notified through), "slot" */
	const char *name; /* its path; of a slot, the path of its file, its number, and who had it */
	int error;        /* 0, or the negative errno that kept it: stele_last_error() has the sentence */
};
typedef void stele_leftover_fn(void *context, const struct stele_leftover *leftover);

#define STELE_DRY_RUN 1024u /* tell of them, and remove nothing */

/* Removes what dead processes left of a region, and calls `found` (may be NULL) for each: the files
 * and the folder of one whose data file is gone, names of files that were never finished, slots of
 * dead subscribers with what these were notified through. Never a data file, however dead its
 * region looks: that is data, and stele_region_remove()'s to remove. And never anything alive: while
 * a publisher is attached nothing is removed, as it cleans up by itself; whether somebody has a
 * file, or a slot, is asked of locks and of the kernel, never of pids. A publisher that attaches
 * meanwhile waits, or, told not to wait, finds the region busy. Returns how many leftovers there
 * were. Errors: -EINVAL (name, flags), -ENOENT, -ENOTDIR (the directory), -EACCES, -EPERM (they are
 * another user's), -EBADMSG (what has the name of a file of the region is none), -ENOTSUP,
 * -ENOSPC, -ENOMEM, -EMFILE, -ENFILE, -EIO. */
STELE_API int stele_region_clean(const char *region, unsigned flags, stele_leftover_fn *found,
                                 void *context);

#ifdef __cplusplus
}
#endif

#endif
