/* SPDX-License-Identifier: MIT
 *
 * Rows of a transaction: the steps of a put and of a deletion. For put_many.c and replace.c. */
#ifndef PUBLISHER_TABLES_ROWS_H
#define PUBLISHER_TABLES_ROWS_H

#include "publisher/state/state.h"

/* Validates a row that is to be put into a table. Returns 0 or -EINVAL. */
int rows_check(const struct stele_writable *table, const struct stele_row_ref *row);

/* Gives the value of a valid row the form that is stored: completes a narrow value, and sets bytes
 * that hold no data, such as padding, to zero. If that changes the value, `row->value` then points
 * to a buffer of the table, valid until the next call. Returns 0 or -ENOMEM. */
int rows_prepare(struct stele_writable *table, struct stele_row_ref *row);

/* Puts a row, valid and prepared. Returns what stele_writable_put() does. */
int rows_put(struct stele_writable *table, const struct stele_row_ref *row);

/* Deletes a row. Returns 1, 0 if there is no such row, or an error. */
int rows_delete(struct stele_writable *table, const void *key, unsigned key_bits);

#endif
