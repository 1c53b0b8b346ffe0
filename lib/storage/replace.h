/* SPDX-License-Identifier: MIT
 *
 * A new file in place of one of a region's files, whose name is never missing meanwhile.
 *
 * Until it is renamed, the new file has a name of its own beside the other: a random one. Anybody may
 * make files in /dev/shm, and nobody but their owner may remove them: a user who could tell the name in
 * advance would take it, and keep the region from growing. The publisher file, which only the owner
 * and root read, records the name before the new file gets it. So a publisher may die at any
 * instruction, and the next one finds the file, without reading the directory.
 *
 * For the holder of the publisher file's lock, or, where publishers share a region, of the mutex: a
 * region has one replacement at a time.
 */
#ifndef LIB_STORAGE_REPLACE_H
#define LIB_STORAGE_REPLACE_H

#include <stdint.h>
#include <sys/types.h>
#include "lib/storage/paths.h"

#define REPLACE_PATH_SIZE (NAMES_PATH_SIZE + 32)

/* Gives an open file without a name its mode and a random name, and writes that into `ret_path`.
 * `publisher` is the publisher file, and `uuid` the uuid in the new file's header. Removes first what a
 * publisher that died left. 0 or a negative errno. */
int replace_begin(int publisher, const struct region_paths *names, const uint8_t uuid[16], int fd,
                  mode_t mode, char ret_path[REPLACE_PATH_SIZE]);

/* Renames it to `path`. An empty directory there, made by somebody who may not be asked, goes. On
 * failure the new file goes. 0, or -EPERM (what has the name is another user's),
 * -EBADMSG (a directory that is not empty), ... */
int replace_end(const char *new_path, const char *path);

/* Does both; or only names the file `path`, where nothing has that name. */
int replace_file(int publisher, const struct region_paths *names, const uint8_t uuid[16], int fd,
                 const char *path, mode_t mode);

/* Finds what a publisher that died between the two left: 1, or 0 if there is nothing. Another user's
 * file of that name, and a file that is not of the region recorded with it, count as nothing. */
int replace_find_left(int publisher, const struct region_paths *names,
                      char ret_path[REPLACE_PATH_SIZE]);

/* Removes it: 0, also if there is nothing, or a negative errno. */
int replace_remove_left(int publisher, const struct region_paths *names);

#endif
