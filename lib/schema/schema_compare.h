/* SPDX-License-Identifier: MIT
 *
 * Whether a table has the schema that a program expects. Any part of the library may call it. */
#ifndef LIB_SCHEMA_SCHEMA_COMPARE_H
#define LIB_SCHEMA_SCHEMA_COMPARE_H

#include <stele/schema.h>

/* Checks that a program which expects one schema can read a table that has another, in place.
 * `expected` may be NULL: any. Returns 0, or -EMEDIUMTYPE; the error message names the table and
 * shows both schemas. */
int schema_expect(const char *table, const struct stele_schema *present,
                  const struct stele_schema *expected);

#endif
