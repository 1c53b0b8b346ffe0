/* SPDX-License-Identifier: MIT
 *
 * Takes the region's lock, for a transaction, a compaction or a close. Files may be lost or
 * replaced while no lock is held, so taking the lock also checks them. Called by transaction.c and
 * publisher.c. */
#ifndef PUBLISHER_LOCK_H
#define PUBLISHER_LOCK_H

#include "publisher/state/state.h"

/* Takes the region's lock (the mutex), and makes sure that the publisher's files are still those of
 * the region. The names of the files and the region's memory are checked only once a second.
 * Catches up with other publishers, and recreates lost files where possible. Returns 0; -EBUSY (the
 * lock was not free in time); -EBADMSG (a file was truncated or replaced); -EIO (an earlier write
 * to the disk failed, or the region's file could not be mapped again); or an error of recreating a
 * file. On error the lock is not held. */
int publisher_lock(struct stele_publisher *publisher);

/* Sets the error message for a file of the region that was truncated. Returns -EBADMSG. */
int lock_truncated_error(const struct stele_publisher *publisher);

#endif
