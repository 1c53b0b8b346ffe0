/* SPDX-License-Identifier: MIT
 * Numbers as text: for text.c, and digits for the other types. */
#ifndef LIB_SCHEMA_TEXT_NUMBER_H
#define LIB_SCHEMA_TEXT_NUMBER_H

#include "lib/schema/text.h"

/* Integers and STELE_F64. `size` is the type's. */
void text_number_format(enum stele_type type, const void *value, size_t size, char *ret);
int text_number_parse(enum stele_type type, const char *text, size_t length, size_t size,
                      void *ret);

/* Whole decimal numbers without a sign. */
int text_decimal_parse(const char *text, size_t length, uint64_t *ret);

/* Pairs of hexadecimal digits, as many as there are bytes. _parse: -EINVAL where one is none. */
void text_hex_format(const uint8_t *bytes, size_t count, char *ret);
int text_hex_parse(const char *text, size_t count, uint8_t *ret);

#endif
