/* SPDX-License-Identifier: MIT
 *
 * How the columns of a file become the columns of a table: the options of `stele publish' for files
 * of other programs. cmd_publish.c parses the options, and select.c applies them. */
#ifndef TOOLS_INPUT_MAPPING_H
#define TOOLS_INPUT_MAPPING_H

#include <stdbool.h>
#include <stddef.h>
#include <stele/stele.h>
#include "tools/base/status.h"

struct mapping_pair {
	const char *name;  /* of a column in the file, or of the table; "": none */
	const char *value; /* a column of the table, or a text */
	bool known;        /* a table has the column: set by mapping_check() */
};

struct mapping {
	/* --columns: pairs of a column in the file and one of the table, or "" to leave it out. With --no-header the
	 * columns of the table in the order of the fields; "" is a field to leave out. */
	struct mapping_pair *columns;
	size_t column_count;
	/* --empty-as: pairs of a column of the table, or "" for all, and the text to read in place
	 * of an empty field. */
	struct mapping_pair *empty;
	size_t empty_count;
	const char *null; /* --null: a field with this text is empty; NULL: none */
	char delimiter;   /* '\0': a comma */
	bool no_header;
	bool ignore_unknown;
	bool skip_other_family;
};

/* Parse the values of --columns, --empty-as and --delimiter, and add them to the mapping. */
enum status mapping_add_columns(struct mapping *mapping, const char *text);
enum status mapping_add_empty(struct mapping *mapping, const char *text);
enum status mapping_set_delimiter(struct mapping *mapping, const char *text);

/* Frees what the functions above allocated. */
void mapping_free(struct mapping *mapping);

/* Marks the columns of --columns and --empty-as that the table has. Called for each table. */
void mapping_mark(struct mapping *mapping, const struct stele_schema *schema);

/* Checks that each column of --columns and --empty-as was marked, so that a table has it. `schema'
 * is that of the only table, or NULL. */
enum status mapping_check(const struct mapping *mapping, const struct stele_schema *schema);

/* Returns true if rows must be changed before the library reads them. */
bool mapping_is_used(const struct mapping *mapping);

/* What mapping_column() returns for a name that is no column. */
enum { MAPPING_UNKNOWN = -1, MAPPING_LEFT_OUT = -2 };

/* Returns the index of the table's column for a name in the file, MAPPING_UNKNOWN if the table has
 * no such column, or MAPPING_LEFT_OUT for `--columns NAME='. */
int mapping_column(const struct mapping *mapping, const struct stele_schema *schema,
                   const char *name, size_t length);

/* Returns the text to read in place of an empty field of a column, or NULL if --empty-as has none
 * for it. */
const char *mapping_empty(const struct mapping *mapping, const struct stele_column *column);

/* Returns true if the row of this key column belongs to another table, because --skip-other-family
 * is given, and the text is an address of the other family. */
bool mapping_skips(const struct mapping *mapping, const struct stele_column *column,
                   const char *text, size_t length);

#endif
