/* SPDX-License-Identifier: MIT
 *
 * Copies what the versions of a region reach into an empty arena, with all that they share: an
 * object that several versions reach is copied once. Newest version first, so that what is read most
 * lies together.
 */
#ifndef PUBLISHER_COPY_H
#define PUBLISHER_COPY_H

#include "arena.h"
#include "lib/region.h"

/* `to` is the other region, mapped for writing, its arena empty: its ring and kept are filled, and
 * head, oldest, reclaimed and kept_used set. 0; -ENOSPC, -ENOMEM; or -EBADMSG: the region does not
 * hold together. No sentence. */
int copy_versions(const struct region *from, const struct view *view, struct region *to,
                  struct arena *arena);

#endif
