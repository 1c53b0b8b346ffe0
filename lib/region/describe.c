/* SPDX-License-Identifier: MIT
 *
 * Implements stele_region_describe(): describes a region by its header and its locks, without
 * attaching to it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/atomic.h"
#include "lib/base/error.h"
#include "lib/base/extensible.h"
#include "lib/region/features.h"
#include "lib/region/region.h"
#include "lib/region/slots.h"
#include "lib/storage/owner.h"
#include "lib/storage/storage_sysv.h"
#include "lib/trie/record.h"

/* Copies text that another process may change during the copy, and ends it by NUL. */
static void describe_text(char *to, const char *from, size_t size)
{
	data_copy_out(to, (const unsigned char *)from, size);
	to[size - 1] = '\0';
}

/* Reads and re-checks the record of a version. Leaves `ret` unchanged if the record is not
 * available. */
static void describe_commit(struct region *region, uint64_t version, struct stele_commit *ret)
{
	struct layout_commit entry;
	struct stele_commit commit;
	struct view view;
	uint32_t hint = UINT32_MAX;

	if (region_commit(region, version, &entry) < 0)
		return;
	region_view(region, &view);
	if (record_load(&view, entry.record, &commit) < 0)
		return;
	commit.version = version;
	commit.time = entry.time;
	if (region_recheck(region, version, &hint) == 0)
		*ret = commit;
}

static void describe_subscribers(const struct region *region, struct stele_region_info *info)
{
	/* Failure leaves the counts at 0: the reader may not have permission to read the
	 * subscribers file. A saved file has no subscribers. */
	if (!region->names.saved)
		slots_count(&region->names, region->uuid, region->status.st_uid, &info->subscribers,
		            &info->subscriber_slots);
}

static void describe_publisher(const struct region *region, struct stele_region_info *info)
{
	const struct layout_publisher *publisher = &region->header->publisher;

	info->publisher_attached = region_is_published(region, &info->publisher_since);
	info->publisher_pid = data_load_32(&publisher->pid);
	describe_text(info->publisher_command, publisher->command, sizeof(publisher->command));
}

int stele_region_describe(const char *name, struct stele_region_info *ret)
{
	struct stele_region_info info = {0};
	struct layout_header *header;
	struct region region;
	struct region_paths names;
	struct view view;
	int r = paths_make_readable(name, &names);

	if (r == 0)
		r = extensible_check(stele_region_info, ret);
	if (r == 0)
		r = region_open(&names, false, true, &region);
	if (r < 0)
		return r;
	r = region_check_boot(&region);
	if (r < 0) {
		region_close(&region);
		return r;
	}
	header = region.header;
	snprintf(info.name, sizeof(info.name), "%s", names.region);
	snprintf(info.path, sizeof(info.path), "%s", names.data);
	memcpy(info.uuid, region.uuid, sizeof(info.uuid));
	info.layout_version = LAYOUT_VERSION;
	info.mode = region.status.st_mode & 07777;
	info.owner = region.status.st_uid;
	info.group = region.status.st_gid;
	info.owner_trusted = owner_is_trusted(&names, info.owner);
	info.created = header->created;
	info.version = head_version(load_acquire(&header->head));
	info.oldest = region_oldest(&region, load_relaxed(&header->oldest), info.version);
	info.history = region.history;
	info.history_bytes = header->history_bytes;
	info.memory = region.memory == &storage_sysv      ? STELE_MEMORY_SYSV
	              : names.in_directory || names.saved ? STELE_MEMORY_FILE
	                                                  : STELE_MEMORY_SHM;
	info.file_size = region.file_size;
	info.maximum_size = region.maximum_size;
	info.limit_size = region.limit_size;
	info.generation = region.generation;
	info.durable_commits = region.durability == LAYOUT_DURABLE_COMMIT;
	features_format(header, info.features, sizeof(info.features));
	features_format_missing(header, info.features_missing, sizeof(info.features_missing));
	region_view(&region, &view);
	info.arena_size = view.limit - view.start;
	describe_commit(&region, info.version, &info.commit);
	describe_publisher(&region, &info);
	describe_subscribers(&region, &info);
	r = 0;
	if (region_lost(&region))
		r = region_error(&region, -EBADMSG, info.version);
	region_close(&region);
	if (r == 0)
		extensible_write(stele_region_info, &info, ret);
	return r;
}
