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

/* Returns the mask of the futex waiters that the notice concerns (notifier_futex_wake()). */
uint32_t notice_mask(const struct notice *notice);

/* Which futex waiters were served lately: those of `mask`, since the time of day `at`. */
struct notice_recent {
	uint64_t at;
	uint32_t mask;
};

/* Returns true if all futex waiters that the notice concerns were served less than `interval`
 * nanoseconds before the notice. Returns false for a notice to everybody. */
bool notice_recent_covers(const struct notice_recent *recent, const struct notice *notice,
                          uint64_t interval);

/* Records that the futex waiters of this notice are served. */
void notice_recent_add(struct notice_recent *recent, const struct notice *notice,
                       uint64_t interval);

#endif
