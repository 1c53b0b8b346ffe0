/* SPDX-License-Identifier: MIT
 *
 * Removes a region, holding the locks of an attach, so that a living publisher keeps its region.
 * This must also work for a region that no publisher can attach to: one that is damaged or of
 * another layout, or leftovers without a data file. */
#include "publisher/attach/remove.h"

#include <errno.h>
#include <unistd.h>

#include "lib/region/slots.h"
#include "lib/storage/file.h"
#include "lib/storage/folder.h"
#include "lib/storage/replace.h"
#include "lib/storage/storage_sysv.h"
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

/* Removes the data file's name, notifies subscribers that the file is no longer the region, and
 * removes their queues. Returns 0 also for a region that cannot be opened, because it has no
 * subscribers to notify. Errors: -EACCES (the region is intact, but its memory cannot be removed
 * from here), and those of file_remove_name(). */
static int remove_dismiss_subscribers(const struct region_paths *names, bool *ret_found)
{
	struct region region;
	struct slots slots;
	int r = region_open(names, true, true, &region);

	if (r < 0)
		return r == -EACCES ? r : 0;
	/* The contract with subscribers: the mark is stored before the notice is sent. A subscriber
	 * that gets no notice, because the subscribers file is lost, finds the mark within a
	 * second. */
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

/* Removes the objects that can be found only through the publisher file and the data file, and then
 * the data file. */
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

/* Removes the other files. The publisher file comes last, because its lock protects the removal. If
 * another file cannot be removed, the publisher file stays, so that a repeated removal has the lock
 * too. */
static int remove_rest(const struct region_paths *names, bool *ret_found)
{
	const char *const files[] = {names->subscribers, names->tags, names->next_tags};
	int r = 0;

	for (size_t i = 0; r >= 0 && i < sizeof(files) / sizeof(files[0]); i++) {
		r = file_remove_name(files[i]);
		*ret_found |= r > 0;
	}
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
		return paths_missing_error(&names);
	return r;
}
