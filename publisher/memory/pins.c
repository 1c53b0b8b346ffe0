/* SPDX-License-Identifier: MIT */
#include "publisher/memory/pins.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "lib/base/atomic.h"

struct pins {
	/* The bitmap covers the versions in [low, high). */
	uint64_t low, high;
	/* Entries of the commit ring. */
	uint32_t entries;
	/* Bitmap of the pinned versions in that range. */
	uint64_t *bits;
	/* A hash table of the kept versions. An entry is a position in the scan's kept, plus 1; 0:
	 * empty. The hash function's factor is random, because subscribers choose which versions
	 * are kept and could otherwise make them collide. */
	uint64_t factor;
	unsigned shift;
	uint32_t mask;
	uint32_t *table;
	/* The entries of the table that are not 0. Usually there are few, so clearing them is
	 * cheap. */
	uint32_t **filled;
	uint32_t filled_count;
};

struct pins *pins_new(uint32_t ring_entries, uint32_t kept_entries)
{
	struct pins *pins = calloc(1, sizeof(*pins));
	uint32_t places = 16;

	if (!pins)
		return NULL;
	while (places / 4 < kept_entries)
		places *= 2;
	pins->factor = UINT64_C(0x9e3779b97f4a7c15);
	if (getrandom(&pins->factor, sizeof(pins->factor), GRND_NONBLOCK) > 0)
		pins->factor |= 1;
	pins->mask = places - 1;
	pins->shift = 64 - (unsigned)__builtin_ctz(places);
	pins->entries = ring_entries;
	pins->bits = calloc(ring_entries / 64 + 1, sizeof(*pins->bits));
	pins->table = calloc(places, sizeof(*pins->table));
	pins->filled = calloc((size_t)kept_entries + 1, sizeof(*pins->filled));
	if (!pins->bits || !pins->table || !pins->filled) {
		pins_free(pins);
		return NULL;
	}
	return pins;
}

void pins_free(struct pins *pins)
{
	if (!pins)
		return;
	free(pins->bits);
	free(pins->table);
	free(pins->filled);
	free(pins);
}

/* Returns the table's entry of a version, or the empty entry where the version belongs. */
static uint32_t *pins_place(const struct pins *pins, const struct kept_version *kept,
                            uint64_t version)
{
	uint32_t place = (uint32_t)(version * pins->factor >> pins->shift);

	while (pins->table[place] != 0 && kept[pins->table[place] - 1].version != version)
		place = (place + 1) & pins->mask;
	return &pins->table[place];
}

/* Records that a version is pinned: in the bitmap, or at the kept version. */
static void pins_mark(struct pins *pins, const struct pins_scan *scan, uint64_t version)
{
	struct kept_version *kept = scan->kept;
	uint32_t position;

	if (version >= pins->low && version < pins->high)
		pins->bits[(version - pins->low) / 64] |= UINT64_C(1) << (version - pins->low) % 64;
	if (scan->kept_count == 0 || version < kept[0].version ||
	    version > kept[scan->kept_count - 1].version)
		return;
	position = *pins_place(pins, kept, version);
	if (position != 0)
		kept[position - 1].pinned = true;
}

void pins_collect(struct pins *pins, const struct pins_scan *scan)
{
	uint64_t oldest = scan->oldest;
	uint64_t reclaimed = scan->reclaimed > oldest ? oldest : scan->reclaimed;
	uint32_t used = scan->slots ? slots_used(scan->slots) : 0;

	/* The bitmap starts no earlier than the commit ring, because older versions can no longer
	 * be found. */
	pins->low = oldest - reclaimed <= pins->entries ? reclaimed : oldest - pins->entries;
	pins->high = oldest;
	memset(pins->bits, 0, (pins->entries / 64 + 1) * sizeof(*pins->bits));
	while (pins->filled_count > 0)
		*pins->filled[--pins->filled_count] = 0;
	for (uint32_t i = 0; i < scan->kept_count; i++) {
		uint32_t *place = pins_place(pins, scan->kept, scan->kept[i].version);
		scan->kept[i].pinned = false;
		*place = i + 1;
		pins->filled[pins->filled_count++] = place;
	}
	for (uint32_t i = 0; i < used; i++)
		for (unsigned pin = 0; pin < LAYOUT_PINS; pin++) {
			uint64_t version = load_relaxed(&scan->slots->slot[i].pins[pin]);
			if (version != 0 && version < oldest)
				pins_mark(pins, scan, version);
		}
	/* The contract with snapshot_unpin(), which clears a pin with release after the reader's
	 * last read: a publisher that finds the pin cleared reuses memory only after those reads.
	 * The loads above are relaxed, so this acquire fence must pair with that release. The
	 * release fence before the reuse would be enough on every real machine, and in RC11, but in
	 * C11 it does not order a load before a store. Checked by tests/litmus/unpin.litmus. */
	fence_acquire();
	if (scan->guarded != 0 && scan->guarded < oldest)
		pins_mark(pins, scan, scan->guarded);
}

uint64_t pins_next(const struct pins *pins, uint64_t from)
{
	uint64_t bit = from > pins->low ? from - pins->low : 0, end = pins->high - pins->low, word;

	while (bit < end) {
		word = pins->bits[bit / 64] >> bit % 64;
		if (word != 0)
			return pins->low + bit + (unsigned)__builtin_ctzll(word);
		bit = (bit / 64 + 1) * 64;
	}
	return 0;
}
