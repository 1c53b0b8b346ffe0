/* SPDX-License-Identifier: MIT */
#include <stele/stele.h>
#include <string.h>
#include "tools/base/fail.h"
#include "tools/base/status.h"
#include "tools/base/text.h"
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

/* Appends a name to a list of names, unless the list has it. */
static void watch_scope_add(struct text *names, const char *name)
{
	size_t length = strlen(name);

	for (size_t at = 0; at < names->length; at += strcspn(names->bytes + at, " ") + 1)
		if (strcspn(names->bytes + at, " ") == length &&
		    memcmp(names->bytes + at, name, length) == 0)
			return;
	if (names->length)
		names->bytes[names->length - 1] = ' '; /* its NUL */
	text_append(names, name, length + 1);
}

/* Adds the names of all tables of a version. */
static void watch_scope_list(struct stele_subscriber *subscriber, uint64_t version,
                             struct text *names)
{
	char name[STELE_NAME_MAX + 1] = "";
	struct stele_snapshot *snapshot;

	if (stele_snapshot_open(subscriber, version, &snapshot) < 0 &&
	    stele_snapshot_open(subscriber, 0, &snapshot) < 0)
		return;
	while (stele_snapshot_next_table(snapshot, name) == 1)
		watch_scope_add(names, name);
	stele_snapshot_close(snapshot);
}

void watch_scope_describe(struct watch_scope *scope, struct stele_subscriber *subscriber,
                          uint64_t version, struct watch_follows *ret)
{
	*ret = (struct watch_follows){
		.columns = {{"tables", false}, {scope->key ? "key" : "prefix", false}}};
	/* Tables of before, too: rows of those that are gone are not among those that follow. */
	if (*scope->table)
		watch_scope_add(&scope->named, scope->table);
	else
		watch_scope_list(subscriber, version, &scope->named);
	ret->cells[0] = (struct cell){.kind = CELL_ARRAY,
	                              .type = STELE_TEXT,
	                              .text = scope->named.length ? scope->named.bytes : "",
	                              .length = scope->named.length ? scope->named.length - 1 : 0};
	if (watch_scope_is_part(scope))
		ret->cells[1] = cell_text(scope->key ? scope->key : scope->prefix);
	ret->cell = (struct cell){.kind = CELL_OBJECT,
	                          .columns = ret->columns,
	                          .cells = ret->cells,
	                          .column_count = watch_scope_is_part(scope) ? 2 : 1,
	                          .row_count = 1};
}

void watch_scope_free(struct watch_scope *scope)
{
	text_free(&scope->named);
}
