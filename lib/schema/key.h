/* SPDX-License-Identifier: MIT
 *
 * What a schema determines about complete keys: used by the publisher to check keys, and by
 * lib/trie for the layout of rows. */
#ifndef LIB_SCHEMA_KEY_H
#define LIB_SCHEMA_KEY_H

#include <stele/schema.h>

/* Returns true if the last key column is a prefix (STELE_IPV4NET, STELE_IPV6NET). */
bool schema_key_is_prefix(const struct stele_schema *schema);

/* Returns the minimum and maximum length of a key, in bits. If the last key column is variable, the
 * maximum is STELE_KEY_MAX * 8. Unless schema_key_is_prefix() returns true, the length of every key
 * is a multiple of 8. */
void schema_key_bits(const struct stele_schema *schema, unsigned *ret_min, unsigned *ret_max);

/* Returns true if the columns of a key need no check, because any bytes are a valid encoding of
 * their types. That is so unless a key column is a bool, f64, char[N] or an enumeration. */
bool schema_key_plain(const struct stele_schema *schema);

#endif
