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

/* Fast path of copy_remember(): finds the live table that the subscriber remembers. Returns NULL if
 * it remembers none, or only with a copy of the schema. */
static inline struct named_live *copy_find(struct stele_subscriber *subscriber, const char *name,
                                           const struct stele_schema *expected)
{
	struct named_lives *lives = subscriber->lives;

	for (unsigned i = 0; lives && i < NAMED_MAX; i++)
		if (named_key_is_fast(&lives->entries[i].key, name, expected))
			return &lives->entries[i];
	return NULL;
}

/* Finds the live table that copy_find() did not find, or opens one in place of the one that was
 * opened first. Returns 0 or a negative errno. */
static __attribute__((noinline)) int copy_remember(struct stele_subscriber *subscriber,
                                                   const char *name,
                                                   const struct stele_schema *expected,
                                                   struct named_live **ret)
{
	struct named_live *entry;
	int r = subscriber_check(subscriber);

	if (r < 0)
		return r;
	if (!subscriber->lives)
		subscriber->lives = calloc(1, sizeof(*subscriber->lives));
	if (!subscriber->lives)
		return error_set(ENOMEM, "no memory for the live tables of a subscriber");
	for (unsigned i = 0; i < NAMED_MAX; i++) {
		*ret = &subscriber->lives->entries[i];
		if (named_key_is(&(*ret)->key, name, expected))
			return 0;
	}
	entry = &subscriber->lives->entries[subscriber->lives->next];
	named_key_clear(&entry->key);
	r = copy_open(subscriber, name, expected, entry);
	if (r < 0)
		return r;
	subscriber->lives->next = (subscriber->lives->next + 1) % NAMED_MAX;
	*ret = entry;
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
