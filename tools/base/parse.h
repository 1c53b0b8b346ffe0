/* SPDX-License-Identifier: MIT
 * Parses numbers, sizes, times and kinds of memory. The parsers of options call these. */
#ifndef TOOLS_BASE_PARSE_H
#define TOOLS_BASE_PARSE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <stele/stele.h>
#include "tools/base/status.h"

/* If the text is not valid, each function returns STATUS_INPUT after an error message that starts
 * with `what`, the name of the option. */

/* Parses a decimal number from `min` to `max`. */
enum status parse_count(const char *what, const char *text, uint64_t min, uint64_t max,
                        uint64_t *ret);
/* Parses a number of bytes, such as 4096, 64M or 4G. */
enum status parse_size(const char *what, const char *text, uint64_t *ret);
/* Parses one of some words, which `words` separates by |, as the placeholder of the option in
 * --help does: "none|commit". Stores the number of the word, from 0. */
enum status parse_word(const char *what, const char *text, const char *words, unsigned *ret);
/* Parses one of PARSE_MEMORY_WORDS. */
#define PARSE_MEMORY_WORDS "shm|file|sysv"
enum status parse_memory(const char *what, const char *text, enum stele_memory *ret);
/* Parses the name or the number of a group. */
enum status parse_group(const char *what, const char *text, gid_t *ret);
/* Returns the name that parse_memory() parses. */
const char *parse_memory_name(enum stele_memory memory);
/* Parses a number of seconds, such as 2.5. */
enum status parse_seconds(const char *what, const char *text, int64_t *ret_nanoseconds);
/* Parses a number of seconds from now, or inf, to a deadline: nanoseconds on CLOCK_MONOTONIC, or
 * STELE_FOREVER. */
enum status parse_deadline(const char *what, const char *text, int64_t *ret_deadline);

/* Parses a time to nanoseconds since 1970:
 *
 *     12:03, 12:03:17.5            today or, if that is still to come, yesterday, local time
 *     2026-01-31 12:03[:17[.5]]    in the local time zone; T instead of the blank is allowed
 *     2026-01-31T12:03:17Z         UTC; also with an offset, such as +02:00
 *     2026-01-31                   the start of the day, in the local time zone
 *     @1764417600[.5]              seconds since 1970
 *     -90s, -5m, -1.5h, -2d        so long before `now`
 *     now                          `now`
 *
 * `now` is the present time, in nanoseconds since 1970. Unlike the others, returns false without an
 * error message if the text is no time. */
bool parse_moment(const char *text, uint64_t now, uint64_t *ret);
/* Parses a duration, such as 90s, 5m, 1h or 2d; without a unit it is in seconds. */
enum status parse_duration(const char *what, const char *text, uint64_t *ret_nanoseconds);
/* Parses the time of an option, as parse_moment() does. */
enum status parse_time(const char *what, const char *text, uint64_t *ret);

#endif
