/* SPDX-License-Identifier: MIT
 *
 * Parses the attributes of stored columns, in addition to stele_schema_parse(). */
#ifndef LIB_SCHEMA_SCHEMA_PARSE_H
#define LIB_SCHEMA_SCHEMA_PARSE_H

#include <stele/schema.h>

/* Makes a schema of columns without attributes and of the text that schema_format_attributes()
 * wrote for their attributes. Safe on any text. Skips attributes that this library does not know,
 * because a newer one may have written them. The caller frees `*ret` with stele_schema_free().
 * Returns 0, -EINVAL or -ENOMEM. */
int schema_parse_attributes(const struct stele_schema *columns, const char *attributes,
                            struct stele_schema **ret);

#endif
