/* SPDX-License-Identifier: MIT
 *
 * Following: stele_subscriber_follow() gives the callback all rows once, and then every change, for
 * ever. The version that the callback has received completely stays pinned as `last`, so that the
 * next difference can be computed from it. If the publisher reclaims `last` nevertheless, during a
 * batch or between two batches, follow emits RESYNC and gives all rows again. Rows are copied, and
 * the copies validated, before the callback sees them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/extensible.h"
#include "lib/reading/key_start.h"
#include "lib/units.h"
#include "subscriber/move.h"
#include "subscriber/retry.h"

/* The result of a function in this file if the callback returned non-zero, which ends following.
 * follow->answer then holds the callback's result. */
#define ENDED 1

/* How long a subscriber that named tables stays at a version while only other tables change, in
 * nanoseconds. */
#define MOVE_ON NSEC_PER_SEC

/* A copied row. */
struct row_copy {
	unsigned char key[STELE_KEY_MAX];
	unsigned char *value; /* on the heap */
	size_t capacity;      /* of `value`, in bytes */
};

/* The state of a call of stele_subscriber_follow(). */
struct follow {
	struct stele_subscriber *subscriber;
	struct stele_follow_options options;
	int (*on_event)(const struct stele_event *event, void *userdata);
	void *userdata;
	/* The version that the callback has; NULL: none, so the next batch gives all rows. */
	struct stele_snapshot *last;
	/* The version that the callback has after the current batch. */
	struct stele_snapshot *next;
	struct row_copy before, after; /* of the current change */
	uint64_t count;                /* changes in the current batch so far */
	int answer;                    /* the last result of the callback */
};

/* One table, as it is in each of the two versions that are compared. */
struct pair {
	const char *name;
	bool in_last, in_next;         /* whether the version has the table */
	struct stele_table last, next; /* the table in each version that has it */
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

/* Copies a change, re-checks, and gives the copy to the callback. */
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

/* Gives the callback the changes of a table. Without `with_last` all rows of `next` are added;
 * without `with_next` all rows of `last` are removed. */
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

/* Returns 1 if the table has equal schemas in both versions, 0 if not (its rows can't be compared
 * then), or an error. */
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

/* Gives the callback the changes of a table between the versions `last` and `next`. */
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
	/* The table was dropped and made again with another schema: remove all rows, then add
	 * all. */
	if (r == 0)
		r = follow_emit_changes(follow, pair, true, false);
	return r == 0 ? follow_emit_changes(follow, pair, false, true) : r;
}

/* Opens a table in the versions `last` and `next`, and gives the callback its changes. */
static int follow_table(struct follow *follow, const char *name)
{
	struct pair pair = {.name = name};
	int r = 0;

	if (follow->last) {
		r = stele_table_open(follow->last, name, NULL, &pair.last);
		pair.in_last = r == 0;
	}
	if (r == 0 || r == -ENXIO) {
		r = stele_table_open(follow->next, name, follow->options.schema, &pair.next);
		pair.in_next = r == 0;
	}
	if (r < 0 && r != -ENXIO)
		return r;
	return pair.in_last || pair.in_next ? follow_pair(follow, &pair) : 0;
}

/* Replaces `name` by the name of the snapshot's next table, or by "" after the last. */
static int follow_next_name(const struct stele_snapshot *snapshot, char *name)
{
	int r = snapshot ? stele_snapshot_next_table(snapshot, name) : 0;

	if (r == 0)
		name[0] = '\0';
	return r < 0 ? r : 0;
}

/* Gives the callback the changes of all tables of `last` and `next`, in the order of their
 * names. */
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

/* Reopens `last` in the generation of `next`, if they are of different generations and the newer
 * generation still holds the version of `last`. A difference across two generations costs a walk
 * over all rows. */
static void follow_move(struct follow *follow)
{
	struct stele_snapshot *reopened;

	if (!follow->last || follow->last->region == follow->next->region ||
	    stele_snapshot_open(follow->subscriber, follow->last->version, &reopened) < 0)
		return;
	stele_snapshot_close(follow->last);
	follow->last = reopened;
}

/* Brings the callback from `last` to the newest version. Returns 0, ENDED or an error; -ESTALE if
 * the publisher reclaimed one of the two versions meanwhile. */
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
	/* Other processes can see the applied version. This call fails, harmlessly, for a
	 * subscriber that is not registered. */
	stele_subscriber_applied(follow->subscriber, version);
	return 0;
}

/* Closes `last` and `next`, and announces to the callback that it will receive all rows again. */
static int follow_resync(struct follow *follow)
{
	follow->last = stele_snapshot_close(follow->last);
	follow->next = stele_snapshot_close(follow->next);
	follow->count = 0;
	return follow_emit_mark(follow, STELE_EVENT_RESYNC, 0);
}

/* Opens version options.since as `last`. Resyncs if that version belongs to another region or is no
 * longer held. */
static int follow_resume(struct follow *follow)
{
	const struct stele_follow_options *options = &follow->options;
	int r;

	if (options->since == 0)
		return 0;
	if (memcmp(options->region, follow->subscriber->region->uuid, 16) != 0)
		return follow_resync(follow);
	r = stele_snapshot_open(follow->subscriber, options->since, &follow->last);
	return r == -ESTALE || r == -ENODATA ? follow_resync(follow) : r;
}

/* Waits for a version newer than `last`. Returns 1, 0 at the deadline, or an error. A subscriber
 * that named tables is not woken when other tables change; it still moves to the newest version
 * after MOVE_ON. So it does not pin an old version for ever, and the version that it reports as
 * applied does not fall behind. */
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
		/* After the deadline the batch stays incomplete: there is no time left to begin
		 * again. */
		if (r == -ESTALE && (deadline == STELE_FOREVER || clock_monotonic() < deadline))
			r = follow_resync(follow);
		else if (r == -ESTALE)
			r = retry_outrun_error(follow->subscriber->region);
	}
	return r;
}

/* ---- the call ---- */

/* Copies the caller's options, which may be NULL, to `*ret`, and validates the copy. */
static int follow_read_options(const struct stele_follow_options *from,
                               struct stele_follow_options *options)
{
	int r = extensible_read(stele_follow_options, from, options);

	if (r < 0)
		return r;
	if (!options->table && (options->prefix_bits > 0 || options->schema))
		return error_set(EINVAL, "a prefix or a schema needs a table; set .table");
	r = key_start_check(options->prefix_bits);
	if (r < 0)
		return r;
	if (options->prefix_bits > 0 && !options->prefix)
		return error_set(EINVAL, ".prefix_bits is %u, but .prefix is not set",
		                 options->prefix_bits);
	if (options->since > 0 && !options->region)
		return error_set(
			EINVAL,
			"cannot resume from version %llu of an unknown region; set .region to "
			"its UUID",
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
		.on_event = on_event,
		.userdata = userdata,
	};
	int r = subscriber_check(subscriber);

	if (r == 0)
		r = follow_read_options(options, &follow.options);
	if (r < 0)
		return r;
	if (follow.options.deadline_ns == 0)
		follow.options.deadline_ns = STELE_FOREVER;
	r = follow_run(&follow);
	stele_snapshot_close(follow.last);
	stele_snapshot_close(follow.next);
	free(follow.before.value);
	free(follow.after.value);
	return r == ENDED ? follow.answer : r;
}
