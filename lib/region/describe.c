/* SPDX-License-Identifier: MIT
 * Regions from outside: what stands in their headers, and which there are. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/atomic.h"
#include "lib/base/error.h"
#include "lib/storage/file.h"
#include "lib/storage/owner.h"
#include "lib/storage/storage_sysv.h"
#include "lib/trie/record.h"
#include "lib/region/region.h"
#include "lib/region/slots.h"

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
	/* A reader may have no right to it; then nothing is known of subscribers. A saved file has none. */
	if (!region->names.saved)
		slots_count(&region->names, region->uuid, region->status.st_uid, &info->subscribers,
		            &info->subscriber_slots);
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
	struct region_paths names;
	struct view view;
	int r = paths_make_readable(name, &names);

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
	const char *name = file + strlen(PATHS_PREFIX);

	return strncmp(file, PATHS_PREFIX, strlen(PATHS_PREFIX)) == 0 && !strchr(name, '.') &&
	       strlen(name) <= STELE_NAME_MAX && stele_name_check("region", name) == 0;
}

/* Calls `each` for the name of every region in a directory, in no order; 0, or an error with an error
 * message, or what `each` returned that is not 0. */
static int each_name(const char *path, stele_region_fn *each, void *context)
{
	const char *name = path ? path : PATHS_DIRECTORY;
	const struct dirent *entry;
	DIR *directory = opendir(name);
	int r = 0;

	if (!directory)
		return error_set(errno, "cannot list %s: %s", name, strerror(errno));
	while (r == 0 && (errno = 0, entry = readdir(directory)) != NULL)
		if (is_region(entry->d_name))
			r = each(context, entry->d_name + strlen(PATHS_PREFIX));
	if (r == 0 && errno != 0)
		r = error_set(errno, "cannot list %s: %s", name, strerror(errno));
	closedir(directory);
	return r;
}

/* ---- all names, in order ---- */

struct name_list {
	char (*names)[STELE_NAME_MAX + 1];
	size_t count, room;
};

static int add_name(void *context, const char *name)
{
	struct name_list *list = context;

	if (list->count == list->room) {
		size_t room = list->room ? list->room * 2 : 64;
		void *names = realloc(list->names, room * sizeof(*list->names));
		if (!names)
			return error_set(ENOMEM, "no memory for the names of %zu regions", room);
		list->names = names;
		list->room = room;
	}
	memcpy(list->names[list->count++], name, strlen(name) + 1);
	return 0;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(a, b);
}

int stele_region_each(const char *directory, stele_region_fn *each, void *context)
{
	struct name_list list = {0};
	int r = each_name(directory, add_name, &list);

	if (r == 0 && list.count > 0)
		qsort(list.names, list.count, sizeof(*list.names), compare_names);
	for (size_t i = 0; i < list.count && r == 0; i++)
		/* A file that is renamed meanwhile may be listed twice. */
		if (i == 0 || strcmp(list.names[i], list.names[i - 1]) != 0)
			r = each(context, list.names[i]);
	free(list.names);
	return r;
}

/* ---- one after the other ---- */

struct next_name {
	const char *after;
	char best[STELE_NAME_MAX + 1]; /* "": none yet */
};

static int take_nearer(void *context, const char *name)
{
	struct next_name *next = context;

	if (strcmp(name, next->after) > 0 &&
	    (next->best[0] == '\0' || strcmp(name, next->best) < 0))
		memcpy(next->best, name, strlen(name) + 1);
	return 0;
}

int stele_region_next(const char *directory, char *name)
{
	struct next_name next = {.after = name};
	int r = each_name(directory, take_nearer, &next);

	if (r < 0 || next.best[0] == '\0')
		return r;
	memcpy(name, next.best, sizeof(next.best));
	return 1;
}
