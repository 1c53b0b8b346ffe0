/* SPDX-License-Identifier: MIT
 *
 * The paths and names of a region's objects, derived from the region's name; and the identifiers
 * of this process and of this boot of the machine. Any part of the library may call these
 * functions. */
#ifndef LIB_STORAGE_PATHS_H
#define LIB_STORAGE_PATHS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <stele/schema.h>

/* The default directory of regions: that of POSIX shared memory (shm_open(3)). */
#define PATHS_DIRECTORY "/dev/shm"
#define PATHS_PREFIX    "stele."

#define NAMES_PATH_SIZE 512 /* bytes of a path of one of a region's files, NUL included */

/* Which owners a reader accepts (owner.h). */
struct owner_rule {
	enum { OWNER_ANY, OWNER_TRUSTED, OWNER_ONE } rule;
	uid_t user; /* OWNER_ONE: the only user that is accepted */
};

/* A region's name, and the absolute paths of its three files and of its folder (folder.h). */
struct region_paths {
	/* The region's name. Of a saved file: the name in its header, and the file's name before
	 * the header was read. */
	char region[STELE_NAME_MAX + 1];
	bool in_directory; /* the region is not in PATHS_DIRECTORY */
	bool saved;        /* a saved file, not a region: of the paths, only `data` is set */
	char data[NAMES_PATH_SIZE];
	char publisher[NAMES_PATH_SIZE];
	char subscribers[NAMES_PATH_SIZE];
	char folder[NAMES_PATH_SIZE];
	/* Names of versions, which the command writes, and the file that is to replace them. */
	char tags[NAMES_PATH_SIZE];
	char next_tags[NAMES_PATH_SIZE];
	/* Owners that region_open() accepts; paths_make() sets OWNER_ANY. */
	struct owner_rule owner;
};

/* Derives the paths of a region from NAME or DIRECTORY/NAME. Returns 0; -EINVAL (not a valid name);
 * or -ENOENT, -ENOTDIR, -EACCES or another negative errno (the directory can't be used). */
int paths_make(const char *region, struct region_paths *ret);

/* Derives the paths like paths_make(), and also accepts file:PATH for a saved file. For callers
 * that only read. */
#define PATHS_SAVED "file:"
int paths_make_readable(const char *region, struct region_paths *ret);

/* Sets the error message for a region that does not exist. Returns -ENOENT. */
int paths_missing_error(const struct region_paths *names);

/* Sets the error message for a region that exists already. Returns -EEXIST. */
int paths_exists_error(const struct region_paths *names);

/* Sets the error message for a saved file whose path is too long. Returns -EINVAL. */
int paths_long_error(const char *file);

/* Writes the name of a subscriber's message queue, for mq_open(3), to `ret`. */
#define NAMES_QUEUE_SIZE (STELE_NAME_MAX + 48)
void paths_queue(const char *region, const uint8_t uuid[16], char ret[NAMES_QUEUE_SIZE]);

/* Returns the 64-bit FNV-1a hash of a table's name. A subscriber's slot lists the tables that it
 * waits for by these hashes. */
uint64_t paths_table_hash(const char *table);

/* Reads the id of this boot of the machine. Gives an id of zeros if /proc is not available. Returns
 * 0, or a negative errno such as -EMFILE: a temporary failure must not look like another boot. */
int paths_boot_id(uint8_t ret[16]);

/* Writes this process's command name, at most 15 bytes and a NUL, to `ret`. */
void paths_command(char ret[16]);

/* Returns the user behind this process, for display: the effective user; or if that is root, the
 * user who logged in, so that a commit by sudo tells who made it. */
uint32_t paths_user(void);

/* Returns the inode of this process's IPC namespace (/proc/self/ns/ipc), or 0 if it is unknown.
 * Message queues and System V segments of one IPC namespace are not visible in another. */
uint32_t paths_ipc_namespace(void);

#endif
