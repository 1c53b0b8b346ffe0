/* SPDX-License-Identifier: MIT
 *
 * Moving to the region's newest file where the publisher replaced it. For whoever reads the newest
 * version or waits for the next one. */
#ifndef SUBSCRIBER_MOVE_H
#define SUBSCRIBER_MOVE_H

#include "subscriber/state.h"

/* Moves to the file that is the region's now. 0: it did, or there is no other yet, and what is
 * mapped goes on being the region. Errors: -ENOENT (the region was removed),
 * -ESTALE (another region has its name), and those of region_open(). */
int subscriber_move(struct stele_subscriber *subscriber);

/* The newest version, for who reads: moves first where the file was replaced. What can't be moved
 * to is no error, as what is mapped can still be read. */
uint64_t subscriber_newest_moved(struct stele_subscriber *subscriber);

static inline uint64_t subscriber_newest(struct stele_subscriber *subscriber)
{
	uint64_t head = subscriber_head(subscriber);

	return head_state(head) == HEAD_CURRENT ? head_version(head)
	                                        : subscriber_newest_moved(subscriber);
}

#endif
