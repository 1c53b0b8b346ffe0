/* SPDX-License-Identifier: MIT
 * Deletes rows that a printed copy of tables does not have, and drops tables that a printed copy of
 * a region does not have. A watch that begins, or that has missed changes, prints all rows; a row
 * of the same tables that was not among them is gone. Called by cmd_apply.c. */
#ifndef TOOLS_APPLY_PRUNE_H
#define TOOLS_APPLY_PRUNE_H

#include <stdbool.h>
#include <stddef.h>
#include <stele/stele.h>
#include "tools/apply/json_tree.h"
#include "tools/base/status.h"
#include "tools/base/text.h"
#include "tools/region/writer.h"

/* A key that was put, in `prune->bytes`. */
struct prune_key {
	size_t table; /* index in `tables` */
	size_t start; /* offset in bytes */
	unsigned bits;
};

struct prune_table {
	char name[STELE_NAME_MAX + 1]; /* the first member, by which `names` is sorted */
	size_t index;                  /* in `tables` */
};

/* Initialized with zeroes, and freed with prune_free(). */
struct prune {
	bool all;                    /* all tables follow */
	char *prefix, *key;          /* only rows with this start, or this one; NULL: all rows */
	struct prune_table **tables; /* all rows of these follow; with `all`, those that followed */
	size_t table_count, table_capacity;
	void *names; /* the tables as a tree of tsearch(3) */
	size_t last; /* index of the table that was found last */
	struct text bytes;
	struct prune_key *keys;
	size_t count, capacity;
};

/* Begins to note the rows that are put. `scope` says which rows follow: it has "all",
 * or "tables" and perhaps "prefix" or "key". */
void prune_start(struct prune *prune, const struct json_tree *scope);

/* Notes that there is such a table, if all tables follow. */
void prune_keep_table(struct prune *prune, const char *table);

/* Notes that a row was put, if all rows of its table follow. */
void prune_keep(struct prune *prune, const char *table, const struct stele_key *key);

/* Deletes the rows of the scope that were not put since prune_start(), if it was called. If all
 * tables follow, drops those that did not. */
enum status prune_end(struct prune *prune, struct writer *writer, const char *where);

void prune_free(struct prune *prune);

#endif
