/* SPDX-License-Identifier: MIT
 * Removing a region. It is done under the same locks as an attachment, so a living publisher keeps
 * its region; but it must also work on what can't be attached: a damaged region, one of another
 * layout, or leftovers without a data file. */
#include "publisher/attach/remove.h"

#include <errno.h>
#include <unistd.h>

#include "lib/storage/storage_sysv.h"
#include "lib/base/error.h"
#include "lib/region/slots.h"
#include "lib/storage/file.h"
#include "lib/storage/folder.h"
#include "lib/storage/replace.h"
#include "publisher/attach/attach_lock.h"
#include "publisher/memory/data_file.h"
#include "publisher/notices/fanout.h"
#include "publisher/notices/reap.h"

int remove_objects(const struct region_paths *names, int publisher)
{
	struct layout_publisher_file file;

	if (pread(publisher, &file, sizeof(file), 0) == (ssize_t)sizeof(file) &&
	    file.magic == LAYOUT_MAGIC_PUBLISHER)
		notifiers_remove(names, file.uuid);
	return storage_sysv_remove(publisher);
}

/* Tells subscribers that the file is the region's no more, and removes their queues. Best effort:
 * what is not a whole region has nobody to be told. -EACCES: it is whole, but its
 * memory is where it can't be removed from here; or what file_remove_name() returns. */
static int remove_dismiss_subscribers(const struct region_paths *names, bool *ret_found)
{
	struct region region;
	struct slots slots;
	int r = region_open(names, true, true, &region);

	if (r < 0)
		return r == -EACCES ? r : 0;
	/* The contract with subscribers: the mark is there before the notice. Who gets none, as the
	 * subscribers file is lost, finds it within a second. */
	data_file_mark(&region.header->head, HEAD_REPLACING);
	r = file_remove_name(names->data);
	*ret_found |= r > 0;
	data_file_mark(&region.header->head, r < 0 ? HEAD_CURRENT : HEAD_REPLACED);
	if (r < 0) {
		region_close(&region);
		return r;
	}
	if (slots_open(names, region.uuid, region.status.st_uid, true, &slots) == 0) {
		struct fanout fanout = {.region = &region, .slots = &slots};
		reap_dead(&fanout, UINT32_MAX);
		fanout_notify(&fanout, &(struct notice){.everybody = true});
		fanout_fini(&fanout);
		slots_close(&slots);
	}
	notifiers_remove(names, region.uuid);
	region_close(&region);
	return 0;
}

/* Removes the objects that only the publisher's and the data file tell of, and then the data file. */
static int remove_data(const struct region_paths *names, int publisher, int data, bool *ret_found)
{
	int r = remove_dismiss_subscribers(names, ret_found);

	if (r == 0 && data >= 0)
		r = storage_sysv_remove(data);
	if (r == 0 && publisher >= 0)
		r = remove_objects(names, publisher);
	if (r == 0 && publisher >= 0)
		r = replace_remove_left(publisher, names);
	if (r == 0)
		r = file_remove_name(names->data);
	*ret_found |= data >= 0 || r > 0;
	return r < 0 ? r : 0;
}

/* Removes the other files: the publisher file last, as it holds the lock under which this is done. It
 * stays where one of them does, so that a removal that is repeated has the lock, too. */
static int remove_rest(const struct region_paths *names, bool *ret_found)
{
	int r = file_remove_name(names->subscribers);

	*ret_found |= r > 0;
	if (r >= 0) {
		r = folder_remove(names);
		*ret_found |= r > 0;
	}
	if (r >= 0) {
		r = file_remove_name(names->publisher);
		*ret_found |= r > 0;
	}
	return r < 0 ? r : 0;
}

int stele_region_remove(const char *region)
{
	struct region_paths names;
	bool found = false;
	int publisher = -1, data = -1;
	int r = paths_make(region, &names);

	if (r == 0)
		r = attach_lock_for_removal(&names, names.publisher, false, &publisher);
	if (r == 0)
		r = attach_lock_for_removal(&names, names.data, true, &data);
	if (r == 0)
		r = remove_data(&names, publisher, data, &found);
	if (r == 0)
		r = remove_rest(&names, &found);
	if (data >= 0)
		close(data);
	if (publisher >= 0)
		close(publisher);
	if (r == 0 && !found)
		return paths_missing_error(region, &names);
	return r;
}
