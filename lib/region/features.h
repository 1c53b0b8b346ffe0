/* SPDX-License-Identifier: MIT
 *
 * The feature bits of a data file (lib/layout.h): their names, and whether this library may read or
 * publish a region that has them. For lib/region and for publishers. */
#ifndef LIB_REGION_FEATURES_H
#define LIB_REGION_FEATURES_H

#include <stdbool.h>
#include <stddef.h>
#include "lib/layout.h"

/* Writes the names of a header's features to `buffer`, separated by blanks and ended by NUL: "" if
 * there are none. A bit without a name is written as the word and its number, as in
 * "incompatible-31". Cuts the text to `size` bytes. */
void features_format(const struct layout_header *header, char *buffer, size_t size);

/* Writes the names of the features that a new region has and this one lacks, in the same form. */
void features_format_missing(const struct layout_header *header, char *buffer, size_t size);

/* Returns true if a new region has a feature that this one lacks: an upgrade would add it. */
bool features_outdated(const struct layout_header *header);

/* Adds to a header all features of a new region. */
void features_upgrade(struct layout_header *header);

/* Returns true if the region has the feature "shared". */
bool features_shared(const struct layout_header *header);

/* Give a header the feature "shared" (STELE_SHARED_REGION), and take it. */
void features_share(struct layout_header *header);
void features_unshare(struct layout_header *header);

/* Returns 0, or -EPROTONOSUPPORT if this library does not know a feature that a reader, or, with
 * `writable`, a publisher must know. `label` is how messages name the region. */
int features_check(const struct layout_header *header, bool writable, const char *label);

#endif
