/* SPDX-License-Identifier: MIT
 *
 * The operations of reader.c that read many rows: cursors, changes, follow. */
#include "tests/fuzz/reader_handles.h"

#include "tests/support/position.h"

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
