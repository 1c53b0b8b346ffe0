/* SPDX-License-Identifier: MIT
 *
 * What is remembered of tables that a caller names in each call, so that such a call costs little
 * more than one through a handle: the tables of a snapshot (subscriber/by_name.c), and the live
 * tables of a subscriber (subscriber/copy.c).
 *
 * A table is remembered with the schema that its caller expects, since the table was found to fit
 * that schema. The address of a schema is no proof of its contents, as a caller may use memory
 * again, unless the schema is a constant of the program (lib/base/constant.h), or the library
 * allocated it and gave it a number (schema_number()). Nearly all are. Any other schema is copied,
 * and each call compares it with the copy. The same holds for names.
 *
 * Tables are found by hints, so that a call costs the same for one table as for many. */
#ifndef SUBSCRIBER_NAMED_H
#define SUBSCRIBER_NAMED_H

#include <assert.h>
#include <stele/subscriber.h>
#include <string.h>

/* A table's name, and the schema that the caller expects. All zeros: none. */
struct named_key {
	char name[STELE_NAME_MAX + 1];
	const char *constant; /* the caller's name, if that is a constant; otherwise NULL */
	const struct stele_schema *expected; /* NULL: any schema */
	struct stele_schema *copy;           /* of `expected`; NULL if that is a constant or NULL */
	uint64_t number;                     /* schema_number() of `expected`, if there is a copy */
};

/* Maximum number of tables that a snapshot, or a subscriber, remembers. Calls that name further
 * tables find them anew each time. */
#define NAMED_MAX 128

/* Guesses at which entry is the one of a key: its index plus 1, or 0, at the hash of the key, or at
 * the hash with its lowest bit inverted. Atomic. A wrong guess costs only time, as the entry's key
 * is compared, so nothing is ordered here. */
#define NAMED_HINTS 1024
#define NAMED_WAYS  2
struct named_hints {
	uint8_t at[NAMED_HINTS];
};

static_assert(NAMED_MAX <= UINT8_MAX, "an index plus 1 fits");

/* Returns the hash of a key by its addresses: of most calls, as few copy their names. */
static inline unsigned named_hash(const char *name, const struct stele_schema *expected)
{
	uint64_t both = (uintptr_t)name + ((uint64_t)(uintptr_t)expected << 16);

	return (unsigned)((both * UINT64_C(0x9e3779b97f4a7c15)) >> 54) % NAMED_HINTS;
}

/* Returns the hash of a key by the text of the name: for a name in a buffer. */
unsigned named_text_hash(const char *name, const struct stele_schema *expected);

/* Returns guess number `way` (below NAMED_WAYS): an index plus 1, or 0. */
static inline unsigned named_hint(const struct named_hints *hints, unsigned hash, unsigned way)
{
	return __atomic_load_n(&hints->at[hash ^ way], __ATOMIC_RELAXED);
}

/* Makes `index` the guess for a key, by its addresses and by its text. */
void named_hints_set(struct named_hints *hints, const char *name,
                     const struct stele_schema *expected, unsigned index);

/* Sets a key, which must be all zeros. Returns 0, or, without a message, -ENOMEM or -EINVAL (the
 * name is too long). */
int named_key_set(struct named_key *key, const char *name, const struct stele_schema *expected);

/* Clears a key, and frees its copy. */
void named_key_clear(struct named_key *key);

/* Returns true if the key was set to this name and to this schema. */
bool named_key_is(const struct named_key *key, const char *name,
                  const struct stele_schema *expected);

/* Fast path of named_key_is(), inlined: false also if the schema must be compared with the copy.
 * Calls no other function, so that the caller need not save its registers. */
static inline bool named_key_is_fast(const struct named_key *key, const char *name,
                                     const struct stele_schema *expected)
{
	if (key->expected != expected)
		return false;
	/* At this address was a schema with the number. The schema that is there now has the same
	 * number, or a zero, or that of another schema. */
	if (key->copy && (key->number == 0 || key->number != expected->mark_[1]))
		return false;
	for (unsigned i = 0; key->constant != name; i++) {
		if (key->name[i] != name[i])
			return false;
		if (name[i] == '\0')
			return i > 0; /* a key that is not set has an empty name */
	}
	return true;
}

/* A table of a snapshot. */
struct named_table {
	/* Atomic. named_tables.serial: the other members belong to the present opening of the
	 * snapshot, and don't change until the snapshot is closed. NAMED_BUSY: one thread is
	 * writing the other members. Otherwise they belong to an earlier opening. */
	uint64_t valid;
	unsigned index; /* in named_tables.entries */
	struct named_key key;
	struct stele_table table;
	/* The schema that the table had. The memory at a reference may hold another schema later,
	 * in another file or made by a later version. */
	unsigned schema_moves; /* subscriber->moves */
	uint64_t schema_made;  /* version that made the stored schema; 0: not known */
};

#define NAMED_BUSY UINT64_MAX

/* A live table of a subscriber. */
struct named_live {
	unsigned index; /* in named_lives.entries */
	struct named_key key;
	struct stele_live live;
};

/* The tables that a snapshot remembers. Threads that share the snapshot read and add entries at the
 * same time, without a lock. Entries stay when the snapshot is closed, as the memory is used for
 * the next one, which then need not load the schema again. */
struct named_tables {
	uint64_t serial; /* number of times that the snapshot was opened; from 1 */
	struct named_hints hints;
	/* Atomic. Allocated when first needed, from the first on, and freed with the snapshot. */
	struct named_table *entries[NAMED_MAX];
};

/* The live tables that a subscriber remembers. */
struct named_lives {
	unsigned next; /* the entry that is replaced next, once all are in use */
	struct named_hints hints;
	struct named_live *entries[NAMED_MAX]; /* allocated when first needed, from the first on */
};

/* A schema that a live table expects, of stele_live_open(), which has no close: the subscriber
 * keeps a copy until its own. */
struct named_schema {
	struct named_schema *next;
	struct stele_schema *copy;
};

/* Returns a schema equal to `schema` that lives as long as the list: `schema` itself, if it is a
 * constant; or a copy, one for all equal schemas. Returns NULL, without a message, if there is no
 * memory. */
const struct stele_schema *named_schema_keep(struct named_schema **list,
                                             const struct stele_schema *schema);

/* Frees a list. Accepts NULL. */
void named_schemas_free(struct named_schema *list);

/* Frees the memory. Accepts NULL. */
void named_lives_free(struct named_lives *lives);

/* Frees what the entries own. */
void named_tables_fini(struct named_tables *tables);

#endif
