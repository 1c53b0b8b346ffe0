/* SPDX-License-Identifier: MIT
 * Deletes rows that a printed copy of tables does not have, and drops tables that a printed copy of
 * a region does not have. A watch that begins, or that has missed changes, prints all rows; a row
 * of the same tables that was not among them is gone. Called by cmd_apply.c. */
#ifndef TOOLS_APPLY_SWEEP_H
#define TOOLS_APPLY_SWEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stele/stele.h>
#include "tools/apply/json_tree.h"
#include "tools/base/status.h"
#include "tools/base/text.h"
#include "tools/region/writer.h"

/* A key that was put, in `sweep->bytes`. */
struct sweep_key {
	size_t table; /* index in `tables` */
	size_t start; /* offset in bytes */
	unsigned bits;
};

struct sweep_table {
	char name[STELE_NAME_MAX + 1];
};

/* Initialized with zeroes, and freed with sweep_free(). */
struct sweep {
	bool all;                   /* all tables follow */
	char *prefix, *key;         /* only rows with this start, or this one; NULL: all rows */
	struct sweep_table *tables; /* all rows of these follow; with `all`, those that followed */
	size_t table_count;
	size_t last; /* index of the table that was looked for last */
	struct text bytes;
	struct sweep_key *keys;
	size_t count, capacity;
};

/* Begins to note the rows that are put. `scope` says which rows follow: it has "all",
 * or "tables" and perhaps "prefix" or "key". */
void sweep_start(struct sweep *sweep, const struct json_tree *scope);

/* Notes that there is such a table, if all tables follow. */
void sweep_keep_table(struct sweep *sweep, const char *table);

/* Notes that a row was put, if all rows of its table follow. */
void sweep_keep(struct sweep *sweep, const char *table, const struct stele_key *key);

/* Deletes the rows of the scope that were not put since sweep_start(), if it was called. If all
 * tables follow, drops those that did not. */
enum status sweep_end(struct sweep *sweep, struct writer *writer, const char *where);

void sweep_free(struct sweep *sweep);

#endif
