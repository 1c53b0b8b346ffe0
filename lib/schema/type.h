/* SPDX-License-Identifier: MIT
 *
 * The column types: the name, size and alignment of each. For lib/schema. */
#ifndef LIB_SCHEMA_TYPE_H
#define LIB_SCHEMA_TYPE_H

#include <stele/schema.h>

struct type {
	const char *name;
	/* Size of the C type, in bytes. 0 for STELE_CHAR and for variable types. */
	uint8_t size;
	/* The offset of a value column must be a multiple of this. */
	uint8_t alignment;
	/* Alignment at which stele_schema_parse() places a column: that of the usual C type. */
	uint8_t layout;
};

/* Returns the description of a type, or NULL if there is no such type. */
const struct type *type_find(enum stele_type type);

/* Returns the type with this name, or 0. `name` has `length` bytes, without a NUL. */
enum stele_type type_by_name(const char *name, size_t length);

/* Returns the name of the type that an unknown name probably means, or NULL. `name` has `length`
 * bytes, without a NUL. */
const char *type_nearest(const char *name, size_t length);

/* Returns true if the values of a type have different sizes. */
static inline bool type_variable(enum stele_type type)
{
	return type == STELE_TEXT || type == STELE_BYTES;
}

/* Returns the size of a column's C type in bytes, even if column->size was left 0. Returns 0 for
 * variable columns and for unknown types. */
uint32_t type_column_size(const struct stele_column *column);

#endif
