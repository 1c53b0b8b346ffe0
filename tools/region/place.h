/* SPDX-License-Identifier: MIT
 * Where regions are, and whose may be read: what --directory and --owner say. options_parse()
 * fills a struct place for each subcommand, which passes it to everything that opens a region. */
#ifndef TOOLS_REGION_PLACE_H
#define TOOLS_REGION_PLACE_H

#include <stdbool.h>
#include "tools/region/owner.h"

struct place {
	const char *directory; /* of the regions' files; NULL: the default */
	struct owner owner;
};

/* What the library takes for a region of this name: with the directory before it, or for a saved
 * file, where a path stands. Holds until the next call. */
const char *place_path(const struct place *place, const char *region);
/* The directory, also where it is the default. */
const char *place_directory(const struct place *place);

/* True for the path of a saved file where a region's name may stand: it starts with '/' or '.',
 * which no name does. */
bool place_is_path(const char *text);

#endif
