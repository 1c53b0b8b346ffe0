/* SPDX-License-Identifier: MIT
 *
 * Catching up with other publishers of the same region. Each publisher keeps in private memory
 * which parts of the arena are free, and which objects wait for which version. This knowledge is
 * valid only for the state in which this publisher left the region. So a transaction begins with a
 * comparison: the region's header names the publisher that began the last transaction. If that is
 * another publisher, or head or reclaimed has changed, this publisher rebuilds its state by the
 * walk of recovery. So a private free list never outlives another publisher's commit. Neither does
 * a private copy of the arena's end outlive a transaction that another publisher aborted.
 */
#include "publisher/shared.h"

#include <string.h>

#include "lib/storage/file.h"
#include "publisher/memory/data_file.h"

/* Returns true if no other publisher has had a transaction since the last one of this publisher. */
static bool shared_is_unchanged(const struct stele_publisher *publisher)
{
	const struct layout_header *header = publisher->attachment.region.header;
	uint8_t last[16];

	data_copy_out(last, header->publisher.uuid, sizeof(last));
	/* left_head is always HEAD_CURRENT, so a replaced file differs. */
	return memcmp(last, publisher->uuid, sizeof(last)) == 0 &&
	       load_relaxed(&header->head) == publisher->left_head &&
	       load_relaxed(&header->reclaimed) == publisher->left_reclaimed;
}

/* Moves to the region's current file, and rebuilds the private state. The notifier thread is paused
 * meanwhile, because its files are replaced. */
static int shared_recover(struct stele_publisher *publisher)
{
	struct attachment *attachment = &publisher->attachment;
	struct region *region = &attachment->region;
	int r = 0;

	if (head_state(load_relaxed(&region->header->head)) != HEAD_CURRENT &&
	    !file_is_named(region->fd, region->names.data)) {
		/* Step 4 of generation.h: the publisher that replaced the file may have died before
		 * this step. */
		data_file_mark(&region->header->head, HEAD_REPLACED);
		r = attach_next_generation(attachment, publisher->guarded);
	}
	if (r < 0)
		return r;
	region_refresh_size(region);
	/* If a later step fails, the next transaction tries again, because head never has this
	 * value. */
	publisher->left_head = UINT64_MAX;
	reclaim_fini(&publisher->reclaim);
	arena_fini(&publisher->arena);
	r = state_start(publisher);
	if (r == 0)
		state_announce(publisher, false);
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
