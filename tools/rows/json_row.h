/* SPDX-License-Identifier: MIT
 * Rows from JSON objects: {"prefix": "10.0.0.0/8", "metric": 5}. */
#ifndef TOOLS_ROWS_JSON_ROW_H
#define TOOLS_ROWS_JSON_ROW_H

#include <jansson.h>
#include <stele/stele.h>
#include "tools/base/status.h"
#include "tools/rows/row.h"

/* Spellings of the numbers of one row: room for the longest, for each column. */
struct json_numbers {
	char text[STELE_COLUMNS_MAX][32];
};

/* Parses one line, which must be a JSON object, else NULL and a sentence without a place in
 * `error`. Freed with json_decref(). */
json_t *json_parse_object(const char *line, size_t length, char *error, size_t error_size);

/* Sets the fields that the object has members for; the others are set not given. The fields' texts
 * hold as long as the object and the numbers. `where` goes before the sentence: "FILE:LINE: ". */
enum status json_fields(const char *where, json_t *object, const struct stele_schema *schema,
                        struct field *fields, struct json_numbers *numbers);

#endif
