/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <stele/stele.h>
#include "tools/base/describe.h"
#include "tools/base/fail.h"
#include "tools/base/format.h"
#include "tools/base/status.h"
#include "tools/base/stop.h"
#include "tools/base/text.h"
#include "tools/output/colour.h"
#include "tools/output/difference.h"
#include "tools/output/output.h"
#include "tools/output/output_cell.h"
#include "tools/output/row_cells.h"

#define STOP_POLL 256 /* number of changes printed between two checks for a signal */

enum { VERSION, CHANGE, TABLE, ROW, BEFORE, TOKEN, COLUMNS };

static const struct output_column columns[COLUMNS] = {
	[VERSION] = {"version", true}, [CHANGE] = {"change", false}, [TABLE] = {"table", false},
	[ROW] = {"row", false},        [BEFORE] = {"before", false}, [TOKEN] = {"token", false},
};

struct output *difference_output(FILE *stream, enum output_format format)
{
	struct output *output = output_open_to(stream, format, SHAPE_ROWS, columns, COLUMNS);

	output_hide_last(output);
	return output;
}

enum status difference_print_mark(struct difference *difference, const struct difference_mark *mark)
{
	struct cell cells[COLUMNS] = {0};
	char number[DESCRIBED_MAX], token[DESCRIBED_MAX];

	cells[VERSION] = cell_number(mark->version, number);
	cells[CHANGE] = cell_text(mark->name);
	cells[CHANGE].plain = "!";
	cells[TABLE].plain = cells[BEFORE].plain = "";
	if (mark->follow)
		cells[ROW] = *mark->follow;
	cells[ROW].plain = mark->why;
	cells[TOKEN] = cell_text(describe_token(mark->version, mark->region, token));
	return output_row(difference->output, cells);
}

/* Appends a difference between two schemas to a text: a stele_schema_difference_fn. */
static int difference_add(bool compatible, const char *what, void *context)
{
	struct text *text = context;

	(void)compatible;
	text_append_string(text, text->length > 0 ? "; " : "");
	text_append_string(text, what);
	return 0;
}

/* Returns a cell that has the declaration of a table as an object, whose text is in `text`. */
static struct cell difference_declare(const char *table, const struct stele_schema *schema,
                                      struct text *text, struct cell *declaration)
{
	static const struct output_column column = {"schema", false};

	size_t size = stele_schema_format(schema, NULL, 0) + 1;

	text_append_string(text, table);
	text_append(text, "(", 1);
	text_reserve(text, size);
	stele_schema_format(schema, text->bytes + text->length, size);
	text->length += size - 1;
	text_append(text, ")", 2); /* with its NUL */
	*declaration = cell_text(text->bytes);
	return (struct cell){.kind = CELL_OBJECT,
	                     .columns = &column,
	                     .cells = declaration,
	                     .column_count = 1,
	                     .row_count = 1};
}

bool difference_is_of_table(const struct stele_event *event)
{
	return event->kind == STELE_EVENT_CREATED || event->kind == STELE_EVENT_ALTERED ||
	       event->kind == STELE_EVENT_DROPPED;
}

enum status difference_print_table(struct difference *difference, const struct stele_event *event)
{
	struct text schema = {0}, former = {0}, what = {0};
	struct cell cells[COLUMNS] = {0}, row, before;
	char number[DESCRIBED_MAX], token[DESCRIBED_MAX];
	enum status status;

	difference->printed++;
	cells[VERSION] = cell_number(event->version, number);
	cells[TABLE] = cell_text(event->table);
	cells[ROW] = difference_declare(event->table, event->schema, &schema, &row);
	cells[BEFORE].plain = "";
	cells[TOKEN] = cell_text(describe_token(event->version, event->region, token));
	if (event->kind == STELE_EVENT_ALTERED) {
		cells[CHANGE] = cell_text("altered");
		cells[BEFORE] =
			difference_declare(event->table, event->former_schema, &former, &before);
		cells[BEFORE].plain = "";
		stele_schema_compare(event->former_schema, event->schema, difference_add, &what);
	} else {
		bool created = event->kind == STELE_EVENT_CREATED;

		cells[CHANGE] = cell_text(created ? "created" : "dropped");
		text_append_string(&what, created ? "table created: " : "table dropped: ");
		text_append_string(&what, schema.bytes);
	}
	text_append(&what, "", 1);
	cells[CHANGE].plain = "!";
	cells[ROW].plain = what.bytes;
	status = output_row(difference->output, cells);
	text_free(&what);
	text_free(&former);
	text_free(&schema);
	return status;
}

struct cell difference_row_object(const struct row_cells *row)
{
	return (struct cell){
		.kind = CELL_OBJECT,
		.columns = row->columns,
		.cells = row->cells,
		.column_count = row->schema->column_count,
		.row_count = 1,
	};
}

void difference_mark_unchanged(struct row_cells *before, const struct row_cells *after)
{
	for (size_t i = 0; i < before->schema->column_count; i++)
		before->cells[i].unchanged = before->cells[i].length == after->cells[i].length &&
		                             memcmp(before->cells[i].text, after->cells[i].text,
		                                    after->cells[i].length) == 0;
}

/* Prints a change whose rows are in `before` and `after`. */
static enum status difference_print_rows(struct difference *difference,
                                         const struct stele_event *event, struct row_cells *before,
                                         const struct row_cells *after)
{
	static const char *const names[] = {
		[STELE_ADDED] = "added",
		[STELE_CHANGED] = "changed",
		[STELE_REMOVED] = "removed",
	};
	static const char *const signs[] = {
		[STELE_ADDED] = "+", [STELE_CHANGED] = "~", [STELE_REMOVED] = "-"};
	static const enum colour colours[] = {[STELE_ADDED] = COLOUR_ADDED,
	                                      [STELE_CHANGED] = COLOUR_CHANGED,
	                                      [STELE_REMOVED] = COLOUR_REMOVED};
	uint32_t kind = event->change.kind;
	struct cell cells[COLUMNS] = {0};
	char number[DESCRIBED_MAX], token[DESCRIBED_MAX];

	cells[VERSION] = cell_number(event->version, number);
	cells[TOKEN] = cell_text(describe_token(event->version, event->region, token));
	cells[CHANGE] = cell_text(names[kind]);
	cells[CHANGE].plain = signs[kind];
	cells[TABLE] = cell_text(event->table);
	cells[ROW] = difference_row_object(kind == STELE_REMOVED ? before : after);
	cells[CHANGE].colour = cells[ROW].colour = colours[kind];
	cells[BEFORE].plain = "";
	if (kind == STELE_CHANGED) {
		difference_mark_unchanged(before, after);
		cells[BEFORE] = difference_row_object(before);
	}
	return output_row(difference->output, cells);
}

static int difference_open_row(struct row_cells *cells, const struct stele_schema *schema,
                               const struct stele_row *row)
{
	row_cells_open(cells, schema);
	return row_cells_fill(cells, row->key, row->key_bits, row->value, row->value_size);
}

enum status difference_print(struct difference *difference, const struct stele_event *event)
{
	const struct stele_change *change = &event->change;
	struct row_cells before = {0}, after = {0};
	enum status status;
	int result = 0;

	/* No error message: stop_came() is only true if the caller opened a stop_descriptor(), and
	 * that caller checks for a signal itself. */
	if (++difference->printed % STOP_POLL == 0 && stop_came())
		return STATUS_SYSTEM;
	if (change->kind != STELE_ADDED)
		result = difference_open_row(&before, event->schema, &change->before);
	if (result == 0 && change->kind != STELE_REMOVED)
		result = difference_open_row(&after, event->schema, &change->after);
	status = result < 0 ? fail_library(result)
	                    : difference_print_rows(difference, event, &before, &after);
	row_cells_close(&before);
	row_cells_close(&after);
	return status;
}

enum status difference_print_proposed(struct difference *difference, struct stele_writable *table,
                                      const char *name, const struct stele_schema *schema,
                                      struct stele_position *position)
{
	struct stele_event event = {.table = name, .schema = schema, .region = position->region};
	enum status status = STATUS_DONE;
	struct stele_changes *changes;
	int result;

	result = stele_writable_changes_open(table, &changes);
	if (result < 0)
		return fail_library(result);
	if (position->version == 0)
		stele_changes_versions(changes, NULL, &position->version);
	event.version = position->version;
	while (status == STATUS_DONE && (result = stele_changes_next(changes, &event.change)) == 1)
		status = difference_print(difference, &event);
	stele_changes_close(changes);
	return result < 0 ? fail_library(result) : status;
}
