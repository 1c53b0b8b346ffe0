/* SPDX-License-Identifier: MIT
 *
 * The region's lock: a robust, process-shared mutex in the publisher file. A publisher holds it
 * from the start of a transaction to the commit or abort. Called by an attach, which initialises
 * the mutex, and by the functions that begin or end a transaction, a compaction or a close. */
#ifndef PUBLISHER_ATTACH_MUTEX_H
#define PUBLISHER_ATTACH_MUTEX_H

#include "publisher/attach/attachment.h"

/* Fills in the contents of a publisher file, except the uuid, with an unlocked mutex. Returns 0 or
 * a negative errno. */
int mutex_file_init(struct layout_publisher_file *file);

/* Locks the mutex. Returns 0; 1 if its previous owner died while holding it; -EBUSY (not within the
 * attachment's lock_timeout); or -ENOTRECOVERABLE. Sets no message for -ENOTRECOVERABLE. */
int mutex_lock(struct attachment *attachment);
void mutex_unlock(struct attachment *attachment);

#endif
