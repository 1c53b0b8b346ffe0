/* SPDX-License-Identifier: MIT
 *
 * Pins and snapshots. The other half of this protocol, the publisher's, is
 * publisher/memory/reclaim.h.
 *
 *   to pin   load head; store the version in a pin of the own slot; full fence; load oldest. If
 *            oldest is above the version, begin again. The publisher first stores oldest, and then
 *            scans the pins. So either the scan sees this pin, or this load sees the new oldest.
 *   to read  read; acquire fence; check that the version is not below reclaimed, or is kept
 *            (region_recheck())
 *
 * A pin in a slot is only a request. Which versions are kept is written in the region, to which no
 * subscriber can write.
 */
#include "subscriber/snapshot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/base/fork.h"
#include "lib/trie/scan.h"
#include "subscriber/move.h"
#include "subscriber/registration.h"
#include "lib/region/position.h"
#include "subscriber/retry.h"

int snapshot_recheck(const struct stele_snapshot *snapshot)
{
	const struct region *region = snapshot->region;
	uint32_t *shared = (uint32_t *)(uintptr_t)&snapshot->kept_hint;
	uint32_t hint = __atomic_load_n(shared, __ATOMIC_RELAXED), used = hint;
	int r;

	/* Version 0 has no tables, so nothing was read. */
	if (snapshot->version == 0)
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

/* Returns the index of the pin for a version: the pin that holds it already, or else a free one.
 * -EMFILE if there is neither. */
static int snapshot_pin_index(const struct stele_subscriber *subscriber, uint64_t version)
{
	unsigned used = subscriber->pins_used;

	for (unsigned left = used; left != 0; left &= left - 1) {
		int index = __builtin_ctz(left);

		if (subscriber->pins[index].version == version)
			return index;
	}
	return used == (1u << LAYOUT_PINS) - 1 ? -EMFILE : __builtin_ctz(~used);
}

/* Drops one use of a pin, and clears the pin after the last use. */
static void snapshot_unpin(struct stele_subscriber *subscriber, int index)
{
	if (index < 0 || !subscriber->registered || --subscriber->pins[index].users > 0)
		return;
	subscriber->pins_used &= ~(1u << index);
	/* Release, so that all reads under the pin come before this store. The other end is the
	 * acquire fence in pins_collect(): a publisher that finds this pin cleared reuses the
	 * memory only after those reads. */
	store_release(&subscriber->slot->pins[index], 0);
}

/* Pins a version. Returns the index of the pin; -EMFILE; or -ESTALE, if history has moved past the
 * version. Sets no message for -ESTALE. */
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
	subscriber->pins_used |= 1u << index;
	subscriber->pins[index].version = version;
	store_relaxed(&subscriber->slot->pins[index], version);
	/* The contract with reclaim: the store of the pin comes before the load of oldest. */
	fence_full();
	if (load_relaxed(&header->oldest) <= version)
		return index;
	snapshot_unpin(subscriber, index);
	return -ESTALE;
}

/* ---- snapshots ---- */

/* Returns the commit time of a version that is no longer in the commit ring, from another open
 * snapshot of that version. Returns 0 if there is none. */
static uint64_t snapshot_find_time(const struct stele_snapshot *snapshot)
{
	const struct stele_snapshot *other = snapshot->subscriber->snapshots;

	while (other && (other->version != snapshot->version ||
	                 memcmp(other->region->uuid, snapshot->region->uuid, 16) != 0))
		other = other->next;
	return other ? other->time : 0;
}

/* Finds the catalog and the record of the snapshot's version: in the commit ring, or in the table
 * of kept versions if the publisher has moved the version there. A registered subscriber has pinned
 * the version before. Returns 0 or -ESTALE. */
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
		/* The contract with reclaim_kept_remove() and reclaim_kept_grant(): the publisher
		 * clears an entry's version, fences, and then fills the entry for another version.
		 * So if a load before this fence saw the other version's references, the load after
		 * it does not see this version. */
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
	return region_version_error(subscriber->region, version,
	                            head_version(subscriber_head(subscriber)));
}

/* Pins a version, and finds its catalog. Returns 0; -ESTALE, without an error message as the caller
 * may try again, if the version was reclaimed meanwhile; or another error. */
static int snapshot_load_version(struct stele_snapshot *snapshot, uint64_t version)
{
	struct stele_subscriber *subscriber = snapshot->subscriber;
	int r;

	snapshot->region = subscriber->region;
	snapshot->moves = subscriber->moves;
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
	/* Take the view after loading head, so that the view covers all objects of the version. */
	region_view(subscriber->region, &snapshot->view);
	if (r < 0) {
		snapshot_unpin(subscriber, snapshot->pin);
		snapshot->pin = -1;
	}
	return r;
}

/* Pins and finds the newest version. Tries again if the publisher reclaims it meanwhile. */
static int snapshot_load_newest(struct stele_snapshot *snapshot)
{
	struct stele_subscriber *subscriber = snapshot->subscriber;
	/* A try fails only if the publisher commits as many versions as history holds between two
	 * loads of the try. That is rare, but may happen to several tries in a row. */
	struct retry retry = {.max_tries = 1000};
	int r;

	do {
		r = snapshot_load_version(snapshot, subscriber_newest(subscriber));
		if (r != -ESTALE)
			return r;
		if (region_lost(subscriber->region))
			return region_error(subscriber->region, -EBADMSG, snapshot->version);
	} while (retry_again(&retry, subscriber->region));
	return retry_error(&retry, subscriber->region, snapshot->version);
}

static inline void snapshot_link(struct stele_snapshot *snapshot, struct stele_snapshot **list)
{
	snapshot->next = *list;
	snapshot->link = list;
	if (snapshot->next)
		snapshot->next->link = &snapshot->next;
	/* Release, for subscriber_lock(), which loads subscriber->lent. */
	__atomic_store_n(list, snapshot, __ATOMIC_RELEASE);
}

static inline void snapshot_unlink(struct stele_snapshot *snapshot)
{
	if (snapshot->next)
		snapshot->next->link = snapshot->link;
	__atomic_store_n(snapshot->link, snapshot->next, __ATOMIC_RELEASE);
}

/* Opens a snapshot in the memory at `snapshot`. */
static int snapshot_load(struct stele_snapshot *snapshot, uint64_t version)
{
	struct stele_subscriber *subscriber = snapshot->subscriber;
	int r;

	if (version == 0) {
		r = snapshot_load_newest(snapshot);
	} else if (version > subscriber_newest(subscriber)) {
		r = snapshot_version_error(subscriber, version);
	} else {
		r = snapshot_load_version(snapshot, version);
		if (r == -ESTALE)
			r = snapshot_version_error(subscriber, version);
	}
	if (r == 0 && region_lost(subscriber->region)) {
		snapshot_unpin(subscriber, snapshot->pin);
		r = region_error(subscriber->region, -EBADMSG, snapshot->version);
	}
	if (r < 0)
		return r;
	region_share(snapshot->region);
	snapshot_link(snapshot, &subscriber->snapshots);
	return 0;
}

int stele_snapshot_open(struct stele_subscriber *subscriber, uint64_t version,
                        struct stele_snapshot **ret)
{
	struct stele_snapshot *snapshot;
	bool locked;
	int r = subscriber_check(subscriber);

	if (r < 0)
		return r;
	subscriber_count_read(subscriber);
	snapshot = subscriber->spare ? subscriber->spare : calloc(1, sizeof(*snapshot));
	if (!snapshot)
		return error_set(ENOMEM, "no memory for a snapshot");
	subscriber->spare = NULL;
	memset(snapshot, 0, offsetof(struct stele_snapshot, named));
	snapshot->subscriber = subscriber;
	snapshot->references = 1;
	snapshot->named.serial++;
	locked = subscriber_lock(subscriber);
	r = snapshot_load(snapshot, version);
	subscriber_unlock(subscriber, locked);
	if (r < 0) {
		subscriber->spare = snapshot;
		return r;
	}
	if (subscriber->registered)
		store_relaxed(&subscriber->slot->seen, snapshot->version);
	*ret = snapshot;
	return 0;
}

/* Releases what a snapshot without references holds. The caller frees it. Inlined: this is most of
 * a close. */
static inline __attribute__((always_inline)) void snapshot_release(struct stele_snapshot *snapshot)
{
	struct stele_subscriber *subscriber = snapshot->subscriber;

	if (subscriber->forks == fork_count())
		snapshot_unpin(subscriber, snapshot->pin);
	region_unshare(snapshot->region);
	/* Last: once the list of lent snapshots is empty, the subscriber's thread uses the pins
	 * without the lock (subscriber_lock()). */
	snapshot_unlink(snapshot);
}

/* Drops a reference. Returns true if it was the last one. Release, so that this thread's reads
 * come before the pin is cleared, which may happen in another thread; acquire, for that thread. */
static bool snapshot_drop(struct stele_snapshot *snapshot)
{
	return __atomic_fetch_sub(&snapshot->references, 1, __ATOMIC_ACQ_REL) == 1;
}

/* Closes a snapshot to which other threads may hold references: leaves it to them. */
static void snapshot_lend(struct stele_snapshot *snapshot)
{
	struct stele_subscriber *subscriber = snapshot->subscriber;
	bool last, forked = subscriber->forks != fork_count();

	subscriber->lends = true;
	if (!forked)
		pthread_mutex_lock(&subscriber->lock);
	snapshot_unlink(snapshot);
	snapshot_link(snapshot, &subscriber->lent);
	last = snapshot_drop(snapshot);
	if (last)
		snapshot_release(snapshot);
	if (!forked)
		pthread_mutex_unlock(&subscriber->lock);
	if (last)
		snapshot_free(snapshot);
}

struct stele_snapshot *stele_snapshot_close(struct stele_snapshot *snapshot)
{
	struct stele_subscriber *subscriber;
	bool locked;

	if (!snapshot)
		return NULL;
	subscriber = snapshot->subscriber;
	/* Acquire: the reads of threads that have dropped their references come before. */
	if (__atomic_load_n(&snapshot->references, __ATOMIC_ACQUIRE) > 1) {
		snapshot_lend(snapshot);
		return NULL;
	}
	locked = subscriber_lock(subscriber);
	snapshot_release(snapshot);
	subscriber_unlock(subscriber, locked);
	snapshot_free(subscriber->spare);
	subscriber->spare = snapshot;
	return NULL;
}

struct stele_snapshot *stele_snapshot_ref(struct stele_snapshot *snapshot)
{
	__atomic_fetch_add(&snapshot->references, 1, __ATOMIC_RELAXED);
	return snapshot;
}

struct stele_snapshot *stele_snapshot_unref(struct stele_snapshot *snapshot)
{
	struct stele_subscriber *subscriber;
	bool locked, last;

	if (!snapshot || !snapshot_drop(snapshot))
		return NULL;
	/* The snapshot was closed before, so it is lent. */
	subscriber = snapshot->subscriber;
	locked = subscriber_lock(subscriber);
	snapshot_release(snapshot);
	last = subscriber->closed && !subscriber->lent;
	subscriber_unlock(subscriber, locked);
	snapshot_free(snapshot);
	if (last)
		registration_dispose(subscriber);
	return NULL;
}

uint64_t stele_snapshot_version(const struct stele_snapshot *snapshot)
{
	return snapshot->version;
}

void stele_snapshot_position(const struct stele_snapshot *snapshot, struct stele_position *ret)
{
	position_fill(snapshot->region->uuid, snapshot->version, ret);
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
	/* The first key after a name is the name with a NUL appended. */
	memcpy(key, name, length);
	key[length] = 0;
	r = scan_seek(&scan, &snapshot->view, catalog_layout(snapshot->view.features),
	              snapshot->catalog, key, (unsigned)(length + 1) * 8);
	if (r == 0)
		r = scan_next(&scan, &row);
	/* Refuse a name that does not sort after the last one, so that a loop over all tables ends
	 * in a damaged region too. */
	if (r == 1 &&
	    (catalog_row(&snapshot->view,
	                 row_ref(&snapshot->view, catalog_layout(snapshot->view.features), &row),
	                 found, &table) < 0 ||
	     strcmp(found, name) <= 0))
		r = -EBADMSG;
	r = snapshot_result(snapshot, r);
	if (r == 1)
		memcpy(name, found, strlen(found) + 1);
	return r;
}
