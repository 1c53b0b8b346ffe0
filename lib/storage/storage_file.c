/* SPDX-License-Identifier: MIT */
#include "lib/storage/storage_file.h"

#include <errno.h>
#include <unistd.h>

#include "lib/base/checksum.h"
#include "lib/storage/file.h"
#include "lib/storage/reserve.h"

static int storage_file_make(const struct region_paths *names, struct layout_header *header,
                             gid_t group, int *ret_fd)
{
	int fd, r = file_make(names->data, header->arena_end + LAYOUT_GUARD, &fd);

	if (r < 0)
		return r;
	header->checksum = checksum_header(header);
	r = file_set_group(fd, names->data, group);
	if (r == 0 && pwrite(fd, header, sizeof(*header), 0) != (ssize_t)sizeof(*header))
		r = file_write_error(names->data, 0);
	if (r < 0) {
		close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

static uint64_t storage_file_size(const struct region *region)
{
	struct stat status;

	/* Counts only reserved bytes: the owner could make holes in a file that is open. */
	return fstat(region->fd, &status) == 0 ? file_reserved_size(region->fd, &status)
	                                       : region->file_size;
}

static int storage_file_map(struct region *region, const struct layout_header *header,
                            bool writable, bool guarded)
{
	/* A publisher reserves address space up to the region's limit, for a larger file at the
	 * same address (mapping_exchange()). */
	size_t reserve =
		writable && header->limit_size <= SIZE_MAX ? (size_t)header->limit_size : 0;
	int r = mapping_open_reserve(&region->mapping, region->fd, (size_t)header->maximum_size,
	                             reserve, writable, guarded);

	return r < 0 ? mapping_error(r, region->names.data, header->maximum_size) : 0;
}

static int storage_file_reserve(struct region *region, uint64_t end)
{
	int r;

	/* The file may be long enough already, if a publisher died after it reserved bytes and
	 * before it stored the arena's end. */
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

/* Returns false: a truncated file is detected when it is read (region_lost()). */
static bool storage_file_gone(const struct region *region)
{
	(void)region;
	return false;
}

const struct storage storage_file = {
	.make = storage_file_make,
	.size = storage_file_size,
	.map = storage_file_map,
	.reserve = storage_file_reserve,
	.gone = storage_file_gone,
};
