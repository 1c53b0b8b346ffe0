/* SPDX-License-Identifier: MIT
 *
 * The text form of schemas, in parts, in addition to stele_schema_format(). schema_parse.c parses
 * it. Each function writes at most `size` bytes to `buffer`, including the NUL, and returns the
 * length of the complete text, as snprintf(3) does. */
#ifndef LIB_SCHEMA_SCHEMA_FORMAT_H
#define LIB_SCHEMA_SCHEMA_FORMAT_H

#include <stele/schema.h>

/* Formats what determines the layout of rows: names, types, keys and offsets. For error messages,
 * which have no space for descriptions. */
size_t schema_format_layout(const struct stele_schema *schema, char *buffer, size_t size);

/* Formats the attributes of all columns, with a comma between two columns. The length is 0 if no
 * column has attributes. */
size_t schema_format_attributes(const struct stele_schema *schema, char *buffer, size_t size);

#endif
