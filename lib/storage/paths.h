/* SPDX-License-Identifier: MIT
 * The names of a region's objects, and of this machine's boot. */
#ifndef LIB_STORAGE_PATHS_H
#define LIB_STORAGE_PATHS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <stele/schema.h>

/* Where POSIX shared-memory objects are files (shm_open(3)), and so regions without a directory of
 * their own. */
#define PATHS_DIRECTORY "/dev/shm"
#define PATHS_PREFIX    "stele."

#define NAMES_PATH_SIZE 512 /* of a path of one of a region's files, NUL included */

/* Whose region a reader wants (owner.h). */
struct owner_rule {
	enum { OWNER_ANY, OWNER_TRUSTED, OWNER_ONE } rule;
	uid_t user; /* OWNER_ONE */
};

/* Absolute paths of the three files, and of the folder for what subscribers are notified through
 * (folder.h). */
struct region_paths {
	char region[STELE_NAME_MAX + 1];
	bool in_directory; /* of its own */
	bool saved; /* a file to be read, and no region: only `data` is set, and `region` is what
	                      the file is called, or what it says that it was */
	char data[NAMES_PATH_SIZE];
	char publisher[NAMES_PATH_SIZE];
	char subscribers[NAMES_PATH_SIZE];
	char folder[NAMES_PATH_SIZE];
	struct owner_rule
		owner; /* of the data file, for who opens it; paths_make() sets OWNER_ANY */
};

/* Takes a region's name, or DIRECTORY/NAME. 0, or -EINVAL (a region may not have
 * this name), -ENOENT, -ENOTDIR, -EACCES... (the directory). */
int paths_make(const char *region, struct region_paths *ret);

/* The same for who only reads, and may be given file:PATH: a file that has a region in it. */
#define PATHS_SAVED "file:"
int paths_make_readable(const char *region, struct region_paths *ret);

/* Set the error message, and return the negative errno: -ENOENT, there is no region of this name; and
 * -EINVAL, the path of a file with a saved region is too long. */
int paths_missing_error(const char *region, const struct region_paths *names);
int paths_long_error(const char *file);

/* The name of a subscriber's queue, for mq_open(3). */
#define NAMES_QUEUE_SIZE (STELE_NAME_MAX + 48)
void paths_queue(const char *region, const uint8_t uuid[16], char ret[NAMES_QUEUE_SIZE]);

/* What stands for a table's name where a subscriber says which tables it wants to be told of:
 * FNV-1a, 64 bits (Fowler, Noll, Vo). */
uint64_t paths_table_hash(const char *table);

/* This boot's id, all zero where /proc is not there to say. 0, or -EMFILE and the like: who can't look must not take one boot for another. */
int paths_boot_id(uint8_t ret[16]);

/* This process's command name, at most 15 bytes. */
void paths_command(char ret[16]);

/* The IPC namespace that this process is in, as the inode of /proc/self/ns/ipc; 0 where that can't
 * be told. Message queues of one are not seen in another. */
uint32_t paths_ipc_namespace(void);

#endif
