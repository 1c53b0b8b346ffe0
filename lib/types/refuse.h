/* SPDX-License-Identifier: MIT
 *
 * Error messages about schemas and values that several files share, also outside lib/types. Each
 * function sets the message and returns the negative errno. */
#ifndef LIB_TYPES_REFUSE_H
#define LIB_TYPES_REFUSE_H

#include <stele/schema.h>

/* Refuses a column whose type is unknown. Returns -EINVAL. */
int refuse_type(const struct stele_column *column);

/* Refuses a bool that is neither 0 nor 1. Returns -EINVAL. */
int refuse_bool(const struct stele_column *column, unsigned value);

/* Refuses a prefix that is not net_valid(). Returns -EINVAL. */
int refuse_prefix(const struct stele_column *column, const uint8_t *net);

/* Refuses a number, in its C type, that has no word in an enumeration. Returns -EINVAL. */
int refuse_number(const struct stele_column *column, const void *value);

/* Writes the words of an enumeration, as `up=1, down=2`, to `ret`, which has `size` bytes. A list
 * that is too long ends in "...". Returns `ret`. */
const char *refuse_words(const struct stele_column *column, char *ret, size_t size);

/* Refuses a buffer that is too small for a value of `need` bytes. Returns -EMSGSIZE. */
int refuse_buffer(const struct stele_column *column, size_t need, size_t buffer_size);

/* Reports that there is no memory for a schema. `table` is NULL if the table's name is not known.
 * Returns -ENOMEM. */
int refuse_schema_memory(const char *table);

#endif
