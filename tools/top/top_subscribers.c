/* SPDX-License-Identifier: MIT
 * Reads the slots of a region's subscribers. The file is read, never mapped, so that truncating it
 * does no harm here. Its contents are copied, not trusted, and only shown.
 *
 * stele_region_subscribers() is not suitable here. Each call walks all rows that pins hold. It also
 * does not return the tables that a subscriber named, on which the lag depends here. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <stele/stele.h>
#include "tools/base/heap.h"
#include "tools/top/top_sample.h"
#include "tools/top/top_subscribers.h"
#include "lib/layout.h"

#define FIRST_SLOT ((off_t)sizeof(struct layout_subscribers_header))

/* Checks whether a process has a lock on the slot's first byte, which is the only proof that the
 * subscriber lives. Takes no lock. */
static bool subscribers_is_alive(int fd, uint32_t slot)
{
	struct flock lock = {
		.l_type = F_WRLCK,
		.l_whence = SEEK_SET,
		.l_start = FIRST_SLOT + (off_t)slot * (off_t)sizeof(struct layout_slot),
		.l_len = 1,
	};

	return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

static const char *subscribers_notifier_name(uint32_t kind)
{
	static const char *const names[] = {
		[LAYOUT_NOTIFIER_NONE] = "none",           [LAYOUT_NOTIFIER_MQ] = "mq",
		[LAYOUT_NOTIFIER_FUTEX] = "futex",         [LAYOUT_NOTIFIER_SOCKET] = "socket",
		[LAYOUT_NOTIFIER_FIFO] = "fifo",           [LAYOUT_NOTIFIER_SIGNAL] = "signal",
		[LAYOUT_NOTIFIER_SEMAPHORE] = "semaphore", [LAYOUT_NOTIFIER_SYSV] = "sysv",
	};

	return kind < sizeof(names) / sizeof(names[0]) ? names[kind] : "?";
}

/* Hashes the name of a table with FNV-1a, as stele-region(5) describes. */
static uint64_t subscribers_hash_name(const char *name)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
	return hash;
}

/* Returns the newest version that concerns a subscriber: the newest one that changed one of its
 * tables, if it named tables. */
static uint64_t subscribers_newest(const struct layout_slot *slot, const struct top_region *region)
{
	uint64_t newest = 0;

	if (slot->tables == 0 || slot->tables > LAYOUT_SLOT_TABLES)
		return region->info.version;
	for (size_t i = 0; i < region->table_count; i++)
		for (uint32_t j = 0; j < slot->tables; j++)
			if (slot->table_hashes[j] ==
			            subscribers_hash_name(region->tables[i].name) &&
			    region->tables[i].version > newest)
				newest = region->tables[i].version;
	return newest;
}

static void subscribers_describe(const struct layout_slot *slot, const struct top_region *region,
                                 struct top_subscriber *ret)
{
	uint64_t newest = subscribers_newest(slot, region);
	uint64_t has = slot->applied ? slot->applied : slot->seen;

	memcpy(ret->uuid, slot->uuid, sizeof(ret->uuid));
	memcpy(ret->command, slot->command, sizeof(ret->command));
	ret->command[sizeof(ret->command) - 1] = '\0';
	memcpy(ret->label, slot->label, sizeof(ret->label));
	ret->label[sizeof(ret->label) - 1] = '\0';
	ret->pid = slot->pid;
	ret->notifier = subscribers_notifier_name(slot->notifier);
	ret->since = slot->attached;
	ret->seen = slot->seen;
	ret->applied = slot->applied;
	ret->armed = slot->ticket % 2 == 1;
	/* A subscriber may be ahead of `newest`, which was read before the slots. */
	ret->lag = has < newest ? newest - has : 0;
	for (unsigned i = 0; i < LAYOUT_PINS; i++) {
		if (!slot->pins[i])
			continue;
		ret->pins++;
		if (!ret->oldest_pin || slot->pins[i] < ret->oldest_pin)
			ret->oldest_pin = slot->pins[i];
	}
}

/* Reads all slots that were ever taken, at most LAYOUT_SLOTS_MAX. Returns their number, or a
 * negative errno. The caller frees `*ret`. */
static int64_t subscribers_read_slots(int fd, const uint8_t uuid[16], struct layout_slot **ret)
{
	struct layout_subscribers_header header;
	size_t used;
	ssize_t got;

	if (pread(fd, &header, sizeof(header), 0) != (ssize_t)sizeof(header) ||
	    header.magic != LAYOUT_MAGIC_SUBSCRIBERS || header.layout_version != LAYOUT_VERSION ||
	    memcmp(header.uuid, uuid, sizeof(header.uuid)) != 0)
		return -EBADMSG;
	used = header.slots_used < LAYOUT_SLOTS_MAX ? (size_t)header.slots_used : LAYOUT_SLOTS_MAX;
	*ret = heap_realloc(NULL, (used + 1) * sizeof(**ret));
	got = pread(fd, *ret, used * sizeof(**ret), FIRST_SLOT);
	if (got >= 0)
		return (int64_t)((size_t)got / sizeof(**ret));
	free(*ret);
	return -errno;
}

int subscribers_read(const struct top_region *region, struct top_subscriber **ret,
                     size_t *ret_count)
{
	const struct stele_region_info *info = &region->info;
	char path[sizeof(info->path) + sizeof(".subscribers")];
	struct top_subscriber *subscribers;
	struct layout_slot *slots;
	size_t count = 0;
	int64_t used;
	int fd;

	snprintf(path, sizeof(path), "%s.subscribers", info->path);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	used = subscribers_read_slots(fd, info->uuid, &slots);
	if (used < 0) {
		close(fd);
		return (int)used;
	}
	subscribers = heap_realloc(NULL, ((size_t)used + 1) * sizeof(*subscribers));
	for (uint32_t i = 0; i < used; i++) {
		if (slots[i].state != LAYOUT_SLOT_TAKEN)
			continue;
		subscribers[count] =
			(struct top_subscriber){.slot = i, .alive = subscribers_is_alive(fd, i)};
		subscribers_describe(&slots[i], region, &subscribers[count++]);
	}
	free(slots);
	close(fd);
	*ret = subscribers;
	*ret_count = count;
	return 0;
}
