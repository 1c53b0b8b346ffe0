/* SPDX-License-Identifier: MIT
 * Places in a table: cursors of the library go forwards only; here are the rows before one. */
#ifndef TOOLS_TOP_TOP_PLACE_H
#define TOOLS_TOP_TOP_PLACE_H

#include <stele/stele.h>

/* The last key of the table: 1 and `*key`, 0 where it is empty, or an error of the cursor's.
 * Moves the cursor. */
int place_last(struct stele_cursor *cursor, struct stele_key *key);

/* The last key before `*key`: 1 and `*key`, or 0 and `*key` as it was, where there is none. */
int place_before(struct stele_cursor *cursor, struct stele_key *key);

#endif
