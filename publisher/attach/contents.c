/* SPDX-License-Identifier: MIT */
#include "publisher/attach/contents.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/error.h"
#include "lib/storage/file.h"
#include "publisher/memory/data_file.h"

uint64_t contents_capacity(struct region *contents)
{
	struct view view;
	uint64_t used;

	/* Use the limit that the view has validated, not arena_end: another process may be changing
	 * arena_end. */
	region_view(contents, &view);
	used = view.limit - view.start;

	/* Size classes take more memory than packed objects. The arena grows later if this is too
	 * little. */
	return (used + used / 8) / LAYOUT_PAGE * LAYOUT_PAGE + 16 * LAYOUT_PAGE;
}

static int contents_grow(void *region, uint64_t end)
{
	return data_file_grow(region, end);
}

static int contents_copy(struct region *region, struct region *contents)
{
	struct arena arena;
	struct view view;
	int r = data_file_arena(region, &arena);

	if (r < 0)
		return r;
	arena.grow = contents_grow;
	arena.context = region;
	region_view(contents, &view);
	r = data_file_fill(region, &arena, contents, &view);
	arena_fini(&arena);
	return r;
}

int contents_fill(const struct region_paths *names, int fd, struct region *contents)
{
	struct region region;
	int again, r = file_open_again(fd, &again);

	if (r < 0)
		return error_set(-r, "cannot open the new file for %s again: %s", names->data,
		                 strerror(-r));
	r = region_open_file(names, again, true, true, &region);
	if (r < 0) {
		close(again);
		return r;
	}
	r = contents_copy(&region, contents);
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
