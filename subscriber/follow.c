/* SPDX-License-Identifier: MIT
 *
 * Following: all rows, then what changes, for ever. The version that the callback has whole stays
 * pinned as `last`, so that the next difference can be had from it; where it is taken back all the
 * same, in the middle of a batch or between two, everything is given anew after a RESYNC. Rows are
 * copied out and judged before the callback sees them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/units.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/storage/file.h"
#include "subscriber/move.h"

/* What the inner functions return when the callback wants an end: follow->answer has its word. */
#define ENDED 1

/* Nanoseconds. */
#define MOVE_ON NSEC_PER_SEC

struct row_copy {
	unsigned char key[STELE_KEY_MAX];
	unsigned char *value;
	size_t capacity;
};

struct follow {
	struct stele_subscriber *subscriber;
	struct stele_follow_options options;
	int (*on_event)(const struct stele_event *event, void *userdata);
	void *userdata;
	struct stele_snapshot
		*last; /* what the callback has; NULL: nothing, so that all is initial */
	struct stele_snapshot *next; /* what it is brought to */
	struct row_copy before, after;
	uint64_t count;
	int answer;
};

/* A table in both versions. */
struct pair {
	const char *name;
	bool in_last, in_next;
	struct stele_table last, next;
};

/* ---- events ---- */

static int follow_emit(struct follow *follow, const struct stele_event *event)
{
	follow->answer = follow->on_event(event, follow->userdata);
	return follow->answer == 0 ? 0 : ENDED;
}

static int follow_emit_mark(struct follow *follow, enum stele_event_kind kind, uint64_t version)
{
	return follow_emit(follow, &(struct stele_event){
					   .kind = kind,
					   .version = version,
					   .region = follow->subscriber->region->uuid,
					   .count = follow->count,
				   });
}

static int follow_copy_row(struct row_copy *copy, struct stele_row *row)
{
	if (row->value_size > copy->capacity) {
		unsigned char *value = realloc(copy->value, row->value_size);
		if (!value)
			return error_set(ENOMEM, "no memory for a value of %zu bytes",
			                 row->value_size);
		copy->value = value;
		copy->capacity = row->value_size;
	}
	data_copy_out(copy->key, row->key, (row->key_bits + 7) / 8);
	if (row->value_size > 0)
		data_copy_out(copy->value, row->value, row->value_size);
	row->key = copy->key;
	row->value = copy->value;
	return 0;
}

/* Gives one change to the callback, copied and judged. */
static int follow_emit_change(struct follow *follow, const struct pair *pair,
                              const struct stele_schema *schema,
                              const struct stele_changes *changes,
                              const struct stele_change *change)
{
	struct stele_event event = {
		.kind = follow->last ? STELE_EVENT_CHANGE : STELE_EVENT_INITIAL,
		.version = follow->next->version,
		.region = follow->subscriber->region->uuid,
		.table = pair->name,
		.schema = schema,
		.change = *change,
		.count = follow->count + 1,
	};
	int r = 0;

	if (change->kind != STELE_ADDED)
		r = follow_copy_row(&follow->before, &event.change.before);
	if (r == 0 && change->kind != STELE_REMOVED)
		r = follow_copy_row(&follow->after, &event.change.after);
	if (r == 0)
		r = stele_changes_check(changes);
	if (r < 0)
		return r;
	follow->count++;
	return follow_emit(follow, &event);
}

/* ---- tables ---- */

static int follow_emit_changes(struct follow *follow, const struct pair *pair, bool with_last,
                               bool with_next)
{
	const struct stele_follow_options *options = &follow->options;
	struct stele_schema *schema = NULL;
	struct stele_changes *changes = NULL;
	struct stele_change change;
	int r = stele_table_schema(with_next ? &pair->next : &pair->last, &schema);

	if (r == 0)
		r = stele_changes_open(with_last ? &pair->last : NULL,
		                       with_next ? &pair->next : NULL, &changes);
	if (r == 0 && options->prefix_bits > 0)
		r = stele_changes_under(changes, options->prefix, options->prefix_bits);
	while (r == 0 && (r = stele_changes_next(changes, &change)) == 1)
		r = follow_emit_change(follow, pair, schema, changes, &change);
	stele_changes_close(changes);
	stele_schema_free(schema);
	return r;
}

/* 1, 0: their rows can't be compared, or an error. */
static int follow_compare_schemas(const struct pair *pair)
{
	struct stele_schema *last = NULL, *next = NULL;
	int r = stele_table_schema(&pair->last, &last);

	if (r == 0)
		r = stele_table_schema(&pair->next, &next);
	if (r == 0)
		r = stele_schema_equal(last, next);
	stele_schema_free(last);
	stele_schema_free(next);
	return r;
}

static int follow_pair(struct follow *follow, const struct pair *pair)
{
	int r = 1;

	if (pair->in_last && pair->in_next) {
		if (stele_table_version(&pair->last) == stele_table_version(&pair->next))
			return 0;
		r = follow_compare_schemas(pair);
	}
	if (r == 1)
		return follow_emit_changes(follow, pair, pair->in_last, pair->in_next);
	/* Made again with other columns: all its rows are others. */
	if (r == 0)
		r = follow_emit_changes(follow, pair, true, false);
	return r == 0 ? follow_emit_changes(follow, pair, false, true) : r;
}

/* Opens the table on the sides where it may be. */
static int follow_table(struct follow *follow, const char *name)
{
	struct pair pair = {.name = name};
	int r = 0;

	if (follow->last) {
		r = stele_table_open(follow->last, name, NULL, &pair.last);
		pair.in_last = r == 0;
	}
	if (r == 0 || r == -ENOENT) {
		r = stele_table_open(follow->next, name, follow->options.schema, &pair.next);
		pair.in_next = r == 0;
	}
	if (r < 0 && r != -ENOENT)
		return r;
	return pair.in_last || pair.in_next ? follow_pair(follow, &pair) : 0;
}

/* The next table of a snapshot, into `name`, which becomes empty after the last. */
static int follow_next_name(const struct stele_snapshot *snapshot, char *name)
{
	int r = snapshot ? stele_snapshot_next_table(snapshot, name) : 0;

	if (r == 0)
		name[0] = '\0';
	return r < 0 ? r : 0;
}

/* All tables of both versions, in order. */
static int follow_tables(struct follow *follow)
{
	char last[STELE_NAME_MAX + 1] = "", next[STELE_NAME_MAX + 1] = "";
	int r = follow_next_name(follow->last, last);

	if (r == 0)
		r = follow_next_name(follow->next, next);
	while (r == 0 && (*last || *next)) {
		int order = !*last ? 1 : !*next ? -1 : strcmp(last, next);
		r = follow_table(follow, order <= 0 ? last : next);
		if (r == 0 && order <= 0)
			r = follow_next_name(follow->last, last);
		if (r == 0 && order >= 0)
			r = follow_next_name(follow->next, next);
	}
	return r;
}

/* ---- batches ---- */

/* Across two generations of the region's file the difference costs all rows: where the new one holds
 * the last version too, it is read there. */
static void follow_move(struct follow *follow)
{
	struct stele_snapshot *reopened;

	if (!follow->last || follow->last->region == follow->next->region ||
	    stele_snapshot_open(follow->subscriber, follow->last->version, &reopened) < 0)
		return;
	stele_snapshot_close(follow->last);
	follow->last = reopened;
}

/* Brings the callback from the last version to the newest. -ESTALE: one of them was taken back. */
static int follow_emit_batch(struct follow *follow)
{
	enum stele_event_kind end = follow->last ? STELE_EVENT_APPLIED : STELE_EVENT_INITIAL_END;
	uint64_t version;
	int r = stele_snapshot_open(follow->subscriber, 0, &follow->next);

	if (r < 0)
		return r;
	version = follow->next->version;
	follow->count = 0;
	follow_move(follow);
	r = follow->options.table ? follow_table(follow, follow->options.table)
	                          : follow_tables(follow);
	if (r == 0)
		r = follow_emit_mark(follow, end, version);
	if (r != 0)
		return r;
	stele_snapshot_close(follow->last);
	follow->last = follow->next;
	follow->next = NULL;
	/* Only for others to see; who is not registered can't say it. */
	stele_subscriber_applied(follow->subscriber, version);
	return 0;
}

static int follow_resync(struct follow *follow)
{
	follow->last = stele_snapshot_close(follow->last);
	follow->next = stele_snapshot_close(follow->next);
	follow->count = 0;
	return follow_emit_mark(follow, STELE_EVENT_RESYNC, 0);
}

/* Goes on from the version that the caller has, if that can be. */
static int follow_resume(struct follow *follow)
{
	const struct stele_follow_options *options = &follow->options;
	int r;

	if (options->since == 0)
		return 0;
	if (memcmp(options->region, follow->subscriber->region->uuid, 16) != 0)
		return follow_resync(follow);
	r = stele_snapshot_open(follow->subscriber, options->since, &follow->last);
	return r == -ENOENT ? follow_resync(follow) : r;
}

/* A subscriber that named tables moves on when others change, too, but unhurried: the old version is
 * not kept pinned for ever, and what it reports as applied does not stay behind. 1, 0 at the deadline,
 * or an error. */
static int follow_wait(struct follow *follow)
{
	struct stele_subscriber *subscriber = follow->subscriber;
	int64_t deadline = follow->options.deadline_ns;
	uint64_t last = follow->last->version, version;

	for (;;) {
		int64_t now = clock_monotonic(), until = deadline;
		int r;
		if (subscriber->interest.count > 0 && deadline - now > MOVE_ON)
			until = now + MOVE_ON;
		r = stele_subscriber_wait(subscriber, last, until, &version);
		if (r == 0 && until < deadline && subscriber_newest(subscriber) > last)
			r = 1;
		if (r != 0 || until == deadline)
			return r;
	}
}

static int follow_run(struct follow *follow)
{
	int64_t deadline = follow->options.deadline_ns;
	int r = follow_resume(follow);

	while (r == 0) {
		if (follow->last) {
			r = follow_wait(follow);
			if (r != 1)
				break;
		}
		r = follow_emit_batch(follow);
		/* At the deadline the caller is told that it has nothing whole. */
		if (r == -ESTALE && (deadline == STELE_FOREVER || clock_monotonic() < deadline))
			r = follow_resync(follow);
	}
	return r;
}

/* ---- the call ---- */

static int follow_check_options(const struct stele_follow_options *options)
{
	if (options->size != sizeof(*options))
		return error_set(
			EINVAL,
			"options of %zu bytes; set .size to sizeof(struct stele_follow_options)",
			options->size);
	if (!options->table && (options->prefix_bits > 0 || options->schema))
		return error_set(EINVAL, "a prefix or a schema without the table that it is of");
	if (options->prefix_bits > STELE_KEY_MAX * 8)
		return error_set(EINVAL, "a prefix of %u bits; the longest key has %u",
		                 options->prefix_bits, STELE_KEY_MAX * 8);
	if (options->prefix_bits > 0 && !options->prefix)
		return error_set(EINVAL, "a prefix of %u bits, but no prefix",
		                 options->prefix_bits);
	if (options->since > 0 && !options->region)
		return error_set(EINVAL,
		                 "version %llu to go on from, but not of which region: set .region "
		                 "to its UUID",
		                 (unsigned long long)options->since);
	return options->table ? stele_name_check("table", options->table) : 0;
}

int stele_subscriber_follow(struct stele_subscriber *subscriber,
                            const struct stele_follow_options *options,
                            int (*on_event)(const struct stele_event *event, void *userdata),
                            void *userdata)
{
	struct follow follow = {
		.subscriber = subscriber,
		.options = {.size = sizeof(*options)},
		.on_event = on_event,
		.userdata = userdata,
	};
	int r = subscriber_check(subscriber);

	if (r == 0 && options)
		r = follow_check_options(options);
	if (r < 0)
		return r;
	if (options)
		follow.options = *options;
	if (follow.options.deadline_ns == 0)
		follow.options.deadline_ns = STELE_FOREVER;
	r = follow_run(&follow);
	stele_snapshot_close(follow.last);
	stele_snapshot_close(follow.next);
	free(follow.before.value);
	free(follow.after.value);
	return r == ENDED ? follow.answer : r;
}
