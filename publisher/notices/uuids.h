/* SPDX-License-Identifier: MIT
 *
 * A set of uuids: a hash table whose function is chosen at random, so that forged uuids can't be
 * chosen to collide.
 *
 * Used by reap.c, and by a cleanup. */
#ifndef PUBLISHER_NOTICES_UUIDS_H
#define PUBLISHER_NOTICES_UUIDS_H

#include <stdbool.h>
#include <stdint.h>

struct uuids_entry {
	uint64_t words[2];
	bool guarded;   /* what belongs to it stays */
	bool postponed; /* whether it does is not known yet */
};

struct uuids {
	struct uuids_entry *entries;
	uint32_t *table; /* numbers of entries and one; 0: none */
	uint32_t count, capacity, mask;
	uint64_t factors[2];
};

/* Frees with uuids_free(), also after -ENOMEM. 0 or -ENOMEM. */
int uuids_new(struct uuids *uuids);
void uuids_free(struct uuids *uuids);

/* The entry of a uuid, which is added if it is not there: NULL without memory. */
struct uuids_entry *uuids_add(struct uuids *uuids, const uint8_t uuid[16]);
/* The entry of a uuid, or NULL. */
struct uuids_entry *uuids_find(const struct uuids *uuids, const uint8_t uuid[16]);

#endif
