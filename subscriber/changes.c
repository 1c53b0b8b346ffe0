/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/error.h"
#include "subscriber.h"

struct stele_changes {
	const struct stele_snapshot *before, *after; /* NULL: no table on that side */
	struct shape shape;
	struct view view; /* of the newer snapshot: it reaches all that the older one does */
	struct diff diff;
};

/* The tables of one subscriber that lie in one file. */
static int check_pair(const struct stele_table *before, const struct stele_table *after)
{
	const struct stele_snapshot *snapshot = before->snapshot;
	struct stele_schema *a = NULL, *b = NULL;
	int r;

	if (snapshot->subscriber != after->snapshot->subscriber)
		return error_set(
			EINVAL, "changes between snapshots of two subscribers; open both with one");
	if (table_words(before)->schema == table_words(after)->schema)
		return 0;
	r = stele_table_schema(before, &a);
	if (r == 0)
		r = stele_table_schema(after, &b);
	if (r == 0 && !stele_schema_equal(a, b))
		r = refuse_schema("(before)", a, b);
	stele_schema_free(a);
	stele_schema_free(b);
	return r;
}

int stele_changes_open(const struct stele_table *before, const struct stele_table *after,
                       struct stele_changes **ret)
{
	const struct stele_table *any = after ? after : before;
	struct stele_changes *changes;
	int r;

	if (!any)
		return error_set(EINVAL, "changes of no table; give at least one");
	r = subscriber_check(any->snapshot->subscriber);
	if (r == 0 && before && after)
		r = check_pair(before, after);
	if (r < 0)
		return r;
	changes = malloc(sizeof(*changes));
	if (!changes)
		return error_set(ENOMEM, "no memory for changes");
	changes->before = before ? before->snapshot : NULL;
	changes->after = after ? after->snapshot : NULL;
	changes->shape = table_words(any)->shape;
	changes->view = any->snapshot->view;
	if (before && before->snapshot->view.limit > changes->view.limit)
		changes->view = before->snapshot->view;
	diff_start(&changes->diff, &changes->view, &changes->shape,
	           before ? table_words(before)->root : 0, after ? table_words(after)->root : 0);
	*ret = changes;
	return 0;
}

struct stele_changes *stele_changes_close(struct stele_changes *changes)
{
	free(changes);
	return NULL;
}

static int load_row(const struct stele_changes *changes, ref_t ref, struct row_parts *parts,
                    struct stele_row *ret)
{
	if (!ref)
		return 0;
	if (row_parts(&changes->view, &changes->shape, ref, parts) < 0)
		return -EBADMSG;
	row_fill(&changes->view, ref, parts, ret);
	return 0;
}

static bool same_value(const struct row_parts *a, const struct row_parts *b)
{
	uint32_t size = a->value_size, i = 0;

	if (size != b->value_size)
		return false;
	for (; i + 8 <= size; i += 8)
		if (data_load_bytes(a->value + i) != data_load_bytes(b->value + i))
			return false;
	for (; i < size; i++)
		if (data_load_byte(a->value + i) != data_load_byte(b->value + i))
			return false;
	return true;
}

/* The next pair of rows that differ: 1 and the change, 0, or an error that is not judged yet. */
static int next(struct stele_changes *changes, struct stele_change *ret)
{
	struct row_parts a, b;
	ref_t before, after;
	int r;

	while ((r = diff_next(&changes->diff, &before, &after)) == 1) {
		*ret = (struct stele_change){.kind = !before  ? STELE_ADDED
		                                     : !after ? STELE_REMOVED
		                                              : STELE_CHANGED};
		if (load_row(changes, before, &a, &ret->before) < 0 ||
		    load_row(changes, after, &b, &ret->after) < 0)
			return -EBADMSG;
		if (ret->kind != STELE_CHANGED || !same_value(&a, &b))
			return 1;
	}
	return r;
}

int stele_changes_next(struct stele_changes *changes, struct stele_change *ret)
{
	const struct stele_snapshot *any = changes->after ? changes->after : changes->before;
	struct stele_change change;
	int judged, r = subscriber_check(any->subscriber);

	if (r < 0)
		return r;
	r = next(changes, &change);
	/* Both versions must have been whole until now: only then is what was skipped as equal,
	 * equal. */
	judged = changes->before ? snapshot_judge(changes->before) : 0;
	if (judged == 0)
		r = snapshot_result(any, r);
	else
		r = judged;
	if (r == 1)
		*ret = change;
	return r;
}
