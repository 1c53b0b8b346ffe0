/* SPDX-License-Identifier: MIT
 *
 * The marks of a replacement of all rows: a bit for each unit of the arena, set where a row was put
 * since stele_writable_replace(). For rows.c and replace.c. */
#ifndef PUBLISHER_TABLES_MARKS_H
#define PUBLISHER_TABLES_MARKS_H

#include "publisher/state/state.h"

/* Allocates marks for every unit that the arena has, or may have after one more put. Returns 0 or
 * -ENOMEM. */
int marks_reserve(struct stele_writable *table);

/* Returns the word of a row's mark, and the bit in it. */
uint64_t *marks_find(struct stele_writable *table, ref_t row, uint64_t *ret_bit);

/* Puts a row in a replacement, and marks it. Returns EDIT_REFUSED if the replacement has put the
 * key before, and otherwise what edit_put_unless() returns. */
int marks_put(struct stele_writable *table, const struct stele_row_ref *row, bool *ret_touched);

#endif
