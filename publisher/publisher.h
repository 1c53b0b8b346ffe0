/* SPDX-License-Identifier: MIT
 *
 * Opens a publisher. Called by the public stele_publisher_open(), and by load.c to create a region
 * from a saved file. */
#ifndef PUBLISHER_PUBLISHER_H
#define PUBLISHER_PUBLISHER_H

#include "publisher/state/state.h"

/* Opens a publisher as stele_publisher_open() does. If the open creates the region and `contents`
 * is not NULL, the new region gets the versions of `contents`. */
int publisher_open(const char *region, const struct stele_publisher_options *options,
                   struct region *contents, struct stele_publisher **ret);

#endif
