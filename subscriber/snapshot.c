/* SPDX-License-Identifier: MIT
 *
 * Pins and snapshots. The reader's half of the protocol whose other half is publisher/memory/reclaim.h:
 *
 *   to pin     load head; store the version in the own slot; full fence; look that oldest is not above it, else
 *              again. The store is before the load for everybody, so either the publisher's scan sees the
 *              pin, or this look sees what the publisher stored before the scan.
 *   to read    read; acquire fence; then the version must not be below reclaimed, or be kept (region_recheck)
 *
 * A pin in the slot is a request. What counts is what stands in the region, which no subscriber can
 * write.
 */
#include "subscriber/snapshot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/base/fork.h"
#include "lib/trie/scan.h"
#include "subscriber/move.h"
#include "subscriber/retry.h"

int snapshot_recheck(const struct stele_snapshot *snapshot)
{
	const struct region *region = snapshot->region;
	uint32_t *shared = (uint32_t *)(uintptr_t)&snapshot->kept_hint;
	uint32_t hint = __atomic_load_n(shared, __ATOMIC_RELAXED), used = hint;
	int r;

	if (snapshot->version == 0) /* there is nothing in it */
		return 0;
	r = region_recheck(region, snapshot->version, &hint);
	if (hint != used)
		__atomic_store_n(shared, hint, __ATOMIC_RELAXED);
	return r == 0 ? 0 : region_error(region, r, snapshot->version);
}

int snapshot_result_slow(const struct stele_snapshot *snapshot, int r)
{
	int rechecked = snapshot_recheck(snapshot);

	if (rechecked < 0)
		return rechecked;
	return r == -EBADMSG ? region_error(snapshot->region, r, snapshot->version) : r;
}

/* ---- pins ---- */

/* The place of a version's pin: one that has it, or a free one, or -EMFILE. */
static int snapshot_pin_index(const struct stele_subscriber *subscriber, uint64_t version)
{
	int index = -EMFILE;

	for (int i = (int)LAYOUT_PINS; i-- > 0;) {
		if (subscriber->pins[i].users > 0 && subscriber->pins[i].version == version)
			return i;
		if (subscriber->pins[i].users == 0)
			index = i;
	}
	return index;
}

static void snapshot_unpin(struct stele_subscriber *subscriber, int index)
{
	if (index < 0 || !subscriber->registered || --subscriber->pins[index].users > 0)
		return;
	/* Release: all that was read under the pin was read before. The other end is the acquire fence in
	 * pins_collect(): a publisher that finds this pin cleared reuses memory after those reads. */
	store_release(&subscriber->slot->pins[index], 0);
}

/* Asks for a version to be kept: the place of the pin, -ENOENT (history has moved past it), or
 * -EMFILE. */
static int snapshot_pin(struct stele_subscriber *subscriber, uint64_t version)
{
	const struct layout_header *header = subscriber->region->header;
	int index = snapshot_pin_index(subscriber, version);

	if (index < 0)
		return error_set(
			EMFILE,
			"this subscriber of region \"%s\" pins %u versions already; close a snapshot",
			subscriber->region->names.region, LAYOUT_PINS);
	if (subscriber->pins[index].users++ > 0)
		return index;
	subscriber->pins[index].version = version;
	store_relaxed(&subscriber->slot->pins[index], version);
	/* The contract with reclaim: this store is before the load of oldest. */
	fence_full();
	if (load_relaxed(&header->oldest) <= version)
		return index;
	snapshot_unpin(subscriber, index);
	return -ENOENT;
}

/* ---- snapshots ---- */

/* The time of a version that is no longer in the ring, if another snapshot of it knows it. */
static uint64_t snapshot_find_time(const struct stele_snapshot *snapshot)
{
	const struct stele_snapshot *other = snapshot->subscriber->snapshots;

	while (other && other->version != snapshot->version)
		other = other->next;
	return other ? other->time : 0;
}

/* Finds the root and the record of a version that is pinned, or of any if none can be: in the ring,
 * or, once the publisher has moved it there, in kept. 0 or -ESTALE. */
static int snapshot_find_root(struct stele_snapshot *snapshot)
{
	const struct region *region = snapshot->region;
	struct layout_commit commit;
	int r = region_commit(region, snapshot->version, &commit);

	snapshot->catalog = commit.catalog;
	snapshot->record = commit.record;
	snapshot->time = commit.time;
	fence_acquire();
	if (r == 0 && snapshot->version >= load_acquire(&region->header->reclaimed))
		return 0;
	if (r < 0)
		snapshot->time = snapshot_find_time(snapshot);
	for (uint32_t i = 0; i < region->kept_entries; i++) {
		if (load_acquire(&region->kept[i].version) != snapshot->version)
			continue;
		snapshot->catalog = data_load_32(&region->kept[i].catalog);
		snapshot->record = data_load_32(&region->kept[i].record);
		/* The contract with kept_remove() and kept_grant(): the publisher clears an entry's
		 * version, fences, and fills the entry for another version. So if a load before this
		 * fence saw the other root, the load after it does not see this version. */
		fence_acquire();
		if (load_relaxed(&region->kept[i].version) == snapshot->version) {
			snapshot->kept_hint = i;
			return 0;
		}
	}
	return -ESTALE;
}

static int snapshot_version_error(const struct stele_subscriber *subscriber, uint64_t version)
{
	uint64_t head = head_version(subscriber_head(subscriber));

	if (version > head)
		return error_set(ENOENT,
		                 "region \"%s\" has no version %llu yet; the newest is %llu",
		                 subscriber->region->names.region, (unsigned long long)version,
		                 (unsigned long long)head);
	return error_set(ENOENT,
	                 "region \"%s\" does not hold version %llu any more; the oldest is %llu",
	                 subscriber->region->names.region, (unsigned long long)version,
	                 (unsigned long long)load_relaxed(&subscriber->region->header->oldest));
}

/* Pins and finds one version. 0; -ENOENT or -ESTALE: it has gone meanwhile, without an error
 * message, as the caller tries again; or another error. */
static int snapshot_load_version(struct stele_snapshot *snapshot, uint64_t version)
{
	struct stele_subscriber *subscriber = snapshot->subscriber;
	int r;

	snapshot->region = subscriber->region;
	snapshot->version = version;
	snapshot->pin = -1;
	snapshot->kept_hint = 0;
	snapshot->catalog = snapshot->record = 0;
	if (version == 0)
		return 0;
	if (subscriber->registered) {
		r = snapshot_pin(subscriber, version);
		if (r < 0)
			return r;
		snapshot->pin = r;
	}
	r = snapshot_find_root(snapshot);
	/* After head: all that the version reaches is before the end that this finds. */
	region_view(subscriber->region, &snapshot->view);
	if (r < 0) {
		snapshot_unpin(subscriber, snapshot->pin);
		snapshot->pin = -1;
	}
	return r;
}

static int snapshot_load_newest(struct stele_snapshot *snapshot)
{
	struct stele_subscriber *subscriber = snapshot->subscriber;
	/* A publisher that commits a whole history between two loads here is not of this world, but
	 * one try after the other can be unlucky. */
	struct retry retry = {.max_tries = 1000};
	int r;

	do {
		r = snapshot_load_version(snapshot, subscriber_newest(subscriber));
		if (r != -ENOENT && r != -ESTALE)
			return r;
		if (region_lost(subscriber->region))
			return region_error(subscriber->region, -EBADMSG, snapshot->version);
	} while (retry_again(&retry, subscriber->region));
	return retry_error(&retry, subscriber->region, snapshot->version);
}

int stele_snapshot_open(struct stele_subscriber *subscriber, uint64_t version,
                        struct stele_snapshot **ret)
{
	struct stele_snapshot *snapshot;
	int r = subscriber_check(subscriber);

	if (r < 0)
		return r;
	snapshot = subscriber->spare ? subscriber->spare : malloc(sizeof(*snapshot));
	if (!snapshot)
		return error_set(ENOMEM, "no memory for a snapshot");
	subscriber->spare = NULL;
	*snapshot = (struct stele_snapshot){.subscriber = subscriber};
	if (version == 0) {
		r = snapshot_load_newest(snapshot);
	} else if (version > subscriber_newest(subscriber)) {
		r = snapshot_version_error(subscriber, version);
	} else {
		r = snapshot_load_version(snapshot, version);
		if (r == -ENOENT || r == -ESTALE)
			r = snapshot_version_error(subscriber, version);
	}
	if (r == 0 && region_lost(subscriber->region)) {
		snapshot_unpin(subscriber, snapshot->pin);
		r = region_error(subscriber->region, -EBADMSG, snapshot->version);
	}
	if (r < 0) {
		subscriber->spare = snapshot;
		return r;
	}
	region_share(snapshot->region);
	snapshot->next = subscriber->snapshots;
	snapshot->link = &subscriber->snapshots;
	if (snapshot->next)
		snapshot->next->link = &snapshot->next;
	subscriber->snapshots = snapshot;
	if (subscriber->registered)
		store_relaxed(&subscriber->slot->seen, snapshot->version);
	*ret = snapshot;
	return 0;
}

struct stele_snapshot *stele_snapshot_close(struct stele_snapshot *snapshot)
{
	struct stele_subscriber *subscriber;

	if (!snapshot)
		return NULL;
	subscriber = snapshot->subscriber;
	*snapshot->link = snapshot->next;
	if (snapshot->next)
		snapshot->next->link = snapshot->link;
	if (subscriber->forks == fork_count())
		snapshot_unpin(subscriber, snapshot->pin);
	region_unshare(snapshot->region);
	free(subscriber->spare);
	subscriber->spare = snapshot;
	return NULL;
}

uint64_t stele_snapshot_version(const struct stele_snapshot *snapshot)
{
	return snapshot->version;
}

int stele_snapshot_check(const struct stele_snapshot *snapshot)
{
	int r = subscriber_check(snapshot->subscriber);

	return r < 0 ? r : snapshot_recheck(snapshot);
}

int stele_snapshot_next_table(const struct stele_snapshot *snapshot, char *name)
{
	unsigned char key[STELE_NAME_MAX + 1];
	struct catalog_table table;
	char found[STELE_NAME_MAX + 1];
	size_t length = strnlen(name, STELE_NAME_MAX);
	struct scan scan;
	struct row_parts row;
	int r = subscriber_check(snapshot->subscriber);

	if (r < 0)
		return r;
	/* The first key past a name is that name with a NUL behind it. */
	memcpy(key, name, length);
	key[length] = 0;
	r = scan_seek(&scan, &snapshot->view, &catalog_layout, snapshot->catalog, key,
	              (unsigned)(length + 1) * 8);
	if (r == 0)
		r = scan_next(&scan, &row);
	/* Names only rise, so that whoever asks for one after the other comes to an end in a
	 * damaged region, too. */
	if (r == 1 && (catalog_row(&snapshot->view, row_ref(&snapshot->view, &catalog_layout, &row),
	                           found, &table) < 0 ||
	               strcmp(found, name) <= 0))
		r = -EBADMSG;
	r = snapshot_result(snapshot, r);
	if (r == 1)
		memcpy(name, found, strlen(found) + 1);
	return r;
}
