/* SPDX-License-Identifier: MIT
 *
 * Changes since a version, and changes that a transaction would make. */
#include "tests/support/ipc/model.h"
#include "tests/support/position.h"

TestSuite(ipc_changes, .init = ipc_begin, .fini = ipc_end, .timeout = 120);

#define COMMITS 20000u
enum { READER, GO };      /* stages */
enum { ROUNDS, RESYNCS }; /* counters */

/* Applies changes to a copy of the table. Each change must fit the copy's rows. */
static int apply_all(struct stele_changes *changes, struct model *copy)
{
	struct stele_change change;
	int r;

	while ((r = stele_changes_next(changes, &change)) == 1) {
		uint32_t id =
			model_id(change.kind == STELE_REMOVED ? &change.before : &change.after);
		struct ipc_value before = {0}, after = {0};
		if (change.kind != STELE_ADDED)
			memcpy(&before, change.before.value, sizeof(before));
		if (change.kind != STELE_REMOVED)
			memcpy(&after, change.after.value, sizeof(after));
		/* Without a pin, the memory of returned rows may be reused before they are read. */
		r = stele_changes_check(changes);
		if (r < 0)
			break;
		CHECK(id < MODEL_ROWS, "row %u", id);
		CHECK(copy->numbers[id] == before.number, "row %u has %llu, not %llu", id,
		      (unsigned long long)copy->numbers[id], (unsigned long long)before.number);
		CHECK(change.kind == STELE_ADDED || ipc_whole(&before, id), "row %u before", id);
		CHECK(change.kind == STELE_REMOVED || ipc_whole(&after, id), "row %u after", id);
		copy->numbers[id] = after.number;
	}
	return r;
}

Test(ipc_changes, since_every_version_of_history)
{
	struct stele_publisher *publisher = ipc_publish_history(16);
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	struct stele_changes *changes;
	uint64_t from = 7, to = 7, oldest, newest;
	struct model whole = {0};

	while (model_commit(publisher) < 100)
		;
	model_reach(&whole, 100);
	OK(stele_subscriber_history(subscriber, &oldest, &newest));
	for (uint64_t since = oldest - 1; since <= newest; since++) {
		struct model copy = {0};
		/* Before the oldest version in history, only a full read is possible. */
		uint64_t asked = since < oldest ? 0 : since;
		if (asked > 0)
			model_reach(&copy, asked);
		RETURNS(changes_since_version(subscriber, "rows", asked, &changes), 0, "");
		stele_changes_versions(changes, &from, &to);
		cr_expect(from == asked && to == 100, "%llu to %llu", (unsigned long long)from,
		          (unsigned long long)to);
		RETURNS(apply_all(changes, &copy), 0, "");
		cr_expect_eq(memcmp(copy.numbers, whole.numbers, sizeof(copy.numbers)), 0,
		             "since %llu", (unsigned long long)since);
		stele_changes_versions(changes, NULL, NULL);
		changes = stele_changes_close(changes);
	}
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

Test(ipc_changes, since_a_version_outside_history_is_a_gap)
{
	struct stele_publisher *publisher = ipc_publish_history(4);
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	struct stele_changes *changes = NULL;
	struct stele_snapshot *snapshot;
	struct model copy = {0}, whole = {0};

	while (model_commit(publisher) < 100)
		;
	RETURNS(changes_since_version(subscriber, "rows", 1, &changes), STELE_GAP, "");
	RETURNS(changes_since_version(subscriber, "rows", 101, &changes), STELE_GAP, "");
	RETURNS(changes_since_version(subscriber, "rows", UINT64_MAX, &changes), STELE_GAP, "");
	cr_expect_null(changes, "an output was written on a gap");
	/* A version that this subscriber has pinned stays available, however old it is. */
	OK(stele_snapshot_open(subscriber, 100, &snapshot));
	while (model_commit(publisher) < 300)
		;
	model_reach(&copy, 100);
	model_reach(&whole, 300);
	RETURNS(changes_since_version(subscriber, "rows", 100, &changes), 0, "");
	RETURNS(apply_all(changes, &copy), 0, "");
	cr_expect_eq(memcmp(copy.numbers, whole.numbers, sizeof(copy.numbers)), 0);
	stele_changes_close(changes);
	stele_snapshot_close(snapshot);
	RETURNS(changes_since_version(subscriber, "rows", 100, &changes), STELE_GAP, "");
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

static uint64_t commit_table(struct stele_publisher *publisher, bool drop, bool create,
                             const struct stele_schema *schema)
{
	struct stele_transaction *tx;
	uint64_t version = 0;

	OK(stele_transaction_begin(publisher, &tx));
	if (drop)
		OK(stele_transaction_drop_table(tx, "other"));
	if (create)
		OK(stele_transaction_create_table(tx, "other", schema));
	if (create && schema == &ipc_schema) {
		uint8_t key[4] = {0, 0, 0, 1};
		struct ipc_value value;
		ipc_fill(&value, 1, stele_publisher_version(publisher) + 1);
		OK(stele_transaction_put(tx, "other", key, 32, &value, sizeof(value)));
	}
	RETURNS(stele_transaction_commit(tx, NULL, &version), 1, "");
	return version;
}

static void expect_kinds(struct stele_subscriber *subscriber, uint64_t since, int result,
                         enum stele_change_kind kind)
{
	struct stele_changes *changes;
	struct stele_change change;

	RETURNS(changes_since_version(subscriber, "other", since, &changes), result, "");
	if (result != 0)
		return;
	if (kind != 0) {
		RETURNS(stele_changes_next(changes, &change), 1, "");
		cr_expect_eq(change.kind, kind, "since %llu: %d", (unsigned long long)since,
		             (int)change.kind);
	}
	RETURNS(stele_changes_next(changes, &change), 0, "");
	stele_changes_close(changes);
}

Test(ipc_changes, of_a_table_that_is_created_and_dropped)
{
	static const struct stele_column columns[] = {STELE_KEY("name", STELE_TEXT)};
	static const struct stele_schema schema = {.columns = columns, .column_count = 1};
	struct stele_publisher *publisher = ipc_publish_history(64);
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);

	expect_kinds(subscriber, 0, 0, 0);
	expect_kinds(subscriber, 1, 0, 0);
	OK(commit_table(publisher, false, true, &ipc_schema)); /* version 2 */
	expect_kinds(subscriber, 0, 0, STELE_ADDED);
	expect_kinds(subscriber, 1, 0, STELE_ADDED);
	expect_kinds(subscriber, 2, 0, 0);
	/* version 3: dropped and created again with the same schema */
	OK(commit_table(publisher, true, true, &ipc_schema));
	expect_kinds(subscriber, 1, 0, STELE_ADDED);
	expect_kinds(subscriber, 2, 0, STELE_CHANGED);
	OK(commit_table(publisher, true, false, NULL)); /* version 4: dropped */
	expect_kinds(subscriber, 3, 0, STELE_REMOVED);
	expect_kinds(subscriber, 1, 0, 0);
	/* version 5: created with another schema */
	OK(commit_table(publisher, false, true, &schema));
	expect_kinds(subscriber, 3, STELE_GAP, 0);
	expect_kinds(subscriber, 4, 0, 0);
	expect_kinds(subscriber, 5, 0, 0);
	expect_kinds(subscriber, 0, 0, 0);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

Test(ipc_changes, whose_version_is_reclaimed_in_the_middle)
{
	struct stele_publisher *publisher = ipc_publish_history(2);
	struct stele_subscriber *subscriber = ipc_subscribe(STELE_UNREGISTERED, NULL);
	struct stele_changes *changes;
	struct stele_change change = {.kind = STELE_REMOVED};

	while (model_commit(publisher) < 100)
		;
	RETURNS(changes_since_version(subscriber, "rows", 99, &changes), 0, "");
	RETURNS(stele_changes_next(changes, &change), 1, "");
	RETURNS(stele_changes_check(changes), 0, "");
	while (model_commit(publisher) < 300)
		;
	change.kind = STELE_REMOVED;
	RETURNS(stele_changes_check(changes), -ESTALE, "no longer held");
	RETURNS(stele_changes_next(changes, &change), -ESTALE, "no longer held");
	RETURNS(stele_changes_under(changes, "", 8), -ESTALE, "no longer held");
	cr_expect_eq(change.kind, STELE_REMOVED, "an output was written on failure");
	stele_changes_close(changes);
	RETURNS(changes_since_version(subscriber, "rows", 99, &changes), STELE_GAP, "");
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

/* The rows of a version number in one region are not those of the same number in the next. */
Test(ipc_changes, since_a_position_in_another_region_is_a_gap)
{
	struct stele_publisher *publisher = ipc_publish_history(16);
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	struct stele_position position, after;
	struct stele_changes *changes = NULL;
	struct stele_snapshot *snapshot;

	while (model_commit(publisher) < 10)
		;
	OK(stele_snapshot_open(subscriber, 0, &snapshot));
	stele_snapshot_position(snapshot, &position);
	cr_expect_eq(position.version, 10);
	stele_snapshot_close(snapshot);
	RETURNS(stele_changes_since(subscriber, "rows", &ipc_schema, &position, &changes), 0, "");
	stele_changes_position(changes, &after);
	cr_expect_eq(memcmp(&after, &position, sizeof(after)), 0);
	changes = stele_changes_close(changes);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
	OK(stele_region_remove(region));

	publisher = ipc_publish_history(16);
	subscriber = ipc_subscribe(0, NULL);
	while (model_commit(publisher) < 12)
		;
	RETURNS(stele_changes_since(subscriber, "rows", &ipc_schema, &position, &changes),
	        STELE_GAP, "");
	cr_expect_null(changes);
	position.version = 0; /* the same in all regions */
	RETURNS(stele_changes_since(subscriber, "rows", &ipc_schema, &position, &changes), 0, "");
	stele_changes_close(changes);
	position.reserved_[0] = 1;
	RETURNS(stele_changes_since(subscriber, "rows", &ipc_schema, &position, &changes), -EINVAL,
	        "reserved");
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

/* No row of another schema than the caller's is returned, of either version. */
Test(ipc_changes, have_the_expected_schema)
{
	static const struct stele_column columns[] = {STELE_KEY("name", STELE_TEXT)};
	static const struct stele_schema schema = {.columns = columns, .column_count = 1};
	struct stele_publisher *publisher = ipc_publish_history(16);
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	uint64_t made = commit_table(publisher, false, true, &ipc_schema);
	uint64_t other = commit_table(publisher, true, true, &schema), dropped;
	struct stele_position position = position_at(subscriber, made);
	struct stele_changes *changes = NULL;

	RETURNS(stele_changes_since(subscriber, "other", &ipc_schema, &position, &changes),
	        -EMEDIUMTYPE, "another schema");
	cr_expect_null(changes);
	dropped = commit_table(publisher, true, false, NULL);
	/* The rows that the drop removed have the other schema. */
	position = position_at(subscriber, other);
	RETURNS(stele_changes_since(subscriber, "other", &ipc_schema, &position, &changes),
	        STELE_GAP, "");
	position = position_at(subscriber, dropped);
	commit_table(publisher, false, true, &ipc_schema);
	RETURNS(stele_changes_since(subscriber, "other", &ipc_schema, &position, &changes), 0, "");
	stele_changes_close(changes);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

Test(ipc_changes, wrong_arguments_are_refused)
{
	struct stele_publisher *publisher = ipc_publish_history(64);
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	struct stele_snapshot *snapshots[8];
	struct stele_changes *changes = NULL;

	RETURNS(changes_since_version(subscriber, "", 0, &changes), -EINVAL, "name");
	RETURNS(changes_since_version(subscriber, "a/b", 0, &changes), -EINVAL, "name");
	for (int i = 0; i < 8; i++) {
		OK(stele_snapshot_open(subscriber, 0, &snapshots[i]));
		model_commit(publisher);
	}
	RETURNS(changes_since_version(subscriber, "rows", 1, &changes), -EMFILE, "pins 8 versions");
	cr_expect_null(changes);
	/* A call that fails releases the pins that it took. */
	stele_snapshot_close(snapshots[7]);
	RETURNS(changes_since_version(subscriber, "rows", 8, &changes), -EMFILE, "pins 8 versions");
	RETURNS(changes_since_version(subscriber, "rows", 7, &changes), 0, "");
	stele_changes_close(changes);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

/* Runs the loop that <stele/subscriber.h> documents; `argument` has the subscriber's flags. */
static void follow_by_hand(unsigned argument)
{
	struct stele_subscriber *subscriber = ipc_subscribe(argument, NULL);
	struct model copy = {0}, model = {0};
	uint64_t version = 0, newest, rounds = 0, resyncs = 0;

	ipc_reach(READER, 1);
	while (version < COMMITS) {
		struct stele_changes *changes;
		int r = changes_since_version(subscriber, "rows", version, &changes);
		if (r == 0) {
			r = apply_all(changes, &copy);
			stele_changes_versions(changes, NULL, &newest);
			changes = stele_changes_close(changes);
		}
		if (r == STELE_GAP || r == -ESTALE) {
			memset(&copy, 0, sizeof(copy));
			version = 0;
			resyncs++;
			continue;
		}
		OK(r);
		version = newest;
		model_reach(&model, version);
		CHECK(memcmp(copy.numbers, model.numbers, sizeof(copy.numbers)) == 0,
		      "version %llu", (unsigned long long)version);
		ipc_tell(ROUNDS, ++rounds);
		if (version < COMMITS)
			OK(stele_subscriber_wait(subscriber, version, STELE_FOREVER, &newest));
	}
	ipc_tell(RESYNCS, resyncs);
	stele_subscriber_close(subscriber);
}

static void run_follow_by_hand(unsigned flags)
{
	struct stele_publisher *publisher = ipc_publish_history(2);
	pid_t child = ipc_spawn(follow_by_hand, flags);

	ipc_await(READER, 1);
	/* Faster than the reader, but slow enough that the reader sees more than the last
	 * version. */
	for (uint64_t part = 1; part <= 4; part++) {
		while (model_commit(publisher) < COMMITS / 4 * part)
			;
		UNTIL(ipc_told(ROUNDS) >= part);
	}
	ipc_join(child);
	stele_publisher_close(publisher);
}

Test(ipc_changes, the_documented_loop_keeps_a_copy)
{
	run_follow_by_hand(0);
}

Test(ipc_changes, the_documented_loop_keeps_a_copy_without_pins)
{
	run_follow_by_hand(STELE_UNREGISTERED);
}

/* ---- of a transaction ---- */

static void put(struct stele_writable *table, uint32_t id, uint64_t number)
{
	uint8_t key[4] = {0, 0, (uint8_t)(id >> 8), (uint8_t)id};
	struct ipc_value value;

	ipc_fill(&value, id, number);
	OK(stele_writable_put(table, key, 32, &value, sizeof(value)));
}

static void expect_change(struct stele_changes *changes, enum stele_change_kind kind, uint32_t id)
{
	struct stele_change change;

	RETURNS(stele_changes_next(changes, &change), 1, "");
	CHECK(change.kind == kind, "row %u: %d, not %d", id, (int)change.kind, (int)kind);
	CHECK(model_id(kind == STELE_REMOVED ? &change.before : &change.after) == id, "not row %u",
	      id);
}

Test(ipc_changes, of_a_transaction_before_its_commit)
{
	static const uint8_t key[4] = {0, 0, 0, 2};
	struct stele_publisher *publisher = ipc_publish_history(8);
	struct stele_changes *changes;
	struct stele_transaction *tx;
	struct stele_writable *table;
	struct stele_cursor *cursor;
	uint64_t from = 0, to = 0;
	struct stele_change change;
	struct stele_row row;

	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_writable_open(tx, "rows", NULL, &table));
	for (uint32_t id = 1; id < 6; id++)
		put(table, id, 7);
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");

	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_writable_open(tx, "rows", NULL, &table));
	put(table, 300, 8);
	put(table, 4, 8);
	OK(stele_writable_delete(table, key, 32));
	put(table, 5, 8);
	put(table, 5, 7); /* unchanged */
	OK(stele_writable_changes_open(table, &changes));
	stele_changes_versions(changes, &from, &to);
	cr_expect(from == 2 && to == 3);
	expect_change(changes, STELE_REMOVED, 2);
	expect_change(changes, STELE_CHANGED, 4);
	expect_change(changes, STELE_ADDED, 300);
	RETURNS(stele_changes_next(changes, &change), 0, "");
	OK(stele_changes_under(changes, "\0\0\1", 24));
	expect_change(changes, STELE_ADDED, 300);
	RETURNS(stele_changes_next(changes, &change), 0, "");
	stele_changes_close(changes);
	OK(stele_writable_cursor_open(table, &cursor));
	for (uint32_t i = 0; i < 6; i++) {
		static const uint32_t ids[] = {0, 1, 3, 4, 5, 300};
		RETURNS(stele_cursor_next(cursor, &row), 1, "");
		cr_expect_eq(model_id(&row), ids[i]);
	}
	RETURNS(stele_cursor_next(cursor, &row), 0, "");
	stele_cursor_close(cursor);
	stele_transaction_abort(tx);
	stele_publisher_close(publisher);
}

Test(ipc_changes, of_tables_that_a_transaction_recreates)
{
	static const struct stele_column columns[] = {STELE_KEY("name", STELE_TEXT)};
	static const struct stele_schema schema = {.columns = columns, .column_count = 1};
	struct stele_publisher *publisher = ipc_publish_history(8);
	struct stele_changes *changes = NULL;
	struct stele_transaction *tx;
	struct stele_writable *table;
	struct stele_cursor *cursor = NULL;
	struct stele_change change;

	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_transaction_create_table(tx, "new", &ipc_schema));
	OK(stele_writable_open(tx, "new", NULL, &table));
	put(table, 1, 1);
	OK(stele_writable_changes_open(table, &changes));
	expect_change(changes, STELE_ADDED, 1);
	RETURNS(stele_changes_next(changes, &change), 0, "");
	changes = stele_changes_close(changes);
	/* Rows are compared if the schema is the same; with another schema they can't be
	 * compared. */
	OK(stele_transaction_drop_table(tx, "rows"));
	OK(stele_transaction_create_table(tx, "rows", &ipc_schema));
	OK(stele_writable_open(tx, "rows", NULL, &table));
	put(table, 0, 1);
	put(table, 1, 1);
	OK(stele_writable_changes_open(table, &changes));
	expect_change(changes, STELE_ADDED, 1);
	RETURNS(stele_changes_next(changes, &change), 0, "");
	changes = stele_changes_close(changes);
	OK(stele_transaction_drop_table(tx, "rows"));
	OK(stele_transaction_create_table(tx, "rows", &schema));
	OK(stele_writable_open(tx, "rows", NULL, &table));
	RETURNS(stele_writable_changes_open(table, &changes), -EMEDIUMTYPE, "another schema");
	/* A table that is half replaced can't be read either. */
	OK(stele_writable_replace(table));
	RETURNS(stele_writable_changes_open(table, &changes), -EBUSY, "being replaced");
	RETURNS(stele_writable_cursor_open(table, &cursor), -EBUSY, "being replaced");
	cr_expect(!changes && !cursor, "an output was written on failure");
	stele_transaction_abort(tx);
	stele_publisher_close(publisher);
}
