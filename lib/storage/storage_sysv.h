/* SPDX-License-Identifier: MIT
 *
 * The storage that is a System V segment. storage_of() chooses it for a region that exists; a publisher
 * names it to make one, and removes the segment with the region. */
#ifndef LIB_STORAGE_STORAGE_SYSV_H
#define LIB_STORAGE_STORAGE_SYSV_H

#include "lib/storage/storage.h"

extern const struct storage storage_sysv;

/* The key of the segment of a region with this uuid. It is derived so that one whose maker died
 * before any file named it is found again. */
key_t storage_sysv_key(const uint8_t uuid[16]);

/* Removes the segment of the region that this publisher's or data file is of, if there is one, and it
 * is that region's, and of the file's owner. Who has it attached keeps it. For who holds the
 * region's locks. 0, or a negative errno: it stays. */
int storage_sysv_remove(int fd);

#endif
