/* SPDX-License-Identifier: MIT
 *
 * Internal function for names, in addition to those of <stele/schema.h>. Any part of the library
 * may call it. key.h, schema_value.h and schema_store.h have the internal functions for schemas.
 */
#ifndef LIB_SCHEMA_SCHEMA_H
#define LIB_SCHEMA_SCHEMA_H

#include <stele/schema.h>

/* Returns true if stele_name_check() accepts the name. Sets no message: for callers that report the
 * fault in their own words. */
bool schema_name_is_valid(const char *name);

#endif
