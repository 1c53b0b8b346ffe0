/* SPDX-License-Identifier: MIT
 *
 * A region on a disk after a power cut. The system writes the pages of a mapped file when it likes
 * and in any order, so what counts is not what the file's head says, but the newest of two
 * checksummed records, which are written in turn:
 *
 *   to commit   (with LAYOUT_DURABLE_COMMIT) rows, nodes and the ring entry; sync; the record; sync;
 *               only then head. So no reader sees a version that a power cut takes back
 *   to reclaim  oldest and reclaimed; the record, which says so; sync; only then reuse memory or ring
 *               entries, as an older record's versions reach them
 *
 * What a dead publisher had in hand is no version, but its record may be on the disk already: so the
 * next one writes a record of what it found before it reuses anything. Without
 * LAYOUT_DURABLE_COMMIT there is no valid record while a publisher is attached; its close writes
 * one, after everything else. A file of another boot that has none was not closed, and is not
 * believed.
 *
 * Pins do not outlive a boot. In memory (tmpfs) a sync costs nothing and is done all the same.
 *
 * Called by an attach, by the commit, by a compaction and by the close. */
#ifndef PUBLISHER_MEMORY_DURABLE_H
#define PUBLISHER_MEMORY_DURABLE_H

#include "lib/region/region.h"

struct durable {
	uint64_t sequence; /* of the last record */
	bool each_commit;  /* LAYOUT_DURABLE_COMMIT */
};

/* Makes the changing part of a file of an earlier boot what its record says: 0; or -ESTALE: there
 * is no record to believe. Under the attachment's locks. */
int durable_adopt(struct region *region);

/* After recovery, before anything is reused. 0, or -EIO and the like, like all below. */
int durable_start(struct durable *durable, struct region *region);

/* Writes a record of a version, which is on the disk but for this, and brings it there. */
int durable_record(struct durable *durable, struct region *region, uint64_t version);

/* Brings a version to the disk, before head is stored. */
int durable_commit(struct durable *durable, struct region *region, uint64_t version);

/* Brings `reclaimed`, which was stored, to the disk, before anything is reused. */
int durable_reclaim(struct durable *durable, struct region *region);

/* At the end of an attachment, when everything is written. */
int durable_finish(struct durable *durable, struct region *region);

#endif
