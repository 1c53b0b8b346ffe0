/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <stele/stele.h>
#include "tools/base/describe.h"
#include "tools/base/fail.h"
#include "tools/base/status.h"
#include "tools/history/row_log.h"
#include "tools/output/commit_record.h"
#include "tools/output/difference.h"
#include "tools/output/output.h"
#include "tools/output/output_cell.h"
#include "tools/output/row_cells.h"

enum { VERSION, TIME, USER, BY, CHANGE, ROW, BEFORE, MESSAGE, TOKEN, COLUMNS };

static const struct output_column columns[COLUMNS] = {
	[VERSION] = {"version", true}, [TIME] = {"time", false},       [USER] = {"user", false},
	[BY] = {"by", false},          [CHANGE] = {"change", false},   [ROW] = {"row", false},
	[BEFORE] = {"before", false},  [MESSAGE] = {"message", false}, [TOKEN] = {"token", false},
};

/* The row as it was in one version. */
struct row_state {
	bool held;                   /* history holds the version */
	bool there;                  /* the version has the row */
	uint64_t version;            /* that last changed the row */
	struct stele_schema *schema; /* of the table in that version; NULL: there is no table */
	struct row_cells cells;      /* of the row */
};

static void row_log_close_state(struct row_state *state)
{
	if (state->cells.schema)
		row_cells_close(&state->cells);
	stele_schema_free(state->schema);
	*state = (struct row_state){.held = false};
}

/* Decodes the row in an open table. Returns 0, or a negative errno of the library. */
static int row_log_decode(const struct stele_table *table, const char *text,
                          struct row_state *state)
{
	struct stele_key key;
	struct stele_row row;
	int result;

	result = stele_table_schema(table, &state->schema);
	if (result < 0)
		return result;
	/* A table that was created again may have had keys of another type. */
	if (stele_key_parse(state->schema, text, strlen(text), &key) < 0)
		return 0;
	result = stele_table_get(table, key.bytes, key.bits, &row);
	if (result <= 0)
		return result;
	state->there = true;
	state->version = row.version;
	row_cells_open(&state->cells, state->schema);
	return row_cells_fill(&state->cells, row.key, row.key_bits, row.value, row.value_size);
}

/* Reads the row in a version. Returns 0, or a negative errno of the library. A version that history
 * no longer holds, and a table that does not exist in it, are no errors. */
static int row_log_read(const struct reader *reader, uint64_t version, const char *name,
                        const char *text, struct row_state *ret)
{
	struct stele_snapshot *snapshot;
	struct stele_table table;
	int result, checked;

	*ret = (struct row_state){.held = version == 0};
	if (version == 0)
		return 0;
	result = stele_snapshot_open(reader->subscriber, version, &snapshot);
	if (result < 0)
		return result == -ESTALE ? 0 : result;
	result = stele_table_open(snapshot, name, NULL, &table);
	if (result == 0)
		result = row_log_decode(&table, text, ret);
	else if (result == -ENXIO)
		result = 0;
	checked = stele_snapshot_check(snapshot);
	stele_snapshot_close(snapshot);
	ret->held = checked == 0;
	return checked == -ESTALE ? 0 : result;
}

/* Returns what a version did to the row; NULL: nothing. */
static const char *row_log_change(uint64_t version, const struct row_state *before,
                                  const struct row_state *after)
{
	if (after->there && after->version != version)
		return NULL;
	/* If history no longer holds the version before, it is not known whether there was a
	 * row. */
	if (!before->held)
		return after->there ? "written" : NULL;
	if (after->there)
		return before->there ? "changed" : "added";
	return before->there ? "removed" : NULL;
}

static enum status row_log_print_change(struct output *output, const struct commit_record *record,
                                        const uint8_t region[16], const char *change,
                                        struct row_state *before, struct row_state *after)
{
	const struct stele_commit *commit = &record->commit;
	char texts[COLUMNS][DESCRIBED_MAX];
	struct cell cells[COLUMNS] = {0};
	const char *user = describe_user(commit, texts[USER]);

	cells[VERSION] = cell_number(commit->version, texts[VERSION]);
	cells[TIME] = cell_time(commit->time, texts[TIME]);
	if (user)
		cells[USER] = cell_text(user);
	cells[BY] = cell_text(describe_process(commit->pid, commit->command, texts[BY]));
	cells[CHANGE] = cell_text(change);
	if (before->there && after->there &&
	    before->schema->column_count == after->schema->column_count)
		difference_mark_unchanged(&before->cells, &after->cells);
	cells[ROW] = difference_row_object(after->there ? &after->cells : &before->cells);
	cells[BEFORE].plain = "";
	if (before->there && after->there)
		cells[BEFORE] = difference_row_object(&before->cells);
	cells[MESSAGE] = cell_text(commit->message);
	cells[TOKEN] = cell_text(describe_token(commit->version, region, texts[TOKEN]));
	return output_row(output, cells);
}

/* Prints what a commit did to the row, if it did anything. Returns 0, a negative errno of the
 * library, or an enum status. */
static int row_log_step(const struct reader *reader, struct output *output,
                        const struct commit_record *record, const char *table, const char *key,
                        uint64_t *printed)
{
	uint64_t version = record->commit.version;
	struct row_state before = {0}, after = {0};
	const char *change = NULL;
	uint8_t region[16];
	int result;

	stele_subscriber_region_uuid(reader->subscriber, region);
	result = row_log_read(reader, version, table, key, &after);
	if (result == 0)
		result = row_log_read(reader, version - 1, table, key, &before);
	if (result == 0)
		change = row_log_change(version, &before, &after);
	if (change) {
		result = (int)row_log_print_change(output, record, region, change, &before, &after);
		++*printed;
	}
	row_log_close_state(&before);
	row_log_close_state(&after);
	return result;
}

static bool row_log_concerns(const struct commit_record *record, const char *table)
{
	for (size_t i = 0; i < record->table_count; i++)
		if (strcmp(record->tables[i].name, table) == 0)
			return true;
	return false;
}

enum status row_log_print(const struct reader *reader, const char *table, const char *key,
                          enum output_format format, uint64_t lines, uint64_t *ret_printed)
{
	struct output *output = output_open(format, SHAPE_ROWS, columns, COLUMNS);
	struct commit_record record = {0};
	uint64_t oldest, version;
	int result;

	*ret_printed = 0;
	output_hide_last(output);
	result = stele_subscriber_history(reader->subscriber, &oldest, &version);
	for (; result == 0 && version > 0 && *ret_printed < lines; version--) {
		result = commit_record_read(&record, reader->subscriber, version);
		if (result == 0 && row_log_concerns(&record, table))
			result = row_log_step(reader, output, &record, table, key, ret_printed);
	}
	commit_record_free(&record);
	if (result < 0 && result != -ESTALE)
		return output_end(output, fail_library(result));
	return output_end(output, result > 0 ? (enum status)result : STATUS_DONE);
}
