/* SPDX-License-Identifier: MIT
 *
 * The folder of a region for what subscribers are notified through and has a path: sockets,
 * pipes, files whose locks say whom to signal.
 * It belongs to the region's owner, so that the publisher may remove what is another user's and
 * dead; who may read the region may make something there, and remove only what is its own.
 * Each entry is named after its subscriber's uuid and nothing else, and judged when it is opened.
 */
#ifndef LIB_STORAGE_FOLDER_H
#define LIB_STORAGE_FOLDER_H

#include <sys/types.h>
#include "lib/storage/paths.h"

/* Makes the folder, or puts the mode of the one that is there right. 0, or a negative errno: then
 * there are no such channels, and all else goes on. Sets no message. */
int folder_make(const struct region_paths *names, mode_t region_mode);

/* Removes it with all that is in it; or what else has its name. 1, 0 if there was nothing, or a
 * negative errno. */
int folder_remove(const struct region_paths *names);

/* Calls `each` for the entries that are named as a subscriber's, with the uuid. */
void folder_each(const struct region_paths *names,
                 void (*each)(void *context, const uint8_t uuid[16]), void *context);

/* Opens it (O_PATH), for the subscriber: it must be a directory of the region's owner. 0, or
 * -ENOTSUP (there is none), -EPERM, ... */
int folder_open(const struct region_paths *names, uid_t owner, int *ret_fd);

/* The path of a subscriber's entry; and the same by way of an open folder, which is short enough for
 * a socket's address whatever the folder's own path. */
#define FOLDER_SHORT_SIZE 80
void folder_entry(const struct region_paths *names, const uint8_t uuid[16],
                  char ret[NAMES_PATH_SIZE]);
void folder_entry_at(int folder, const uint8_t uuid[16], char ret[FOLDER_SHORT_SIZE]);

/* Opens an entry (O_PATH, never following it anywhere), which must be of this file type (S_IFSOCK,
 * S_IFIFO, S_IFREG) and have no other name: 0 or a negative errno. Sets no message. What is opened or connected to
 * through /proc/self/fd is then this very object, whatever has its name by now. */
int folder_find(const struct region_paths *names, const uint8_t uuid[16], mode_t type, int *ret_fd);
#define FOLDER_FOUND_SIZE 32
void folder_found_path(int fd, char ret[FOLDER_FOUND_SIZE]);

/* Removes an entry: 0, also if there was none, or a negative errno. Sets no message. */
int folder_remove_entry(const struct region_paths *names, const uint8_t uuid[16]);

#endif
