/* SPDX-License-Identifier: MIT
 *
 * stele_transaction_rollback(): makes the tables of a transaction those of an older version.
 *
 * For each table that differs, this compares the tries of the newest version and of the older one,
 * and writes new copies of the rows that differ, on top of the newest version. The rollback must
 * not link old objects into the new version: the versions that reach an object have to be one
 * interval (memory/reclaim.h).
 *
 * The result is built from the newest version, beside the transaction's earlier changes. The
 * earlier changes are dropped only after the result is complete, so an error leaves the transaction
 * unchanged. The result and the earlier changes share no object that this transaction made, so
 * either can be dropped alone. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/region/position.h"
#include "lib/trie/diff.h"
#include "publisher/tables/table.h"
#include "publisher/trie/edit.h"

/* The planned state of a table. The members without a comment are as in struct stele_writable. */
struct plan {
	struct stele_writable *table;
	struct stele_schema *schema; /* of the older version; NULL: the table is to be absent */
	struct row_layout layout;
	bool present; /* the older version has the table */
	bool remade;
	uint64_t id, rows;
	ref_t schema_ref, root;
	uint64_t added, changed, removed;
};

struct rollback {
	struct stele_transaction *tx;
	struct edit *edit;
	struct diff *catalog, *rows; /* differences of the catalogs, and of a table's rows */
	struct plan *plans;
	size_t count, capacity; /* of the plans */
	size_t retired;         /* entries of edit.retired from the changes before the rollback */
};

/* Sets the error message for damage in one of the versions. Returns -EBADMSG. */
static int rollback_damaged(const struct rollback *rollback)
{
	return error_set(EBADMSG,
	                 "region \"%s\" is damaged: a version of it is not consistent; remove the "
	                 "region and publish again",
	                 rollback->tx->publisher->attachment.region.names.region);
}

/* Loads a schema of a table; the caller frees it with stele_schema_free(). Returns 0, -ENOMEM or
 * -EBADMSG. */
static int rollback_load_schema(const struct rollback *rollback, const char *table, ref_t schema,
                                struct stele_schema **ret)
{
	int r = catalog_schema(&rollback->edit->arena->view, schema, ret);

	if (r == -ENOMEM)
		return table_no_memory(table);
	return r < 0 ? rollback_damaged(rollback) : 0;
}

/* ---- building ---- */

/* Drops the newest version's table of this name, or, without `rows`, only its schema. */
static int rollback_drop_base(struct rollback *rollback, struct plan *plan, bool rows)
{
	const struct catalog_table *base = &plan->table->base;
	struct edit *edit = rollback->edit;
	struct stele_schema *schema;
	struct row_layout layout;
	int r = rollback_load_schema(rollback, plan->table->name, base->schema, &schema);

	if (r < 0)
		return r;
	row_layout_of(schema, edit->arena->view.features, &layout);
	stele_schema_free(schema);
	if (retired_reserve(&edit->retired, 2 * (size_t)base->rows + 1) < 0)
		return table_no_memory(plan->table->name);
	if (rows)
		edit_drop_tree(edit, &layout, base->root, false);
	object_drop(edit, base->schema, object_size(edit, NULL, base->schema));
	return 0;
}

/* Writes a copy of the schema `from` for the new version. Sets a message only for damage. */
static int rollback_write_schema(struct rollback *rollback, struct plan *plan, ref_t from)
{
	const unsigned char *bytes;
	size_t size;

	if (view_blob(&rollback->edit->arena->view, from, &bytes, &size) < 0)
		return rollback_damaged(rollback);
	return edit_blob(rollback->edit, bytes, size, &plan->schema_ref);
}

/* Puts or deletes one row, as the older version has it. `before` is the row of the newest version
 * and `after` that of the older one, 0 for none, as diff_next() returns them. */
static int rollback_move_row(struct rollback *rollback, struct plan *plan, ref_t before,
                             ref_t after)
{
	struct edit *edit = rollback->edit;
	struct row_parts row;
	bool touched;
	int r = row_parse_ref(&edit->arena->view, &plan->layout, after ? after : before, &row);

	if (r < 0)
		return r;
	if (!after) {
		r = edit_delete(edit, &plan->layout, &plan->root, row.key, row.key_bits, &touched);
		plan->rows -= r == 1;
		plan->removed += r == 1;
	} else {
		ref_t put;
		r = edit_put(edit, &plan->layout, &plan->root, row.key, row.key_bits, row.value,
		             row.value_size, &put, &touched);
		plan->rows += r == 1;
		plan->added += r == 1;
		plan->changed += r == 2;
	}
	return r < 0 ? r : 0;
}

/* Makes the rows of the plan those of the trie `older`. */
static int rollback_move_rows(struct rollback *rollback, struct plan *plan, ref_t older)
{
	ref_t before, after;
	int r;

	diff_start(rollback->rows, &rollback->edit->arena->view, &plan->layout, plan->root, older);
	while ((r = diff_next(rollback->rows, &before, &after)) == 1) {
		r = rollback_move_row(rollback, plan, before, after);
		if (r < 0)
			break;
	}
	if (r == -EBADMSG)
		return rollback_damaged(rollback);
	return r < 0 ? table_change_error(rollback->tx->publisher, r, plan->table->name) : 0;
}

/* How much of the newest version's table a rollback keeps. */
struct keep {
	bool schema; /* the older version has an equal schema */
	/* The rows of both versions have the same layout and are rows of the same table, which is
	 * so if an alter between the two versions appended nothing. */
	bool rows;
	/* The table was not created again between the two versions, and the older one has all
	 * columns. Readers may take from an equal id that no column was taken away. */
	bool id;
};

/* Finds out what the rollback keeps of the newest version's table. */
static int rollback_compare(struct rollback *rollback, const struct plan *plan,
                            const struct catalog_table *older, struct keep *ret)
{
	const struct stele_writable *table = plan->table;
	struct row_layout layout;
	struct stele_schema *base;
	int r;

	*ret = (struct keep){false, false, false};
	if (!table->was)
		return 0;
	if (table->base.schema == older->schema) {
		*ret = (struct keep){true, true, true};
		return 0;
	}
	r = rollback_load_schema(rollback, table->name, table->base.schema, &base);
	if (r < 0)
		return r;
	row_layout_of(base, rollback->edit->arena->view.features, &layout);
	ret->schema = stele_schema_equal(base, plan->schema);
	ret->id = table->base.id == older->id && stele_schema_compatible(base, plan->schema) >= 0;
	ret->rows = ret->schema ||
	            (table->base.id == older->id && row_layout_equal(&layout, &plan->layout));
	stele_schema_free(base);
	return 0;
}

/* Builds the table that the older version has. */
static int rollback_build_older(struct rollback *rollback, struct plan *plan,
                                const struct catalog_table *older)
{
	const struct stele_writable *table = plan->table;
	struct keep keep;
	int r = rollback_load_schema(rollback, table->name, older->schema, &plan->schema);

	if (r < 0)
		return r;
	row_layout_of(plan->schema, rollback->edit->arena->view.features, &plan->layout);
	r = rollback_compare(rollback, plan, older, &keep);
	if (r == 0 && table->was && !keep.schema)
		r = rollback_drop_base(rollback, plan, !keep.rows);
	if (r < 0)
		return r;
	plan->remade = !keep.rows;
	plan->id = keep.schema || keep.id ? table->base.id : rollback->edit->version;
	if (keep.rows) {
		plan->root = table->base.root;
		plan->rows = table->base.rows;
	}
	if (keep.schema) {
		plan->schema_ref = table->base.schema;
	} else {
		r = rollback_write_schema(rollback, plan, older->schema);
		if (r < 0)
			return table_change_error(rollback->tx->publisher, r, table->name);
	}
	return rollback_move_rows(rollback, plan, older->root);
}

/* Builds the table of the older version. `older` is NULL if the older version has no such table. */
static int rollback_build(struct rollback *rollback, struct plan *plan,
                          const struct catalog_table *older)
{
	plan->present = older != NULL;
	if (older)
		return rollback_build_older(rollback, plan, older);
	plan->remade = plan->table->was;
	return plan->table->was ? rollback_drop_base(rollback, plan, true) : 0;
}

/* Adds a plan for a table, and builds it. */
static int rollback_plan(struct rollback *rollback, struct stele_writable *table,
                         const struct catalog_table *older)
{
	if (rollback->count == rollback->capacity) {
		size_t capacity = rollback->capacity ? rollback->capacity * 2 : 16;
		struct plan *plans = realloc(rollback->plans, capacity * sizeof(*plans));
		if (!plans)
			return table_no_memory(table->name);
		rollback->plans = plans;
		rollback->capacity = capacity;
	}
	table->plan = rollback->count;
	rollback->plans[rollback->count] = (struct plan){.table = table};
	return rollback_build(rollback, &rollback->plans[rollback->count++], older);
}

/* Returns true if there is a plan for the table. */
static bool rollback_is_planned(const struct rollback *rollback, const struct stele_writable *table)
{
	return table->plan < rollback->count && rollback->plans[table->plan].table == table;
}

/* Builds a plan for each table that differs between the newest and the older version, and for each
 * table that the transaction has opened. `catalog` is that of the older version. */
static int rollback_build_all(struct rollback *rollback, ref_t catalog)
{
	const struct view *view = &rollback->edit->arena->view;
	struct stele_transaction *tx = rollback->tx;
	struct stele_writable *table;
	ref_t before, after;
	int r;

	diff_start(rollback->catalog, view, catalog_layout(view->features), tx->catalog, catalog);
	while ((r = diff_next(rollback->catalog, &before, &after)) == 1) {
		char name[STELE_NAME_MAX + 1];
		struct catalog_table older;
		if (catalog_row(view, after ? after : before, name, &older) < 0)
			return rollback_damaged(rollback);
		r = table_find(tx, name, &table);
		if (r == 0)
			r = rollback_plan(rollback, table, after ? &older : NULL);
		if (r < 0)
			return r;
	}
	if (r < 0)
		return rollback_damaged(rollback);
	for (table = tx->publisher->tables.opened; table; table = table->next_opened) {
		if (rollback_is_planned(rollback, table))
			continue;
		r = rollback_plan(rollback, table, table->was ? &table->base : NULL);
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- undoing or applying ---- */

/* Frees the tables that were built, after an error. */
static void rollback_undo(struct rollback *rollback)
{
	/* A truncated file can't be walked. It does not matter that nothing is freed, as no later
	 * transaction can begin. */
	bool lost = region_lost(&rollback->tx->publisher->attachment.region);
	struct edit *edit = rollback->edit;

	for (size_t i = 0; i < rollback->count; i++) {
		struct plan *plan = &rollback->plans[i];
		if (!lost)
			edit_drop_tree(edit, &plan->layout, plan->root, true);
		if (!lost && plan->schema_ref && object_made(edit, plan->schema_ref))
			object_drop(edit, plan->schema_ref,
			            object_size(edit, NULL, plan->schema_ref));
		stele_schema_free(plan->schema);
	}
	edit->retired.count = rollback->retired;
}

/* Drops the transaction's changes to a table, and gives the table the state of the plan. Cannot
 * fail. */
static void rollback_take_over(struct rollback *rollback, struct plan *plan)
{
	struct stele_writable *table = plan->table;
	struct edit *edit = rollback->edit;

	if (table->status == TABLE_PRESENT) {
		edit_drop_tree(edit, &table->layout, table->root, true);
		if (object_made(edit, table->schema_ref))
			object_drop(edit, table->schema_ref,
			            object_size(edit, NULL, table->schema_ref));
	}
	/* The rollback discards the drop. */
	table->dropped = false;
	if (plan->schema)
		table_set_schema(table, plan->schema);
	table->status = plan->present ? TABLE_PRESENT : TABLE_ABSENT;
	table->id = plan->id;
	table->schema_ref = plan->schema_ref;
	table->root = plan->root;
	table->rows = plan->rows;
	table->added = plan->added;
	table->changed = plan->changed;
	table->removed = plan->removed;
	table->uncertain = false;
	table->remade = plan->remade;
}

/* Applies all plans. Cannot fail. */
static void rollback_apply(struct rollback *rollback)
{
	struct retired_list *retired = &rollback->edit->retired;

	for (size_t i = 0; i < rollback->count; i++)
		rollback_take_over(rollback, &rollback->plans[i]);
	/* Remove the entries from before the rollback. The objects in them are in use again, or the
	 * rollback has retired them again. */
	retired->count -= rollback->retired;
	if (retired->count > 0)
		memmove(retired->entries, retired->entries + rollback->retired,
		        retired->count * sizeof(*retired->entries));
}

/* Finds the catalog of a version, and keeps the version until reclaim_unguard(). Returns 0 or
 * an error of region_version_error(). */
static int rollback_find_version(struct stele_publisher *publisher, uint64_t version,
                                 ref_t *ret_catalog)
{
	const struct region *region = &publisher->attachment.region;
	uint64_t head = publisher->edit.version - 1;

	if (version == 0 || version > head ||
	    reclaim_guard(&publisher->reclaim, version, ret_catalog) < 0)
		return region_version_error(region, version, head);
	return 0;
}

/* Refuses a rollback while a table is being replaced. */
static int rollback_refuse_replacing(const struct stele_publisher *publisher)
{
	const struct stele_writable *table;

	for (table = publisher->tables.opened; table; table = table->next_opened)
		if (table->replacing)
			return error_set(EBUSY,
			                 "table \"%s\" is being replaced; end the replacement "
			                 "first (stele_writable_replace_end)",
			                 table->name);
	return 0;
}

int stele_transaction_rollback(struct stele_transaction *tx, const struct stele_position *to)
{
	struct stele_publisher *publisher = tx->publisher;
	struct rollback rollback = {
		.tx = tx,
		.edit = &publisher->edit,
		.retired = publisher->edit.retired.count,
	};
	uint64_t version;
	ref_t catalog;
	int r = publisher_check(publisher);

	if (r == 0)
		r = position_version(&publisher->attachment.region, to, &version);
	if (r == 0)
		r = rollback_refuse_replacing(publisher);
	if (r == 0)
		r = rollback_find_version(publisher, version, &catalog);
	if (r < 0)
		return r;
	rollback.catalog = malloc(sizeof(*rollback.catalog));
	rollback.rows = malloc(sizeof(*rollback.rows));
	if (!rollback.catalog || !rollback.rows)
		r = error_set(ENOMEM, "no memory to compare two versions of region \"%s\"",
		              publisher->attachment.region.names.region);
	else
		r = rollback_build_all(&rollback, catalog);
	reclaim_unguard(&publisher->reclaim);
	if (r == 0 && region_lost(&publisher->attachment.region))
		r = rollback_damaged(&rollback);
	if (r < 0)
		rollback_undo(&rollback);
	else
		rollback_apply(&rollback);
	free(rollback.catalog);
	free(rollback.rows);
	free(rollback.plans);
	return r;
}
