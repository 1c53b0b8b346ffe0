/* SPDX-License-Identifier: MIT
 *
 * Re-checks after reads through a snapshot. All code that reads rows calls one of these functions
 * before it returns a result. (<stele/subscriber.h> declares the functions that open and close
 * snapshots.) */
#ifndef SUBSCRIBER_SNAPSHOT_H
#define SUBSCRIBER_SNAPSHOT_H

#include "subscriber/state.h"

/* Re-checks, after a read through the snapshot, that its version was consistent until now. Returns
 * 0, -ESTALE or -EBADMSG. */
int snapshot_recheck(const struct stele_snapshot *snapshot);

/* Fast path of snapshot_recheck(). Returns true if the version was consistent, and false if it was
 * not or if only the slow path can tell. */
static inline bool snapshot_is_consistent(const struct stele_snapshot *snapshot)
{
	return region_recheck_fast(snapshot->region, snapshot->version);
}

/* Slow path of snapshot_result(). */
int snapshot_result_slow(const struct stele_snapshot *snapshot, int r);

/* Re-checks after a walk over the snapshot that returned `r`. Returns `r` if the version was
 * consistent, else -ESTALE or -EBADMSG. So a walk that failed because memory was reused during the
 * walk gives -ESTALE, and is not taken for damage. Sets the error message, also where `r` is
 * -EBADMSG. */
static inline int snapshot_result(const struct stele_snapshot *snapshot, int r)
{
	return r >= 0 && snapshot_is_consistent(snapshot) ? r : snapshot_result_slow(snapshot, r);
}

#endif
