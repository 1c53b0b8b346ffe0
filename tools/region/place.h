/* SPDX-License-Identifier: MIT
 * Where regions are: in the directory that --directory gives, or in the default one. */
#ifndef TOOLS_REGION_PLACE_H
#define TOOLS_REGION_PLACE_H

#include <stdbool.h>

/* What the library takes for a region of this name: with the directory before it that --directory,
 * which every subcommand has, gave; or for a saved file, where a path stands. Holds until the next
 * call. */
const char *place_path(const char *region);
/* That directory, or NULL. */
const char *place_directory(void);
/* Stores --directory. */
void place_set_directory(const char *directory);

/* True for the path of a saved file where a region's name may stand: it starts with '/' or '.',
 * which no name does. */
bool place_is_path(const char *text);

#endif
