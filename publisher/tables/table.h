/* SPDX-License-Identifier: MIT
 *
 * The tables of a transaction: opening them, and what the files of this folder share about them.
 * The functions of <stele/publisher.h> on tables and rows are in this folder.
 */
#ifndef PUBLISHER_TABLES_TABLE_H
#define PUBLISHER_TABLES_TABLE_H

#include "publisher/state/state.h"

/* Opens a name in a transaction: the table that the last version has, or, if it has none, a
 * TABLE_ABSENT one, which stele_transaction_create_table() can create. Returns 0, -ENXIO (the name
 * is too long for any table), -ENOMEM or -EBADMSG. */
int table_find(struct stele_transaction *tx, const char *name, struct stele_writable **ret);

/* Sets the schema of a table. The table takes ownership of the schema. */
void table_set_schema(struct stele_writable *table, struct stele_schema *schema);

/* Writes the blob of a new schema for a table. Returns 0, -ENOSPC, -ENOMEM, or another error of
 * object_alloc(). */
int table_store_schema(struct stele_writable *table, const struct stele_schema *schema, ref_t *ret);

/* Sets the error message for a table whose contents are damaged. Returns -EBADMSG. */
int table_damaged(const struct stele_writable *table);

/* Sets the error message for a change to a table for which there is no memory. Returns -ENOMEM. */
int table_no_memory(const char *table);

/* Sets the error message for a change to a table that failed with `r`. Returns a negative errno. */
int table_change_error(const struct stele_publisher *publisher, int r, const char *table);

#endif
