/* SPDX-License-Identifier: MIT
 * How long to wait before the next try: each pause is random, and the range of the pauses doubles
 * up to a maximum. So many mirrors of one etcd that went away do not come back at the same moment.
 * Used by the loops of the mirror. */
#ifndef TOOLS_ETCD_ETCD_BACKOFF_H
#define TOOLS_ETCD_ETCD_BACKOFF_H

#include <stdint.h>

enum { ETCD_BACKOFF_FIRST_MS = 100, ETCD_BACKOFF_LAST_MS = 10000 };

struct etcd_backoff {
	uint64_t random; /* state of the generator; any value */
	int range;       /* of the next pause, in milliseconds; 0: the first try is made at once */
};

/* Returns the next pause in milliseconds: 0 at first, and then from a half of the range to all of
 * it. */
int etcd_backoff_next(struct etcd_backoff *backoff);

/* Begins again, after a success. */
void etcd_backoff_reset(struct etcd_backoff *backoff);

#endif
