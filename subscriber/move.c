/* SPDX-License-Identifier: MIT
 *
 * From one generation of the region's file to the next. The publisher makes the new file whole under
 * another name, stores HEAD_REPLACING in the head of the old one, renames the new one into place, and
 * stores HEAD_REPLACED (publisher/generation.h). A subscriber that finds either opens the name again;
 * if the name is still the same file's, the publisher has not come to the rename yet, or died before
 * it, and the old file goes on being the region.
 *
 * A replaced file is never written again. Snapshots that were opened in it stay as they are, on the
 * old mapping, and need no pin any more. Slot and queue are in files of their own and stay.
 */
#include "subscriber/move.h"

#include <errno.h>
#include <string.h>

#include "lib/units.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/storage/file.h"

/* Who reads again and again from a region that was removed does not look for its file each time: a
 * look that found nothing is not repeated before. */
#define MOVE_INTERVAL NSEC_PER_MSEC

int subscriber_move(struct stele_subscriber *subscriber)
{
	struct region *old = subscriber->region, *fresh;
	const char *name = old->names.region;
	struct region_paths names = old->names;
	int r;

	if (file_is_named(old->fd, names.data))
		return 0;
	/* Anybody can give a file the uuid of this region, but not its owner. */
	names.owner = (struct owner_rule){OWNER_ONE, old->status.st_uid};
	r = region_open_shared(&names, subscriber->guarded, &fresh);
	if (r == -ENOENT)
		return error_set(ENOENT, "region \"%s\" was removed", name);
	if (r < 0 && r != -EPERM)
		return r;
	if (r == -EPERM || memcmp(fresh->uuid, old->uuid, sizeof(fresh->uuid)) != 0) {
		if (r == 0)
			region_unshare(fresh);
		return error_set(ESTALE,
		                 "region \"%s\" was replaced by another of its name; open it again",
		                 name);
	}
	/* The publisher wrote the file anew, and the memory is the same. */
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
