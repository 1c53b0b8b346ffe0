/* SPDX-License-Identifier: MIT
 *
 * Moves a subscriber from one generation of the region's file to the next. To replace a file, the
 * publisher writes the new file completely under another name, stores HEAD_REPLACING in the head of
 * the old file, renames the new file into place, and stores HEAD_REPLACED (publisher/generation.h).
 * A subscriber that finds one of these states in head opens the region by name again. If the name
 * still belongs to the old file, the publisher has not renamed the new file yet, or died before.
 * Then the old file is still the region.
 *
 * A replaced file never changes again. Snapshots that were opened in it stay valid on the old
 * mapping, and need no pin any more. The slot and the queue do not move, as they are not in the
 * data file.
 */
#include "subscriber/move.h"

#include <errno.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/storage/file.h"
#include "lib/units.h"

/* The minimum time between a search for a newer file that found none and the next search, in
 * nanoseconds. Without this limit, every read from a removed region would make system calls. */
#define MOVE_INTERVAL NSEC_PER_MSEC

int subscriber_move(struct stele_subscriber *subscriber)
{
	struct region *old = subscriber->region, *fresh;
	const char *name = old->names.region;
	struct region_paths names = old->names;
	int r;

	if (file_has_name(&old->status, names.data))
		return 0;
	/* Any user can make a file with this region's uuid, but not with its owner. */
	names.owner = (struct owner_rule){OWNER_ONE, old->status.st_uid};
	r = region_open_shared(&names, subscriber->guarded, &fresh);
	if (r == -ENOENT)
		return error_set(ENOENT, "region \"%s\" was removed", name);
	if (r < 0 && r != -EPERM)
		return r;
	if (r == -EPERM || memcmp(fresh->uuid, old->uuid, sizeof(fresh->uuid)) != 0) {
		if (r == 0)
			region_unshare(fresh);
		return error_set(EIDRM,
		                 "region \"%s\" was replaced by another of its name; open it again",
		                 name);
	}
	/* The publisher wrote the file anew for the same memory (a System V segment). Keep the
	 * mapping, and with it the open snapshots. */
	if (storage_is_same(old, fresh)) {
		region_exchange_file(old, fresh);
		region_unshare(fresh);
		return 0;
	}
	subscriber->region = fresh;
	subscriber->moves++;
	subscriber->channel.head = &fresh->header->head;
	region_unshare(old);
	return 0;
}

uint64_t subscriber_newest_moved(struct stele_subscriber *subscriber)
{
	int64_t now = clock_monotonic();
	unsigned moves = subscriber->moves;

	if (now - subscriber->moved_at >= MOVE_INTERVAL) {
		subscriber_move(subscriber);
		if (subscriber->moves == moves)
			subscriber->moved_at = now;
	}
	return head_version(subscriber_head(subscriber));
}
