/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stele/stele.h>
#include "tools/base/describe.h"
#include "tools/base/fail.h"
#include "tools/base/heap.h"
#include "tools/base/status.h"
#include "tools/output/output_cell.h"
#include "tools/output/row_cells.h"
#include "tools/output/selection.h"
#include "tools/rows/column.h"

const char *selection_unique_name(const struct stele_schema *schema, const char *name,
                                  char **ret_buffer)
{
	size_t length = strlen(name) + 1;
	char *unique;

	*ret_buffer = heap_realloc(NULL, STELE_COLUMNS_MAX + length);
	memset(*ret_buffer, '_', STELE_COLUMNS_MAX);
	unique = memcpy(*ret_buffer + STELE_COLUMNS_MAX, name, length);
	while (stele_schema_column(schema, unique) >= 0 && unique > *ret_buffer)
		unique--;
	return unique;
}

static bool selection_has(const struct selection *selection, size_t column)
{
	for (size_t i = 0; i < selection->picked_count; i++)
		if (selection->picked[i] == column)
			return true;
	return false;
}

/* Picks the column with the name of `length` bytes. */
static enum status selection_pick(struct selection *selection, const struct stele_schema *schema,
                                  const char *what, const char *name, size_t length)
{
	char where[64], text[STELE_NAME_MAX + 1];
	int column = -1;

	snprintf(where, sizeof(where), "%s: ", what);
	if (length < sizeof(text)) {
		snprintf(text, sizeof(text), "%.*s", (int)length, name);
		column = stele_schema_column(schema, text);
	}
	if (column < 0)
		return column_fail_unknown(where, schema, name, length);
	if (selection_has(selection, (size_t)column))
		return fail(STATUS_INPUT, "%scolumn \"%s\" is named twice", where, text);
	selection->picked[selection->picked_count++] = (size_t)column;
	return STATUS_DONE;
}

static enum status selection_pick_list(struct selection *selection,
                                       const struct stele_schema *schema, const char *what,
                                       const char *list)
{
	enum status status;
	size_t length;

	for (;; list += length + 1) {
		length = strcspn(list, ",");
		status = selection_pick(selection, schema, what, list, length);
		if (status != STATUS_DONE || !list[length])
			return status;
	}
}

/* Makes the columns and units of the output. */
static void selection_make_columns(struct selection *selection, const struct stele_schema *schema)
{
	size_t picked = selection->picked_count;

	selection->count = picked + selection->versions;
	selection->columns = heap_realloc(NULL, selection->count * sizeof(*selection->columns));
	selection->units = heap_realloc(NULL, selection->count * sizeof(*selection->units));
	selection->cells = heap_realloc(NULL, selection->count * sizeof(*selection->cells));
	for (size_t i = 0; i < picked; i++) {
		selection->columns[i] = selection->row.columns[selection->picked[i]];
		selection->units[i] = selection->row.units[selection->picked[i]];
	}
	if (!selection->versions)
		return;
	selection->columns[picked] = (struct output_column){
		.name = selection_unique_name(schema, "token", &selection->token_name)};
	selection->units[picked] = NULL;
}

enum status selection_open(struct selection *selection, const struct stele_schema *schema,
                           const char *what, const char *list, bool versions)
{
	enum status status = STATUS_DONE;

	*selection = (struct selection){.versions = versions, .whole = !list && !versions};
	row_cells_open(&selection->row, schema);
	selection->picked =
		heap_realloc(NULL, (schema->column_count + 1) * sizeof(*selection->picked));
	if (list)
		status = selection_pick_list(selection, schema, what, list);
	else
		for (size_t i = 0; i < schema->column_count; i++)
			selection->picked[selection->picked_count++] = i;
	if (status == STATUS_DONE)
		selection_make_columns(selection, schema);
	return status;
}

int selection_fill(struct selection *selection, const struct stele_row *row,
                   const uint8_t region[16])
{
	size_t picked = selection->picked_count;
	int result;

	result = row_cells_fill(&selection->row, row->key, row->key_bits, row->value,
	                        row->value_size);
	if (result < 0)
		return result;
	for (size_t i = 0; i < picked; i++)
		selection->cells[i] = selection->row.cells[selection->picked[i]];
	if (selection->versions) {
		selection->cells[picked] =
			cell_text(describe_token(row->version, region, selection->token));
		selection->cells[picked].plain =
			describe_token_short(row->version, region, selection->token_short);
	}
	return 0;
}

void selection_close(struct selection *selection)
{
	if (selection->row.schema)
		row_cells_close(&selection->row);
	free(selection->picked);
	free(selection->token_name);
	free(selection->columns);
	free(selection->units);
	free(selection->cells);
	*selection = (struct selection){0};
}
