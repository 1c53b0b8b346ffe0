/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include <stele/stele.h>
#include "tools/base/fail.h"
#include "tools/base/status.h"
#include "tools/base/suggest.h"
#include "tools/rows/column.h"

enum status column_fail_unknown(const char *where, const struct stele_schema *schema,
                                const char *name, size_t length)
{
	char unknown[SUGGESTION_MAX], text[1024];
	struct suggestion suggestion;

	snprintf(unknown, sizeof(unknown), "%.*s", (int)(length < 63 ? length : 63), name);
	suggest_start(&suggestion, unknown);
	for (size_t i = 0; i < schema->column_count; i++)
		suggest_offer(&suggestion, schema->columns[i].name);
	if (*suggestion.best)
		return fail(STATUS_INPUT, "%sthe table has no column \"%s\"; did you mean \"%s\"?",
		            where, unknown, suggestion.best);
	stele_schema_format(schema, text, sizeof(text));
	return fail(STATUS_INPUT, "%sthe table has no column \"%s\"; its columns are: %s", where,
	            unknown, text);
}
