/* SPDX-License-Identifier: MIT
 *
 * Whose region it is that a reader is given. Anybody may make a region of any name in /dev/shm, so a name
 * says nothing of who wrote the rows; the owner of the data file does, as nobody but root can give
 * files away. Checked on the open file, before anything in it is read.
 */
#ifndef LIB_STORAGE_OWNER_H
#define LIB_STORAGE_OWNER_H

#include <stdbool.h>
#include <sys/stat.h>
#include "lib/storage/paths.h"

/* True for this user, root, and the owner of the region's directory, who can replace any file in it. */
bool owner_is_trusted(const struct region_paths *names, uid_t owner);

/* Holds a data file against names->owner: 0, or -EPERM with a message that names its owner. */
int owner_check(const struct region_paths *names, const struct stat *status);

#endif
