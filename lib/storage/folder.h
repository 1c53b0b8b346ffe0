/* SPDX-License-Identifier: MIT
 *
 * The folder of a region, for notification channels that have a path: sockets, named pipes, and
 * files whose lock tells which process to signal. The folder belongs to the region's owner, so the
 * publisher can remove the entries of dead subscribers of other users. Every user who may read the
 * region can create entries, and remove only their own. The name of an entry is its subscriber's
 * uuid; every open of an entry validates it. For publishers and notifiers.
 */
#ifndef LIB_STORAGE_FOLDER_H
#define LIB_STORAGE_FOLDER_H

#include <sys/types.h>
#include "lib/storage/paths.h"

/* Creates the folder, or corrects the mode and the group of an existing one. A user who may not
 * give files to that group keeps the folder in its own group. Returns 0 or a negative errno.
 * Callers ignore a failure: without the folder, only the notification channels that have a path do
 * not work. Sets no message. */
int folder_make(const struct region_paths *names, mode_t region_mode, gid_t group);

/* Removes the folder with all its entries, or another object that has its name. Returns 1, 0 if
 * there was none, or a negative errno. */
int folder_remove(const struct region_paths *names);

/* Calls `each` for every entry whose name is a uuid, with that uuid. */
void folder_each(const struct region_paths *names,
                 void (*each)(void *context, const uint8_t uuid[16]), void *context);

/* Opens the folder (O_PATH) for a subscriber. It must be a directory of the region's owner. Returns
 * 0, -ENOTSUP (there is no folder), -EPERM (it belongs to another user), or another negative
 * errno. */
int folder_open(const struct region_paths *names, uid_t owner, int *ret_fd);

/* Writes the path of a subscriber's entry to `ret`. */
void folder_entry(const struct region_paths *names, const uint8_t uuid[16],
                  char ret[NAMES_PATH_SIZE]);

/* Writes a short path of a subscriber's entry to `ret`, by way of the descriptor of an open
 * folder. The short path fits into the address of a Unix socket, however long the path of the
 * folder is. */
#define FOLDER_SHORT_SIZE 80
void folder_entry_at(int folder, const uint8_t uuid[16], char ret[FOLDER_SHORT_SIZE]);

/* Opens an entry (O_PATH) without following a symbolic link. The entry must have the given file
 * type (S_IFSOCK, S_IFIFO, S_IFREG) and no other name. Returns 0 or a negative errno. Sets no
 * message. */
int folder_find(const struct region_paths *names, const uint8_t uuid[16], mode_t type, int *ret_fd);

/* Writes the path in /proc/self/fd of a descriptor from folder_find() to `ret`. An open or connect
 * by this path reaches the validated object, even if another object has its name by now. */
#define FOLDER_FOUND_SIZE 32
void folder_found_path(int fd, char ret[FOLDER_FOUND_SIZE]);

/* Removes a subscriber's entry. Returns 0, also if there was none, or a negative errno. Sets no
 * message. */
int folder_remove_entry(const struct region_paths *names, const uint8_t uuid[16]);

#endif
