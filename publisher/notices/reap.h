/* SPDX-License-Identifier: MIT
 *
 * Cleans up after dead subscribers: frees their slots, and removes their queues and sockets. Called
 * by notify.c from time to time, by stele_publisher_reap(), and by the removal and the cleaning of
 * a region (publisher/attach). */
#ifndef PUBLISHER_NOTICES_REAP_H
#define PUBLISHER_NOTICES_REAP_H

#include "lib/units.h"
#include "publisher/notices/fanout.h"

/* Limits of a partial reap: extra queries for the locks of slots that share a uuid with a dead
 * slot, and the time spent on finding dead slots, in nanoseconds. */
#define REAP_OTHERS_MAX 64
#define REAP_TIME_MAX   (200 * NSEC_PER_USEC)

/* Limits of a full reap: the runs of dead slots after which it locks free slots as well, and the
 * processor time in nanoseconds after which it takes no more locks, if it has tried this many. */
#define REAP_RUNS          16u
#define REAP_FULL_TIME_MAX (250 * NSEC_PER_MSEC)
#define REAP_TRIES_MIN     64u

/* Cleans up after dead subscribers. Returns the number of slots that it freed.
 *
 * With `max` UINT32_MAX this is a full reap, which checks all slots. A full reap queries the locks
 * by ranges of slots, and takes one lock for a run of dead slots. So the number of calls rises with
 * the number of living slots, whatever was written into the others. A process that holds thousands
 * of locks makes each call slow. The queries, and the locks after them, take a quarter of a second
 * of processor time each, at most. Slots that the reap does not reach in this time are left for a
 * later one.
 *
 * With a smaller `max` this is a partial reap, which continues where the last one ended. A partial
 * reap queries the locks of at most `max` slots, and stops after REAP_TIME_MAX. If other slots have
 * the uuid of a dead slot, one of them is forged, and the queue named after the uuid may belong to
 * a living subscriber. To find out, the reap queries up to REAP_OTHERS_MAX more locks. If they are
 * not enough, the dead slot is left for a later reap. */
uint32_t reap_dead(struct fanout *fanout, uint32_t max);

struct uuids;

/* Adds the uuids of all slots whose lock is held to a set. Returns 0 or -ENOMEM.
 *
 * A subscriber locks its slot before it makes its queue or socket. So a caller that lists the
 * queues and sockets first, and calls this afterwards, may remove those whose uuid is not in the
 * set. */
int reap_living(struct fanout *fanout, struct uuids *ret);

#endif
