/* SPDX-License-Identifier: MIT
 *
 * What a region's contents are in. For most regions that is the data file itself, in POSIX shared
 * memory or in a directory (memory.c). It may be a System V segment as well (storage_sysv.c): then the
 * data file is one page with the same header, which says which segment. Names, locks, owner and "is
 * it still the region's" are the data file's in any case.
 */
#ifndef LIB_STORAGE_STORAGE_H
#define LIB_STORAGE_STORAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct layout_header;
struct region_paths;
struct region;

struct storage {
	/* It has its size from the start: there is no growth, no copy of it elsewhere, and nobody can
	 * make it shorter. */
	bool fixed;

	/* Makes the memory of a new region, and the data file, which has no name yet. The header is
	 * written where it belongs, with what only the memory knows, and its checksum. 0 or with a
	 * sentence. */
	int (*make)(const struct region_paths *names, struct layout_header *header, int *ret_fd);

	/* The bytes that there are now: no fewer than before, or `region->file_size` where nobody can
	 * say. */
	uint64_t (*size)(const struct region *region);

	/* Maps it, at region->mapping; `header` is the data file's, judged. 0 or with a sentence. */
	int (*map)(struct region *region, const struct layout_header *header, bool writable,
	           bool guarded);

	/* Makes sure of the bytes up to `end`, so that touching them can't fail, and counts them in
	 * region->file_size. 0, -ENOSPC or another errno, without a sentence: where it is the file
	 * that can't grow, whatever keeps it from that, -ENOSPC, and storage_shortage_error() tells. */
	int (*reserve)(struct region *region, uint64_t end);

	/* True if somebody took it away under those who have it mapped, as far as that shows here. */
	bool (*gone)(const struct region *region);
};

extern const struct storage storage_file, storage_sysv;

/* The one that a header names, or NULL. */
const struct storage *storage_of(const struct layout_header *header);

/* Sets the error message for a file that could not grow when it was last asked to, and returns the
 * error; 0: it could. */
int storage_shortage_error(const struct region *region);

/* True if two regions have one memory, with a data file each: one lost its name. */
bool storage_is_same(const struct region *a, const struct region *b);

/* ---- System V segments ---- */

/* The key of the segment of a region with this uuid. It is derived so that one whose maker died
 * before any file named it is found again. */
key_t segment_key(const uint8_t uuid[16]);

/* Removes the segment of the region that this publisher's or data file is of, if there is one, and it
 * is that region's, and of the file's owner. Who has it attached keeps it. For who holds the
 * region's locks. 0, or with an error message: it stays. */
int segment_remove(int fd);

#endif
