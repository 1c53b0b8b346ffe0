/* SPDX-License-Identifier: MIT
 * Parses the lines of `stele apply': its own, and those that `stele watch' and `stele diff' print.
 * Called by cmd_apply.c. */
#ifndef TOOLS_APPLY_CHANGE_H
#define TOOLS_APPLY_CHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stele/stele.h>
#include "tools/apply/json_tree.h"
#include "tools/base/status.h"
#include "tools/input/put.h"
#include "tools/region/place.h"

enum change_kind {
	CHANGE_PUT,     /* "put": the columns that are named */
	CHANGE_DELETE,  /* "delete": the columns of the key, and no others */
	CHANGE_WHOLE,   /* "added" or "changed": all columns */
	CHANGE_REMOVED, /* "removed": all columns of the row that is gone */
	CHANGE_DECLARE, /* "created" or "altered": the table has this schema */
	CHANGE_DROP,    /* "dropped": the table is gone */
	CHANGE_START,   /* "initial" or "gap": all rows follow, and others are gone */
	CHANGE_END,     /* "initial_end" or "end": the version is complete */
	CHANGE_NOTHING, /* "gone": nothing changes */
};

/* A parsed line. */
struct change {
	enum change_kind kind;
	struct json_tree *line; /* owner of the members below */
	const char *table;      /* NULL in marks */
	/* The columns of a row. For CHANGE_START which rows follow: "all", or "tables" and perhaps
	 * "prefix" or "key". Otherwise NULL. */
	const struct json_tree *row;
	struct stele_schema *schema; /* of CHANGE_DECLARE; otherwise NULL */
	const char *token;           /* of the version that `stele watch' printed; NULL: none */
	struct condition condition;
};

/* The source of a line, for error messages, and the region that it is applied to. */
struct change_source {
	const struct place *place;
	const char *region;
	char where[512]; /* start of error messages: "FILE:LINE: " */
};

/* Parses the parts of a line, which must stay valid until change_free(), that do not depend on the
 * schema of its table. Returns STATUS_INPUT after an error message; change_free() must be called
 * then, too. */
enum status change_parse(const struct change_source *source, const char *line, size_t length,
                         struct change *ret);

void change_free(struct change *change);

/* Returns true if the line changes a row or a table, and is no mark. */
bool change_is_change(const struct change *change);

#endif
