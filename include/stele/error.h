/* SPDX-License-Identifier: MIT
 *
 * Errors. Functions return negative errno values; the sentence that goes with the last failure of
 * the calling thread is kept here. The same value always means the same kind of thing:
 *
 *   -EINVAL     an argument is wrong: a name, a path, a schema, a key, a value, an option
 *   -ERANGE     a text does not fit its type: a number outside it, more letters than a char[N] has
 *   -ENOENT     no such region, directory, table, row or version
 *   -ENOTDIR    what should be a directory is none
 *   -EEXIST     it exists already
 *   -EBUSY      another publisher is attached, or a transaction is open; no signal can be had to be
 *               notified by
 *   -EAGAIN     a condition does not hold: the region or a row is at another version
 *   -EACCES, -EPERM   the files of the region, or its memory, do not let this user in, are in another
 *               IPC namespace, or may be written by others than their owner
 *   -ENOSPC     no room: the region's maximum, or the file system that holds it
 *   -EOVERFLOW  the region has reached its last version, 2^62 - 1
 *   -EFBIG, -EDQUOT   a file would be larger than this process may write (RLIMIT_FSIZE; no SIGXFSZ is
 *               raised) or than its file system can hold, or the disk quota is used up. A function that
 *               lists -ENOSPC may return these two likewise
 *   -ENOMEM     no room in this process, heap or address space, or in its memory cgroup
 *   -EMFILE, -ENFILE  no descriptors, or more versions pinned than a subscriber may
 *   -ESTALE     the version is no longer held: open a newer snapshot. The region was replaced by
 *               another, or left by an earlier boot of the machine
 *   -EBADMSG    the region is damaged, was truncated, lost its memory, or is not a region
 *   -EPROTONOSUPPORT  the region was made by a library with another layout, or for another machine
 *   -ECHILD     the handle was made before a fork(), by the parent
 *   -ENOTSUP    this subscriber's notifier can't do that, or the region's memory, or a saved file; or
 *               the file system can't hold a region
 *   -EMSGSIZE   the caller's buffer is too small
 *   -EIO        a file could not be read or written, or the system failed in a way that is none of
 *               these: the sentence says how
 *
 * There are no others.
 */
#ifndef STELE_ERROR_H
#define STELE_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

#define STELE_API __attribute__((visibility("default")))

/* A sentence about the last call of this thread that failed: what failed, on which object, and what
 * to do about it. No newline at its end. Never NULL; empty when nothing has failed yet. It is the
 * thread's own, and holds until the thread's next failing call. Any thread. */
STELE_API const char *stele_last_error(void);

/* THE SIGBUS HANDLER. The library installs one with the first handle that is opened, so that a file of a
 * region which somebody truncates costs an -EBADMSG and not the process, and restores the action before
 * it when the last handle is closed. Functions that take a region by its name (describe, verify, save,
 * remove) have it installed while they run. A fault at any other address, and a SIGBUS that was sent,
 * goes to the action before, as without the library.
 *
 * A program with a SIGBUS handler of its own installs it before its first open: then there is nothing
 * more to do. One that it installs later takes the library's place. Until the next open, which installs
 * the library's in front of it, a truncated file is then a fault that the program's handler has to
 * handle; it does so by calling the action that it replaced (sigaction(2), with all three arguments)
 * for every fault that it does not know. Handlers may chain to each other in any order and be installed
 * again: no circle comes of it. From then on the library stays loaded: dlclose(3) does not unload what
 * another handler may call. Otherwise nothing of the library outlives a dlclose() that comes after all
 * handles are closed.
 *
 * A thread that calls the library must not have SIGBUS blocked: the kernel ends a process whose thread
 * faults with SIGBUS blocked, whatever the handler is.
 *
 * This is a flag for opening publishers and subscribers: install no such handler for the handle. A file
 * of the region that somebody truncates then kills the process that touches it. For programs that have
 * a handler of their own which must be the only one. */
#define STELE_NO_SIGBUS_HANDLER 4u

#ifdef __cplusplus
}
#endif

#endif
