/* SPDX-License-Identifier: MIT
 * The memory that is the data file itself. */
#include "lib/storage/storage.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/checksum.h"
#include "lib/base/error.h"
#include "lib/storage/file.h"
#include "lib/region/region.h"

static int make(const struct region_paths *names, struct layout_header *header, int *ret_fd)
{
	int fd, r = file_make(names->data, header->arena_end + LAYOUT_GUARD, &fd);

	if (r < 0)
		return r;
	header->checksum = checksum_header(header);
	if (pwrite(fd, header, sizeof(*header), 0) != (ssize_t)sizeof(*header)) {
		close(fd);
		return error_set(EIO, "cannot write %s", names->data);
	}
	*ret_fd = fd;
	return 0;
}

static uint64_t size_now(const struct region *region)
{
	struct stat status;

	/* Holes that its owner makes while it is open do not count. */
	return fstat(region->fd, &status) == 0 ? file_reserved_size(region->fd, &status)
	                                       : region->file_size;
}

static int map(struct region *region, const struct layout_header *header, bool writable,
               bool guarded)
{
	/* A publisher lets the file grow past what is mapped at first. */
	size_t reserve =
		writable && header->limit_size <= SIZE_MAX ? (size_t)header->limit_size : 0;
	int r = mapping_open_reserve(&region->mapping, region->fd, (size_t)header->maximum_size,
	                             reserve, writable, guarded);

	return r < 0 ? mapping_error(r, region->names.data, header->maximum_size) : 0;
}

static int reserve(struct region *region, uint64_t end)
{
	int r;

	/* A publisher that died before it stored the arena's end may have left the file longer. */
	if (end <= region->file_size)
		return 0;
	r = file_reserve(region->fd, region->file_size, end);
	region->shortage = r;
	region->shortage_size = end;
	if (r < 0)
		return -ENOSPC;
	region->file_size = end;
	return 0;
}

int storage_shortage_error(const struct region *region)
{
	return region->shortage < 0 ? file_reserve_error(region->shortage, region->fd,
	                                                 region->names.data, region->shortage_size)
	                            : 0;
}

/* A truncated file shows when it is read (region_lost). */
static bool gone(const struct region *region)
{
	(void)region;
	return false;
}

const struct storage storage_file = {
	.make = make, .size = size_now, .map = map, .reserve = reserve, .gone = gone};

const struct storage *storage_of(const struct layout_header *header)
{
	switch (header->memory) {
	case LAYOUT_MEMORY_FILE:
		return &storage_file;
	case LAYOUT_MEMORY_SYSV:
		return &storage_sysv;
	default:
		return NULL;
	}
}

bool storage_is_same(const struct region *a, const struct region *b)
{
	return a->memory->fixed && a->memory == b->memory && a->segment == b->segment &&
	       memcmp(a->uuid, b->uuid, sizeof(a->uuid)) == 0;
}
