/* SPDX-License-Identifier: MIT
 * Checks the options of a command line before argp parses them, for error messages that suggest the
 * option that was meant. */
#ifndef TOOLS_USAGE_OPTION_CHECK_H
#define TOOLS_USAGE_OPTION_CHECK_H

#include "tools/base/status.h"

struct option_list;

/* Finds an option that the subcommand `command` does not have, is ambiguous, lacks its value, or
 * has one that it does not take. Returns STATUS_INPUT after an error message about it.
 *
 * If `counts` is not 0, operands after so many others may be versions, such as -1 or -5m, which
 * argp would take for options: their hyphen is replaced by ~, which given_parse() reads. */
enum status option_check(const char *command, const struct option_list *list, int counts, int argc,
                         char **argv);

#endif
