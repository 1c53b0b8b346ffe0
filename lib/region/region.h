/* SPDX-License-Identifier: MIT
 * The data file of a region, mapped: attached by publishers and subscribers alike. */
#ifndef LIB_REGION_REGION_H
#define LIB_REGION_REGION_H

#include <stele/region.h>
#include "lib/storage/storage.h"
#include "lib/trie/view.h"

/* The bytes of the data file of which a write lock says that a publisher is attached: the first for
 * one that has the region alone, one of the others for each of those that share it. */
#define REGION_PUBLISHER_BYTE  0
#define REGION_PUBLISHER_BYTES 64

/* Opens and maps the data file of a region. Checks, in this order: the file (file_open), owner and
 * mode, magic, byte order, layout version, checksum, and that what the header says fits the file.
 * Errors: those of stele_subscriber_open(). */
int region_open(const struct region_paths *names, bool writable, bool guarded, struct region *ret);

/* The same with a file that is open, and becomes the region's, whatever its name. */
int region_open_file(const struct region_paths *names, int fd, bool writable, bool guarded,
                     struct region *ret);
void region_close(struct region *region);

/* Gives a region the data file of another with the same memory (storage_is_same), and that one its. */
void region_exchange_file(struct region *a, struct region *b);

/* The same for reading, on the heap, for several handles: closed when the last of them has dropped
 * it. Sharing and dropping is for one thread at a time. Errors also: -ENOMEM. */
int region_open_shared(const struct region_paths *names, bool guarded, struct region **ret);
struct region *region_share(struct region *region);
void region_unshare(struct region *region);

/* What a reader may follow: call after loading head, so that it holds all that the head reaches. */
void region_view(struct region *region, struct view *ret);

/* Takes note of the size that the memory has now. */
void region_refresh_size(struct region *region);

/* True once the file is shorter than it was. Touches its last byte, as far as this process knows
 * it: a fault is what tells, and within the page in which a file was cut there is none, only
 * zeros. */
static inline bool region_lost(const struct region *region)
{
	if (region->memory->fixed)
		return false;
	data_touch(region->mapping.base + load_relaxed(&region->file_size) - 1);
	return mapping_lost(&region->mapping);
}

/* The oldest version that history can hold, of the words oldest and head: not above the newest, and not
 * so far below it that the ring has no entry for it, whatever a damaged header says. */
static inline uint64_t region_oldest(const struct region *region, uint64_t oldest, uint64_t newest)
{
	if (newest >= region->ring_entries && oldest <= newest - region->ring_entries)
		oldest = newest - region->ring_entries + 1;
	if (oldest == 0 && newest > 0)
		oldest = 1;
	return oldest < newest ? oldest : newest;
}

/* Loads the commit of a version, at most head as the caller has seen it, from the ring: 0, or -ESTALE
 * where the ring does not hold it (any more). Sets no message. What it leads to is to be judged
 * afterwards, like everything read without a pin. */
int region_commit(const struct region *region, uint64_t version, struct layout_commit *ret);
/* The same, but -EBADMSG where the ring does not hold a version that is in history. Sets no
 * message. */
int region_commit_live(const struct region *region, uint64_t version, struct layout_commit *ret);

/* True while the publisher keeps a version below `reclaimed` for somebody's pin; `*hint` is where in
 * kept it was last found. */
bool region_keeps(const struct region *region, uint64_t version, uint32_t *hint);

/* Judges what was read at `version`: 0, or -ESTALE when memory that it reaches may have been
 * reused, or -EBADMSG when the file was truncated. `*kept_hint` remembers where the version is
 * kept. Sets no message. */
static inline int region_recheck(const struct region *region, uint64_t version, uint32_t *kept_hint)
{
	/* The contract with the publisher (reclaim.c): it clears a version's entry in kept, or
	 * raises reclaimed past it, then fences, then reuses its memory. So if any load before this
	 * fence saw reused memory, the loads after it see that the version is gone. */
	fence_acquire();
	if (region_lost(region))
		return -EBADMSG;
	/* With acquire: kept was filled before reclaimed was raised. */
	if (version >= load_acquire(&region->header->reclaimed) ||
	    region_keeps(region, version, kept_hint))
		return 0;
	return -ESTALE;
}

/* The same at a glance: true if `version` is in history; false also where that takes a closer look. */
static inline bool region_recheck_fast(const struct region *region, uint64_t version)
{
	/* As above. */
	fence_acquire();
	return !region_lost(region) && version >= load_acquire(&region->header->reclaimed);
}

/* Sets the error message for a code that the above return, and returns the code. */
int region_error(const struct region *region, int r, uint64_t version);

/* Whether a publisher is attached; and since when, or, if not, since when not (its close, or, where
 * it died, its last commit), in nanoseconds since 1970; 0: not known. */
bool region_is_published(const struct region *region, uint64_t *ret_since);

/* False if the region has a checksum of its contents, and the contents have another. */
bool region_contents_match(const struct region *region);

/* 1 when a file's changing part is of another boot of the machine, so that the system may have
 * written some of its pages and not others, unless it is in memory (tmpfs): `*ret_in_memory`. 0 when
 * not, or, in memory, where nobody can say; or a negative errno. */
int region_of_earlier_boot(const struct region *region, bool *ret_in_memory);

/* 0, or -ESTALE: the file is such a one on a disk, and no publisher has opened it in
 * this boot, so nobody can say yet which of it is whole. */
int region_check_boot(const struct region *region);

#endif
