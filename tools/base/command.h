/* SPDX-License-Identifier: MIT
 * The table of subcommands. Each one is a struct command in its own source file; main() finds it
 * by its name. */
#ifndef TOOLS_BASE_COMMAND_H
#define TOOLS_BASE_COMMAND_H

#include "tools/base/status.h"

struct command {
	const char *name;
	const char *summary;
	enum status (*run)(int argc, char **argv); /* argv[0] is "stele" */
};

extern const struct command command_apply, command_bench, command_clean, command_compact,
	command_create, command_delete, command_diff, command_doctor, command_dump, command_explain,
	command_get, command_inspect, command_list, command_load, command_log, command_lookup,
	command_publish, command_rm, command_rollback, command_save, command_set, command_show,
	command_subscribers, command_top, command_trace, command_verify, command_watch;

#endif
