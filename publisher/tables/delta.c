/* SPDX-License-Identifier: MIT
 *
 * Cursors and changes over the tables of a transaction before its commit. These are public
 * functions. They implement struct reading (lib/reading/reading.h) for a publisher. */
#include <errno.h>

#include "lib/base/error.h"
#include "lib/reading/changes.h"
#include "lib/reading/cursor.h"
#include "lib/types/refuse.h"
#include "lib/trie/catalog.h"
#include "publisher/tables/table.h"

/* Checks before a read that the publisher may be used in this process (struct reading_owner). */
static int delta_check(const struct reading *reading)
{
	const struct stele_writable *table = reading->context;

	return publisher_check(table->publisher);
}

/* Validates the result of a read (struct reading_owner). The publisher reclaims nothing that its
 * transaction reads, so a result is invalid only if the region is damaged or its file was
 * truncated. */
static int delta_recheck(const struct reading *reading, int r)
{
	const struct stele_writable *table = reading->context;
	int checked = publisher_check(table->publisher);

	if (checked < 0)
		return checked;
	if (r == -EBADMSG || region_lost(&table->publisher->attachment.region))
		return table_damaged(table);
	return r;
}

/* Fills in `*ret` for reading the table's trie at `root`. */
static void delta_reading(const struct stele_writable *table, ref_t root, struct reading *ret)
{
	static const struct reading_owner owner = {delta_check, delta_recheck};

	*ret = (struct reading){
		.owner = &owner,
		.context = table,
		.view = table->publisher->arena.view,
		.layout = table->layout,
		.root = root,
	};
}

/* Refuses a table in the middle of a replacement: its rows are not complete. */
static int delta_check_complete(const struct stele_writable *table)
{
	int r = publisher_check(table->publisher);

	if (r == 0 && table->replacing)
		r = error_set(
			EBUSY,
			"table \"%s\" is being replaced; end the replacement before reading it "
			"(stele_writable_replace_end)",
			table->name);
	return r;
}

int stele_writable_cursor_open(struct stele_writable *table, struct stele_cursor **ret)
{
	struct reading reading;
	int r = delta_check_complete(table);

	if (r < 0)
		return r;
	delta_reading(table, table->root, &reading);
	return cursor_open(&reading, ret);
}

/* Compares the schemas of the table in the last version and in the transaction. Sets `*layout` to
 * the layout of the rows in the last version, and fills in the extension as extension_between()
 * does. Returns 0, -EMEDIUMTYPE (the rows cannot be compared), -ENOMEM or -EBADMSG. */
static int delta_compare_schemas(const struct stele_writable *table, struct row_layout *layout,
                                 struct extension *ret)
{
	struct stele_schema *schema;
	int r;

	if (table->schema_ref == table->base.schema)
		return 0;
	r = catalog_schema(&table->publisher->arena.view, table->base.schema, &schema);
	if (r == -ENOMEM)
		return refuse_schema_memory(table->name);
	if (r < 0)
		return table_damaged(table);
	row_layout_of(schema, table->features, layout);
	r = extension_between(schema, table->schema, ret);
	if (r == -EMEDIUMTYPE)
		r = error_set(EMEDIUMTYPE,
		              "table \"%s\" was dropped and created again with another schema, so "
		              "its rows cannot be compared with those of the last version",
		              table->name);
	stele_schema_free(schema);
	return r;
}

int stele_writable_changes_open(struct stele_writable *table, struct stele_changes **ret)
{
	uint64_t version = table->publisher->edit.version;
	const uint64_t versions[2] = {version - 1, version};
	struct extension extension = {0};
	struct reading before, after;
	int r = delta_check_complete(table);

	if (r < 0)
		return r;
	delta_reading(table, table->base.root, &before);
	delta_reading(table, table->root, &after);
	if (table->was)
		r = delta_compare_schemas(table, &before.layout, &extension);
	if (r == 0)
		r = changes_open_extended(table->was ? &before : NULL, &after, &extension, versions,
		                          table->publisher->attachment.region.uuid, ret);
	extension_fini(&extension);
	return r;
}
