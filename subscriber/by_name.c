/* SPDX-License-Identifier: MIT
 *
 * Tables of a snapshot by their names: opening, and lookups that name the table. A snapshot
 * remembers the tables that it was asked for (subscriber/named.h). */
#include <stdlib.h>

#include "lib/base/atomic.h"
#include "subscriber/snapshot.h"
#include "subscriber/table.h"

/* Returns true if the entry is complete, and of the present opening of the snapshot. */
static inline bool by_name_is_valid(const struct named_tables *tables,
                                    const struct named_table *entry)
{
	/* The contract with by_name_open(): a thread that sees the entry valid sees all of it. */
	return load_acquire(&entry->valid) == tables->serial;
}

/* Returns an entry, or NULL if it is not allocated yet. */
static inline struct named_table *by_name_entry(const struct named_tables *tables, unsigned index)
{
	/* The contract with by_name_place(): a thread that sees the entry sees all of it. */
	return __atomic_load_n(&tables->entries[index], __ATOMIC_ACQUIRE);
}

/* Returns the entry of guess number `way`, or NULL. */
static inline struct named_table *by_name_guess(const struct named_tables *tables, unsigned hash,
                                                unsigned way)
{
	unsigned guess = named_hint(&tables->hints, hash, way);

	return guess > 0 ? by_name_entry(tables, guess - 1) : NULL;
}

/* Fast path of by_name_open(): finds a table that the snapshot remembers. Returns NULL if it does
 * not remember the table, or only with a copy of the schema. */
static inline const struct stele_table *by_name_find(const struct stele_snapshot *snapshot,
                                                     const char *name,
                                                     const struct stele_schema *expected)
{
	const struct named_tables *tables = &snapshot->named;
	unsigned hash = named_hash(name, expected);

	for (unsigned way = 0; way < NAMED_WAYS; way++) {
		const struct named_table *entry = by_name_guess(tables, hash, way);
		if (entry && by_name_is_valid(tables, entry) &&
		    named_key_is_fast(&entry->key, name, expected))
			return &entry->table;
	}
	return NULL;
}

/* Slow path of by_name_find(): looks at all entries, and compares schemas with their copies.
 * Returns NULL if the snapshot does not remember the table. */
static struct named_table *by_name_search(const struct named_tables *tables, const char *name,
                                          const struct stele_schema *expected)
{
	unsigned hash = named_text_hash(name, expected);
	struct named_table *entry;

	for (unsigned way = 0; way < NAMED_WAYS; way++) {
		entry = by_name_guess(tables, hash, way);
		if (entry && by_name_is_valid(tables, entry) &&
		    named_key_is(&entry->key, name, expected))
			return entry;
	}
	for (unsigned i = 0; i < NAMED_MAX && (entry = by_name_entry(tables, i)); i++)
		if (by_name_is_valid(tables, entry) && named_key_is(&entry->key, name, expected))
			return entry;
	return NULL;
}

/* Takes an entry that this opening of the snapshot does not use, so that no other thread reads or
 * writes it. Returns false if there is none to take. */
static bool by_name_lock(const struct named_tables *tables, struct named_table *entry)
{
	uint64_t valid = entry ? load_relaxed(&entry->valid) : NAMED_BUSY;

	return valid != tables->serial && valid != NAMED_BUSY &&
	       __atomic_compare_exchange_n(&entry->valid, &valid, NAMED_BUSY, false,
	                                   __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static void by_name_unlock(struct named_table *entry)
{
	if (entry)
		store_release(&entry->valid, 0);
}

/* Takes an entry: the one that remembers the table from an earlier opening of the snapshot, or else
 * an empty one; or else, if no more can be added, any that this opening does not use. Returns NULL
 * if there is none. */
static struct named_table *by_name_take(struct named_tables *tables, const char *name,
                                        const struct stele_schema *expected)
{
	unsigned i, hash = named_text_hash(name, expected);
	struct named_table *entry, *other = NULL;

	for (unsigned way = 0; way < NAMED_WAYS; way++) {
		entry = by_name_guess(tables, hash, way);
		if (!by_name_lock(tables, entry))
			continue;
		if (named_key_is(&entry->key, name, expected))
			return entry;
		by_name_unlock(entry);
	}
	for (i = 0; i < NAMED_MAX && (entry = by_name_entry(tables, i)); i++) {
		if (!by_name_lock(tables, entry))
			continue;
		by_name_unlock(other);
		if (entry->key.name[0] == '\0' || named_key_is(&entry->key, name, expected))
			return entry;
		other = entry;
	}
	if (i < NAMED_MAX) {
		by_name_unlock(other);
		return NULL;
	}
	if (other)
		named_key_clear(&other->key);
	return other;
}

/* Puts an entry into the first free place. Returns false if there is none. */
static bool by_name_place(struct named_tables *tables, struct named_table *entry)
{
	for (entry->index = 0; entry->index < NAMED_MAX; entry->index++) {
		struct named_table *none = NULL;

		/* The contract with by_name_entry(). */
		if (__atomic_compare_exchange_n(&tables->entries[entry->index], &none, entry, false,
		                                __ATOMIC_RELEASE, __ATOMIC_RELAXED))
			return true;
	}
	return false;
}

/* Remembers a table that was opened in no entry, unless there is no place or no memory for it. */
static void by_name_add(struct named_tables *tables, const char *name,
                        const struct stele_schema *expected, const struct named_table *opened)
{
	struct named_table *entry = malloc(sizeof(*entry));

	if (!entry)
		return;
	*entry = *opened;
	entry->key = (struct named_key){0};
	entry->valid = tables->serial;
	if (named_key_set(&entry->key, name, expected) == 0 && by_name_place(tables, entry)) {
		named_hints_set(&tables->hints, name, expected, entry->index);
		return;
	}
	named_key_clear(&entry->key);
	free(entry);
}

/* Opens a table that by_name_find() did not find, and remembers it where possible. Fills `*ret`.
 * Returns 0 or a negative errno. */
static __attribute__((noinline)) int by_name_open(const struct stele_snapshot *snapshot,
                                                  const char *name,
                                                  const struct stele_schema *expected,
                                                  struct stele_table *ret)
{
	/* The tables are the part of a snapshot that threads write while they share it. */
	struct named_tables *tables = &((struct stele_snapshot *)(uintptr_t)snapshot)->named;
	struct named_table own, *entry = by_name_search(tables, name, expected);
	bool known;
	int r;

	if (entry) {
		*ret = entry->table;
		named_hints_set(&tables->hints, name, expected, entry->index);
		r = subscriber_check(snapshot->subscriber);
		return r < 0 ? r : snapshot_result(snapshot, 0);
	}
	entry = by_name_take(tables, name, expected);
	known = entry && entry->key.name[0] != '\0';
	r = table_open(snapshot, name, expected, known, entry ? entry : &own);
	if (r == 0)
		*ret = entry ? entry->table : own.table;
	if (r == 0 && !entry)
		by_name_add(tables, name, expected, &own);
	if (!entry)
		return r;
	if (r == 0 && !known)
		known = named_key_set(&entry->key, name, expected) == 0;
	if (r == 0 && known)
		named_hints_set(&tables->hints, name, expected, entry->index);
	/* The contract with by_name_is_valid(). */
	store_release(&entry->valid, r == 0 && known ? tables->serial : 0);
	return r;
}

int stele_table_open(const struct stele_snapshot *snapshot, const char *name,
                     const struct stele_schema *expected, struct stele_table *ret)
{
	const struct stele_table *found = by_name_find(snapshot, name, expected);
	int r;

	if (!found)
		return by_name_open(snapshot, name, expected, ret);
	r = subscriber_check(snapshot->subscriber);
	if (r == 0)
		r = snapshot_result(snapshot, 0);
	if (r == 0)
		*ret = *found;
	return r;
}

/* ---- lookups ---- */

/* stele_table_get() or stele_table_match(). */
typedef int by_name_lookup_fn(const struct stele_table *table, const void *key, unsigned key_bits,
                              struct stele_row *ret);

/* Slow path of by_name_lookup(). Not inlined, so that the fast path keeps nothing on the stack. */
static __attribute__((noinline)) int
by_name_lookup_slow(const struct stele_snapshot *snapshot, const char *name,
                    const struct stele_schema *expected, const void *key, unsigned key_bits,
                    struct stele_row *ret, by_name_lookup_fn *lookup)
{
	struct stele_table table;
	int r = by_name_open(snapshot, name, expected, &table);

	return r < 0 ? r : lookup(&table, key, key_bits, ret);
}

static inline int by_name_lookup(const struct stele_snapshot *snapshot, const char *name,
                                 const struct stele_schema *expected, const void *key,
                                 unsigned key_bits, struct stele_row *ret,
                                 by_name_lookup_fn *lookup)
{
	const struct stele_table *table = by_name_find(snapshot, name, expected);

	return table ? lookup(table, key, key_bits, ret)
	             : by_name_lookup_slow(snapshot, name, expected, key, key_bits, ret, lookup);
}

int stele_snapshot_get(const struct stele_snapshot *snapshot, const char *name,
                       const struct stele_schema *expected, const void *key, unsigned key_bits,
                       struct stele_row *ret)
{
	return by_name_lookup(snapshot, name, expected, key, key_bits, ret, stele_table_get);
}

int stele_snapshot_match(const struct stele_snapshot *snapshot, const char *name,
                         const struct stele_schema *expected, const void *key, unsigned key_bits,
                         struct stele_row *ret)
{
	return by_name_lookup(snapshot, name, expected, key, key_bits, ret, stele_table_match);
}

int64_t stele_snapshot_get_many(const struct stele_snapshot *snapshot, const char *name,
                                const struct stele_schema *expected,
                                const struct stele_key_ref *keys, size_t count,
                                struct stele_row *ret)
{
	struct stele_table table;
	int r = stele_table_open(snapshot, name, expected, &table);

	return r < 0 ? r : stele_table_get_many(&table, keys, count, ret);
}

int64_t stele_snapshot_match_many(const struct stele_snapshot *snapshot, const char *name,
                                  const struct stele_schema *expected,
                                  const struct stele_key_ref *keys, size_t count,
                                  struct stele_row *ret)
{
	struct stele_table table;
	int r = stele_table_open(snapshot, name, expected, &table);

	return r < 0 ? r : stele_table_match_many(&table, keys, count, ret);
}
