/* SPDX-License-Identifier: MIT
 *
 * Saves a region's history into a file. Defines stele_region_save() and stele_subscriber_save(). */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/checksum.h"
#include "lib/base/error.h"
#include "lib/region/copy.h"
#include "lib/storage/file.h"
#include "subscriber/retry.h"
#include "subscriber/state.h"

/* How many tries to save, if the publisher reclaims the version that the copy starts from. */
#define TRIES 8
/* By how many bytes the file grows at a time. */
#define STEP (UINT64_C(1) << 20)

/* The file being written. Objects are appended without gaps. */
struct sink {
	struct region region; /* the file, mapped */
	struct view view;     /* its arena; `limit` is the end of the last object */
	uint64_t max_size;    /* bytes of the original's arena; a copy never needs more */
	uint64_t maximum_size, limit_size; /* as in the original's header */
};

/* Appends an object to the file: the allocator for copy_history_live(). Returns -EBADMSG if the
 * copy would outgrow the original, which must then be damaged. */
static int save_alloc(void *context, size_t size, ref_t *ret)
{
	struct sink *sink = context;
	uint64_t end = sink->view.limit + size, file_size = end + LAYOUT_GUARD;
	int r;

	if (end - sink->view.start > sink->max_size)
		return -EBADMSG;
	r = file_size <= sink->region.file_size
	            ? 0
	            : sink->region.memory->reserve(&sink->region, (file_size / STEP + 1) * STEP);
	if (r < 0)
		return r;
	*ret = (ref_t)(sink->view.limit / LAYOUT_UNIT);
	sink->view.limit = end;
	return 0;
}

/* Fills in the header of the file: a copy of the region's header, with the members changed that
 * describe its memory and its size. */
static void save_fill_header(const struct region *from, struct layout_header *ret)
{
	data_copy_out(ret, (const unsigned char *)from->header, sizeof(*ret));
	ret->memory = LAYOUT_MEMORY_FILE;
	ret->segment = 0;
	ret->segment_namespace = 0;
	/* While objects are appended, the file may be up to STEP longer than the original.
	 * save_finish() restores the sizes. */
	ret->maximum_size = from->maximum_size + STEP < LAYOUT_MAXIMUM ? from->maximum_size + STEP
	                                                               : LAYOUT_MAXIMUM;
	if (ret->limit_size < ret->maximum_size)
		ret->limit_size = ret->maximum_size;
	ret->arena_end = ret->arena_offset;
	ret->contents = 0;
	memset(ret->boot_id, 0, sizeof(ret->boot_id));
	ret->checksum = checksum_header(ret);
}

/* Makes the file, without a name yet, and maps it. */
static int save_open_sink(const struct region *from, const char *path, struct sink *ret)
{
	struct region_paths names = {.saved = true};
	struct layout_header header;
	int fd, r;

	save_fill_header(from, &header);
	memcpy(names.data, path, strlen(path) + 1);
	memcpy(names.region, from->names.region, sizeof(names.region));
	r = file_make(path, header.arena_offset + LAYOUT_GUARD, &fd);
	if (r < 0)
		return r;
	if (pwrite(fd, &header, sizeof(header), 0) != (ssize_t)sizeof(header))
		r = file_write_error(path, 0);
	else
		r = region_open_file(&names, fd, true, true, &ret->region);
	if (r < 0) {
		close(fd);
		return r;
	}
	ret->view = (struct view){.base = ret->region.mapping.base,
	                          .start = header.arena_offset,
	                          .limit = header.arena_offset,
	                          .features = header.incompatible};
	return 0;
}

static int save_error(const struct sink *sink, int r, const char *path)
{
	if (r == -ENOSPC && sink->region.shortage < 0)
		return storage_shortage_error(&sink->region);
	return file_write_error(path, -r);
}

/* Completes the file: cuts off the unused rest of the last STEP, restores the sizes in the header,
 * computes the checksums, and gives the file its name. */
static int save_finish(struct sink *sink, const char *path, unsigned flags)
{
	struct layout_header *header = sink->region.header;
	uint64_t end = (sink->view.limit + LAYOUT_PAGE - 1) / LAYOUT_PAGE * LAYOUT_PAGE;
	int r = sink->region.memory->reserve(&sink->region, end + LAYOUT_GUARD);

	if (r < 0)
		return save_error(sink, r, path);
	header->arena_end = end;
	header->maximum_size = sink->maximum_size;
	header->limit_size = sink->limit_size;
	if (ftruncate(sink->region.fd, (off_t)(end + LAYOUT_GUARD)) < 0)
		return file_write_error(path, errno);
	header->contents = checksum_contents(sink->region.mapping.base, end + LAYOUT_GUARD,
	                                     sink->region.features);
	header->checksum = checksum_header(header);
	r = file_sync(sink->region.fd, path);
	if (r == 0)
		r = flags & STELE_REPLACE ? file_replace(sink->region.fd, path, 0600)
		                          : file_publish(sink->region.fd, path, 0600);
	if (r == -EEXIST && !(flags & STELE_REPLACE))
		return error_set(EEXIST, "there is a file %s already", path);
	return r;
}

static int save_region(struct region *from, const struct layout_commit *newest, const char *path,
                       unsigned flags, uint64_t *ret_oldest)
{
	struct sink sink = {.region = {.fd = -1}};
	struct copy_target target = {.view = &sink.view, .alloc = save_alloc, .context = &sink};
	struct view view;
	int r;

	/* The copy gets a checksum of its own, which would hide the damage. */
	if (!region_contents_match(from))
		return error_set(
			EBADMSG,
			"%s is damaged: its contents have another checksum than when it was "
			"saved; use another copy of it",
			from->names.data);
	r = save_open_sink(from, path, &sink);
	if (r < 0)
		return r;
	region_view(from, &view);
	sink.max_size = view.limit - view.start;
	sink.maximum_size = from->maximum_size;
	sink.limit_size = from->limit_size;
	target.base = sink.region.mapping.base;
	r = copy_history_live(from, &view, newest, &sink.region, &target);
	if (r == -EBADMSG)
		r = region_error(from, r, newest->version);
	else if (r < 0 && r != -ESTALE)
		r = save_error(&sink, r, path);
	if (r == 0)
		*ret_oldest = sink.region.header->oldest;
	if (r == 0)
		r = save_finish(&sink, path, flags);
	region_close(&sink.region);
	return r;
}

/* Tries once to save the region. Pins the newest version meanwhile, if the subscriber can pin. */
static int save_once(struct stele_subscriber *subscriber, const char *path, unsigned flags,
                     uint64_t *ret_oldest, uint64_t *ret_newest)
{
	struct stele_snapshot *snapshot;
	struct layout_commit newest;
	int r = stele_snapshot_open(subscriber, 0, &snapshot);

	if (r < 0)
		return r;
	newest = snapshot_commit(snapshot);
	*ret_newest = newest.version;
	r = save_region(snapshot->region, &newest, path, flags, ret_oldest);
	stele_snapshot_close(snapshot);
	return r;
}

static int save_check(const char *file, unsigned flags)
{
	int r = error_check_flags("saving a region", flags, STELE_REPLACE);

	if (r < 0)
		return r;
	if (strlen(file) >= NAMES_PATH_SIZE)
		return paths_long_error(file);
	return file_replaceable(file);
}

int stele_subscriber_save(struct stele_subscriber *subscriber, const char *file, unsigned flags,
                          uint64_t *ret_oldest, uint64_t *ret_newest)
{
	struct retry retry = {.max_tries = TRIES};
	uint64_t oldest = 0, newest = 0;
	int r = subscriber_check(subscriber);

	if (r == 0)
		r = save_check(file, flags);
	if (r < 0)
		return r;
	do
		r = save_once(subscriber, file, flags, &oldest, &newest);
	while (r == -ESTALE && retry_again(&retry, subscriber->region));
	if (r == -ESTALE)
		return retry_error(&retry, subscriber->region, head_version(retry.head));
	if (r == 0 && ret_oldest)
		*ret_oldest = oldest;
	if (r == 0 && ret_newest)
		*ret_newest = newest;
	return r;
}

int stele_region_save(const char *region, const char *file, unsigned flags, uint64_t *ret_oldest,
                      uint64_t *ret_newest)
{
	struct stele_subscriber_options options = {.size = sizeof(options), .notifier = "futex"};
	struct stele_subscriber *subscriber;
	int r = save_check(file, flags);

	if (r < 0)
		return r;
	/* Prefer the notifier futex, which needs no queue. It takes a slot; if none is free, an
	 * open that names no notifier still succeeds, without pins. */
	r = stele_subscriber_open(region, &options, &subscriber);
	options.notifier = NULL;
	if (r < 0)
		r = stele_subscriber_open(region, &options, &subscriber);
	if (r < 0)
		return r;
	r = stele_subscriber_save(subscriber, file, flags, ret_oldest, ret_newest);
	stele_subscriber_close(subscriber);
	return r;
}
