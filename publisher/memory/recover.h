/* SPDX-License-Identifier: MIT
 *
 * Rebuilds the publisher's private state from a region. Recovery after a crash is the ordinary way
 * to open a region: no version reaches what a crash left unfinished, so nothing needs repair. The
 * walk over everything that the versions reach tells the allocator which memory is in use, and
 * reclaim which objects wait for which versions.
 *
 * The walk goes from the newest version back in time. It meets each object first at the newest
 * version that reaches it. An object that it meets first at an older version was replaced by the
 * next newer version that is retained. So the order of the walk alone gives every object's
 * lifetime.
 *
 * Called when a publisher starts, when a shared publisher catches up, and by a compaction for its
 * new file. */
#ifndef PUBLISHER_MEMORY_RECOVER_H
#define PUBLISHER_MEMORY_RECOVER_H

#include "publisher/memory/reclaim.h"

/* Fills `arena` and `reclaim`, both just initialised, from the region. Changes nothing in the
 * region, except that it clears entries of kept that are not needed and sets the state in head to
 * HEAD_CURRENT. Returns 0. Errors: -ENOMEM, -EBADMSG (the region is damaged). */
int recover(struct region *region, struct arena *arena, struct reclaim *reclaim);

#endif
