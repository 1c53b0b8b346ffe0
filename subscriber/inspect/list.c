/* SPDX-License-Identifier: MIT
 *
 * Lists the subscribers that are registered with a region. Defines stele_region_subscribers().
 *
 * Any user who may read the region can write to slots, so a slot is copied first and the copy is
 * validated. Locks show which subscribers are alive; the region shows which versions their pins
 * keep; the publisher's file counts their notices. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/region/survey.h"
#include "lib/storage/file.h"
#include "lib/units.h"
#include "subscriber/inspect/verify.h"
#include "subscriber/state.h"

/* How many tries to load the oldest version, which the publisher may reclaim each time. */
#define TRIES 8

/* How many locks are queried again because their slots have new owners. Slots can be forged, and a
 * query may be slow. */
#define QUERIES_AGAIN 64u

/* The age in nanoseconds after which a version that a subscriber has not seen shows that the
 * subscriber is busy. A subscriber that waits is woken long before. */
#define BUSY_AFTER (uint64_t)(1500 * NSEC_PER_MSEC)

struct list {
	struct region *region;
	struct slots slots;
	struct survey survey; /* the kept versions and their sizes; empty if no version is kept */
	int publisher;        /* descriptor of the publisher's file, or -1 */
	uint64_t head;
};

/* ---- reading a slot ---- */

static int list_compare_versions(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Copies the pinned versions of a slot, oldest first, without duplicates. */
static void list_read_pins(const struct layout_slot *slot, struct stele_subscriber_info *info)
{
	uint64_t pins[LAYOUT_PINS];
	unsigned count = 0;

	for (unsigned i = 0; i < LAYOUT_PINS; i++)
		pins[i] = load_relaxed(&slot->pins[i]);
	qsort(pins, LAYOUT_PINS, sizeof(pins[0]), list_compare_versions);
	for (unsigned i = 0; i < LAYOUT_PINS; i++)
		if (pins[i] != 0 && (count == 0 || info->pinned[count - 1] != pins[i]))
			info->pinned[count++] = pins[i];
}

static void list_read_slot(const struct list *list, uint32_t index, bool alive,
                           struct stele_subscriber_info *info)
{
	const struct layout_slot *slot = &list->slots.slot[index];
	uint32_t kind = __atomic_load_n(&slot->notifier, __ATOMIC_RELAXED);
	const struct notifier *notifier = notifier_of_kind(kind);

	*info = (struct stele_subscriber_info){
		.slot = index,
		.alive = alive,
		.pid = data_load_32(&slot->pid),
		.user = -1,
		.since = load_relaxed(&slot->attached),
		.notifier = notifier ? notifier->name : "none",
		.waiting = load_relaxed(&slot->ticket) % 2 == 1,
		.tables = data_load_32(&slot->tables),
		.seen = load_relaxed(&slot->seen),
		.applied = load_relaxed(&slot->applied),
		.queued = -1,
	};
	data_copy_out(info->uuid, slot->uuid, sizeof(info->uuid));
	data_copy_out(info->command, (const unsigned char *)slot->command, sizeof(info->command));
	info->command[sizeof(info->command) - 1] = '\0';
	data_copy_out(info->label, (const unsigned char *)slot->label, sizeof(info->label));
	info->label[sizeof(info->label) - 1] = '\0';
	list_read_pins(slot, info);
}

/* ---- reading the region and the publisher's file ---- */

/* Returns when the next version after `version` was committed; 0 if unknown. If the publisher has
 * reclaimed that next version, sets `*ret_longer` and returns the time of the oldest version in
 * history, which was committed later. */
static uint64_t list_made_after(const struct list *list, uint64_t version, bool *ret_longer)
{
	struct layout_commit commit;

	*ret_longer = false;
	if (region_commit(list->region, version + 1, &commit) == 0)
		return commit.time;
	*ret_longer = true;
	/* The publisher may reclaim the oldest version, too, before its entry is read. */
	for (int i = 0; i < TRIES; i++) {
		uint64_t oldest = load_acquire(&list->region->header->oldest);
		if (region_commit(list->region, oldest, &commit) == 0)
			return commit.time;
	}
	return 0;
}

static void list_find_behind(const struct list *list, struct stele_subscriber_info *info)
{
	uint64_t at = info->applied ? info->applied : info->seen;

	if (at >= list->head)
		return;
	info->behind = list->head - at;
	info->behind_since = list_made_after(list, at, &info->behind_longer);
}

/* Clears `waiting` for a subscriber that is busy though its ticket is armed. The ticket of a
 * subscriber that waits in a loop of its own, on a descriptor, stays armed even while it works. A
 * waiting subscriber is woken for every version, unless it named tables. So a subscriber that has
 * not seen a version older than BUSY_AFTER is busy, or its notice was lost. */
static void list_find_busy(const struct list *list, struct stele_subscriber_info *info)
{
	uint64_t since;
	bool longer;

	if (!info->waiting || info->tables != 0 || info->seen >= list->head)
		return;
	since = list_made_after(list, info->seen, &longer);
	info->waiting = !longer && clock_realtime() < since + BUSY_AFTER;
}

static void list_find_pinned(const struct list *list, struct stele_subscriber_info *info)
{
	for (unsigned i = 0; i < LAYOUT_PINS && info->pinned[i]; i++)
		for (uint32_t k = 0; k < list->survey.kept_count; k++)
			if (list->survey.kept[k].version == info->pinned[i])
				info->pinned_bytes += list->survey.kept[k].held;
}

static void list_find_queue(const struct list *list, struct stele_subscriber_info *info)
{
	const struct notifier *notifier = notifier_of_name(info->notifier);
	struct channel channel = {.names = &list->region->names, .index = info->slot, .fd = -1};
	uint64_t waiting;
	uid_t owner;

	if (!notifier || !notifier->stat)
		return;
	memcpy(channel.uuid, info->uuid, sizeof(channel.uuid));
	if (notifier->stat(&channel, &waiting, &owner) < 0)
		return;
	info->queued = (int64_t)waiting;
	info->user = owner;
}

static void list_find_notices(const struct list *list, struct stele_subscriber_info *info)
{
	struct layout_notices notices;
	off_t at = LAYOUT_NOTICES_OFFSET + (off_t)info->slot * (off_t)sizeof(notices);

	if (list->publisher < 0)
		return;
	info->counted = true;
	/* There is no entry for a subscriber before the first notice to it. */
	if (pread(list->publisher, &notices, sizeof(notices), at) != (ssize_t)sizeof(notices) ||
	    memcmp(notices.uuid, info->uuid, sizeof(info->uuid)) != 0)
		return;
	info->sent = notices.sent;
	info->coalesced = notices.coalesced;
	info->dropped = notices.dropped;
}

/* ---- the list ---- */

/* Surveys the region for the memory that kept versions hold. Skips the walk if no version below
 * history is kept. */
static int list_survey_kept(const char *name, struct list *list)
{
	struct survey_options options = {0};
	const struct region *region = list->region;
	uint64_t reclaimed = load_acquire(&region->header->reclaimed);
	bool any = false;

	for (uint32_t i = 0; i < region->kept_entries; i++) {
		uint64_t version = load_relaxed(&region->kept[i].version);
		any |= version != 0 && version < reclaimed;
	}
	return any ? verify_survey(name, list->region, &options, &list->survey) : 0;
}

static int list_slots(struct list *list, stele_subscriber_fn *each, void *context)
{
	uint32_t used = slots_used(&list->slots), again = QUERIES_AGAIN;
	struct slots_set taken = {0}, held;
	uint64_t queried;
	int count = 0;

	/* Load the states before the locks are queried: a slot that is claimed afterwards is not
	 * listed. */
	for (uint32_t i = 0; i < used; i++)
		if (load_acquire_32(&list->slots.slot[i].state) == LAYOUT_SLOT_TAKEN)
			slots_set_add(&taken, i);
	queried = clock_realtime();
	slots_find_held(&list->slots, used, &held);
	for (uint32_t i = 0; i < used; i++) {
		struct stele_subscriber_info info;
		if (!slots_set_has(&taken, i) ||
		    load_acquire_32(&list->slots.slot[i].state) != LAYOUT_SLOT_TAKEN)
			continue;
		list_read_slot(list, i, slots_set_has(&held, i), &info);
		/* The slot has another owner since. */
		if (!info.alive && info.since >= queried && again > 0) {
			again--;
			info.alive = slots_alive(&list->slots, i);
		}
		if (mapping_lost(&list->slots.mapping))
			return error_set(EBADMSG, "the subscribers file %s was truncated",
			                 list->region->names.subscribers);
		list_find_behind(list, &info);
		list_find_busy(list, &info);
		list_find_pinned(list, &info);
		list_find_queue(list, &info);
		list_find_notices(list, &info);
		each(&info, context);
		count++;
	}
	return count;
}

static int list_open(const char *name, struct list *list)
{
	const struct region_paths *names = &list->region->names;
	struct stat status;
	int r;

	if (names->saved)
		return error_set(ENOTSUP, "%s is a saved file, which has no subscribers",
		                 names->data);
	r = slots_open(names, list->region->uuid, list->region->status.st_uid, true, &list->slots);
	if (r < 0)
		return r;
	list->head = head_version(load_acquire(&list->region->header->head));
	if (file_open(names->publisher, false, LAYOUT_NOTICES_OFFSET, &list->publisher, &status) <
	    0)
		list->publisher = -1;
	/* Without the survey only the sizes of kept versions are missing. */
	if (list_survey_kept(name, list) < 0)
		list->survey = (struct survey){0};
	return 0;
}

int stele_region_subscribers(const char *region, stele_subscriber_fn *each, void *context)
{
	struct list list = {.publisher = -1};
	struct region_paths names;
	int r = paths_make_readable(region, &names);

	if (r == 0)
		r = region_open_shared(&names, true, &list.region);
	if (r < 0)
		return r;
	r = list_open(region, &list);
	if (r == 0) {
		r = list_slots(&list, each, context);
		survey_free(&list.survey);
		slots_close(&list.slots);
		if (list.publisher >= 0)
			close(list.publisher);
	}
	region_unshare(list.region);
	return r;
}
