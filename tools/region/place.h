/* SPDX-License-Identifier: MIT
 * The values of --directory and --owner: where regions are, and whose regions may be read.
 * options_parse() fills a struct place for each subcommand, which passes it to all functions that
 * open a region. */
#ifndef TOOLS_REGION_PLACE_H
#define TOOLS_REGION_PLACE_H

#include <stdbool.h>
#include "tools/region/owner.h"

struct place {
	const char *directory; /* of the regions' files; NULL: the default, /dev/shm */
	struct owner owner;
};

/* Returns the name under which the library opens `region`: "DIRECTORY/REGION", "REGION", or
 * "file:PATH" if `region` is the path of a saved file. The result is valid until the next call. */
const char *place_path(const struct place *place, const char *region);

/* Returns the directory of the regions' files. */
const char *place_directory(const struct place *place);

/* Returns true if `text` is the path of a saved file and not the name of a region. A path starts
 * with '/' or '.', which no name does. */
bool place_is_path(const char *text);

#endif
