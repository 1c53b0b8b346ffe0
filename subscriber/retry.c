/* SPDX-License-Identifier: MIT */
#include "subscriber/retry.h"

#include <errno.h>

#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/units.h"

/* For how long to try again, in nanoseconds. */
#define RETRY_TIME (100 * NSEC_PER_MSEC)

bool retry_again(struct retry *retry, const struct region *region)
{
	/* A try fails if history moves past its version. It then saw a store that the publisher
	 * made after storing a newer head. So this load of head, after the failed try, returns the
	 * newer head. */
	uint64_t head = load_acquire(&region->header->head);
	uint64_t reclaimed = load_acquire(&region->header->reclaimed);
	int64_t now = clock_monotonic();

	/* A replaced file does not change any more, although it is not damaged: the reader has yet
	 * to move to the next file. */
	retry->still = retry->tries > 0 && region == retry->region && head == retry->head &&
	               reclaimed == retry->reclaimed && head_state(head) == HEAD_CURRENT;
	if (retry->tries++ == 0)
		retry->until = now + RETRY_TIME;
	retry->region = region;
	retry->head = head;
	retry->reclaimed = reclaimed;
	return !retry->still && retry->tries < retry->max_tries &&
	       (retry->tries < RETRY_MIN || now < retry->until);
}

int retry_error(const struct retry *retry, const struct region *region, uint64_t version)
{
	return retry->still ? region_error(region, -EBADMSG, version) : retry_outrun_error(region);
}

int retry_outrun_error(const struct region *region)
{
	return error_set(
		ETIME,
		"the publisher of region \"%s\" reclaimed each version before it was read; "
		"try again, or give the region a longer history",
		region->names.region);
}
