/* SPDX-License-Identifier: MIT
 *
 * The slot and the notifier of a subscriber. It takes them as far as they can be had, and reads without
 * them where they can't. For opening, closing and waiting. */
#ifndef SUBSCRIBER_REGISTRATION_H
#define SUBSCRIBER_REGISTRATION_H

#include "subscriber/state.h"

/* Takes a slot and a notifier. */
int registration_open(struct stele_subscriber *subscriber);
void registration_close(struct stele_subscriber *subscriber);

/* Copies the error message of this thread: why there is no slot or no queue. */
void registration_keep_reason(struct stele_subscriber *subscriber);

/* Checks, once a second at most, whether the subscriber is registered in the file that is the region's,
 * and registers again if not; and whether its data file is still the region's. 0, or an error of
 * subscriber_move() but -ENOENT. */
int registration_check_files(struct stele_subscriber *subscriber, int64_t now);

#endif
