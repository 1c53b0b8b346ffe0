/* SPDX-License-Identifier: MIT
 *
 * Others that publish the same region. What is free and what waits for which version stands in each
 * publisher's private memory, and is good only for the state that the publisher left. So a
 * transaction begins by comparing: the region says who began the last one, and a publisher that finds
 * another there, or another head, finds out anew by the walk of recovery. A private free list never
 * outlives somebody else's commit; nor does what is known of the arena's end outlive a transaction
 * that somebody else gave up.
 */
#include "publisher/shared.h"

#include <string.h>

#include "lib/base/error.h"
#include "lib/storage/file.h"
#include "publisher/memory/data_file.h"

static bool shared_is_unchanged(const struct stele_publisher *publisher)
{
	const struct layout_header *header = publisher->attachment.region.header;
	uint8_t last[16];

	data_copy_out(last, header->publisher.uuid, sizeof(last));
	/* A head that is not HEAD_CURRENT is never what was left. */
	return memcmp(last, publisher->uuid, sizeof(last)) == 0 &&
	       load_relaxed(&header->head) == publisher->left_head &&
	       load_relaxed(&header->reclaimed) == publisher->left_reclaimed;
}

/* With the notices' thread paused: what it looks at may be another file's. */
static int shared_recover(struct stele_publisher *publisher)
{
	struct attachment *attachment = &publisher->attachment;
	struct region *region = &attachment->region;
	int r = 0;

	if (head_state(load_relaxed(&region->header->head)) != HEAD_CURRENT &&
	    !file_is_named(region->fd, region->names.data)) {
		/* The publisher that replaced the file may have died before it said so. */
		data_file_mark(&region->header->head, HEAD_REPLACED);
		r = attach_next_generation(attachment, publisher->guarded);
	}
	if (r < 0)
		return r;
	region_refresh_size(region);
	/* Where that fails, the next begin finds nothing that is as it was left. */
	publisher->left_head = UINT64_MAX;
	reclaim_fini(&publisher->reclaim);
	arena_fini(&publisher->arena);
	r = state_start(publisher);
	if (r == 0)
		state_announce(publisher);
	return r;
}

int shared_catch_up(struct stele_publisher *publisher)
{
	int r;

	if (!publisher->attachment.shared || shared_is_unchanged(publisher))
		return 0;
	notify_pause(&publisher->notify);
	r = shared_recover(publisher);
	notify_resume(&publisher->notify);
	return r;
}
