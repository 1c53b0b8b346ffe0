/* SPDX-License-Identifier: MIT
 * Error messages that several files of lib/schema give. Each function sets the message and returns
 * the error. */
#ifndef LIB_SCHEMA_REFUSE_H
#define LIB_SCHEMA_REFUSE_H

#include <stele/schema.h>

/* For a column whose type is none. Returns -EINVAL. */
int refuse_type(const struct stele_column *column);

/* For a bool that is neither 0 nor 1. Returns -EINVAL. */
int refuse_bool(const struct stele_column *column, unsigned value);

/* For a prefix that is not net_valid(). Returns -EINVAL. */
int refuse_prefix(const struct stele_column *column, const uint8_t *net);

/* For a buffer that is too small for a value of `need` bytes. Returns -EMSGSIZE. */
int refuse_buffer(const struct stele_column *column, size_t need, size_t buffer_size);

#endif
