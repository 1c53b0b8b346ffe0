/* SPDX-License-Identifier: MIT
 *
 * Stele: a shared-memory state store. One publisher commits versions of typed tables into a region
 * of shared memory; any number of subscribers read them in place, always as one whole version, and
 * are told when a new version exists. There is no daemon.
 *
 * This header includes the others, which together are the manual of the library:
 *
 *   <stele/error.h>       what went wrong, in a sentence
 *   <stele/schema.h>      the columns of a table; keys; values as text
 *   <stele/publisher.h>   writing: publishers, transactions
 *   <stele/subscriber.h>  reading: subscribers, snapshots, cursors, changes
 *   <stele/index.h>       longest-prefix match at the rate of packets
 *   <stele/hash.h>        exact lookups in large tables
 *   <stele/region.h>      regions as a whole: list, describe, verify, save, remove
 *
 * Conventions, which hold for every function unless it says otherwise:
 *
 * - A function that can fail returns a negative errno value, and stele_last_error() then holds a
 *   sentence about it. Outputs are named `ret...` and are not touched on failure.
 * - A handle is used by one thread at a time. Different handles may be used at the same time, also
 *   two on the same region in one process. Snapshots and what is read from them are the exception:
 *   see <stele/subscriber.h>.
 * - A handle belongs to the process that made it. In a child made by fork() every call on it is
 *   refused with -ECHILD, except its close function, which frees the child's copy and touches
 *   nothing that the parent uses. The functions that can't fail tell there what the handle has:
 *   stele_publisher_version, stele_publisher_note, stele_snapshot_version, stele_table_rows,
 *   stele_table_version, stele_changes_versions, stele_index_version, stele_index_memory,
 *   stele_hash_version, stele_hash_memory; and stele_transaction_abort does nothing.
 * - Close functions accept NULL and return NULL, so `x = stele_x_close(x)` leaves nothing dangling.
 * - An options struct starts with its own size: set `.size = sizeof(struct ...)`, leave the rest
 *   zero for the defaults, or pass NULL for all defaults. A struct that is filled in and has a
 *   `size` wants it set, too. Another size is -EINVAL.
 * - The library never prints and never exits. It starts a thread only where the caller asks for one
 *   (STELE_NOTIFIER_THREAD, the notifier sysv), and keeps no lock outside a call but the region's own,
 *   between the begin and the end of a transaction. It changes no signal's action but that of
 *   SIGBUS, which it has a handler for while a handle is open, because a file that somebody truncates
 *   under a mapping must cost an error and not the process; what a program with a handler of its own
 *   has to know is in <stele/error.h>, at STELE_NO_SIGBUS_HANDLER.
 * - No function may be called from a signal handler.
 */
#ifndef STELE_STELE_H
#define STELE_STELE_H

#include <stele/error.h>
#include <stele/hash.h>
#include <stele/index.h>
#include <stele/publisher.h>
#include <stele/region.h>
#include <stele/schema.h>
#include <stele/subscriber.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of the library, such as "0.1.0". Static. */
STELE_API const char *stele_version(void);

#ifdef __cplusplus
}
#endif

#endif
