/* SPDX-License-Identifier: MIT
 *
 * Rows of a transaction: the steps of a put and of a deletion. For put_many.c and replace.c. */
#ifndef PUBLISHER_TABLES_ROWS_H
#define PUBLISHER_TABLES_ROWS_H

#include "publisher/state/state.h"

/* Validates a row that is to be put into a table. Returns 0 or -EINVAL. */
int rows_check(const struct stele_writable *table, const struct stele_row_ref *row);

/* Sets the bytes of a value that hold no data, such as padding, to zero. Then `*value` points to a
 * buffer of the table, which is valid until the next call. Leaves `*value` unchanged if all bytes
 * of the table's values hold data. Returns 0 or -ENOMEM. */
int rows_normalize(struct stele_writable *table, const void **value, size_t size);

/* Deletes a row. Returns 1, 0 if there is no such row, or an error. */
int rows_delete(struct stele_writable *table, const void *key, unsigned key_bits);

#endif
