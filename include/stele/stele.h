/* SPDX-License-Identifier: MIT
 *
 * Stele: a shared-memory state store. One publisher commits versions of typed tables to a region
 * of shared memory. Any number of subscribers read the tables in place. They always see one
 * consistent version, and are notified when there is a new one. There is no daemon.
 *
 * This header includes all others. Together they are the manual of the library:
 *
 *   <stele/version.h>     versions of the library; what stays compatible
 *   <stele/error.h>       errors and error messages; the SIGBUS handler
 *   <stele/flags.h>       all flags
 *   <stele/schema.h>      columns of a table; compatible schemas; keys; columns as text
 *   <stele/row.h>         rows, as they are read, and for calls that take many
 *   <stele/text.h>        keys and rows as text: JSON, CSV
 *   <stele/publisher.h>   writing: publishers, transactions
 *   <stele/subscriber.h>  reading: subscribers, snapshots, cursors, changes
 *   <stele/follow.h>      following: all rows once, and then every change
 *   <stele/lpm.h>         longest-prefix match at packet rates
 *   <stele/hash.h>        exact lookups in large tables
 *   <stele/region.h>      regions as a whole: list, describe, verify, save, remove; time limits
 *
 * CONVENTIONS. They hold for every function that does not say otherwise:
 *
 * - Errors. A function that can fail returns a negative errno value. stele_last_error() then
 *   returns an error message. Outputs are named `ret...` and are not written on failure. A
 *   function that returns an int and has nothing else to return, returns 0 on success.
 * - Handles. One thread at a time may use a handle. Different handles may be used at the same
 *   time, even if they are of the same region in one process. Snapshots, and what is read from
 *   them, have weaker rules: see <stele/subscriber.h>.
 * - Close functions accept NULL and return NULL, so `x = stele_x_close(x)` leaves no dangling
 *   pointer.
 * - Callbacks. A function takes a callback and its `void *context` side by side, in this order, and
 *   gives the context to the callback as its last argument. Callbacks run in the calling thread,
 *   during the call. What their arguments point to is valid until they return.
 * - Options. An options struct starts with its own size: set `.size = sizeof(struct ...)` and
 *   leave the other members zero for their defaults, or pass NULL for all defaults. A struct that
 *   the library fills in and that has a member `size` needs it set too. So programs and libraries
 *   of different releases work together: see STRUCTS THAT GROW in <stele/version.h>, which also
 *   explains -EINVAL and -E2BIG.
 * - Fork. A handle belongs to the process that opened it. In a child made by fork(), every call
 *   on it returns -ECHILD. The close functions are the exception: they free the child's copy, and
 *   touch nothing that the parent uses. Functions that cannot fail return what the child's copy
 *   holds: stele_publisher_version, stele_publisher_note, stele_snapshot_version,
 *   stele_table_rows, stele_table_version, stele_changes_versions, stele_lpm_version,
 *   stele_lpm_memory, stele_hash_version, stele_hash_memory, and the functions without a result
 *   whose names end in _position or _region_uuid. stele_transaction_abort does nothing.
 * - Side effects. The library never prints and never exits. It starts a thread only if the caller
 *   asks for one (STELE_NOTIFIER_THREAD, the notifier sysv). It holds no lock between calls,
 *   except the region's lock from the start to the end of a transaction.
 * - Signals. No function may be called from a signal handler. The library changes no signal
 *   action but that of SIGBUS, for which it installs a handler while a handle is open. The reason
 *   is that another process can truncate a mapped file: that must cost an error, not the process.
 *   If your program has a SIGBUS handler of its own, see THE SIGBUS HANDLER in <stele/error.h>.
 */
#ifndef STELE_STELE_H
#define STELE_STELE_H

#include <stele/error.h>
#include <stele/flags.h>
#include <stele/follow.h>
#include <stele/hash.h>
#include <stele/lpm.h>
#include <stele/publisher.h>
#include <stele/region.h>
#include <stele/row.h>
#include <stele/schema.h>
#include <stele/subscriber.h>
#include <stele/text.h>
#include <stele/version.h>

#endif
