/* SPDX-License-Identifier: MIT
 *
 * An open table of a snapshot: its private data, and errors about keys and schemas. For code that
 * reads tables, also in subscriber/index and subscriber/inspect. */
#ifndef SUBSCRIBER_TABLE_H
#define SUBSCRIBER_TABLE_H

#include "subscriber/state.h"

/* The contents of `words_` in struct stele_table. */
struct table_words {
	struct row_layout layout;
	ref_t root, schema;
	uint64_t rows;    /* number of rows */
	uint64_t version; /* the version that last changed the table */
};

static_assert(sizeof(struct table_words) <= sizeof(((struct stele_table *)0)->words_), "layout");

static inline const struct table_words *table_words(const struct stele_table *table)
{
	return (const struct table_words *)(const void *)table->words_;
}

/* Opens a table by its name: fills in `entry`, apart from its key. If `known`, the entry is from an
 * earlier opening of the snapshot, with the same key. Returns 0 or an error of
 * stele_table_open(). Only by_name.c calls this; all others call stele_table_open(). */
int table_open(const struct stele_snapshot *snapshot, const char *name,
               const struct stele_schema *expected, bool known, struct named_table *entry);

/* Returns the version that made the stored schema at `ref`; 0 for a wrong reference. With the file,
 * the reference and this version, a schema is known again. */
uint64_t table_schema_made(const struct view *view, ref_t ref);

/* Fills in a reading of the table, for cursors and changes. */
struct reading;
void table_reading(const struct stele_table *table, struct reading *ret);

/* Sets the error message for a key that does not fit a table. The table's schema is at `ref`.
 * Returns -EINVAL. */
int table_key_error(const struct view *view, ref_t ref, const void *key, unsigned bits);

#endif
