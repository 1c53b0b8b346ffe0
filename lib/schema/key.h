/* SPDX-License-Identifier: MIT
 * What a schema says of keys as a whole: for the publisher, which checks them, and for the layout
 * of rows. */
#ifndef LIB_SCHEMA_KEY_H
#define LIB_SCHEMA_KEY_H

#include <stele/schema.h>

/* True when the key ends with a prefix (STELE_IPV4NET, STELE_IPV6NET). */
bool schema_key_is_prefix(const struct stele_schema *schema);

/* The fewest and the most bits that a key of this schema has. Where the last key column is variable
 * the most is STELE_KEY_MAX * 8. A key's length is a multiple of 8 unless schema_key_is_prefix().
 */
void schema_key_bits(const struct stele_schema *schema, unsigned *ret_min, unsigned *ret_max);

/* True when every key of the right length may be put: no bool, f64 or char[N] is in it, of whose
 * encodings stele_key_check() refuses some. */
bool schema_key_plain(const struct stele_schema *schema);

#endif
