/* SPDX-License-Identifier: MIT
 *
 * Moving to the region's newest file after the publisher replaced it (a new generation). For code
 * that reads the newest version or waits for the next one. */
#ifndef SUBSCRIBER_MOVE_H
#define SUBSCRIBER_MOVE_H

#include "subscriber/state.h"

/* Moves to the file that has the region's name now. Returns 0 if it moved, or if the mapped file
 * still has the name; subscriber->moves changes only in the first case. Errors: -ENOENT (the region
 * was removed), -EIDRM (another region has its name), and those of region_open(). */
int subscriber_move(struct stele_subscriber *subscriber);

/* Slow path of subscriber_newest(): tries to move first. */
uint64_t subscriber_newest_moved(struct stele_subscriber *subscriber);

/* Returns the newest version for a reader. Moves to the newest file first if the publisher replaced
 * it. A failed move is ignored, as the mapped file can still be read. */
static inline uint64_t subscriber_newest(struct stele_subscriber *subscriber)
{
	uint64_t head = subscriber_head(subscriber);

	return head_state(head) == HEAD_CURRENT ? head_version(head)
	                                        : subscriber_newest_moved(subscriber);
}

#endif
