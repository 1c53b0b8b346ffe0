/* SPDX-License-Identifier: MIT
 *
 * Replaces one of a region's files by a new file, so that the file's name always exists.
 *
 * Until it is renamed over the old file, the new file has a random name in the same directory. Any
 * user can create files in /dev/shm, and only their owner can remove them: a user who knew the name
 * in advance could take it, and so stop the region from growing. The publisher file, which only the
 * region's owner and root can read, records the random name before the new file gets it. So a
 * publisher may die at any instruction, and the next publisher finds the file without reading the
 * directory.
 *
 * The caller must hold the lock of the publisher file or, if publishers share the region, the
 * mutex: a region has one replacement at a time. For publishers, and for lib/region/slots.c, which
 * makes the subscribers file.
 */
#ifndef LIB_STORAGE_REPLACE_H
#define LIB_STORAGE_REPLACE_H

#include <stdint.h>
#include <sys/types.h>
#include "lib/storage/paths.h"

#define REPLACE_PATH_SIZE (NAMES_PATH_SIZE + 32)

/* Gives an open file without a name its mode and a random name, and writes the name to `ret_path`.
 * First removes the file that a dead publisher left. `publisher` is the descriptor of the publisher
 * file, and `uuid` is the uuid in the new file's header. Returns 0 or a negative errno. */
int replace_begin(int publisher, const struct region_paths *names, const uint8_t uuid[16], int fd,
                  mode_t mode, char ret_path[REPLACE_PATH_SIZE]);

/* Renames the new file to `path`. Removes an empty directory of that name, which another user may
 * have created to be in the way. After a failure, removes the new file. Returns 0, -EPERM (the
 * object of that name belongs to another user), -EBADMSG (a directory that is not empty), or
 * another negative errno. */
int replace_end(const char *new_path, const char *path);

/* Gives an open file without a name the name `path`: directly if the name is free, otherwise by
 * replace_begin() and replace_end(). Returns 0 or a negative errno. */
int replace_file(int publisher, const struct region_paths *names, const uint8_t uuid[16], int fd,
                 const char *path, mode_t mode);

/* Finds the file of a publisher that died between replace_begin() and replace_end(). Returns 1 and
 * sets `ret_path`, or 0 if there is none. Ignores a file of that name that belongs to another user
 * or whose header has another uuid than recorded. */
int replace_find_left(int publisher, const struct region_paths *names,
                      char ret_path[REPLACE_PATH_SIZE]);

/* Removes the file that replace_find_left() finds. Returns 0, also if there is none, or a negative
 * errno. */
int replace_remove_left(int publisher, const struct region_paths *names);

#endif
