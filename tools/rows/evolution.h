/* SPDX-License-Identifier: MIT
 * Changes a schema column by column, for stele alter: adds, renames and deprecates columns so that
 * programs that were built with the schema before read on. */
#ifndef TOOLS_ROWS_EVOLUTION_H
#define TOOLS_ROWS_EVOLUTION_H

#include <stele/stele.h>
#include "tools/base/status.h"

/* A parsed schema whose columns were added to the changed schema. */
struct evolution_parsed {
	struct stele_schema *schema;
};

/* A schema that is being changed. Opened by evolution_open(). */
struct evolution {
	struct stele_schema schema; /* `columns` points to the array */
	struct stele_column columns[STELE_COLUMNS_MAX];
	void **owned; /* on the heap: what the columns point to; `owned_count` pointers */
	size_t owned_count;
	struct evolution_parsed *parsed; /* on the heap */
	size_t parsed_count;
};

/* Starts from a schema, which must stay valid. */
void evolution_open(struct evolution *evolution, const struct stele_schema *schema);
void evolution_close(struct evolution *evolution);

/* Appends the columns of a declaration such as `zone: char[8] default "eu", weight: u16`, where a C
 * compiler would place them after the whole struct before, or where `@` places them. Returns
 * STATUS_INPUT after an error message. */
enum status evolution_add(struct evolution *evolution, const char *declaration);

/* Renames a column, given as OLD=NEW. The column keeps OLD as a former name. Returns STATUS_INPUT
 * after an error message. */
enum status evolution_rename(struct evolution *evolution, const char *names);

/* Marks a column as deprecated. Returns STATUS_INPUT after an error message. */
enum status evolution_deprecate(struct evolution *evolution, const char *name);

#endif
