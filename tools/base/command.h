/* SPDX-License-Identifier: MIT
 * The table of subcommands. Each one is a struct command in its own source file; main() finds it
 * by its name. */
#ifndef TOOLS_BASE_COMMAND_H
#define TOOLS_BASE_COMMAND_H

#include <argp.h>
#include <stdbool.h>
#include <stddef.h>
#include "tools/base/status.h"

/* A subcommand: how it is called, what its --help says, and which options it has. options_parse()
 * makes the parser of these. */
struct command {
	const char *name;
	const char *summary; /* a line of `stele --help` */
	const char *usage;   /* its operands: a line for each form; NULL: none */
	const char *doc;     /* what --help prints before the options, and after '\v' */
	const struct argp_option *options; /* its own, ended by {0}; NULL: none */
	argp_parser_t parse;               /* stores these in the command's input */
	const struct argp *common; /* options that other subcommands have, too; NULL: none */
	size_t common_at;          /* the offset in the input of what these are stored in */
	bool reads;                /* reads what a publisher wrote: has --owner */
	enum status (*run)(int argc, char **argv); /* argv[0] is "stele" */
};

extern const struct command command_apply, command_bench, command_clean, command_compact,
	command_create, command_delete, command_diff, command_doctor, command_dump, command_explain,
	command_get, command_inspect, command_list, command_load, command_log, command_lookup,
	command_publish, command_rm, command_rollback, command_save, command_set, command_show,
	command_subscribers, command_top, command_trace, command_verify, command_watch;

#endif
