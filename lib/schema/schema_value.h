/* SPDX-License-Identifier: MIT
 *
 * What a schema determines about complete values: used by the publisher to check and store values,
 * and by lib/trie for the layout of rows. */
#ifndef LIB_SCHEMA_SCHEMA_VALUE_H
#define LIB_SCHEMA_SCHEMA_VALUE_H

#include <stele/schema.h>

/* Returns true if values are variable: the last value column is STELE_TEXT or STELE_BYTES. */
bool schema_value_variable(const struct stele_schema *schema);

/* Returns true if every byte of a value is significant: there is no padding and no char[N]. Such
 * values need no schema_value_normalize(). */
bool schema_value_plain(const struct stele_schema *schema);

/* Returns true if any bytes of an allowed size are a valid value, so that stele_value_check()
 * checks only the size. */
bool schema_value_any(const struct stele_schema *schema);

/* Checks one column of a value, whose C type is at `at`, as stele_value_check() does. Returns 0 or
 * -EINVAL. */
int value_check_column(const struct stele_column *column, const void *at);

/* Checks the columns of a value among the first `count` columns of the schema, as
 * stele_value_check() does. Returns 0 or -EINVAL. */
int schema_value_check_columns(const struct stele_schema *schema, size_t count, const void *value);

/* Checks that the value columns from index `first` on have defaults that may be put. A well-formed
 * schema states no other defaults; but a column without one gets zero, for which an enumeration may
 * have no word. Returns 0 or -EINVAL. */
int schema_value_check_defaults(const struct stele_schema *schema, size_t first);

/* Copies a value of `size` bytes to `ret`, and clears the bytes that are not significant: padding,
 * and bytes after a NUL in a char[N]. Values that are equal in all columns are then equal bytes. */
void schema_value_normalize(const struct stele_schema *schema, const void *value, size_t size,
                            void *ret);

#endif
