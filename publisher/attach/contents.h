/* SPDX-License-Identifier: MIT
 *
 * What a new region is filled with before it has its name: the contents of a saved file. An attach
 * that makes the region fills it; load.c asks how much memory that takes. */
#ifndef PUBLISHER_ATTACH_CONTENTS_H
#define PUBLISHER_ATTACH_CONTENTS_H

#include "lib/region/region.h"

/* Returns the bytes that a new region's arena needs at first for what a saved one holds. */
uint64_t contents_capacity(struct region *contents);

/* Copies the contents into a data file that has no name yet. */
int contents_fill(const struct region_paths *names, int fd, struct region *contents);

#endif
