/* SPDX-License-Identifier: MIT
 * Finds the row before a key, and the last row. Called only by
 * top_rows.c. */
#ifndef TOOLS_TOP_TOP_PLACE_H
#define TOOLS_TOP_TOP_PLACE_H

#include <stele/stele.h>

/* Finds the last key of the table. Returns 1, 0 if the table is empty, or an error of the
 * cursor. Moves the cursor. */
int place_last(struct stele_cursor *cursor, struct stele_key *key);

/* Replaces `*key` by the last key before it. Returns 1; 0, without a change, if there is none;
 * or an error of the cursor. Moves the cursor. */
int place_before(struct stele_cursor *cursor, struct stele_key *key);

#endif
