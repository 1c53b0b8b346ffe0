/* SPDX-License-Identifier: MIT
 *
 * The tables that a publisher remembers by name. A table is kept from one transaction to the next,
 * because its schema seldom changes. A table that a transaction does not name costs the transaction
 * nothing. Called by tables/table.c, which opens tables; by transaction.c and tables/finish.c at
 * the end of a transaction; and by publisher.c for the close. */
#ifndef PUBLISHER_STATE_TABLES_H
#define PUBLISHER_STATE_TABLES_H

#include <string.h>
#include <stele/publisher.h>
#include "lib/reading/extension.h"
#include "lib/trie/catalog.h"
#include "publisher/state/sparse.h"

struct region;
struct stele_publisher;

enum {
	/* The current transaction has not opened the table, or no transaction is open. */
	TABLE_CLOSED = 0,
	/* The transaction has opened the name, and has no such table at present. */
	TABLE_ABSENT,
	/* The transaction has opened the table. */
	TABLE_PRESENT,
};

/* A size that no value has: no value of the table is narrow. */
#define NARROW_NONE SIZE_MAX

/* A table as the current transaction sees it, or a name that has no table. */
struct stele_writable {
	struct stele_writable *next;        /* in the same bucket of struct tables */
	struct stele_writable *next_opened; /* in the transaction's list of opened tables */
	struct stele_publisher *publisher;
	int status; /* TABLE_... */
	char name[STELE_NAME_MAX + 1];
	uint64_t hash; /* paths_table_hash() */
	struct stele_schema *schema;
	struct row_layout layout;
	uint32_t features;          /* of the region, when `layout` was computed */
	bool plain;                 /* values need not be normalized (schema_value_plain()) */
	bool value_any;             /* any value of the right size may be put */
	bool key_plain;             /* any key of the right length is valid (schema_key_plain()) */
	unsigned char *normalized;  /* buffer for a normalized value */
	size_t normalized_capacity; /* in bytes */

	/* What stele_transaction_ensure_table() declared (tables/narrow.h); NULL: nothing. Stays
	 * until the publisher is closed, or commits a drop of the table. */
	struct stele_schema *declared;
	size_t narrow_size;         /* bytes of a narrow value, or NARROW_NONE */
	bool misfit;                /* values of `declared` do not fit the table */
	struct extension extension; /* of narrow values; all zeros until one is put */
	unsigned char *completed;   /* buffer for a narrow value that was completed */
	size_t completed_capacity;  /* in bytes */

	/* The table as the transaction has changed it so far. As in struct layout_table. */
	uint64_t id;
	ref_t schema_ref, root;
	uint64_t rows;
	/* First word of the stored schema that `schema` was loaded from. Another publisher may
	 * alter the table, which keeps its id, and store a later schema at the same reference. */
	uint64_t schema_made;

	/* The table in the last version. Valid while `known` equals tables.known. */
	bool was; /* the last version has the table */
	struct catalog_table base;
	uint64_t known;

	/* Rows that the transaction has added, changed and removed. Exact unless `uncertain`: then
	 * the transaction may have changed a row twice, and finish_commit() counts again. */
	uint64_t added, changed, removed;
	bool uncertain;
	bool remade;                /* the transaction created or dropped the table */
	bool dropped;               /* it dropped the table, and declared no schema since */
	enum stele_table_fate fate; /* set by finish_commit() */

	/* During a replacement: the rows that were put, as numbers of units of the arena. */
	bool replacing;
	struct sparse marks;
	uint64_t marked; /* rows put */

	size_t plan; /* tables/rollback.c: index of the table's plan, if it has one */
};

/* Returns true if the commit has to write or delete the table's row in the catalog. A new trie that
 * holds the same rows counts, because the old trie is retired. So does a new schema. */
static inline bool table_is_new(const struct stele_writable *table)
{
	return table->remade || !table->was || table->root != table->base.root ||
	       table->schema_ref != table->base.schema;
}

#define TABLES_BUCKETS 256u

struct tables {
	struct stele_writable *buckets[TABLES_BUCKETS]; /* hash table by name */
	struct stele_writable *recent;                  /* the table found last, or NULL */
	size_t count;                                   /* tables in the hash table */
	size_t declared;                                /* of these, those with a declared schema */
	struct stele_writable *opened; /* list of those that the transaction has opened */
	/* Incremented when another publisher may have committed, or references have changed. This
	 * invalidates `was` and `base` of every table. */
	uint64_t known;
};

/* Slow path of tables_find(): searches the hash table. */
struct stele_writable *tables_find_slow(struct tables *tables, const char *name);

/* Finds a table by its name. Returns NULL if the publisher does not remember it. */
static inline struct stele_writable *tables_find(struct tables *tables, const char *name)
{
	/* Programs mostly name the same table again and again. */
	if (tables->recent && strcmp(tables->recent->name, name) == 0)
		return tables->recent;
	return tables_find_slow(tables, name);
}

/* Adds a TABLE_CLOSED table of the publisher. The name has at most STELE_NAME_MAX bytes. Returns
 * NULL if there is no memory. */
struct stele_writable *tables_add(struct tables *tables, struct stele_publisher *publisher,
                                  const char *name);

/* Checks that a schema is valid (stele_schema_check()), and that the region's layout can store it.
 * Returns 0, -EINVAL or -ENOTSUP. */
int tables_check_schema(const struct region *region, const char *table,
                        const struct stele_schema *schema);

/* Closes all tables at the end of a transaction, and removes those that are TABLE_ABSENT and have
 * no declared schema. */
void tables_close(struct tables *tables);

/* Forgets the declared schemas of the tables that the transaction dropped. Call before
 * tables_close() if the transaction is committed and makes no version. */
void tables_forget_dropped(struct tables *tables);

/* After the commit of a version: records the opened tables as the tables of the last version,
 * forgets what tables_forget_dropped() does, and closes the tables as tables_close() does. */
void tables_committed(struct tables *tables, uint64_t version);

/* Frees all tables. */
void tables_free(struct tables *tables);

#endif
