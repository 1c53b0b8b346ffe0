/* SPDX-License-Identifier: MIT
 * Completes a command line: reads its words by the tables of options and the usage lines of the
 * commands, and prints what the last word may be. Called by cmd_completion.c. */
#ifndef TOOLS_COMPLETE_COMPLETE_H
#define TOOLS_COMPLETE_COMPLETE_H

#include <stddef.h>

struct command;

/* The commands among which complete_words() finds one. */
struct complete_commands {
	const struct command *const *commands;
	size_t count;
};

/* Prints the candidates for the last of the words after "stele", as candidates.h describes. Two
 * lines are no candidates, but ask the shell for its own: ":files" and ":directories", whose names
 * take the place of the word after its last "=". */
void complete_words(const struct complete_commands *commands, char **words, size_t count);

#endif
