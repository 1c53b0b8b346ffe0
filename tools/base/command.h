/* SPDX-License-Identifier: MIT
 * The subcommands of stele(1), for main(), which finds them by name. Each one is a struct command
 * in cmd_NAME.c. Five share the file of a subcommand like them: inspect is in cmd_show.c, lookup in
 * cmd_get.c, delete in cmd_set.c, load in cmd_save.c, and drop in cmd_rm.c. */
#ifndef TOOLS_BASE_COMMAND_H
#define TOOLS_BASE_COMMAND_H

#include <argp.h>
#include <stdbool.h>
#include <stddef.h>
#include "tools/base/status.h"

/* A subcommand: its name, its help, its options and its function. options_parse() builds the argp
 * parser from this. */
struct command {
	const char *name;
	const char *summary; /* line of the subcommand in `stele --help` */
	/* Operands, one line for each form; NULL: none. The placeholders tell options_parse() which
	 * operands name regions, and completion what to offer. */
	const char *usage;
	const char *doc; /* --help prints the part up to '\v' before the options, the rest after */
	/* Options of this subcommand alone, ended by {0}, or NULL. `parse` stores them in the input
	 * that the subcommand gives to options_parse(). */
	const struct argp_option *options;
	argp_parser_t parse;
	/* Options that several subcommands share, such as options_reading, or NULL. Their values
	 * are stored in the input at the offset `common_at`. */
	const struct argp *common;
	size_t common_at;
	bool reads; /* reads regions, so it has --owner */
	int counts; /* operands after so many others may be versions such as -1; 0: none */
	/* Runs the subcommand. argv[0] is "stele". */
	enum status (*run)(int argc, char **argv);
};

extern const struct command command_alter, command_apply, command_bench, command_clean,
	command_compact, command_completion, command_create, command_delete, command_diff,
	command_doctor, command_drop, command_dump, command_explain, command_generate, command_get,
	command_inspect, command_list, command_load, command_log, command_lookup, command_mirror,
	command_publish, command_record, command_replay, command_rm, command_rollback,
	command_route, command_save, command_schema, command_set, command_show, command_subscribers,
	command_tag, command_top, command_trace, command_upgrade, command_verify, command_wait,
	command_watch, command_why;

#endif
