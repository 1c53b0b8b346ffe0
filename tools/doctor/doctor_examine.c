/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <stele/stele.h>
#include "tools/base/heap.h"
#include "tools/doctor/doctor.h"
#include "tools/doctor/doctor_examine.h"
#include "tools/region/place.h"
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

/* Opens one of a region's files for reading. The file is read with pread() and never mapped, so
 * that nobody can change or truncate it during a check. */
static int examine_open_file(const struct examined *region, const char *suffix)
{
	char path[sizeof(region->info.path) + 16];

	snprintf(path, sizeof(path), "%s%s", region->info.path, suffix);
	return open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
}

static void examine_publisher(struct examined *region)
{
	struct layout_publisher publisher;
	int fd = examine_open_file(region, "");

	if (fd >= 0 && pread(fd, &publisher, sizeof(publisher),
	                     offsetof(struct layout_header, publisher)) == sizeof(publisher)) {
		region->ipc_namespace = publisher.ipc_namespace;
		region->closed = publisher.detached != 0;
	}
	if (fd >= 0)
		close(fd);
}

/* Checks whether a process holds the lock on the slot's first byte, which is the proof that the
 * subscriber lives. */
static bool examine_is_alive(int fd, off_t offset)
{
	struct flock lock = {
		.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = offset, .l_len = 1};

	return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

static void examine_subscribers(struct examined *region)
{
	struct layout_subscribers_header header;
	off_t offset = sizeof(header);
	struct layout_slot slot;
	int fd = examine_open_file(region, ".subscribers");

	if (fd < 0)
		return;
	if (pread(fd, &header, sizeof(header), 0) != (ssize_t)sizeof(header) ||
	    memcmp(header.uuid, region->info.uuid, sizeof(header.uuid)) != 0)
		header.slots_used = 0;
	for (uint64_t i = 0; i < header.slots_used && i < LAYOUT_SLOTS_MAX; i++) {
		struct examined_slot *added;

		if (pread(fd, &slot, sizeof(slot), offset) != (ssize_t)sizeof(slot))
			break;
		if (slot.state == LAYOUT_SLOT_TAKEN && examine_is_alive(fd, offset)) {
			region->slots = heap_realloc(region->slots, (region->slot_count + 1) *
			                                                    sizeof(*region->slots));
			added = &region->slots[region->slot_count++];
			added->notifier = slot.notifier;
			added->pid = slot.pid;
			memcpy(added->command, slot.command, sizeof(added->command));
			added->command[sizeof(added->command) - 1] = '\0';
		}
		offset += (off_t)sizeof(slot);
	}
	close(fd);
}

int examine_region(const struct place *place, const char *name, struct examined *ret)
{
	struct examined region = {.info = {.size = sizeof(region.info)}};
	int result = stele_region_describe(place_path(place, name), &region.info);

	if (result < 0)
		return result;
	examine_publisher(&region);
	examine_subscribers(&region);
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

size_t examine_notified_by(const struct doctor *doctor, uint32_t notifier)
{
	size_t count = 0;

	for (size_t i = 0; i < doctor->region_count; i++)
		for (size_t j = 0; j < doctor->regions[i].slot_count; j++)
			count += doctor->regions[i].slots[j].notifier == notifier;
	return count;
}
