/* SPDX-License-Identifier: MIT */
#include "publisher/memory/durable.h"

#include <errno.h>
#include <string.h>

#include "lib/base/checksum.h"
#include "lib/base/error.h"
#include "lib/storage/file.h"

/* Returns the address of the record with this number. */
static unsigned char *durable_record_at(struct region *region, uint64_t sequence)
{
	return region->mapping.base + LAYOUT_DURABLE_OFFSET(sequence);
}

/* Finds the newest valid record. Returns false if there is none. */
static bool durable_record_find(struct region *region, struct layout_durable *ret)
{
	bool found = false;

	for (uint64_t i = 0; i < 2; i++) {
		struct layout_durable record;
		data_copy_out(&record, durable_record_at(region, i), sizeof(record));
		if (record.sequence == 0 || record.version > HEAD_VERSION_MAX ||
		    record.checksum != checksum_durable(&record, region->uuid))
			continue;
		if (!found || record.sequence > ret->sequence)
			*ret = record;
		found = true;
	}
	return found;
}

int durable_record(struct durable *durable, struct region *region, uint64_t version)
{
	struct layout_durable record = {
		.sequence = durable->sequence + 1,
		.version = version,
		.oldest = load_relaxed(&region->header->reclaimed),
		.arena_end = load_relaxed(&region->header->arena_end),
	};

	record.checksum = checksum_durable(&record, region->uuid);
	data_copy_in(durable_record_at(region, record.sequence), &record, sizeof(record));
	durable->sequence++;
	return file_sync(region->fd, region->names.data);
}

static void durable_clear_kept(struct region *region)
{
	for (uint32_t i = 0; i < region->kept_entries; i++)
		store_relaxed(&region->kept[i].version, 0);
	store_relaxed(&region->header->kept_used, 0);
}

int durable_adopt(struct region *region)
{
	struct layout_header *header = region->header;
	struct layout_durable record;
	uint8_t boot_id[16];
	int r = paths_boot_id(boot_id);

	if (r < 0)
		return r;
	if (!durable_record_find(region, &record))
		return error_set(
			EUCLEAN,
			"region \"%s\" was left by an earlier boot of this machine without having "
			"been closed, so it may be incomplete; create it again, or remove it",
			region->names.region);
	durable_clear_kept(region);
	store_relaxed(&header->oldest, record.oldest);
	store_relaxed(&header->reclaimed, record.oldest);
	store_relaxed(&header->arena_end, record.arena_end);
	store_release(&header->head, head_make(record.version, HEAD_CURRENT));
	/* The boot id comes last: a process that sees this boot's id can rely on the rest. The
	 * other end is the acquire fence in region_of_earlier_boot(). If the power fails before
	 * this page is on the disk, the next attach finds the record again. */
	fence_release();
	data_copy_in(header->boot_id, boot_id, sizeof(boot_id));
	return 0;
}

int durable_start(struct durable *durable, struct region *region)
{
	struct layout_durable record;
	bool found = durable_record_find(region, &record);

	*durable = (struct durable){
		.sequence = found ? record.sequence : 0,
		.each_commit = region->durability == LAYOUT_DURABLE_COMMIT,
	};
	if (durable->each_commit) {
		int r = file_sync(region->fd, region->names.data);
		return r < 0 ? r
		             : durable_record(durable, region,
		                              head_version(load_relaxed(&region->header->head)));
	}
	if (!found)
		return 0;
	for (uint64_t i = 0; i < 2; i++)
		data_store(durable_record_at(region, i), 0);
	return file_sync(region->fd, region->names.data);
}

int durable_commit(struct durable *durable, struct region *region, uint64_t version)
{
	int r = file_sync(region->fd, region->names.data);

	return r < 0 ? r : durable_record(durable, region, version);
}

int durable_reclaim(struct durable *durable, struct region *region)
{
	if (!durable->each_commit)
		return 0;
	return durable_record(durable, region, head_version(load_relaxed(&region->header->head)));
}

int durable_finish(struct durable *durable, struct region *region)
{
	uint64_t head = head_version(load_relaxed(&region->header->head));
	int r;

	if (durable->each_commit)
		return 0;
	r = file_sync(region->fd, region->names.data);
	return r < 0 ? r : durable_record(durable, region, head);
}
