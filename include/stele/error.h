/* SPDX-License-Identifier: MIT
 *
 * Errors. Functions return negative errno values. stele_last_error() returns the error message of
 * the calling thread's last failure. Each value has one meaning, whichever function returns it:
 *
 *   -EINVAL           an argument is wrong: a name, a path, a schema, a key, a value, an option
 *   -EMEDIUMTYPE      the table has another schema than is expected: its rows can't be read as the
 *                     caller's struct, compared with those of another version, kept when the table
 *                     is altered, or put into an index of this kind
 *   -ERANGE           text does not fit its type: a number outside it, more bytes than a char[N]
 *   -ENOENT           nothing has this name in the file system: no such region, file or directory;
 *                     the region was removed
 *   -ENXIO            the region or the schema has nothing of this name: no such table or column
 *   -ENODATA          the region has no such version yet: no commit has made it
 *   -ESTALE           the version is no longer held: open a snapshot of the newest one
 *   -ETIME            the publisher reclaimed version after version before they were read, for as
 *                     long as the call tried: try again, or give the region a longer history
 *   -EIDRM            another region has taken the name: open the region again, or call
 *                     stele_subscriber_reopen(); or the caller's position is in another region,
 *                     and what was kept with the position is void
 *   -EUCLEAN          the region was left by an earlier boot of the machine: a publisher must open
 *                     it before it can be read, or create it again
 *   -ENOTDIR          a directory was expected, and something else was found
 *   -EEXIST           the region, table, row or file exists already
 *   -EBUSY            in use: another publisher is attached or holds the lock, a transaction is
 *                     open, a table is being replaced, a subscriber still maps the file that was
 *                     replaced, or no signal number is free, and blocked, for the notifier
 *   -EAGAIN           a condition does not hold: the region or a row is at another version
 *   -EACCES, -EPERM   this user may not use the files or the memory of the region, the memory is in
 *                     another IPC namespace, or other users than the owner may write to them
 *   -ENOSPC           the region has reached its maximum size, or its file system is full
 *   -EOVERFLOW        the region has reached its last version, 2^62 - 1
 *   -EFBIG, -EDQUOT   a file would be larger than this process may write (RLIMIT_FSIZE; no SIGXFSZ
 *                     is raised) or than its file system supports; or the disk quota is used up. A
 *                     function that lists -ENOSPC may return these two as well
 *   -ENOMEM           this process, or its memory cgroup, has no memory or address space left
 *   -EMFILE, -ENFILE  too many are open: descriptors, or versions that one subscriber pins
 *   -EBADMSG          the region is damaged, was truncated, has lost its memory, or is not a
 *                     region; a key or a value does not fit the schema that it is read by
 *   -EPROTONOSUPPORT  the region has a feature that this library does not know (upgrade the
 *                     library), has another layout version, or is from another kind of machine
 *   -ECHILD           the handle was opened by the parent process, before a fork()
 *   -ENOTSUP          not supported by this subscriber's notifier, by the region's memory, by its
 *                     layout (until an upgrade), by a saved region, by the file system, or by the
 *                     system
 *   -EMSGSIZE         the caller's buffer is too small
 *   -E2BIG            a struct of options sets a member that this version of the library does not
 *                     know: see STRUCTS THAT GROW in <stele/version.h>
 *   -EIO              a file could not be read or written, or the system failed with an error that
 *                     is not in this list: the error message says which
 *
 * No function returns any other value.
 */
#ifndef STELE_ERROR_H
#define STELE_ERROR_H

#include <stele/version.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Returns the error message of this thread's last call that failed: what failed, on which object,
 * and what to do about it. The message has no newline at its end. Never returns NULL; the message
 * is "" if nothing has failed yet. It belongs to the thread, and is valid until the thread's next
 * failing call. Any thread may call this function. */
STELE_API const char *stele_last_error(void);

/* THE SIGBUS HANDLER. If another process truncates a file of a region, an access to the mapping
 * raises SIGBUS. The library handles this signal, so that the call returns -EBADMSG and the
 * process survives. It installs the handler with the first handle that is opened, and restores
 * the previous action when the last handle is closed. Functions that take a region by name
 * (describe, verify, save, remove) install the handler while they run. A fault at any other
 * address, and a SIGBUS sent by a process, go to the previous action, as without the library.
 *
 * A program with a SIGBUS handler of its own should install it before its first open. Then it
 * needs no other step.
 *
 * If a program installs its handler later, that handler takes the place of the library's for a
 * while. The library checks for this, and installs its handler in front again: with every open;
 * when a wait has blocked; before every 64th snapshot, wait or get of the newest version; and with
 * the first commit of each second. In between, the program's handler receives the faults of
 * truncated files. For every fault that it does not know, the program's handler must call the
 * action that it replaced, with all three arguments (sigaction(2)). Then no fault is lost at any
 * time. Handlers may chain to each other in any order and be installed repeatedly; no endless loop
 * results.
 *
 * Except with opens, the library does this four times at most, because two handlers that both
 * insist on being the first would never come to an end. Later handlers of the program stay in front
 * until the next open. stele_subscriber_describe() and stele_publisher_describe() return whether
 * the library's handler is installed (.truncation_handled).
 *
 * UNLOADING. dlclose(3) unloads the library, and nothing of it remains: no handler, no fork handler
 * and no thread. Close all handles before. The handles that are still open are lost, with their
 * memory; their threads are stopped, and the handler is removed. There is one exception: if a
 * program installed a handler over the library's, that handler may call the library's at any time,
 * so the library stays loaded from then on.
 *
 * A thread that calls the library must not block SIGBUS: when a thread faults with SIGBUS
 * blocked, the kernel kills the process, whatever the handler is. */

#ifdef __cplusplus
}
#endif

#endif
