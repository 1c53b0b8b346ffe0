/* SPDX-License-Identifier: MIT
 * Snapshots as readings, for cursors and changes. */
#include "lib/trie/reading.h"
#include "subscriber/subscriber.h"

static int check(const struct reading *reading)
{
	const struct stele_snapshot *snapshot = reading->context;

	return subscriber_check(snapshot->subscriber);
}

static int judge(const struct reading *reading, int r)
{
	const struct stele_snapshot *snapshot = reading->context;
	int checked = subscriber_check(snapshot->subscriber);

	return checked < 0 ? checked : snapshot_result(snapshot, r);
}

void table_reading(const struct stele_table *table, struct reading *ret)
{
	static const struct reading_owner owner = {check, judge};

	*ret = (struct reading){
		.owner = &owner,
		.context = table->snapshot,
		.region = table->snapshot->region,
		.version = table->snapshot->version,
		.forks = table->snapshot->subscriber->forks,
		.view = table->snapshot->view,
		.shape = table_words(table)->shape,
		.root = table_words(table)->root,
	};
}

int stele_cursor_open(const struct stele_table *table, struct stele_cursor **ret)
{
	struct reading reading;
	int r = subscriber_check(table->snapshot->subscriber);

	if (r < 0)
		return r;
	table_reading(table, &reading);
	return cursor_open(&reading, ret);
}
