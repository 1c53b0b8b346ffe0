/* SPDX-License-Identifier: MIT
 * Arguments that several subcommands take, and how they are read. */
#ifndef TOOLS_BASE_OPTIONS_H
#define TOOLS_BASE_OPTIONS_H

#include <argp.h>
#include <stdbool.h>
#include <stele/stele.h>
#include "tools/output/output.h"
#include "tools/base/token.h"

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

/* What the library takes for a region of this name: with the directory before it that --directory,
 * which every subcommand has, gave; or for a saved file, where a path stands. Holds until the next
 * call. */
const char *located(const char *region);
/* That directory, or NULL. */
const char *located_directory(void);

/* Reads --owner, which says whose regions reader_open() and its like may read. */
extern const struct argp options_owner;
/* Makes a subscriber refuse regions of other owners than --owner asks for. */
void owner_ask(struct stele_subscriber_options *options);
/* A user for people: "user 65534 (nobody)". */
#define OWNER_SIZE 64
const char *owner_name(uid_t user, char name[OWNER_SIZE]);
/* Says on standard error whose region is read, if that is neither asked for nor a trusted owner's. */
void owner_tell(const char *region, struct stele_subscriber *subscriber);

/* A child that reads --format into an enum output_format. */
extern const struct argp options_format;

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

/* Texts of options, or STATUS_INPUT after a sentence. */
enum status parse_count(const char *what, const char *text, uint64_t least, uint64_t most,
                        uint64_t *ret);
enum status parse_size(const char *what, const char *text, uint64_t *ret); /* 64M, 4G */
/* shm, file, sysv; and back. */
enum status parse_memory(const char *what, const char *text, enum stele_memory *ret);
const char *memory_name(enum stele_memory memory);
enum status parse_seconds(const char *what, const char *text, int64_t *ret_nanoseconds); /* 2.5 */

/* True for the path of a saved file where a region's name may stand: it starts with '/' or '.',
 * which no name does. */
bool is_path(const char *text);

/* Judges what stands for REGION|FILE. */
enum status parse_source(const char *text);

/* REGION/TABLE, or with `table_needed` false also REGION alone: then the table is empty. */
struct target {
	char region[512]; /* so that one too long is seen to be; or a path */
	char table[STELE_NAME_MAX + 1];
};
enum status parse_target(const char *command, const char *text, bool table_needed,
                         struct target *ret);
/* The same, or FILE/TABLE. */
enum status parse_source_target(const char *command, const char *text, bool table_needed,
                                struct target *ret);

#endif
