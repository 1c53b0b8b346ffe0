/* SPDX-License-Identifier: MIT
 *
 * Validates the immutable part of a data file's header, and names the region in messages about it.
 * Called by region.c, when it opens a region. */
#ifndef LIB_REGION_HEADER_H
#define LIB_REGION_HEADER_H

#include <stdbool.h>
#include "lib/layout.h"
#include "lib/storage/paths.h"

/* Size of the text of header_label(). */
#define HEADER_LABEL_SIZE (NAMES_PATH_SIZE + 16)

/* Writes to `ret` how an error message names the region: a saved file by its path, which is the
 * name that the user gave. Returns `ret`. */
const char *header_label(const struct region_paths *names, char ret[HEADER_LABEL_SIZE]);

/* Returns the end of the error message for a damaged region or saved file: what to do about it. */
const char *header_damaged_remedy(const struct region_paths *names);

/* Returns the end of the error message for a region or saved file that this library cannot read:
 * what else to do about it. */
const char *header_unknown_remedy(const struct region_paths *names);

/* Validates the immutable part of a header, in a copy that can't change: the magic, byte order,
 * layout version, checksum and features. `writable`: for a publisher. Returns 0; -EBADMSG (no
 * region, or damaged); or -EPROTONOSUPPORT (the other byte order, another layout, or a feature that
 * this library does not know). */
int header_validate(const struct region_paths *names, const struct layout_header *header,
                    bool writable);

/* Refuses to replace the file of a region that only a newer library can use: a region of a later
 * layout version, or one with features that this library does not know. Returns 0 or
 * -EPROTONOSUPPORT. */
int header_keep_newer(const struct region_paths *names, int fd);

/* Validates that each member of a header has a value that a publisher could have written, for
 * contents of `size` bytes. Returns 0 or -EBADMSG. */
int header_validate_fit(const struct region_paths *names, const struct layout_header *header,
                        uint64_t size);

#endif
