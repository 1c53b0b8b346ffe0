/* SPDX-License-Identifier: MIT
 * Opens the public struct stele_cursor: for subscribers and publishers, whose public functions make
 * the reading. */
#ifndef LIB_READING_CURSOR_H
#define LIB_READING_CURSOR_H

#include "lib/reading/reading.h"

/* Opens a cursor before the first row. Copies the reading; its context must stay. Returns 0 or
 * -ENOMEM. */
int cursor_open(const struct reading *reading, struct stele_cursor **ret);

#endif
