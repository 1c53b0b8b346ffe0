/* SPDX-License-Identifier: MIT
 * Reads the arguments of a subcommand, and has the options that several of them take. Each
 * subcommand calls options_parse() once. */
#ifndef TOOLS_REGION_OPTIONS_H
#define TOOLS_REGION_OPTIONS_H

#include <argp.h>
#include <stdbool.h>
#include <stdint.h>
#include "tools/base/format.h"
#include "tools/region/place.h"
#include "tools/region/token.h"

struct command;

/* What a subcommand was called with, besides its options. */
struct call {
	char **operands; /* the arguments that are not options, ended by NULL */
	struct place place;
};

/* Reads the arguments of a subcommand: its own options and the common ones into `input`,
 * --directory and --owner into ret->place. Returns how many operands there are. Ends the process,
 * as argp does, after --help and on unknown options. command->parse handles options alone, and no
 * keys of argp's. */
int options_parse(const struct command *command, int argc, char **argv, void *input,
                  struct call *ret);

/* A child that reads --format and --version. */
struct options_reading {
	enum output_format format;
	struct token version; /* 0: the newest */
};
extern const struct argp options_reading;

/* A child that reads --wait, --shared, --message and --if-head into a struct options_writing. */
struct options_writing {
	int64_t attach_timeout; /* as in struct stele_publisher_options */
	const char *message;
	unsigned flags; /* STELE_SHARED or none */
	bool if_head_given;
	struct token if_head;
};
extern const struct argp options_writing;

/* Numbers of options without a letter. */
enum {
	OPTION_IF_HEAD = 256,
	OPTION_IF_VERSION,
	OPTION_IF_ABSENT,
	OPTION_UNTERMINATED,
	OPTION_OWNER,
	OPTION_OTHERS
};

/* The option of commands that read rows: what is refused without it is in lines.h. */
#define OPTION_ALLOW_UNTERMINATED \
	{ \
		"allow-unterminated", OPTION_UNTERMINATED, NULL, 0, \
			"Accept a last line that has no line feed", 0 \
	}

#endif
