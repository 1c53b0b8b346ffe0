/* SPDX-License-Identifier: MIT */
#include <stele/stele.h>
#include <string.h>
#include "tools/base/fail.h"
#include "tools/base/status.h"
#include "tools/output/output_cell.h"
#include "tools/watch/watch_scope.h"

bool watch_scope_is_part(const struct watch_scope *scope)
{
	return scope->prefix || scope->key;
}

enum status watch_scope_open(struct watch_scope *scope, const struct stele_schema *schema,
                             struct stele_follow_table *table)
{
	int result;

	if (!watch_scope_is_part(scope))
		return STATUS_DONE;
	if (scope->prefix)
		result = stele_key_parse_start(schema, scope->prefix, strlen(scope->prefix),
		                               &scope->part);
	else
		result = stele_key_parse(schema, scope->key, strlen(scope->key), &scope->part);
	if (result < 0)
		return fail_library(result);
	table->schema = schema;
	table->prefix = scope->part.bytes;
	table->prefix_bits = scope->part.bits;
	return STATUS_DONE;
}

bool watch_scope_has(const struct watch_scope *scope, const struct stele_event *event)
{
	const struct stele_change *change = &event->change;
	unsigned bits =
		change->kind == STELE_REMOVED ? change->before.key_bits : change->after.key_bits;

	return !scope->key || bits == scope->part.bits;
}

void watch_scope_describe(const struct watch_scope *scope, struct watch_follows *ret)
{
	*ret = (struct watch_follows){.columns = {{*scope->table ? "tables" : "all", false},
	                                          {scope->key ? "key" : "prefix", false}}};
	/* The name of a table has no spaces, which would separate the elements of an array. */
	if (*scope->table)
		ret->cells[0] = (struct cell){.kind = CELL_ARRAY,
		                              .type = STELE_TEXT,
		                              .text = scope->table,
		                              .length = strlen(scope->table)};
	else
		ret->cells[0] = cell_literal("true");
	if (watch_scope_is_part(scope))
		ret->cells[1] = cell_text(scope->key ? scope->key : scope->prefix);
	ret->cell = (struct cell){.kind = CELL_OBJECT,
	                          .columns = ret->columns,
	                          .cells = ret->cells,
	                          .column_count = watch_scope_is_part(scope) ? 2 : 1,
	                          .row_count = 1};
}
