/* SPDX-License-Identifier: MIT
 *
 * The storage backend: where a region's contents are. Most regions are in the data file itself, in
 * POSIX shared memory or in a directory (storage_file.c). A region may also be in a System V
 * segment (storage_sysv.c); its data file is then one page with a copy of the header, which names
 * the segment. In both cases the data file gives the region its name, locks and owner, and shows
 * whether the region was replaced. Any part of the library may call these functions.
 */
#ifndef LIB_STORAGE_STORAGE_H
#define LIB_STORAGE_STORAGE_H

#include <sys/stat.h>
#include "lib/layout.h"
#include "lib/storage/mapping.h"
#include "lib/storage/paths.h"

/* An open region. lib/region fills this struct; the struct is declared here because the backends
 * map the region and make it grow. */
struct region {
	struct region_paths names;
	int fd;                       /* of the data file */
	const struct storage *memory; /* the backend that holds the contents */
	int segment;                  /* storage_sysv: the segment's shmid */
	struct mapping mapping;       /* of the contents */
	struct layout_header *header; /* the start of the mapping */
	/* Copied from the validated header, with the meaning that layout.h gives. */
	uint8_t uuid[16];
	uint64_t maximum_size, limit_size, generation, arena_offset;
	uint32_t durability;
	uint32_t features; /* the incompatible feature bits */
	uint32_t ring_entries, kept_entries, history;
	uint32_t mode;
	struct layout_commit *ring;
	struct layout_kept *kept;
	/* Bytes that the contents are known to have. Only grows. */
	uint64_t file_size;
	int shortage; /* negative errno of the last attempt to grow the file; 0: success */
	uint64_t shortage_size; /* bytes that the last attempt tried to reach */
	struct stat status;     /* of the data file when it was opened */
	unsigned users;         /* handles of this process that share the region (region_share()) */
};

/* A storage backend. */
struct storage {
	/* The contents have their final size from the start: they can't grow, be compacted into
	 * another file, or be truncated. */
	bool fixed;

	/* Creates the memory of a new region, and its data file, which has no name yet. Completes
	 * `header` with what only the backend knows and with the checksum, and writes it. Gives
	 * both to `group`; -1: that of this process. Returns 0 or a negative errno. */
	int (*make)(const struct region_paths *names, struct layout_header *header, gid_t group,
	            int *ret_fd);

	/* Returns how many bytes of the contents have memory now, or `region->file_size` if they
	 * can't be determined. */
	uint64_t (*size)(const struct region *region);

	/* Maps the contents and sets region->mapping. `header` is the validated header of the data
	 * file. Returns 0 or a negative errno. */
	int (*map)(struct region *region, const struct layout_header *header, bool writable,
	           bool guarded);

	/* Reserves memory for the bytes up to `end`, so that writing them can't fail, and updates
	 * region->file_size. Returns 0 or a negative errno. Sets no message. If a file can't grow,
	 * for any reason, returns -ENOSPC; storage_shortage_error() then reports the reason. */
	int (*reserve)(struct region *region, uint64_t end);

	/* Returns true if the memory was removed while processes have it mapped. The file backend
	 * can't tell, and returns false. */
	bool (*gone)(const struct region *region);
};

/* Returns the backend that a header names, or NULL if this library does not know it. */
const struct storage *storage_of(const struct layout_header *header);

/* Sets the error message if the last attempt to grow the region's file failed. Returns the negative
 * errno of that attempt, or 0 if it succeeded. */
int storage_shortage_error(const struct region *region);

/* Returns true if two regions share the same memory but have different data files. The publisher
 * writes a second data file for a System V segment if the first one lost its name. */
bool storage_is_same(const struct region *a, const struct region *b);

#endif
