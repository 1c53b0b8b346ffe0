/* SPDX-License-Identifier: MIT
 * Declarations of tables: parses them from operands and files. `stele create' and `stele schema'
 * use this. */
#ifndef TOOLS_ROWS_DECLARATIONS_H
#define TOOLS_ROWS_DECLARATIONS_H

#include <stele/stele.h>
#include "tools/base/status.h"

struct declared {
	char name[STELE_NAME_MAX + 1];
	struct stele_schema *schema;
};

/* A list of tables. Initialized with zeroes, and freed with declarations_free(). */
struct declarations {
	struct declared *tables;
	size_t count;
};

void declarations_free(struct declarations *declarations);

/* Appends a table. Takes over the schema, which declarations_free() frees. */
void declarations_add(struct declarations *declarations, const char *name,
                      struct stele_schema *schema);

/* Parses one declaration, and appends its table. `what` names the text in error messages. */
enum status declarations_parse(struct declarations *declarations, const char *what,
                               const char *text);

/* Parses all declarations in a file, or in standard input for "-", and appends their tables.
 * Returns STATUS_INPUT after an error message if the file has none, or declares a table twice. */
enum status declarations_read(struct declarations *declarations, const char *path);

#endif
