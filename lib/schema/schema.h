/* SPDX-License-Identifier: MIT
 *
 * What the rest of the library needs of names and schemas beyond <stele/schema.h>; key.h,
 * schema_value.h and schema_store.h have the rest.
 *
 * Functions of lib/schema set the error message where they find the fault; those of text_*.h leave
 * it to text.c.
 */
#ifndef LIB_SCHEMA_SCHEMA_H
#define LIB_SCHEMA_SCHEMA_H

#include <stele/schema.h>

/* True if stele_name_check() accepts the name; for those who have an error message of their own. */
bool schema_name_is_valid(const char *name);

#endif
