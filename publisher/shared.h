/* SPDX-License-Identifier: MIT
 *
 * Shared publishing: what other publishers of the region did meanwhile. Called by lock.c. */
#ifndef PUBLISHER_SHARED_H
#define PUBLISHER_SHARED_H

#include "publisher/state/state.h"

/* Finds out what other publishers did since this one's last transaction, if the region is shared.
 * The mutex is held. */
int shared_catch_up(struct stele_publisher *publisher);

#endif
