/* SPDX-License-Identifier: MIT
 * Finds what a word of a command line may be: regions, tables, columns, keys, versions and names of
 * versions. Prints a line for each that starts with the word so far: the whole word, and after a
 * tab a description. Prints nothing if the region cannot be read, and no error message. Called by
 * complete.c. */
#ifndef TOOLS_COMPLETE_CANDIDATES_H
#define TOOLS_COMPLETE_CANDIDATES_H

#include <stdbool.h>
#include <stddef.h>
#include "tools/region/place.h"
#include "tools/region/target.h"

/* The word to complete, and the region that other words name. */
struct wanted {
	const char *lead; /* the start of the word that stays, such as "--format=" */
	size_t lead_length;
	const char *word; /* the rest of the word so far */
	struct place place;
	struct target target; /* "": none */
};

/* Prints a candidate for wanted->word, if it starts with that. `description` may be NULL. */
void candidates_offer(const struct wanted *wanted, const char *text, const char *description);

/* Regions, with a slash if `table` is true and a table may follow; or the tables of the region
 * before a slash, also of a saved file. `region` is true if a region alone may be given. */
void candidates_regions(const struct wanted *wanted, bool region, bool table);

/* Tables of the region, each followed by `end`. */
void candidates_tables(const struct wanted *wanted, const char *end);

/* Columns of the table, each followed by `end`; without those of the key if `values` is true. */
void candidates_columns(const struct wanted *wanted, bool values, const char *end);

/* Keys of the table. */
void candidates_keys(const struct wanted *wanted);

/* Names of versions; and versions, as numbers or as tokens. */
void candidates_tags(const struct wanted *wanted);
void candidates_versions(const struct wanted *wanted, bool tokens);

#endif
