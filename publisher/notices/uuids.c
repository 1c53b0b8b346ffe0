/* SPDX-License-Identifier: MIT */
#include "publisher/notices/uuids.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* Entries of a new set. */
#define CAPACITY_FIRST 16u

static uint64_t uuids_rotate(uint64_t word, unsigned bits)
{
	return word << bits | word >> (64 - bits);
}

/* One round of SipHash. */
static void uuids_mix(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = uuids_rotate(v[1], 13) ^ v[0];
	v[0] = uuids_rotate(v[0], 32);
	v[2] += v[3];
	v[3] = uuids_rotate(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = uuids_rotate(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = uuids_rotate(v[1], 17) ^ v[2];
	v[2] = uuids_rotate(v[2], 32);
}

/* The hash depends on a secret key. Multiplying by a random factor would not do: uuids that count
 * up stay an arithmetic progression, which for some factors falls into few places of the table. */
uint64_t uuids_hash(const uint64_t key[2], const uint64_t words[2])
{
	uint64_t v[4] = {
		key[0] ^ UINT64_C(0x736f6d6570736575),
		key[1] ^ UINT64_C(0x646f72616e646f6d),
		key[0] ^ UINT64_C(0x6c7967656e657261),
		key[1] ^ UINT64_C(0x7465646279746573),
	};
	const uint64_t blocks[3] = {words[0], words[1], UINT64_C(16) << 56};

	for (unsigned i = 0; i < 3; i++) {
		v[3] ^= blocks[i];
		uuids_mix(v);
		uuids_mix(v);
		v[0] ^= blocks[i];
	}
	v[2] ^= 0xff;
	for (unsigned i = 0; i < 4; i++)
		uuids_mix(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* Returns the place of a uuid in the table, or the free place for it. */
static uint32_t *uuids_place(const struct uuids *uuids, const uint64_t words[2])
{
	uint32_t place = (uint32_t)uuids_hash(uuids->key, words) & uuids->mask;

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
	*uuids = (struct uuids){0};
	/* Without random numbers the set still works, but forged uuids may collide. */
	if (getrandom(uuids->key, sizeof(uuids->key), GRND_NONBLOCK) < 0)
		memset(uuids->key, 0, sizeof(uuids->key));
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
