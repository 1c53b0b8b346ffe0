/* SPDX-License-Identifier: MIT
 *
 * Which versions the slots ask to keep. A slot is a request by a process that is not trusted, and
 * there are 32,768 pins in all, so nothing is sorted or allocated: of each pin only this is found
 * out, in constant time, whether it is one of the versions that are kept already, or one that is to
 * be kept from now on as history gives it up. Those are the versions in [reclaimed, oldest) that
 * the ring of commits still has.
 *
 * Called by reclaim.c. */
#ifndef PUBLISHER_MEMORY_PINS_H
#define PUBLISHER_MEMORY_PINS_H

#include <stdint.h>

struct reclaim;
struct pins;

/* For a region of so many entries in its ring of commits and in its table of kept versions. NULL:
 * no memory. */
struct pins *pins_new(uint32_t ring_entries, uint32_t kept_entries);
void pins_free(struct pins *pins);

/* Looks at the pins of all slots, and at the guarded version: marks those of the reclaim's kept
 * versions that are pinned, and remembers the others that lie in [reclaimed, oldest). */
void pins_collect(struct reclaim *reclaim, uint64_t reclaimed, uint64_t oldest);

/* The lowest of those others that is not below `from`, or 0. */
uint64_t pins_next(const struct pins *pins, uint64_t from);

#endif
