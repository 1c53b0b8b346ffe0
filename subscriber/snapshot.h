/* SPDX-License-Identifier: MIT
 *
 * Re-checks after a read through a snapshot. Whatever reads rows calls one of these before it gives
 * an answer. (Opening and closing snapshots is public.) */
#ifndef SUBSCRIBER_SNAPSHOT_H
#define SUBSCRIBER_SNAPSHOT_H

#include "subscriber/state.h"

/* Re-checks, after a read through the snapshot, that its version was consistent until now. 0, -ESTALE,
 * -EBADMSG. */
int snapshot_recheck(const struct stele_snapshot *snapshot);

/* The fast path of snapshot_recheck(): true if the version was consistent. False also where that takes
 * a closer look. */
static inline bool snapshot_is_consistent(const struct stele_snapshot *snapshot)
{
	return region_recheck_fast(snapshot->region, snapshot->version);
}

/* Re-checks after a walk over the snapshot that returned `r`: `r` if the version was consistent. A walk
 * that failed because memory was reused under it is -ESTALE, not damage. */
int snapshot_result_slow(const struct stele_snapshot *snapshot, int r);

static inline int snapshot_result(const struct stele_snapshot *snapshot, int r)
{
	return r >= 0 && snapshot_is_consistent(snapshot) ? r : snapshot_result_slow(snapshot, r);
}

#endif
