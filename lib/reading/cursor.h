/* SPDX-License-Identifier: MIT
 *
 * Opens the public struct stele_cursor. Called by stele_cursor_open() and
 * stele_writable_cursor_open(), which provide the reading. */
#ifndef LIB_READING_CURSOR_H
#define LIB_READING_CURSOR_H

#include <stele/subscriber.h>

#include "lib/reading/reading.h"

/* Opens a cursor before the first row. Copies the reading. The reading's context must stay valid
 * until the cursor is closed. Returns 0 or -ENOMEM. */
int cursor_open(const struct reading *reading, struct stele_cursor **ret);

#endif
