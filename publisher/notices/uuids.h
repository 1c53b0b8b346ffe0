/* SPDX-License-Identifier: MIT
 *
 * A set of uuids, as a hash table. The hash function has a random key, so a process that forges
 * uuids can't make them collide. Used by reap.c, and by the cleaning of a region
 * (publisher/attach/clean.c). */
#ifndef PUBLISHER_NOTICES_UUIDS_H
#define PUBLISHER_NOTICES_UUIDS_H

#include <stdbool.h>
#include <stdint.h>

struct uuids_entry {
	uint64_t words[2]; /* the uuid */
	bool guarded;      /* reap.c: a living subscriber has this uuid, so keep its queue */
	bool postponed;    /* reap.c: not yet known if a living subscriber has this uuid */
};

struct uuids {
	struct uuids_entry *entries;
	uint32_t *table;          /* indexes of entries + 1; 0: none */
	uint32_t count, capacity; /* of the entries */
	uint32_t mask;            /* size of the table, a power of two, - 1 */
	uint64_t key[2];          /* of the hash function */
};

/* Creates an empty set. Returns 0 or -ENOMEM. Call uuids_free() in both cases. */
int uuids_new(struct uuids *uuids);
void uuids_free(struct uuids *uuids);

/* Finds the entry of a uuid, and adds the uuid if it is not in the set. Returns NULL if there is no
 * memory. */
struct uuids_entry *uuids_add(struct uuids *uuids, const uint8_t uuid[16]);

/* Finds the entry of a uuid. Returns NULL if the uuid is not in the set. */
struct uuids_entry *uuids_find(const struct uuids *uuids, const uint8_t uuid[16]);

/* SipHash-2-4 of a uuid (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012). Here for
 * the test of its published values. */
uint64_t uuids_hash(const uint64_t key[2], const uint64_t words[2]);

#endif
