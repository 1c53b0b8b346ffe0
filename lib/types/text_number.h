/* SPDX-License-Identifier: MIT
 *
 * Numbers as text: a part of text.c. The parts for other types use its functions for digits. */
#ifndef LIB_TYPES_TEXT_NUMBER_H
#define LIB_TYPES_TEXT_NUMBER_H

#include "lib/types/text.h"

/* Formats an integer or STELE_F64 of `size` bytes, the size of the type. Writes at most
 * TEXT_FIXED_MAX bytes to `ret`, including the NUL. */
void text_number_format(enum stele_type type, const void *value, size_t size, char *ret);

/* Parses an integer or STELE_F64 into the `size` bytes at `ret`. Returns 0, -EINVAL if the text is
 * no number, or -ERANGE if the number is outside the type. */
int text_number_parse(enum stele_type type, const char *text, size_t length, size_t size,
                      void *ret);

/* Parses a decimal integer without a sign. Returns 0, -EINVAL, or -ERANGE if it has more than 64
 * bits. */
int text_decimal_parse(const char *text, size_t length, uint64_t *ret);

/* Formats `count` bytes as two hexadecimal digits each. Writes no NUL. */
void text_hex_format(const uint8_t *bytes, size_t count, char *ret);

/* Parses `count` bytes from two hexadecimal digits each. Returns 0, or -EINVAL if a character is no
 * digit. */
int text_hex_parse(const char *text, size_t count, uint8_t *ret);

#endif
