/* SPDX-License-Identifier: MIT
 * Arguments that several subcommands take, and how they are read. */
#ifndef TOOLS_REGION_OPTIONS_H
#define TOOLS_REGION_OPTIONS_H

#include <argp.h>
#include <stdbool.h>
#include <stele/stele.h>
#include "tools/base/format.h"
#include "tools/region/token.h"

/* Reads the arguments of `stele NAME`. Ends the process, as argp does, after --help and on options
 * that there are not; else sets `*ret_operands` to what is not an option (NULL-terminated) and
 * returns how many those are. `parser` of argp needs to handle options and ARGP_KEY_INIT (for its
 * children) alone. */
int options_parse(const struct argp *argp, const char *name, int argc, char **argv, void *input,
                  char ***ret_operands);

/* The same for a subcommand that reads a region's rows, or what else its publisher wrote: with --owner. */
int options_parse_reading(const struct argp *argp, const char *name, int argc, char **argv,
                          void *input, char ***ret_operands);

/* The parser of a subcommand that has the options of its one child alone: hands the input down. */
error_t options_hand_down(int key, char *argument, struct argp_state *state);

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
