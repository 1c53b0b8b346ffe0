/* SPDX-License-Identifier: MIT
 *
 * Times as text: a part of text.c. Times are in UTC, with a resolution of a nanosecond, from 1970
 * to 2554, when 64 bits of nanoseconds overflow. */
#ifndef LIB_TYPES_TEXT_TIME_H
#define LIB_TYPES_TEXT_TIME_H

#include "lib/types/text.h"

/* Formats a time, given in nanoseconds since 1970. Writes at most TEXT_FIXED_MAX bytes to `ret`,
 * including the NUL. */
void text_time_format(uint64_t nanoseconds, char *ret);

/* Parses a time such as 2026-01-31T12:00:00.5Z, or a decimal number of nanoseconds since 1970.
 * Returns 0, -EINVAL, or -ERANGE if the time is before 1970 or after 2554. */
int text_time_parse(const char *text, size_t length, uint64_t *ret);

#endif
