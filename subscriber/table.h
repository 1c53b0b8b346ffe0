/* SPDX-License-Identifier: MIT
 *
 * What an open table of a snapshot consists of, and the errors for keys and schemas that it does not
 * take. For whatever reads tables, also subscriber/index and subscriber/inspect. */
#ifndef SUBSCRIBER_TABLE_H
#define SUBSCRIBER_TABLE_H

#include "subscriber/state.h"

/* What struct stele_table's words hold. */
struct table_words {
	struct row_layout layout;
	ref_t root, schema;
	uint64_t rows, version;
};

static_assert(sizeof(struct table_words) <= sizeof(((struct stele_table *)0)->words_), "layout");

static inline const struct table_words *table_words(const struct stele_table *table)
{
	return (const struct table_words *)(const void *)table->words_;
}

/* A table of a snapshot for lib/trie/reading.h. */
struct reading;
void table_reading(const struct stele_table *table, struct reading *ret);

/* The error for a key that a table, whose schema is at `ref`, does not take. */
int table_key_error(const struct view *view, ref_t ref, const void *key, unsigned bits);
/* There is no table of this name in a version. */
int table_missing_error(const char *table, const struct region *region, uint64_t version);
/* There is no memory for the schema of a table, whose name may be unknown: NULL. */
int table_memory_error(const char *table);
/* The error for a table that is not what a service was built with. */
int table_schema_error(const char *table, const struct stele_schema *is,
                       const struct stele_schema *expected);

#endif
