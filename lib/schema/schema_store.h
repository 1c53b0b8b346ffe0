/* SPDX-License-Identifier: MIT
 *
 * The stored form of schemas in the catalog of a region: fixed-width integers in the machine's byte
 * order, then the names of the columns, then their attributes as text. Publishers store schemas,
 * and all readers load them. */
#ifndef LIB_SCHEMA_SCHEMA_STORE_H
#define LIB_SCHEMA_SCHEMA_STORE_H

#include <stele/schema.h>

/* Maximum size of a stored schema without attributes, and with them, in bytes. */
#define SCHEMA_PLAIN_MAX  (16u + STELE_COLUMNS_MAX * (12u + STELE_NAME_MAX + 1u))
#define SCHEMA_STORED_MAX (SCHEMA_PLAIN_MAX + STELE_ATTRIBUTES_MAX + 8u)

/* Returns the size of the stored form of a valid schema in bytes, a multiple of 8. */
size_t schema_stored_size(const struct stele_schema *schema);

/* Returns true if the schema has neither arrays nor attributes: a region without
 * LAYOUT_SCHEMA_ATTRIBUTES can hold it. */
bool schema_stored_is_plain(const struct stele_schema *schema);

/* Writes the stored form of a valid schema to `buffer`, of at least schema_stored_size() bytes.
 * Returns its size. */
size_t schema_store(const struct stele_schema *schema, void *buffer);

/* Loads a schema from its stored form. Safe on any bytes. The caller frees `*ret` with
 * stele_schema_free(). Returns 0. Errors: -EBADMSG (schema_store() does not write such bytes, or
 * stele_schema_check() refuses the schema), -ENOMEM. */
int schema_load(const void *stored, size_t size, struct stele_schema **ret);

#endif
