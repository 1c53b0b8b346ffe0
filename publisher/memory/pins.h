/* SPDX-License-Identifier: MIT
 *
 * Finds out which versions the slots pin. A slot is a request by a process that is not trusted, and
 * there can be 32,768 pins, so a scan neither sorts nor allocates. In constant time for each pin,
 * the scan finds out whether the pinned version is kept already, and whether history gives up that
 * version now, so that it must be kept from now on. History gives up the versions in [reclaimed,
 * oldest). Those that are no longer in the commit ring cannot be kept.
 *
 * Called by reclaim.c. */
#ifndef PUBLISHER_MEMORY_PINS_H
#define PUBLISHER_MEMORY_PINS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/region/slots.h"

struct pins;

/* A version below history that the publisher keeps for a pin. */
struct kept_version {
	uint64_t version;
	/* Index of its entry in the region's table kept. */
	uint32_t index;
	/* List (first index + 1) of the objects that this version reaches and no newer retained
	 * version does. Older kept versions may reach them too. */
	uint32_t held;
	/* Set by the current scan if a slot pins this version. */
	bool pinned;
};

/* What a scan goes by. */
struct pins_scan {
	struct slots *slots; /* NULL: the subscribers file is lost */
	/* The kept versions, ordered by version. */
	struct kept_version *kept;
	uint32_t kept_count;
	/* A version that counts as pinned. 0: none. */
	uint64_t guarded;
	/* History gives up the versions in [reclaimed, oldest). */
	uint64_t reclaimed, oldest;
};

/* Allocates the memory for the scans of a region with `ring_entries` entries in the commit ring and
 * `kept_entries` entries in kept. Returns NULL if there is no memory. */
struct pins *pins_new(uint32_t ring_entries, uint32_t kept_entries);
void pins_free(struct pins *pins);

/* Reads the pins of all slots, and the guarded version. Marks the kept versions that are pinned,
 * and remembers the pinned versions in [reclaimed, oldest). */
void pins_collect(struct pins *pins, const struct pins_scan *scan);

/* Returns the lowest remembered version that is not below `from`, or 0. */
uint64_t pins_next(const struct pins *pins, uint64_t from);

#endif
