/* SPDX-License-Identifier: MIT
 *
 * Cleaning up after dead subscribers. Called at times by what sends the notices, by
 * stele_publisher_reap(), and by what removes or cleans a region. */
#ifndef PUBLISHER_NOTICES_REAP_H
#define PUBLISHER_NOTICES_REAP_H

#include "lib/units.h"
#include "publisher/notices/fanout.h"

/* Cleans up after dead subscribers, looking at the locks of no more than `max` slots. Returns how
 * many were dead. For UINT32_MAX it looks at all, with one question for the lock of each slot and
 * two calls for each dead one, whatever stands in the slots. For less it also looks at no more than
 * REAP_OTHERS_MAX locks of slots that have the uuid of a dead one (forged, or that would be the
 * living one's queue), and leaves the dead one for later where that is not enough; and it ends
 * after REAP_TIME_MAX. */
#define REAP_OTHERS_MAX 64
#define REAP_TIME_MAX   (200 * NSEC_PER_USEC)
uint32_t reap_dead(struct fanout *fanout, uint32_t max);

/* Adds the uuids of all slots whose lock is held to a set. What was made for a subscriber and is
 * found before this may be removed if its uuid is not there. 0 or -ENOMEM. */
struct uuids;
int reap_living(struct fanout *fanout, struct uuids *ret);

#endif
