/* SPDX-License-Identifier: MIT */
#include "lib/storage/storage.h"

#include <string.h>

#include "lib/storage/reserve.h"
#include "lib/storage/storage_file.h"
#include "lib/storage/storage_sysv.h"

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

int storage_shortage_error(const struct region *region)
{
	return region->shortage < 0 ? file_reserve_error(region->shortage, region->fd,
	                                                 region->names.data, region->shortage_size)
	                            : 0;
}

bool storage_is_same(const struct region *a, const struct region *b)
{
	return a->memory->fixed && a->memory == b->memory && a->segment == b->segment &&
	       memcmp(a->uuid, b->uuid, sizeof(a->uuid)) == 0;
}
