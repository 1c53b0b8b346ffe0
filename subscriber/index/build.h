/* SPDX-License-Identifier: MIT
 *
 * Helpers for both kinds of private index: the bound on the number of rows to allocate for, the
 * re-check of the snapshot after a build, and the error messages. For lpm.c, lpm_validate.c
 * (longest-prefix match), hash.c and hash_get.c (hash index). */
#ifndef SUBSCRIBER_INDEX_BUILD_H
#define SUBSCRIBER_INDEX_BUILD_H

#include <errno.h>

#include "lib/base/error.h"
#include "subscriber/snapshot.h"

/* Returns the number of rows to allocate for: `rows`, the row count in the catalog, but at most as
 * many rows as fit into the view. In a damaged region the count may be any number. */
static inline uint64_t build_max_rows(const struct view *view, uint64_t rows)
{
	uint64_t fit = (view->limit - view->start) / LAYOUT_UNIT;

	return rows < fit ? rows : fit;
}

/* Sets the error message for memory that could not be allocated. Returns -ENOMEM. `what` is the
 * kind of index with its article ("an index"). */
static inline int build_memory_error(const char *what)
{
	return error_set(ENOMEM, "no memory for %s", what);
}

/* Re-checks the snapshot that an index was built or moved from, and sets the error message. `r` is
 * the result of the build, `what` the kind of index with its article ("an index"). Returns 0, the
 * error of the re-check, or the error of the build. The re-check comes first: a build that read
 * reclaimed memory can fail in any way, and the result is then -ESTALE. */
static inline int build_result(const struct stele_snapshot *snapshot, const char *what, int r)
{
	int rechecked = snapshot_result(snapshot, r == -ENOMEM ? 0 : r);

	return rechecked == 0 && r == -ENOMEM ? build_memory_error(what) : rechecked;
}

/* Sets the error message for a lookup after a move that failed. Returns -ESTALE. `what` is the
 * kind of index without an article ("index"). */
static inline int build_stale_error(const char *what)
{
	return error_set(ESTALE,
	                 "the %s could not be moved, so it has no version to answer for; "
	                 "move it to a newer version, or open another",
	                 what);
}

#endif
