/* SPDX-License-Identifier: MIT
 * Whether to try again after a read that lost a race against the publisher. */
#ifndef SUBSCRIBER_RETRY_H
#define SUBSCRIBER_RETRY_H

#include "lib/region/region.h"

/* Start with zeros, but for `max_tries`. */
struct retry {
	unsigned max_tries; /* tries in all, the first included */
	unsigned tries;     /* that failed */
	int64_t until;      /* CLOCK_MONOTONIC: no new try after it, but for the first RETRY_MIN */
	bool still; /* nothing moved between two tries: it is not the publisher that makes them fail */
	const struct region *region;
	uint64_t head, reclaimed;
};

/* For a machine that stands still: as many tries are made however long they take. */
#define RETRY_MIN 16u

/* Decides after a failed try. False once `max_tries` tries failed, or enough in 100 ms, or once the publisher
 * has moved neither head nor reclaimed since the last try: then what failed fails each time, as the
 * region is damaged or forged. */
bool retry_again(struct retry *retry, const struct region *region);

/* The error for the reader: -EBADMSG if nothing moved, else -ESTALE. */
int retry_error(const struct retry *retry, const struct region *region, uint64_t version);

#endif
