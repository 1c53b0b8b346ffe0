/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <stele/stele.h>
#include "tools/base/describe.h"
#include "tools/base/format.h"
#include "tools/base/status.h"
#include "tools/base/stop.h"
#include "tools/output/difference.h"
#include "tools/output/output.h"
#include "tools/output/output_cell.h"
#include "tools/output/row_cells.h"
#include "tools/region/token.h"

#define STOP_POLL 256 /* number of changes printed between two checks for a signal */

enum { VERSION, CHANGE, TABLE, ROW, BEFORE, TOKEN, COLUMNS };

static const struct output_column columns[COLUMNS] = {
	[VERSION] = {"version", true}, [CHANGE] = {"change", false}, [TABLE] = {"table", false},
	[ROW] = {"row", false},        [BEFORE] = {"before", false}, [TOKEN] = {"token", false},
};

/* A table in the two versions that are compared. */
struct pair {
	const char *name;
	bool in_before, in_after; /* which of the versions have the table */
	struct stele_table before, after;
	/* The rows before and after the change. The two may share a schema. */
	struct row_cells before_cells, after_cells;
};

struct output *difference_output(enum output_format format)
{
	return difference_output_to(stdout, format);
}

struct output *difference_output_to(FILE *stream, enum output_format format)
{
	struct output *output = output_open_to(stream, format, SHAPE_ROWS, columns, COLUMNS);

	output_hide_last(output);
	return output;
}

enum status difference_print_gap(const struct difference *difference, uint64_t version)
{
	struct cell cells[COLUMNS] = {0};
	char number[DESCRIBED_MAX], token[DESCRIBED_MAX];

	cells[VERSION] = cell_number(version, number);
	cells[CHANGE] = cell_text("gap");
	cells[CHANGE].plain = "!";
	cells[ROW].plain = "changes were missed: all rows of this version follow, others are gone";
	cells[TOKEN] = cell_text(token_describe(version, difference->region, token));
	return output_row(difference->output, cells);
}

/* Returns a cell that has the row as an object. */
static struct cell difference_row_object(const struct row_cells *row)
{
	return (struct cell){
		.kind = CELL_OBJECT,
		.columns = row->columns,
		.cells = row->cells,
		.column_count = row->schema->column_count,
		.row_count = 1,
	};
}

/* Marks the cells of the old row that are equal in the new row, so that tables leave them out. */
static void difference_mark_unchanged(struct row_cells *before, const struct row_cells *after)
{
	for (size_t i = 0; i < before->schema->column_count; i++)
		before->cells[i].unchanged = before->cells[i].length == after->cells[i].length &&
		                             memcmp(before->cells[i].text, after->cells[i].text,
		                                    after->cells[i].length) == 0;
}

static int difference_fill(struct row_cells *cells, const struct stele_row *row)
{
	return row_cells_fill(cells, row->key, row->key_bits, row->value, row->value_size);
}

static int difference_fill_change(struct pair *pair, const struct stele_change *change)
{
	int result = 0;

	if (change->kind != STELE_ADDED)
		result = difference_fill(&pair->before_cells, &change->before);
	if (result == 0 && change->kind != STELE_REMOVED)
		result = difference_fill(&pair->after_cells, &change->after);
	return result;
}

/* Prints a change whose rows are in the cells of the pair. Returns STATUS_SYSTEM after a signal. */
static enum status difference_print_change(struct difference *difference, struct pair *pair,
                                           enum stele_change_kind kind)
{
	static const char *const names[] = {
		[STELE_ADDED] = "added",
		[STELE_CHANGED] = "changed",
		[STELE_REMOVED] = "removed",
	};
	static const char *const signs[] = {
		[STELE_ADDED] = "+", [STELE_CHANGED] = "~", [STELE_REMOVED] = "-"};
	struct cell cells[COLUMNS] = {0};
	char number[DESCRIBED_MAX], token[DESCRIBED_MAX];

	cells[VERSION] = cell_number(difference->version, number);
	cells[TOKEN] = cell_text(token_describe(difference->version, difference->region, token));
	cells[CHANGE] = cell_text(names[kind]);
	cells[CHANGE].plain = signs[kind];
	cells[TABLE] = cell_text(pair->name);
	cells[ROW] = difference_row_object(kind == STELE_REMOVED ? &pair->before_cells
	                                                         : &pair->after_cells);
	cells[BEFORE].plain = "";
	if (kind == STELE_CHANGED) {
		difference_mark_unchanged(&pair->before_cells, &pair->after_cells);
		cells[BEFORE] = difference_row_object(&pair->before_cells);
	}
	/* No error message: stop_came() is only true if the caller opened a stop_descriptor(), and
	 * that caller checks for a signal itself. */
	if (++difference->printed % STOP_POLL == 0 && stop_came())
		return STATUS_SYSTEM;
	return output_row(difference->output, cells);
}

/* Prints all changes and closes `changes`. Each change is decoded and then validated, because the
 * publisher may reclaim its rows meanwhile; an error of decoding counts only if the rows were
 * valid. */
static int difference_print_all(struct difference *difference, struct pair *pair,
                                struct stele_changes *changes)
{
	struct stele_change change;
	int result;

	while ((result = stele_changes_next(changes, &change)) == 1) {
		int filled = difference_fill_change(pair, &change);

		result = stele_changes_check(changes);
		if (result == 0)
			result = filled;
		if (result == 0)
			result = (int)difference_print_change(difference, pair, change.kind);
		if (result != 0)
			break;
	}
	stele_changes_close(changes);
	return result;
}

static int difference_print_changes(struct difference *difference, struct pair *pair,
                                    const struct stele_table *before,
                                    const struct stele_table *after)
{
	struct stele_changes *changes;
	int result;

	result = stele_changes_open(before, after, &changes);
	return result < 0 ? result : difference_print_all(difference, pair, changes);
}

int difference_print_proposed(struct difference *difference, struct stele_writable *table,
                              const char *name, const struct stele_schema *schema)
{
	struct pair pair = {.name = name};
	struct stele_changes *changes;
	int result;

	result = stele_writable_changes_open(table, &changes);
	if (result < 0)
		return result;
	if (difference->version == 0)
		stele_changes_versions(changes, NULL, &difference->version);
	row_cells_open(&pair.before_cells, schema);
	row_cells_open(&pair.after_cells, schema);
	result = difference_print_all(difference, &pair, changes);
	row_cells_close(&pair.before_cells);
	row_cells_close(&pair.after_cells);
	return result;
}

/* Prints the changes of a table that was dropped and created again with other columns: all rows are
 * removed, and then all rows are added. */
static int difference_print_replaced(struct difference *difference, struct pair *pair)
{
	int result;

	result = difference_print_changes(difference, pair, &pair->before, NULL);
	return result ? result : difference_print_changes(difference, pair, NULL, &pair->after);
}

static int difference_print_with_schemas(struct difference *difference, struct pair *pair,
                                         const struct stele_schema *before,
                                         const struct stele_schema *after)
{
	bool replaced = false;
	int result;

	/* If an alter appended columns between the two versions, the rows of both have them. */
	if (before && after && stele_schema_compatible(before, after) >= 0)
		before = after;
	else if (before && after && stele_schema_compatible(after, before) >= 0)
		after = before;
	else
		replaced = before && after;
	row_cells_open(&pair->before_cells, before ? before : after);
	row_cells_open(&pair->after_cells, after ? after : before);
	if (replaced)
		result = difference_print_replaced(difference, pair);
	else
		result = difference_print_changes(difference, pair,
		                                  pair->in_before ? &pair->before : NULL,
		                                  pair->in_after ? &pair->after : NULL);
	row_cells_close(&pair->before_cells);
	row_cells_close(&pair->after_cells);
	return result;
}

static int difference_print_pair(struct difference *difference, struct pair *pair)
{
	struct stele_schema *before = NULL, *after = NULL;
	int result = 0;

	if (pair->in_before)
		result = stele_table_open(difference->before, pair->name, NULL, &pair->before);
	if (result == 0 && pair->in_after)
		result = stele_table_open(difference->after, pair->name, NULL, &pair->after);
	if (result == 0 && pair->in_before && pair->in_after &&
	    stele_table_version(&pair->before) == stele_table_version(&pair->after))
		return 0;
	if (result == 0 && pair->in_before)
		result = stele_table_schema(&pair->before, &before);
	if (result == 0 && pair->in_after)
		result = stele_table_schema(&pair->after, &after);
	if (result == 0)
		result = difference_print_with_schemas(difference, pair, before, after);
	stele_schema_free(before);
	stele_schema_free(after);
	return result;
}

/* Advances `name` to the next table of a snapshot, or to "" after the last one. `snapshot` may be
 * NULL: it has no tables. */
static int difference_next_name(const struct stele_snapshot *snapshot, char *name)
{
	int result = snapshot ? stele_snapshot_next_table(snapshot, name) : 0;

	if (result == 0)
		name[0] = '\0';
	return result;
}

/* Merges the sorted lists of tables of the two versions. */
int difference_print(struct difference *difference)
{
	char before[STELE_NAME_MAX + 1] = "", after[STELE_NAME_MAX + 1] = "";
	int result;

	difference->version = stele_snapshot_version(difference->after);
	result = difference_next_name(difference->before, before);
	if (result >= 0)
		result = difference_next_name(difference->after, after);
	while (result >= 0 && (*before || *after)) {
		int order = !*before ? 1 : !*after ? -1 : strcmp(before, after);
		struct pair pair = {
			.name = order <= 0 ? before : after,
			.in_before = order <= 0,
			.in_after = order >= 0,
		};

		result = 0;
		if (!*difference->only || strcmp(difference->only, pair.name) == 0)
			result = difference_print_pair(difference, &pair);
		if (result != 0)
			return result;
		if (order <= 0)
			result = difference_next_name(difference->before, before);
		if (result >= 0 && order >= 0)
			result = difference_next_name(difference->after, after);
	}
	return result < 0 ? result : STATUS_DONE;
}
