/* SPDX-License-Identifier: MIT
 *
 * The catalog of a version: a trie that maps the name of each table to its root, schema and number
 * of rows. For everything that opens tables or walks all of them. */
#ifndef LIB_TRIE_CATALOG_H
#define LIB_TRIE_CATALOG_H

#include "lib/trie/row.h"

/* Layouts of the catalog's rows: the key is a name, the value a struct layout_table, with
 * LAYOUT_WIDE_TABLES and without. */
extern const struct row_layout catalog_wide, catalog_narrow;

/* Returns the layout of the catalog's rows in a region with these incompatible feature bits. */
static inline const struct row_layout *catalog_layout(uint32_t features)
{
	return features & LAYOUT_WIDE_TABLES ? &catalog_wide : &catalog_narrow;
}

/* A table's row in the catalog, decoded. */
struct catalog_table {
	uint64_t version; /* version that last changed the table */
	uint64_t rows;    /* number of rows */
	uint64_t id;      /* version that created the table */
	ref_t root;       /* root of the table's trie; 0: the table is empty */
	ref_t schema;     /* blob with the stored schema */
};

/* Looks up a table by its name. Returns 1 and fills `*ret`, 0 if there is no such table, or
 * -EBADMSG. */
int catalog_get(const struct view *view, ref_t catalog, const char *name,
                struct catalog_table *ret);

/* Decodes a row that a scan or a diff of the catalog returned. Writes the table's name to `name`,
 * of STELE_NAME_MAX + 1 bytes. Returns 0 or -EBADMSG. */
int catalog_row(const struct view *view, ref_t ref, char *name, struct catalog_table *ret);

/* Loads the stored schema of a table. The caller frees it with stele_schema_free(). Returns 0,
 * -EBADMSG or -ENOMEM. On an error, the caller sets the error message, because that of
 * schema_load() does not name the table. */
int catalog_schema(const struct view *view, ref_t schema, struct stele_schema **ret);

#endif
