/* SPDX-License-Identifier: MIT
 * stele completion: prints the scripts by which shells complete command lines of stele, and the
 * candidates that these ask for. */
#ifndef TOOLS_COMPLETE_CMD_COMPLETION_H
#define TOOLS_COMPLETE_CMD_COMPLETION_H

#include <stddef.h>

struct command;

/* Sets the commands that are completed. Called by main() before the command runs. */
void completion_set_commands(const struct command *const *commands, size_t count);

#endif
