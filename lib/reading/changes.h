/* SPDX-License-Identifier: MIT
 *
 * Opens the public struct stele_changes. Called by stele_changes_open(), stele_changes_since() and
 * stele_writable_changes_open(), which provide the readings. */
#ifndef LIB_READING_CHANGES_H
#define LIB_READING_CHANGES_H

#include <stele/subscriber.h>

#include "lib/reading/extension.h"
#include "lib/reading/reading.h"

/* Opens the changes between two readings of tables with equal schemas, or of a table before and
 * after an alter that appended nothing. Either reading may be NULL: the table does not exist on
 * that side. Copies the readings. Their contexts must stay valid until the changes are closed.
 * stele_changes_versions() returns `versions`, and stele_changes_position() the later version with
 * the UUID `region`. Returns 0 or -ENOMEM. */
int changes_open(const struct reading *before, const struct reading *after,
                 const uint64_t versions[2], const uint8_t region[16], struct stele_changes **ret);

/* Opens changes as changes_open() does, between the readings of a table before and after columns
 * were appended or taken back. `extension` is that of extension_between(before, after). Rows before
 * are compared and returned with the columns of the table after: extended by defaults, in a buffer
 * of the changes, or cut. Takes over the memory of the extension, unless it sets no `appends`: then
 * this is changes_open(). */
int changes_open_extended(const struct reading *before, const struct reading *after,
                          struct extension *extension, const uint64_t versions[2],
                          const uint8_t region[16], struct stele_changes **ret);

/* Makes stele_changes_close() call `release` with the context of each reading. */
void changes_own(struct stele_changes *changes, void (*release)(const void *context));

#endif
