/* SPDX-License-Identifier: MIT
 *
 * The publisher file. A lock on this file is the attachment. The file contains the region's mutex.
 * Called by attach.c only. */
#ifndef PUBLISHER_ATTACH_ATTACH_FILE_H
#define PUBLISHER_ATTACH_ATTACH_FILE_H

#include "publisher/attach/attach_wait.h"
#include "publisher/attach/attachment.h"

/* Opens the publisher file, or creates it, and locks it. Returns 0, -EAGAIN (start over), or
 * another negative errno. Sets no message for -EAGAIN. */
int attach_file_lock(const struct region_paths *names, bool create, struct attach_wait *wait,
                     struct attachment *attachment);

/* Maps the publisher file, and adapts it to the data file, to this boot and to this layout. Returns
 * 0, -EAGAIN (start over), or another negative errno. Sets no message for -EAGAIN. */
int attach_file_map(struct attachment *attachment, bool guarded);

#endif
