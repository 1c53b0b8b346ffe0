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

/* Numbers of nanoseconds below this are before April 1970. They are refused, because they are
 * seconds, milliseconds or microseconds of the present. */
#define TEXT_TIME_MIN UINT64_C(10000000000000000)

/* Parses a time as in RFC 3339, such as 2026-01-31T12:00:00.5Z or 2026-01-31T14:00:00+02:00; "now";
 * '@' and seconds since 1970, such as @1769860800.5; or a decimal number of nanoseconds since 1970,
 * which is 0 or at least TEXT_TIME_MIN.
 *
 * Returns 0; -EINVAL; -ERANGE if the time is before 1970 or after 2554; or -EDOM for a smaller
 * number. */
int text_time_parse(const char *text, size_t length, uint64_t *ret);

/* Writes the text that was probably meant by a number for which text_time_parse() returned
 * -EDOM. */
void text_time_guess(const char *text, size_t length, char *ret, size_t size);

#endif
