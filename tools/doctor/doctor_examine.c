/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <stele/stele.h>
#include "tools/base/describe.h"
#include "tools/base/heap.h"
#include "tools/doctor/doctor.h"
#include "tools/doctor/doctor_examine.h"
#include "tools/region/mirror.h"
#include "tools/region/place.h"
#include "tools/region/reader.h"
#include "lib/layout.h"

bool examine_number(const char *path, uint64_t *ret)
{
	unsigned long long number;
	FILE *file = fopen(path, "re");
	bool found;

	if (!file)
		return false;
	found = fscanf(file, "%llu", &number) == 1;
	fclose(file);
	if (found)
		*ret = number;
	return found;
}

/* Reads what the public calls don't tell of the publisher. The file is read with pread() and never
 * mapped, so that nobody can change or truncate it during a check. */
static void examine_publisher(struct examined *region)
{
	struct layout_publisher publisher;
	int fd = open(region->info.path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0 && pread(fd, &publisher, sizeof(publisher),
	                     offsetof(struct layout_header, publisher)) == sizeof(publisher)) {
		region->ipc_namespace = publisher.ipc_namespace;
		region->closed = publisher.detached != 0;
	}
	if (fd >= 0)
		close(fd);
}

/* Reads whether the region is a mirror of the kernel. A region of an owner that is not trusted is
 * not mapped, and counts as none. */
static void examine_mirror(const struct place *place, const char *name, struct examined *region)
{
	struct stele_subscriber *subscriber;

	if (reader_subscribe(place, name, READER_ONCE, &subscriber) < 0)
		return;
	region->mirrors = mirror_read(subscriber, &region->mirror);
	region->mirror_runs =
		region->mirrors && mirror_runs(&region->mirror, &region->info, MIRROR_PATIENCE_MS);
	stele_subscriber_close(subscriber);
}

/* Adds a subscriber, if it lives. */
static void examine_subscriber(const struct stele_subscriber_info *info, void *context)
{
	struct examined *region = context;
	struct examined_slot *added;

	if (!info->alive)
		return;
	region->slots =
		heap_realloc(region->slots, (region->slot_count + 1) * sizeof(*region->slots));
	added = &region->slots[region->slot_count++];
	*added = (struct examined_slot){
		.notifier = info->notifier,
		.pid = info->pid,
		.stopped = describe_is_stopped(info->pid, info->command),
		.behind = info->behind,
		.behind_since = info->behind_since,
		.behind_longer = info->behind_longer,
	};
	memcpy(added->command, info->command, sizeof(added->command));
}

int examine_region(const struct place *place, const char *name, struct examined *ret)
{
	struct examined region = {.info = {.size = sizeof(region.info)}};
	int result = stele_region_describe(place_path(place, name), &region.info);

	if (result < 0)
		return result;
	examine_publisher(&region);
	examine_mirror(place, name, &region);
	/* Without a subscribers file there are no subscribers. */
	stele_region_subscribers(place_path(place, name), examine_subscriber, &region);
	*ret = region;
	return 0;
}

size_t examine_subscriber_count(const struct doctor *doctor)
{
	size_t count = 0;

	for (size_t i = 0; i < doctor->region_count; i++)
		count += doctor->regions[i].slot_count;
	return count;
}

size_t examine_notified_by(const struct doctor *doctor, const char *notifier)
{
	size_t count = 0;

	for (size_t i = 0; i < doctor->region_count; i++)
		for (size_t j = 0; j < doctor->regions[i].slot_count; j++)
			count += strcmp(doctor->regions[i].slots[j].notifier, notifier) == 0;
	return count;
}
