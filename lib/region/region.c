/* SPDX-License-Identifier: MIT */
#include "lib/region/region.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/checksum.h"
#include "lib/base/error.h"
#include "lib/region/header.h"
#include "lib/storage/file.h"
#include "lib/storage/owner.h"

bool region_is_published(const struct region *region, uint64_t *ret_since)
{
	const struct layout_publisher *publisher = &region->header->publisher;
	uint64_t head = head_version(load_acquire(&region->header->head));
	uint64_t detached = data_load(&publisher->detached);
	struct layout_commit last;

	if (file_lock_held_by_writer(region->fd, REGION_PUBLISHER_BYTE, REGION_PUBLISHER_BYTES) ==
	    1) {
		*ret_since = data_load(&publisher->attached);
		return true;
	}
	*ret_since = detached;
	if (detached == 0 && region_commit(region, head, &last) == 0)
		*ret_since = last.time;
	return false;
}

int region_check_boot(const struct region *region)
{
	bool in_memory;
	int r;

	/* A saved file is complete, whichever boot wrote it. A file in memory is of this boot. */
	if (region->names.saved || file_is_in_memory(region->fd))
		return 0;
	r = region_of_earlier_boot(region, &in_memory);
	if (r <= 0)
		return r;
	return error_set(
		EUCLEAN,
		"region \"%s\" (%s) is of an earlier boot of this machine; it can be read as "
		"soon as a publisher has opened it",
		region->names.region, region->names.data);
}

bool region_contents_match(const struct region *region)
{
	uint64_t contents = data_load(&region->header->contents);

	return contents == 0 || contents == checksum_contents(region->mapping.base,
	                                                      region->file_size, region->features);
}

int region_of_earlier_boot(const struct region *region, bool *ret_in_memory)
{
	static const uint8_t unknown[16];
	uint8_t theirs[16], own[16];
	int r = paths_boot_id(own);

	if (r < 0)
		return r;
	*ret_in_memory = file_is_in_memory(region->fd);
	data_copy_out(theirs, region->header->boot_id, sizeof(theirs));
	/* The contract with durable_adopt(): it stores head and the other mutable members, fences,
	 * and then stores the boot id. So a reader that sees this boot's id also sees that head or
	 * a later one. tests/litmus/boot-id.litmus tests this. */
	fence_acquire();
	if (*ret_in_memory &&
	    (memcmp(own, unknown, sizeof(own)) == 0 || memcmp(theirs, unknown, sizeof(own)) == 0))
		return 0;
	return memcmp(theirs, own, sizeof(own)) != 0;
}

/* Refuses a file on a tmpfs that has less memory than bytes. Publishers reserve every byte, so
 * holes are forged: reading a hole through a mapping allocates memory, and could use up the
 * machine's. On a disk, reading a hole allocates none, and file systems that compress count fewer
 * blocks than bytes. */
static int region_validate_holes(const struct region_paths *names, int fd,
                                 const struct stat *status)
{
	uint64_t there = file_reserved_size(fd, status);
	char name[HEADER_LABEL_SIZE];

	if (there >= (uint64_t)status->st_size)
		return 0;
	return error_set(
		EBADMSG,
		"%s is refused: its file has holes (memory for %llu of its %llu bytes), and no publisher "
		"leaves any; %s",
		header_label(names, name), (unsigned long long)there,
		(unsigned long long)status->st_size,
		names->saved ? "copy it without them (cp --sparse=never)"
			     : "remove the region and publish again");
}

/* Validates the mode of the data file and, for a publisher, its owner. */
static int region_validate_owner(const struct region_paths *names, const struct stat *status,
                                 bool writable)
{
	if (status->st_mode & (S_IWGRP | S_IWOTH))
		return error_set(
			EPERM,
			"%s may be written by others than its owner (mode %04o) and is not trusted; "
			"chmod go-w it",
			names->data, status->st_mode & 07777u);
	if (writable && status->st_uid != geteuid())
		return error_set(
			EPERM,
			"%s belongs to user %u, not to user %u who would publish; use another "
			"name, or let its owner or root remove it",
			names->data, status->st_uid, geteuid());
	return 0;
}

/* Takes the region's name from the header of a saved file, and refuses a data file without
 * contents. */
static int region_take_saved(struct region *region, const struct layout_header *header)
{
	char name[sizeof(header->name)];

	memcpy(name, header->name, sizeof(name));
	name[sizeof(name) - 1] = '\0';
	if (stele_name_check("region", name) == 0)
		memcpy(region->names.region, name, sizeof(name));
	if (header->memory == LAYOUT_MEMORY_FILE)
		return 0;
	return error_set(ENOTSUP,
	                 "%s does not hold the contents of region \"%s\": they are in a System V "
	                 "segment; save the region with stele save",
	                 region->names.data, region->names.region);
}

/* Copies the members of a validated header to the region, and selects the storage backend. */
static int region_take_header(struct region *region, const struct layout_header *header)
{
	int r = region->names.saved ? region_take_saved(region, header) : 0;
	char name[HEADER_LABEL_SIZE];

	if (r < 0)
		return r;
	region->memory = storage_of(header);
	if (!region->memory)
		return error_set(
			EPROTONOSUPPORT,
			"%s has a kind of memory that this library does not know; use the library "
			"that made it%s",
			header_label(&region->names, name), header_unknown_remedy(&region->names));
	region->segment = header->segment;
	memcpy(region->uuid, header->uuid, sizeof(region->uuid));
	region->maximum_size = header->maximum_size;
	region->limit_size = header->limit_size;
	region->generation = header->generation;
	region->durability = header->durability;
	region->features = header->incompatible;
	region->arena_offset = header->arena_offset;
	region->ring_entries = header->ring_entries;
	region->kept_entries = header->kept_entries;
	region->history = header->history;
	region->mode = header->mode;
	region->file_size = (uint64_t)region->status.st_size;
	region->file_size = region->memory->size(region);
	return 0;
}

/* Reads and validates the header, and maps the contents. Returns 0 or a negative errno. */
static int region_map(const struct region_paths *names, struct region *region, bool writable,
                      bool guarded)
{
	struct layout_header header = {0};
	ssize_t got = pread(region->fd, &header, sizeof(header), 0);
	char name[HEADER_LABEL_SIZE];
	int r;

	if (got != (ssize_t)sizeof(header))
		return error_set(EBADMSG, "cannot read the header of %s: %s", names->data,
		                 got < 0 ? strerror(errno) : "it is too short");
	r = header_validate(names, &header, writable);
	/* A publisher that wrote to a saved file would invalidate the checksum of its contents. */
	if (r == 0 && header.contents != 0 && !names->saved)
		r = error_set(
			EBADMSG,
			"%s is a saved file, not a region; load it into a region with stele load",
			names->data);
	if (r == 0)
		r = region_take_header(region, &header);
	if (r == 0)
		r = header_validate_fit(names, &header, region->file_size);
	if (r < 0)
		return r;
	if (header.maximum_size > SIZE_MAX)
		return error_set(
			ENOMEM, "%s may grow to %llu bytes, more than this process can map",
			header_label(names, name), (unsigned long long)header.maximum_size);
	r = region->memory->map(region, &header, writable, guarded);
	if (r < 0)
		return r;
	region->header = (struct layout_header *)region->mapping.base;
	region->ring = (struct layout_commit *)(region->mapping.base + header.ring_offset);
	region->kept = (struct layout_kept *)(region->mapping.base + header.kept_offset);
	return 0;
}

int region_open(const struct region_paths *names, bool writable, bool guarded, struct region *ret)
{
	struct region region = {.names = *names, .fd = -1};
	uint64_t min_size = sizeof(struct layout_header);
	int r;

	/* A saved file is read whatever its links and mode are: the user chose it by its path. */
	if (names->saved)
		r = file_open_linked(names->data, false, min_size, &region.fd, &region.status);
	else
		r = file_open(names->data, writable, min_size, &region.fd, &region.status);
	if (r == -ENOENT)
		return paths_missing_error(names);
	if (r == 0)
		r = owner_check(names, &region.status);
	if (r == 0 && !names->saved)
		r = region_validate_owner(names, &region.status, writable);
	if (r == 0)
		r = region_validate_holes(names, region.fd, &region.status);
	if (r == 0)
		r = region_map(names, &region, writable, guarded);
	if (r < 0) {
		if (region.fd >= 0)
			close(region.fd);
		return r;
	}
	*ret = region;
	return 0;
}

int region_open_file(const struct region_paths *names, int fd, bool writable, bool guarded,
                     struct region *ret)
{
	struct region region = {.names = *names, .fd = fd};
	int r = 0;

	if (fstat(fd, &region.status) < 0)
		r = error_set(errno, "cannot get the status of the new file for %s: %s",
		              names->data, strerror(errno));
	if (r == 0)
		r = region_map(names, &region, writable, guarded);
	if (r == 0)
		*ret = region;
	return r;
}

void region_close(struct region *region)
{
	mapping_close(&region->mapping);
	if (region->fd >= 0)
		close(region->fd);
	region->fd = -1;
}

void region_exchange_file(struct region *a, struct region *b)
{
	int fd = a->fd;
	struct stat status = a->status;

	a->fd = b->fd;
	a->status = b->status;
	b->fd = fd;
	b->status = status;
}

int region_open_shared(const struct region_paths *names, bool guarded, struct region **ret)
{
	struct region *region = malloc(sizeof(*region));
	int r;

	if (!region)
		return error_set(ENOMEM, "no memory for a handle of region \"%s\"", names->region);
	r = region_open(names, false, guarded, region);
	if (r == 0) {
		r = region_check_boot(region);
		if (r < 0)
			region_close(region);
	}
	if (r < 0) {
		free(region);
		return r;
	}
	region->users = 1;
	*ret = region;
	return 0;
}

struct region *region_share(struct region *region)
{
	__atomic_fetch_add(&region->users, 1, __ATOMIC_RELAXED);
	return region;
}

void region_unshare(struct region *region)
{
	/* Acquire and release: the last thread closes the region after the reads of the others. */
	if (__atomic_fetch_sub(&region->users, 1, __ATOMIC_ACQ_REL) > 1)
		return;
	region_close(region);
	free(region);
}

void region_view(struct region *region, struct view *ret)
{
	uint64_t end = load_acquire(&region->header->arena_end);

	/* Subtracts rather than adds, because a damaged `end` could overflow. The file has at least
	 * one page. */
	if (end > region->file_size - LAYOUT_GUARD) {
		/* The file has grown, or the word is damaged: the actual size is the limit. */
		uint64_t size = region->memory->size(region), max;
		if (size > region->maximum_size)
			size = region->maximum_size;
		max = size > LAYOUT_GUARD ? size - LAYOUT_GUARD : 0;
		if (end > max)
			end = max;
		/* The known size never shrinks, so that region_lost() detects a truncated file. */
		if (size > region->file_size)
			store_relaxed(&region->file_size, size);
	}
	ret->base = region->mapping.base;
	ret->start = region->arena_offset;
	ret->limit = end > ret->start ? end : ret->start;
	ret->features = region->features;
}

gid_t region_group(const struct region *region)
{
	struct stat status;

	return fstat(region->fd, &status) == 0 ? status.st_gid : region->status.st_gid;
}

void region_refresh_size(struct region *region)
{
	uint64_t size = region->memory->size(region);

	if (size > region->file_size)
		region->file_size = size;
}

int region_commit(const struct region *region, uint64_t version, struct layout_commit *ret)
{
	const struct layout_commit *entry = &region->ring[version & (region->ring_entries - 1)];

	ret->time = data_load(&entry->time);
	ret->catalog = data_load_32(&entry->catalog);
	ret->record = data_load_32(&entry->record);
	/* The contract with the publisher (publisher/transaction.c), seqlock-like: it clears the
	 * entry's version, fences, and fills the other members. So if a load before this fence saw
	 * a member of a later commit, the load after the fence does not see this version. */
	fence_acquire();
	ret->version = data_load(&entry->version);
	return ret->version == version && version != 0 ? 0 : -ESTALE;
}

int region_commit_live(const struct region *region, uint64_t version, struct layout_commit *ret)
{
	int r = region_commit(region, version, ret);

	if (r == 0)
		return 0;
	/* The contract with the publisher (publisher/memory/reclaim.c): it raises reclaimed past a
	 * version, fences, and then reuses the version's entry. */
	fence_acquire();
	return version < load_acquire(&region->header->reclaimed) ? -ESTALE : -EBADMSG;
}

/* A version that was cleared from the kept table never enters it again, so it suffices to find the
 * version in any entry. */
bool region_keeps(const struct region *region, uint64_t version, uint32_t *hint)
{
	uint64_t used;
	uint32_t i;

	if (*hint < region->kept_entries && load_relaxed(&region->kept[*hint].version) == version)
		return true;
	used = load_relaxed(&region->header->kept_used);
	if (used > region->kept_entries)
		used = region->kept_entries;
	for (i = 0; i < used; i++)
		if (load_relaxed(&region->kept[i].version) == version) {
			*hint = i;
			return true;
		}
	return false;
}

void region_watch(const struct region *region, uint64_t version, struct region_watch *ret)
{
	static const uint32_t not_lost, lost = 1;
	static const unsigned char nothing;
	static const uint64_t all = UINT64_MAX;
	bool fixed;

	if (!region) {
		*ret = (struct region_watch){&nothing, &lost, &all, version};
		return;
	}
	fixed = region->memory->fixed;
	*ret = (struct region_watch){
		.touched =
			region->mapping.base + (fixed ? 0 : load_relaxed(&region->file_size) - 1),
		.lost = fixed || !region->mapping.guard ? &not_lost : &region->mapping.guard->lost,
		.reclaimed = &region->header->reclaimed,
		.version = version,
	};
}

int region_error(const struct region *region, int r, uint64_t version)
{
	const struct region_paths *names = &region->names;
	char name[HEADER_LABEL_SIZE];

	switch (r) {
	case -ESTALE:
		return error_set(
			ESTALE,
			"version %llu of %s is no longer held; open a snapshot of the newest",
			(unsigned long long)version, header_label(names, name));
	case -EBADMSG:
		if (mapping_lost(&region->mapping))
			return error_set(EBADMSG, "%s%s was truncated; %s and open it again",
			                 names->saved ? "" : "the file of ",
			                 header_label(names, name),
			                 names->saved ? "use another copy of it"
			                              : "publish the region again");
		return error_set(EBADMSG, "%s is damaged: version %llu is inconsistent; %s",
		                 header_label(names, name), (unsigned long long)version,
		                 header_damaged_remedy(names));
	default:
		return r;
	}
}

int region_version_error(const struct region *region, uint64_t version, uint64_t newest)
{
	const char *name = region->names.region;

	if (version > newest)
		return error_set(ENODATA,
		                 "region \"%s\" has no version %llu yet; the newest is %llu", name,
		                 (unsigned long long)version, (unsigned long long)newest);
	if (version == 0)
		return error_set(ENODATA,
		                 "region \"%s\" has no version 0; the first commit makes version 1",
		                 name);
	return error_set(ESTALE,
	                 "region \"%s\" does not hold version %llu any more; the oldest is %llu",
	                 name, (unsigned long long)version,
	                 (unsigned long long)load_relaxed(&region->header->oldest));
}

int region_table_error(const struct region *region, const char *table, uint64_t version)
{
	const char *name = region->names.region;

	if (version == 0)
		return error_set(ENXIO, "there is no table \"%s\" in region \"%s\"", table, name);
	return error_set(ENXIO, "there is no table \"%s\" in version %llu of region \"%s\"", table,
	                 (unsigned long long)version, name);
}
