/* SPDX-License-Identifier: MIT
 * Numbers, sizes and times that users write as values of options. Parsers of options call these. */
#ifndef TOOLS_BASE_PARSE_H
#define TOOLS_BASE_PARSE_H

#include <stdint.h>
#include <stele/stele.h>
#include "tools/base/status.h"

/* Each returns STATUS_INPUT after an error message, which starts with `what`. */
enum status parse_count(const char *what, const char *text, uint64_t min, uint64_t max,
                        uint64_t *ret);
enum status parse_size(const char *what, const char *text, uint64_t *ret); /* 64M, 4G */
/* shm, file, sysv; and back. */
enum status parse_memory(const char *what, const char *text, enum stele_memory *ret);
const char *parse_memory_name(enum stele_memory memory);
enum status parse_seconds(const char *what, const char *text, int64_t *ret_nanoseconds); /* 2.5 */

#endif
