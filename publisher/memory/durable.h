/* SPDX-License-Identifier: MIT
 *
 * Makes a region on a disk survive a power cut. The kernel writes the pages of a mapped file at any
 * time and in any order, so after a power cut the file's head says nothing about the rest of the
 * file. Two checksummed records, which are written in turn, describe the state on the disk. The
 * newest valid record counts. The order of the writes is:
 *
 *   to commit   (with LAYOUT_DURABLE_COMMIT) rows, nodes and the ring entry; sync; the record;
 *               sync; only then head. So no reader sees a version that a power cut undoes
 *   to reclaim  oldest and reclaimed; a record with the new oldest; sync; only then reuse memory or
 *               ring entries, because the versions of an older record reach them
 *
 * A publisher that dies before it stores head has committed nothing, but its record may already be
 * on the disk. So the next publisher writes a record of what it found before it reuses anything.
 *
 * Without LAYOUT_DURABLE_COMMIT there is no valid record while a publisher is attached; closing the
 * publisher writes one, after everything else. A file of an earlier boot without a valid record was
 * not closed and is refused.
 *
 * Pins do not survive a reboot. In memory (tmpfs) a sync costs nothing, so there is no special
 * case.
 *
 * Called by an attach, by the publisher's state, by the commit, by a compaction and by the
 * close. */
#ifndef PUBLISHER_MEMORY_DURABLE_H
#define PUBLISHER_MEMORY_DURABLE_H

#include "lib/region/region.h"

struct durable {
	/* Number of the last record written. */
	uint64_t sequence;
	bool each_commit; /* LAYOUT_DURABLE_COMMIT */
};

/* For a file of an earlier boot: sets the mutable part of the header from the file's newest valid
 * record. The caller holds the locks of an attach. Returns 0. Errors: -EUCLEAN (there is no valid
 * record), and those of reading the boot id. */
int durable_adopt(struct region *region);

/* Starts durability after recovery and before any memory is reused: writes a record of what was
 * found, or, without LAYOUT_DURABLE_COMMIT, makes the old records invalid. Returns 0 or the error
 * of a failed sync, such as -EIO, as all functions below do. */
int durable_start(struct durable *durable, struct region *region);

/* Writes the record of a version whose data is already on the disk, and syncs the record. */
int durable_record(struct durable *durable, struct region *region, uint64_t version);

/* Brings a version to the disk: syncs its data, then its record. The caller stores head
 * afterwards. */
int durable_commit(struct durable *durable, struct region *region, uint64_t version);

/* Brings `reclaimed`, which the caller has stored, to the disk. The caller reuses memory only
 * afterwards. Does nothing without LAYOUT_DURABLE_COMMIT. */
int durable_reclaim(struct durable *durable, struct region *region);

/* Writes the record of a closed region, after everything else was written. With
 * LAYOUT_DURABLE_COMMIT that record exists already. */
int durable_finish(struct durable *durable, struct region *region);

#endif
