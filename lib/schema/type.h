/* SPDX-License-Identifier: MIT
 * The column types: what each is called, how large it is and where it may stand in a struct. */
#ifndef LIB_SCHEMA_TYPE_H
#define LIB_SCHEMA_TYPE_H

#include <stele/schema.h>

struct type {
	const char *name;
	uint8_t size;      /* of the C representation; 0 for STELE_CHAR and variable ones */
	uint8_t alignment; /* a value column must stand at a multiple of this */
	uint8_t layout;    /* as the C type that people use for it; for stele_schema_parse() */
};

/* NULL for a number that is no type. */
const struct type *type_find(enum stele_type type);

/* The type called `name` (`length` bytes, not terminated), or 0. */
enum stele_type type_by_name(const char *name, size_t length);

/* The name of the type that `name` was probably meant to be, or NULL where none is near. */
const char *type_nearest(const char *name, size_t length);

static inline bool type_variable(enum stele_type type)
{
	return type == STELE_TEXT || type == STELE_BYTES;
}

/* The bytes of a column's C representation, whether or not its `size` was left 0; 0 for variable
 * columns and for a type that is none. */
uint32_t type_column_size(const struct stele_column *column);

#endif
