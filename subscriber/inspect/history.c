/* SPDX-License-Identifier: MIT
 *
 * Defines stele_subscriber_history(), which returns the versions that can be opened, and the public
 * functions that describe a commit. */
#include <errno.h>

#include "lib/base/error.h"
#include "lib/trie/record.h"
#include "subscriber/move.h"
#include "subscriber/snapshot.h"

int stele_subscriber_history(struct stele_subscriber *subscriber, uint64_t *ret_oldest,
                             uint64_t *ret_newest)
{
	const struct region *region;
	uint64_t oldest, newest;
	int r = subscriber_check(subscriber);

	if (r < 0)
		return r;
	subscriber_newest(subscriber);
	region = subscriber->region;
	/* Load oldest first. In the other order oldest could be above newest. */
	oldest = load_acquire(&region->header->oldest);
	newest = head_version(subscriber_head(subscriber));
	fence_acquire();
	if (region_lost(region))
		return region_error(region, -EBADMSG, newest);
	*ret_oldest = region_oldest(region, oldest, newest);
	*ret_newest = newest;
	return 0;
}

static int history_check(const struct stele_snapshot *snapshot)
{
	int r = subscriber_check(snapshot->subscriber);

	if (r == 0 && snapshot->version == 0)
		r = error_set(ENODATA, "region \"%s\" had no commit yet at this snapshot",
		              snapshot->region->names.region);
	return r;
}

int stele_snapshot_commit(const struct stele_snapshot *snapshot, struct stele_commit *ret)
{
	struct stele_commit commit;
	int r = history_check(snapshot);

	if (r < 0)
		return r;
	r = snapshot_result(snapshot, record_load(&snapshot->view, snapshot->record, &commit));
	if (r < 0)
		return r;
	*ret = commit;
	ret->version = snapshot->version;
	ret->time = snapshot->time;
	return 0;
}

int stele_snapshot_commit_table(const struct stele_snapshot *snapshot, unsigned index,
                                struct stele_commit_table *ret)
{
	struct stele_commit_table table;
	int r = history_check(snapshot);

	if (r < 0)
		return r;
	r = snapshot_result(snapshot,
	                    record_table(&snapshot->view, snapshot->record, index, &table));
	if (r == 1)
		*ret = table;
	return r;
}
