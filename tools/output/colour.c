/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "tools/output/colour.h"

bool colour_is_refused(void)
{
	const char *refused = getenv("NO_COLOR");

	return refused && *refused;
}

bool colour_is_wanted(void)
{
	const char *terminal = getenv("TERM");

	return isatty(STDOUT_FILENO) && !colour_is_refused() &&
	       !(terminal && strcmp(terminal, "dumb") == 0);
}

const char *colour_start(enum colour colour)
{
	static const char *const codes[] = {
		[COLOUR_NONE] = "",
		[COLOUR_HEADING] = "\033[1m",
		[COLOUR_ADDED] = "\033[32m",
		[COLOUR_CHANGED] = "\033[33m",
		[COLOUR_REMOVED] = "\033[31m",
		[COLOUR_NOTE] = "\033[33m",
		[COLOUR_PROBLEM] = "\033[1;31m",
	};

	return codes[colour];
}

const char *colour_end(enum colour colour)
{
	return colour == COLOUR_NONE ? "" : "\033[0m";
}
