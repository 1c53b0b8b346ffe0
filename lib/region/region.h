/* SPDX-License-Identifier: MIT
 *
 * Opens, validates and maps the data file of a region, and reads its header, ring and kept table. A
 * publisher may change them, or another process forge them, at any time: readers validate what they
 * read and re-check it afterwards. Both publishers and subscribers use these functions. */
#ifndef LIB_REGION_REGION_H
#define LIB_REGION_REGION_H

#include <stele/region.h>
#include "lib/storage/storage.h"
#include "lib/trie/view.h"

/* Bytes of the data file that publishers lock. A write lock on the first byte is the attachment of
 * an exclusive publisher. Each publisher that shares the region has a write lock on one of the
 * others. */
#define REGION_PUBLISHER_BYTE  0
#define REGION_PUBLISHER_BYTES 64

/* Opens and maps the data file of a region. Validates, in this order: the file (file_open()), its
 * owner and mode, holes, magic, byte order, layout version, checksum, and that the header fits the
 * file. Returns 0 or an error of stele_subscriber_open(). */
int region_open(const struct region_paths *names, bool writable, bool guarded, struct region *ret);

/* Maps an open data file as region_open() does, without validating its owner and mode. The region
 * takes ownership of `fd` on success. For a publisher's new file, which has no name yet. */
int region_open_file(const struct region_paths *names, int fd, bool writable, bool guarded,
                     struct region *ret);

/* Unmaps the region and closes its file. */
void region_close(struct region *region);

/* Exchanges the data files of two regions that have the same memory (storage_is_same()). */
void region_exchange_file(struct region *a, struct region *b);

/* Opens a region for reading, on the heap and reference-counted, so that several handles of a
 * process can use it. Refuses a file that region_check_boot() refuses. Returns 0, an error of
 * region_open(), or -ENOMEM. */
int region_open_shared(const struct region_paths *names, bool guarded, struct region **ret);

/* Adds a reference and returns the region. Any thread that holds one may call this. */
struct region *region_share(struct region *region);

/* Drops a reference, and closes and frees the region after the last one. Any thread may call
 * this. */
void region_unshare(struct region *region);

/* Fills the view in which a reader may follow references. Call it after loading head: then the view
 * includes every object that head reaches. */
void region_view(struct region *region, struct view *ret);

/* Updates region->file_size to the current size of the contents. */
void region_refresh_size(struct region *region);

/* Returns the group of the region's data file, which its other files get too. The owner may have
 * changed it since the region was opened. */
gid_t region_group(const struct region *region);

/* Returns true if the file was truncated. Loads the last byte of the known size, because only a
 * fault reveals the truncation: reads of the page in which the file now ends do not fault, but
 * return zeros. */
static inline bool region_lost(const struct region *region)
{
	if (region->memory->fixed)
		return false;
	data_touch(region->mapping.base + load_relaxed(&region->file_size) - 1);
	return mapping_lost(&region->mapping);
}

/* Returns the oldest version of history, given the header's `oldest` and the newest version. Clamps
 * a damaged value: the result is not above the newest version, and the ring has an entry for it. */
static inline uint64_t region_oldest(const struct region *region, uint64_t oldest, uint64_t newest)
{
	if (newest >= region->ring_entries && oldest <= newest - region->ring_entries)
		oldest = newest - region->ring_entries + 1;
	if (oldest == 0 && newest > 0)
		oldest = 1;
	return oldest < newest ? oldest : newest;
}

/* Loads the commit of a version from the ring. `version` must not be above a head that the caller
 * has loaded. Returns 0, or -ESTALE if the ring does not hold the version. The caller must re-check
 * what it then reads, like everything that is read without a pin. Sets no message. */
int region_commit(const struct region *region, uint64_t version, struct layout_commit *ret);

/* Loads a commit like region_commit(), but returns -EBADMSG if the version is in history and the
 * ring does not hold it. Sets no message. */
int region_commit_live(const struct region *region, uint64_t version, struct layout_commit *ret);

/* Returns true if the kept table holds the version: the publisher honours a pin on it. `*hint` is
 * the index at which the version was last found. */
bool region_keeps(const struct region *region, uint64_t version, uint32_t *hint);

/* Re-checks, after reading, that `version` was still readable. Returns 0; -ESTALE if memory that
 * the version reaches may have been reused; or -EBADMSG if the file was truncated. `*kept_hint` is
 * the hint of region_keeps(). Sets no message. */
static inline int region_recheck(const struct region *region, uint64_t version, uint32_t *kept_hint)
{
	/* The contract with the publisher (publisher/memory/reclaim.c): it clears a version's entry
	 * in kept, or raises reclaimed past the version; then fences; then reuses memory. So if a
	 * load before this fence saw reused memory, the loads after the fence see that the version
	 * is gone. */
	fence_acquire();
	if (region_lost(region))
		return -EBADMSG;
	/* Acquire: the publisher fills kept before it raises reclaimed. */
	if (version >= load_acquire(&region->header->reclaimed) ||
	    region_keeps(region, version, kept_hint))
		return 0;
	return -ESTALE;
}

/* Fast path of region_recheck(): returns true if `version` is still in history. If it returns
 * false, the caller must call region_recheck(). */
static inline bool region_recheck_fast(const struct region *region, uint64_t version)
{
	/* Orders the caller's reads before the loads below, as in region_recheck(). */
	fence_acquire();
	return !region_lost(region) && version >= load_acquire(&region->header->reclaimed);
}

/* What region_recheck_fast() loads, located once: for a cursor, which re-checks at each row. */
struct region_watch {
	const unsigned char *touched; /* the last byte of the file when the watch began */
	const uint32_t *lost;         /* the mark of mapping_lost() */
	const uint64_t *reclaimed;
	uint64_t version;
};

/* Begins a watch of a version. All objects of the version are in the file as it is now. If `region`
 * is NULL, the watch never holds. */
void region_watch(const struct region *region, uint64_t version, struct region_watch *ret);

/* Does what region_recheck_fast() does. */
static inline bool region_watch_holds(const struct region_watch *watch)
{
	fence_acquire();
	data_touch(watch->touched);
	return !__atomic_load_n(watch->lost, __ATOMIC_RELAXED) &&
	       watch->version >= load_acquire(watch->reclaimed);
}

/* Sets the error message for a result of region_recheck() or of a read at `version`: -ESTALE or
 * -EBADMSG. Returns `r`. */
int region_error(const struct region *region, int r, uint64_t version);

/* Sets the error message for a version that the region does not hold. `newest` is the newest
 * version. Returns -ESTALE if the version is no longer held, or -ENODATA if no commit has made it
 * yet. */
int region_version_error(const struct region *region, uint64_t version, uint64_t newest);

/* Sets the error message for a table that does not exist in `version`, or in a transaction, for
 * which `version` is 0. Returns -ENXIO. */
int region_table_error(const struct region *region, const char *table, uint64_t version);

/* Returns true if a publisher is attached. Sets `*ret_since` to the time, in nanoseconds since
 * 1970, at which it attached. Without a publisher, that is the time at which the last one closed
 * or, if it died, committed last; 0 if unknown. */
bool region_is_published(const struct region *region, uint64_t *ret_since);

/* Returns false if the header has a checksum of the contents and the contents do not match it. */
bool region_contents_match(const struct region *region);

/* Returns 1 if the mutable part of a file is of another boot of the machine: a file on a disk may
 * then be torn, because the system writes its pages in any order. Returns 0 if it is of this boot,
 * or a negative errno. Sets `*ret_in_memory` to whether the file is in memory (tmpfs); such a file
 * counts as of this boot if a boot id is unknown. */
int region_of_earlier_boot(const struct region *region, bool *ret_in_memory);

/* Returns 0, or -EUCLEAN if the file is on a disk and no publisher has opened it since the machine
 * booted: it may be torn, and only a publisher can recover it (durable_adopt()). */
int region_check_boot(const struct region *region);

#endif
