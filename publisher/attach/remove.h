/* SPDX-License-Identifier: MIT
 *
 * Removing a region. An attach that replaces a region, and a cleanup, remove with this the objects
 * that have no path. */
#ifndef PUBLISHER_ATTACH_REMOVE_H
#define PUBLISHER_ATTACH_REMOVE_H

#include "lib/storage/paths.h"

/* Removes what has no path, the System V segment and queue, of the region that an open publisher
 * file is of, whose lock is held. Its uuid is read there because nobody else can write it. If it
 * fails, the segment stays. */
int remove_objects(const struct region_paths *names, int publisher);

#endif
