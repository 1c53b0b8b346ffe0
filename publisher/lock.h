/* SPDX-License-Identifier: MIT
 *
 * Taking the region's lock, for a transaction and for a compaction: only then it is known that the
 * region's files are still those that were attached. */
#ifndef PUBLISHER_LOCK_H
#define PUBLISHER_LOCK_H

#include "publisher/state/state.h"

/* Takes the region's lock, and checks whether its files are still what was attached; thoroughly
 * once a second at most. 0, or -EBUSY, -EBADMSG, -EIO (an earlier write to the disk failed), or an
 * error of replacing a file that lost its name. */
int publisher_lock(struct stele_publisher *publisher);

#endif
