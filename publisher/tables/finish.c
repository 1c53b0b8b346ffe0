/* SPDX-License-Identifier: MIT
 *
 * The tables at the end of a transaction. A commit compares each opened table with the last
 * version, counts the rows that changed, and writes the new catalog. */
#include "publisher/tables/finish.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <stele/subscriber.h>

#include "lib/base/error.h"
#include "publisher/tables/table.h"
#include "publisher/trie/edit.h"

/* Counts the rows that differ from the last version by comparing the tries. Needed if the
 * transaction may have changed a row twice: the row may have its old value again. Returns 0,
 * -EMEDIUMTYPE (rows of the two schemas cannot be compared) or another error. */
static int finish_recount(struct stele_writable *table)
{
	uint64_t counts[STELE_REMOVED + 1] = {0};
	struct stele_changes *changes;
	struct stele_change change;
	int r = stele_writable_changes_open(table, &changes);

	if (r < 0)
		return r;
	while ((r = stele_changes_next(changes, &change)) == 1)
		counts[change.kind]++;
	stele_changes_close(changes);
	table->added = counts[STELE_ADDED];
	table->changed = counts[STELE_CHANGED];
	table->removed = counts[STELE_REMOVED];
	return r;
}

/* Sets `*ret_same` if the table has the schema of the last version. Returns 0 or an error. */
static int finish_compare_schema(const struct stele_writable *table, bool *ret_same)
{
	struct stele_schema *schema;
	int r;

	*ret_same = table->schema_ref == table->base.schema;
	if (*ret_same)
		return 0;
	r = catalog_schema(&table->publisher->arena.view, table->base.schema, &schema);
	if (r < 0)
		return error_set(-r, "cannot read the schema of table \"%s\"", table->name);
	*ret_same = stele_schema_equal(schema, table->schema);
	stele_schema_free(schema);
	return 0;
}

/* Compares a table with the last version, and sets its counts and fate. `*ret_changed` says whether
 * the table differs. A table that was altered, or created again with a compatible schema, is
 * compared by its rows. With another schema, all old rows count as removed and all new ones as
 * added. */
static int finish_compare(struct stele_writable *table, bool *ret_changed)
{
	bool same_schema, present;
	int r = -EMEDIUMTYPE;

	if (table->was && table->status == TABLE_PRESENT) {
		r = finish_compare_schema(table, &same_schema);
		if (r == 0 && (table->remade || table->uncertain))
			r = finish_recount(table);
	}
	if (r == 0) {
		table->fate = same_schema ? STELE_TABLE_KEPT : STELE_TABLE_ALTERED;
		*ret_changed = !same_schema || table->added || table->changed || table->removed;
	}
	if (r != -EMEDIUMTYPE)
		return r;
	present = table->status == TABLE_PRESENT;
	table->fate = !present     ? table->was ? STELE_TABLE_DROPPED : STELE_TABLE_KEPT
	              : table->was ? STELE_TABLE_REPLACED
	                           : STELE_TABLE_CREATED;
	*ret_changed = table->was || present;
	table->added = present ? table->rows : 0;
	table->changed = 0;
	table->removed = table->was ? table->base.rows : 0;
	return 0;
}

/* Writes or deletes the table's row in the catalog. */
static int finish_write_catalog(struct stele_transaction *tx, struct stele_writable *table)
{
	struct edit *edit = &tx->publisher->edit;
	const struct row_layout *layout = catalog_layout(edit->arena->view.features);
	unsigned bits = (unsigned)strlen(table->name) * 8;
	struct layout_table value = {
		.rows = table->rows,
		.id = table->id,
		.root = table->root,
		.schema = table->schema_ref,
	};
	bool touched;
	ref_t row;
	int r;

	if (table->status == TABLE_PRESENT)
		r = edit_put(edit, layout, &tx->catalog, table->name, bits, &value,
		             layout->value_size, &row, &touched);
	else
		r = edit_delete(edit, layout, &tx->catalog, table->name, bits, &touched);
	if (r < 0)
		return state_space_error(tx->publisher, r, "its catalog of tables");
	return 0;
}

int finish_commit(struct stele_transaction *tx, struct notice *ret_notice)
{
	struct stele_writable *table;
	bool any = false, changed = false;
	int r;

	for (table = tx->publisher->tables.opened; table; table = table->next_opened) {
		if (table->replacing)
			return error_set(EBUSY,
			                 "the replacement of table \"%s\" was not ended "
			                 "(stele_writable_replace_end)",
			                 table->name);
		r = finish_compare(table, &changed);
		if (r < 0)
			return r;
		any |= changed;
	}
	if (!any)
		return 0;
	ret_notice->everybody = false;
	ret_notice->tables = 0;
	ret_notice->mask = 0;
	for (table = tx->publisher->tables.opened; table; table = table->next_opened) {
		if (!table_is_new(table))
			continue;
		if (table->status == TABLE_ABSENT && !table->was)
			continue;
		r = finish_write_catalog(tx, table);
		if (r < 0)
			return r;
		notice_add(ret_notice, table->hash);
	}
	return 1;
}

void finish_abort(struct stele_transaction *tx)
{
	struct edit *edit = &tx->publisher->edit;
	struct stele_writable *table;

	for (table = tx->publisher->tables.opened; table; table = table->next_opened) {
		/* The schema that the table has now is not that of the last version. Another
		 * publisher may store its own schema at the same reference, with the same id and
		 * in the same version. No table has id 0, so the next transaction loads the schema
		 * again. */
		if (table->remade || !table->was || table->schema_ref != table->base.schema)
			table->id = 0;
		if (table->status != TABLE_PRESENT)
			continue;
		edit_drop_tree(edit, &table->layout, table->root, true);
		if (object_made(edit, table->schema_ref))
			object_drop(edit, table->schema_ref,
			            object_size(edit, NULL, table->schema_ref));
		if (!table->was)
			table->status = TABLE_ABSENT;
	}
	tables_close(&tx->publisher->tables);
}
