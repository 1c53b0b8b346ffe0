/* SPDX-License-Identifier: MIT
 *
 * A notice: the version of a commit, and which tables it changed. The commit fills it in
 * (tables/finish.c), notify.c merges notices that wait for the notifier thread, and fanout.c asks
 * which subscribers a notice concerns. */
#ifndef PUBLISHER_NOTICES_NOTICE_H
#define PUBLISHER_NOTICES_NOTICE_H

#include <stdbool.h>
#include <stdint.h>
#include "lib/layout.h"

/* Maximum number of tables that a notice can name. */
#define NOTICE_TABLES 16u
/* A value of notice.tables: any table may have changed. */
#define NOTICE_ANY (NOTICE_TABLES + 1)

struct notice {
	uint64_t version;
	uint64_t time; /* time of day of the commit, in nanoseconds */
	/* Notify every armed subscriber, even if its ticket was served already, and whatever tables
	 * it named. */
	bool everybody;
	uint32_t tables; /* number of valid hashes; NOTICE_ANY: any table may have changed */
	/* The bits of all changed tables, of which there may be more than NOTICE_TABLES, in the
	 * mask of notifier_futex_wake(). 0: any table may have changed. */
	uint32_t mask;
	uint64_t hashes[NOTICE_TABLES]; /* of the names of the changed tables */
};

/* Adds a changed table, by the hash of its name. With more than NOTICE_TABLES tables, sets `tables`
 * to NOTICE_ANY. */
void notice_add(struct notice *notice, uint64_t hash);

/* Merges `later` into `notice`. */
void notice_merge(struct notice *notice, const struct notice *later);

/* Returns true if the notice concerns the subscriber of a slot: a table that the slot names has
 * changed, or the slot names none. A subscriber does not change these names while it is armed. If
 * another process overwrites them, only this slot's subscriber misses a notice. */
bool notice_concerns(const struct notice *notice, const struct layout_slot *slot);

/* Returns the mask of the futex waiters that the notice concerns (notifier_futex_wake()). Inlined,
 * as each commit calls it. A version without a changed table concerns those who wait for every
 * version. */
static inline uint32_t notice_mask(const struct notice *notice)
{
	return notice->everybody || notice->mask == 0 ? UINT32_MAX : notice->mask;
}

/* Which futex waiters were served lately: those of `mask`, since the time of day `at`. */
struct notice_recent {
	uint64_t at;
	uint32_t mask;
};

/* Returns true if all futex waiters of a mask were served less than `interval` nanoseconds before
 * `time`. Returns false if the clock was set back, as the difference is huge then. */
static inline bool notice_recent_covers(const struct notice_recent *recent, uint64_t time,
                                        uint32_t mask, uint64_t interval)
{
	return time - recent->at < interval && (mask & ~recent->mask) == 0;
}

/* Records that the futex waiters of a mask are served at `time`. */
static inline void notice_recent_add(struct notice_recent *recent, uint64_t time, uint32_t mask,
                                     uint64_t interval)
{
	if (time - recent->at < interval)
		recent->mask |= mask;
	else
		*recent = (struct notice_recent){.at = time, .mask = mask};
}

#endif
