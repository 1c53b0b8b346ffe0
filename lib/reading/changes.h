/* SPDX-License-Identifier: MIT
 * Opens the public struct stele_changes: for subscribers and publishers, whose public functions
 * make the readings. */
#ifndef LIB_READING_CHANGES_H
#define LIB_READING_CHANGES_H

#include "lib/reading/reading.h"

/* Opens the changes from one reading to the other. Either may be NULL: nothing is there on that
 * side. Copies them; their contexts must stay. Their layouts must be those of equal schemas.
 * `versions` are those of stele_changes_versions(). Returns 0 or -ENOMEM. */
int changes_open(const struct reading *before, const struct reading *after,
                 const uint64_t versions[2], struct stele_changes **ret);

/* Calls `release` with the context of each reading when the changes are closed. */
void changes_own(struct stele_changes *changes, void (*release)(const void *context));

#endif
