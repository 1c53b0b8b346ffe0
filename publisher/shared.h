/* SPDX-License-Identifier: MIT
 *
 * Shared publishing: a publisher catches up with what other publishers of the region did since its
 * last transaction. Called by lock.c. */
#ifndef PUBLISHER_SHARED_H
#define PUBLISHER_SHARED_H

#include "publisher/state/state.h"

/* Brings the private state up to date if another publisher has had a transaction since the last one
 * of this publisher. Does nothing in a region that is not shared. The caller holds the mutex.
 * Returns 0, or an error of state_start() or of attach_next_generation(). */
int shared_catch_up(struct stele_publisher *publisher);

#endif
