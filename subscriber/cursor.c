/* SPDX-License-Identifier: MIT
 *
 * Opens a cursor over a table of a snapshot. The other cursor functions work on any reading; they
 * are in lib/reading/cursor.c. */
#include "lib/reading/cursor.h"
#include "subscriber/table.h"

int stele_cursor_open(const struct stele_table *table, struct stele_cursor **ret)
{
	struct reading reading;
	int r = subscriber_check(table->snapshot->subscriber);

	if (r < 0)
		return r;
	table_reading(table, &reading);
	return cursor_open(&reading, ret);
}
