/* SPDX-License-Identifier: MIT
 *
 * Changes of a table: stele_changes_open(), between two snapshots of one subscriber, and
 * stele_changes_since(), from an older version to the newest. */
#include <errno.h>

#include "lib/base/error.h"
#include "lib/reading/changes.h"
#include "lib/region/position.h"
#include "subscriber/retry.h"
#include "subscriber/snapshot.h"
#include "subscriber/table.h"

/* Returns true if `schema`, which was loaded again, gives the table's rows the layout that they had
 * when the table was opened. In a forged region a schema may change between two loads. */
static bool changes_has_layout(const struct stele_table *table, const struct stele_schema *schema)
{
	struct row_layout layout;

	row_layout_of(schema, table->snapshot->view.features, &layout);
	return row_layout_equal(&layout, &table_words(table)->layout);
}

/* Checks that two tables can be compared: they belong to one subscriber, and the schema of one
 * extends that of the other. Fills in the extension. Returns 0 or an error. */
static int changes_check_pair(const struct stele_table *before, const struct stele_table *after,
                              struct extension *ret)
{
	const struct stele_snapshot *snapshot = before->snapshot;
	struct stele_schema *a = NULL, *b = NULL;
	int r;

	if (snapshot->subscriber != after->snapshot->subscriber)
		return error_set(
			EINVAL,
			"cannot compare snapshots of two subscribers; open both with one subscriber");
	if (snapshot->view.base == after->snapshot->view.base &&
	    table_words(before)->schema == table_words(after)->schema)
		return 0;
	r = stele_table_schema(before, &a);
	if (r == 0)
		r = stele_table_schema(after, &b);
	if (r == 0)
		r = extension_between(a, b, ret);
	if (r == 0 && !(changes_has_layout(before, a) && changes_has_layout(after, b)))
		r = region_error(snapshot->region, -EBADMSG, snapshot->version);
	stele_schema_free(a);
	stele_schema_free(b);
	return r;
}

static int changes_open_between(const struct stele_table *before, const struct stele_table *after,
                                const uint64_t versions[2], const uint8_t region[16],
                                struct stele_changes **ret)
{
	struct extension extension = {0};
	struct reading readings[2];
	int r = before && after ? changes_check_pair(before, after, &extension) : 0;

	if (before)
		table_reading(before, &readings[0]);
	if (after)
		table_reading(after, &readings[1]);
	if (r == 0)
		r = changes_open_extended(before ? &readings[0] : NULL, after ? &readings[1] : NULL,
		                          &extension, versions, region, ret);
	extension_fini(&extension);
	return r;
}

int stele_changes_open(const struct stele_table *before, const struct stele_table *after,
                       struct stele_changes **ret)
{
	const struct stele_table *any = after ? after : before;
	const uint64_t versions[2] = {before ? before->snapshot->version : 0,
	                              after ? after->snapshot->version : 0};
	int r;

	if (!any)
		return error_set(EINVAL, "neither table is given; give at least one");
	r = subscriber_check(any->snapshot->subscriber);
	return r < 0 ? r
	             : changes_open_between(before, after, versions, any->snapshot->region->uuid,
	                                    ret);
}

/* ---- since a version ---- */

/* One of the two versions, and the table in it. */
struct side {
	struct stele_snapshot *snapshot; /* NULL if `there` is false */
	struct stele_table table;
	bool there; /* the version has the table */
};

/* How many tries to open both versions, if the publisher reclaims the newest each time. */
#define TRIES 100

static void changes_side_close(struct side *side)
{
	side->snapshot = stele_snapshot_close(side->snapshot);
	side->there = false;
}

/* The arguments of stele_changes_since(). */
struct request {
	struct stele_subscriber *subscriber;
	const char *table;
	const struct stele_schema *expected; /* NULL: any */
	struct stele_position since;
};

/* Opens a version and the table in it. Returns 0, also if the version has no such table, or an
 * error: -EMEDIUMTYPE if programs that were built for `expected` (may be NULL) can't read it.
 * Closes the snapshot again if the version has no such table, so that nothing stays pinned. */
static int changes_side_open(const struct request *request, uint64_t version,
                             const struct stele_schema *expected, struct side *ret,
                             uint64_t *ret_version)
{
	struct side side = {0};
	int r = stele_snapshot_open(request->subscriber, version, &side.snapshot);

	if (r < 0)
		return r;
	*ret_version = side.snapshot->version;
	r = stele_table_open(side.snapshot, request->table, expected, &side.table);
	side.there = r == 0;
	if (r < 0)
		changes_side_close(&side);
	if (r == 0)
		*ret = side;
	return r == -ENXIO ? 0 : r;
}

/* Closes a snapshot when its changes are closed. Takes a const pointer, as the changes only read
 * the snapshot. */
static void changes_release_snapshot(const void *snapshot)
{
	stele_snapshot_close((struct stele_snapshot *)(uintptr_t)snapshot);
}

/* Opens the older version. `newest` is the newest one, in which the table is at `after`. Returns 0,
 * STELE_GAP or an error. */
static int changes_before_open(const struct request *request, uint64_t newest,
                               const struct side *after, struct side *ret, uint64_t *ret_version)
{
	const struct stele_position *since = &request->since;
	int r;

	if (since->version == 0)
		return 0;
	if (since->version > newest || !position_is_of(since, request->subscriber->region))
		return STELE_GAP;
	/* If the table exists now, its older rows are extended to the columns that it has now. */
	r = changes_side_open(request, since->version, after->there ? NULL : request->expected, ret,
	                      ret_version);
	return r == -ESTALE || r == -EMEDIUMTYPE ? STELE_GAP : r;
}

/* Tries once to open the changes since a version. Returns 0, STELE_GAP (the changes can't be
 * known), or an error: -ESTALE if the publisher reclaimed the newest version meanwhile. */
static int changes_open_since(const struct request *request, struct stele_changes **ret)
{
	struct side before = {0}, after = {0};
	uint64_t versions[2] = {0};
	int r = changes_side_open(request, 0, request->expected, &after, &versions[1]);

	if (r < 0)
		return r;
	r = changes_before_open(request, versions[1], &after, &before, &versions[0]);
	if (r == 0) {
		r = changes_open_between(before.there ? &before.table : NULL,
		                         after.there ? &after.table : NULL, versions,
		                         request->subscriber->region->uuid, ret);
		/* -EMEDIUMTYPE: the table has another schema now, so its rows can't be compared.
		 * -ESTALE may mean that `since` was reclaimed during the open. */
		if (r == -EMEDIUMTYPE ||
		    (r == -ESTALE && before.there && snapshot_recheck(before.snapshot) < 0))
			r = STELE_GAP;
	}
	if (r == 0) {
		changes_own(*ret, changes_release_snapshot);
	} else {
		changes_side_close(&before);
		changes_side_close(&after);
	}
	return r;
}

int stele_changes_since(struct stele_subscriber *subscriber, const char *table,
                        const struct stele_schema *expected, const struct stele_position *since,
                        struct stele_changes **ret)
{
	struct request request = {
		.subscriber = subscriber,
		.table = table,
		.expected = expected,
	};
	struct retry retry = {.max_tries = TRIES};
	int r = subscriber_check(subscriber);

	if (r == 0)
		r = stele_name_check("table", table);
	if (r == 0 && since)
		r = position_check(since);
	if (r < 0)
		return r;
	if (since)
		request.since = *since;
	do
		r = changes_open_since(&request, ret);
	while (r == -ESTALE && retry_again(&retry, subscriber->region));
	return r == -ESTALE ? retry_error(&retry, subscriber->region, head_version(retry.head)) : r;
}
