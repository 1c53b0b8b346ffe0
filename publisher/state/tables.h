/* SPDX-License-Identifier: MIT
 *
 * What a publisher remembers of tables, by their names, from one transaction to the next. Called by
 * table.c, which opens tables, and at the end of a transaction. */
#ifndef PUBLISHER_STATE_TABLES_H
#define PUBLISHER_STATE_TABLES_H

#include <stele/publisher.h>
#include "lib/trie/catalog.h"

struct stele_publisher;

enum { TABLE_CLOSED = 0, TABLE_ABSENT, TABLE_PRESENT };

/* A table in a transaction. Kept from one transaction to the next, as its schema seldom changes;
 * _CLOSED until the transaction asks for it. */
struct stele_writable {
	struct stele_writable *next;        /* with the same hash */
	struct stele_writable *next_opened; /* by the transaction */
	struct stele_publisher *publisher;
	int status;
	char name[STELE_NAME_MAX + 1];
	uint64_t hash; /* paths_table_hash() */
	struct stele_schema *schema;
	struct row_layout layout;
	bool plain;                /* values need not be normalised */
	bool value_any;            /* values are judged by their size alone */
	bool key_plain;            /* keys are judged by their length alone */
	unsigned char *normalized; /* room for a value if not */
	size_t normalized_capacity;
	uint64_t id;
	ref_t schema_ref, root;
	uint64_t rows;

	/* What the last version has under this name; known without a look as long as `known` is
	 * the number in struct tables. */
	bool was;
	struct catalog_table base;
	uint64_t known;

	/* What the transaction did: exact unless `uncertain`, which a change that touches a row
	 * twice makes it. */
	uint64_t added, changed, removed;
	bool uncertain;
	bool remade; /* created, or dropped, in this transaction */

	/* A replacement: a bit for each unit of the arena, set where a row was put. */
	uint64_t *marks;
	size_t mark_words;
	uint64_t marked; /* rows put */

	size_t plan; /* rollback.c: the place of its plan, if it has one */
};

/* Whether a table that is there at a transaction's end is written into the catalog: also where its
 * tree is new but holds what it held, so that nothing of it is lost. */
static inline bool table_is_new(const struct stele_writable *table)
{
	return table->remade || !table->was || table->root != table->base.root;
}

#define TABLES_BUCKETS 256u

struct tables {
	struct stele_writable *buckets[TABLES_BUCKETS];
	struct stele_writable *recent; /* the one that was asked for last, or NULL */
	size_t count;
	struct stele_writable *opened; /* by the transaction: those that are not _CLOSED */
	uint64_t
		known; /* one more whenever somebody else may have committed, or references changed */
};

/* Finds what is remembered under a name, which is not longer than it may be, or NULL; and adds a
 * table, _CLOSED, or returns NULL without memory. */
struct stele_writable *tables_find(struct stele_publisher *publisher, const char *name);
struct stele_writable *tables_add(struct stele_publisher *publisher, const char *name);
/* The end of a transaction: no table is open after it, and what was _ABSENT is forgotten. After a
 * commit what the tables became is first taken for what the last version has. */
void tables_close(struct stele_publisher *publisher);
void tables_committed(struct stele_publisher *publisher);
void tables_free(struct stele_publisher *publisher);

#endif
