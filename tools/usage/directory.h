/* SPDX-License-Identifier: MIT
 * Splits operands that name a region by the path of its directory: /dev/shm/net/routes is the table
 * "routes" of the region "net" in /dev/shm. options_parse() does this for all operands. */
#ifndef TOOLS_USAGE_DIRECTORY_H
#define TOOLS_USAGE_DIRECTORY_H

#include <stdbool.h>

/* What an operand may name. */
struct directory_form {
	bool table;  /* a table after the region */
	bool region; /* a region without a table */
	bool file;   /* a saved file */
};

/* Splits the text in place if it starts with '/' or '.' and means a region:
 *
 *     a file of this path, or FILE/TABLE, is no region
 *     DIRECTORY/REGION/TABLE, where a table is needed
 *     DIRECTORY/REGION, where no table is allowed, or where one is and DIRECTORY is a directory
 *
 * Returns the part after the directory, and the directory; or NULL if the text means no region. */
char *directory_split(char *text, struct directory_form form, const char **ret_directory);

#endif
