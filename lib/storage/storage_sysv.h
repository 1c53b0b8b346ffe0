/* SPDX-License-Identifier: MIT
 *
 * The storage backend whose memory is a System V segment. storage_of() selects it for an existing
 * region; a publisher uses it to create one, and removes the segment with the region. */
#ifndef LIB_STORAGE_STORAGE_SYSV_H
#define LIB_STORAGE_STORAGE_SYSV_H

#include "lib/storage/storage.h"

extern const struct storage storage_sysv;

/* Returns the key of the segment of the region with this uuid. The key is derived from the uuid, so
 * that a segment can be found even if its creator died before a data file named it. */
key_t storage_sysv_key(const uint8_t uuid[16]);

/* Removes the segment of a region, if there is one. `fd` is the region's publisher file or data
 * file. The segment must belong to that region and to the file's owner. Processes that have the
 * segment attached keep it. The caller must hold the region's locks. Returns 0, also if there is no
 * such segment, or a negative errno: the segment was not removed. */
int storage_sysv_remove(int fd);

#endif
