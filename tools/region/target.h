/* SPDX-License-Identifier: MIT
 * Parses the operands REGION/TABLE, FILE/TABLE and REGION|FILE of subcommands. */
#ifndef TOOLS_REGION_TARGET_H
#define TOOLS_REGION_TARGET_H

#include <stdbool.h>
#include <stele/stele.h>
#include "tools/base/status.h"

/* Returns STATUS_DONE if `text` is the path of a saved file or a valid name of a region. */
enum status target_check_source(const char *text);

/* A region or saved file, and one of its tables. */
struct target {
	/* The name of a region, or the path of a saved file. Longer than a valid name, so that
	 * stele_name_check() sees a name that is too long instead of a truncated one. */
	char region[512];
	char table[STELE_NAME_MAX + 1]; /* "": none */
};

/* Checks the operand REGION. Returns STATUS_INPUT after an error message if it is no name. */
enum status target_check_region(const char *text);

/* Parses REGION/TABLE, or also REGION if `table_needed` is false. `command` is the subcommand, for
 * error messages. */
enum status target_parse(const char *command, const char *text, bool table_needed,
                         struct target *ret);

/* Parses REGION/TABLE or FILE/TABLE, or also REGION or FILE if `table_needed` is false. */
enum status target_parse_source(const char *command, const char *text, bool table_needed,
                                struct target *ret);

#endif
