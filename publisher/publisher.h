/* SPDX-License-Identifier: MIT
 *
 * Opening a publisher. Called by load.c, which makes a region of a saved file. */
#ifndef PUBLISHER_PUBLISHER_H
#define PUBLISHER_PUBLISHER_H

#include "publisher/state/state.h"

/* stele_publisher_open(), with contents for the region that it makes. */
int publisher_open(const char *region, const struct stele_publisher_options *options,
                   struct region *contents, struct stele_publisher **ret);

#endif
