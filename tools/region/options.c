/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <stele/stele.h>
#include "tools/base/command.h"
#include "tools/base/fail.h"
#include "tools/base/format.h"
#include "tools/base/heap.h"
#include "tools/base/parse.h"
#include "tools/base/status.h"
#include "tools/base/text.h"
#include "tools/region/options.h"
#include "tools/region/owner.h"
#include "tools/region/place.h"
#include "tools/region/given.h"
#include "tools/usage/directory.h"
#include "tools/usage/operand_list.h"
#include "tools/usage/option_check.h"
#include "tools/usage/option_list.h"

/* The input of the outermost parser. */
struct invocation {
	char **argv;       /* a copy, see options_parse_outer() */
	int operand_count; /* counted by the parser */
	void *input;       /* of the subcommand's own options */
	void *common;      /* of the options in command->common */
	struct place *place;
};

/* The children of the outermost parser. */
enum { CHILD_OWN, CHILD_COMMON, CHILD_OWNER, CHILDREN };

/* Parses --directory, --help and --usage, which all subcommands have, gives each child parser its
 * input, and counts the operands.
 *
 * Also replaces state->argv by a copy. If state->argv is at another address than at the start, argp
 * takes the name that --help prints from program_invocation_short_name, and the name before error
 * messages from argv[0]: "Usage: stele create", but "stele: unrecognized option". */
static error_t options_parse_outer(int key, char *argument, struct argp_state *state)
{
	struct invocation *invocation = state->input;

	switch (key) {
	case 'h':
	case '?':
		argp_state_help(state, stdout, ARGP_HELP_STD_HELP);
		return 0;
	case OPTION_USAGE:
		argp_state_help(state, stdout, ARGP_HELP_USAGE | ARGP_HELP_EXIT_OK);
		return 0;
	case 'D':
		if (!*argument) {
			fail(STATUS_INPUT,
			     "--directory: invalid value \"\" (expected a directory)");
			return EINVAL;
		}
		invocation->place->directory = argument;
		return 0;
	case ARGP_KEY_INIT:
		state->argv = invocation->argv;
		state->child_inputs[CHILD_OWN] = invocation->input;
		state->child_inputs[CHILD_COMMON] = invocation->common;
		state->child_inputs[CHILD_OWNER] = &invocation->place->owner;
		return 0;
	case ARGP_KEY_ARGS:
		invocation->operand_count = state->argc - state->next;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option options_everywhere[] = {
	{"directory", 'D', "DIRECTORY", 0,
         "Look for the region's files in DIRECTORY instead of /dev/shm", 20},
	{"help", 'h', NULL, 0, "Print this help", -1},
	{NULL, '?', NULL, OPTION_HIDDEN, NULL, -1},
	{"usage", OPTION_USAGE, NULL, 0, "Print a line of usage", -1},
	{0},
};

/* Replaces a child parser that a subcommand does not have. */
static const struct argp options_none;

void options_list(const struct command *command, struct option_list *ret)
{
	const struct argp own = {.options = command->options};
	const struct argp everywhere = {.options = options_everywhere};

	*ret = (struct option_list){0};
	option_list_add(ret, &own);
	if (command->common)
		option_list_add(ret, command->common);
	if (command->reads)
		option_list_add(ret, &options_owner);
	option_list_add(ret, &everywhere);
}

/* Ends the process after an error message if the command line has an option that the subcommand
 * does not have. */
static void options_check(const struct command *command, int argc, char **argv)
{
	struct option_list list;
	enum status status;

	options_list(command, &list);
	status = option_check(command->name, &list, command->counts, argc, argv);
	option_list_free(&list);
	if (status != STATUS_DONE)
		exit((int)status);
}

/* Reads what an operand may name from the usage line of the subcommand. */
static struct directory_form options_form(const struct command *command,
                                          const struct option_list *list, char **operands,
                                          size_t index)
{
	struct text text = {0};
	struct directory_form form;
	bool either;

	operand_list_find(command->usage, list, operands, index, &text);
	either = operand_list_has(&text, "REGION[/TABLE]");
	form.table = either || operand_list_has(&text, "REGION/TABLE");
	form.region = either || operand_list_has(&text, "REGION");
	form.file = operand_list_has(&text, "FILE") || operand_list_has(&text, "FILE/TABLE") ||
	            operand_list_has(&text, "FILE[/TABLE]");
	text_free(&text);
	return form;
}

/* Treats an operand such as /dev/shm/net as --directory /dev/shm and net. Ends the process after an
 * error message if there would be two directories. */
static void options_take_directories(const struct command *command, struct call *call, size_t count)
{
	const char *directory, *given = call->place.directory;
	struct option_list list;
	size_t regions = 0, taken = 0;

	options_list(command, &list);
	for (size_t i = 0; i < count; i++) {
		struct directory_form form = options_form(command, &list, call->operands, i);
		char *rest;

		if (!form.table && !form.region)
			continue;
		rest = directory_split(call->operands[i], form, &directory);
		regions += rest || !place_is_path(call->operands[i]);
		if (!rest)
			continue;
		if (given && strcmp(given, directory) != 0)
			exit((int)fail_usage(
				command->name,
				"expected regions of one directory, but found %s and %s", given,
				directory));
		given = call->place.directory = directory;
		call->operands[i] = rest;
		taken++;
	}
	option_list_free(&list);
	if (taken > 0 && taken < regions)
		exit((int)fail_usage(command->name,
		                     "expected regions of one directory, but only some are in %s",
		                     given));
}

int options_parse(const struct command *command, int argc, char **argv, void *input,
                  struct call *ret)
{
	const struct argp own = {.options = command->options, .parser = command->parse};
	const struct argp_child children[CHILDREN + 1] = {
		[CHILD_OWN] = {.argp = &own},
		[CHILD_COMMON] = {.argp = command->common ? command->common : &options_none},
		[CHILD_OWNER] = {.argp = command->reads ? &options_owner : &options_none},
	};
	const struct argp outermost = {
		.options = options_everywhere,
		.parser = options_parse_outer,
		.args_doc = command->usage,
		.doc = command->doc,
		.children = children,
	};
	static char full_name[64];
	struct invocation invocation = {
		.input = input,
		.common = command->common ? (char *)input + command->common_at : NULL,
		.place = &ret->place,
	};

	options_check(command, argc, argv);
	*ret = (struct call){0};
	invocation.argv = heap_realloc(NULL, ((size_t)argc + 1) * sizeof(*argv));
	memcpy(invocation.argv, argv, ((size_t)argc + 1) * sizeof(*argv));
	snprintf(full_name, sizeof(full_name), "stele %s", command->name);
	program_invocation_short_name = full_name;
	argp_err_exit_status = STATUS_INPUT;
	if (argp_parse(&outermost, argc, argv, ARGP_NO_HELP, NULL, &invocation) != 0)
		exit(STATUS_INPUT);
	/* argp has permuted the copy so that the operands are last. They must be in the caller's
	 * array, which outlives the copy. */
	memcpy(argv, invocation.argv, ((size_t)argc + 1) * sizeof(*argv));
	free(invocation.argv);
	ret->operands = argv + argc - invocation.operand_count;
	options_take_directories(command, ret, (size_t)invocation.operand_count);
	return invocation.operand_count;
}

/* Parses --version and --at, which mean the same. */
static error_t options_read_version(const char *option, const char *argument, struct given *given)
{
	if (given->option && strcmp(given->option, option) != 0) {
		fail(STATUS_INPUT, "--version and --at cannot be used together");
		return EINVAL;
	}
	if (given_parse(option, argument, 1, UINT64_MAX, given) != STATUS_DONE)
		return EINVAL;
	given->option = option;
	return 0;
}

static error_t options_reading_key(int key, char *argument, struct argp_state *state)
{
	struct options_reading *reading = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &reading->format;
		return 0;
	case 'a':
		return options_read_version("--version", argument, &reading->version);
	case OPTION_AT:
		return options_read_version("--at", argument, &reading->version);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

const struct argp options_reading = {
	.options =
		(const struct argp_option[]){
			{"version", 'a', "VERSION", 0,
                         "Read this version instead of the newest; history must still hold it", 10},
			{"at", OPTION_AT, "TIME", 0,
                         "The same; a time, such as 12:03 or -5m, is the newest version of then",
                         10},
			{0},
		},
	.parser = options_reading_key,
	.children = (const struct argp_child[]){{.argp = &options_format}, {0}},
};

static error_t options_writing_key(int key, char *argument, struct argp_state *state)
{
	struct options_writing *writing = state->input;

	switch (key) {
	case 'w':
		if (parse_seconds("--wait", argument, &writing->attach_timeout_ns) != STATUS_DONE)
			return EINVAL;
		/* In struct stele_publisher_options, 0 is the default timeout, and a negative
		 * number means not to wait. */
		if (writing->attach_timeout_ns == 0)
			writing->attach_timeout_ns = -1;
		return 0;
	case 'S':
		writing->flags |= STELE_SHARED;
		return 0;
	case 'm':
		writing->message = argument;
		return 0;
	case OPTION_IF_HEAD:
		writing->if_head_given = true;
		return given_parse_kept("--if-head", argument, 0, &writing->if_head) == STATUS_DONE
		               ? 0
		               : EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

const struct argp options_writing = {
	.options =
		(const struct argp_option[]){
			{"wait", 'w', "SECONDS", 0,
                         "Wait this long for another publisher to go away (default: 5)", 11},
			{"shared", 'S', NULL, 0,
                         "Take turns with other publishers that have this option too", 11},
			{"message", 'm', "TEXT", 0, "Store this message with the version", 11},
			{"if-head", OPTION_IF_HEAD, "VERSION@UUID", 0,
                         "Change something only if the newest version is this one; otherwise the "
                         "exit status is 10",
                         11},
			{0},
		},
	.parser = options_writing_key,
};
