/* SPDX-License-Identifier: MIT
 *
 * Fills a new region with the contents of a saved file, before the region has its name. Called by
 * an attach that creates a region, and by load.c, which needs the size of the contents. */
#ifndef PUBLISHER_ATTACH_CONTENTS_H
#define PUBLISHER_ATTACH_CONTENTS_H

#include "lib/region/region.h"

/* Returns the initial size in bytes of a new region's arena that holds the contents of a saved
 * one. */
uint64_t contents_capacity(struct region *contents);

/* Copies the contents into a data file that has no name yet. Returns 0 or a negative errno. */
int contents_fill(const struct region_paths *names, int fd, struct region *contents);

#endif
