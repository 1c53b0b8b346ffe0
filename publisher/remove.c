/* SPDX-License-Identifier: MIT
 * Removing a region. It is done under the same locks as an attachment, so a living publisher keeps
 * its region; but it must also work on what can't be attached: a damaged region, one of another
 * layout, or leftovers without a data file. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "attach.h"
#include "generation.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/folder.h"

void forget_objects(const struct names *names, int publisher)
{
	struct layout_publisher_file file;

	memory_forget(publisher);
	if (pread(publisher, &file, sizeof(file), 0) == (ssize_t)sizeof(file) &&
	    file.magic == LAYOUT_MAGIC_PUBLISHER)
		notifiers_remove(names, file.uuid);
}

static int remove_file(const char *path, bool *ret_found)
{
	if (unlink(path) == 0) {
		*ret_found = true;
		return 0;
	}
	if (errno == ENOENT)
		return 0;
	return error_set(errno, "cannot remove %s: %s", path, strerror(errno));
}

/* Tells subscribers that the file is the region's no more, and removes their queues. Best effort:
 * what is not a whole region has nobody to be told. -EACCES with a sentence: it is whole, but its
 * memory is where it can't be removed from here; or what remove_file() returns. */
static int dismiss(const struct names *names, bool *ret_found)
{
	struct region region;
	struct slots slots;
	int r = region_open(names, true, true, &region);

	if (r < 0)
		return r == -EACCES ? r : 0;
	/* The contract with subscribers: the mark is there before the notice. Who gets none, as the
	 * subscribers file is lost, finds it within a second. */
	generation_mark(&region.header->head, HEAD_REPLACING);
	r = remove_file(names->data, ret_found);
	generation_mark(&region.header->head, r < 0 ? HEAD_CURRENT : HEAD_REPLACED);
	if (r < 0) {
		region_close(&region);
		return r;
	}
	if (slots_open(names, region.uuid, region.status.st_uid, true, &slots) == 0) {
		struct fanout fanout = {.region = &region, .slots = &slots};
		fanout_reap(&fanout, UINT32_MAX);
		fanout_notify(&fanout, &(struct notice){.everybody = true});
		fanout_finish(&fanout);
		slots_close(&slots);
	}
	notifiers_remove(names, region.uuid);
	region_close(&region);
	return 0;
}

int stele_region_remove(const char *region)
{
	struct names names;
	bool found = false;
	int publisher = -1, data = -1;
	int r = names_make(region, &names);

	if (r == 0)
		r = lock_for_removal(&names, names.publisher, false, &publisher);
	if (r == 0)
		r = lock_for_removal(&names, names.data, true, &data);
	if (r == 0) {
		found = data >= 0;
		r = dismiss(&names, &found);
	}
	if (r == 0) {
		if (data >= 0)
			memory_forget(data);
		if (publisher >= 0)
			forget_objects(&names, publisher);
		r = remove_file(names.data, &found);
	}
	if (r == 0) {
		file_publish_cancel(names.subscribers);
		file_publish_cancel(names.data);
		r = remove_file(names.subscribers, &found);
		folder_remove(&names);
	}
	/* Last, as it holds the lock under which this was done. */
	if (r == 0)
		r = remove_file(names.publisher, &found);
	if (data >= 0)
		close(data);
	if (publisher >= 0)
		close(publisher);
	if (r == 0 && !found)
		return error_set(ENOENT, "there is no region \"%s\" here (no file %s)", region,
		                 names.data);
	return r;
}
