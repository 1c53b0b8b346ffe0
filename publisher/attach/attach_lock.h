/* SPDX-License-Identifier: MIT
 *
 * The locks on the publisher file and on the data file. Called by the files of this folder: an
 * attach, a removal and a cleanup take the same locks. */
#ifndef PUBLISHER_ATTACH_ATTACH_LOCK_H
#define PUBLISHER_ATTACH_ATTACH_LOCK_H

#include <sys/types.h>
#include "lib/base/fork.h"
#include "lib/storage/paths.h"
#include "publisher/attach/attach_wait.h"

/* The byte of the publisher file that is locked. */
#define LOCK_BYTE 0

/* Calls `try` until it takes the lock, or until the wait ends. Returns 0, -EBUSY, or another
 * negative errno. */
int attach_lock_until(const struct region_paths *names, int fd, int (*try)(int fd),
                      struct attach_wait *wait);

/* Functions to try for the lock of the publisher file. _alone takes it for a publisher that does
 * not share the region. _shared shares it with other publishers, but takes it alone if there are
 * none, so that the first publisher creates the files undisturbed. They return 0, -EAGAIN, or
 * another negative errno. Set no message: attach_lock_until() does. */
int attach_lock_try_alone(int fd);
int attach_lock_try_shared(int fd);

/* Functions to try for the lock of the data file. Readers can hold read locks on that file, which
 * make a write lock impossible. Then _alone succeeds without a lock, and relies on the lock of the
 * publisher file. They return 0, -EAGAIN, or another negative errno. Set no message. */
int attach_lock_try_data_alone(int fd);
int attach_lock_try_data_shared(int fd);
/* Locks a free one of the data file's bytes for shared publishers, if there is one. */
void attach_lock_data_shared(int fd);

/* Locks a byte of a new file, which has no name yet. Returns 0 or a negative errno. */
int attach_lock_new(const struct region_paths *names, int fd, off_t byte);

/* Registers a locked descriptor to be closed in a child made by fork(), so that only this process
 * holds the lock. Returns 0 or a negative errno. */
int attach_lock_add(struct fork_fd *lock, int fd);

/* Locks the publisher file or the data file for a removal or a cleanup. Sets `*ret_fd` to a
 * descriptor, or to -1 if there is no such file. Returns 0; -EBUSY (a publisher is attached, or
 * attaches now); or another negative errno. A file that no longer has its name once it is locked
 * also counts as busy: another process replaced or removed it meanwhile. If `readers_may_hold`,
 * readers' read locks are ignored. */
int attach_lock_for_removal(const struct region_paths *names, const char *path,
                            bool readers_may_hold, int *ret_fd);

/* Returns -EBUSY, with an error message that says which process is attached. */
int attach_lock_busy(const struct region_paths *names);

#endif
