/* SPDX-License-Identifier: MIT
 *
 * Takes the region's lock, for a transaction, a compaction or a close. Files may be lost or
 * replaced while no lock is held, so taking the lock also checks them. Called by transaction.c and
 * publisher.c. */
#ifndef PUBLISHER_LOCK_H
#define PUBLISHER_LOCK_H

#include "publisher/state/state.h"

/* Takes the region's lock (the mutex), and makes sure that the publisher's files are still those of
 * the region; once a second it checks them closely. Catches up with other publishers, and makes
 * lost files again where that is possible. Returns 0; -EBUSY (the lock was not free in time);
 * -EBADMSG (a file was truncated or replaced); -EIO (an earlier write to the disk failed); or an
 * error of making a file again. On error the lock is not held. */
int publisher_lock(struct stele_publisher *publisher);

#endif
