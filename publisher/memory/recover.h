/* SPDX-License-Identifier: MIT
 *
 * Recovery is the ordinary open path: nothing in a region has to be mended after a crash, because
 * what a crash left half-made is reached by no version. The walk over what the versions do reach
 * tells the allocator what is in use, and reclaim what waits for which version to go.
 *
 * The walk goes from the newest version back in time. An object is met first at the newest version
 * that reaches it; what is met for the first time at an older version was replaced by the next
 * newer one that is retained. So the order of the walk alone gives every lifetime.
 *
 * Called when a publisher starts, and by a compaction of its new file. */
#ifndef PUBLISHER_MEMORY_RECOVER_H
#define PUBLISHER_MEMORY_RECOVER_H

#include "publisher/memory/reclaim.h"

/* Fills an arena that was just initialised, and a reclaim likewise. 0; -ENOMEM; or -EBADMSG: the
 * region does not hold together. Nothing in the region changes but entries of kept
 * that are not needed, and the state in head, which is HEAD_CURRENT afterwards. */
int recover(struct region *region, struct arena *arena, struct reclaim *reclaim);

#endif
