/* SPDX-License-Identifier: MIT
 *
 * Removes a region (stele_region_remove()). An attach that replaces a region, and a cleanup, use
 * remove_objects() for the objects that have no path. */
#ifndef PUBLISHER_ATTACH_REMOVE_H
#define PUBLISHER_ATTACH_REMOVE_H

#include "lib/storage/paths.h"

/* Removes the objects of a region that have no path: its System V segment and its System V message
 * queue. `publisher` is the region's publisher file, whose lock is held. The region's uuid is read
 * from this file, because only publishers can write it. Returns 0, or a negative errno if the
 * segment could not be removed. */
int remove_objects(const struct region_paths *names, int publisher);

#endif
