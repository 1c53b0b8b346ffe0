/* SPDX-License-Identifier: MIT
 *
 * The storage backend whose memory is the data file itself. storage_of() selects it for an existing
 * region; a publisher uses it to create one. */
#ifndef LIB_STORAGE_STORAGE_FILE_H
#define LIB_STORAGE_STORAGE_FILE_H

#include "lib/storage/storage.h"

extern const struct storage storage_file;

#endif
