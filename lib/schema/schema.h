/* SPDX-License-Identifier: MIT
 * What the rest of the library needs of schemas beyond <stele/schema.h>. */
#ifndef LIB_SCHEMA_SCHEMA_H
#define LIB_SCHEMA_SCHEMA_H

#include <stele/schema.h>

/* The longest schema in its stored form, in bytes. */
#define SCHEMA_STORED_MAX (16u + STELE_COLUMNS_MAX * (12u + STELE_NAME_MAX + 1u))

/* The stored form: fixed-width integers in the machine's byte order, then each column's name.
 * _store writes it and returns its size in bytes (a multiple of 8, at most SCHEMA_STORED_MAX).
 * _load judges bytes that may be anything: -EBADMSG for what no _store wrote or no
 * stele_schema_check() passes, -ENOMEM. The result is freed with stele_schema_free(). */
size_t schema_store(const struct stele_schema *schema, void *buffer);
int schema_load(const void *stored, size_t size, struct stele_schema **ret);

/* True when the last value column is STELE_TEXT or STELE_BYTES. */
bool schema_value_variable(const struct stele_schema *schema);

/* True when the key ends with a prefix (STELE_IPV4NET, STELE_IPV6NET). */
bool schema_prefix(const struct stele_schema *schema);

/* The fewest and the most bits that a key of this schema has. Where the last key column is variable
 * the most is STELE_KEY_MAX * 8. A key's length is a multiple of 8 unless schema_prefix(). */
void schema_key_bits(const struct stele_schema *schema, unsigned *ret_least, unsigned *ret_most);

/* True when every key of the right length may be put: no bool, f64 or char[N] is in it, of whose
 * encodings stele_key_check() refuses some. */
bool schema_key_plain(const struct stele_schema *schema);

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
