/* SPDX-License-Identifier: MIT
 *
 * Removes what dead processes left, and nothing that belongs to a living one
 * (stele_region_clean()). Locks and leases show which processes live: the kernel releases them at
 * death, whatever the pid, user or namespace.
 *
 * The first pass takes no lock of a publisher, so that no publisher is delayed if there seems to be
 * nothing to remove. The next pass works under the locks of an attach, in their order: publisher
 * file, data file, slot. A publisher that starts meanwhile loses nothing:
 *
 *   - A publisher creates and names files only while it holds the lock of the file that has the
 *     publisher file's name. If there is no such file, the cleaner creates one, which is locked
 *     before it has the name, as in an attach. So either the cleaner has the lock, or the publisher
 *     has it and the cleaner finds it busy.
 *   - The lock counts only if the file still has its name once it is locked. A publisher that
 *     waited for the lock of a file that the cleaner removes finds this out, and starts over.
 *   - If another process removed the publisher file, its publisher still holds a byte of the data
 *     file. If the data file lost its name as well, the publisher still has the subscribers file
 *     open, as has every subscriber that is registered there. The kernel grants a write lease on a
 *     file only if no other process has the file open.
 *
 * Without a data file, no subscriber can open the region. With a data file, a subscriber that
 * registers meanwhile claims and locks its slot, with its uuid, before it creates the object
 * through which the subscriber is notified. So if the cleaner finds such an object, and after that
 * no living slot with its uuid, the object belongs to a dead subscriber. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/error.h"
#include "lib/region/region.h"
#include "lib/region/slots.h"
#include "lib/storage/file.h"
#include "lib/storage/folder.h"
#include "lib/storage/replace.h"
#include "lib/storage/storage.h"
#include "publisher/attach/attach_lock.h"
#include "publisher/attach/remove.h"
#include "publisher/notices/fanout.h"
#include "publisher/notices/reap.h"
#include "publisher/notices/uuids.h"

/* PASS_CHECK finds out, without locks, whether there is anything to remove. The other passes hold
 * the locks. */
enum pass { PASS_CHECK, PASS_REPORT, PASS_REMOVE };

struct clean {
	struct region_paths names;
	enum pass pass;
	stele_leftover_fn *found;
	void *context;
	int count, error;
	/* Owner of the leftover that was found last. */
	uid_t owner;
	/* Set while a region that has its data file is cleaned up. */
	struct fanout *fanout;
	/* Descriptors of the two locked files. -1: there is no such file. */
	int publisher, data;
	/* The cleaner created the publisher file in order to lock it. */
	bool made;
};

/* Counts a leftover, and reports it unless this is the first pass. */
static void clean_report(struct clean *clean, const char *kind, const char *name, int error)
{
	struct stele_leftover leftover = {.kind = kind, .name = name, .error = error};

	clean->count++;
	if (clean->pass != PASS_CHECK && clean->found)
		clean->found(&leftover, clean->context);
}

static int clean_removal_error(const char *path)
{
	return file_refuse_name("remove", path, errno);
}

/* Handles the leftover at a path: reports it, and removes it in the last pass. */
static void clean_path(struct clean *clean, const char *kind, const char *path)
{
	struct stat status;
	int r = 0;

	if (lstat(path, &status) < 0)
		return;
	clean->owner = status.st_uid;
	if (clean->pass == PASS_REMOVE && unlink(path) < 0)
		r = clean_removal_error(path);
	clean_report(clean, kind, path, r);
}

/* Handles the new file of a publisher that died before it renamed the file over another one. For a
 * user who may not read the publisher file, nothing is found. */
static void clean_unfinished(struct clean *clean)
{
	char path[REPLACE_PATH_SIZE];
	struct stat status;
	int fd = clean->publisher;

	if (clean->pass == PASS_CHECK &&
	    file_open(clean->names.publisher, false, 0, &fd, &status) < 0)
		return;
	if (fd >= 0 && replace_find_left(fd, &clean->names, path) == 1)
		clean_path(clean, "file", path);
	if (clean->pass == PASS_CHECK)
		close(fd);
}

/* ---- a region without a data file ---- */

static void clean_folder(struct clean *clean)
{
	const char *path = clean->names.folder;
	struct stat status;
	int r = 0;

	if (lstat(path, &status) < 0 || !S_ISDIR(status.st_mode))
		return;
	clean->owner = status.st_uid;
	if (clean->pass == PASS_REMOVE)
		r = folder_remove(&clean->names);
	clean_report(clean, "folder", path, r < 0 ? r : 0);
}

/* Returns true if no other process has the subscribers file open, or if there is no such file.
 * Called only under the locks, because an open of the file is refused during the check. */
static bool clean_subscribers_idle(const struct clean *clean)
{
	struct stat status;
	int fd, r = file_open_linked(clean->names.subscribers, true, 0, &fd, &status);

	if (r < 0)
		return r == -ENOENT;
	r = file_is_idle(fd);
	close(fd);
	return r;
}

static void clean_files(struct clean *clean)
{
	if (clean->pass != PASS_CHECK && !clean_subscribers_idle(clean))
		return;
	/* If the segment cannot be removed, the publisher file stays, because nothing else names
	 * the segment. */
	if (clean->pass == PASS_REMOVE && !clean->made)
		clean->error = remove_objects(&clean->names, clean->publisher);
	if (clean->error < 0)
		return;
	clean_unfinished(clean);
	clean_path(clean, "file", clean->names.subscribers);
	clean_path(clean, "file", clean->names.tags);
	clean_path(clean, "file", clean->names.next_tags);
	clean_folder(clean);
	/* The publisher file comes last, because its lock protects the cleanup. */
	if (!clean->made)
		clean_path(clean, "file", clean->names.publisher);
}

/* ---- a region with a data file ---- */

static void clean_slots(struct clean *clean)
{
	struct slots *slots = clean->fanout->slots;
	uint32_t used = slots_used(slots);
	struct slots_set taken = {0}, held;

	/* Load the states before the locks are queried: a slot that is claimed afterwards belongs
	 * to a living subscriber. */
	for (uint32_t i = 0; i < used; i++)
		if (load_acquire_32(&slots->slot[i].state) != LAYOUT_SLOT_FREE)
			slots_set_add(&taken, i);
	clean->fanout->peers.asked += slots_find_held(slots, used, &held);
	for (uint32_t i = 0; i < used; i++) {
		const struct layout_slot *slot = &slots->slot[i];
		char name[NAMES_PATH_SIZE + 64], command[16];
		if (!slots_set_has(&taken, i) || slots_set_has(&held, i) ||
		    load_acquire_32(&slot->state) == LAYOUT_SLOT_FREE)
			continue;
		data_copy_out(command, (const unsigned char *)slot->command, sizeof(command));
		snprintf(name, sizeof(name), "%s, slot %u: %.15s (%u)", clean->names.subscribers, i,
		         command, __atomic_load_n(&slot->pid, __ATOMIC_RELAXED));
		clean_report(clean, "slot", name, 0);
	}
	if (clean->pass == PASS_REMOVE)
		reap_dead(clean->fanout, UINT32_MAX);
}

static void clean_find_entry(void *context, const uint8_t uuid[16])
{
	/* If there is no memory, the entry is not collected, and stays in the folder. */
	(void)!uuids_add(context, uuid);
}

/* Removes the folder's entries of dead subscribers. Collects the entries first, and then the living
 * subscribers: the owner of an entry that is created meanwhile is then among the living ones. */
static void clean_entries(struct clean *clean)
{
	char path[NAMES_PATH_SIZE];
	struct uuids entries, living = {0};

	if (uuids_new(&entries) == 0 && uuids_new(&living) == 0) {
		folder_each(&clean->names, clean_find_entry, &entries);
		if (reap_living(clean->fanout, &living) < 0)
			entries.count = 0;
		for (uint32_t i = 0; i < entries.count; i++) {
			const uint8_t *uuid = (const uint8_t *)entries.entries[i].words;
			if (uuids_find(&living, uuid))
				continue;
			folder_entry(&clean->names, uuid, path);
			clean_path(clean, "channel", path);
		}
	}
	uuids_free(&entries);
	uuids_free(&living);
}

static void clean_region(struct clean *clean)
{
	struct region region;
	struct slots slots;
	uint64_t since;

	/* A damaged region, or one of another layout, is left to stele_region_remove(). */
	if (region_open(&clean->names, false, true, &region) < 0)
		return;
	clean->owner = region.status.st_uid;
	/* Only in the first pass: later the cleaner itself holds the locks of a publisher. */
	if (clean->pass == PASS_CHECK && region_is_published(&region, &since)) {
		region_close(&region);
		return;
	}
	clean_unfinished(clean);
	if (slots_open(&clean->names, region.uuid, region.status.st_uid, true, &slots) == 0) {
		struct fanout fanout = {.region = &region, .slots = &slots};
		clean->fanout = &fanout;
		clean_slots(clean);
		clean_entries(clean);
		fanout_fini(&fanout);
		slots_close(&slots);
	}
	region_close(&region);
}

/* ---- a region with or without a data file ---- */

/* Creates a publisher file in order to lock it. The file belongs to the owner of the leftovers, so
 * that an attach by that user meanwhile waits for the lock instead of failing. */
static int clean_make_publisher_file(struct clean *clean)
{
	int fd, r;

	if (geteuid() != 0 && geteuid() != clean->owner)
		return error_set(
			EPERM,
			"a leftover of region \"%s\" belongs to user %u; let that user, or "
			"root, remove it",
			clean->names.region, clean->owner);
	r = file_make(clean->names.publisher, sizeof(uint64_t), &fd);
	if (r < 0)
		return r;
	if (fchown(fd, clean->owner, (gid_t)-1) < 0)
		r = error_set(errno, "cannot make %s for its lock: %s", clean->names.publisher,
		              strerror(errno));
	if (r == 0)
		r = attach_lock_new(&clean->names, fd, LOCK_BYTE);
	if (r == 0)
		r = file_publish(fd, clean->names.publisher, 0600);
	if (r < 0) {
		close(fd);
		return r == -EEXIST || r == -EAGAIN ? -EBUSY : r;
	}
	clean->publisher = fd;
	clean->made = true;
	return 0;
}

static int clean_lock(struct clean *clean)
{
	int r = attach_lock_for_removal(&clean->names, clean->names.publisher, false,
	                                &clean->publisher);

	if (r == 0 && clean->publisher < 0)
		r = clean_make_publisher_file(clean);
	if (r == 0)
		r = attach_lock_for_removal(&clean->names, clean->names.data, true, &clean->data);
	return r;
}

/* Releases the locks. The data file is unlocked before the publisher file is removed: a publisher
 * that found the data file locked, and no publisher file, would fail instead of waiting, because it
 * would take another publisher for attached. */
static void clean_unlock(struct clean *clean)
{
	if (clean->data >= 0)
		close(clean->data);
	if (clean->made && unlink(clean->names.publisher) < 0 && errno != ENOENT)
		clean->error = clean_removal_error(clean->names.publisher);
	if (clean->publisher >= 0)
		close(clean->publisher);
}

static void clean_run(struct clean *clean, enum pass pass, bool data_is_there)
{
	clean->pass = pass;
	clean->count = 0;
	if (data_is_there)
		clean_region(clean);
	else
		clean_files(clean);
}

int stele_region_clean(const char *region, unsigned flags, stele_leftover_fn *found, void *context)
{
	struct clean clean = {.found = found, .context = context, .publisher = -1, .data = -1};
	int r = paths_make(region, &clean.names);

	if (r == 0)
		r = error_check_flags("cleaning up", flags, STELE_DRY_RUN);
	if (r < 0)
		return r;
	clean_run(&clean, PASS_CHECK,
	          faccessat(AT_FDCWD, clean.names.data, F_OK, AT_SYMLINK_NOFOLLOW) == 0);
	if (clean.count == 0)
		return 0;
	clean.count = 0;
	r = clean_lock(&clean);
	if (r == 0)
		clean_run(&clean, flags & STELE_DRY_RUN ? PASS_REPORT : PASS_REMOVE,
		          clean.data >= 0);
	clean_unlock(&clean);
	if (r < 0 && r != -EBUSY)
		return r;
	return clean.error < 0 ? clean.error : clean.count;
}
