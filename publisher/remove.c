/* SPDX-License-Identifier: MIT
 * Removing a region. It is done under the same locks as an attachment, so a living publisher keeps
 * its region; but it must also work on what can't be attached: a damaged region, one of another
 * layout, or leftovers without a data file. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/file.h"
#include "lib/folder.h"
#include "publisher.h"

/* Locks one file if it is there: a descriptor, -1 if there is none, -EBUSY, or an errno. */
static int lock_file(const struct names *names, const char *path, bool readers_may_hold,
                     int *ret_fd)
{
	struct stat status;
	int r = file_open(path, true, 0, ret_fd, &status);

	if (r == -ENOENT) {
		*ret_fd = -1;
		return 0;
	}
	if (r < 0)
		return r;
	if (file_lock_held_by_writer(*ret_fd, REGION_PUBLISHER_BYTE, REGION_PUBLISHER_BYTES) == 0 &&
	    (file_lock_try(*ret_fd, REGION_PUBLISHER_BYTE) == 0 || readers_may_hold))
		return 0;
	close(*ret_fd);
	*ret_fd = -1;
	return attach_busy(names);
}

/* Removes what mechanisms made for a region whose data file is gone or damaged. Whose region it was is
 * read in the publisher file, which nobody else can write. */
static void remove_orphans(const struct names *names, int publisher)
{
	struct layout_publisher_file file;

	if (publisher >= 0 && pread(publisher, &file, sizeof(file), 0) == (ssize_t)sizeof(file) &&
	    file.magic == LAYOUT_MAGIC_PUBLISHER)
		notifiers_remove(names, file.uuid);
}

/* Tells subscribers that the file is the region's no more, and removes their queues. Best effort:
 * what is not a whole region has nobody to be told. -EACCES with a sentence: it is whole, but its
 * memory is where it can't be removed from here. */
static int dismiss(const struct names *names, int publisher)
{
	struct region region;
	struct slots slots;
	int r = region_open(names, true, true, &region);

	if (r < 0) {
		if (r == -EACCES)
			return r;
		remove_orphans(names, publisher);
		return 0;
	}
	/* The contract with subscribers: the mark is there before the notice. Who gets none, as the
	 * subscribers file is lost, finds it within a second. */
	__atomic_fetch_or(&region.header->head, LAYOUT_HEAD_REPLACED, __ATOMIC_SEQ_CST);
	unlink(names->data);
	if (slots_open(names, region.uuid, region.status.st_uid, true, &slots) == 0) {
		struct fanout fanout = {.names = names,
		                        .uuid = region.uuid,
		                        .head = &region.header->head,
		                        .slots = &slots};
		fanout_reap(&fanout, UINT32_MAX);
		fanout_notify(&fanout, &(struct notice){.everybody = true});
		fanout_finish(&fanout);
		slots_close(&slots);
	}
	notifiers_remove(names, region.uuid);
	region_close(&region);
	return 0;
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

int stele_region_remove(const char *region)
{
	struct names names;
	bool found = false;
	int publisher = -1, data = -1;
	int r = names_make(region, &names);

	if (r == 0)
		r = lock_file(&names, names.publisher, false, &publisher);
	if (r == 0)
		r = lock_file(&names, names.data, true, &data);
	if (r == 0) {
		found = data >= 0;
		r = dismiss(&names, publisher);
	}
	if (r == 0) {
		if (data >= 0)
			memory_forget(data);
		if (publisher >= 0)
			memory_forget(publisher);
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
