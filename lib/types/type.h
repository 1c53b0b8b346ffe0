/* SPDX-License-Identifier: MIT
 *
 * The column types: the name, size and alignment of each, and the words of enumerations. For
 * lib/types and lib/schema. */
#ifndef LIB_TYPES_TYPE_H
#define LIB_TYPES_TYPE_H

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
const struct type *type_find(uint32_t type);

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

/* Returns true for u8 to u64 and i8 to i64: the types that can be enumerations. */
bool type_is_integer(enum stele_type type);

/* Sets the minimum and maximum of a word's value in a column of this integer type. */
void type_word_range(enum stele_type type, int64_t *ret_min, int64_t *ret_max);

/* Returns the size of a column's C type in bytes, of an array that of all elements, even if
 * column->size was left 0. Returns 0 for variable columns and for unknown types. */
uint32_t type_column_size(const struct stele_column *column);

/* Returns a column like this one for a single element of an array. */
struct stele_column type_element(const struct stele_column *column);

/* Returns the word of an enumeration for a value in its C type, or NULL if it has none. */
const struct stele_word *type_word(const struct stele_column *column, const void *value);

/* Returns the word with this name, of `length` bytes, or NULL. */
const struct stele_word *type_word_named(const struct stele_column *column, const char *name,
                                         size_t length);

/* Where the columns of a value are placed: like the members of a C struct. Starts as zeroes. */
struct type_layout {
	uint32_t end, alignment;
};

/* Returns the offset of the next column after those that were placed. */
uint32_t type_layout_next(const struct type_layout *layout, const struct stele_column *column);

/* Places a column at an offset, which may be another than that of type_layout_next(). */
void type_layout_place(struct type_layout *layout, const struct stele_column *column,
                       uint32_t offset);

/* Returns the size of the value, with the padding at the end of the C struct. */
uint32_t type_layout_size(const struct type_layout *layout);

#endif
