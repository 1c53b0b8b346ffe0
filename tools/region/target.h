/* SPDX-License-Identifier: MIT
 * REGION/TABLE and REGION|FILE as users write them. Subcommands parse their operands with these. */
#ifndef TOOLS_REGION_TARGET_H
#define TOOLS_REGION_TARGET_H

#include <stdbool.h>
#include <stele/stele.h>
#include "tools/base/status.h"

/* Judges what stands for REGION|FILE. */
enum status target_check_source(const char *text);

/* REGION/TABLE, or with `table_needed` false also REGION alone: then the table is empty. */
struct target {
	char region[512]; /* so that one too long is seen to be; or a path */
	char table[STELE_NAME_MAX + 1];
};
enum status target_parse(const char *command, const char *text, bool table_needed,
                         struct target *ret);
/* The same, or FILE/TABLE. */
enum status target_parse_source(const char *command, const char *text, bool table_needed,
                                struct target *ret);

#endif
