/* SPDX-License-Identifier: MIT
 *
 * Reads the pages of docs/man: their sections, their options, and their examples as commands with
 * the output that the page shows. Tests run in the top folder of the tree, where the pages are. */
#ifndef TESTS_SUPPORT_MANUAL_PAGE_H
#define TESTS_SUPPORT_MANUAL_PAGE_H

#include <stdbool.h>
#include <stddef.h>

#define MANUAL_FOLDER "docs/man"
/* More than any page has. */
#define MANUAL_STEPS 64
#define MANUAL_PAGES 128
/* A terminal of 80 columns has these for a display with `-offset 2n`. */
#define MANUAL_WIDTH 73

/* A command of an example. Texts are allocated and stay until the test's process ends. */
struct manual_step {
	char *setup;   /* shell lines to run before, which the page doesn't show; may be empty */
	char *command; /* one or more shell lines */
	char *shown;   /* the output that the page shows; empty: none */
	/* For a command that runs until it is stopped: shell lines to run beside it, and the text
	 * that its output has when it may be stopped. NULL: the command ends by itself. */
	char *meanwhile, *until;
	bool on_terminal; /* runs on a terminal, and ends at the key q */
};

struct manual_page {
	char name[64]; /* such as stele-watch.1 */
	char *text;
};

/* Stores the names of the pages in docs/man, in the order of the alphabet. Returns their number. If
 * the test does not run in the top folder, there are none. */
size_t manual_list(char (*ret_names)[64], size_t capacity);

/* Reads a page of docs/man. The test fails if there is none. */
void manual_read(struct manual_page *page, const char *name);

/* Returns the source of a section, such as "EXIT STATUS", as a new text, or NULL if there is
 * none. */
char *manual_section(const struct manual_page *page, const char *title);

/* Stores the steps of all examples, which are in the literal displays of FIRST STEPS and EXAMPLES.
 * Returns their number, and the number of displays. */
size_t manual_steps(const struct manual_page *page, struct manual_step *ret_steps, size_t capacity,
                    size_t *ret_displays);

#endif
