/* SPDX-License-Identifier: MIT */
#include "tools/etcd/etcd_backoff.h"

int etcd_backoff_next(struct etcd_backoff *backoff)
{
	int range = backoff->range, pause;

	if (range == 0) {
		backoff->range = ETCD_BACKOFF_FIRST_MS;
		return 0;
	}
	/* A linear congruential generator is enough to keep mirrors apart. */
	backoff->random = backoff->random * 6364136223846793005u + 1442695040888963407u;
	pause = range / 2 + (int)((backoff->random >> 33) % (uint64_t)(range - range / 2 + 1));
	backoff->range = range > ETCD_BACKOFF_LAST_MS / 2 ? ETCD_BACKOFF_LAST_MS : range * 2;
	return pause;
}

void etcd_backoff_reset(struct etcd_backoff *backoff)
{
	backoff->range = 0;
}
