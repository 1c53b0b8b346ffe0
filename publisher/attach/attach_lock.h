/* SPDX-License-Identifier: MIT
 *
 * Waiting for the locks on the publisher file and on the data file. Called by the files of this
 * folder: an attach, a removal and a cleanup take the same locks. */
#ifndef PUBLISHER_ATTACH_ATTACH_LOCK_H
#define PUBLISHER_ATTACH_ATTACH_LOCK_H

#include <sys/types.h>
#include "lib/base/fork.h"
#include "lib/storage/paths.h"

#define LOCK_BYTE 0 /* of the publisher file */

/* Takes a lock, trying until `until` on CLOCK_MONOTONIC: 0, -EBUSY, or another errno. */
int attach_lock_until(const struct region_paths *names, int fd, int (*try)(int fd), int64_t until);

/* For it, the locks of the publisher file: to have the region alone; or with others, but alone at
 * first if nobody is there, to make what has to be made. */
int attach_lock_try_alone(int fd);
int attach_lock_try_shared(int fd);

/* And those of the data file. Readers may hold read locks on it; then that of the publisher file
 * has to do. */
int attach_lock_try_data_alone(int fd);
int attach_lock_try_data_shared(int fd);
/* The second half of that, for who may have it. */
void attach_lock_data_shared(int fd);

/* Locks a byte of a new file, which has no name yet. */
int attach_lock_new(const struct region_paths *names, int fd, off_t byte);

/* Makes a locked descriptor one that a child made by fork() closes, so that the lock stays this
 * process's. */
int attach_lock_add(struct fork_fd *lock, int fd);

/* Locks one of the two files if it is there, for who removes what a region has: 0, and a descriptor
 * or -1, -EBUSY (a publisher is attached, or attaching), or another errno. A file
 * that was locked too late to have its name still is another's work. */
int attach_lock_for_removal(const struct region_paths *names, const char *path,
                            bool readers_may_hold, int *ret_fd);

/* Fails with -EBUSY; the message says which process is attached. */
int attach_lock_busy(const struct region_paths *names);

#endif
