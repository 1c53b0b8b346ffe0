/* SPDX-License-Identifier: MIT
 * The rows that a watch is about: all, those of a table, those with a prefix, or one row. Marks say
 * it, so that `stele apply' knows which rows it may delete. Called by cmd_watch.c. */
#ifndef TOOLS_WATCH_WATCH_SCOPE_H
#define TOOLS_WATCH_WATCH_SCOPE_H

#include <stdbool.h>
#include <stdint.h>
#include <stele/stele.h>
#include "tools/base/status.h"
#include "tools/output/output_cell.h"

struct watch_scope {
	const char *table;        /* "": all tables */
	const char *prefix, *key; /* of --prefix and --key; NULL: not given */
	struct stele_key part;    /* the start of the keys, or the key */
};

/* Returns true if --prefix or --key is given. */
bool watch_scope_is_part(const struct watch_scope *scope);

/* Parses --prefix and --key by the schema of the table, which is NULL if neither is given, and
 * restricts `table` to these rows. Then the table must keep a schema that can be read as this one.
 * Returns STATUS_INPUT after an error message. */
enum status watch_scope_open(struct watch_scope *scope, const struct stele_schema *schema,
                             struct stele_follow_table *table);

/* Returns true if the row of the event, which the follow has selected, is in the scope: with --key,
 * the rows below a prefix are not. */
bool watch_scope_has(const struct watch_scope *scope, const struct stele_event *event);

/* Says which rows follow a mark. */
struct watch_follows {
	struct cell cell; /* an object with "all", or with "tables" and perhaps "prefix" or "key" */
	struct cell cells[2];
	struct output_column columns[2];
};

/* Fills `*ret`, which must not be moved, as its parts refer to each other and to the scope. */
void watch_scope_describe(const struct watch_scope *scope, struct watch_follows *ret);

#endif
