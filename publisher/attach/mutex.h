/* SPDX-License-Identifier: MIT
 *
 * The region's lock: a robust, process-shared mutex in the publisher file. Called by an attach,
 * which initialises it, and by all that begins or ends a transaction. */
#ifndef PUBLISHER_ATTACH_MUTEX_H
#define PUBLISHER_ATTACH_MUTEX_H

#include "publisher/attach/attach.h"

/* Makes the contents of a publisher file but for the uuid: a mutex that nobody holds. */
int mutex_file_init(struct layout_publisher_file *file);

/* The region's lock, from begin to commit or abort. 0; 1 if its holder
 * had died; -EBUSY; or -ENOTRECOVERABLE, which the caller turns into a message or a new file. */
int mutex_lock(struct attachment *attachment);
void mutex_unlock(struct attachment *attachment);

#endif
