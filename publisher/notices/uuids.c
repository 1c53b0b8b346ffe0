/* SPDX-License-Identifier: MIT */
#include "publisher/notices/uuids.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* Entries of a new set. */
#define CAPACITY_FIRST 16u

/* Hashes a uuid by multiplying and shifting. With random factors two uuids collide no more often
 * than random numbers do, even if they were chosen to. The result is the high bits of the product,
 * because the high bits of a factor have no effect on the low ones. */
static uint32_t uuids_hash(const struct uuids *uuids, const uint64_t words[2])
{
	uint64_t hash = words[0] * uuids->factors[0];

	hash = (hash ^ hash >> 32 ^ words[1]) * uuids->factors[1];
	return (uint32_t)(hash >> 32 >> __builtin_clz(uuids->mask));
}

/* Returns the place of a uuid in the table, or the free place for it. */
static uint32_t *uuids_place(const struct uuids *uuids, const uint64_t words[2])
{
	uint32_t place = uuids_hash(uuids, words);

	while (uuids->table[place] != 0 &&
	       memcmp(uuids->entries[uuids->table[place] - 1].words, words, 16) != 0)
		place = (place + 1) & uuids->mask;
	return &uuids->table[place];
}

/* Sets the capacity, with a table of twice as many places. Returns 0 or -ENOMEM. */
static int uuids_resize(struct uuids *uuids, uint32_t capacity)
{
	struct uuids_entry *entries = realloc(uuids->entries, capacity * sizeof(*entries));
	uint32_t *table = calloc(capacity * 2, sizeof(*table));

	if (entries)
		uuids->entries = entries;
	if (!entries || !table) {
		free(table);
		return -ENOMEM;
	}
	free(uuids->table);
	uuids->table = table;
	uuids->capacity = capacity;
	uuids->mask = capacity * 2 - 1;
	for (uint32_t i = 0; i < uuids->count; i++)
		*uuids_place(uuids, uuids->entries[i].words) = i + 1;
	return 0;
}

int uuids_new(struct uuids *uuids)
{
	*uuids = (struct uuids){
		.factors = {UINT64_C(0x9e3779b97f4a7c15), UINT64_C(0xbf58476d1ce4e5b9)}};
	/* Without random numbers the fixed factors still work, but forged uuids may collide. */
	if (getrandom(uuids->factors, sizeof(uuids->factors), GRND_NONBLOCK) > 0) {
		uuids->factors[0] |= 1;
		uuids->factors[1] |= 1;
	}
	return uuids_resize(uuids, CAPACITY_FIRST);
}

void uuids_free(struct uuids *uuids)
{
	free(uuids->entries);
	free(uuids->table);
	*uuids = (struct uuids){0};
}

struct uuids_entry *uuids_add(struct uuids *uuids, const uint8_t uuid[16])
{
	uint64_t words[2];
	uint32_t *place;

	memcpy(words, uuid, sizeof(words));
	place = uuids_place(uuids, words);
	if (*place == 0) {
		if (uuids->count == uuids->capacity) {
			if (uuids->capacity > UINT32_MAX / 8 ||
			    uuids_resize(uuids, uuids->capacity * 2) < 0)
				return NULL;
			place = uuids_place(uuids, words);
		}
		uuids->entries[uuids->count] = (struct uuids_entry){.words = {words[0], words[1]}};
		*place = ++uuids->count;
	}
	return &uuids->entries[*place - 1];
}

struct uuids_entry *uuids_find(const struct uuids *uuids, const uint8_t uuid[16])
{
	uint64_t words[2];
	uint32_t *place;

	memcpy(words, uuid, sizeof(words));
	place = uuids_place(uuids, words);
	return *place ? &uuids->entries[*place - 1] : NULL;
}
