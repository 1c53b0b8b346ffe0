/* SPDX-License-Identifier: MIT
 * The tables of a version. */
#ifndef LIB_TRIE_CATALOG_H
#define LIB_TRIE_CATALOG_H

#include "lib/trie/row.h"

/* The layout of the rows of a catalog: names to struct layout_table. */
extern const struct row_layout catalog_layout;

struct catalog_table {
	uint64_t version; /* that last changed the table */
	uint64_t rows;
	uint64_t id; /* the version that created it */
	ref_t root;
	ref_t schema;
};

/* Finds a table: 1, 0 (no such table), or -EBADMSG. */
int catalog_get(const struct view *view, ref_t catalog, const char *name,
                struct catalog_table *ret);

/* Reads the row of a catalog that a scan or diff gave. `name` has STELE_NAME_MAX + 1 bytes. 0 or
 * -EBADMSG. */
int catalog_row(const struct view *view, ref_t ref, char *name, struct catalog_table *ret);

/* Loads a schema: 0, -EBADMSG, -ENOMEM. Freed with stele_schema_free(). schema_load() may have set an
 * error message, which names no table: the caller sets its own. */
int catalog_schema(const struct view *view, ref_t schema, struct stele_schema **ret);

#endif
