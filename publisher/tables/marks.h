/* SPDX-License-Identifier: MIT
 *
 * The marks of a replacement of all rows: which rows were put since stele_writable_replace(). For
 * rows.c and replace.c. */
#ifndef PUBLISHER_TABLES_MARKS_H
#define PUBLISHER_TABLES_MARKS_H

#include "publisher/state/state.h"

/* Returns true if the replacement has put this row. The reference may have any value, as in a
 * truncated file. */
bool marks_have(const struct stele_writable *table, ref_t row);

/* Puts a row in a replacement, and marks it. Returns EDIT_REFUSED if the replacement has put the
 * key before, and otherwise what edit_put_unless() returns. */
int marks_put(struct stele_writable *table, const struct stele_row_ref *row, bool *ret_touched);

#endif
