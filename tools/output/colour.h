/* SPDX-License-Identifier: MIT
 * Colours of what is printed to standard output, for people at a terminal. The drivers of output
 * formats and the doctor use these; `stele top' draws with curses. */
#ifndef TOOLS_OUTPUT_COLOUR_H
#define TOOLS_OUTPUT_COLOUR_H

#include <stdbool.h>

enum colour {
	COLOUR_NONE,
	COLOUR_HEADING,
	COLOUR_ADDED,
	COLOUR_CHANGED,
	COLOUR_REMOVED,
	COLOUR_NOTE,
	COLOUR_PROBLEM,
};

/* Returns true if the user wants no colours: NO_COLOR is set and not empty (no-color.org). */
bool colour_is_refused(void);

/* Returns true if standard output is a terminal that may be sent colours. */
bool colour_is_wanted(void);

/* Returns what a terminal is sent before text of this colour; and after it. "" for COLOUR_NONE. */
const char *colour_start(enum colour colour);
const char *colour_end(enum colour colour);

#endif
