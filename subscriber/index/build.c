/* SPDX-License-Identifier: MIT */
#include "subscriber/index/build.h"

#include <errno.h>

#include "lib/base/error.h"
#include "subscriber/snapshot.h"

uint64_t build_max_rows(const struct view *view, uint64_t rows)
{
	uint64_t fit = (view->limit - view->start) / LAYOUT_UNIT;

	return rows < fit ? rows : fit;
}

int build_result(const struct stele_snapshot *snapshot, const char *what, int r)
{
	int rechecked = snapshot_result(snapshot, r == -ENOMEM ? 0 : r);

	return rechecked == 0 && r == -ENOMEM ? build_memory_error(what) : rechecked;
}

int build_memory_error(const char *what)
{
	return error_set(ENOMEM, "no memory for %s", what);
}

int build_stale_error(const char *what)
{
	return error_set(ESTALE,
	                 "the %s could not be moved and answers for no version; move it to a newer "
	                 "one, or open another",
	                 what);
}
