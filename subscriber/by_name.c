/* SPDX-License-Identifier: MIT
 *
 * Tables of a snapshot by their names: opening, and lookups that name the table. A snapshot
 * remembers the tables that it was asked for (subscriber/named.h). */
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

/* Fast path of by_name_open(): finds a table that the snapshot remembers. Returns NULL if it does
 * not remember the table, or only with a copy of the schema. */
static inline const struct stele_table *by_name_find(const struct stele_snapshot *snapshot,
                                                     const char *name,
                                                     const struct stele_schema *expected)
{
	const struct named_tables *tables = &snapshot->named;

	for (unsigned i = 0; i < NAMED_MAX; i++)
		if (by_name_is_valid(tables, &tables->entries[i]) &&
		    named_key_is_fast(&tables->entries[i].key, name, expected))
			return &tables->entries[i].table;
	return NULL;
}

/* Slow path of by_name_find(): compares schemas with their copies. Returns NULL if the snapshot
 * does not remember the table. */
static const struct stele_table *by_name_search(const struct stele_snapshot *snapshot,
                                                const char *name,
                                                const struct stele_schema *expected)
{
	const struct named_tables *tables = &snapshot->named;

	for (unsigned i = 0; i < NAMED_MAX; i++)
		if (by_name_is_valid(tables, &tables->entries[i]) &&
		    named_key_is(&tables->entries[i].key, name, expected))
			return &tables->entries[i].table;
	return NULL;
}

/* Takes an entry, so that no other thread reads or writes it: the one that remembers the table from
 * an earlier opening of the snapshot, or else an empty one, or else any that this opening does not
 * use. Returns NULL if there is none. */
static struct named_table *by_name_take(struct named_tables *tables, const char *name,
                                        const struct stele_schema *expected)
{
	struct named_table *other = NULL;

	for (unsigned i = 0; i < NAMED_MAX; i++) {
		struct named_table *entry = &tables->entries[i];
		uint64_t valid = load_relaxed(&entry->valid);
		bool empty;

		if (valid == tables->serial || valid == NAMED_BUSY ||
		    !__atomic_compare_exchange_n(&entry->valid, &valid, NAMED_BUSY, false,
		                                 __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			continue;
		empty = entry->key.name[0] == '\0';
		if (empty || named_key_is(&entry->key, name, expected)) {
			if (other)
				store_release(&other->valid, 0);
			return entry;
		}
		if (other)
			store_release(&entry->valid, 0);
		else
			other = entry;
	}
	if (other)
		named_key_clear(&other->key);
	return other;
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
	const struct stele_table *found = by_name_search(snapshot, name, expected);
	struct named_table own, *entry;
	bool known;
	int r;

	if (found) {
		*ret = *found;
		r = subscriber_check(snapshot->subscriber);
		return r < 0 ? r : snapshot_result(snapshot, 0);
	}
	entry = by_name_take(tables, name, expected);
	known = entry && entry->key.name[0] != '\0';
	r = table_open(snapshot, name, expected, known, entry ? entry : &own);
	if (r == 0)
		*ret = entry ? entry->table : own.table;
	if (!entry)
		return r;
	if (r == 0 && !known)
		known = named_key_set(&entry->key, name, expected) == 0;
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
