/* SPDX-License-Identifier: MIT
 *
 * Reads the columns of a row from a JSON object (RFC 8259). Strict, safe on any bytes, and without
 * recursion: an object may contain nothing but scalars, and arrays of them. For row_json.c. */
#ifndef LIB_TEXT_JSON_READ_H
#define LIB_TEXT_JSON_READ_H

#include "lib/text/fields.h"

/* Sets the fields to the members of the object. They point into the text, or into the memory of the
 * fields. Returns 0, -EINVAL or -ENOMEM. */
int json_read(struct fields *fields, const char *text, size_t length);

#endif
