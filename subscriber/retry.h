/* SPDX-License-Identifier: MIT
 *
 * Decides whether to try again after a read that lost a race against the publisher. For code that
 * reads without a pin, or before it has one. */
#ifndef SUBSCRIBER_RETRY_H
#define SUBSCRIBER_RETRY_H

#include "lib/region/region.h"

/* The tries so far. The caller sets `max_tries`, and the rest to zero. */
struct retry {
	unsigned max_tries; /* how many tries in all */
	unsigned tries;     /* how many have failed */
	int64_t until;      /* CLOCK_MONOTONIC, no try after this except the first RETRY_MIN */
	/* True if head and reclaimed did not change between the last two tries. Then the publisher
	 * is not the reason why they failed. */
	bool still;
	/* At the last failed try: the region, and two words of its header. */
	const struct region *region;
	uint64_t head, reclaimed;
};

/* How many tries are made however long they take, as the machine may stall for seconds. */
#define RETRY_MIN 16u

/* Records a failed try, and returns whether to try again. Returns false after `max_tries` tries;
 * after 100 ms, if RETRY_MIN tries were made; or if the publisher has moved neither head nor
 * reclaimed since the last try. In the last case every try would fail, because the region is
 * damaged or forged. */
bool retry_again(struct retry *retry, const struct region *region);

/* Sets the error message after the last try, and returns the error: -EBADMSG if `still`, else
 * that of retry_outrun_error(). */
int retry_error(const struct retry *retry, const struct region *region, uint64_t version);

/* Sets the error message for a read that was slower than the publisher in every try. Returns
 * -ETIME. */
int retry_outrun_error(const struct region *region);

#endif
