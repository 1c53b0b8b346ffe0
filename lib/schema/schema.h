/* SPDX-License-Identifier: MIT
 *
 * Internal functions for names and columns, in addition to those of <stele/schema.h>. Any part of
 * the library may call it. key.h, schema_value.h, schema_store.h, schema_format.h and
 * schema_parse.h have the internal functions for schemas.
 */
#ifndef LIB_SCHEMA_SCHEMA_H
#define LIB_SCHEMA_SCHEMA_H

#include <stele/schema.h>

/* Returns true if stele_name_check() accepts the name. Sets no message: for callers that report the
 * fault in their own words. */
bool schema_name_is_valid(const char *name);

/* Returns what is wrong with a name, such as "is empty", or NULL if the name is allowed. Only the
 * names of regions and tables may start with a digit. */
const char *schema_name_fault(const char *name, bool digit_first);

/* Sets `*ret` to the next name of a list of former names, advances `*at` past it, and returns its
 * length in bytes. Returns 0 at the end of the list. */
size_t schema_next_former(const char **at, const char **ret);

/* Returns true if the column had this name before it was renamed. */
bool schema_had_name(const struct stele_column *column, const char *name);

/* Returns the number of key columns. */
size_t schema_key_columns(const struct stele_schema *schema);

/* Returns a number, not zero, that no other schema of the process has, if the library allocated the
 * schema; otherwise 0. */
uint64_t schema_number(const struct stele_schema *schema);

#endif
