/* SPDX-License-Identifier: MIT
 *
 * The tables of a transaction. Besides the public functions: what rollback.c, put_many.c and the
 * other files of this folder need of them.
 *
 * Every function of this folder sets the error message before it returns a negative errno. */
#ifndef PUBLISHER_TABLES_TABLE_H
#define PUBLISHER_TABLES_TABLE_H

#include "publisher/state/state.h"

/* Opens the table of this name in a transaction, whether there is one or not, with what the last
 * version has of it. */
int table_find(struct stele_transaction *tx, const char *name, struct stele_writable **ret);

/* Gives a table its schema, which it takes over. */
void table_set_schema(struct stele_writable *table, struct stele_schema *schema);

/* Whether a row may be put into a table: 0 or -EINVAL. */
int table_check_row(const struct stele_writable *table, const struct stele_row_ref *row);

/* Makes of a value what is stored of it, in the table's own buffer where that is another. 0 or
 * -ENOMEM. */
int table_normalize(struct stele_writable *table, const void **value, size_t size);

/* Fails with -EBADMSG: what a table has is not consistent. */
int table_damaged(const struct stele_writable *table);

/* The errors of a change to a table that failed: for lack of memory, or with any errno. */
int table_no_memory(const char *table);
int table_change_error(const struct stele_publisher *publisher, int r, const char *table);

#endif
