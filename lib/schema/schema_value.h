/* SPDX-License-Identifier: MIT
 * What a schema says of values as a whole: for the publisher, which checks and stores them, and for
 * the layout of rows. */
#ifndef LIB_SCHEMA_SCHEMA_VALUE_H
#define LIB_SCHEMA_SCHEMA_VALUE_H

#include <stele/schema.h>

/* True when the last value column is STELE_TEXT or STELE_BYTES. */
bool schema_value_variable(const struct stele_schema *schema);

/* True when every byte of a value counts: no padding, no char[N]. Such values need no
 * _normalize. */
bool schema_value_plain(const struct stele_schema *schema);

/* True when all bytes of the right size are a value: stele_value_check() looks at nothing else. */
bool schema_value_any(const struct stele_schema *schema);

/* Copies a value with everything that doesn't count (padding, bytes after a NUL in a char[N]) set
 * to zero. `size` bytes each. */
void schema_value_normalize(const struct stele_schema *schema, const void *value, size_t size,
                            void *ret);

#endif
