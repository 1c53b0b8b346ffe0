/* SPDX-License-Identifier: MIT
 *
 * The storage that is the data file itself. storage_of() chooses it for a region that exists; a
 * publisher names it to make one. */
#ifndef LIB_STORAGE_STORAGE_FILE_H
#define LIB_STORAGE_STORAGE_FILE_H

#include "lib/storage/storage.h"

extern const struct storage storage_file;

#endif
