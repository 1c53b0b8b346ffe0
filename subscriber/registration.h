/* SPDX-License-Identifier: MIT
 *
 * Registration: the slot and the notifier of a subscriber. A subscriber can read without them, so
 * it registers only if it can. For opening, closing and waiting. */
#ifndef SUBSCRIBER_REGISTRATION_H
#define SUBSCRIBER_REGISTRATION_H

#include "subscriber/state.h"

/* Claims a slot, and opens a notifier. Returns 0 or a negative errno; then the subscriber has
 * neither. */
int registration_open(struct stele_subscriber *subscriber);
/* Registers after the open: in a new subscribers file, or in another region. If that fails, the
 * subscriber has no slot, and subscriber->reason says why. */
void registration_again(struct stele_subscriber *subscriber);

/* Closes the notifier and frees the slot, if there are any. */
void registration_close(struct stele_subscriber *subscriber);

/* Closes the registration while snapshots are open. They lose their pins. */
void registration_lose(struct stele_subscriber *subscriber);

/* Copies this thread's error message to subscriber->reason: why there is no slot or no queue. */
void registration_keep_reason(struct stele_subscriber *subscriber);

/* Makes sure that the notifier has a descriptor, and chooses another one if it has none. Returns 0;
 * or -ENOTSUP, and then the subscriber has a notifier all the same. */
int registration_need_descriptor(struct stele_subscriber *subscriber);

/* Checks at most once a second that the subscribers file and the data file are still the region's.
 * Registers again in a new subscribers file, and moves to a new data file. `now` is the time on
 * CLOCK_MONOTONIC. Returns 0; -EBADMSG, if the region's memory was removed; or an error of
 * subscriber_move() other than -ENOENT. */
int registration_check_files(struct stele_subscriber *subscriber, int64_t now);

/* Closes the registration of a subscriber without snapshots, gives back everything else that the
 * subscriber holds, and frees it. */
void registration_dispose(struct stele_subscriber *subscriber);

#endif
