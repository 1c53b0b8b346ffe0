/* SPDX-License-Identifier: MIT
 *
 * What building an index for longest-prefix match (index.c) and a hash index (hash.c) have in common:
 * how many rows there can be, the result after what was read is re-checked, and errors. */
#ifndef SUBSCRIBER_INDEX_BUILD_H
#define SUBSCRIBER_INDEX_BUILD_H

#include <errno.h>

#include "lib/base/error.h"
#include "subscriber/snapshot.h"

/* How many rows to make room for: as many as the table says it has, but no more than there is room for
 * in the view, since in a damaged region the number may be any. */
static inline uint64_t build_max_rows(const struct view *view, uint64_t rows)
{
	uint64_t fit = (view->limit - view->start) / LAYOUT_UNIT;

	return rows < fit ? rows : fit;
}

static inline int build_memory_error(const char *what)
{
	return error_set(ENOMEM, "no memory for %s", what);
}

/* Re-checks the snapshot that an index was built or moved from: 0, or the error of that or of the check.
 * `r` is what building returned, `what` the kind of index ("an index"). */
static inline int build_result(const struct stele_snapshot *snapshot, const char *what, int r)
{
	int rechecked = snapshot_result(snapshot, r == -ENOMEM ? 0 : r);

	return rechecked == 0 && r == -ENOMEM ? build_memory_error(what) : rechecked;
}

/* -ESTALE: the last move failed, so there is no version to answer for. `what` without an article. */
static inline int build_stale_error(const char *what)
{
	return error_set(ESTALE,
	                 "the %s could not be moved and answers for no version; move it to a newer "
	                 "one, or open another",
	                 what);
}

#endif
