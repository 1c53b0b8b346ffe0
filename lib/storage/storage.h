/* SPDX-License-Identifier: MIT
 *
 * What a region's contents are in. For most regions that is the data file itself, in POSIX shared
 * memory or in a directory (storage_file.c). It may be a System V segment as well (storage_sysv.c): then the
 * data file is one page with the same header, which says which segment. Names, locks, owner and "is
 * it still the region's" are the data file's in any case.
 */
#ifndef LIB_STORAGE_STORAGE_H
#define LIB_STORAGE_STORAGE_H

#include <sys/stat.h>
#include "lib/layout.h"
#include "lib/storage/mapping.h"
#include "lib/storage/paths.h"

/* A region that is open. lib/region fills it; it is declared here because storage maps it and lets it
 * grow, and nearly all of it belongs to both. */
struct region {
	struct region_paths names;
	int fd;                       /* of the data file */
	const struct storage *memory; /* what the rest is in, and the mapping of */
	int segment;                  /* its shmid, where it is a System V segment */
	struct mapping mapping;
	struct layout_header *header; /* the mapping's start */
	/* Copied from the header once it was judged. */
	uint8_t uuid[16];
	uint64_t maximum_size, limit_size, generation, arena_offset;
	uint32_t durability;
	uint32_t ring_entries, kept_entries, history;
	uint32_t mode;
	struct layout_commit *ring;
	struct layout_kept *kept;
	uint64_t file_size; /* of the memory, as far as known; it only grows */
	int shortage; /* negative errno: why the file could not grow the last time; 0: it could */
	uint64_t shortage_size; /* what it was to have then */
	struct stat status;     /* at the open */
	unsigned users; /* of region_share(): the handles of one process that read through it */
};

struct storage {
	/* It has its size from the start: there is no growth, no copy of it elsewhere, and nobody can
	 * make it shorter. */
	bool fixed;

	/* Makes the memory of a new region, and the data file, which has no name yet. The header is
	 * written where it belongs, with what only the memory knows, and its checksum. 0 or a
	 * negative errno. */
	int (*make)(const struct region_paths *names, struct layout_header *header, int *ret_fd);

	/* The bytes that there are now: no fewer than before, or `region->file_size` where nobody can
	 * say. */
	uint64_t (*size)(const struct region *region);

	/* Maps it, at region->mapping; `header` is the data file's, judged. 0 or a negative errno. */
	int (*map)(struct region *region, const struct layout_header *header, bool writable,
	           bool guarded);

	/* Makes sure of the bytes up to `end`, so that touching them can't fail, and counts them in
	 * region->file_size. 0, -ENOSPC or another errno; sets no message. Where it is the file
	 * that can't grow, whatever keeps it from that, -ENOSPC, and storage_shortage_error() tells. */
	int (*reserve)(struct region *region, uint64_t end);

	/* True if somebody took it away under those who have it mapped, as far as that shows here. */
	bool (*gone)(const struct region *region);
};

/* The one that a header names, or NULL. */
const struct storage *storage_of(const struct layout_header *header);

/* Sets the error message for a file that could not grow when it was last asked to, and returns the
 * error; 0: it could. */
int storage_shortage_error(const struct region *region);

/* True if two regions have one memory, with a data file each: one lost its name. */
bool storage_is_same(const struct region *a, const struct region *b);

#endif
