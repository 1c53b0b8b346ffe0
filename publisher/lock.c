/* SPDX-License-Identifier: MIT */
#include "publisher/lock.h"

#include <errno.h>

#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/storage/folder.h"
#include "lib/units.h"
#include "publisher/attach/mutex.h"
#include "publisher/generation.h"
#include "publisher/shared.h"

/* Minimum nanoseconds between two checks of the files' names and of the region's memory. */
#define LOCK_CHECK_INTERVAL NSEC_PER_SEC

int lock_truncated_error(const struct stele_publisher *publisher)
{
	return error_set(
		EBADMSG,
		"a file of region \"%s\" was truncated while it was published; remove the region "
		"and publish again",
		publisher->attachment.region.names.region);
}

/* Checks that no file was truncated, and, if `closely`, that the region's memory still exists. Call
 * this before the contents of the files are used. Returns 0 or -EBADMSG. */
static int lock_check_loss(struct stele_publisher *publisher, bool closely)
{
	struct attachment *attachment = &publisher->attachment;

	if (closely && attachment->region.memory->gone(&attachment->region))
		return error_set(
			EBADMSG,
			"the memory of region \"%s\" was removed while it was published; remove "
			"the region and publish again",
			attachment->region.names.region);
	if (region_lost(&attachment->region) || mapping_lost(&attachment->publisher_mapping))
		return lock_truncated_error(publisher);
	return 0;
}

/* Notifies the subscribers whose slots are in the lost file. The publisher does not know them any
 * more; so they look now, and register in the new file, instead of missing all notices until they
 * look by themselves. Slots that were truncated away are not read. */
static void lock_notify_lost(struct stele_publisher *publisher, struct slots *lost)
{
	struct stat status;

	if (fstat(lost->lock.fd, &status) < 0 || status.st_size < lost->status.st_size ||
	    mapping_lost(&lost->mapping))
		return;
	publisher->fanout.slots = lost;
	fanout_notify(&publisher->fanout, &(struct notice){.version = publisher_head(publisher),
	                                                   .time = clock_realtime(),
	                                                   .everybody = true,
	                                                   .tables = NOTICE_ANY});
}

/* Recreates the folder of the subscribers' sockets and pipes, and the subscribers file, if they are
 * lost. Their loss does not harm the region's contents. */
static void lock_check_slots(struct stele_publisher *publisher)
{
	struct attachment *attachment = &publisher->attachment;
	const struct region *region = &attachment->region;
	struct slots lost = {.lock.fd = -1};
	bool open = attachment->slots_open;

	folder_make(&region->names, region->mode, region_group(region));
	if (!attach_slots_lost(attachment))
		return;
	notify_pause(&publisher->notify);
	if (open)
		slots_move(&attachment->slots, &lost);
	attachment->slots_open = false;
	attach_slots_replace(attachment, publisher->guarded);
	/* After the new file is there, so that those who are woken find it. */
	if (open)
		lock_notify_lost(publisher, &lost);
	fanout_fini(&publisher->fanout);
	if (open)
		slots_close(&lost);
	state_wire(publisher);
	notify_resume(&publisher->notify);
}

/* Sets the error message of a publisher that can't go on. */
static int lock_broken_error(const struct stele_publisher *publisher)
{
	const char *region = publisher->attachment.region.names.region;

	if (publisher->broken == BROKEN_MAPPING)
		return error_set(
			EIO,
			"region \"%s\" could not be moved to a new file earlier, and its own file could "
			"not be mapped again; open the publisher again",
			region);
	return error_set(EIO,
	                 "an earlier write of region \"%s\" to its disk failed; check the disk, "
	                 "then open the publisher again",
	                 region);
}

int publisher_lock(struct stele_publisher *publisher)
{
	int64_t now = clock_coarse();
	bool closely = now - publisher->checked_at >= LOCK_CHECK_INTERVAL, died;
	int r;

	if (closely && publisher->guarded)
		mapping_renew_handler();
	r = lock_check_loss(publisher, closely);
	if (r < 0)
		return r;
	if (publisher->broken)
		return lock_broken_error(publisher);
	r = mutex_lock(&publisher->attachment);
	if (r == -ENOTRECOVERABLE)
		return error_set(EBUSY,
		                 "the lock of region \"%s\" is broken; open the publisher again",
		                 publisher->attachment.region.names.region);
	if (r < 0)
		return r;
	died = r == 1;
	if (closely || mapping_lost(&publisher->attachment.slots.mapping))
		lock_check_slots(publisher);
	r = shared_catch_up(publisher);
	if (r == 0 && closely) {
		publisher->checked_at = now;
		generation_before_in_use(publisher);
		r = generation_keep_name(publisher);
	}
	/* If the mutex's owner died, it was another publisher. That publisher may have committed
	 * without sending its notices. */
	if (r == 0 && died)
		state_notify_all(publisher);
	if (r < 0)
		mutex_unlock(&publisher->attachment);
	return r;
}
