/* SPDX-License-Identifier: MIT
 *
 * What the parts of text.c share. There is one for each kind of type; text.c puts them together as
 * stele_value_format() and stele_value_parse().
 *
 * Their _parse functions return 0, -EINVAL or -ERANGE. They set no error message: text.c does,
 * which knows the column.
 */
#ifndef LIB_SCHEMA_TEXT_H
#define LIB_SCHEMA_TEXT_H

#include <stddef.h>
#include <stele/schema.h>

/* The longest text of a type of fixed size, its end included: an IPv6 prefix or a time. */
#define TEXT_FIXED_MAX 64u

#endif
