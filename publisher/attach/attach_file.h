/* SPDX-License-Identifier: MIT
 *
 * The publisher file: its lock is the attachment, and it holds the region's mutex. Called by
 * attach.c alone. */
#ifndef PUBLISHER_ATTACH_ATTACH_FILE_H
#define PUBLISHER_ATTACH_ATTACH_FILE_H

#include "publisher/attach/attach.h"

/* Opens or makes the publisher file and locks it. -EAGAIN: start over. */
int attach_file_lock(const struct region_paths *names, bool create, int64_t until,
                     struct attachment *attachment);

/* Maps the publisher file, and makes it agree with the data file, this boot and this layout. */
int attach_file_map(struct attachment *attachment, bool guarded);

#endif
