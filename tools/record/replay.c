/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stele/stele.h>
#include "lib/units.h"
#include "tools/base/clock.h"
#include "tools/base/describe.h"
#include "tools/base/fail.h"
#include "tools/base/heap.h"
#include "tools/base/stop.h"
#include "tools/record/recording.h"
#include "tools/record/recording_reader.h"
#include "tools/record/replay.h"

/* ---- tables ---- */

/* Compares names, which are the first member of a table. */
static int replay_compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Returns the table of this name, which need not exist yet. */
static struct replay_table *replay_table(struct replay *replay, const char *name)
{
	struct replay_table **node = tfind(name, &replay->names, replay_compare);
	struct replay_table *table;

	if (node)
		return *node;
	table = heap_realloc(NULL, sizeof(*table));
	*table = (struct replay_table){0};
	snprintf(table->name, sizeof(table->name), "%s", name);
	if (!tsearch(table, &replay->names, replay_compare))
		exit((int)fail(STATUS_NO_SPACE, "no memory for table \"%s\"", name));
	/* NOLINTNEXTLINE(bugprone-sizeof-expression): the elements are pointers. */
	replay->tables = heap_realloc(replay->tables, (replay->table_count + 1) * sizeof(table));
	replay->tables[replay->table_count++] = table;
	return table;
}

static int replay_drop_table(struct replay *replay, struct replay_table *table)
{
	/* The recorder drops tables before it names any. */
	if (table->named)
		return -EEXIST;
	table->dropped = true;
	return stele_transaction_drop_table(replay->tx, table->name);
}

/* Opens a table, whose rows follow. */
static int replay_open_table(struct replay *replay, struct replay_table *table)
{
	int result = 0;

	replay->current = table;
	if (!table->named)
		result = stele_writable_open(replay->tx, table->name, NULL, &table->writable);
	table->named |= result == 0;
	return result;
}

/* Gives a table its schema: creates or alters it, or, if its rows could not be read on, drops and
 * creates it. All its rows follow. */
static int replay_define(struct replay *replay, struct replay_table *table,
                         const struct stele_schema *schema)
{
	const struct stele_schema *present;
	int result;

	if (table->named)
		return -EEXIST;
	result = stele_transaction_schema(replay->tx, table->name, &present);
	if (result == 0 && !stele_schema_equal(present, schema) &&
	    stele_transaction_alter_table(replay->tx, table->name, schema) < 0) {
		result = stele_transaction_drop_table(replay->tx, table->name);
		result = result == 0 ? -ENXIO : result;
	}
	if (result == -ENXIO)
		result = stele_transaction_create_table(replay->tx, table->name, schema);
	if (result == 0)
		result = replay_open_table(replay, table);
	if (result == 0)
		result = stele_writable_replace(table->writable);
	table->replaced = result == 0;
	return result;
}

/* Deletes the rows that a table no longer has, or drops a table that is not in a snapshot. */
static int replay_end_table(struct replay *replay, struct replay_table *table)
{
	int64_t result = 0;

	if (table->replaced)
		result = stele_writable_replace_end(table->writable);
	else if (table->exists && !table->named && !table->dropped &&
	         replay->begin.kind == GROUP_SNAPSHOT)
		result = replay_drop_table(replay, table);
	return result < 0 ? (int)result : 0;
}

/* Starts with the tables for the next group. */
static void replay_reset_tables(struct replay *replay, bool committed)
{
	for (size_t i = 0; i < replay->table_count; i++) {
		struct replay_table *table = replay->tables[i];

		if (committed)
			table->exists = table->named || (table->exists && !table->dropped);
		table->named = table->dropped = table->replaced = false;
	}
}

/* ---- groups ---- */

static void replay_abort(struct replay *replay)
{
	if (replay->tx)
		replay->tx = stele_transaction_abort(replay->tx);
	replay_reset_tables(replay, false);
}

/* Waits as long as passed before this version when it was recorded, divided by --speed. */
static void replay_wait(struct replay *replay)
{
	struct pollfd stop = {.fd = replay->stop_fd, .events = POLLIN};
	uint64_t time = replay->begin.time;
	double pause;

	if (replay->speed > 0 && replay->last > 0 && time > replay->last) {
		pause = (double)(time - replay->last) / (double)NSEC_PER_MSEC / replay->speed;
		/* poll() takes at most 24 days. */
		poll(&stop, 1, pause < 2e9 ? (int)pause : 2000000000);
	}
	replay->last = time;
}

static int replay_begin(struct replay *replay, const struct recording_begin *begin)
{
	replay_abort(replay);
	replay->begin = *begin;
	replay->commit = (struct stele_commit){0};
	replay->ended = begin->time > replay->until;
	if (!replay->ended)
		replay_wait(replay);
	replay->ended |= stop_came();
	if (replay->ended)
		return 0;
	return stele_transaction_begin(replay->publisher, &replay->tx);
}

/* Commits a group. The message says which version it was, when, and of whom. */
static int replay_end(struct replay *replay)
{
	char token[DESCRIBED_MAX], time[DESCRIBED_MAX], process[DESCRIBED_MAX];
	char user[DESCRIBED_MAX], message[512];
	const struct stele_commit *commit = &replay->commit;
	const char *by = describe_user(commit, user);
	int result = 0;

	for (size_t i = 0; result == 0 && i < replay->table_count; i++)
		result = replay_end_table(replay, replay->tables[i]);
	if (result < 0)
		return result;
	by = by ? by : "";
	snprintf(message, sizeof(message), "%s of %s%s%s%s%s%s%s",
	         describe_token_short(replay->begin.version, replay->begin.region, token),
	         describe_time(replay->begin.time, time), *commit->command ? " by " : "",
	         *commit->command ? describe_process(commit->pid, commit->command, process) : "",
	         *by ? " of " : "", by, *commit->message ? ": " : "", commit->message);
	result = stele_transaction_commit(replay->tx, message, NULL);
	replay->tx = NULL;
	replay_reset_tables(replay, result >= 0);
	replay->versions += result == 1;
	return result;
}

/* Takes one frame into the transaction. Returns 0 or more, or an error of the library. */
static int replay_frame(struct replay *replay, const struct recording_read *read)
{
	const struct stele_row *row = &read->row;

	switch (read->type) {
	case FRAME_BEGIN:
		return replay_begin(replay, &read->begin);
	case FRAME_COMMIT:
		if (read->commit.version == replay->begin.version)
			replay->commit = read->commit;
		return 0;
	case FRAME_DROP:
		return replay_drop_table(replay, replay_table(replay, read->table));
	case FRAME_TABLE:
		return replay_define(replay, replay_table(replay, read->table), read->schema);
	case FRAME_ROWS:
		return replay_open_table(replay, replay_table(replay, read->table));
	case FRAME_PUT:
		return stele_writable_put(replay->current->writable, row->key, row->key_bits,
		                          row->value, row->value_size);
	case FRAME_DELETE:
		return stele_writable_delete(replay->current->writable, row->key, row->key_bits);
	case FRAME_END:
		return replay_end(replay);
	default:
		return 0;
	}
}

/* Reports an error while a group of the file was committed. */
static enum status replay_fail(const struct replay *replay, const char *path, int error)
{
	return fail(fail_status(error), "%s: version %llu: %s", path,
	            (unsigned long long)replay->begin.version,
	            error == -EEXIST ? "the file names a table or a row twice"
	                             : stele_last_error());
}

/* Opens a file, whose header must be right. */
static enum status replay_open_file(struct recording_reader *reader, const char *path)
{
	FILE *file = recording_file(path);

	if (!file)
		return fail(fail_status(-errno), "cannot open %s: %s", path, strerror(errno));
	if (recording_open(reader, file) == 0)
		return STATUS_DONE;
	fail(STATUS_DAMAGED, "%s: %s", path, reader->why);
	recording_reader_close(reader);
	return STATUS_DAMAGED;
}

enum status replay_check_file(const char *path)
{
	struct recording_reader reader;
	enum status status = replay_open_file(&reader, path);

	if (status == STATUS_DONE)
		recording_reader_close(&reader);
	return status;
}

enum status replay_file(struct replay *replay, const char *path)
{
	struct recording_read read;
	enum status status;
	int result = 0;

	status = replay_open_file(&replay->reader, path);
	if (status != STATUS_DONE)
		return status;
	while (!replay->ended && (result = recording_next(&replay->reader, &read)) == 1) {
		result = replay_frame(replay, &read);
		if (result < 0)
			break;
	}
	if (*replay->reader.why && !replay->ended && replay->reader.damaged)
		fail(STATUS_DAMAGED, "%s: %s; replayed up to the version before", path,
		     replay->reader.why);
	else if (*replay->reader.why && !replay->ended)
		note("%s: %s; replayed up to the version before", path, replay->reader.why);
	replay->damaged |= replay->reader.damaged && !replay->ended;
	replay_abort(replay);
	recording_reader_close(&replay->reader);
	return result < 0 ? replay_fail(replay, path, result) : STATUS_DONE;
}

void replay_free(struct replay *replay)
{
	tdestroy(replay->names, free);
	free(replay->tables);
	replay->names = replay->tables = NULL;
	replay->table_count = 0;
}
