/* SPDX-License-Identifier: MIT
 * The tables of a transaction as readings: their rows and changes before the commit. */
#include <errno.h>

#include "lib/base/error.h"
#include "lib/reading/changes.h"
#include "lib/reading/cursor.h"
#include "lib/trie/catalog.h"
#include "publisher/tables/table.h"

static int delta_check(const struct reading *reading)
{
	const struct stele_writable *table = reading->context;

	return publisher_check(table->publisher);
}

/* Nobody takes back what a transaction reads; but its file may be truncated. */
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

static int delta_check_complete(const struct stele_writable *table)
{
	int r = publisher_check(table->publisher);

	if (r == 0 && table->marks)
		r = error_set(
			EBUSY,
			"table \"%s\" is being replaced as a whole; end the replacement before "
			"reading it",
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

/* The last version's rows can be compared only under the same schema. */
static int delta_check_schema(const struct stele_writable *table)
{
	struct stele_schema *schema;
	int r;

	if (!table->was || table->schema_ref == table->base.schema)
		return 0;
	r = catalog_schema(&table->publisher->arena.view, table->base.schema, &schema);
	if (r == -ENOMEM)
		return error_set(ENOMEM, "no memory for the schema of table \"%s\"", table->name);
	if (r < 0)
		return table_damaged(table);
	if (!stele_schema_equal(schema, table->schema))
		r = error_set(EINVAL,
		              "table \"%s\" was dropped and made again with another schema, so its "
		              "rows can't be compared with those of the last version",
		              table->name);
	stele_schema_free(schema);
	return r;
}

int stele_writable_changes_open(struct stele_writable *table, struct stele_changes **ret)
{
	uint64_t version = table->publisher->edit.version;
	const uint64_t versions[2] = {version - 1, version};
	struct reading before, after;
	int r = delta_check_complete(table);

	if (r == 0)
		r = delta_check_schema(table);
	if (r < 0)
		return r;
	delta_reading(table, table->base.root, &before);
	delta_reading(table, table->root, &after);
	return changes_open(table->was ? &before : NULL, &after, versions, ret);
}
