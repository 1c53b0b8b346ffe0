/* SPDX-License-Identifier: MIT
 * Prints the history of one row: which commits changed it, and how. Called by cmd_log.c. */
#ifndef TOOLS_HISTORY_ROW_LOG_H
#define TOOLS_HISTORY_ROW_LOG_H

#include <stdint.h>
#include <stele/stele.h>
#include "tools/base/format.h"
#include "tools/base/status.h"
#include "tools/region/reader.h"

/* Prints the commits that changed the row with a key, the newest first, at most `lines`. Sets
 * `*ret_printed` to their number. A key that no version's table could have is an error. */
enum status row_log_print(const struct reader *reader, const char *table, const char *key,
                          enum output_format format, uint64_t lines, uint64_t *ret_printed);

#endif
