/* SPDX-License-Identifier: MIT
 *
 * Finds out which versions the slots pin. A slot is a request by a process that is not trusted, and
 * there can be 32,768 pins, so a scan neither sorts nor allocates. It finds out only two things
 * about each pin, in constant time: whether it is a version that is kept already, and whether it is
 * a version that history is giving up now, so that it must be kept from now on. The latter are the
 * versions in [reclaimed, oldest) that are still in the ring of commits.
 *
 * Called by reclaim.c. */
#ifndef PUBLISHER_MEMORY_PINS_H
#define PUBLISHER_MEMORY_PINS_H

#include <stdint.h>

struct reclaim;
struct pins;

/* Allocates the memory for the scans of a region with `ring_entries` commits in its ring and
 * `kept_entries` entries in kept. Returns NULL if there is no memory. */
struct pins *pins_new(uint32_t ring_entries, uint32_t kept_entries);
void pins_free(struct pins *pins);

/* Reads the pins of all slots, and the guarded version. Marks the kept versions that are pinned,
 * and remembers the pinned versions in [reclaimed, oldest). */
void pins_collect(struct reclaim *reclaim, uint64_t reclaimed, uint64_t oldest);

/* Returns the lowest remembered version that is not below `from`, or 0. */
uint64_t pins_next(const struct pins *pins, uint64_t from);

#endif
