/* SPDX-License-Identifier: MIT
 *
 * What building an index for longest-prefix match (index.c) and a hash index (hash.c) have in common:
 * how many rows there can be, and the result after what was read is re-checked. */
#ifndef SUBSCRIBER_INDEX_BUILD_H
#define SUBSCRIBER_INDEX_BUILD_H

#include "subscriber/state.h"

/* How many rows to make room for: as many as the table says it has, but no more than there is room for
 * in the view, since in a damaged region the number may be any. */
uint64_t build_max_rows(const struct view *view, uint64_t rows);

/* Re-checks the snapshot that an index was built or moved from: `r` of that, or the error with its
 * message. `what` is the kind of index: "an index". */
int build_result(const struct stele_snapshot *snapshot, const char *what, int r);

int build_memory_error(const char *what);

/* -ESTALE: the last move failed, so there is no version to answer for. `what` without an article. */
int build_stale_error(const char *what);

#endif
