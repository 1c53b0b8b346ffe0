/* SPDX-License-Identifier: MIT
 *
 * Tables that `stele publish' replaces by files, as one version: reads the files before the region
 * is locked, replaces the tables in a transaction, and refuses a replacement that removes too much.
 * Called by cmd_publish.c. */
#ifndef TOOLS_INPUT_REPLACEMENT_H
#define TOOLS_INPUT_REPLACEMENT_H

#include <stdbool.h>
#include <stdio.h>
#include <stele/stele.h>
#include "tools/base/status.h"
#include "tools/input/batch.h"
#include "tools/input/input.h"
#include "tools/input/mapping.h"
#include "tools/region/place.h"
#include "tools/region/target.h"
#include "tools/region/writer.h"

struct difference;

/* The value of --max-removed. */
struct removal_limit {
	bool given;
	bool percent; /* of the rows that the table has */
	uint64_t count;
};

/* Options of `stele publish' that are about its input. */
struct replacement_options {
	enum input_format format;
	struct mapping mapping;
	bool allow_unterminated;
	bool allow_empty;
	struct removal_limit max_removed;
};

/* The new rows of one table. */
struct replacement {
	/* Set by the caller. */
	struct target target;
	const char *path;
	/* Set by replacement_open(). */
	struct input input;
	struct stele_schema *schema;
	uint64_t limit; /* bytes that the region may grow to */
	/* Set by replacement_read(). */
	struct batch batch;
};

/* The formats from INPUT_CSV on, in their order. */
#define REPLACEMENT_FORMATS "csv|ndjson|json"
/* Parses csv, ndjson or json. */
enum status replacement_format(const char *text, enum input_format *ret);

/* Parses N or N%. */
enum status replacement_limit(const char *text, struct removal_limit *ret);

/* Opens the file, and finds the columns of the table. The caller frees the replacement with
 * replacement_free() after an error too. */
enum status replacement_open(struct replacement *replacement, const struct place *place,
                             struct replacement_options *options,
                             const struct options_writing *writing);

/* Reads the file, without locking the region. `used' is the number of bytes of other rows that are
 * published together with these. */
enum status replacement_read(struct replacement *replacement, uint64_t used);

/* Replaces the rows of the table in the writer's transaction. */
enum status replacement_put(const struct replacement *replacement, struct writer *writer);

/* Returns STATUS_DONE if the transaction removes no more than the options allow. Called after
 * replacement_put(). */
enum status replacement_guard(const struct replacement *replacement, struct writer *writer,
                              const struct replacement_options *options);

/* Prints what the replacement would change in a snapshot, without locking the region, as changes of
 * `position`. Then checks as replacement_guard() does what it would remove, and sets `*ret_guard`
 * to the result. */
enum status replacement_propose(const struct replacement *replacement,
                                const struct stele_snapshot *snapshot,
                                struct difference *difference,
                                const struct stele_position *position,
                                const struct replacement_options *options, enum status *ret_guard);

/* Closes the file, and frees the rows and the schema. */
void replacement_free(struct replacement *replacement);

#endif
