/* SPDX-License-Identifier: MIT
 *
 * Opens and closes the handles of an input, chooses names, schemas and keys, and reads the bytes of
 * rows. Also the operations of reader.c that read many rows: cursors, changes, follow. */
#include "tests/fuzz/reader_handles.h"

#include "tests/support/position.h"

bool take_expensive(struct reader *reader, unsigned what)
{
	if (reader->expensive != what)
		return false;
	reader->expensive = 0;
	return true;
}

/* ---- handles ---- */

void close_walks(struct reader *reader)
{
	if (reader->cursor)
		reader->cursor = stele_cursor_close(reader->cursor);
	reader->changes = stele_changes_close(reader->changes);
	if (reader->hash)
		reader->hash = stele_hash_close(reader->hash);
	if (reader->index)
		reader->index = stele_lpm_close(reader->index);
}

void close_snapshot(struct reader *reader, unsigned which)
{
	/* Cursors and changes read through the snapshot. */
	close_walks(reader);
	if (reader->snapshots[which])
		reader->snapshots[which] = stele_snapshot_close(reader->snapshots[which]);
	reader->table_open[which] = false;
}

void close_subscriber(struct reader *reader)
{
	close_snapshot(reader, 0);
	close_snapshot(reader, 1);
	if (reader->subscriber)
		reader->subscriber = stele_subscriber_close(reader->subscriber);
	reader->live_open = false;
}

bool need_subscriber(struct reader *reader)
{
	struct stele_subscriber_options options = {.size = sizeof(options)};
	static const char *const notifiers[] = {"semaphore", "futex"};
	const char *tables[] = {scene_tables[reader->step->b % SCENE_TABLES].name, NULL};

	if (reader->subscriber)
		return true;
	if (!take_expensive(reader, REGISTER))
		options.flags = STELE_UNREGISTERED;
	else
		options.notifier = notifiers[reader->step->b % 2];
	if (reader->step->a % 32 > 16)
		options.tables = tables;
	return fuzz_result(stele_subscriber_open(reader->region, &options, &reader->subscriber)) ==
	       0;
}

bool need_snapshot(struct reader *reader, unsigned which)
{
	uint64_t newest = 0, version = 0;

	if (reader->snapshots[which])
		return true;
	if (!need_subscriber(reader))
		return false;
	if (reader->step->b % 8 != 0 && which == 1 &&
	    stele_subscriber_version(reader->subscriber, &newest) == 0)
		version = newest - reader->step->b % 8;
	return fuzz_result(stele_snapshot_open(reader->subscriber, version,
	                                       &reader->snapshots[which])) == 0;
}

bool need_table(struct reader *reader, unsigned which)
{
	unsigned number = reader->step->b / 8 % SCENE_TABLES;

	if (reader->table_open[which])
		return true;
	if (!need_snapshot(reader, which))
		return false;
	reader->table_open[which] =
		fuzz_result(stele_table_open(reader->snapshots[which], scene_tables[number].name,
	                                     expected_schema(reader), &reader->tables[which])) == 0;
	return reader->table_open[which];
}

/* ---- rows ---- */

void use(struct reader *reader, const void *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		reader->sum = (uint8_t)(reader->sum + ((const uint8_t *)bytes)[i]);
}

void use_row(struct reader *reader, const struct stele_row *row)
{
	FUZZ_CHECK(row->key_bits <= STELE_KEY_MAX * 8, "%u bits", row->key_bits);
	FUZZ_CHECK(row->value_size <= STELE_VALUE_MAX, "%zu bytes", row->value_size);
	use(reader, row->key, (row->key_bits + 7) / 8);
	use(reader, row->value, row->value_size);
	reader->rows++;
}

bool use_result(struct reader *reader, int result, const struct stele_row *row)
{
	if (fuzz_result(result) == 1)
		use_row(reader, row);
	return result == 1 && reader->rows < ROWS_MAX;
}

void check_expected(const struct stele_schema *expected, const struct stele_row *row)
{
	if (expected)
		FUZZ_CHECK(row->value_size >= expected->value_size, "%zu bytes, not %zu",
		           row->value_size, expected->value_size);
}

/* ---- choices of a step ---- */

const char *table_name(const struct reader *reader)
{
	static const char *const others[] = {"", "none", "routes", "a/b"};

	if (reader->step->a % 32 == 31)
		return others[reader->step->b % 4];
	return scene_tables[reader->step->b / 8 % SCENE_TABLES].name;
}

const struct stele_schema *expected_schema(const struct reader *reader)
{
	unsigned table = reader->step->b / 8 % SCENE_TABLES;

	switch (reader->step->value / 16 % 8) {
	case 0:
		return scene_schema(table, SCENE_SAME);
	case 1:
		return scene_schema(table, SCENE_OLDER);
	case 2:
		return scene_schema(table, SCENE_NEWER);
	case 3:
		return scene_schema(table + 1, SCENE_SAME);
	default:
		return NULL;
	}
}

unsigned make_key(const struct reader *reader, uint8_t key[64])
{
	return scene_key(reader->step, reader->step->b / 8u, key);
}

void edit_next(uint64_t objects, void *context)
{
	struct reader *reader = context;

	(void)objects;
	if (reader->left > 0 && reader->step[1].what < FORGE_EDITS) {
		forge_edit(reader->forge, &reader->step[1]);
		reader->step++;
		reader->left--;
	}
}

/* ---- operations ---- */

/* Reads about `count` rows, some at a time. */
static void cursor_many(struct reader *reader, unsigned count)
{
	struct stele_row rows[33];
	size_t capacity = reader->step->b / 64u % 34u;
	int64_t got = 1;

	for (unsigned i = 0; got > 0 && i < count && reader->rows < ROWS_MAX; i += 8) {
		got = fuzz_result(stele_cursor_next_many(reader->cursor, rows, capacity));
		FUZZ_CHECK(got <= (int64_t)capacity, "%lld rows", (long long)got);
		for (int64_t row = 0; row < got; row++)
			use_row(reader, &rows[row]);
	}
}

void do_cursor(struct reader *reader)
{
	unsigned count = reader->step->a % 64, how = reader->step->value % 8;
	int (*move)(struct stele_cursor *, struct stele_row *) =
		how < 4 ? stele_cursor_next : stele_cursor_previous;
	struct stele_row row;
	uint8_t key[64];
	unsigned bits = make_key(reader, key);

	if (!reader->cursor &&
	    (!need_table(reader, 0) || stele_cursor_open(&reader->tables[0], &reader->cursor) < 0))
		return;
	fuzz_result(how % 4 == 1   ? stele_cursor_seek(reader->cursor, key, bits)
	            : how % 4 == 2 ? stele_cursor_under(reader->cursor, key, bits)
	            : how % 4 == 3 ? stele_cursor_last(reader->cursor)
	                           : 0);
	if (reader->step->value / 8 % 2)
		cursor_many(reader, count);
	while (count-- > 0 && use_result(reader, move(reader->cursor, &row), &row))
		;
}

static void changes_next(struct reader *reader)
{
	unsigned count = reader->step->a % 64;
	struct stele_change change;
	uint64_t from, to;
	uint8_t key[64];
	unsigned bits = make_key(reader, key);

	if (reader->step->value % 4 == 2)
		fuzz_result(stele_changes_under(reader->changes, key, bits));
	while (count-- > 0 && reader->rows < ROWS_MAX &&
	       fuzz_result(stele_changes_next(reader->changes, &change)) == 1) {
		if (change.kind != STELE_ADDED)
			use_row(reader, &change.before);
		if (change.kind != STELE_REMOVED)
			use_row(reader, &change.after);
	}
	fuzz_result(stele_changes_check(reader->changes));
	stele_changes_versions(reader->changes, &from, &to);
}

void do_changes(struct reader *reader)
{
	unsigned sides = reader->step->value % 8;
	bool before = sides != 7 && need_table(reader, 1),
	     after = sides != 6 && need_table(reader, 0);

	if (!reader->changes && (before || after) &&
	    fuzz_result(stele_changes_open(before ? &reader->tables[1] : NULL,
	                                   after ? &reader->tables[0] : NULL, &reader->changes)) <
	            0)
		reader->changes = NULL;
	if (reader->changes)
		changes_next(reader);
}

void do_changes_since(struct reader *reader)
{
	uint64_t since = reader->step->value;
	struct stele_position position;

	if (!need_subscriber(reader))
		return;
	reader->changes = stele_changes_close(reader->changes);
	if (reader->step->a % 4)
		since = SCENE_VERSIONS - since % 8;
	position = position_at(reader->subscriber, since);
	if (fuzz_result(stele_changes_since(reader->subscriber, table_name(reader),
	                                    expected_schema(reader), &position,
	                                    &reader->changes)) == 0)
		changes_next(reader);
	else
		reader->changes = NULL;
}

static int on_event(const struct stele_event *event, void *context)
{
	struct reader *reader = context;

	if (event->kind == STELE_EVENT_CHANGE || event->kind == STELE_EVENT_INITIAL) {
		if (event->change.kind != STELE_ADDED)
			use_row(reader, &event->change.before);
		if (event->change.kind != STELE_REMOVED)
			use_row(reader, &event->change.after);
	}
	edit_next(0, reader);
	return reader->rows >= ROWS_MAX;
}

void do_follow(struct reader *reader)
{
	struct stele_follow_options options = {.size = sizeof(options)};
	struct stele_follow_table table = {0};

	if (!take_expensive(reader, FOLLOW) || !need_subscriber(reader))
		return;
	table.name = table_name(reader);
	table.schema = expected_schema(reader);
	options.tables = reader->step->a % 2 ? &table : NULL;
	options.table_count = reader->step->a % 2;
	if (reader->step->a % 4 == 2)
		options.since =
			position_at(reader->subscriber, SCENE_VERSIONS - reader->step->value % 8);
	fuzz_result(stele_subscriber_follow(reader->subscriber, &options, 0, on_event, reader));
}
