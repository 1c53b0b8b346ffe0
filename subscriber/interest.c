/* SPDX-License-Identifier: MIT
 *
 * Finds out whether a version changed one of the tables that a subscriber waits for. A table's row
 * in the catalog holds the version that last changed the table. A dropped table has no row; it
 * counts as changed in the version in which the subscriber first found it gone.
 */
#include "subscriber/interest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/error.h"
#include "notifier/futex.h"

int interest_init(struct interest *interest, const char *const *tables)
{
	size_t count = 0;
	int r = 0;

	while (tables && tables[count])
		count++;
	if (count == 0)
		return 0;
	interest->tables = calloc(count, sizeof(*interest->tables));
	if (!interest->tables)
		return error_set(ENOMEM, "no memory for the names of %zu tables", count);
	for (size_t i = 0; r == 0 && i < count; i++) {
		r = stele_name_check("table", tables[i]);
		if (r == 0)
			strcpy(interest->tables[i].name, tables[i]);
	}
	if (r < 0) {
		interest_fini(interest);
		return r;
	}
	interest->count = count;
	return 0;
}

void interest_fini(struct interest *interest)
{
	free(interest->tables);
	*interest = (struct interest){0};
}

void interest_forget(struct interest *interest)
{
	interest->checked = 0;
	for (size_t i = 0; i < interest->count; i++) {
		interest->tables[i].present = false;
		interest->tables[i].changed = 0;
	}
}

uint32_t interest_futex_mask(const struct interest *interest)
{
	uint32_t mask = 0;

	/* The mask must cover all tables that interest_describe() names, or a futex wake for this
	 * subscriber would miss it. 0 covers all tables. */
	if (interest->count > LAYOUT_SLOT_TABLES)
		return 0;
	for (size_t i = 0; i < interest->count; i++)
		mask |= notifier_futex_bit(paths_table_hash(interest->tables[i].name));
	return mask;
}

void interest_describe(const struct interest *interest, struct slot_owner *owner)
{
	owner->tables = 0;
	/* A slot names at most LAYOUT_SLOT_TABLES tables. If a slot names none, the publisher sends
	 * notices for all tables. */
	if (interest->count > LAYOUT_SLOT_TABLES)
		return;
	for (; owner->tables < interest->count; owner->tables++)
		owner->table_hashes[owner->tables] =
			paths_table_hash(interest->tables[owner->tables].name);
}

/* Looks the tables up in a version. Returns 0, -EAGAIN (the version was reclaimed) or -EBADMSG. */
static int interest_find_tables(struct stele_subscriber *subscriber, uint64_t version)
{
	struct interest *interest = &subscriber->interest;
	struct region *region = subscriber->region;
	struct layout_commit commit;
	struct catalog_table found;
	struct view view;
	uint32_t hint = UINT32_MAX;
	int rechecked, r = region_commit(region, version, &commit);

	if (r < 0)
		return -EAGAIN;
	region_view(region, &view);
	for (size_t i = 0; i < interest->count; i++) {
		struct interest_table *table = &interest->tables[i];
		r = catalog_get(&view, commit.catalog, table->name, &found);
		/* Re-check before storing: data of a reclaimed version must not get into
		 * `table`. */
		rechecked = region_recheck(region, version, &hint);
		if (rechecked < 0)
			return rechecked == -ESTALE ? -EAGAIN : rechecked;
		if (r < 0)
			return r;
		if (r == 1)
			table->changed = found.version;
		else if (r == 0 && table->present)
			table->changed = version;
		table->present = r == 1;
	}
	return 0;
}

int interest_changed(struct stele_subscriber *subscriber, uint64_t since, uint64_t version)
{
	struct interest *interest = &subscriber->interest;

	if (interest->count == 0)
		return 1;
	if (interest->checked != version) {
		int r;
		/* The first time, look the tables up in `since` too, if history still has it: a
		 * table that was dropped after `since` has changed. */
		if (interest->checked == 0 && since > 0 && since < version)
			interest_find_tables(subscriber, since);
		r = interest_find_tables(subscriber, version);
		if (r < 0)
			return r == -EBADMSG ? region_error(subscriber->region, r, version) : r;
		interest->checked = version;
	}
	for (size_t i = 0; i < interest->count; i++)
		if (interest->tables[i].changed > since)
			return 1;
	return 0;
}
