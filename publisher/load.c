/* SPDX-License-Identifier: MIT
 * Making a region of a saved file: its contents are there before it has its name. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "publisher/attach/attach.h"
#include "lib/base/error.h"
#include "lib/storage/file.h"
#include "lib/region/survey.h"

uint64_t contents_room(struct region *contents)
{
	struct view view;
	uint64_t used;

	/* Not the header's word itself, which somebody may still be changing. */
	region_view(contents, &view);
	used = view.limit - view.start;

	/* Objects take more in classes than side by side; what is missing it grows by. */
	return (used + used / 8) / LAYOUT_PAGE * LAYOUT_PAGE + 16 * LAYOUT_PAGE;
}

static int grow(void *region, uint64_t end)
{
	return region_grow(region, end);
}

static int fill(struct region *region, struct region *contents)
{
	struct arena arena;
	struct view view;
	int r = region_arena(region, &arena);

	if (r < 0)
		return r;
	arena.grow = grow;
	arena.context = region;
	region_view(contents, &view);
	r = region_fill(region, &arena, contents, &view);
	arena_finish(&arena);
	return r;
}

int contents_fill(const struct region_paths *names, int fd, struct region *contents)
{
	struct region region;
	int again, r = file_open_again(fd, &again);

	if (r < 0)
		return error_set(-r, "cannot open the new file for %s once more: %s", names->data,
		                 strerror(-r));
	r = region_open_file(names, again, true, true, &region);
	if (r < 0) {
		close(again);
		return r;
	}
	r = fill(&region, contents);
	if (r == 0 && region_lost(contents))
		r = -EBADMSG;
	if (r == -ENOSPC && region.shortage < 0)
		r = storage_shortage_error(&region);
	else if (r < 0)
		r = error_set(-r, "cannot load %s into region \"%s\": %s", contents->names.data,
		              names->region, strerror(-r));
	region_close(&region);
	return r;
}

/* What is not whole becomes no region. */
static int check(struct region *contents)
{
	struct survey_options options = {0};
	struct survey survey;
	uint64_t damages;
	int r = survey_region(contents, &options, &survey);

	/* Nobody writes a saved file; who does all the same has spoilt it. */
	if (r == -ESTALE)
		return error_set(EBADMSG, "%s was changed while it was looked at",
		                 contents->names.data);
	if (r < 0)
		return r;
	damages = survey.use.damages;
	survey_free(&survey);
	if (damages == 0)
		return 0;
	return error_set(
		EBADMSG,
		"%s is damaged: stele verify tells what is wrong (%llu in all); it is not loaded",
		contents->names.data, (unsigned long long)damages);
}

static int load(struct region *contents, const char *region)
{
	const struct layout_header *header = contents->header;
	uint64_t least = contents->arena_offset + contents_room(contents) + LAYOUT_GUARD;
	struct stele_publisher_options options = {
		.size = sizeof(options),
		.flags = STELE_CREATE_NEW,
		.history = contents->history,
		.history_bytes = header->history_bytes,
		.maximum_size = contents->maximum_size < least ? least : contents->maximum_size,
		.limit_size = contents->limit_size < least ? least : contents->limit_size,
		.durability = contents->durability == LAYOUT_DURABLE_COMMIT ? STELE_DURABLE_COMMIT
	                                                                    : STELE_DURABLE_CLOSE,
		.mode = (contents->mode & 0644) | 0600,
	};
	struct stele_publisher *publisher;
	int r = publisher_open(region, &options, contents, &publisher);

	if (r == -EEXIST)
		return error_set(
			EEXIST, "there is a region \"%s\" already; give another name, or remove it",
			region);
	if (r == 0)
		stele_publisher_close(publisher);
	return r;
}

int stele_region_load(const char *file, const char *region)
{
	char name[NAMES_PATH_SIZE];
	struct region contents;
	struct region_paths names;
	int r;

	if (snprintf(name, sizeof(name), PATHS_SAVED "%s", file) >= (int)sizeof(name))
		return paths_long_error(file);
	r = paths_make_readable(name, &names);
	if (r == 0)
		r = region_open(&names, false, true, &contents);
	if (r < 0)
		return r;
	r = check(&contents);
	if (r == 0)
		r = load(&contents, region);
	region_close(&contents);
	return r;
}
