/* SPDX-License-Identifier: MIT
 * Regions from outside: what stands in their headers, and which there are. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "atomic.h"
#include "error.h"
#include "file.h"
#include "record.h"
#include "region.h"
#include "slots.h"

/* Copies text that may change meanwhile, and ends it. */
static void copy_text(char *to, const char *from, size_t size)
{
	data_copy_out(to, (const unsigned char *)from, size);
	to[size - 1] = '\0';
}

/* The record of a version, judged; leaves `ret` alone where it can't be had. */
static void load_commit(struct region *region, uint64_t version, struct stele_commit *ret)
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
	if (region_judge(region, version, &hint) == 0)
		*ret = commit;
}

static void count_subscribers(const struct region *region, struct stele_region_info *info)
{
	struct slots slots;

	/* A reader may have no right to it; then nothing is known of subscribers. A saved file has none. */
	if (region->names.saved ||
	    slots_open(&region->names, region->uuid, region->status.st_uid, true, &slots) < 0)
		return;
	info->subscriber_slots = slots.capacity;
	for (uint32_t i = 0, used = slots_used(&slots); i < used; i++)
		info->subscribers += load_acquire_32(&slots.slot[i].state) == LAYOUT_SLOT_TAKEN;
	if (mapping_lost(&slots.mapping))
		info->subscribers = info->subscriber_slots = 0;
	slots_close(&slots);
}

static void describe_publisher(const struct region *region, struct stele_region_info *info)
{
	const struct layout_publisher *who = &region->header->publisher;

	info->publisher_attached = region_is_published(region, &info->publisher_since);
	info->publisher_pid = data_load_32(&who->pid);
	copy_text(info->publisher_command, who->command, sizeof(who->command));
}

int stele_region_describe(const char *name, struct stele_region_info *ret)
{
	struct stele_region_info info = {.size = sizeof(info)};
	struct layout_header *header;
	struct region region;
	struct names names;
	struct view view;
	int r = names_make_readable(name, &names);

	if (r == 0 && ret->size != sizeof(*ret))
		return error_set(
			EINVAL,
			"a description of %zu bytes; set .size to sizeof(struct stele_region_info)",
			ret->size);
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
	info.created = header->created;
	info.version = head_version(load_acquire(&header->head));
	info.oldest = load_relaxed(&header->oldest);
	if (info.oldest == 0 && info.version > 0)
		info.oldest = 1;
	info.history = region.history;
	info.history_bytes = header->history_bytes;
	info.memory = region.memory == &memory_sysv       ? STELE_MEMORY_SYSV
	              : names.in_directory || names.saved ? STELE_MEMORY_FILE
	                                                  : STELE_MEMORY_SHM;
	info.file_size = region.file_size;
	info.maximum_size = region.maximum_size;
	info.limit_size = region.limit_size;
	info.generation = region.generation;
	info.durable_commits = region.durability == LAYOUT_DURABLE_COMMIT;
	region_view(&region, &view);
	info.arena_size = view.limit - view.start;
	load_commit(&region, info.version, &info.commit);
	describe_publisher(&region, &info);
	count_subscribers(&region, &info);
	r = 0;
	if (region_lost(&region))
		r = region_error(&region, -EBADMSG, info.version);
	region_close(&region);
	if (r == 0)
		*ret = info;
	return r;
}

/* True for the name of a data file; the other files of a region have a dot behind the region's
 * name. */
static bool is_region(const char *file)
{
	const char *name = file + strlen(NAMES_PREFIX);

	return strncmp(file, NAMES_PREFIX, strlen(NAMES_PREFIX)) == 0 && !strchr(name, '.') &&
	       strlen(name) <= STELE_NAME_MAX && stele_name_check("region", name) == 0;
}

int stele_region_next(const char *path, char *name)
{
	char best[STELE_NAME_MAX + 1] = "";
	const struct dirent *entry;
	DIR *directory = opendir(path ? path : NAMES_DIRECTORY);

	if (!directory)
		return error_set(errno, "cannot list %s: %s", path ? path : NAMES_DIRECTORY,
		                 strerror(errno));
	while ((entry = readdir(directory)) != NULL) {
		const char *found = entry->d_name + strlen(NAMES_PREFIX);
		if (!is_region(entry->d_name) || strcmp(found, name) <= 0)
			continue;
		if (best[0] == '\0' || strcmp(found, best) < 0)
			snprintf(best, sizeof(best), "%s", found);
	}
	closedir(directory);
	if (best[0] == '\0')
		return 0;
	snprintf(name, sizeof(best), "%s", best);
	return 1;
}
