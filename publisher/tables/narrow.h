/* SPDX-License-Identifier: MIT
 *
 * Puts of a publisher that was built with fewer columns than the table has.
 *
 * A publisher says by stele_transaction_ensure_table() which schema its values have: the schema is
 * DECLARED. If the table's schema is wider, by the rule of stele_schema_compatible(), values of the
 * declared schema are NARROW (lib/reading/extension.h). A put completes them: the appended columns
 * of a row keep what is stored, and those of a new row get their defaults.
 *
 * The declaration stays from one transaction to the next, because the table may be altered in
 * between, by another publisher, or dropped and created again. It ends when the publisher is closed
 * or commits a drop of the table. After the drop, no value is narrow in that transaction either,
 * until a schema is declared again. A narrow value is recognised by its size. No complete value has
 * that size: appended columns add at least a byte, the variable one included. */
#ifndef PUBLISHER_TABLES_NARROW_H
#define PUBLISHER_TABLES_NARROW_H

#include "publisher/state/state.h"

/* Returns 0 if values of the schema, which must be well formed, can be put into the table,
 * completed if they are narrow; otherwise -EMEDIUMTYPE. */
int narrow_expect(const struct stele_writable *table, const struct stele_schema *schema);

/* Declares a schema, and takes ownership of it. */
void narrow_declare(struct stele_writable *table, struct stele_schema *schema);

/* Finds out again which values of the table are narrow. Call after its schema has changed. */
void narrow_update(struct stele_writable *table);

/* Checks a narrow value. Returns 0 or -EINVAL. */
int narrow_check(const struct stele_writable *table, const void *value);

/* Returns the size that the value of a row has after narrow_complete(). */
size_t narrow_complete_size(const struct stele_writable *table, const struct stele_row_ref *row);

/* Completes the value of a row, whose key is valid, if it is narrow: then the value is in a buffer
 * of the table, valid until the next call. Returns 0 or -ENOMEM. */
int narrow_complete(struct stele_writable *table, struct stele_row_ref *row);

#endif
