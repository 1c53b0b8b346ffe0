/* SPDX-License-Identifier: MIT
 * Parses the arguments of a subcommand, and defines the options that several subcommands share.
 * Each subcommand calls options_parse() once. */
#ifndef TOOLS_REGION_OPTIONS_H
#define TOOLS_REGION_OPTIONS_H

#include <argp.h>
#include <stdbool.h>
#include <stdint.h>
#include "tools/base/format.h"
#include "tools/region/place.h"
#include "tools/region/given.h"

struct command;
struct option_list;

/* The arguments of a subcommand other than its own options. */
struct call {
	char **operands; /* the arguments that are not options, ended by NULL */
	struct place place;
};

/* Parses the arguments of a subcommand: its own options and the common ones into `input`,
 * --directory and --owner into ret->place. Returns the number of operands. Like argp, ends the
 * process after --help and after an error message about an option.
 *
 * command->parse is called only for the keys of options, not for the special keys of argp. */
int options_parse(const struct command *command, int argc, char **argv, void *input,
                  struct call *ret);

/* Lists all options of a subcommand. The caller frees the list. */
void options_list(const struct command *command, struct option_list *ret);

/* Values of --format, and of --version or --at, which the argp child options_reading parses. */
struct options_reading {
	enum output_format format;
	struct given version; /* version 0: the newest */
};
extern const struct argp options_reading;

/* Values of --wait, --shared, --message and --if-head, which the argp child options_writing
 * parses. */
struct options_writing {
	int64_t attach_timeout_ns; /* nanoseconds, as in struct stele_publisher_options */
	const char *message;       /* NULL: none */
	unsigned flags;            /* STELE_SHARED, or 0 */
	bool if_head_given;
	struct given if_head;
};
extern const struct argp options_writing;

/* Keys of options that have no short form. */
enum {
	OPTION_IF_HEAD = 256,
	OPTION_AT,
	OPTION_IF_VERSION,
	OPTION_IF_ABSENT,
	OPTION_UNTERMINATED,
	OPTION_OWNER,
	OPTION_SHARED,
	OPTION_USAGE,
	OPTION_OTHERS
};

/* The option --allow-unterminated of commands that read rows; lines_next() enforces it. */
#define OPTION_ALLOW_UNTERMINATED \
	{ \
		"allow-unterminated", OPTION_UNTERMINATED, NULL, 0, \
			"Accept a last line without a line feed", 0 \
	}

#endif
