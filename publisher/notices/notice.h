/* SPDX-License-Identifier: MIT
 *
 * What subscribers are told of a commit. The commit fills in which tables changed; notify.c merges
 * notices that wait for its thread; fanout.c asks which subscribers one is for. */
#ifndef PUBLISHER_NOTICES_NOTICE_H
#define PUBLISHER_NOTICES_NOTICE_H

#include <stdbool.h>
#include <stdint.h>
#include "lib/layout.h"

#define NOTICE_TABLES 16u
#define NOTICE_ANY    (NOTICE_TABLES + 1)

/* What subscribers are told of. */
struct notice {
	uint64_t version;
	uint64_t time;   /* of day, of the commit */
	bool everybody;  /* also who was told already, or named other tables */
	uint32_t tables; /* that changed; NOTICE_ANY: not known which */
	uint64_t hashes[NOTICE_TABLES];
};

/* Says that a table changed, by the hash of its name. */
void notice_add(struct notice *notice, uint64_t hash);
/* Merges `later` into `notice`. */
void notice_merge(struct notice *notice, const struct notice *later);

/* Whether a subscriber waits for what a notice is of. */
bool notice_concerns(const struct notice *notice, const struct layout_slot *slot);

/* Returns the futex's waiters that a notice is for. */
uint32_t notice_mask(const struct notice *notice);

#endif
