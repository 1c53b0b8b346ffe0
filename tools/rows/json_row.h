/* SPDX-License-Identifier: MIT
 * Parses rows from JSON objects, such as {"prefix": "10.0.0.0/8", "metric": 5}. NDJSON input and
 * `stele apply` use this. */
#ifndef TOOLS_ROWS_JSON_ROW_H
#define TOOLS_ROWS_JSON_ROW_H

#include <jansson.h>
#include <stele/stele.h>
#include "tools/base/status.h"
#include "tools/rows/row.h"

/* Buffers for the numbers and bools of one row as text, one for each column. */
struct json_numbers {
	char text[STELE_COLUMNS_MAX][32];
};

/* Parses a line that must be one JSON object. Returns the object, which the caller frees with
 * json_decref(). Otherwise returns NULL and writes an error message, without file and line, to
 * `error`. */
json_t *json_parse_object(const char *line, size_t length, char *error, size_t error_size);

/* Sets the fields of the row from the members of the object, and marks the others as not given. The
 * texts of the fields are valid as long as `object` and `numbers`. `where` is put before error
 * messages: "FILE:LINE: ". */
enum status json_fields(const char *where, json_t *object, const struct stele_schema *schema,
                        struct field *fields, struct json_numbers *numbers);

#endif
