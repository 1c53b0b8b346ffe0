/* SPDX-License-Identifier: MIT
 *
 * Shared definitions of text.c and its parts. Each part formats and parses one group of types:
 * text_address.h, text_number.h, text_time.h. text.c combines the parts as stele_value_format() and
 * stele_value_parse(). Nothing else calls them, except that the parts share the functions for
 * digits in text_number.h.
 *
 * The _parse functions of the parts return 0, -EINVAL or -ERANGE. text.c sets the error message,
 * because only text.c knows the column.
 */
#ifndef LIB_TYPES_TEXT_H
#define LIB_TYPES_TEXT_H

#include <stddef.h>
#include <stele/schema.h>

/* Size of a buffer for the text of any type of fixed size, in bytes, including the NUL. Enough for
 * an IPv6 prefix and for a time, the longest ones. */
#define TEXT_FIXED_MAX 64u

#endif
