/* SPDX-License-Identifier: MIT
 * Lists the options of a subcommand, which are in the tables of several argp parsers, as one array.
 * For the parts that need to know all options: the check of a command line, and completion. */
#ifndef TOOLS_USAGE_OPTION_LIST_H
#define TOOLS_USAGE_OPTION_LIST_H

#include <argp.h>
#include <stdbool.h>
#include <stddef.h>

struct option_list {
	struct argp_option *options; /* none is an alias of another */
	size_t count;
};

/* Appends the options of a parser and of its children. Their texts must stay valid. */
void option_list_add(struct option_list *list, const struct argp *argp);
void option_list_free(struct option_list *list);

/* Finds an option by its long name, of which the first `length` bytes are given, or by its letter.
 * Returns NULL if there is none; the result is valid until the list changes. */
const struct argp_option *option_list_find(const struct option_list *list, const char *name,
                                           size_t length);
const struct argp_option *option_list_find_letter(const struct option_list *list, char letter);

/* Returns true if the key of the option is a letter that users can type. */
bool option_has_letter(const struct argp_option *option);
/* Returns true if --help shows the option. */
bool option_is_shown(const struct argp_option *option);

#endif
