/* SPDX-License-Identifier: MIT */
#include "subscriber/index/lpm_validate.h"

#include "lib/base/fork.h"
#include "subscriber/index/build.h"
#include "subscriber/snapshot.h"

int lpm_validate(const struct stele_lpm *index)
{
	int r;

	if (lpm_answers(index))
		return 0;
	r = fork_check(index->forks, "index");
	if (r < 0)
		return r;
	if (!index->complete)
		return build_stale_error("index");
	return snapshot_result(index->table.snapshot, 0);
}

int lpm_match_checked(const struct stele_lpm *index, const void *address, uint32_t *ret)
{
	int r = lpm_validate(index);

	if (r < 0)
		return r;
	index->match_many(index, address, 1, ret);
	return *ret != index->none;
}
