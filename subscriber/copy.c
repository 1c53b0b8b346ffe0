/* SPDX-License-Identifier: MIT
 *
 * Copies of rows of the newest version, from tables that the caller names in each call. The
 * subscriber remembers a live table (subscriber/live.c) for each name and expected schema. */
#include <errno.h>
#include <stdlib.h>

#include "lib/base/error.h"
#include "subscriber/live.h"
#include "subscriber/named.h"
#include "subscriber/state.h"

/* Opens a live table, and remembers it in the entry, whose key is cleared. The entry stays cleared
 * if that fails. Returns 0 or an error of stele_live_open(). */
static int copy_open(struct stele_subscriber *subscriber, const char *name,
                     const struct stele_schema *expected, struct named_live *entry)
{
	int r = expected ? stele_schema_check(expected) : 0;

	if (r < 0)
		return r;
	r = named_key_set(&entry->key, name, expected);
	if (r == -ENOMEM)
		return error_set(ENOMEM, "no memory for a copy of the schema of table \"%s\"",
		                 name);
	if (r < 0)
		return region_table_error(subscriber->region, name, 0);
	r = live_open(subscriber, name, entry->key.copy ? entry->key.copy : expected, &entry->live);
	if (r < 0)
		named_key_clear(&entry->key);
	return r;
}

/* Returns the entry of guess number `way`, or NULL. */
static inline struct named_live *copy_guess(const struct named_lives *lives, unsigned hash,
                                            unsigned way)
{
	unsigned guess = named_hint(&lives->hints, hash, way);

	return guess > 0 ? lives->entries[guess - 1] : NULL;
}

/* Fast path of copy_remember(): finds the live table that the subscriber remembers. Returns NULL if
 * it remembers none, or only with a copy of the schema. */
static inline struct named_live *copy_find(struct stele_subscriber *subscriber, const char *name,
                                           const struct stele_schema *expected)
{
	struct named_lives *lives = subscriber->lives;
	unsigned hash = named_hash(name, expected);

	for (unsigned way = 0; lives && way < NAMED_WAYS; way++) {
		struct named_live *entry = copy_guess(lives, hash, way);
		if (entry && named_key_is_fast(&entry->key, name, expected))
			return entry;
	}
	return NULL;
}

/* Slow path of copy_find(): looks at all entries, and compares schemas with their copies. Returns
 * NULL if the subscriber does not remember the table. */
static struct named_live *copy_search(const struct named_lives *lives, const char *name,
                                      const struct stele_schema *expected)
{
	unsigned hash = named_text_hash(name, expected);

	for (unsigned way = 0; way < NAMED_WAYS; way++) {
		struct named_live *entry = copy_guess(lives, hash, way);
		if (entry && named_key_is(&entry->key, name, expected))
			return entry;
	}
	for (unsigned i = 0; i < NAMED_MAX && lives->entries[i]; i++)
		if (named_key_is(&lives->entries[i]->key, name, expected))
			return lives->entries[i];
	return NULL;
}

/* Remembers a live table that was opened: in a new entry, or else in place of the one that was
 * opened first. Returns NULL if there is no memory. */
static struct named_live *copy_add(struct named_lives *lives, const struct named_live *opened)
{
	unsigned index = 0;

	while (index < NAMED_MAX && lives->entries[index])
		index++;
	if (index == NAMED_MAX) {
		index = lives->next;
		lives->next = (lives->next + 1) % NAMED_MAX;
		named_key_clear(&lives->entries[index]->key);
	} else {
		lives->entries[index] = malloc(sizeof(*opened));
		if (!lives->entries[index])
			return NULL;
	}
	*lives->entries[index] = *opened;
	lives->entries[index]->index = index;
	return lives->entries[index];
}

/* Finds the live table that copy_find() did not find, or opens one, and remembers where it is.
 * Returns 0 or a negative errno. */
static __attribute__((noinline)) int copy_remember(struct stele_subscriber *subscriber,
                                                   const char *name,
                                                   const struct stele_schema *expected,
                                                   struct named_live **ret)
{
	struct named_live opened = {0};
	int r = subscriber_check(subscriber);

	if (r < 0)
		return r;
	if (!subscriber->lives)
		subscriber->lives = calloc(1, sizeof(*subscriber->lives));
	if (!subscriber->lives)
		return error_set(ENOMEM, "no memory for the live tables of a subscriber");
	*ret = copy_search(subscriber->lives, name, expected);
	if (!*ret) {
		r = copy_open(subscriber, name, expected, &opened);
		if (r < 0)
			return r;
		*ret = copy_add(subscriber->lives, &opened);
	}
	if (!*ret) {
		named_key_clear(&opened.key);
		return error_set(ENOMEM, "no memory for the live table \"%s\"", name);
	}
	named_hints_set(&subscriber->lives->hints, name, expected, (*ret)->index);
	return 0;
}

int stele_subscriber_get_copy(struct stele_subscriber *subscriber, const char *name,
                              const struct stele_schema *expected, const void *key,
                              unsigned key_bits, void *buffer, size_t *size, uint64_t *ret_version)
{
	struct named_live *entry = copy_find(subscriber, name, expected);
	int r = entry ? 0 : copy_remember(subscriber, name, expected, &entry);

	return r < 0 ? r
	             : stele_live_get_copy(&entry->live, key, key_bits, buffer, size, ret_version);
}

int stele_subscriber_match_copy(struct stele_subscriber *subscriber, const char *name,
                                const struct stele_schema *expected, const void *key,
                                unsigned key_bits, void *buffer, size_t *size,
                                unsigned *ret_key_bits, uint64_t *ret_version)
{
	struct named_live *entry = copy_find(subscriber, name, expected);
	int r = entry ? 0 : copy_remember(subscriber, name, expected, &entry);

	return r < 0 ? r
	             : stele_live_match_copy(&entry->live, key, key_bits, buffer, size,
	                                     ret_key_bits, ret_version);
}
